"""List methods: rows in pages by key (AIP-158), filtered and sorted as the caller asks, each page one statement."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, Generic, TypeVar

from google.protobuf.message import Message
from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, false, or_, select, tuple_

from chassis.database.rows import RowCodec
from chassis.database.statement import Statement
from chassis.filtering import FilterField, parse_filter, parse_order_by
from chassis.paging import MAX_PAGE_BYTES, Order, OrderKey, Page, PageRequest, decode_token, encode_token

R = TypeVar("R")
_STATEMENTS: Final = 64
"""Statements kept by a listing: those without a filter, and of the others the ones asked for most lately."""
_LIMIT: Final = "page_limit"


class Listing(Generic[R]):
    """One list method.

    `rows` makes an item of a row. `conditions` are applied when a page is asked for with a value for their name, which
    they refer to by `bindparam(name)`. `filterable` and `sortable` are the fields of `filter` and `order_by`;
    `default` is the order without an `order_by`, and `key`, a unique column, breaks ties.
    """

    def __init__(
        self,
        rows: RowCodec[R],
        *,
        key: ColumnElement[Any],
        sortable: Mapping[str, ColumnElement[Any]],
        default: str,
        filterable: Mapping[str, FilterField] | None = None,
        conditions: Mapping[str, ColumnElement[bool]] | None = None,
    ) -> None:
        self._rows = rows
        self._key = key
        self._sortable = sortable
        self._default = default
        self._filterable = filterable or {}
        self._conditions = conditions or {}
        self._order = lru_cache(_STATEMENTS)(self._parsed_order)
        self._statement = lru_cache(_STATEMENTS)(self._compiled)

    def page(
        self,
        connection: Connection,
        request: PageRequest,
        *,
        filter_text: str = "",
        order_by: str = "",
        **given: Any,
    ) -> Page[R]:
        """Returns a page; walking the pages meets every row that exists throughout exactly once. A page of messages
        ends before the one that would make it larger than MAX_PAGE_BYTES (a page may be short, AIP-158).

        `given` are values of conditions; None leaves a condition out. Raises FilterInvalid, PageTokenInvalid.
        """
        order = self._order(order_by)
        after = decode_token(request.token, order, request.arguments) if request.token else []
        applied = frozenset(name for name, value in given.items() if value is not None)
        statement = self._statement(filter_text, order_by, applied, tuple(value is None for value in after))
        values = {f"after_{place}": value for place, value in enumerate(after)}
        found = statement.all(
            connection, **{_LIMIT: request.size + 1}, **values, **{name: given[name] for name in applied}
        )
        items: list[R] = []
        keys, size = len(order), 0
        for row in found[: request.size]:
            item = self._rows(*row[:-keys])
            size += item.ByteSize() if isinstance(item, Message) else 0
            if items and size > MAX_PAGE_BYTES:
                break
            items.append(item)
        token = encode_token(found[len(items) - 1][-keys:], request.arguments) if len(found) > len(items) else ""
        return Page(items=tuple(items), next_page_token=token)

    def _parsed_order(self, order_by: str) -> Order:
        return parse_order_by(order_by, self._sortable, default=self._default, key=self._key)

    def _compiled(
        self, filter_text: str, order_by: str, applied: frozenset[str], absent: tuple[bool, ...]
    ) -> Statement[tuple[Any, ...]]:
        order = self._order(order_by)
        keys = [key.column.label(f"order_key_{place}") for place, key in enumerate(order)]
        statement: Select[Any] = (
            select(*self._rows.columns, *keys)
            .where(*(self._conditions[name] for name in sorted(applied)), *parse_filter(filter_text, self._filterable))
            .order_by(*(key.clause() for key in order))
            .limit(bindparam(_LIMIT))
        )
        if absent:
            statement = statement.where(_later(order, absent))
        return Statement(statement, _values)


def _values(*values: Any) -> tuple[Any, ...]:
    return values


def _later(order: Order, absent: tuple[bool, ...]) -> ColumnElement[bool]:
    """Rows after the one whose keys are the parameters after_0, after_1 and so on; `absent` says which are NULL."""
    here = [bindparam(f"after_{place}", type_=key.column.type) for place, key in enumerate(order)]
    uniform = len({key.descending for key in order}) == 1 and not any(key.nullable for key in order)
    if uniform:  # one comparison of row values, which an index on the columns serves
        columns = tuple_(*(key.column for key in order))
        return columns < tuple_(*here) if order[0].descending else columns > tuple_(*here)
    steps: list[ColumnElement[bool]] = []
    same: list[ColumnElement[bool]] = []
    for key, bound, null in zip(order, here, absent, strict=True):
        steps.append(and_(*same, false() if null else _beyond(key, bound)))
        same.append(key.column.is_(None) if null else key.column == bound)
    return or_(*steps)


def _beyond(key: OrderKey, bound: ColumnElement[Any]) -> ColumnElement[bool]:
    """Rows whose value of the key comes later; absent values come last."""
    later = key.column < bound if key.descending else key.column > bound
    return or_(later, key.column.is_(None)) if key.nullable else later
