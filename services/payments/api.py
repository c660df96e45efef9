"""The front door of payments."""

from __future__ import annotations

import grpc
from bookstore.payments.v1 import payment_pb2
from bookstore.payments.v1 import payments_service_pb2 as contract
from bookstore.payments.v1.payments_service_pb2_grpc import PaymentServiceServicer

from chassis.call import caller
from chassis.paging import page_request
from chassis.requests import id_in
from chassis.wire import money_from
from services.payments.convert import charge_of, payment_message
from services.payments.processor import PaymentProcessor
from services.payments.queries import PaymentQueries


class PaymentsApi(PaymentServiceServicer):
    """Serves bookstore.payments.v1.PaymentService."""

    def __init__(self, *, queries: PaymentQueries, collecting: PaymentProcessor) -> None:
        self._queries = queries
        self._collecting = collecting

    def GetPayment(self, request: contract.GetPaymentRequest, context: grpc.ServicerContext) -> payment_pb2.Payment:
        """One payment."""
        return self._queries.payment(id_in("payments", request.name), caller())

    def ListPayments(
        self, request: contract.ListPaymentsRequest, context: grpc.ServicerContext
    ) -> contract.ListPaymentsResponse:
        """A page of payments."""
        page = self._queries.page(request.filter, request.order_by, page_request(request))
        return contract.ListPaymentsResponse(payments=page.items, next_page_token=page.next_page_token)

    def GetTrialBalance(
        self, request: contract.GetTrialBalanceRequest, context: grpc.ServicerContext
    ) -> payment_pb2.TrialBalance:
        """The balance of every account."""
        return self._queries.trial_balance()

    def AuthorizePayment(
        self, request: contract.AuthorizePaymentRequest, context: grpc.ServicerContext
    ) -> payment_pb2.Payment:
        """Holds an amount."""
        return payment_message(self._collecting.authorize(charge_of(request)))

    def CapturePayment(
        self, request: contract.CapturePaymentRequest, context: grpc.ServicerContext
    ) -> payment_pb2.Payment:
        """Charges what is held."""
        return payment_message(self._collecting.capture(id_in("payments", request.name)))

    def VoidPayment(self, request: contract.VoidPaymentRequest, context: grpc.ServicerContext) -> payment_pb2.Payment:
        """Gives up the hold."""
        return payment_message(self._collecting.void(id_in("payments", request.name)))

    def RefundPayment(
        self, request: contract.RefundPaymentRequest, context: grpc.ServicerContext
    ) -> payment_pb2.Payment:
        """Pays back. The refund itself is what a repeat is recognised by: it answers the payment as it is now."""
        payment_id, amount = id_in("payments", request.name), money_from(request.amount, field="amount")
        return payment_message(self._collecting.refund(payment_id, amount, request_id=request.request_id))
