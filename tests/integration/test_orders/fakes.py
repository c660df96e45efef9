"""The shop around orders: carts, prices, stock, coupons and payments that keep to their contracts, in memory.

Steps are idempotent by order, and a compensation leaves a tombstone that refuses the late step. `Faults` makes calls
fail before or after their effect, kills the process, or lets something else happen first.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeVar

from bookstore.orders.v1.orders_errors import CartNotFound
from bookstore.promotions.v1.quote_pb2 import CouponOutcome, PromotionOutcome, Quote, QuoteLine, UnitDiscount

from chassis.call import caller
from chassis.kernel import Money
from chassis.v1.platform_errors import DependencyUnavailable, Unexpected
from services.orders.order import Order
from services.orders.order_lines import Copies
from services.orders.ports import Basket, PricedBasket, RemoteServices, StepRefused, StepUnfinished
from services.orders.remotes import priced
from tests.money import euros

T = TypeVar("T")


class Crash(BaseException):
    """The process dies here."""


class Fault(StrEnum):
    """What goes wrong with a call."""

    LOST_BEFORE = "it never arrives"
    LOST_AFTER = "it takes effect and its answer is lost"
    CRASH_BEFORE = "the process dies before it"
    CRASH_AFTER = "the process dies after it"


class Faults:
    """Counts the steps that are taken and spoils those of the plan; `before` runs a function ahead of a step."""

    def __init__(self) -> None:
        self.plan: dict[int, Fault] = {}
        self.before: dict[int, Callable[[], None]] = {}
        self.down: set[str] = set()
        self.taken: list[str] = []
        self._lock = threading.RLock()

    def through(self, step: str, effect: Callable[[], T]) -> T:
        """Takes the step, or not."""
        index = len(self.taken)
        self.taken.append(step)
        self.before.pop(index, lambda: None)()
        fault = self.plan.get(index)
        if fault is Fault.CRASH_BEFORE:
            raise Crash(step)
        if fault is Fault.LOST_BEFORE or step in self.down:
            raise DependencyUnavailable(service=step, detail="it is down")
        with self._lock:
            result = effect()
        if fault is Fault.CRASH_AFTER:
            raise Crash(step)
        if fault is Fault.LOST_AFTER:
            raise Unexpected(incident=step)
        return result


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """A book for sale, price in cents of a euro."""

    price: int
    digital: bool = False


class FakeCarts:
    """Carts by name; `carts/me` is the caller's."""

    def __init__(self) -> None:
        self.baskets: dict[str, Basket] = {}
        self._edits = itertools.count(1)
        self.edited = True
        """Whether buyers edit a cart before they order again, so that its etag is another one."""
        self.down = False
        self.meanwhile: Callable[[], None] | None = None
        """What happens, once, while somebody waits for a cart."""

    def put(self, cart: str, books: Mapping[str, int], coupons: Sequence[str] = ()) -> None:
        """Fills a cart."""
        self.baskets[cart] = Basket(cart=cart, books=tuple(books.items()), coupons=tuple(coupons))

    def basket(self, cart: str) -> Basket:
        """The cart."""
        if self.down:
            raise DependencyUnavailable(service="carts", detail="it is down")
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        user = caller().user
        name = cart if cart != "carts/me" or user is None else f"carts/{user.removeprefix('users/')}"
        if name not in self.baskets:
            raise CartNotFound(cart=cart)
        return replace(self.baskets[name], etag=f'"{next(self._edits) if self.edited else 0}"')


