"""Notifications: an event becomes one mail, whatever repeats or fails; users and staff see how far it came."""

from __future__ import annotations

import mailbox
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
from bookstore.identity.v1.identity_errors import UserNotFound
from bookstore.identity.v1.identity_service_pb2 import GetUserRequest
from bookstore.identity.v1.identity_service_pb2_grpc import (
    IdentityServiceServicer,
    add_IdentityServiceServicer_to_server,
)
from bookstore.identity.v1.user_pb2 import User
from bookstore.notifications.v1.notification_pb2 import Notification
from bookstore.notifications.v1.notifications_service_pb2 import ListNotificationsRequest
from bookstore.notifications.v1.notifications_service_pb2_grpc import NotificationServiceStub
from bookstore.orders.v1.orders_events_pb2 import OrderConfirmed, OrderedCopies
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy import select

from chassis.call import caller
from chassis.database import Database
from chassis.inbox import Consumer
from chassis.kernel import Money as BookPrice
from chassis.kernel import SystemIds
from chassis.migrations import drift
from chassis.outbox import Outbox, Relay
from chassis.service import Runtime, Service, Servicer
from chassis.testing import FakeClock, Served, refused, running
from chassis.testing_broker import FakeBroker
from chassis.v1.platform_errors import StorageUnavailable
from services.notifications.app import build
from services.notifications.deliver_mail import MailDelivery
from services.notifications.events import subscriptions
from services.notifications.maildir import MaildirMailer
from services.notifications.notification import BoughtCopies, Purchase
from services.notifications.outbound import OutboundMail
from services.notifications.remotes import GrpcDirectory
from services.notifications.store import NOTIFICATIONS, metadata
from tests.money import euros

Code = grpc.StatusCode
ADDRESS = "nora@example.com"
TRACE = "0af7651916cd43dd8448eb211c80319c"


class FakeIdentity(IdentityServiceServicer):
    """Knows a reader, a closed account, and can be down."""

    def __init__(self) -> None:
        self.down = False
        self.asked_by: list[tuple[str | None, str | None]] = []

    def GetUser(self, request: GetUserRequest, context: grpc.ServicerContext) -> User:
        """Answers an account."""
        self.asked_by.append((caller().service, caller().user))
        if self.down:
            raise StorageUnavailable
        if request.name == "users/nora":
            return User(name=request.name, email=ADDRESS, display_name="Nora Reader", state=User.STATE_ACTIVE)
        if request.name == "users/closed":
            return User(name=request.name, state=User.STATE_DELETED)
        raise UserNotFound(user=request.name)


@pytest.fixture
def identity() -> FakeIdentity:
    return FakeIdentity()  # type: ignore[abstract]  # only what notifications asks


@pytest.fixture
def notifications(tmp_path: Path, identity: FakeIdentity, clock: FakeClock) -> Iterator[Served]:
    def build_identity(_: Runtime) -> Service:
        return Service(name="identity", servicers=(Servicer(add_IdentityServiceServicer_to_server, identity),))

    with running("identity", build_identity, folder=tmp_path / "identity", migrations=False) as known:
        targets = {"identity": known.address}
        with running("notifications", build, folder=tmp_path / "own", targets=targets, clock=clock) as served:
            yield served


def confirmed(order: str = "orders/1", user: str = "users/nora") -> OrderConfirmed:
    line = OrderedCopies(book="books/1", title="Jane Eyre", quantity=2, unit_price=euros(749), total=euros(1498))
    return OrderConfirmed(order=order, user=user, total=euros(1498), lines=[line], version=2)


def publish(broker: FakeBroker, clock: FakeClock, tmp_path: Path, *events: OrderConfirmed) -> None:
    """Sends events as orders does, through an outbox of its own with headers of its own."""
    source = Database(f"sqlite:///{tmp_path / 'orders.sqlite3'}", name="orders")
    try:
        metadata.create_all(source.engine)
        outbox = Outbox(clock, SystemIds(), source="//bookstore/orders")
        for event in events:
            source.transact(partial(outbox.append, event=event, aggregate=event.order, version=event.version))
        Relay(source, broker, clock=clock, holder="orders").run()
    finally:
        source.close()


def consume(notifications: Served, broker: FakeBroker, clock: FakeClock) -> None:
    """Handles what the broker has, as the process does it."""
    consumer = Consumer(
        notifications.runtime.database,
        broker,
        clock=clock,
        name="notifications",
        subscriptions=notifications.service.subscriptions,
    )
    consumer.run(timedelta())


def queue(notifications: Served, order: str = "orders/1", user: str = "users/nora") -> None:
    """Queues a mail as the handler does it."""
    handle = notifications.service.subscriptions[0].handle
    event = confirmed(order, user)
    context: Any = type("Context", (), {"headers": {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}})
    notifications.runtime.database.transact(lambda tx: handle(tx, event, context))


