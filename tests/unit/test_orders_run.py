"""A run of the saga keeps time: for its steps, and for writing down what came of them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chassis.call import Call, caller, remaining, serving
from chassis.kernel import Caller
from chassis.kernel.clock import monotonic
from chassis.testing import FakeClock
from chassis.v1.platform_errors import DeadlinePassed
from services.orders.order import Step
from services.orders.ports import StepRefused
from services.orders.saga_run import Run, StepFailed
from services.orders.saga_store import Outcome
from tests.unit.test_orders_domain import an_order

BUDGET = timedelta(seconds=7)


def a_run() -> Run:
    return Run(an_order(), clock=FakeClock(), budget=BUDGET)


def test_in_the_background_a_step_has_the_budget_of_the_run_and_no_user() -> None:
    assert remaining() is None
    run = a_run()
    left = run.step(Step.CAPTURE_PAYMENT, remaining)
    assert left is not None
    assert 6.5 < left <= 7
    assert run.step(Step.CAPTURE_PAYMENT, caller).user is None


@pytest.mark.parametrize(("call", "step"), [(1.0, 0.75), (4.0, 3.5), (60.0, 7.0)])
def test_in_a_call_time_is_kept_back_to_answer_it(call: float, step: float) -> None:
    with serving(Call(caller=Caller(user="users/ada"), deadline=monotonic() + call)):
        run = a_run()
        left = run.step(Step.RESERVE_STOCK, remaining)
        assert left is not None
        assert step - 0.2 < left <= step
        assert run.step(Step.RESERVE_STOCK, caller).user is None  # the token may expire before a repetition
        after = remaining()
        assert after is not None
        assert after > left or call > BUDGET.total_seconds()


def test_what_came_of_steps_is_remembered_once() -> None:
    run = a_run()

    def refuse() -> None:
        raise StepRefused("OUT_OF_STOCK")

    def fail() -> None:
        raise DeadlinePassed(detail="too late")

    run.step(Step.RESERVE_STOCK, lambda: None)
    with pytest.raises(StepRefused):
        run.step(Step.REDEEM_COUPON, refuse)
    with pytest.raises(StepFailed):
        run.step(Step.VOID_PAYMENT, fail)
    assert run.reached is Step.REDEEM_COUPON
    assert [(record.step, record.outcome, record.detail) for record in run.take_records()] == [
        (Step.RESERVE_STOCK, Outcome.DONE, ""),
        (Step.REDEEM_COUPON, Outcome.REFUSED, "OUT_OF_STOCK"),
        (Step.VOID_PAYMENT, Outcome.FAILED, "DEADLINE_PASSED: too late"),
    ]
    assert run.take_records() == []
