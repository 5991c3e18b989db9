"""How long a store that has been asked too often is left alone."""

import httpx
import pytest

from analysis.http.exchange import retry_after
from analysis.throttling import LONGEST, Throttle


def test_a_store_is_left_alone_for_as_long_as_it_wants():
    throttle = Throttle()
    assert throttle.left(10) == 0
    throttle.begin(10, 30)
    assert throttle.left(10) == 30
    assert throttle.left(35) == 5
    assert throttle.left(40) == 0


def test_a_store_that_names_no_time_is_left_alone_twice_as_long_each_time():
    throttle, now, lengths = Throttle(), 0.0, []
    for _ in range(20):
        throttle.begin(now, None)
        lengths.append(throttle.left(now))
        now += lengths[-1]
    assert lengths[:5] == [1, 2, 4, 8, 16]
    assert lengths[-1] == LONGEST
    throttle.end()
    throttle.begin(now, None)
    assert throttle.left(now) == 1


@pytest.mark.parametrize("wanted", [1e9, float("inf")])
def test_no_store_is_left_alone_for_ever(wanted):
    throttle = Throttle()
    throttle.begin(0, wanted)
    assert throttle.left(0) == LONGEST


def test_a_shorter_wish_does_not_end_a_longer_throttle():
    throttle = Throttle()
    throttle.begin(0, 30)
    throttle.begin(1, 2)
    assert throttle.left(1) == 29


NOON = "Thu, 01 Jan 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "30"}, 30),
        ({"Retry-After": "Thu, 01 Jan 2026 12:00:30 GMT", "Date": NOON}, 30),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "30"}, 30),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1767268830", "Date": NOON}, 30),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1767268770", "Date": NOON}, 0),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1767268830"}, None),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "soon"}, None),
        ({"X-RateLimit-Remaining": "7", "X-RateLimit-Reset": "30"}, None),
        ({"Retry-After": "5", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "30"}, 5),
        ({}, None),
    ],
)
def test_a_server_says_when_to_come_back_in_one_of_several_ways(headers, seconds):
    assert retry_after(httpx.Headers(headers)) == seconds
