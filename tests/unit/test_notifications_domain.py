"""What a mail says, when it is tried again, and what its settings refuse."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from chassis.kernel import Money
from services.notifications.mailer import AddressRefused, Mail
from services.notifications.notification import (
    HOPELESS,
    BoughtCopies,
    Failure,
    Notification,
    Purchase,
    State,
)
from services.notifications.settings import NotificationsSettings
from services.notifications.templates import body

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def euro(minor: int) -> Money:
    return Money(minor=minor, currency="EUR")


def copies(title: str, quantity: int, unit: int, total: int) -> BoughtCopies:
    return BoughtCopies(title=title, quantity=quantity, unit_price=euro(unit), total=euro(total))


PURCHASE = Purchase(order="orders/7", copies=(copies("Jane Eyre", 2, 749, 1498),), total=euro(1498))
QUEUED = Notification.of_confirmation("1", "users/1", PURCHASE, now=NOW, trace={})


def mail(recipient: str = "nora@example.com", text: str = "Hello\n") -> Mail:
    return Mail(key="k", sender="shop@bookstore.example", recipient=recipient, subject="S", body=text, time=NOW)


def test_the_mail_names_order_books_and_total() -> None:
    text = body(QUEUED, "Nora Reader")
    assert text.startswith("Hello Nora Reader,\n")
    assert "Order: orders/7\n" in text
    assert "  2 x Jane Eyre: 14.98 EUR\n" in text
    assert "Total: 14.98 EUR\n" in text
    assert "Shipping" not in text
    assert "7" in QUEUED.subject
    assert "Nora" not in QUEUED.subject


def test_discounts_and_shipping_are_told() -> None:
    purchase = Purchase(order="orders/7", copies=(copies("Emma", 3, 700, 1400),), total=euro(1850))
    text = body(replace(QUEUED, purchase=purchase), "")
    assert text.startswith("Hello reader,")
    assert "3 x Emma: 14.00 EUR instead of 21.00 EUR" in text
    assert "Shipping: 4.50 EUR" in text


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_title_or_name_adds_a_line_or_breaks_the_template(title: str, name: str) -> None:
    purchase = replace(PURCHASE, copies=(copies(title, 2, 749, 1498),))
    text = body(replace(QUEUED, purchase=purchase), name)
    assert len(text.splitlines()) == len(body(QUEUED, "Nora").splitlines())


def test_a_sent_mail_is_never_due_again() -> None:
    sent = QUEUED.claim(NOW).sent(NOW)
    assert (sent.state, sent.due, sent.send_time, sent.attempts) == (State.SENT, None, NOW, 1)


def test_a_claimed_mail_is_left_alone_for_the_length_of_an_attempt() -> None:
    claimed = QUEUED.claim(NOW)
    assert claimed.due is not None
    assert claimed.due - NOW >= timedelta(seconds=30)
    assert claimed.state is State.QUEUED


def test_pauses_grow_until_it_is_given_up() -> None:
    most = NotificationsSettings().mail_attempts
    notification, pauses = QUEUED, []
    while notification.state is State.QUEUED:
        notification = notification.claim(NOW).failed(Failure.MAILER_UNAVAILABLE, NOW, most_attempts=most)
        if notification.due is not None:
            pauses.append(notification.due - NOW)
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (timedelta(seconds=1), timedelta(minutes=15))
    assert timedelta(hours=4) < sum(pauses, timedelta()) < timedelta(hours=8)
    assert (notification.state, notification.attempts, notification.due) == (State.FAILED, most, None)


@pytest.mark.parametrize("failure", sorted(HOPELESS))
def test_what_cannot_help_is_not_tried_again(failure: Failure) -> None:
    failed = QUEUED.claim(NOW).failed(failure, NOW, most_attempts=30)
    assert (failed.state, failed.failure, failed.due) == (State.FAILED, failure, None)


def test_a_mail_is_the_same_bytes_each_time_and_says_it_is_no_person() -> None:
    assert mail().message().as_bytes() == mail().message().as_bytes()
    assert mail().message()["Message-ID"] == "<k@bookstore.example>"
    assert mail().message()["Auto-Submitted"] == "auto-generated"


def test_the_order_stays_readable_beside_other_scripts() -> None:
    text = mail(text="Order: orders/01m80kp6qwptxpd1cn0382senb\n\n  1 x Преступление и наказание\n").message()
    assert "orders/01m80kp6qwptxpd1cn0382senb" in text.as_bytes().decode("ascii")


@pytest.mark.parametrize("address", ["", "nora", "nora@example.com\nBcc: eve@example.com", "a@b, c@d"])
def test_what_is_no_address_is_refused_and_not_told(address: str) -> None:
    with pytest.raises(AddressRefused) as refusal:
        mail(address).message()
    assert not address or address not in str(refusal.value)


def test_neither_address_nor_text_is_in_what_a_log_would_print() -> None:
    assert "nora" not in repr(mail(text="Hello nora"))


@pytest.mark.parametrize("url", ["http://host", "smtp://", "host:25", "smtp://host:port"])
def test_an_smtp_url_that_cannot_be_used_is_refused_at_start(url: str) -> None:
    with pytest.raises(ValidationError):
        NotificationsSettings(smtp_url=SecretStr(url))
    NotificationsSettings(smtp_url=SecretStr("smtps://user:pass%40word@host:465"))
