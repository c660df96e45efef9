"""One run of the saga over an order: takes steps in a limited time and remembers what came of each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final, TypeVar

import structlog

from chassis.call import Call, remaining, serving
from chassis.kernel import ANONYMOUS, Clock, ServiceError
from chassis.kernel.clock import monotonic
from services.orders.order import TOWARDS_CONFIRMATION, Order, Step
from services.orders.ports import StepRefused, StepUnfinished
from services.orders.saga_store import Outcome, StepRecord

T = TypeVar("T")

_LONGEST_MARGIN: Final = 0.5  # seconds kept back from the caller's deadline to write down how far it came and answer
_MARGIN_SHARE: Final = 0.25  # of a short deadline

_log = structlog.get_logger(__name__)


class StepFailed(Exception):
    """A step gave no certain answer: it may have had its effect or not. To be taken again under the same key."""


class Run:
    """A run has `budget` at most, less when the current call has less.

    Its steps are made in the service's own name, never the buyer's, whose token may have expired when one is repeated.
    """

    def __init__(self, order: Order, *, clock: Clock, budget: timedelta) -> None:
        self._order = order.name
        self._clock = clock
        self._deadline = monotonic() + _seconds(budget)
        self._records: list[StepRecord] = []
        self.reached: Step | None = None
        """The furthest step before the pivot that this run has begun."""

    def take_records(self) -> list[StepRecord]:
        """What came of the steps since the last time; to be written with the next decision."""
        records, self._records = self._records, []
        return records

    def step(self, step: Step, act: Callable[[], T]) -> T:
        """Takes a step. Raises StepRefused, and StepFailed when nothing certain is known."""
        if step in TOWARDS_CONFIRMATION:
            self.reached = step
        try:
            with serving(Call(caller=ANONYMOUS, deadline=self._deadline)):
                result = act()
        except StepRefused as refusal:
            self._note(step, Outcome.REFUSED, refusal.reason)
            raise
        except (ServiceError, StepUnfinished) as error:
            detail = f"{error.reason}: {error.message}" if isinstance(error, ServiceError) else str(error)
            self._note(step, Outcome.FAILED, detail)
            _log.warning("saga step failed", order=self._order, step=step, detail=detail)
            raise StepFailed(step) from error
        self._note(step, Outcome.DONE, "")
        return result

    def _note(self, step: Step, outcome: Outcome, detail: str) -> None:
        self._records.append(StepRecord(step=step, outcome=outcome, detail=detail, time=self._clock.now()))


def _seconds(budget: timedelta) -> float:
    left = remaining()
    if left is None:
        return budget.total_seconds()
    return min(budget.total_seconds(), left - min(_LONGEST_MARGIN, left * _MARGIN_SHARE))
