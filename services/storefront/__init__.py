"""Pages for shop windows and the status of all services, gathered from the others.

Owns no data. Asks catalog, inventory and promotions for pages, every service for its health. Serves the health of the
whole shop by the gRPC health protocol and, in development, gRPC reflection of all that the edge lets in; the edge
routes both here. Settings: those of the chassis.
"""
