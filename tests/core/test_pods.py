"""When pods are looked at: not while a workload comes up by itself, and never for nothing."""

import pytest

from canary.api.status import Phase
from canary.core import waits
from canary.core.facts import Facts, Revision
from canary.core.pods import PATIENCE
from canary.core.situation import Decision
from tests.builders import NEW, OLD, a_primary, a_spec, a_status, a_workload, at
from tests.core.deciding import decided, up

SECONDS = PATIENCE.total_seconds()
DOWN = a_workload(available=0)


def followed_from(facts: Facts, phase: Phase) -> tuple[Decision, Decision]:
    """Decide as a workload is found to be down, and again when patience is over."""
    first = decided(a_spec(), a_status(phase), facts, at(60))
    settled = decided(a_spec(), first.status, facts, at(61))
    assert not first.pods_matter
    assert not settled.pods_matter
    assert settled.wake_at == at(60 + SECONDS)
    return settled, decided(a_spec(), settled.status, facts, at(60 + SECONDS))


def test_a_canary_that_does_not_come_up_is_looked_into_after_a_while():
    settled, later = followed_from(up(target=DOWN), Phase.PROGRESSING)
    assert settled.status.waiting_for.reason == waits.CANARY_NOT_READY
    assert later.pods_matter
    assert later.wake_at == at(90), "nothing but the wait itself is left to tell of"


def test_a_primary_that_does_not_come_up_is_looked_into_after_a_while():
    _, later = followed_from(up(primary=a_primary(NEW, available=1)), Phase.PROMOTING)
    assert later.pods_matter


def test_so_is_a_first_primary():
    new = a_status(Phase.NEW, last_promoted_spec="", last_applied_spec="")
    facts = up(primary=a_primary(NEW, available=0))
    first = decided(a_spec(), new, facts, at(60))
    assert (first.status.phase, first.pods_matter) == (Phase.INITIALIZING, False)
    assert decided(a_spec(), first.status, facts, at(60 + SECONDS)).pods_matter


def test_a_pod_that_fails_of_a_canary_that_is_ready_enough_is_looked_into_at_once():
    spec = a_spec(analysis={"canaryReadyThreshold": 50})
    facts = up(target=a_workload(available=1))
    assert decided(spec, a_status(Phase.PROGRESSING, weight=20), facts, at(60)).pods_matter


@pytest.mark.parametrize(
    ("phase", "facts"),
    [
        pytest.param(Phase.PROGRESSING, up(), id="all are up"),
        pytest.param(Phase.PROGRESSING, up(primary=a_primary(available=0)), id="not of the run"),
        pytest.param(Phase.PROGRESSING, up(target=None), id="there is no workload"),
        pytest.param(Phase.PROMOTING, up(target=DOWN, primary=a_primary(NEW)), id="promoted"),
        pytest.param(Phase.FINALISING, up(target=DOWN), id="nothing depends on it any more"),
        pytest.param(
            Phase.SUCCEEDED, up(target=DOWN, revision=Revision(id=OLD)), id="there is no run"
        ),
    ],
)
def test_pods_are_left_alone_where_they_change_nothing(phase: Phase, facts: Facts):
    first = decided(a_spec(), a_status(phase), facts, at(60))
    assert not first.pods_matter
    assert not decided(a_spec(), first.status, facts, at(120)).pods_matter
