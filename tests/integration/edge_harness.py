"""A real Envoy with the repository's configuration, in front of small servers of the real contracts."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import grpc
from bookstore.carts.v1 import cart_pb2, carts_requests_pb2, carts_service_pb2_grpc
from bookstore.catalog.v1 import book_pb2, catalog_service_pb2, catalog_service_pb2_grpc
from bookstore.identity.v1 import session_service_pb2, session_service_pb2_grpc
from bookstore.orders.v1 import order_pb2, orders_requests_pb2, orders_service_pb2_grpc
from google.api import httpbody_pb2
from google.protobuf.any_pb2 import Any as PackedAny
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status
from joserfc import jwk, jwt

from chassis.credentials import Credentials
from tests.limits import HANG_SECONDS
from tools.console.certificates import EDGE
from tools.console.edge import Edge, configure, processes
from tools.console.page_routes import publish
from tools.console.pages import Shop, pages
from tools.console.paths import GENERATED, DataFolder
from tools.console.ports import free_ports
from tools.console.probes import EdgeProbe

ISSUER = "https://bookstore.example"
UNREACHABLE = "127.0.0.1:1"


@dataclass
class Answer:
    """What came back over HTTP; header names are lower-case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)

    def reason(self) -> tuple[str, str]:
        """Reason and domain of the ErrorInfo in a google.rpc.Status."""
        infos = [detail for detail in self.json["details"] if detail["@type"].endswith("google.rpc.ErrorInfo")]
        assert len(infos) == 1, self.json
        return infos[0]["reason"], infos[0]["domain"]

    def fields(self) -> list[str]:
        """Fields that BadRequest details name."""
        return [
            violation["field"]
            for detail in self.json["details"]
            if detail["@type"].endswith("google.rpc.BadRequest")
            for violation in detail["fieldViolations"]
        ]


BARE: Final = {
    "books/busy": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "books/late": grpc.StatusCode.DEADLINE_EXCEEDED,
    "books/broken": grpc.StatusCode.UNKNOWN,
}
"""Books whose reading ends as gRPC itself would end a call: a code and a message, no details."""


ETAG: Final = '"3"'
"""The etag of every book, order and cart."""


def _reason(reason: str, context: str) -> error_details_pb2.ErrorInfo:
    return error_details_pb2.ErrorInfo(reason=reason, domain=f"{context}.bookstore")


def _abort(context: Any, code: int, message: str, *details: Message) -> None:
    packed = [PackedAny() for _ in details]
    for one, detail in zip(packed, details, strict=True):
        one.Pack(detail)
    context.abort_with_status(rpc_status.to_status(Status(code=code, message=message, details=packed)))


class Catalog(catalog_service_pb2_grpc.CatalogServiceServicer):
    """Remembers the metadata of each call and answers what the test needs by the book's name."""

    def __init__(self) -> None:
        self.calls: list[dict[str, str]] = []
        self.requests: list[Any] = []
        self.deadlines: list[float] = []
        self.release = threading.Event()

    def GetBook(self, request: catalog_service_pb2.GetBookRequest, context: Any) -> book_pb2.Book:
        self._note(context, request)
        if request.name == "books/slow":
            self.release.wait(timeout=HANG_SECONDS)
        if request.name in BARE:
            context.abort(BARE[request.name], 'a "secret" of the runtime')
        if request.name == "books/none":
            _abort(context, 5, "books/none is not in the catalog", _reason("BOOK_NOT_FOUND", "catalog"))
        if request.name == "books/limited":
            pause = error_details_pb2.RetryInfo(retry_delay=Duration(seconds=59, nanos=600_000_000))
            _abort(context, 8, "too many attempts", _reason("TOO_MANY_ATTEMPTS", "catalog"), pause)
        context.send_initial_metadata((("etag", ETAG),))
        return book_pb2.Book(name=request.name, title="Emma", etag=ETAG)

    def CreateBook(self, request: catalog_service_pb2.CreateBookRequest, context: Any) -> book_pb2.Book:
        self._note(context, request)
        context.send_initial_metadata(
            (("x-bookstore-http-status", "201"), ("location", f"/v1/books/{request.book_id}"), ("etag", '"1"'))
        )
        return book_pb2.Book(name=f"books/{request.book_id}", title=request.book.title)

    def ListBooks(
        self, request: catalog_service_pb2.ListBooksRequest, context: Any
    ) -> catalog_service_pb2.ListBooksResponse:
        self._note(context, request)
        books = [book_pb2.Book(name=f"books/{number}", title="Emma") for number in range(request.page_size)]
        return catalog_service_pb2.ListBooksResponse(books=books)

    def _note(self, context: Any, request: Any) -> None:
        self.requests.append(request)
        self.calls.append(dict(context.invocation_metadata()))
        self.deadlines.append(context.time_remaining() or 0.0)


