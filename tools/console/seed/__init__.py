"""Fills an empty shop: books with their first stock, two promotions and three demo customers.

Goes through the edge like any other client, as a member of staff. Everything has a fixed id, so that it may run again
at any time: what is there is left alone, above all stock that was sold from.
"""

from tools.console.seed.seeding import EdgeUnreachable, SeedFailed, SeedReport, seed

__all__ = ["EdgeUnreachable", "SeedFailed", "SeedReport", "seed"]
