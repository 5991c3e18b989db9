"""Decisions that no other follows: their own writes allow nothing that was not decided already."""

from typing import Any

import pytest

from canary.api.status import Hold, Notice, Phase, Severity, Stage, StageRecord
from canary.core import waits as why
from canary.core.actions import ScaleTarget
from canary.core.facts import Command, Facts, Revision, UpdateStrategy
from canary.core.traffic import Seen
from tests.builders import NEW, T0, a_primary, a_run, a_spec, a_status, a_workload, at, some_facts
from tests.core.deciding import decided, up

PARKED = a_workload(replicas=0, total=0, updated=0, available=0)
STEPPING = a_status(Phase.PROGRESSING, weight=20)
ROUTED = Seen(weight=20)


def test_a_step_that_is_taken_is_looked_at_again_when_its_analysis_is_due():
    taken = decided(a_spec(), STEPPING, up(routed=ROUTED), at(60))
    assert taken.status.canary_weight == 40
    assert taken.settled
    assert taken.wake_at == at(70)


def test_a_canary_that_gets_its_first_pods_is_waited_for():
    begun = decided(a_spec(), a_status(), up(routed=Seen(), target=PARKED), T0)
    assert begun.status.stage.name is Stage.FILLING
    assert begun.settled


def test_a_primary_that_gets_its_revision_is_waited_for():
    promoting = decided(
        a_spec(), a_status(Phase.PROGRESSING, weight=60), up(routed=Seen(weight=60)), at(60)
    )
    assert promoting.status.stage.name is Stage.UPDATING
    assert promoting.settled


def test_a_primary_without_pods_has_its_revision_at_once():
    primary = a_primary(strategy=UpdateStrategy(at_once=True))
    before = a_status(Phase.PROGRESSING, weight=60)
    promoting = decided(a_spec(), before, up(routed=Seen(weight=60), primary=primary), at(60))
    assert promoting.status.stage.name is Stage.UPDATING
    assert not promoting.settled


def test_a_notice_that_is_forgotten_allows_nothing():
    told = Notice(id="1", reason="Promoted", message="so", severity=Severity.INFO, at=T0)
    before = decided(a_spec(), a_status(), some_facts(), T0).status
    facts = some_facts(delivered=frozenset({"1"}))
    forgotten = decided(a_spec(), before.but(notices=(told,)), facts, at(1))
    assert forgotten.status.notices == ()
    assert forgotten.wake_at is None


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param(
            up(routed=ROUTED, commands=(Command(verb="pause"),)), id="a command is cleared"
        ),
        pytest.param(up(routed=ROUTED, primary=None), id="the primary is gone"),
        pytest.param(up(routed=ROUTED, target=a_workload(replicas=3)), id="the primary would grow"),
        pytest.param(up(), id="there is no route"),
        pytest.param(up(routed=ROUTED, by_replicas=True), id="shares follow from replicas"),
        pytest.param(
            up(routed=ROUTED, primary=a_primary(available=1)), id="the primary is not ready"
        ),
    ],
)
def test_a_step_is_looked_at_again_at_once_where(facts: Facts):
    assert not decided(a_spec(), STEPPING, facts, at(60)).settled


def test_the_route_back_is_what_the_end_of_a_run_waits_for():
    status = a_status(Phase.PROMOTING, weight=60, run=a_run(step=3))
    final = decided(a_spec(), status, up(primary=a_primary(NEW)), at(60))
    assert final.status.phase is Phase.FINALISING
    assert not final.settled


def test_a_canary_that_has_pods_already_may_be_ready_at_once():
    held = a_run(holds=(Hold(reason=why.CANARY_NOT_READY, since=T0),))
    before = a_status(Phase.PROGRESSING, run=held)
    down = decided(a_spec(), before, up(target=a_workload(available=0)), T0)
    assert down.status.stage.name is Stage.FILLING
    assert not down.settled


DRAINED = StageRecord(name=Stage.DRAINING, since=T0, until=at(30))
ENDED = a_status(
    Phase.FINALISING, weight=0, stage=DRAINED, last_promoted_spec=NEW, last_applied_spec=NEW
)
AT_REST = {"primary": a_primary(NEW), "routed": Seen()}


def test_the_end_of_a_run_is_followed_by_nothing_until_its_target_is_parked():
    over = decided(a_spec(), ENDED, up(**AT_REST), at(60))
    assert over.status.phase is Phase.SUCCEEDED
    assert ScaleTarget(replicas=0) in over.actions
    assert over.settled


@pytest.mark.parametrize(
    "differs",
    [
        pytest.param({"revision": Revision(id="newer")}, id="a newer one"),
        pytest.param({"revision": None}, id="one that is not known"),
        pytest.param({"routed": Seen(matched=True)}, id="conditions in the route still"),
    ],
)
def test_the_end_of_a_run_is_looked_at_again_with(differs: dict[str, Any]):
    over = decided(a_spec(), ENDED, up(**AT_REST | differs), at(60))
    assert over.status.phase is Phase.SUCCEEDED
    assert not over.settled
