"""What holds for every test."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# An example may take as long as a busy machine needs: the default limit of 200 ms is one that only a quiet one keeps.
settings.register_profile("bookstore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("bookstore")
