"""Finding the cart a caller means, and only if it is theirs."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from bookstore.carts.v1.carts_errors import CartNotFound
from sqlalchemy import Connection

from chassis.kernel import Caller, resource_id
from chassis.requests import id_in
from chassis.v1.platform_errors import TokenRequired
from services.carts import store
from services.carts.cart import Cart, cart_name

_ME: Final = "me"


def cart_id(name: str, caller: Caller, *, field: str) -> str:
    """The id in `carts/{id}`, the caller's own for `carts/me`.

    Raises TokenRequired for `carts/me` without a user, FieldInvalid naming `field`.
    """
    identifier = id_in("carts", name, field=field)
    if identifier != _ME:
        return identifier
    own = own_cart_id(caller)
    if own is None:
        raise TokenRequired(detail="carts/me needs a signed-in user: send a valid access token")
    return own


def own_cart_id(caller: Caller) -> str | None:
    """The id of the caller's own cart."""
    return None if caller.user is None else resource_id("users", caller.user)


def open_cart(connection: Connection, identifier: str, caller: Caller, now: datetime) -> Cart:
    """The cart with the id; the caller's own is there even if it was never written.

    Raises CartNotFound when there is none, when it is another user's, dead or expired.
    """
    found = store.find_cart(connection, identifier)
    if identifier == own_cart_id(caller):
        return found or Cart(id=identifier, guest=False)
    if found is None or not found.guest or found.merged_into is not None or is_expired(found, now):
        raise CartNotFound(cart=cart_name(identifier))
    return found


def is_expired(cart: Cart, now: datetime) -> bool:
    """Whether its time is over, swept or not."""
    return cart.expire_time is not None and cart.expire_time <= now
