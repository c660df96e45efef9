"""What callers ask of orders, as the domain has it."""

from __future__ import annotations

from dataclasses import dataclass, field

from chassis.kernel import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOrderCommand:
    """The order a buyer places. `fingerprint` tells two requests under the same request_id apart."""

    user: str
    cart: str
    payment_method: str
    shipping_address: bytes | None = field(repr=False)
    expected_total: Money
    request_id: str
    fingerprint: str
