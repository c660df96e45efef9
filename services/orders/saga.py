"""The checkout saga and what gives its effects back (docs/adr/0005).

An order carries the work that is left. Each stage takes its steps at other services and comes to a decision, which is
written in one transaction before the next stage acts on it: confirm, give up, rejected, settled. A step is repeated
under the order's own key until its answer is certain. Before the pivot a refusal or the time limit turns the saga
around; after it only forward is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from typing import Final
from uuid import NAMESPACE_URL, uuid5  # noqa: TID251  # keys are derived from names, nothing is drawn

import structlog

from chassis.database import Database
from chassis.kernel import Backoff, Clock, Money, ServiceError
from services.orders import events, saga_store
from services.orders.metrics import Metrics
from services.orders.order import (
    CHECKOUT_TIMEOUT,
    FIRST_FENCE,
    TOWARDS_CONFIRMATION,
    Order,
    Step,
    Work,
)
from services.orders.ports import Coupons, Payments, RemoteServices, StepRefused, Stock
from services.orders.saga_run import Run, StepFailed
from services.orders.saga_worker import ClaimLost, Decision, OrderLeases
from services.orders.settings import OrdersSettings

_FIRST_PAUSE: Final = timedelta(seconds=0.5)
_LONGEST_PAUSE_OF_A_CHECKOUT: Final = timedelta(seconds=4)
"""Somebody waits for it, and its time is limited: a service that is back must be met again well before it is over."""
_BUDGET_SHARE: Final = 0.85
"""Of a claim's duration: a run ends before its claim does, so that no two are at one order in the normal course."""
_ORDERS_AT_A_TIME: Final = 50

_log = structlog.get_logger(__name__)