class FakePrices:
    """Prices of books, and one coupon: SAVE10 takes a tenth off."""

    def __init__(self, books: Mapping[str, Book], shipping: int = 0) -> None:
        self.books = dict(books)
        self.shipping = shipping

    def price(self, basket: Basket) -> PricedBasket:
        """What the basket costs."""
        known = [(book, quantity) for book, quantity in basket.books if book in self.books]
        saved = "SAVE10" in basket.coupons
        lines = [self._line(book, quantity, saved) for book, quantity in known]
        cents = {kind: sum(getattr(line, kind).units * 100 + getattr(line, kind).nanos // 10**7 for line in lines)
                 for kind in ("discount", "total")}  # fmt: skip
        shipping = self.shipping if any(not line.digital for line in lines) else 0
        quote = Quote(
            lines=lines,
            subtotal=euros(cents["total"] + cents["discount"]),
            discount_total=euros(cents["discount"]),
            shipping_total=euros(shipping),
            tax_total=euros(0),
            total=euros(cents["total"] + shipping),
            missing_books=[book for book, _ in basket.books if book not in self.books],
        )
        for coupon in basket.coupons:
            good = coupon == "SAVE10"
            state = CouponOutcome.STATE_ACCEPTED if good else CouponOutcome.STATE_UNKNOWN
            quote.coupons.add(coupon=coupon, state=state, promotion="promotions/tenth" if good else "")
        if saved:
            quote.promotions.append(PromotionOutcome(promotion="promotions/tenth", applied=True))
        return priced(quote)

    def _line(self, book: str, quantity: int, saved: bool) -> QuoteLine:
        price = self.books[book].price
        off = price * quantity // 10 if saved else 0
        each, more = divmod(off, quantity)
        groups = [(quantity - more, each), (more, each + 1)]
        return QuoteLine(
            book=book,
            title=f"The {book.removeprefix('books/')}",
            digital=self.books[book].digital,
            quantity=quantity,
            unit_price=euros(price),
            discount=euros(off),
            total=euros(price * quantity - off),
            unit_discounts=[
                UnitDiscount(quantity=count, discount=euros(discount)) for count, discount in groups if count
            ],
        )


@dataclass(slots=True)
class Reservation:
    """Copies set aside for an order."""

    state: str
    lines: dict[str, int]
    returned: dict[str, int] = field(default_factory=dict)


class FakeStock:
    """Copies by book, and what became of those set aside."""

    def __init__(self, faults: Faults, available: Mapping[str, int]) -> None:
        self._faults = faults
        self.available = dict(available)
        self.reservations: dict[str, Reservation] = {}
        self._keys: set[str] = set()

    def reserve(self, order: Order) -> None:
        """Sets the printed copies aside."""
        self._faults.through("reserve", lambda: self._reserve(order))

    def _reserve(self, order: Order) -> None:
        lines = {line.book: line.quantity for line in order.printed}
        known = self.reservations.get(order.id)
        if known is not None:
            if known.state not in ("ACTIVE", "COMMITTED"):
                raise StepRefused("CHECKOUT_TIMEOUT")
            assert known.lines == lines
            return
        if any(self.available.get(book, 0) < quantity for book, quantity in lines.items()):
            raise StepRefused("OUT_OF_STOCK")
        self._move(lines, -1)
        self.reservations[order.id] = Reservation(state="ACTIVE", lines=lines)

    def commit(self, order: Order) -> None:
        """Takes the copies that were set aside."""
        self._faults.through("commit", lambda: self._commit(order))

    def _commit(self, order: Order) -> None:
        reservation = self.reservations[order.id]
        if reservation.state == "RELEASED":
            raise Unexpected(incident="released")
        reservation.state = "COMMITTED"

    def release(self, order: Order, copies: Sequence[Copies] | None, *, key: str) -> None:
        """Gives copies back."""
        lines = None if copies is None else {part.book: part.quantity for part in copies}
        self._faults.through("release", lambda: self._release(order, lines, key))

    def _release(self, order: Order, lines: dict[str, int] | None, key: str) -> None:
        reservation = self.reservations.setdefault(order.id, Reservation(state="RELEASED", lines={}))
        if reservation.state == "ACTIVE":
            reservation.state = "RELEASED"
            self._move(reservation.lines, 1)
        elif reservation.state == "COMMITTED" and key not in self._keys:
            back = lines or {
                book: quantity - reservation.returned.get(book, 0) for book, quantity in reservation.lines.items()
            }
            for book, quantity in back.items():
                reservation.returned[book] = reservation.returned.get(book, 0) + quantity
                assert reservation.returned[book] <= reservation.lines[book]
            self._move(back, 1)
            if reservation.returned == reservation.lines:
                reservation.state = "RELEASED"
        self._keys.add(key)

    def _move(self, lines: Mapping[str, int], sign: int) -> None:
        for book, quantity in lines.items():
            self.available[book] += sign * quantity


class FakeCoupons:
    """Uses of the coupon SAVE10, `limit` of them at most."""

    def __init__(self, faults: Faults, limit: int = 100) -> None:
        self._faults = faults
        self.limit = limit
        self.uses: dict[tuple[str, str], str] = {}

    def redeem(self, order: Order, coupon: str) -> None:
        """Counts a use."""
        self._faults.through("redeem", lambda: self._redeem(order.id, coupon))

    def _redeem(self, order_id: str, coupon: str) -> None:
        state = self.uses.get((order_id, coupon))
        if state == "RELEASED" or (state is None and list(self.uses.values()).count("REDEEMED") >= self.limit):
            raise StepRefused("COUPON_UNAVAILABLE")
        self.uses[order_id, coupon] = "REDEEMED"

    def release(self, order: Order, coupon: str) -> None:
        """Takes the use back."""
        self._faults.through("unredeem", lambda: self.uses.update({(order.id, coupon): "RELEASED"}))


@dataclass(slots=True)
class Payment:
    """What the provider holds, charged and paid back, in cents; `asked` counts how often it was asked."""

    state: str
    amount: int
    charges: list[int] = field(default_factory=list)
    refunds: dict[str, int] = field(default_factory=dict)
    asked: int = 0

    @property
    def net(self) -> int:
        """What the buyer has paid in the end."""
        return sum(self.charges) - sum(self.refunds.values())


class FakePayments:
    """A provider that knows pm_ok, pm_declined, pm_insufficient_funds and pm_slow, which answers the third time."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self.payments: dict[str, Payment] = {}

    def authorize(self, order: Order) -> None:
        """Holds the total."""
        self._faults.through("authorize", lambda: self._authorize(order))

    def _authorize(self, order: Order) -> None:
        payment = self.payments.setdefault(order.id, Payment(state="PENDING", amount=order.total.minor))
        payment.asked += 1
        if payment.state == "VOIDED":
            raise StepRefused("CHECKOUT_TIMEOUT")
        assert payment.amount == order.total.minor
        if order.payment_method in ("pm_declined", "pm_insufficient_funds"):
            payment.state = "DECLINED"
            insufficient = order.payment_method == "pm_insufficient_funds"
            raise StepRefused("INSUFFICIENT_FUNDS" if insufficient else "PAYMENT_DECLINED")
        if payment.state == "PENDING":
            if order.payment_method == "pm_slow" and payment.asked < 3:
                raise StepUnfinished("the provider is silent")
            payment.state = "AUTHORIZED"

    def capture(self, order: Order) -> None:
        """Charges the total."""
        self._faults.through("capture", lambda: self._capture(self.payments[order.id]))

    def _capture(self, payment: Payment) -> None:
        if payment.state == "AUTHORIZED":
            payment.state = "CAPTURED"
            payment.charges.append(payment.amount)
        elif payment.state != "CAPTURED":
            raise Unexpected(incident="captured")

    def void(self, order: Order) -> bool:
        """Gives the hold up."""
        return self._faults.through("void", lambda: self._void(order.id))

    def _void(self, order_id: str) -> bool:
        payment = self.payments.setdefault(order_id, Payment(state="VOIDED", amount=0))
        if payment.state == "CAPTURED":
            return False
        if payment.state != "DECLINED":
            payment.state = "VOIDED"
        return True

    def refund(self, order: Order, amount: Money, *, key: str) -> None:
        """Pays back."""
        self._faults.through("refund", lambda: self._refund(self.payments[order.id], amount.minor, key))

    def _refund(self, payment: Payment, amount: int, key: str) -> None:
        assert payment.state == "CAPTURED"
        assert payment.refunds.setdefault(key, amount) == amount
        assert payment.net >= 0


class Shop:
    """All of it, with 5 copies each of three printed books, and a file."""

    def __init__(self, *, copies: int = 5, shipping: int = 0) -> None:
        self.faults = Faults()
        self.carts = FakeCarts()
        self.prices = FakePrices(
            {
                "books/dune": Book(price=999),
                "books/emma": Book(price=1450),
                "books/ulysses": Book(price=2000),
                "books/ebook": Book(price=333, digital=True),
                "books/gift": Book(price=0, digital=True),
            },
            shipping,
        )
        self.copies = copies
        self.stock = FakeStock(self.faults, {f"books/{book}": copies for book in ("dune", "emma", "ulysses")})
        self.coupons = FakeCoupons(self.faults)
        self.payments = FakePayments(self.faults)

    @property
    def remotes(self) -> RemoteServices:
        """The ports."""
        return RemoteServices(
            carts=self.carts, prices=self.prices, stock=self.stock, coupons=self.coupons, payments=self.payments
        )

    def net_charge(self, order_id: str) -> int:
        """What the buyer has paid for an order in the end, in cents."""
        payment = self.payments.payments.get(order_id)
        return payment.net if payment is not None else 0

    def sold(self) -> dict[str, int]:
        """Copies that left or are set aside, by book."""
        return {book: self.copies - left for book, left in self.stock.available.items() if left != self.copies}
