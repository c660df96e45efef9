"""Puts payments together."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from bookstore.payments.v1.payments_service_pb2_grpc import add_PaymentServiceServicer_to_server

from chassis.service import Runtime, Service, Servicer
from chassis.worker import Worker
from services.payments.api import PaymentsApi
from services.payments.journal import PaymentJournal
from services.payments.processor import PaymentProcessor
from services.payments.provider import GuardedProvider
from services.payments.queries import PaymentQueries
from services.payments.sandbox import SandboxProvider

_ASK_EVERY: Final = timedelta(seconds=1)


def build(runtime: Runtime) -> Service:
    """The payment service."""
    collecting = PaymentProcessor(
        database=runtime.database,
        recording=PaymentJournal(clock=runtime.clock, outbox=runtime.outbox),
        provider=GuardedProvider(SandboxProvider(runtime.database, runtime.clock), runtime.clock),
    )
    api = PaymentsApi(queries=PaymentQueries(runtime.database), collecting=collecting)
    return Service(
        name="payments",
        servicers=(Servicer(add_PaymentServiceServicer_to_server, api),),
        workers=(Worker("ask-provider", _ASK_EVERY, collecting.resume),),
    )