class Sessions(session_service_pb2_grpc.SessionServiceServicer):
    """Publishes the stand's key."""

    def __init__(self, key: jwk.ECKey) -> None:
        self._key = key

    def GetJwks(self, request: session_service_pb2.GetJwksRequest, context: Any) -> httpbody_pb2.HttpBody:
        keys = {"keys": [self._key.as_dict(private=False)]}
        return httpbody_pb2.HttpBody(content_type="application/json", data=json.dumps(keys).encode())


class Carts(carts_service_pb2_grpc.CartServiceServicer):
    """One cart for everyone."""

    def GetCart(self, request: carts_requests_pb2.GetCartRequest, context: Any) -> cart_pb2.Cart:
        context.send_initial_metadata((("etag", ETAG),))
        return cart_pb2.Cart(name=request.name, etag=ETAG)


class Orders(orders_service_pb2_grpc.OrderServiceServicer):
    """Streams two messages; of orders/none one and then an error."""

    def GetOrder(self, request: orders_requests_pb2.GetOrderRequest, context: Any) -> order_pb2.Order:
        context.send_initial_metadata((("etag", ETAG),))
        return order_pb2.Order(name=request.name, etag=ETAG)

    def WatchOrder(
        self, request: orders_requests_pb2.WatchOrderRequest, context: Any
    ) -> Iterator[orders_requests_pb2.WatchOrderResponse]:
        yield orders_requests_pb2.WatchOrderResponse()
        if request.name == "orders/none":
            _abort(context, 5, "orders/none does not exist", _reason("ORDER_NOT_FOUND", "orders"))
        yield orders_requests_pb2.WatchOrderResponse()


@dataclass
class Stand:
    """The running edge and the servers behind it."""

    http_port: int
    grpc_port: int
    admin_port: int
    catalog: Catalog
    key: jwk.ECKey
    access_log: Path
    endpoints: Path
    certificates: Path
    log: Path
    envoy: int = 0

    def cpu_seconds(self) -> float:
        """CPU time that Envoy has used so far (proc_pid_stat(5), fields 14 and 15)."""
        fields = Path(f"/proc/{self.envoy}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def shop(self) -> Shop:
        """What the first page is told."""
        return Shop(
            http=f"http://127.0.0.1:{self.http_port}",
            grpc=f"127.0.0.1:{self.grpc_port}",
            admin=f"http://127.0.0.1:{self.admin_port}",
            development=True,
        )

    def token(self, *, lifetime: int = 600, **claims: Any) -> str:
        """An access token like identity's; `lifetime` in seconds, `claims` replace claims or, as None, drop them."""
        now = int(time.time())
        payload = {"iss": ISSUER, "aud": "bookstore", "sub": "users/1", "roles": ["staff"], "exp": now + lifetime}
        payload = {name: value for name, value in (payload | claims).items() if value is not None}
        return jwt.encode({"alg": "ES256", "kid": "k1"}, payload, self.key)

    def call(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        token: str = "",
    ) -> Answer:
        """One request over HTTP/1.1. A body goes out as JSON unless the headers say otherwise."""
        sent = {"content-type": "application/json"} if body is not None else {}
        sent |= {"authorization": f"Bearer {token}"} if token else {}
        connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=HANG_SECONDS)
        try:
            connection.request(method, path, body=body, headers=sent | dict(headers or {}))
            response = connection.getresponse()
            received = {name.lower(): value for name, value in response.getheaders()}
            return Answer(status=response.status, headers=received, body=response.read())
        finally:
            connection.close()

    def unavailable(self, ask: Callable[[], Answer]) -> Answer:
        """The reply 503 of a service that cannot be reached; before it, attempts may have outlasted the call's time."""
        deadline = time.monotonic() + 60
        while (answer := ask()).status == 504:
            assert time.monotonic() < deadline, answer
        assert answer.status == 503, answer
        return answer

    def exchange(self, data: bytes, *, port: int | None = None) -> Answer:
        """Sends bytes as they are and reads to the end of the connection; the JSON listener unless `port` is given."""
        with socket.create_connection(("127.0.0.1", port or self.http_port), timeout=15) as connection:
            connection.sendall(data)
            text = b""
            while chunk := connection.recv(65536):
                text += chunk
        head, _, body = text.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return Answer(status=int(first.split()[1]), headers=headers, body=body)

    def statistics(self, names: str) -> str:
        """Envoy's statistics of these names."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=HANG_SECONDS)
        try:
            connection.request("GET", f"/stats?filter={names}")
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def channel(self) -> grpc.Channel:
        """A channel to the gRPC listener."""
        return grpc.insecure_channel(f"127.0.0.1:{self.grpc_port}")

    def logged(self, request_id: str) -> dict[str, Any]:
        """The access log's line of a request; waits for Envoy to write it."""
        deadline = time.monotonic() + HANG_SECONDS
        while time.monotonic() < deadline:
            for line in self.access_log.read_text().splitlines() if self.access_log.exists() else []:
                entry: dict[str, Any] = json.loads(line)
                if entry["request_id"] == request_id:
                    return entry
            threading.Event().wait(0.1)
        raise AssertionError(f"request {request_id} is not in the access log")