def deliver(notifications: Served) -> None:
    """One run of the worker."""
    (worker,) = (worker for worker in notifications.service.workers if worker.name == "deliver-mail")
    worker.run()


def mails(tmp_path: Path) -> list[Any]:
    return list(mailbox.Maildir(tmp_path / "own" / "mail"))


def listed(notifications: Served, user: str = "users/nora", **request: Any) -> list[Notification]:
    stub = notifications.stub(NotificationServiceStub, user=user)
    return list(stub.ListNotifications(ListNotificationsRequest(parent="users/me", **request)).notifications)


def failures(notifications: Served) -> list[str]:
    statement = select(NOTIFICATIONS.c.failure)
    return list(notifications.runtime.database.read(lambda connection: connection.execute(statement).scalars().all()))


def test_a_confirmed_order_becomes_one_mail(
    notifications: Served, clock: FakeClock, identity: FakeIdentity, tmp_path: Path
) -> None:
    broker = FakeBroker(clock)
    publish(broker, clock, tmp_path, confirmed(), confirmed())
    consume(notifications, broker, clock)
    (queued,) = listed(notifications)
    assert (queued.state, queued.HasField("send_time")) == (Notification.STATE_QUEUED, False)
    assert not mails(tmp_path)
    assert identity.asked_by == [], "the handler only writes a row"

    clock.advance(timedelta(seconds=1))
    deliver(notifications)
    deliver(notifications)
    (mail,) = mails(tmp_path)
    assert (mail["To"], mail["From"]) == (ADDRESS, "orders@bookstore.example")
    for part in ("orders/1", "2 x Jane Eyre: 14.98 EUR", "Total: 14.98 EUR", "Hello Nora Reader"):
        assert part in mail.get_payload()
    (sent,) = listed(notifications)
    assert (sent.state, sent.kind) == (Notification.STATE_SENT, Notification.KIND_ORDER_CONFIRMED)
    assert (sent.name, sent.order, sent.subject) == (queued.name, "orders/1", "Your order 1 is confirmed")
    assert sent.name.startswith("users/nora/notifications/")
    assert sent.send_time.ToSeconds() - sent.create_time.ToSeconds() == 1
    assert identity.asked_by == [("notifications", None)], "in the service's own name"


def test_a_new_mail_wakes_the_worker(notifications: Served) -> None:
    woken: list[bool] = []
    notifications.runtime.database.on_commit(lambda: woken.append(True))
    queue(notifications)
    assert woken == [True]
    queue(notifications)
    assert woken == [True], "a mail that is there already wakes nobody"


def test_while_identity_is_down_the_mail_waits(
    notifications: Served, clock: FakeClock, identity: FakeIdentity, tmp_path: Path
) -> None:
    identity.down = True
    queue(notifications)
    deliver(notifications)
    assert not mails(tmp_path)
    assert failures(notifications) == ["DIRECTORY_UNAVAILABLE"]
    identity.down = False
    deliver(notifications)
    assert not mails(tmp_path), "its pause is not over"
    clock.advance(timedelta(seconds=5))
    deliver(notifications)
    assert len(mails(tmp_path)) == 1
    assert failures(notifications) == [""]


def test_a_mail_that_never_gets_through_is_given_up_visibly(
    notifications: Served, clock: FakeClock, tmp_path: Path
) -> None:
    blocked = tmp_path / "own" / "mail"
    blocked.write_text("a file where the folder should be")
    queue(notifications)
    for _ in range(40):
        deliver(notifications)
        clock.advance(timedelta(minutes=15))
    assert [notification.state for notification in listed(notifications)] == [Notification.STATE_FAILED]
    assert failures(notifications) == ["MAILER_UNAVAILABLE"]


@pytest.mark.parametrize("user", ["users/closed", "users/unknown"])
def test_who_has_no_account_gets_no_mail(notifications: Served, tmp_path: Path, user: str) -> None:
    queue(notifications, user=user)
    deliver(notifications)
    assert not mails(tmp_path)
    assert [notification.state for notification in listed(notifications, user)] == [Notification.STATE_FAILED]
    assert failures(notifications) == ["ADDRESS_UNKNOWN"]


def test_an_attempt_cut_short_makes_no_second_mail(notifications: Served, clock: FakeClock, tmp_path: Path) -> None:
    queue(notifications)
    deliver(notifications)
    again = NOTIFICATIONS.update().values(state="QUEUED", due=clock.now(), send_time=None)
    notifications.runtime.database.transact(lambda tx: tx.execute(again))
    deliver(notifications)
    assert len(mails(tmp_path)) == 1
    assert [notification.state for notification in listed(notifications)] == [Notification.STATE_SENT]


