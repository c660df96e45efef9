"""Reads of promotions: one, or a page."""

from __future__ import annotations

from typing import Final

from bookstore.promotions.v1 import promotion_pb2
from bookstore.promotions.v1.promotions_errors import PromotionNotFound

from chassis.database import Database
from chassis.database.listing import Listing
from chassis.kernel import Caller, Clock
from chassis.paging import Page, PageRequest
from chassis.v1.platform_errors import RoleRequired
from services.promotions import store
from services.promotions.convert import promotion_message
from services.promotions.promotion import promotion_name
from services.promotions.store import LIVING, PROMOTION, PROMOTIONS, PUBLIC

_LISTING: Final = Listing(
    PROMOTION,
    key=PROMOTIONS.c.id,
    sortable={"priority": PROMOTIONS.c.priority, "id": PROMOTIONS.c.id},
    default="priority desc, id",
    conditions={"living": LIVING, "now": PUBLIC},
)


class PromotionQueries:
    """Reads promotions, as they are at the time of the call."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def promotion(self, promotion_id: str, caller: Caller) -> promotion_pb2.Promotion:
        """Returns a promotion; to customers one that is active and needs no coupon. Raises PromotionNotFound."""
        now = self._clock.now()
        found = self._database.read(lambda connection: store.find_promotion(connection, promotion_id))
        if found is None or found.delete_time is not None or not (caller.is_staff or found.is_public(now)):
            raise PromotionNotFound(promotion=promotion_name(promotion_id))
        return promotion_message(found, now, for_staff=caller.is_staff)

    def page(self, page: PageRequest, caller: Caller, *, show_all: bool) -> Page[promotion_pb2.Promotion]:
        """Returns a page of promotions in falling priority; all of them to staff who ask for it.

        Raises PageTokenInvalid, RoleRequired.
        """
        if show_all and not caller.is_staff:
            raise RoleRequired(detail="only staff see promotions that are not public", field="show_all")
        now = self._clock.now()
        found = self._database.read(
            lambda connection: _LISTING.page(connection, page, living=True, now=None if show_all else now)
        )
        return found.map(lambda promotion: promotion_message(promotion, now, for_staff=caller.is_staff))
