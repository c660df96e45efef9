"""The front door of promotions."""

from __future__ import annotations

import grpc
from bookstore.promotions.v1 import coupon_redemption_pb2, promotion_pb2, quote_pb2
from bookstore.promotions.v1 import promotions_service_pb2 as contract
from bookstore.promotions.v1.promotions_service_pb2_grpc import PromotionServiceServicer
from google.protobuf.empty_pb2 import Empty

from chassis.call import caller
from chassis.idempotency import Answers
from chassis.kernel import Clock
from chassis.paging import page_request
from chassis.requests import id_in
from services.promotions.domain import Promotion
from services.promotions.keeping import Keeping
from services.promotions.messages import (
    changes_of,
    coupons_of,
    promotion_message,
    quantities_of,
    redemption_message,
    terms_of,
)
from services.promotions.quote_messages import quote_message
from services.promotions.quoting import Quoting
from services.promotions.redeeming import Redeeming


class PromotionsApi(PromotionServiceServicer):
    """Serves bookstore.promotions.v1.PromotionService."""

    def __init__(
        self, *, keeping: Keeping, quoting: Quoting, redeeming: Redeeming, answers: Answers, clock: Clock
    ) -> None:
        self._keeping = keeping
        self._quoting = quoting
        self._redeeming = redeeming
        self._answers = answers
        self._clock = clock

    def ListPromotions(
        self, request: contract.ListPromotionsRequest, context: grpc.ServicerContext
    ) -> contract.ListPromotionsResponse:
        """A page of promotions."""
        page = self._keeping.page(page_request(request), caller(), show_all=request.show_all)
        promotions = [self._message(promotion) for promotion in page.items]
        return contract.ListPromotionsResponse(promotions=promotions, next_page_token=page.next_page_token)

    def GetPromotion(
        self, request: contract.GetPromotionRequest, context: grpc.ServicerContext
    ) -> promotion_pb2.Promotion:
        """One promotion."""
        return self._message(self._keeping.promotion(id_in("promotions", request.name), caller()))

    def CreatePromotion(
        self, request: contract.CreatePromotionRequest, context: grpc.ServicerContext
    ) -> promotion_pb2.Promotion:
        """Makes a promotion."""
        terms = terms_of(request.promotion, self._clock.now())
        return self._answers.transact(
            lambda tx: self._message(self._keeping.create(tx, terms, promotion_id=request.promotion_id))
        )

    def UpdatePromotion(
        self, request: contract.UpdatePromotionRequest, context: grpc.ServicerContext
    ) -> promotion_pb2.Promotion:
        """Changes terms of a promotion."""
        target = id_in("promotions", request.promotion.name, field="promotion.name")
        changes = changes_of(request.promotion, request.update_mask, self._clock.now())
        return self._answers.transact(
            lambda tx: self._message(self._keeping.update(tx, target, changes, etag=request.promotion.etag))
        )

    def DeletePromotion(self, request: contract.DeletePromotionRequest, context: grpc.ServicerContext) -> Empty:
        """Ends a promotion for good."""
        target = id_in("promotions", request.name)
        return self._answers.transact(lambda tx: _done(self._keeping.delete(tx, target, etag=request.etag)))

    def PriceBasket(self, request: contract.PriceBasketRequest, context: grpc.ServicerContext) -> quote_pb2.Quote:
        """What a basket costs."""
        quantities, coupons = quantities_of(request.lines), coupons_of(request.coupons)
        return quote_message(self._quoting.quote(quantities, coupons, allow_missing=request.allow_missing))

    def RedeemCoupon(
        self, request: coupon_redemption_pb2.RedeemCouponRequest, context: grpc.ServicerContext
    ) -> coupon_redemption_pb2.CouponRedemption:
        """Counts the use of a coupon by an order."""
        coupon = request.coupon.upper()
        return self._answers.transact(lambda tx: redemption_message(self._redeeming.redeem(tx, request.order, coupon)))

    def ReleaseCoupon(
        self, request: coupon_redemption_pb2.ReleaseCouponRequest, context: grpc.ServicerContext
    ) -> coupon_redemption_pb2.CouponRedemption:
        """Takes the use of a coupon by an order back."""
        coupon = request.coupon.upper()
        return self._answers.transact(lambda tx: redemption_message(self._redeeming.release(tx, request.order, coupon)))

    def _message(self, promotion: Promotion) -> promotion_pb2.Promotion:
        return promotion_message(promotion, self._clock.now(), for_staff=caller().is_staff)


def _done(_: Promotion) -> Empty:
    return Empty()
