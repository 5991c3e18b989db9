"""How a Canary stands, in one word."""

from canary.views.canary import canary_view
from canary.views.standing import Standing, standing
from tests.views.fleet import STATUSES, manifest

STANDINGS = {
    "cart": Standing.GATE,
    "catalogue": Standing.QUIET,
    "invalid": Standing.STUCK,
    "paused": Standing.PAUSED,
    "prices": Standing.RUNNING,
    "search": Standing.FAILED,
    "shop": Standing.RUNNING,
    "ticker": Standing.QUIET,
}


def test_a_canary_stands_as_what_it_needs_or_else_as_its_run():
    found = {name: standing(canary_view(manifest(name, each))) for name, each in STATUSES.items()}
    assert found == STANDINGS


def test_every_standing_has_a_sign_of_its_own():
    assert len({each.sign for each in Standing}) == len(Standing)
