"""What ListStocks and ListStockMovements may be filtered and sorted by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement

from chassis.filtering import EQUAL, RANGE, FilterField, choice_field, id_field, moment_field, number_field
from services.inventory.domain import Cause
from services.inventory.storage import AVAILABLE, MOVEMENTS, STOCKS


def _copies(column: ColumnElement[Any]) -> FilterField:
    return number_field(column, operators=RANGE | EQUAL)


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
    "reason": choice_field(MOVEMENTS.c.cause, {cause.value: cause.value for cause in Cause}, operators=EQUAL),
    "order": id_field(MOVEMENTS.c.order_id, "orders"),
    "create_time": moment_field(MOVEMENTS.c.create_time, operators=RANGE),
}
