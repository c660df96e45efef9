"""The rules of accounts, sessions and counted failures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from bookstore.identity.v1.identity_errors import AccountDisabled, RefreshTokenInvalid, RefreshTokenReused, UserNotFound
from hypothesis import given
from hypothesis import strategies as st

from chassis.kernel import Caller, Role
from chassis.v1.platform_errors import EtagMismatch
from services.identity.account import (
    FAILURE_WINDOW,
    FAILURES_ALLOWED,
    GRACE,
    IDLE_LIFE,
    NO_FAILURES,
    SIGN_IN_LIFE,
    Session,
    User,
    UserState,
    may_see,
    normal_email,
)

NOW = datetime(2026, 1, 2, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
ANN = User(id="ann", display_name="Ann", email="ann@example.com", create_time=NOW, update_time=NOW)
SECOND = timedelta(seconds=1)


def test_mail_addresses_are_compared_without_case() -> None:
    assert normal_email(" Ann.B@Example.COM") == "ann.b@example.com"


class TestUser:
    def test_a_change_makes_a_new_version_and_no_change_none(self) -> None:
        after = ANN.revise(display_name="Anna", email=ANN.email, etag='"1"', now=LATER)
        assert (after.display_name, after.version, after.update_time, after.create_time) == ("Anna", 2, LATER, NOW)
        assert ANN.revise(display_name="Ann", email=ANN.email, etag="", now=LATER) is ANN

    def test_an_old_etag_is_refused(self) -> None:
        with pytest.raises(EtagMismatch):
            ANN.revise(display_name="Anna", email=ANN.email, etag='"7"', now=LATER)

    def test_everybody_stays_a_customer(self) -> None:
        assert ANN.with_roles(frozenset({Role.ADMIN}), etag="", now=LATER).roles == {Role.CUSTOMER, Role.ADMIN}

    def test_closing_erases_the_person_and_is_final(self) -> None:
        closed = ANN.with_roles(frozenset({Role.ADMIN}), etag="", now=NOW).close(etag="", now=LATER)
        assert (closed.display_name, closed.email, closed.state) == ("", "", UserState.DELETED)
        assert not closed.administers
        assert closed.close(etag='"1"', now=LATER) is closed
        with pytest.raises(UserNotFound):
            closed.revise(display_name="Ann", email=ANN.email, etag="", now=LATER)
        with pytest.raises(UserNotFound):
            closed.with_roles(frozenset({Role.STAFF}), etag="", now=LATER)

    @pytest.mark.parametrize("state", [UserState.DISABLED, UserState.DELETED])
    def test_only_active_accounts_act(self, state: UserState) -> None:
        user = User(id="x", display_name="", email="", state=state, create_time=NOW, update_time=NOW)
        with pytest.raises(AccountDisabled):
            user.require_active()

    def test_who_sees_an_account(self) -> None:
        owner, staff = Caller(user="users/ann"), Caller(user="users/s", roles=frozenset({"staff"}))
        writer, other = Caller(service="notifications"), Caller(user="users/bob", service="edge")
        closed = ANN.close(etag="", now=LATER)
        assert [may_see(ANN, caller) for caller in (owner, staff, writer, other)] == [True, True, True, False]
        assert [may_see(closed, caller) for caller in (owner, staff, writer, other)] == [False, True, False, False]


class TestSession:
    session = Session.begin("s", "ann", NOW)

    def test_each_exchange_begins_a_generation(self) -> None:
        after = self.session.exchange(1, LATER)
        assert (after.generation, after.rotate_time, after.end_time) == (2, LATER, self.session.end_time)

    def test_the_token_before_is_forgiven_once_within_the_grace(self) -> None:
        rotated = self.session.exchange(1, LATER)
        forgiven = rotated.exchange(1, LATER + GRACE)
        assert forgiven.generation == rotated.generation
        with pytest.raises(RefreshTokenReused):
            forgiven.exchange(1, LATER + GRACE)

    def test_after_the_grace_it_is_reuse(self) -> None:
        rotated = self.session.exchange(1, LATER)
        with pytest.raises(RefreshTokenReused):
            rotated.exchange(1, LATER + GRACE + SECOND)

    def test_of_two_siblings_the_later_is_found_out(self) -> None:
        forked = self.session.exchange(1, LATER).exchange(1, LATER + SECOND)
        used_by_one = forked.exchange(2, LATER + timedelta(minutes=5))
        with pytest.raises(RefreshTokenReused):
            used_by_one.exchange(2, LATER + timedelta(minutes=10))

    def test_it_ends_when_idle_and_when_old(self) -> None:
        assert self.session.exchange(1, NOW + IDLE_LIFE - SECOND).generation == 2
        with pytest.raises(RefreshTokenInvalid):
            self.session.exchange(1, NOW + IDLE_LIFE)
        session, now = self.session, NOW
        while now + timedelta(days=6) < NOW + SIGN_IN_LIFE:
            now += timedelta(days=6)
            session = session.exchange(session.generation, now)
        with pytest.raises(RefreshTokenInvalid):
            session.exchange(session.generation, NOW + SIGN_IN_LIFE)

    @given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30)), max_size=30))
    def test_no_token_is_good_for_more_than_two_exchanges(self, steps: list[tuple[int, int]]) -> None:
        session, now = self.session, NOW
        uses: dict[int, int] = {}
        for age, seconds in steps:
            now += timedelta(seconds=seconds)
            generation = max(1, session.generation - age)
            try:
                session = session.exchange(generation, now)
            except RefreshTokenReused:
                assert age > 0
                return
            uses[generation] = uses.get(generation, 0) + 1
        assert max(uses.values(), default=0) <= 2
        assert session.generation == 1 + len(uses)


class TestFailures:
    def test_the_fifth_wrong_password_closes_the_door_for_the_rest_of_the_minute(self) -> None:
        failures = NO_FAILURES
        for second in range(FAILURES_ALLOWED):
            moment = NOW + second * SECOND
            assert failures.wait(moment) == timedelta()
            failures = failures.with_one_more(moment)
        assert failures.wait(NOW + 10 * SECOND) == timedelta(seconds=50)
        assert failures.wait(NOW + FAILURE_WINDOW) == timedelta()
        assert failures.with_one_more(NOW + FAILURE_WINDOW).count == 1

    @given(st.lists(st.integers(0, 90), max_size=40))
    def test_no_more_than_five_in_any_window(self, pauses: list[int]) -> None:
        failures, now, tried = NO_FAILURES, NOW, list[datetime]()
        for pause in pauses:
            now += timedelta(seconds=pause)
            if not failures.wait(now):
                failures = failures.with_one_more(now)
                tried.append(now)
        windows = [sum(1 for other in tried if start <= other < start + FAILURE_WINDOW) for start in tried]
        assert max(windows, default=0) < 2 * FAILURES_ALLOWED  # a window may straddle two counts
