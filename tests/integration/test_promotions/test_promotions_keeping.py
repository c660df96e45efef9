"""Promotions are read by everyone, made, changed and deleted by staff."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import grpc
import pytest
from bookstore.promotions.v1.promotion_pb2 import Percentage, Promotion, PromotionCondition
from bookstore.promotions.v1.promotions_service_pb2 import (
    DeletePromotionRequest,
    GetPromotionRequest,
    ListPromotionsRequest,
    UpdatePromotionRequest,
)
from bookstore.promotions.v1.promotions_service_pb2_grpc import PromotionServiceStub
from google.protobuf.field_mask_pb2 import FieldMask
from google.type.money_pb2 import Money

from chassis.migrations import drift
from chassis.testing import FakeClock, Served, refused
from chassis.wire import timestamp
from services.promotions.store import metadata
from tests.integration.test_promotions.stand import TENTH, THREE_FOR_TWO, create, published

Code = grpc.StatusCode


def test_the_schema_is_what_the_migrations_make(tmp_path: Path) -> None:
    assert drift("promotions", metadata, f"sqlite:///{tmp_path / 'empty.sqlite3'}") == []


def test_staff_make_a_promotion_and_everyone_reads_it(
    served: Served, staff: PromotionServiceStub, anyone: PromotionServiceStub
) -> None:
    made = create(staff, Promotion(title="Three for two", priority=100, buy_x_get_y=THREE_FOR_TWO), "three-for-two")
    assert made.name == "promotions/three-for-two"
    assert made.state == Promotion.STATE_ACTIVE
    assert made.start_time == made.create_time
    assert anyone.GetPromotion(GetPromotionRequest(name=made.name)) == made
    assert list(anyone.ListPromotions(ListPromotionsRequest()).promotions) == [made]
    assert published(served) == ["PromotionCreated"]


def test_the_server_makes_an_id_and_keeps_all_terms(staff: PromotionServiceStub) -> None:
    promotion = Promotion(
        title="Readers",
        description="Ten percent",
        priority=5,
        exclusive=True,
        coupon_code="read-10",
        max_redemptions=3,
        condition=PromotionCondition(categories=["Fantasy"], min_subtotal=Money(currency_code="EUR", units=20)),
        percentage=TENTH,
        max_discount=Money(currency_code="EUR", units=5, nanos=500_000_000),
    )
    made = create(staff, promotion)
    assert made.coupon_code == "READ-10"
    for field in ("title", "description", "priority", "exclusive", "max_redemptions", "condition", "percentage"):
        assert getattr(made, field) == getattr(promotion, field)
    assert made.max_discount == promotion.max_discount
    assert staff.GetPromotion(GetPromotionRequest(name=made.name)) == made


def test_a_repeat_answers_the_first_promotion(served: Served, staff: PromotionServiceStub) -> None:
    key = str(uuid4())
    promotion = Promotion(title="Ten percent", percentage=TENTH)
    assert create(staff, promotion, request_id=key) == create(staff, promotion, request_id=key)
    assert published(served) == ["PromotionCreated"]
    with refused(Code.INVALID_ARGUMENT, "REQUEST_ID_REUSED"):
        create(staff, Promotion(title="Another", percentage=TENTH), request_id=key)


@pytest.mark.parametrize("user", [None, "users/customer"])
def test_only_staff_change_promotions(served: Served, user: str | None) -> None:
    stub = served.stub(PromotionServiceStub, user=user)
    code, reason = (Code.PERMISSION_DENIED, "ROLE_REQUIRED") if user else (Code.UNAUTHENTICATED, "TOKEN_REQUIRED")
    promotion = Promotion(name="promotions/x", title="x", percentage=TENTH)
    calls: tuple[Callable[[], object], ...] = (
        lambda: create(stub, promotion),
        lambda: stub.UpdatePromotion(UpdatePromotionRequest(promotion=promotion)),
        lambda: stub.DeletePromotion(DeletePromotionRequest(name="promotions/x")),
    )
    for call in calls:
        with refused(code, reason):
            call()
    with refused(Code.PERMISSION_DENIED, "ROLE_REQUIRED"):
        stub.ListPromotions(ListPromotionsRequest(show_all=True))
    assert published(served) == []


def test_what_is_not_public_is_for_staff(
    served: Served, clock: FakeClock, staff: PromotionServiceStub, anyone: PromotionServiceStub
) -> None:
    day = timedelta(days=1)
    public = create(staff, Promotion(title="now", percentage=TENTH, max_redemptions=4), "now")
    create(staff, Promotion(title="soon", percentage=TENTH, start_time=timestamp(clock.now() + day)), "soon")
    create(staff, Promotion(title="brief", percentage=TENTH, end_time=timestamp(clock.now() + day)), "brief")
    create(staff, Promotion(title="coupon", percentage=TENTH, coupon_code="SECRET"), "coupon")
    assert [p.title for p in anyone.ListPromotions(ListPromotionsRequest()).promotions] == ["brief", "now"]
    clock.advance(day)
    shown = anyone.ListPromotions(ListPromotionsRequest()).promotions
    assert [p.title for p in shown] == ["now", "soon"]
    assert not shown[0].HasField("max_redemptions")
    everything = staff.ListPromotions(ListPromotionsRequest(show_all=True)).promotions
    states = {p.title: Promotion.State.Name(p.state) for p in everything}
    assert states == {
        "brief": "STATE_ENDED",
        "coupon": "STATE_ACTIVE",
        "now": "STATE_ACTIVE",
        "soon": "STATE_ACTIVE",
    }
    assert public.max_redemptions == 4
    for hidden in ("brief", "coupon"):
        assert staff.GetPromotion(GetPromotionRequest(name=f"promotions/{hidden}")).title == hidden
        with refused(Code.NOT_FOUND, "PROMOTION_NOT_FOUND") as refusal:
            anyone.GetPromotion(GetPromotionRequest(name=f"promotions/{hidden}"))
        assert refusal.metadata == {"promotion": f"promotions/{hidden}"}
        assert refusal.domain == "promotions.bookstore"


def test_pages_go_by_falling_priority(staff: PromotionServiceStub, anyone: PromotionServiceStub) -> None:
    for number in range(7):
        create(staff, Promotion(title=f"{number}", priority=number % 3, percentage=TENTH), f"p{number}")
    titles, token = [], ""
    while True:
        page = anyone.ListPromotions(ListPromotionsRequest(page_size=2, page_token=token))
        titles += [promotion.title for promotion in page.promotions]
        token = page.next_page_token
        if not token:
            break
    assert titles == ["2", "5", "1", "4", "0", "3", "6"]
    with refused(Code.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID"):
        anyone.ListPromotions(ListPromotionsRequest(page_token="rubbish"))


def test_updates_change_what_the_mask_names(served: Served, staff: PromotionServiceStub) -> None:
    made = create(staff, Promotion(title="Ten", priority=3, coupon_code="TEN", percentage=TENTH), "ten")

    def update(mask: list[str], **fields: object) -> Promotion:
        promotion = Promotion(name=made.name, **fields)  # type: ignore[arg-type]  # fields by name
        return staff.UpdatePromotion(UpdatePromotionRequest(promotion=promotion, update_mask=FieldMask(paths=mask)))

    changed = update([], title="Twenty", percentage=Percentage(percent_off=20), etag=made.etag)
    assert (changed.title, changed.percentage.percent_off, changed.priority) == ("Twenty", 20, 3)
    assert changed.etag != made.etag
    cleared = update(["priority", "coupon_code"], title="ignored")
    assert (cleared.title, cleared.priority, cleared.coupon_code) == ("Twenty", 0, "")
    grouped = update(["buy_x_get_y"], buy_x_get_y=THREE_FOR_TWO)
    assert grouped.WhichOneof("benefit") == "buy_x_get_y"
    assert update([], title="Twenty") == grouped
    assert published(served) == ["PromotionCreated", *["PromotionUpdated"] * 3]
    with refused(Code.ABORTED, "ETAG_MISMATCH"):
        update([], title="Late", etag=made.etag)
    with refused(Code.INVALID_ARGUMENT, "FIELD_INVALID") as refusal:
        update(["colour"], title="x")
    assert refusal.fields == ["update_mask"]
    with refused(Code.INVALID_ARGUMENT, "FIELD_INVALID") as refusal:
        update(["percentage"])
    assert refusal.fields == ["promotion.benefit"]
    with refused(Code.NOT_FOUND, "PROMOTION_NOT_FOUND"):
        staff.UpdatePromotion(UpdatePromotionRequest(promotion=Promotion(name="promotions/none", title="x")))


def test_ids_and_coupons_are_unique_while_they_live(staff: PromotionServiceStub) -> None:
    create(staff, Promotion(title="Ten", coupon_code="TEN", percentage=TENTH), "ten")
    with refused(Code.ALREADY_EXISTS, "PROMOTION_EXISTS") as refusal:
        create(staff, Promotion(title="Ten", percentage=TENTH), "ten")
    assert refusal.fields == ["promotion_id"]
    with refused(Code.ALREADY_EXISTS, "COUPON_TAKEN") as refusal:
        create(staff, Promotion(title="Ten", coupon_code="ten", percentage=TENTH), "other")
    assert refusal.fields == ["promotion.coupon_code"]
    create(staff, Promotion(title="Other", coupon_code="OTHER", percentage=TENTH), "other")
    with refused(Code.ALREADY_EXISTS, "COUPON_TAKEN"):
        staff.UpdatePromotion(UpdatePromotionRequest(promotion=Promotion(name="promotions/other", coupon_code="Ten")))
    staff.DeletePromotion(DeletePromotionRequest(name="promotions/ten"))
    assert create(staff, Promotion(title="Ten", coupon_code="TEN", percentage=TENTH), "ten-again").coupon_code == "TEN"


def test_a_deleted_promotion_is_gone_and_deleting_again_changes_nothing(
    served: Served, staff: PromotionServiceStub
) -> None:
    made = create(staff, Promotion(title="Ten", percentage=TENTH), "ten")
    with refused(Code.ABORTED, "ETAG_MISMATCH"):
        staff.DeletePromotion(DeletePromotionRequest(name=made.name, etag='"9"'))
    for _ in range(2):
        staff.DeletePromotion(DeletePromotionRequest(name=made.name))
    assert published(served) == ["PromotionCreated", "PromotionDeleted"]
    assert not staff.ListPromotions(ListPromotionsRequest(show_all=True)).promotions
    with refused(Code.NOT_FOUND, "PROMOTION_NOT_FOUND"):
        staff.GetPromotion(GetPromotionRequest(name=made.name))
    with refused(Code.NOT_FOUND, "PROMOTION_NOT_FOUND"):
        staff.DeletePromotion(DeletePromotionRequest(name="promotions/none"))


def test_bad_terms_are_refused_with_the_field(served: Served, clock: FakeClock, staff: PromotionServiceStub) -> None:
    now = timestamp(clock.now())
    euro = Money(currency_code="EUR", nanos=1)
    odd = Money(currency_code="XXX", units=1)
    for promotion, reason, field in (
        (Promotion(percentage=TENTH), "FIELD_INVALID", "promotion.title"),
        (Promotion(title="x"), "FIELD_INVALID", "promotion.benefit"),
        (Promotion(title="x", percentage=Percentage(percent_off=101)), "FIELD_INVALID",
         "promotion.percentage.percent_off"),
        (Promotion(title="x", percentage=TENTH, start_time=now, end_time=now), "PERIOD_INVALID",
         "promotion.end_time"),
        (Promotion(title="x", percentage=TENTH, max_discount=euro), "AMOUNT_INVALID", "promotion.max_discount.nanos"),
        (Promotion(title="x", percentage=TENTH, condition=PromotionCondition(min_subtotal=odd)), "AMOUNT_INVALID",
         "promotion.condition.min_subtotal.currency_code"),
    ):  # fmt: skip
        with refused(Code.INVALID_ARGUMENT, reason) as refusal:
            create(staff, promotion)
        assert refusal.fields == [field]
    assert published(served) == []
