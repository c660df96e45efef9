"""How long a server keeps a connection."""

from __future__ import annotations

import pytest

from chassis.contract import methods_of
from chassis.server import connection_age


@pytest.mark.parametrize("service", ["bookstore.orders.v1.OrderService", "bookstore.catalog.v1.CatalogService"])
def test_the_age_of_a_connection_cuts_no_call(service: str) -> None:
    methods = methods_of(service).values()
    grace = dict(connection_age(methods))["grpc.max_connection_age_grace_ms"]
    assert grace >= max(method.timeout for method in methods) * 1000
