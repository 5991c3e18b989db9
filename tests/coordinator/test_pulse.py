"""The pulse: signs of life on this process's own clock (F4)."""

import pytest

from canary.coordinator.pulse import DEAF_SECONDS, Pulse

TIMEOUT = 300.0


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def listened(clock: Clock, pulse: Pulse, seconds: float, **versions: str) -> tuple[bool, bool]:
    """Listen every 5 s for so long; give whether eu is heard, and whether it is silent."""
    for _ in range(int(seconds // 5)):
        clock.now += 5
        pulse.listen(versions)
    return pulse.is_heard("eu", TIMEOUT), pulse.is_silent("eu", TIMEOUT)


def test_a_lease_that_has_not_changed_since_the_start_says_nothing_until_its_time_is_over(clock):
    pulse = Pulse(clock)
    assert (pulse.is_heard("eu", TIMEOUT), pulse.is_silent("eu", TIMEOUT)) == (False, False)
    assert listened(clock, pulse, 300, eu="1") == (False, False)
    assert listened(clock, pulse, 10, eu="1") == (False, True)


def test_a_member_is_heard_from_each_change_of_its_lease_until_its_time_is_over(clock):
    pulse = Pulse(clock)
    listened(clock, pulse, 5, eu="1")
    assert listened(clock, pulse, 5, eu="2") == (True, False)
    assert listened(clock, pulse, 300, eu="2") == (True, False)
    assert listened(clock, pulse, 10, eu="2") == (False, True)
    assert listened(clock, pulse, 5, eu="3") == (True, False)


def test_a_lease_that_comes_later_is_a_sign_of_life_and_one_that_never_came_is_none(clock):
    pulse = Pulse(clock)
    listened(clock, pulse, 5)
    assert listened(clock, pulse, 5, eu="1") == (True, False)
    other = Pulse(clock)
    assert listened(clock, other, 310) == (False, True)


def test_a_coordinator_that_could_not_listen_takes_nobody_for_silent(clock):
    pulse = Pulse(clock)
    listened(clock, pulse, 5, eu="1")
    listened(clock, pulse, 5, eu="2")
    clock.now += DEAF_SECONDS + TIMEOUT
    assert listened(clock, pulse, 5, eu="2") == (False, False)
    assert listened(clock, pulse, 5, eu="3") == (True, False)
