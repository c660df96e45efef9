"""A real Envoy with the repository's configuration, in front of small servers of the real contracts."""

from __future__ import annotations

import http.client
import json
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import grpc
import yaml
from bookstore.catalog.v1 import book_pb2, catalog_service_pb2, catalog_service_pb2_grpc
from bookstore.identity.v1 import session_service_pb2, session_service_pb2_grpc
from bookstore.orders.v1 import orders_requests_pb2, orders_service_pb2_grpc
from google.api import httpbody_pb2
from google.protobuf.any_pb2 import Any as PackedAny
from google.rpc import error_details_pb2
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status
from joserfc import jwk, jwt

from chassis.credentials import Credentials
from tests.limits import HANG_SECONDS
from tools.console import binaries
from tools.console.edge import Edge, render
from tools.console.folders import GENERATED
from tools.console.ports import free_ports
from tools.console.probes import EdgeProbe
from tools.console.tls import EDGE, CertificateFolder

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


class Catalog(catalog_service_pb2_grpc.CatalogServiceServicer):
    """Remembers the metadata of each call and answers what the test needs by the book's name."""

    def __init__(self) -> None:
        self.calls: list[dict[str, str]] = []
        self.deadlines: list[float] = []
        self.release = threading.Event()

    def GetBook(self, request: catalog_service_pb2.GetBookRequest, context: Any) -> book_pb2.Book:
        self._note(context)
        if request.name == "books/slow":
            self.release.wait(timeout=HANG_SECONDS)
        if request.name in BARE:
            context.abort(BARE[request.name], 'a "secret" of the runtime')
        if request.name == "books/none":
            packed = PackedAny()
            packed.Pack(error_details_pb2.ErrorInfo(reason="BOOK_NOT_FOUND", domain="catalog.bookstore"))
            context.abort_with_status(
                rpc_status.to_status(Status(code=5, message="books/none is not in the catalog", details=[packed]))
            )
        return book_pb2.Book(name=request.name, title="Emma")

    def CreateBook(self, request: catalog_service_pb2.CreateBookRequest, context: Any) -> book_pb2.Book:
        self._note(context)
        context.send_initial_metadata(
            (("x-bookstore-http-status", "201"), ("location", f"/v1/books/{request.book_id}"), ("etag", '"1"'))
        )
        return book_pb2.Book(name=f"books/{request.book_id}", title=request.book.title)

    def ListBooks(
        self, request: catalog_service_pb2.ListBooksRequest, context: Any
    ) -> catalog_service_pb2.ListBooksResponse:
        self._note(context)
        books = [book_pb2.Book(name=f"books/{number}", title="Emma") for number in range(request.page_size)]
        return catalog_service_pb2.ListBooksResponse(books=books)

    def _note(self, context: Any) -> None:
        self.calls.append(dict(context.invocation_metadata()))
        self.deadlines.append(context.time_remaining() or 0.0)


class Sessions(session_service_pb2_grpc.SessionServiceServicer):
    """Publishes the stand's key."""

    def __init__(self, key: jwk.ECKey) -> None:
        self._key = key

    def GetJwks(self, request: session_service_pb2.GetJwksRequest, context: Any) -> httpbody_pb2.HttpBody:
        keys = {"keys": [self._key.as_dict(private=False)]}
        return httpbody_pb2.HttpBody(content_type="application/json", data=json.dumps(keys).encode())


class Orders(orders_service_pb2_grpc.OrderServiceServicer):
    """Streams two messages."""

    def WatchOrder(
        self, request: orders_requests_pb2.WatchOrderRequest, context: Any
    ) -> Iterator[orders_requests_pb2.WatchOrderResponse]:
        yield orders_requests_pb2.WatchOrderResponse()
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
    log: Path

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


@contextmanager
def running_edge(folder: Path) -> Iterator[Stand]:
    """Starts servers and Envoy in `folder`; processes without a server here are unreachable."""
    ports = iter(free_ports(6))
    processes: Sequence[str] = yaml.safe_load((GENERATED / "envoy" / "clusters.yaml").read_text())
    certificates = CertificateFolder(path=folder / "tls")
    certificates.ensure([*processes, EDGE], now=datetime.now(UTC))
    key = jwk.ECKey.generate_key("P-256", parameters={"kid": "k1", "use": "sig", "alg": "ES256"})
    catalog = Catalog()  # type: ignore[abstract]  # its other methods are not asked for
    upstreams = {process: [UNREACHABLE] for process in processes}
    with ExitStack() as stack:
        for process, register in (
            ("catalog", partial(catalog_service_pb2_grpc.add_CatalogServiceServicer_to_server, catalog)),
            ("identity", partial(session_service_pb2_grpc.add_SessionServiceServicer_to_server, Sessions(key))),  # type: ignore[abstract]  # as above
            ("orders", partial(orders_service_pb2_grpc.add_OrderServiceServicer_to_server, Orders())),  # type: ignore[abstract]  # as above
        ):
            upstreams[process] = [f"127.0.0.1:{next(ports)}"]
            server = grpc.server(ThreadPoolExecutor(4))
            register(server)
            server.add_secure_port(upstreams[process][0], Credentials.load(certificates.path, process).server())
            server.start()
            stack.callback(_stop, server)
        stand = Stand(
            http_port=next(ports),
            grpc_port=next(ports),
            admin_port=next(ports),
            catalog=catalog,
            key=key,
            access_log=folder / "access.log",
            log=folder / "envoy.log",
        )
        stack.callback(catalog.release.set)
        stack.enter_context(_envoy(stand, upstreams, certificates, folder))
        yield stand


def _stop(server: grpc.Server) -> None:
    server.stop(None).wait()


@contextmanager
def _envoy(
    stand: Stand, upstreams: Mapping[str, Sequence[str]], certificates: CertificateFolder, folder: Path
) -> Iterator[None]:
    configuration = folder / "envoy.yaml"
    configuration.write_text(
        render(
            Edge(
                bind="127.0.0.1",
                http_port=stand.http_port,
                grpc_port=stand.grpc_port,
                admin_port=stand.admin_port,
                upstreams=upstreams,
                certificates=certificates,
                access_log=stand.access_log,
            )
        )
    )
    command = [str(binaries.envoy()), "--config-path", str(configuration), "--concurrency", "1"]
    with stand.log.open("wb") as log:
        process = subprocess.Popen(
            [*command, "--disable-hot-restart", "--log-level", "warning"], stdout=log, stderr=log
        )
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
