"""Traffic that is intended, and what a route does of it."""

import pytest

from canary.api.traffic import HttpMatch
from canary.core.traffic import Seen, Traffic, together

BETA = (HttpMatch.model_validate({"headers": {"x-beta": {"exact": "1"}}}),)


@pytest.mark.parametrize("percent", [-1, 101])
@pytest.mark.parametrize("field", ["weight", "mirror"])
def test_a_share_of_traffic_is_a_percentage(field: str, percent: int) -> None:
    with pytest.raises(ValueError, match=f"{field} is a percentage, and {percent} is not"):
        Traffic(**{field: percent})


@pytest.mark.parametrize(
    ("seen", "traffic", "carries", "does"),
    [
        (Seen(weight=20), Traffic(weight=20), True, True),
        (Seen(weight=30), Traffic(weight=20), True, False),
        (Seen(weight=10), Traffic(weight=20), False, False),
        (Seen(mirror=50), Traffic(mirror=50), True, True),
        (Seen(mirror=100), Traffic(mirror=50), True, False),
        (Seen(), Traffic(mirror=50), False, False),
        (Seen(weight=100, matched=True), Traffic(weight=100, match=BETA), True, True),
        (Seen(weight=100), Traffic(weight=100, match=BETA), False, False),
        (Seen(weight=100, matched=True), Traffic(weight=100), False, False),
        (Seen(matched=True), Traffic(), True, True),
        (Seen(), Traffic(match=BETA), True, True),
        (Seen(weight=5), Traffic(), True, False),
    ],
)
def test_a_route_carries_at_least_what_is_intended(
    seen: Seen, traffic: Traffic, *, carries: bool, does: bool
) -> None:
    assert (seen.carries(traffic), seen.does(traffic)) == (carries, does)


@pytest.mark.parametrize(
    ("seen", "exposes"), [(Seen(), False), (Seen(weight=1), True), (Seen(mirror=1), True)]
)
def test_a_copy_of_a_request_needs_the_canary_as_well(seen: Seen, *, exposes: bool) -> None:
    assert seen.exposes_canary() is exposes


@pytest.mark.parametrize(
    ("routes", "seen"),
    [
        ((), None),
        ((None, None), None),
        ((Seen(weight=20), Seen(weight=20)), Seen(weight=20)),
        ((Seen(), Seen(weight=20)), Seen(weight=20, uneven=True)),
        ((Seen(weight=100), None), Seen(weight=100, uneven=True)),
        (
            (Seen(weight=5, keeps_canary=True), Seen(mirror=9, matched=True, keeps_primary=True)),
            Seen(
                weight=5,
                mirror=9,
                matched=True,
                keeps_canary=True,
                keeps_primary=True,
                uneven=True,
            ),
        ),
    ],
)
def test_several_routes_give_the_canary_what_any_of_them_does(
    routes: tuple[Seen | None, ...], seen: Seen | None
) -> None:
    assert together(routes) == seen


def test_routes_that_differ_carry_no_step_and_spare_neither_side() -> None:
    seen = together([Seen(weight=100), Seen(weight=20)])
    assert seen is not None
    assert not seen.carries(Traffic(weight=20))
    assert not seen.does(Traffic(weight=100))
    assert seen.exposes_canary()
    assert not seen.spares_primary()
