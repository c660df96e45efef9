"""Inventory: how many copies of each printed book there are, and to which orders they are promised.

Owns: stocks, their movement ledger, and reservations.
Tables: stocks, movements, reservations, releases (keys of returns already made), and those of the chassis.
Asks: the catalog, whether a printed book exists, before the first copies of it are taken in.
Events out: StockAdjusted, StockReserved, ReservationCommitted, ReservationReleased, ReservationExpired.
Events in: none.
Settings: BOOKSTORE_INVENTORY_RESERVATION_TTL_SECONDS, BOOKSTORE_INVENTORY_SWEEP_SECONDS, and those of the chassis.
"""
