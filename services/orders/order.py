"""Orders: their states, the one table of transitions, and what each change means for the work that is left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from bookstore.orders.v1.orders_errors import LineNotFound, OrderStateInvalid, PaymentPending

from chassis.kernel import Money, check_etag
from services.orders.order_lines import Copies, OrderLine

CHECKOUT_TIMEOUT: Final = "CHECKOUT_TIMEOUT"
"""reject_reason of an order that was not confirmed in the time allowed."""
FIRST_FENCE: Final = 1
"""Fencing number of whoever places an order; a higher one means that somebody else may have taken steps too."""


class State(StrEnum):
    """How far an order has come."""

    PENDING = "PENDING"
    CONFIRMED = "CONFIRMED"
    SHIPPED = "SHIPPED"
    DELIVERED = "DELIVERED"
    REJECTED = "REJECTED"
    CANCELLED = "CANCELLED"
    REFUNDED = "REFUNDED"


TRANSITIONS: Final[Mapping[State, frozenset[State]]] = {
    State.PENDING: frozenset({State.CONFIRMED, State.REJECTED}),
    State.CONFIRMED: frozenset({State.SHIPPED, State.CANCELLED, State.REFUNDED}),
    State.SHIPPED: frozenset({State.DELIVERED, State.REFUNDED}),
    State.DELIVERED: frozenset({State.REFUNDED}),
    State.REJECTED: frozenset(),
    State.CANCELLED: frozenset(),
    State.REFUNDED: frozenset(),
}
"""Where each state may lead; there is no other way."""

WATCHED_TO_THE_END: Final = frozenset({State.DELIVERED, State.REJECTED, State.CANCELLED, State.REFUNDED})
"""States at which whoever watches an order is told that nothing follows."""


class Work(StrEnum):
    """What the saga still has to do for an order; persisted before it is begun."""

    NONE = "NONE"
    CHECKOUT = "CHECKOUT"  # secure stock, coupons and money, then confirm: the pivot
    REJECTING = "REJECTING"  # give all of it back, then reject
    SETTLING = "SETTLING"  # take the stock, charge the buyer; until it succeeds
    REFUNDING = "REFUNDING"  # pay back what was decided, until it succeeds
    CANCELLING = "CANCELLING"  # give everything back, until it succeeds


class Step(StrEnum):
    """What the saga asks of another service."""

    RESERVE_STOCK = "RESERVE_STOCK"
    REDEEM_COUPON = "REDEEM_COUPON"
    AUTHORIZE_PAYMENT = "AUTHORIZE_PAYMENT"
    COMMIT_STOCK = "COMMIT_STOCK"
    CAPTURE_PAYMENT = "CAPTURE_PAYMENT"
    VOID_PAYMENT = "VOID_PAYMENT"
    REFUND_PAYMENT = "REFUND_PAYMENT"
    RELEASE_COUPON = "RELEASE_COUPON"
    RELEASE_STOCK = "RELEASE_STOCK"


TOWARDS_CONFIRMATION: Final = (Step.RESERVE_STOCK, Step.REDEEM_COUPON, Step.AUTHORIZE_PAYMENT)
"""The steps before the pivot, in their order; compensation goes the other way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where the saga stands. `fence` grows with each claim; `due` is when somebody may take the order up again.

    `reached` is the furthest step before the pivot that may have been begun; None is none.
    """

    work: Work = Work.CHECKOUT
    fence: int = FIRST_FENCE
    due: datetime | None = None
    attempts: int = 0
    reached: Step | None = None

    def turn_to(self, work: Work, *, reached: Step | None) -> Progress:
        """Whoever has the order goes on with another work."""
        return replace(self, work=work, attempts=0, reached=reached)

    def take_over(self, work: Work, now: datetime) -> Progress:
        """There is other work from now on, and whoever had the order before can write no more."""
        return replace(self, work=work, attempts=0, fence=self.fence + 1, due=now)

    def finish(self) -> Progress:
        """Nothing is left to do."""
        return replace(self, work=Work.NONE, attempts=0, due=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A state an order came to, at which version, when and why."""

    state: State
    version: int
    time: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipment:
    """How a parcel travels."""

    carrier: str
    tracking_code: str
    ship_time: datetime
    deliver_time: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Copies that are paid back, decided once and carried out until it succeeds; `id` is its key."""

    id: str
    copies: tuple[Copies, ...]
    amount: Money
    restock: bool
    complete: bool
    reason: str
    time: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One purchase. `quote` and `shipping_address` are kept as they were sent, for reading only."""

    id: str
    user: str
    cart: str
    lines: tuple[OrderLine, ...]
    coupons: tuple[str, ...]
    total: Money
    quote: bytes = field(repr=False)
    payment_method: str
    shipping_address: bytes | None = field(repr=False)
    create_time: datetime
    update_time: datetime
    refunded: Money
    history: tuple[Transition, ...]
    progress: Progress
    state: State = State.PENDING
    reject_reason: str = ""
    shipment: Shipment | None = None
    version: int = 1

    @property
    def name(self) -> str:
        """Resource name, `orders/{id}`."""
        return order_name(self.id)

    @property
    def printed(self) -> tuple[OrderLine, ...]:
        """The lines that need stock and a parcel."""
        return tuple(line for line in self.lines if not line.digital)

    @property
    def payment(self) -> str:
        """Name of the payment; empty when none was asked for."""
        return payment_name(self.id, self.total.minor, self.progress.reached)

    def may_have_begun(self, step: Step) -> bool:
        """Whether the step before the pivot may have had an effect, as far as is recorded."""
        reached = self.progress.reached
        return reached is not None and TOWARDS_CONFIRMATION.index(step) <= TOWARDS_CONFIRMATION.index(reached)

    # The saga ---------------------------------------------------------------------------------------------------------

    def confirm(self, now: datetime) -> Order:
        """The pivot: stock and money are secured, the shop owes the books."""
        progress = self.progress.turn_to(Work.SETTLING, reached=Step.AUTHORIZE_PAYMENT)
        return self._to(State.CONFIRMED, now, progress=progress)

    def give_up(self, reason: str, reached: Step | None) -> Order:
        """The decision to reject; the steps up to `reached` are to be undone first. Raises OrderStateInvalid."""
        self._require(State.REJECTED)
        progress = self.progress.turn_to(Work.REJECTING, reached=reached)
        return replace(self, reject_reason=reason, progress=progress)

    def reject(self, now: datetime) -> Order:
        """The end of a checkout that failed: nothing is charged, nothing is reserved."""
        return self._to(State.REJECTED, now, reason=self.reject_reason, progress=self.progress.finish())

    def settle(self) -> Order:
        """Nothing is left to do."""
        return replace(self, progress=self.progress.finish())

    def settle_cancellation(self, paid_back: Money, now: datetime) -> Order:
        """Nothing is left to do; `paid_back` had been charged before."""
        settled = self.settle()
        if not paid_back:
            return settled
        return replace(settled, refunded=self.refunded + paid_back, version=self.version + 1, update_time=now)

    def postpone(self, until: datetime, reached: Step | None, now: datetime) -> Order:
        """To be tried again at `until`."""
        progress = replace(self.progress, due=until, attempts=self.progress.attempts + 1, reached=reached)
        after = replace(self, progress=progress)
        return after if after.payment == self.payment else replace(after, version=self.version + 1, update_time=now)

    def claim(self, until: datetime) -> Order:
        """Taken by somebody until then; whoever had it before can write no more."""
        return replace(self, progress=replace(self.progress, fence=self.progress.fence + 1, due=until))

    # What people ask for ----------------------------------------------------------------------------------------------

    def cancel(self, *, reason: str, etag: str, now: datetime) -> Order:
        """The order called off; itself when it is already. Raises OrderStateInvalid and EtagMismatch."""
        if self.state is State.CANCELLED:
            return self
        check_etag(etag, self.version)
        progress = self.progress.take_over(Work.CANCELLING, now)
        return self._to(State.CANCELLED, now, reason=reason, progress=progress)

    def refund(
        self, key: str, quantities: Mapping[str, int], *, restock: bool, reason: str, etag: str, now: datetime
    ) -> tuple[Order, Refund]:
        """The order with copies paid back (by book; none named: all that are left) and the refund to carry out.

        The last copy takes everything else with it that was charged, shipping above all. Raises OrderStateInvalid,
        EtagMismatch, PaymentPending, LineNotFound and RefundExceedsOrder.
        """
        self._require(State.REFUNDED)
        check_etag(etag, self.version)
        if self.progress.work is Work.SETTLING:
            raise PaymentPending(order=self.name)
        lines, copies = self._without(quantities or {line.book: line.left for line in self.lines if line.left})
        complete = not any(line.left for line in lines)
        amount = sum((part.amount for part in copies), start=Money.zero(self.total.currency))
        if complete:
            amount = self.total - self.refunded
        refund = Refund(
            id=key, copies=copies, amount=amount, restock=restock, complete=complete, reason=reason, time=now
        )
        changes: dict[str, Any] = {
            "lines": lines,
            "refunded": self.refunded + amount,
            "progress": self.progress.take_over(Work.REFUNDING, now),
        }
        if complete:
            return self._to(State.REFUNDED, now, reason=reason, **changes), refund
        return replace(self, version=self.version + 1, update_time=now, **changes), refund

    def ship(self, *, carrier: str, tracking_code: str, etag: str, now: datetime) -> Order:
        """The parcel left the house; itself when it had. Raises OrderStateInvalid and EtagMismatch."""
        if self.state is State.SHIPPED:
            return self
        check_etag(etag, self.version)
        shipment = Shipment(carrier=carrier, tracking_code=tracking_code, ship_time=now)
        return self._to(State.SHIPPED, now, shipment=shipment)

    def deliver(self, *, etag: str, now: datetime) -> Order:
        """The parcel arrived; itself when it had. Raises OrderStateInvalid and EtagMismatch."""
        if self.state is State.DELIVERED:
            return self
        check_etag(etag, self.version)
        self._require(State.DELIVERED)
        assert self.shipment is not None  # only SHIPPED leads here
        return self._to(State.DELIVERED, now, shipment=replace(self.shipment, deliver_time=now))

    def _without(self, quantities: Mapping[str, int]) -> tuple[tuple[OrderLine, ...], tuple[Copies, ...]]:
        by_book = {line.book: line for line in self.lines}
        copies: list[Copies] = []
        for book, quantity in quantities.items():
            if book not in by_book:
                raise LineNotFound(book=book)
            by_book[book], part = by_book[book].refund(quantity)
            copies.append(part)
        return tuple(by_book.values()), tuple(copies)

    def _require(self, state: State) -> None:
        if state not in TRANSITIONS[self.state]:
            raise OrderStateInvalid(order=self.name, state=self.state, target=state)

    def _to(self, state: State, now: datetime, *, reason: str = "", **changes: Any) -> Order:
        self._require(state)
        version = self.version + 1
        reached = Transition(state=state, version=version, time=now, reason=reason)
        return replace(self, state=state, version=version, update_time=now, history=(*self.history, reached), **changes)


def order_name(order_id: str) -> str:
    """The resource name of the order with the given id."""
    return f"orders/{order_id}"


def payment_name(order_id: str, total_minor: int, reached: str | None) -> str:
    """Returns the name of an order's payment; empty when none was asked for before the furthest step it reached."""
    return f"payments/{order_id}" if total_minor and reached == Step.AUTHORIZE_PAYMENT else ""
