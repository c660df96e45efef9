"""The front door of carts."""

from __future__ import annotations

import grpc
from bookstore.carts.v1 import cart_pb2
from bookstore.carts.v1 import carts_requests_pb2 as requests
from bookstore.carts.v1.carts_service_pb2_grpc import CartServiceServicer

from chassis.call import caller
from services.carts.cart_access import cart_id
from services.carts.edit_cart import EditCart
from services.carts.queries import CartQueries


class CartsApi(CartServiceServicer):
    """Serves bookstore.carts.v1.CartService."""

    def __init__(self, *, queries: CartQueries, edit_cart: EditCart) -> None:
        self._queries = queries
        self._edit_cart = edit_cart

    def CreateCart(self, request: requests.CreateCartRequest, context: grpc.ServicerContext) -> cart_pb2.Cart:
        """A cart for a guest, or the caller's own."""
        return self._edit_cart.create(caller())

    def GetCart(self, request: requests.GetCartRequest, context: grpc.ServicerContext) -> cart_pb2.Cart:
        """A cart, priced now."""
        return self._queries.cart(cart_id(request.name, caller(), field="name"), caller())

    def AddItem(self, request: requests.AddItemRequest, context: grpc.ServicerContext) -> cart_pb2.Cart:
        """Adds copies of a book."""
        target = cart_id(request.cart, caller(), field="cart")
        return self._edit_cart.add(target, request.book, request.quantity, caller(), etag=request.etag)

    def UpdateItem(self, request: requests.UpdateItemRequest, context: grpc.ServicerContext) -> cart_pb2.Cart:
        """Sets how many copies of a book are in the cart."""
        target = cart_id(request.cart, caller(), field="cart")
        return self._edit_cart.put(target, request.book, request.quantity, caller(), etag=request.etag)

    def RemoveItem(self, request: requests.RemoveItemRequest, context: grpc.ServicerContext) -> cart_pb2.Cart:
        """Takes a book out."""
        target = cart_id(request.cart, caller(), field="cart")
        return self._edit_cart.remove(target, request.book, caller(), etag=request.etag)

    def ClearCart(self, request: requests.ClearCartRequest, context: grpc.ServicerContext) -> cart_pb2.Cart:
        """Takes everything out."""
        return self._edit_cart.clear(cart_id(request.cart, caller(), field="cart"), caller(), etag=request.etag)

    def ApplyCoupon(self, request: requests.ApplyCouponRequest, context: grpc.ServicerContext) -> cart_pb2.Cart:
        """Enters a coupon."""
        target = cart_id(request.cart, caller(), field="cart")
        return self._edit_cart.enter_coupon(target, request.coupon.upper(), caller(), etag=request.etag)

    def RemoveCoupon(self, request: requests.RemoveCouponRequest, context: grpc.ServicerContext) -> cart_pb2.Cart:
        """Takes a coupon out."""
        target = cart_id(request.cart, caller(), field="cart")
        return self._edit_cart.withdraw_coupon(target, request.coupon.upper(), caller(), etag=request.etag)

    def MergeCart(self, request: requests.MergeCartRequest, context: grpc.ServicerContext) -> cart_pb2.Cart:
        """Moves a guest's cart into the caller's own."""
        target = cart_id(request.cart, caller(), field="cart")
        source = cart_id(request.source, caller(), field="source")
        return self._edit_cart.merge(target, source, caller(), etag=request.etag)
