"""The promotions of the seed."""

from __future__ import annotations

from typing import Final

from bookstore.promotions.v1.promotion_pb2 import BuyXGetY, Percentage, Promotion

COUPON: Final = "READ10"
"""Code of the promotion that needs one."""

PROMOTIONS: Final = (
    Promotion(
        name="promotions/buy-two-get-one-free",
        title="Buy two, get one free",
        description="Of every three books in your cart the cheapest one is free.",
        priority=100,
        buy_x_get_y=BuyXGetY(buy_quantity=2, free_quantity=1),
    ),
    Promotion(
        name="promotions/ten-percent-for-readers",
        title="Ten percent for readers",
        description=f"Enter {COUPON} and get 10 % off everything in your cart.",
        priority=50,
        coupon_code=COUPON,
        percentage=Percentage(percent_off=10),
    ),
)
"""With stable ids. Only the first needs no coupon: a purchase of three books sees the cheapest free, nothing else."""
