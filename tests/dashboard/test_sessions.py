"""Sessions and one-time keys, on a clock of the test."""

import pytest

from canary.dashboard.sessions import (
    IDLE_SECONDS,
    KEY_SECONDS,
    LONGEST_SECONDS,
    MOST_SESSIONS,
    OneTimeKey,
    Sessions,
)
from canary.dashboard.viewers import Viewer


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(clock: Clock) -> Sessions:
    return Sessions(clock)


@pytest.fixture
def viewer() -> Viewer:
    return Viewer(cluster=None, user="alice")


def test_a_session_is_found_by_its_name_alone(sessions, viewer):
    name = sessions.open(viewer)
    assert sessions.find(name).viewer is viewer
    assert [sessions.find(each) for each in ("", name[:-1], name.upper())] == [None] * 3


def test_no_two_sessions_have_a_name_or_a_form_token_in_common(sessions, viewer):
    one, other = sessions.open(viewer), sessions.open(viewer)
    assert one != other
    assert len(one) >= 43
    assert not sessions.find(one).owns(sessions.find(other).form_token)


def test_a_session_that_is_not_used_ends_after_an_hour(sessions, viewer, clock):
    name = sessions.open(viewer)
    clock.now += IDLE_SECONDS - 1
    assert sessions.find(name) is not None
    clock.now += IDLE_SECONDS
    assert sessions.find(name) is None


def test_a_session_ends_after_half_a_day_however_much_it_is_used(sessions, viewer, clock):
    name = sessions.open(viewer)
    end = clock.now + LONGEST_SECONDS
    while clock.now < end:
        assert sessions.find(name) is not None
        clock.now += IDLE_SECONDS / 2
    assert sessions.find(name) is None


def test_a_session_that_is_closed_has_ended_for_its_streams_too(sessions, viewer):
    name = sessions.open(viewer)
    session = sessions.find(name)
    sessions.close(name)
    sessions.close(name)
    assert (sessions.find(name), sessions.ended(session)) == (None, True)


def test_of_too_many_sessions_the_one_unused_for_longest_goes(sessions, viewer):
    first, second = sessions.open(viewer), sessions.open(viewer)
    sessions.find(first)
    for _ in range(MOST_SESSIONS - 1):
        sessions.open(viewer)
    assert (sessions.find(first) is not None, sessions.find(second)) == (True, None)


def test_a_key_opens_once(clock):
    key = OneTimeKey(clock)
    made = key.make()
    assert [key.opens(each) for each in ("", made[:-1], made, made)] == [False, False, True, False]


def test_a_key_opens_for_a_minute(clock):
    key = OneTimeKey(clock)
    made = key.make()
    clock.now += KEY_SECONDS
    assert not key.opens(made)


def test_before_a_key_is_made_nothing_opens(clock):
    assert not OneTimeKey(clock).opens("")


def test_a_name_that_is_no_ascii_is_no_session_and_no_key(sessions, clock):
    assert sessions.find("müß🗝") is None
    assert not OneTimeKey(clock).opens("müß🗝")
