"""What can be set for orders."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class OrdersSettings(BaseSettings):
    """Each is the environment variable `BOOKSTORE_ORDERS_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="BOOKSTORE_ORDERS_", frozen=True, extra="ignore")

    checkout_limit_seconds: float = Field(default=120, gt=0, le=600)
    """How long a checkout may try to get to its confirmation; then the order is rejected with CHECKOUT_TIMEOUT.
    Must be well under the life of a reservation (15 minutes by default)."""
    claim_seconds: float = Field(default=8, ge=2, le=60)
    """How long a worker has an order to itself: after a crash another one goes on that much later."""
    longest_pause_seconds: float = Field(default=30, ge=1, le=600)
    """Upper bound of the pause between two attempts, which doubles from half a second; in a checkout 4 seconds."""
    workers: int = Field(default=2, ge=1, le=16)
    """Threads that go on with orders that were left unfinished."""

    @property
    def checkout_limit(self) -> timedelta:
        """`checkout_limit_seconds` as a span."""
        return timedelta(seconds=self.checkout_limit_seconds)

    @property
    def claim(self) -> timedelta:
        """`claim_seconds` as a span."""
        return timedelta(seconds=self.claim_seconds)

    @property
    def longest_pause(self) -> timedelta:
        """`longest_pause_seconds` as a span."""
        return timedelta(seconds=self.longest_pause_seconds)
