"""What ListStocks and ListStockMovements may be filtered and sorted by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import ColumnElement

from services.chassis.filtering import FilterField, choice_field, moment_field, number_field
from services.chassis.kernel import resource_id
from services.inventory.domain import Cause
from services.inventory.storage import AVAILABLE, MOVEMENTS, STOCKS

_EQUAL: Final = frozenset({"="})
_RANGE: Final = frozenset({"<", "<=", ">", ">="})


def _order_id(text: str) -> str:
    try:
        return resource_id("orders", text)
    except ValueError:
        raise ValueError("the name of an order, orders/{order}, is expected") from None


def _copies(column: ColumnElement[Any]) -> FilterField:
    return replace(number_field(column), operators=_RANGE | _EQUAL)


STOCK_FIELDS: Final[Mapping[str, FilterField]] = {
    "available": _copies(AVAILABLE),
    "on_hand": _copies(STOCKS.c.on_hand),
    "reserved": _copies(STOCKS.c.reserved),
}
STOCK_ORDER: Final[Mapping[str, ColumnElement[Any]]] = {
    "name": STOCKS.c.book_id,
    "available": AVAILABLE,
    "on_hand": STOCKS.c.on_hand,
    "reserved": STOCKS.c.reserved,
    "update_time": STOCKS.c.update_time,
}
MOVEMENT_FIELDS: Final[Mapping[str, FilterField]] = {
    "reason": replace(choice_field(MOVEMENTS.c.cause, {cause.value: cause.value for cause in Cause}), operators=_EQUAL),
    "order": FilterField(
        column=MOVEMENTS.c.order_id,
        convert=_order_id,
        operators=_EQUAL,
        has=lambda order_id: MOVEMENTS.c.order_id == order_id,
    ),
    "create_time": replace(moment_field(MOVEMENTS.c.create_time), operators=_RANGE),
}
