"""Paging by key (AIP-158): opaque tokens, stable under inserts, as fast on the last page as on the first.

A token holds the order values of the last row seen and a hash of the request's other arguments. It is not a secret
and not signed: all it can do is choose where in one's own list to go on.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any, Final, Generic, TypeVar

from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from sqlalchemy import Column, ColumnElement, UnaryExpression

from chassis.contract import ContractIncomplete
from chassis.errors import FieldInvalid
from chassis.v1 import policy_pb2
from chassis.v1.platform_errors import PageTokenInvalid

T = TypeVar("T")
U = TypeVar("U")
DEFAULT_PAGE_SIZE: Final = 50
MAX_PAGE_BYTES: Final = 3 * 1024 * 1024
"""Bytes of the items of a page: gRPC clients read messages of at most 4 MiB unless they are told otherwise."""
_LONGEST_TOKEN: Final = 4096  # characters
_LARGEST_INTEGER: Final = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderKey:
    """One column of an order; absent values come last, whichever the direction."""

    column: ColumnElement[Any]
    descending: bool = False

    @property
    def nullable(self) -> bool:
        """Whether the column may be without a value."""
        return bool(self.column.nullable) if isinstance(self.column, Column) else False

    def clause(self) -> UnaryExpression[Any]:
        """The term of ORDER BY."""
        directed = self.column.desc() if self.descending else self.column.asc()
        return directed.nulls_last() if self.nullable else directed


Order = tuple[OrderKey, ...]
"""An order of rows; its last key is unique, so that the order is total."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """Which page: at most `size` rows after `token`; `arguments` is the hash of everything else that was asked."""

    size: int = DEFAULT_PAGE_SIZE
    token: str = ""
    arguments: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """Some items and the token of the next page, empty when this is the last."""

    items: tuple[T, ...]
    next_page_token: str

    def map(self, function: Callable[[T], U]) -> Page[U]:
        """The same page of `function`'s results."""
        return Page(items=tuple(function(item) for item in self.items), next_page_token=self.next_page_token)


@cache
def max_page_size(request: Descriptor) -> int:
    """The most items that a page of this list request holds: the option max_page_size of its field page_size.

    Raises ContractIncomplete when the contract states none.
    """
    most = request.fields_by_name["page_size"].GetOptions().Extensions[policy_pb2.max_page_size]
    if most <= 0:
        raise ContractIncomplete(f"{request.full_name}.page_size has no (chassis.v1.max_page_size)")
    return most


def page_request(request: Message) -> PageRequest:
    """Reads page_size and page_token of a list request and binds the token to its other fields.

    Zero means 50 rows; more than the contract's max_page_size means that many, without an error (AIP-158). Raises
    FieldInvalid for a negative size.
    """
    asked: Any = request
    size: int = asked.page_size
    if size < 0:
        raise FieldInvalid([("page_size", "must not be negative")])
    rest = type(request)()
    rest.CopyFrom(request)
    for paging in ("page_size", "page_token"):
        rest.ClearField(paging)
    digest = hashlib.sha256(rest.DESCRIPTOR.full_name.encode() + b"\0" + rest.SerializeToString(deterministic=True))
    return PageRequest(
        size=min(size or DEFAULT_PAGE_SIZE, max_page_size(request.DESCRIPTOR)),
        token=asked.page_token,
        arguments=digest.hexdigest()[:16],
    )


def encode_token(values: Iterable[Any], arguments: str) -> str:
    """Returns the token of the page after the row with these values of its order's keys."""
    plain = [value.isoformat() if isinstance(value, date) else value for value in values]
    text = json.dumps([arguments, plain], separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_token(token: str, order: Order, arguments: str) -> list[Any]:
    """Returns the values in a token, one for each key of `order`. Raises PageTokenInvalid."""
    try:
        if len(token) > _LONGEST_TOKEN:
            raise ValueError("too long")
        padded = token.encode("ascii") + b"=" * (-len(token) % 4)
        given, plain = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if given != arguments:
            raise PageTokenInvalid(
                detail="the page token belongs to a request with other arguments; begin again without a token"
            )
        return [_value(key, value) for key, value in zip(order, plain, strict=True)]
    except (ValueError, TypeError, RecursionError, binascii.Error) as error:
        raise PageTokenInvalid(detail="the page token is unknown") from error


def _value(key: OrderKey, plain: Any) -> Any:
    """The value of a key from its JSON form. Raises ValueError or TypeError when the column cannot hold it."""
    if plain is None and key.nullable:
        return None
    kind = key.column.type.python_type
    if kind is datetime:
        moment = datetime.fromisoformat(plain)
        if moment.tzinfo is None:
            raise ValueError("a moment without time zone")
        return moment
    if kind is date:
        return date.fromisoformat(plain)
    if type(plain) is not kind:
        raise TypeError("another type of value")
    if isinstance(plain, int) and abs(plain) > _LARGEST_INTEGER:
        raise ValueError("out of range")
    if isinstance(plain, str):
        plain.encode()  # JSON can escape half a surrogate pair, which is no text: UnicodeEncodeError
        if "\0" in plain:
            raise ValueError("a text with a zero character")
    return plain