class Saga:
    """Takes orders as far as they go."""

    def __init__(
        self,
        database: Database,
        claims: OrderLeases,
        remotes: RemoteServices,
        *,
        clock: Clock,
        settings: OrdersSettings,
        metrics: Metrics,
    ) -> None:
        self._database = database
        self._claims = claims
        self._stock: Stock = remotes.stock
        self._coupons: Coupons = remotes.coupons
        self._payments: Payments = remotes.payments
        self._clock = clock
        self._settings = settings
        self._backoff = Backoff(first=_FIRST_PAUSE, longest=settings.longest_pause)
        self._metrics = metrics
        self._stages: Mapping[Work, Callable[[Order, Run], Decision]] = {
            Work.CHECKOUT: self._check_out,
            Work.REJECTING: self._reject,
            Work.SETTLING: self._settle,
            Work.REFUNDING: self._refund,
            Work.CANCELLING: self._cancel,
        }

    def resume(self, order_id: str) -> Order | None:
        """Goes on with an order; answers it as it is then, None when there is nothing to do or somebody is at it.

        What goes wrong is not the caller's: what was decided is stored, and the worker goes on from there.
        """
        try:
            order = self._claims.take(order_id)
        except ServiceError as error:
            _log.warning("order left to the worker", order_id=order_id, reason=error.reason)
            return None
        return None if order is None else self.run(order)

    def resume_due(self) -> None:
        """Goes on with the orders that nobody is at, a limited number; for a Worker."""
        for _ in range(_ORDERS_AT_A_TIME):
            order = self._claims.take_next()
            if order is None:
                return
            try:
                self.run(order)
            except Exception as error:  # noqa: BLE001  # a defect that one order meets must not hold up the others
                _log.error("order cannot be worked on", order=order.name, work=order.progress.work, exc_info=error)

    def run(self, order: Order) -> Order:
        """Takes a claimed order as far as it goes in the time there is; answers it as it is then."""
        run = Run(order, clock=self._clock, budget=self._settings.claim * _BUDGET_SHARE)
        try:
            while order.progress.work is not Work.NONE:
                decision = self._decided(order, run)
                before, order = order, self._claims.write(order, decision, run.take_records())
                self._metrics.moved(before, order)
                if not decision.goes_on:
                    break
        except ClaimLost:
            _log.warning("somebody else took the order up", order=order.name, fence=order.progress.fence)
            return self._claims.find(order.id) or order
        except ServiceError as error:  # our own database; what was decided last stands, the worker goes on from there
            _log.warning("order left to the worker", order=order.name, reason=error.reason)
        return order

    def _decided(self, order: Order, run: Run) -> Decision:
        try:
            return self._stages[order.progress.work](order, run)
        except StepFailed:
            return self._postponed(order, run)

    # Stages -----------------------------------------------------------------------------------------------------------

    def _check_out(self, order: Order, run: Run) -> Decision:
        try:
            if self._clock.now() >= order.create_time + self._settings.checkout_limit:
                raise StepRefused(CHECKOUT_TIMEOUT)
            for step, act in self._forward(order):
                run.step(step, act)
        except StepRefused as refusal:
            reason, reached = refusal.reason, self._reached(order, run)
            return Decision(change=lambda current: current.give_up(reason, reached))
        now = self._clock.now()
        return Decision(change=lambda current: current.confirm(now), event=events.order_confirmed)

    def _forward(self, order: Order) -> Iterator[tuple[Step, Callable[[], None]]]:
        if order.printed:
            yield Step.RESERVE_STOCK, partial(self._stock.reserve, order)
        for coupon in order.coupons:
            yield Step.REDEEM_COUPON, partial(self._coupons.redeem, order, coupon)
        if order.total:
            yield Step.AUTHORIZE_PAYMENT, partial(self._payments.authorize, order)

    def _reject(self, order: Order, run: Run) -> Decision:
        if order.total and order.may_have_begun(Step.AUTHORIZE_PAYMENT):
            run.step(Step.VOID_PAYMENT, partial(self._payments.void, order))
        if order.may_have_begun(Step.REDEEM_COUPON):
            self._release_coupons(order, run)
        if order.printed and order.may_have_begun(Step.RESERVE_STOCK):
            run.step(Step.RELEASE_STOCK, partial(self._stock.release, order, None, key=_key(order, "release")))
        now = self._clock.now()
        return Decision(change=lambda current: current.reject(now), event=events.order_rejected)

    def _settle(self, order: Order, run: Run) -> Decision:
        if order.printed:
            run.step(Step.COMMIT_STOCK, partial(self._stock.commit, order))
        if order.total:
            run.step(Step.CAPTURE_PAYMENT, partial(self._payments.capture, order))
        return Decision(change=Order.settle)

    def _refund(self, order: Order, run: Run) -> Decision:
        self._carry_out_refunds(order, run)
        return Decision(change=Order.settle, closes_refunds=True)

    def _cancel(self, order: Order, run: Run) -> Decision:
        self._carry_out_refunds(order, run)
        paid_back = Money.zero(order.total.currency)
        if order.total and not run.step(Step.VOID_PAYMENT, partial(self._payments.void, order)):
            paid_back = order.total - order.refunded
            self._pay_back(order, run, paid_back, "cancel")
        self._release_coupons(order, run)
        if order.printed:
            copies = None
            if any(line.refunded_quantity for line in order.lines):  # those were dealt with by their refunds
                copies = [line.remaining for line in order.printed if line.left]
            if copies is None or copies:
                run.step(Step.RELEASE_STOCK, partial(self._stock.release, order, copies, key=_key(order, "release")))
        now = self._clock.now()
        return Decision(change=lambda current: current.settle_cancellation(paid_back, now), closes_refunds=True)

    def _carry_out_refunds(self, order: Order, run: Run) -> None:
        for refund in self._database.read(lambda connection: saga_store.open_refunds(connection, order.id)):
            self._pay_back(order, run, refund.amount, f"refund/{refund.id}")
            printed = [copies for copies in refund.copies if not copies.digital]
            if refund.restock and printed:
                key = _key(order, f"refund/{refund.id}/stock")
                run.step(Step.RELEASE_STOCK, partial(self._stock.release, order, printed, key=key))

    def _pay_back(self, order: Order, run: Run, amount: Money, purpose: str) -> None:
        if amount:
            key = _key(order, purpose)
            run.step(Step.REFUND_PAYMENT, partial(self._payments.refund, order, amount, key=key))

    def _release_coupons(self, order: Order, run: Run) -> None:
        for coupon in reversed(order.coupons):
            run.step(Step.RELEASE_COUPON, partial(self._coupons.release, order, coupon))

    def _postponed(self, order: Order, run: Run) -> Decision:
        progress, now = order.progress, self._clock.now()
        until, reached = now + self._backoff.pause(progress.attempts + 1), progress.reached
        if progress.work is Work.CHECKOUT:
            limit = max(now, order.create_time + self._settings.checkout_limit)
            until, reached = min(until, now + _LONGEST_PAUSE_OF_A_CHECKOUT, limit), self._reached(order, run)
        return Decision(change=lambda current: current.postpone(until, reached, now), goes_on=False)

    def _reached(self, order: Order, run: Run) -> Step | None:
        """The furthest step that may have been begun: by anybody, once another one than this run had the order."""
        return run.reached if order.progress.fence == FIRST_FENCE else TOWARDS_CONFIRMATION[-1]


def _key(order: Order, purpose: str) -> str:
    """The key of one effect: the same in every attempt, another for every purpose."""
    return str(uuid5(NAMESPACE_URL, f"{order.name}/{purpose}"))
