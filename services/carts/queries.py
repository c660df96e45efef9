"""A cart is looked at, priced at that moment."""

from __future__ import annotations

from bookstore.carts.v1 import cart_pb2
from bookstore.carts.v1.carts_errors import CurrencyMismatch

from chassis.database import Database
from chassis.kernel import Caller, Clock
from services.carts.cart_access import open_cart
from services.carts.convert import cart_message
from services.carts.remotes import Prices


class CartQueries:
    """Reads carts: one statement and one call to promotions each."""

    def __init__(self, database: Database, *, clock: Clock, prices: Prices) -> None:
        self._database = database
        self._clock = clock
        self._prices = prices

    def cart(self, cart_id: str, caller: Caller) -> cart_pb2.Cart:
        """The cart, without a quote when it cannot be priced. Raises CartNotFound."""
        now = self._clock.now()
        cart = self._database.read(lambda connection: open_cart(connection, cart_id, caller, now))
        try:
            quote = self._prices.quote(cart.quantities, cart.coupons)
        except CurrencyMismatch:  # the catalog changed a price since: one of the books has to go
            quote = None
        return cart_message(cart, quote)
