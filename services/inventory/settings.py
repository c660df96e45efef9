"""Inventory's own settings."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class InventorySettings(BaseSettings):
    """Each is the environment variable `BOOKSTORE_INVENTORY_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="BOOKSTORE_INVENTORY_", frozen=True, extra="ignore")

    reservation_ttl_seconds: int = Field(default=900, ge=1, le=86_400)
    """How long copies stay promised to an order that is not committed."""
    sweep_seconds: int = Field(default=5, ge=1, le=600)
    """How often expired reservations are looked for; one lives at most this much longer than its time."""

    @property
    def time_to_live(self) -> timedelta:
        """How long a reservation lives."""
        return timedelta(seconds=self.reservation_ttl_seconds)

    @property
    def sweep_every(self) -> timedelta:
        """The pause between two looks for expired reservations."""
        return timedelta(seconds=self.sweep_seconds)
