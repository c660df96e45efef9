"""Every call through the real server: errors, access, validation, deadlines, replays, identity."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest
from bookstore.catalog.v1 import book_pb2, catalog_service_pb2, catalog_service_pb2_grpc
from bookstore.catalog.v1.catalog_errors import BookNotFound
from bookstore.inventory.v1 import inventory_service_pb2, inventory_service_pb2_grpc, reservation_pb2
from bookstore.orders.v1 import orders_requests_pb2, orders_service_pb2_grpc
from opentelemetry import trace
from structlog.testing import capture_logs

from chassis.call import caller, remaining
from chassis.channel import open_channel
from chassis.contract import methods_of
from chassis.interceptors.server_call import log_undeclared
from chassis.kernel import ErrorKind, ServiceError
from chassis.service import Runtime, Service, Servicer
from chassis.testing import TEST_TOKENS, Served, refused, running
from chassis.v1.platform_errors import StorageUnavailable
from tests.limits import HANG_SECONDS

GetBook = catalog_service_pb2.GetBookRequest
Behaviour = Callable[[Any, grpc.ServicerContext], Any]


class Catalog(catalog_service_pb2_grpc.CatalogServiceServicer):
    """A catalog whose answers each test decides."""

    def __init__(self) -> None:
        self.get: Behaviour = lambda request, _: book_pb2.Book(name=request.name)
        self.create: Behaviour = lambda request, _: book_pb2.Book(name=f"books/{request.book_id}", etag='"1"')

    def GetBook(self, request: Any, context: Any) -> Any:
        return self.get(request, context)

    def CreateBook(self, request: Any, context: Any) -> Any:
        return self.create(request, context)

    def UpdateBook(self, request: Any, context: Any) -> Any:
        return request.book


class Inventory(inventory_service_pb2_grpc.InventoryServiceServicer):
    """Says who asked for a reservation."""

    def GetReservation(self, request: Any, context: Any) -> Any:
        return reservation_pb2.Reservation(name=caller().service or "")


class Orders(orders_service_pb2_grpc.OrderServiceServicer):
    """Streams that stay open until the test lets them go."""

    def __init__(self) -> None:
        self.opened = threading.Semaphore(0)
        self.let_go = threading.Event()

    def WatchOrder(self, request: Any, context: Any) -> Iterator[Any]:
        self.opened.release()
        self.let_go.wait(10)
        yield orders_requests_pb2.WatchOrderResponse(last=True)


@pytest.fixture
def catalog() -> Catalog:
    return Catalog()  # type: ignore[abstract]  # only what the tests call


@pytest.fixture
def orders() -> Orders:
    return Orders()  # type: ignore[abstract]  # only what the tests call


@pytest.fixture
def served(tmp_path: Path, catalog: Catalog, orders: Orders) -> Iterator[Served]:
    def build(_: Runtime) -> Service:
        return Service(
            name="catalog",
            servicers=(
                Servicer(catalog_service_pb2_grpc.add_CatalogServiceServicer_to_server, catalog),
                Servicer(inventory_service_pb2_grpc.add_InventoryServiceServicer_to_server, Inventory()),  # type: ignore[abstract]
                Servicer(orders_service_pb2_grpc.add_OrderServiceServicer_to_server, orders),
            ),
        )

    with running("catalog", build, folder=tmp_path, migrations=False) as served:
        yield served


@pytest.fixture
def stub(served: Served) -> catalog_service_pb2_grpc.CatalogServiceStub:
    return served.stub(catalog_service_pb2_grpc.CatalogServiceStub)


def raising(error: Exception) -> Behaviour:
    def behave(_: Any, __: grpc.ServicerContext) -> Any:
        raise error

    return behave


def test_access_is_checked_before_the_request_is_looked_at(stub: catalog_service_pb2_grpc.CatalogServiceStub) -> None:
    with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_REQUIRED"):
        stub.UpdateBook(catalog_service_pb2.UpdateBookRequest(book=book_pb2.Book(name="shelves/1")))


def test_a_domain_error_arrives_with_code_reason_domain_and_metadata(
    catalog: Catalog, stub: catalog_service_pb2_grpc.CatalogServiceStub
) -> None:
    catalog.get = raising(BookNotFound(book="books/7"))
    with refused(grpc.StatusCode.NOT_FOUND, "BOOK_NOT_FOUND") as refusal:
        stub.GetBook(GetBook(name="books/1"))
    assert (refusal.domain, refusal.metadata) == ("catalog.bookstore", {"book": "books/7"})
    assert refusal.message == "books/7 is not in the catalog"


def test_an_error_of_another_service_is_caught_by_its_class(served: Served, catalog: Catalog) -> None:
    catalog.get = raising(BookNotFound(book="books/7"))
    with _channel(served) as channel, pytest.raises(BookNotFound) as caught:
        catalog_service_pb2_grpc.CatalogServiceStub(channel).GetBook(GetBook(name="books/7"))
    assert (caught.value.kind, caught.value.metadata) == (ErrorKind.NOT_FOUND, {"book": "books/7"})
    assert caught.value.message == "books/7 is not in the catalog"


class NotInTheContract(ServiceError):
    """An error that no RPC lists."""

    kind = ErrorKind.NOT_FOUND
    reason = "BOOK_NOT_FOUND"
    domain = "elsewhere.bookstore"


def test_an_error_that_the_contract_of_the_method_does_not_list_fails_the_test_and_is_returned(tmp_path: Path) -> None:
    catalog = Catalog()  # type: ignore[abstract]
    catalog.get = raising(NotInTheContract("gone"))

    def build(_: Runtime) -> Service:
        register = catalog_service_pb2_grpc.add_CatalogServiceServicer_to_server
        return Service(name="catalog", servicers=(Servicer(register, catalog),))

    with (
        pytest.raises(AssertionError, match=r"CatalogService/GetBook returned elsewhere.bookstore BOOK_NOT_FOUND"),
        running("catalog", build, folder=tmp_path, migrations=False) as served,
        refused(grpc.StatusCode.NOT_FOUND, "BOOK_NOT_FOUND"),
    ):
        served.stub(catalog_service_pb2_grpc.CatalogServiceStub).GetBook(GetBook(name="books/1"))


def test_a_process_logs_an_error_that_the_contract_does_not_list() -> None:
    with capture_logs() as logs:
        log_undeclared(methods_of("bookstore.catalog.v1.CatalogService")["GetBook"], NotInTheContract("gone"))
    assert logs[0]["log_level"] == "error"
    assert (logs[0]["method"], logs[0]["reason"]) == ("/bookstore.catalog.v1.CatalogService/GetBook", "BOOK_NOT_FOUND")


def test_the_text_of_an_unexpected_error_stays_inside(
    catalog: Catalog, stub: catalog_service_pb2_grpc.CatalogServiceStub
) -> None:
    catalog.get = raising(RuntimeError("the password is Mellon"))
    with refused(grpc.StatusCode.INTERNAL, "UNEXPECTED") as refusal:
        stub.GetBook(GetBook(name="books/1"))
    assert "Mellon" not in refusal.message
    assert refusal.metadata["incident"] in refusal.message


def test_a_bad_field_is_named(stub: catalog_service_pb2_grpc.CatalogServiceStub) -> None:
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID") as refusal:
        stub.GetBook(GetBook(name="shelves/1"))
    assert refusal.fields == ["name"]
    assert refusal.message == "name: must be `books/` followed by 1 to 64 lower-case letters, digits or hyphens"


def test_an_update_of_nothing_is_refused(served: Served) -> None:
    staff = served.stub(catalog_service_pb2_grpc.CatalogServiceStub, user="users/1", roles=("staff",))
    book = book_pb2.Book(name="books/1", etag='"1"')
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID") as refusal:
        staff.UpdateBook(catalog_service_pb2.UpdateBookRequest(book=book))
    assert refusal.fields == ["update_mask"]


def test_a_text_that_no_database_takes_is_refused_by_field(served: Served) -> None:
    staff = served.stub(catalog_service_pb2_grpc.CatalogServiceStub, user="users/1", roles=("staff",))
    book = book_pb2.Book(name="books/1", contributors=[book_pb2.Contributor(display_name="A\0B")])
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID") as refusal:
        staff.UpdateBook(catalog_service_pb2.UpdateBookRequest(book=book))
    assert refusal.fields == ["book.contributors[0].display_name"]


@pytest.mark.parametrize("data", [b"\xff", b"\x0a\x02\xff\xfe", b"\x0a\x7fa"])
def test_what_is_no_message_is_refused_as_such(served: Served, data: bytes) -> None:
    with grpc.insecure_channel(served.address) as channel:
        path = "/bookstore.catalog.v1.CatalogService/GetBook"
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(path)
        with refused(grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_MALFORMED"):
            call(data)


def test_if_match_stands_for_the_etag_of_what_is_changed(served: Served) -> None:
    staff = served.stub(catalog_service_pb2_grpc.CatalogServiceStub, user="users/1", roles=("staff",))

    def etag_heard(header: str, in_message: str = "") -> str:
        book = book_pb2.Book(name="books/1", title="New", etag=in_message)
        request = catalog_service_pb2.UpdateBookRequest(book=book)
        answer: book_pb2.Book = staff.UpdateBook(request, metadata=(("if-match", header),))
        return answer.etag

    assert etag_heard('"7"') == '"7"'
    assert etag_heard("*") == ""
    assert etag_heard('"7"', in_message='"8"') == '"8"'
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID") as refusal:
        etag_heard("7" * 1025)
    assert refusal.fields == ["If-Match"]


def test_an_update_is_held_to_the_rules_of_what_it_changes_only(served: Served) -> None:
    staff = served.stub(catalog_service_pb2_grpc.CatalogServiceStub, user="users/1", roles=("staff",))
    update = catalog_service_pb2.UpdateBookRequest(book=book_pb2.Book(name="books/1", title="New"))
    assert staff.UpdateBook(update).title == "New"
    update.update_mask.paths.append("title")
    update.book.title = ""
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID") as refusal:
        staff.UpdateBook(update)
    assert refusal.fields == ["book.title"]


def test_staff_methods_need_a_token_and_then_the_role(served: Served) -> None:
    request = catalog_service_pb2.UpdateBookRequest(book=book_pb2.Book(name="books/1", title="New"))
    with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_REQUIRED"):
        served.stub(catalog_service_pb2_grpc.CatalogServiceStub).UpdateBook(request)
    with refused(grpc.StatusCode.PERMISSION_DENIED, "ROLE_REQUIRED") as refusal:
        served.stub(catalog_service_pb2_grpc.CatalogServiceStub, user="users/1").UpdateBook(request)
    assert refusal.message == "this requires the role staff"
    admin = served.stub(catalog_service_pb2_grpc.CatalogServiceStub, user="users/1", roles=("admin",))
    assert admin.UpdateBook(request).title == "New"


def test_internal_methods_are_for_the_services_the_contract_names(served: Served) -> None:
    request = inventory_service_pb2.GetReservationRequest(name="reservations/1")
    for service, user in (("edge", "users/1"), ("carts", None)):
        with refused(grpc.StatusCode.PERMISSION_DENIED, "ROLE_REQUIRED"):
            served.stub(
                inventory_service_pb2_grpc.InventoryServiceStub, user=user, roles=("admin",), service=service
            ).GetReservation(request)
    orders = served.stub(inventory_service_pb2_grpc.InventoryServiceStub, service="orders")
    assert orders.GetReservation(request).name == "orders"


def _user_seen(catalog: Catalog) -> list[str | None]:
    seen: list[str | None] = []

    def note(request: Any, _: grpc.ServicerContext) -> Any:
        seen.append(caller().user)
        return book_pb2.Book(name=request.name)

    catalog.get = note
    return seen


def test_claims_that_are_not_signed_tell_nothing(
    catalog: Catalog, stub: catalog_service_pb2_grpc.CatalogServiceStub
) -> None:
    seen = _user_seen(catalog)
    claims = base64.urlsafe_b64encode(b'{"sub": "users/1", "roles": ["admin"]}').decode()
    stub.GetBook(GetBook(name="books/1"), metadata=(("x-bookstore-claims", claims),))
    assert seen == [None]


def test_an_invalid_token_counts_as_none_where_nothing_changes_only(
    catalog: Catalog, stub: catalog_service_pb2_grpc.CatalogServiceStub
) -> None:
    seen = _user_seen(catalog)
    valid = TEST_TOKENS.authorization("users/1", ("staff",))
    expired = TEST_TOKENS.authorization("users/1", ("staff",), exp=1)
    request = catalog_service_pb2.UpdateBookRequest(book=book_pb2.Book(name="books/1", title="New"))
    for authorization in (expired, valid[:-2], "Bearer ", "Bearer null", "Bearer e30.e30.e30"):
        metadata = (("authorization", authorization),)
        stub.GetBook(GetBook(name="books/1"), metadata=metadata)
        with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_REQUIRED"):
            stub.UpdateBook(request, metadata=metadata)
    stub.GetBook(GetBook(name="books/1"), metadata=(("authorization", "Basic YTpi"),))
    assert set(seen) == {None}
    stub.GetBook(GetBook(name="books/1"), metadata=(("authorization", valid.replace("Bearer", "bearer")),))
    assert seen[-1] == "users/1"


def test_an_invalid_token_is_no_call_in_the_name_of_the_service(served: Served) -> None:
    orders = served.stub(inventory_service_pb2_grpc.InventoryServiceStub, service="orders")
    expired = (("authorization", TEST_TOKENS.authorization("users/1", exp=1)),)
    with refused(grpc.StatusCode.UNAUTHENTICATED, "TOKEN_REQUIRED"):
        orders.GetReservation(inventory_service_pb2.GetReservationRequest(name="reservations/1"), metadata=expired)


def test_the_token_of_the_user_travels_on(served: Served, catalog: Catalog) -> None:
    seen: list[str | None] = []

    def inner(request: Any, _: grpc.ServicerContext) -> Any:
        seen.append(caller().user)
        return book_pb2.Book(name=request.name)

    with _channel(served) as channel:
        downstream = catalog_service_pb2_grpc.CatalogServiceStub(channel)

        def outer(request: Any, _: grpc.ServicerContext) -> Any:
            catalog.get = inner
            return downstream.GetBook(request)

        for user in ("users/1", None):
            catalog.get = outer
            served.stub(catalog_service_pb2_grpc.CatalogServiceStub, user=user).GetBook(GetBook(name="books/1"))
    assert seen == ["users/1", None]


def test_the_deadline_is_the_sooner_of_the_clients_and_the_contracts(
    catalog: Catalog, stub: catalog_service_pb2_grpc.CatalogServiceStub
) -> None:
    seen: list[float] = []

    def note(request: Any, _: grpc.ServicerContext) -> Any:
        seen.append(remaining() or 0)
        return book_pb2.Book(name=request.name)

    catalog.get = note
    stub.GetBook(GetBook(name="books/1"))
    stub.GetBook(GetBook(name="books/1"), timeout=HANG_SECONDS)
    stub.GetBook(GetBook(name="books/1"), timeout=1.5)
    assert 0 < seen[0] <= 2  # the contract says 2 s
    assert 0 < seen[1] <= 2
    assert 0 < seen[2] < 1.75  # grpcio is off by some milliseconds


def test_what_was_created_answers_its_status_location_and_etag_for_http(served: Served) -> None:
    staff = served.stub(catalog_service_pb2_grpc.CatalogServiceStub, user="users/1", roles=("staff",))
    request = catalog_service_pb2.CreateBookRequest(book_id="a", request_id=str(uuid4()))
    request.book.title, request.book.isbn13, request.book.format = "T", "9780306406157", book_pb2.Book.FORMAT_HARDCOVER
    request.book.contributors.add(display_name="A", role=book_pb2.Contributor.ROLE_AUTHOR)
    request.book.price.currency_code, request.book.price.units = "EUR", 1
    _, call = staff.CreateBook.with_call(request)
    metadata = dict(call.initial_metadata())
    assert (metadata["x-bookstore-http-status"], metadata["location"], metadata["etag"]) == (
        "201",
        "/v1/books/a",
        '"1"',
    )


def test_streams_cannot_take_all_threads(served: Served, orders: Orders) -> None:
    stub = served.stub(orders_service_pb2_grpc.OrderServiceStub, user="users/1")
    request = orders_requests_pb2.WatchOrderRequest(name="orders/1")
    streams = [stub.WatchOrder(request) for _ in range(4)]  # a quarter of 16 threads
    for _ in streams:
        assert orders.opened.acquire(timeout=HANG_SECONDS)
    with refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED"):
        next(stub.WatchOrder(request))
    books = served.stub(catalog_service_pb2_grpc.CatalogServiceStub)
    assert books.GetBook(GetBook(name="books/1")).name == "books/1"
    orders.let_go.set()
    assert all(next(stream).last for stream in streams)


def _channel(served: Served) -> grpc.Channel:
    return open_channel("catalog", caller="carts", addresses=[served.address], credentials=None)


def test_a_read_is_repeated_after_a_passing_failure(served: Served, catalog: Catalog) -> None:
    failures = iter([StorageUnavailable(), StorageUnavailable()])

    def flaky(request: Any, _: grpc.ServicerContext) -> Any:
        for failure in failures:
            raise failure
        return book_pb2.Book(name=request.name)

    catalog.get = flaky
    with _channel(served) as channel:
        stub = catalog_service_pb2_grpc.CatalogServiceStub(channel)
        assert stub.GetBook(GetBook(name="books/1")).name == "books/1"


def test_a_call_for_a_call_has_no_more_time_than_that(served: Served, catalog: Catalog) -> None:
    seen: list[float] = []

    def inner(request: Any, _: grpc.ServicerContext) -> Any:
        seen.append(remaining() or 0)
        return book_pb2.Book(name=request.name)

    with _channel(served) as channel:
        downstream = catalog_service_pb2_grpc.CatalogServiceStub(channel)

        def outer(request: Any, _: grpc.ServicerContext) -> Any:
            catalog.get = inner
            return downstream.GetBook(request)

        catalog.get = outer
        stub = served.stub(catalog_service_pb2_grpc.CatalogServiceStub)
        stub.GetBook(GetBook(name="books/1"), timeout=1.5)
    assert 0 < seen[0] < 1.5


def test_the_breaker_opens_after_repeated_failures_and_names_the_service(served: Served, catalog: Catalog) -> None:
    calls: list[str] = []

    def broken(request: Any, _: grpc.ServicerContext) -> Any:
        calls.append(request.name)
        raise StorageUnavailable()

    catalog.get = broken
    with _channel(served) as channel:
        stub = catalog_service_pb2_grpc.CatalogServiceStub(channel)
        for _ in range(5):
            with refused(grpc.StatusCode.UNAVAILABLE, "STORAGE_UNAVAILABLE"):
                stub.GetBook(GetBook(name="books/1"))
        before = len(calls)
        with refused(grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE") as refusal:
            stub.GetBook(GetBook(name="books/1"))
    assert refusal.metadata == {"service": "catalog"}
    assert len(calls) == before


def test_a_service_that_is_not_there_is_named(tmp_path: Path) -> None:
    with open_channel("catalog", caller="carts", addresses=["127.0.0.1:1"], credentials=None) as channel:
        stub = catalog_service_pb2_grpc.CatalogServiceStub(channel)
        with refused(grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE") as refusal:
            stub.GetBook(GetBook(name="books/1"))
    assert refusal.metadata == {"service": "catalog"}


def test_a_traced_call_carries_its_context_and_fails_with_typed_errors(served: Served, catalog: Catalog) -> None:
    seen: list[str] = []

    def note(request: Any, context: grpc.ServicerContext) -> Any:
        seen.extend(str(value) for key, value in context.invocation_metadata() if key == "traceparent")
        raise BookNotFound(book="books/7")

    catalog.get = note
    parent = trace.NonRecordingSpan(trace.SpanContext(7, 7, is_remote=True, trace_flags=trace.TraceFlags(1)))
    with (
        trace.use_span(parent),
        open_channel("catalog", caller="carts", addresses=[served.address], credentials=None, traced=True) as channel,
        refused(grpc.StatusCode.NOT_FOUND, "BOOK_NOT_FOUND"),
    ):
        catalog_service_pb2_grpc.CatalogServiceStub(channel).GetBook(GetBook(name="books/1"))
    assert seen[0].startswith(f"00-{7:032x}-")
