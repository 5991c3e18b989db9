"""How a Canary stands, in one word."""

from canary.views.canary import canary_view
from canary.views.standing import CanaryStanding, standing
from tests.views.fleet import STATUSES, manifest

STANDINGS = {
    "cart": CanaryStanding.GATE,
    "catalogue": CanaryStanding.QUIET,
    "invalid": CanaryStanding.STUCK,
    "paused": CanaryStanding.PAUSED,
    "prices": CanaryStanding.RUNNING,
    "search": CanaryStanding.FAILED,
    "shop": CanaryStanding.RUNNING,
    "ticker": CanaryStanding.QUIET,
}


def test_a_canary_stands_as_what_it_needs_or_else_as_its_run():
    found = {name: standing(canary_view(manifest(name, each))) for name, each in STATUSES.items()}
    assert found == STANDINGS


def test_every_standing_has_a_sign_of_its_own():
    assert len({each.sign for each in CanaryStanding}) == len(CanaryStanding)
