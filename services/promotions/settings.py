"""What a shop can set about its prices."""

from __future__ import annotations

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from chassis.kernel.money import MINOR_DIGITS


class PromotionsSettings(BaseSettings):
    """Each is the environment variable `BOOKSTORE_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="BOOKSTORE_", frozen=True, extra="ignore")

    currency: str = "EUR"
    """The shop's currency (ISO 4217), in which an empty basket costs zero."""
    shipping_fee_minor: int = Field(default=0, ge=0, le=100_000_000)
    """Cost of shipping a basket with at least one printed book, in minor units of the basket's currency."""

    @field_validator("currency")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in MINOR_DIGITS:
            raise ValueError("must be an accepted ISO 4217 code: " + ", ".join(sorted(MINOR_DIGITS)))
        return value
