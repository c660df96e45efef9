"""Carts: what guests and users mean to buy.

Owns: carts, their books and coupons. Prices are not kept: every answer is priced by promotions at that moment.
Tables: carts, and those of the chassis.
Asks: promotions, for the quote of a cart; catalog, for an added book when promotions does not answer.
Events out: none. Events in: OrderConfirmed (orders), after which the ordered copies leave the cart.
Settings: BOOKSTORE_CARTS_GUEST_DAYS (see settings.py), and those of the chassis.
"""