def test_the_address_is_nowhere_in_the_database(notifications: Served, tmp_path: Path) -> None:
    queue(notifications)
    deliver(notifications)
    files = list((tmp_path / "own" / "db").iterdir())
    assert files
    assert not any(ADDRESS.encode() in file.read_bytes() for file in files)


def test_the_delivery_belongs_to_the_trace_of_the_order(notifications: Served, clock: FakeClock) -> None:
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    runtime = notifications.runtime
    delivering = MailDelivery(
        runtime.database,
        clock=clock,
        directory=GrpcDirectory(runtime.channel("identity")),
        mailer=MaildirMailer(runtime.chassis.data_dir / "mail"),
        sender="shop@bookstore.example",
        most_attempts=1,
        tracer=provider.get_tracer("test"),
    )
    queue(notifications)
    delivering.run()
    (span,) = spans.get_finished_spans()
    assert format(span.context.trace_id, "032x") == TRACE
    assert ADDRESS not in span.to_json()


def test_lists_are_for_the_user_and_for_staff(notifications: Served, clock: FakeClock) -> None:
    for number in range(3):
        queue(notifications, order=f"orders/{number}")
        clock.advance(timedelta(seconds=1))
    queue(notifications, order="orders/9", user="users/other")
    request = ListNotificationsRequest(parent="users/nora", page_size=2)
    with refused(Code.UNAUTHENTICATED, "TOKEN_REQUIRED"):
        notifications.stub(NotificationServiceStub).ListNotifications(request)
    with refused(Code.NOT_FOUND, "USER_NOT_FOUND") as refusal:
        notifications.stub(NotificationServiceStub, user="users/eve").ListNotifications(request)
    assert refusal.metadata == {"user": "users/nora"}
    for user, roles in (("users/staff", ("staff",)), ("users/admin", ("admin",)), ("users/nora", ("customer",))):
        stub = notifications.stub(NotificationServiceStub, user=user, roles=roles)
        first = stub.ListNotifications(request)
        rest = ListNotificationsRequest(parent="users/nora", page_size=2, page_token=first.next_page_token)
        second = stub.ListNotifications(rest)
        orders = [notification.order for notification in (*first.notifications, *second.notifications)]
        assert orders == ["orders/2", "orders/1", "orders/0"]
        assert not second.next_page_token
    staff = notifications.stub(NotificationServiceStub, user="users/staff", roles=("staff",))
    assert not staff.ListNotifications(ListNotificationsRequest(parent="users/me")).notifications
    assert not staff.ListNotifications(ListNotificationsRequest(parent="users/nobody")).notifications


def test_lists_can_be_filtered(notifications: Served) -> None:
    queue(notifications)
    for text in ('state = "STATE_QUEUED" AND order = "orders/1"', "state = QUEUED", "kind = KIND_ORDER_CONFIRMED"):
        assert len(listed(notifications, filter=text)) == 1
    assert listed(notifications, filter="state = SENT") == []
    assert listed(notifications, filter="order = orders/2") == []
    for bad in ("body = x", "state = LOST", "order = 1", "kind != ORDER_CONFIRMED"):
        with refused(Code.INVALID_ARGUMENT, "FILTER_INVALID"):
            listed(notifications, filter=bad)


def test_bad_requests_name_their_fields(notifications: Served) -> None:
    stub = notifications.stub(NotificationServiceStub, user="users/nora")
    with refused(Code.INVALID_ARGUMENT, "FIELD_INVALID") as refusal:
        stub.ListNotifications(ListNotificationsRequest(parent="nora", page_size=-1))
    assert set(refusal.fields) == {"parent", "page_size"}
    with refused(Code.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID"):
        stub.ListNotifications(ListNotificationsRequest(parent="users/me", page_token="x"))


def test_each_engine_keeps_one_mail_per_order(database_url: str, clock: FakeClock) -> None:
    assert drift("notifications", metadata, database_url) == []
    database = Database(database_url, name="notifications")
    queueing = OutboundMail(clock=clock, ids=SystemIds())
    assert [subscription.event for subscription in subscriptions(queueing)] == [OrderConfirmed]
    price = BookPrice(minor=100, currency="EUR")
    copies = BoughtCopies(title="T", quantity=1, unit_price=price, total=price)
    purchase = Purchase(order="orders/1", copies=(copies,), total=price)
    try:
        for _ in range(2):
            database.transact(lambda tx: queueing.order_confirmed(tx, "users/1", purchase, {}))
        assert len(database.read(lambda connection: connection.execute(select(NOTIFICATIONS.c.id)).all())) == 1
    finally:
        database.close()
