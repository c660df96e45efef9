"""Promotions: what a basket costs, what is off and why, and how often coupons were used.

Owns: promotions and the redemptions of their coupons. Prices come from the catalog, asked once a basket.
Tables: promotions, redemptions, and those of the chassis.
Asks: catalog, for the books of a basket.
Events out: PromotionCreated, PromotionUpdated, PromotionDeleted, CouponRedeemed, CouponReleased. Events in: none.
Settings: BOOKSTORE_CURRENCY, BOOKSTORE_SHIPPING_FEE_MINOR (see settings.py), and those of the chassis.
"""
