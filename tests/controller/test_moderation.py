"""Moderated wake-ups: how long a loop is let sleep. Time is what the test says it is."""

import selectors
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest

from canary.controller.moderation import ModeratedSelector

LEAST = 0.04


class Sleeper:
    """A clock that goes on while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(pytest.approx(seconds))
        self.now += seconds


@contextmanager
def a_selector(
    sleeper: Sleeper, *, ready: bool, hurried: bool = False
) -> Iterator[ModeratedSelector]:
    selector = ModeratedSelector(
        LEAST, hurried=lambda: hurried, clock=sleeper.clock, sleep=sleeper.sleep
    )
    near, far = socket.socketpair()
    with near, far, selector:
        selector.register(near, selectors.EVENT_READ)
        if ready:
            far.send(b"x")
        yield selector


def test_what_comes_after_a_long_sleep_is_told_at_once():
    sleeper = Sleeper()
    with a_selector(sleeper, ready=True) as selector:
        for _ in range(3):
            assert len(selector.select(None)) == 1
            sleeper.now += 1
    assert sleeper.slept == []


def test_what_comes_soon_after_is_told_when_the_least_time_has_passed():
    sleeper, told = Sleeper(), []
    with a_selector(sleeper, ready=True) as selector:
        for _ in range(4):
            assert len(selector.select(None)) == 1
            told.append(sleeper.now)
            sleeper.now += 0.01  # of work
    assert [later - earlier for earlier, later in pairwise(told)] == [pytest.approx(LEAST)] * 3


def test_who_works_for_longer_than_that_is_not_held_up():
    sleeper = Sleeper()
    with a_selector(sleeper, ready=True) as selector:
        selector.select(None)
        sleeper.now += LEAST
        selector.select(None)
    assert sleeper.slept == []


def test_nor_is_who_is_in_a_hurry():
    sleeper = Sleeper()
    with a_selector(sleeper, ready=True, hurried=True) as selector:
        for _ in range(3):
            assert len(selector.select(None)) == 1
    assert sleeper.slept == []


@pytest.mark.parametrize("timeout", [0, -1])
def test_who_only_asks_is_answered_at_once(timeout: float):
    sleeper = Sleeper()
    with a_selector(sleeper, ready=True) as selector:
        selector.select(None)
        assert len(selector.select(timeout)) == 1
    assert sleeper.slept == []


def test_a_timer_is_not_late():
    sleeper = Sleeper()
    with a_selector(sleeper, ready=False) as selector:
        selector.select(0.001)
        assert selector.select(0.01) == []
    assert sleeper.slept == [0.01]
