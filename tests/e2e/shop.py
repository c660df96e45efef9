"""A client of the shop over JSON, as a front-end would write it."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from chassis.kernel.clock import monotonic
from tests.limits import HANG_SECONDS

Json = dict[str, Any]
ADDRESS: Final = {
    "regionCode": "DE",
    "postalCode": "10115",
    "locality": "Berlin",
    "addressLines": ["Invalidenstr. 1"],
    "recipients": ["Nora Reader"],
}
PASSWORD: Final = "correct horse battery staple"  # of users the tests make
_POLL_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the edge answered."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def reason(self) -> str:
        """The reason of an error answer."""
        details = self.body.get("details", []) if isinstance(self.body, dict) else []
        return next((d["reason"] for d in details if d["@type"].endswith("ErrorInfo")), "")

    @property
    def fields(self) -> list[str]:
        """The request fields an error answer names."""
        details = self.body.get("details", []) if isinstance(self.body, dict) else []
        return [v["field"] for d in details if d["@type"].endswith("BadRequest") for v in d["fieldViolations"]]


class Client:
    """Speaks JSON to the edge; with a token, as somebody."""

    def __init__(self, base: str, token: str = "") -> None:
        self.base = base
        self.token = token

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Sends a request; `body` is sent as JSON, bytes as they are. Header names with underscores for hyphens."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data=data, method=method)  # loopback
        if data is not None:
            request.add_header("Content-Type", "application/json")
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        try:
            with urllib.request.urlopen(request, timeout=HANG_SECONDS) as response:  # loopback
                return _answer(response.status, response.headers, response.read())
        except urllib.error.HTTPError as error:
            with error:
                return _answer(error.code, error.headers, error.read())

    def get(self, path: str) -> Any:
        """Reads; anything but 200 fails the test."""
        answer = self._patiently("GET", path)
        assert answer.status == 200, answer
        return answer.body

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        """Acts; anything but success fails the test."""
        if not (isinstance(body, dict) and "requestId" in body):
            headers = {"Idempotency_Key": str(uuid4()), **headers}
        answer = self._patiently("POST", path, {} if body is None else body, **headers)
        assert answer.status in (200, 201), answer
        return answer.body

    def _patiently(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Repeats the same request while a process is away or a deadline of the contract passes, as careful clients do:
        on a busy machine both happen.
        """

        def attempt() -> Answer | None:
            answer = self.send(method, path, body, **headers)
            return None if answer.status in (503, 504) else answer

        answer: Answer = eventually(attempt)
        return answer


def _answer(status: int, headers: Any, raw: bytes) -> Answer:
    try:
        body = json.loads(raw) if raw else None
    except ValueError:
        body = raw.decode(errors="replace")
    return Answer(status=status, headers={name.lower(): value for name, value in headers.items()}, body=body)


def sign_in(base: str, email: str, password: str) -> Client:
    """A client of somebody who has an account."""
    session = Client(base).post("/v1/sessions", {"email": email, "password": password})
    return Client(base, session["accessToken"])


def newcomer(base: str) -> Client:
    """A client of somebody who just registered."""
    email = f"reader-{uuid4().hex}@example.com"
    Client(base).post("/v1/users", {"email": email, "password": PASSWORD, "displayName": "Nora Reader"})
    return sign_in(base, email, PASSWORD)


def minor(money: Json | None) -> int:
    """Cents of a google.type.Money in JSON."""
    money = money or {}
    return int(money.get("units", 0)) * 100 + int(money.get("nanos", 0)) // 10_000_000


def fill_cart(client: Client, books: list[str], cart: str = "carts/me") -> Json:
    """Adds one copy of each book; answers the cart."""
    filled: Json = {}
    for book in books:
        filled = client.post(f"/v1/{cart}:addItem", {"book": book, "quantity": 1, "requestId": str(uuid4())})
    return filled


def order_for(cart: Json, method: str = "pm_ok") -> Json:
    """The request that orders what is in the cart at the price it shows."""
    return {
        "cart": cart["name"],
        "paymentMethod": method,
        "shippingAddress": ADDRESS,
        "expectedTotal": cart["quote"]["total"],
        "requestId": str(uuid4()),
    }


def eventually(holds: Callable[[], Any], seconds: float = HANG_SECONDS) -> Any:
    """Asks until the answer is true and returns it; fails when the time is over."""
    deadline = monotonic() + seconds
    while not (answer := holds()):
        assert monotonic() < deadline, f"not within {seconds} s"
        time.sleep(_POLL_SECONDS)  # between two looks at other processes; nothing signals their progress
    return answer


def settled(client: Client, order: str) -> Json:
    """The order once its checkout has ended."""

    def ended() -> Json | None:
        found: Json = client.get(f"/v1/{order}")
        return found if found["state"] != "STATE_PENDING" else None

    answer: Json = eventually(ended)
    return answer
