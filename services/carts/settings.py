"""What a shop can set about its carts."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class CartsSettings(BaseSettings):
    """Each is the environment variable `BOOKSTORE_CARTS_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="BOOKSTORE_CARTS_", frozen=True, extra="ignore")

    guest_days: int = Field(default=30, ge=1, le=3650)
    """Days after its last change until a guest's cart is thrown away."""

    @property
    def guest_lifetime(self) -> timedelta:
        """The same as a span."""
        return timedelta(days=self.guest_days)
