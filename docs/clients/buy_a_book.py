"""Buys a book through a generated client. Argument: the address of the gRPC port, such as 127.0.0.1:8081."""

import sys
import uuid

import grpc
from bookstore.carts.v1 import carts_requests_pb2
from bookstore.carts.v1.carts_service_pb2_grpc import CartServiceStub
from bookstore.catalog.v1 import catalog_service_pb2
from bookstore.catalog.v1.catalog_service_pb2_grpc import CatalogServiceStub
from bookstore.identity.v1 import identity_service_pb2, session_service_pb2, user_pb2
from bookstore.identity.v1.identity_service_pb2_grpc import IdentityServiceStub
from bookstore.identity.v1.session_service_pb2_grpc import SessionServiceStub
from bookstore.orders.v1 import order_pb2, orders_requests_pb2
from bookstore.orders.v1.orders_service_pb2_grpc import OrderServiceStub
from google.type.postal_address_pb2 import PostalAddress

PASSWORD = "a long pass phrase"  # noqa: S105 - of an account made below

with grpc.insecure_channel(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8081") as channel:
    email = f"nora-{uuid.uuid4().hex}@example.com"
    user = user_pb2.User(email=email, password=PASSWORD, display_name="Nora")
    IdentityServiceStub(channel).CreateUser(identity_service_pb2.CreateUserRequest(user=user))
    session = SessionServiceStub(channel).CreateSession(
        session_service_pb2.CreateSessionRequest(email=email, password=PASSWORD)
    )
    signed_in = (("authorization", f"Bearer {session.access_token}"),)

    books = CatalogServiceStub(channel).ListBooks(
        catalog_service_pb2.ListBooksRequest(filter="format = FORMAT_PAPERBACK", order_by="price", page_size=1)
    )
    cart = CartServiceStub(channel).AddItem(
        carts_requests_pb2.AddItemRequest(cart="carts/me", book=books.books[0].name, quantity=1), metadata=signed_in
    )
    order = OrderServiceStub(channel).PlaceOrder(
        orders_requests_pb2.PlaceOrderRequest(
            cart="carts/me",
            payment_method="pm_ok",
            expected_total=cart.quote.total,
            shipping_address=PostalAddress(
                region_code="DE", postal_code="10115", locality="Berlin", address_lines=["Invalidenstr. 1"]
            ),
            request_id=str(uuid.uuid4()),
        ),
        metadata=signed_in,
    )
    print(f"{order.name}: {books.books[0].title}, {order_pb2.Order.State.Name(order.state)}")
