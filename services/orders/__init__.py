"""Orders: what was bought, and the checkout that gets it there.

Owns: orders with the price as it was accepted, their refunds, and the saga that secures stock, coupons and money for
them (docs/adr/0005). The shipping address is kept here and nowhere else; events carry none of it.
Tables: orders, order_transitions (the history), order_refunds, saga_steps (what the saga did and what came of it, for
operators), and those of the chassis.
Asks: carts for the cart and its price, promotions for the price if it came without one; takes steps at inventory,
promotions and payments.
Events out: OrderPlaced, OrderConfirmed, OrderRejected, OrderCancelled, OrderRefunded, OrderShipped, OrderDelivered.
Events in: none.
Settings: BOOKSTORE_ORDERS_* (see `settings`), and those of the chassis.
"""
