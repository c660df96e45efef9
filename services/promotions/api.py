"""The front door of promotions."""

from __future__ import annotations

import grpc
from bookstore.promotions.v1 import coupon_redemption_pb2, promotion_pb2, quote_pb2
from bookstore.promotions.v1 import promotions_service_pb2 as contract
from bookstore.promotions.v1.promotions_service_pb2_grpc import PromotionServiceServicer
from google.protobuf.empty_pb2 import Empty

from chassis.call import caller
from chassis.kernel import Clock
from chassis.paging import page_request
from chassis.requests import id_in
from services.promotions.convert import (
    changes_of,
    coupons_of,
    quantities_of,
    terms_of,
)
from services.promotions.convert_quote import quote_message
from services.promotions.coupons import Coupons
from services.promotions.edit_promotion import EditPromotion
from services.promotions.price_basket import BasketPricing
from services.promotions.queries import PromotionQueries


class PromotionsApi(PromotionServiceServicer):
    """Serves bookstore.promotions.v1.PromotionService."""

    def __init__(
        self,
        *,
        queries: PromotionQueries,
        edit_promotion: EditPromotion,
        quoting: BasketPricing,
        coupons: Coupons,
        clock: Clock,
    ) -> None:
        self._queries = queries
        self._edit_promotion = edit_promotion
        self._quoting = quoting
        self._coupons = coupons
        self._clock = clock

    def ListPromotions(
        self, request: contract.ListPromotionsRequest, context: grpc.ServicerContext
    ) -> contract.ListPromotionsResponse:
        """Returns a page of promotions."""
        page = self._queries.page(page_request(request), caller(), show_all=request.show_all)
        return contract.ListPromotionsResponse(promotions=page.items, next_page_token=page.next_page_token)

    def GetPromotion(
        self, request: contract.GetPromotionRequest, context: grpc.ServicerContext
    ) -> promotion_pb2.Promotion:
        """Returns a promotion."""
        return self._queries.promotion(id_in("promotions", request.name), caller())

    def CreatePromotion(
        self, request: contract.CreatePromotionRequest, context: grpc.ServicerContext
    ) -> promotion_pb2.Promotion:
        """Creates a promotion."""
        terms = terms_of(request.promotion, self._clock.now())
        return self._edit_promotion.create(terms, promotion_id=request.promotion_id)

    def UpdatePromotion(
        self, request: contract.UpdatePromotionRequest, context: grpc.ServicerContext
    ) -> promotion_pb2.Promotion:
        """Changes terms of a promotion."""
        promotion_id = id_in("promotions", request.promotion.name, field="promotion.name")
        changes = changes_of(request.promotion, request.update_mask, self._clock.now())
        return self._edit_promotion.update(promotion_id, changes, etag=request.promotion.etag)

    def DeletePromotion(self, request: contract.DeletePromotionRequest, context: grpc.ServicerContext) -> Empty:
        """Ends a promotion for good."""
        return self._edit_promotion.delete(id_in("promotions", request.name), etag=request.etag)

    def PriceBasket(self, request: contract.PriceBasketRequest, context: grpc.ServicerContext) -> quote_pb2.Quote:
        """Returns what a basket costs."""
        quantities, coupons = quantities_of(request.lines), coupons_of(request.coupons)
        return quote_message(self._quoting.quote(quantities, coupons, allow_missing=request.allow_missing))

    def RedeemCoupon(
        self, request: coupon_redemption_pb2.RedeemCouponRequest, context: grpc.ServicerContext
    ) -> coupon_redemption_pb2.CouponRedemption:
        """Counts the use of a coupon by an order."""
        return self._coupons.redeem(request.order, request.coupon.upper())

    def ReleaseCoupon(
        self, request: coupon_redemption_pb2.ReleaseCouponRequest, context: grpc.ServicerContext
    ) -> coupon_redemption_pb2.CouponRedemption:
        """Releases the use of a coupon by an order."""
        return self._coupons.release(request.order, request.coupon.upper())