Register = Callable[[grpc.Server], object]
"""Adds a servicer to a server."""


@contextmanager
def running_edge(
    folder: Path,
    *,
    generated: Path = GENERATED,
    servicers: Mapping[str, Register] = MappingProxyType({}),
    trace_sample: float = 1.0,
) -> Iterator[Stand]:
    """Starts servers and Envoy in `folder`; processes without a server here are unreachable.

    `generated` is what the contracts generate, if not the repository's; `servicers` serve more processes than those of
    this module, which serve the repository's.
    """
    data = DataFolder(path=folder)
    data.make()
    routed = processes(generated)
    data.certificates.ensure([*routed, EDGE], now=datetime.now(UTC))
    key = jwk.ECKey.generate_key("P-256", parameters={"kid": "k1", "use": "sig", "alg": "ES256"})
    catalog = Catalog()  # type: ignore[abstract]  # its other methods are not asked for
    if generated == GENERATED:
        servicers = {
            **servicers,
            "catalog": partial(catalog_service_pb2_grpc.add_CatalogServiceServicer_to_server, catalog),
            "identity": partial(session_service_pb2_grpc.add_SessionServiceServicer_to_server, Sessions(key)),  # type: ignore[abstract]  # as above
            "carts": partial(carts_service_pb2_grpc.add_CartServiceServicer_to_server, Carts()),  # type: ignore[abstract]  # as above
            "orders": partial(orders_service_pb2_grpc.add_OrderServiceServicer_to_server, Orders()),  # type: ignore[abstract]  # as above
        }
    ports = iter(free_ports(3 + len(servicers)))
    upstreams = {process: [UNREACHABLE] for process in routed}
    with ExitStack() as stack:
        for process, register in servicers.items():
            upstreams[process] = [f"127.0.0.1:{next(ports)}"]
            credentials = Credentials.load(data.certificates.path, process)
            stack.enter_context(serving(upstreams[process][0], register, credentials))
        stand = Stand(
            http_port=next(ports),
            grpc_port=next(ports),
            admin_port=next(ports),
            catalog=catalog,
            key=key,
            access_log=data.access_log,
            endpoints=data.endpoints,
            certificates=data.certificates.path,
            log=data.log("envoy"),
        )
        stack.callback(catalog.release.set)
        stack.enter_context(_envoy(stand, upstreams, data, generated, trace_sample))
        yield stand


@contextmanager
def serving(address: str, register: Register, credentials: Credentials) -> Iterator[None]:
    """Serves what `register` adds, over mutual TLS."""
    server = grpc.server(ThreadPoolExecutor(4))
    register(server)
    server.add_secure_port(address, credentials.server())
    server.start()
    try:
        yield
    finally:
        server.stop(None).wait()


@contextmanager
def _envoy(
    stand: Stand,
    upstreams: Mapping[str, Sequence[str]],
    data: DataFolder,
    generated: Path,
    trace_sample: float,
) -> Iterator[None]:
    command = configure(
        Edge(
            bind="127.0.0.1",
            http_port=stand.http_port,
            grpc_port=stand.grpc_port,
            admin_port=stand.admin_port,
            upstreams=upstreams,
            pages=publish(pages(stand.shop), data.pages),
            trace_sample=trace_sample,
        ),
        data,
        generated=generated,
    )
    with stand.log.open("wb") as log:
        process = subprocess.Popen(command, cwd=data.run, stdout=log, stderr=log)
    stand.envoy = process.pid
    try:
        probe = EdgeProbe(admin=f"http://127.0.0.1:{stand.admin_port}")
        deadline = time.monotonic() + HANG_SECONDS
        while not probe.asked():
            assert process.poll() is None, stand.log.read_text()
            assert time.monotonic() < deadline, stand.log.read_text()
            threading.Event().wait(0.05)
        yield
    finally:
        process.terminate()
        process.wait(timeout=HANG_SECONDS)
