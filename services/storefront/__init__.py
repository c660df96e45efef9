"""Pages for shop windows and the status of all services, gathered from the others.

Owns no data. Asks catalog, inventory and promotions for pages, every service for its health. Settings: those of the
chassis.
"""
