"""A route that its controller has yet to take: what it did before may still hold."""

from dataclasses import replace

import pytest

from canary.api.status import Phase, Stage, StageRecord
from canary.core import waits
from canary.core.actions import ScaleTarget
from canary.core.facts import Revision
from canary.core.traffic import Seen, Traffic, together
from tests.builders import NEW, OLD, a_primary, a_run, a_spec, a_status, a_workload, at, some_facts
from tests.core.deciding import decided, message, reason, up

PENDING = Seen(pending=True)


def test_of_a_route_that_is_pending_nothing_is_sure_but_that_it_may_still_do_what_it_did():
    at_20 = Seen(weight=20, pending=True)
    assert not at_20.carries(Traffic(weight=20))
    assert not at_20.does(Traffic(weight=20))
    assert at_20.carries(Traffic())
    assert PENDING.exposes_canary()
    assert not Seen(weight=100, pending=True).spares_primary()
    assert together([Seen(), PENDING]).pending


def test_a_step_is_not_judged_before_its_route_is_taken_and_then_for_a_whole_interval():
    run = a_run(pre_rollout_passed=True, next_analysis_at=at(60))
    at_20 = a_status(Phase.PROGRESSING, weight=20, run=run)
    asked = []
    late = up(routed=Seen(weight=20, pending=True))
    held = decided(a_spec(), at_20, late, at(60), asked=asked)
    assert (held.status.canary_weight, reason(held), asked) == (20, waits.ROUTING, [])
    assert message(held).endswith("to the canary: its controller has not taken it yet")
    come = decided(a_spec(), held.status, up(routed=Seen(weight=20)), at(70))
    assert come.status.run.next_analysis_at == at(70) + a_spec().analysis.interval


def test_a_run_whose_route_is_never_taken_is_rolled_back_in_time():
    run = a_run(pre_rollout_passed=True, next_analysis_at=at(60))
    at_20 = a_status(Phase.PROGRESSING, weight=20, run=run)
    late = up(routed=Seen(weight=20, pending=True))
    held = decided(a_spec(), at_20, late, at(60))
    ended = decided(a_spec(), held.status, late, at(660))
    assert (ended.status.phase, ended.status.canary_weight) == (Phase.FAILED, 0)


@pytest.mark.parametrize(
    ("phase", "revision"), [(Phase.SUCCEEDED, OLD), (Phase.FAILED, NEW)], ids=str
)
def test_the_canary_keeps_its_pods_until_the_way_back_is_taken(phase: Phase, revision: str):
    status = a_status(phase, step_started_at=at(0))
    facts = some_facts(target=a_workload(), revision=Revision(id=revision), routed=PENDING)
    late = decided(a_spec(), status, facts, at(60))
    assert ScaleTarget(replicas=0) not in late.actions
    # From the moment at which it is taken, requests in flight have their time.
    taken = replace(facts, routed=Seen())
    assert ScaleTarget(replicas=0) not in decided(a_spec(), late.status, taken, at(61)).actions
    assert ScaleTarget(replicas=0) in decided(a_spec(), late.status, taken, at(70)).actions


def test_a_promotion_is_over_when_its_route_is_taken():
    final = a_status(Phase.FINALISING, last_promoted_spec=NEW)
    done = up(primary=a_primary(NEW), routed=PENDING)
    waiting = decided(a_spec(), final, done, at(60))
    assert (waiting.status.phase, reason(waiting)) == (Phase.FINALISING, waits.ROUTING)
    assert message(waiting) == (
        "waiting for the route to send all traffic to the primary: its controller has not taken "
        "it yet"
    )
    draining = decided(a_spec(), waiting.status, replace(done, routed=Seen()), at(61))
    assert reason(draining) == waits.DRAINING


def test_the_target_is_not_parked_before_the_first_route_is_taken():
    routing = StageRecord(name=Stage.ROUTING, since=at(0))
    new = a_status(Phase.INITIALIZING, last_promoted_spec="", last_applied_spec=OLD, stage=routing)
    late = decided(a_spec(), new, some_facts(target=a_workload(), routed=PENDING), at(60))
    assert (reason(late), ScaleTarget(replicas=0) in late.actions) == (waits.ROUTING, False)
