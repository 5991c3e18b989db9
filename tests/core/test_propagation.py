"""Proxies that learn late of pods: a side that has come up gets its traffic when they know it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from canary.api.status import CanaryStatus, Outcome, Pause, Phase, RunRecord, Stage, StageRecord
from canary.core import waits
from canary.core.facts import Command, Facts, Revision, UpdateStrategy
from canary.core.traffic import Seen
from tests.builders import NEW, a_primary, a_run, a_spec, a_status, a_workload, at
from tests.core.deciding import decided, message, reason, up

LATE = timedelta(seconds=15)
FILLING = StageRecord(name=Stage.FILLING, since=at(0))
STARTED = a_status(Phase.PROGRESSING, stage=FILLING, run=a_run(next_analysis_at=at(60)))
READY = up(settling=LATE)
LOST = up(target=a_workload(available=0), settling=LATE)


def test_a_canary_that_is_ready_gets_its_first_traffic_when_proxies_know_its_pods():
    ready = decided(a_spec(), STARTED, READY, at(60))
    assert (reason(ready), ready.status.canary_weight) == (waits.PROPAGATING, 0)
    assert message(ready) == "waiting for proxies to learn of the pods of podinfo"
    assert ready.status.waiting_for.deadline is None
    still = decided(a_spec(), ready.status, READY, at(74))
    assert (still.status, still.wake_at) == (ready.status, at(75))
    assert decided(a_spec(), still.status, READY, at(75)).status.canary_weight > 0


def test_where_proxies_follow_at_once_nothing_is_waited_for():
    assert decided(a_spec(), STARTED, up(), at(60)).status.canary_weight > 0


def test_their_time_runs_while_the_first_analysis_is_not_due():
    early = decided(a_spec(), STARTED, READY, at(5))
    known = decided(a_spec(), early.status, READY, at(20))
    assert (reason(known), known.wake_at) == (waits.ANALYSIS_DUE, at(21))
    assert decided(a_spec(), known.status, READY, at(60)).status.canary_weight > 0


def test_pods_that_are_lost_meanwhile_are_waited_for_anew():
    ready = decided(a_spec(), STARTED, READY, at(60))
    lost = decided(a_spec(), ready.status, LOST, at(70))
    assert reason(lost) == waits.CANARY_NOT_READY
    again = decided(a_spec(), lost.status, READY, at(80))
    assert (reason(again), again.wake_at) == (waits.PROPAGATING, at(81))
    assert decided(a_spec(), again.status, READY, at(94)).status.canary_weight == 0
    assert decided(a_spec(), again.status, READY, at(95)).status.canary_weight > 0


def test_a_canary_that_comes_back_gets_its_step_back_when_proxies_know_its_pods():
    at_60 = a_status(Phase.PROGRESSING, weight=60, run=a_run(pre_rollout_passed=True))
    lost = decided(a_spec(), at_60, replace(LOST, routed=Seen(weight=60)), at(60))
    assert lost.status.canary_weight == 0
    ready = decided(a_spec(), lost.status, READY, at(70))
    assert (reason(ready), ready.status.canary_weight) == (waits.PROPAGATING, 0)
    assert decided(a_spec(), ready.status, READY, at(84)).status.canary_weight == 0
    back = decided(a_spec(), ready.status, READY, at(85))
    assert (back.status.canary_weight, reason(back)) == (60, waits.ANALYSIS_DUE)


def test_a_step_that_is_under_way_waits_for_no_proxy():
    run = a_run(pre_rollout_passed=True, next_analysis_at=at(60))
    at_60 = a_status(Phase.PROGRESSING, weight=60, stage=FILLING, run=run)
    judged = decided(a_spec(), at_60, replace(READY, routed=Seen(weight=60)), at(60))
    assert reason(judged) != waits.PROPAGATING


@pytest.mark.parametrize("strategy", [UpdateStrategy(), UpdateStrategy(recreate=True)], ids=str)
def test_a_promoted_primary_gets_its_traffic_back_when_proxies_know_its_pods(strategy):
    updating = a_status(
        Phase.PROMOTING, weight=60, stage=StageRecord(name=Stage.UPDATING, since=at(0))
    )
    promoted = replace(READY, primary=a_primary(NEW, strategy=strategy), routed=Seen(weight=60))
    ready = decided(a_spec(), updating, promoted, at(60))
    assert (reason(ready), ready.status.canary_weight) == (waits.PROPAGATING, 60)
    assert message(ready) == "waiting for proxies to learn of the primary's new pods"
    assert decided(a_spec(), ready.status, promoted, at(74)).status.canary_weight == 60
    back = decided(a_spec(), ready.status, promoted, at(75))
    assert (back.status.phase, back.status.canary_weight) == (Phase.FINALISING, 0)


def test_a_promoted_primary_that_has_all_traffic_waits_for_no_proxy():
    updating = a_status(Phase.PROMOTING, stage=StageRecord(name=Stage.UPDATING, since=at(0)))
    promoted = replace(READY, primary=a_primary(NEW), routed=Seen())
    assert decided(a_spec(), updating, promoted, at(60)).status.phase is Phase.FINALISING


PRIMARY_LOST = a_primary(available=0)
PAUSED = Pause(since=at(30))
AT_60 = a_status(Phase.PROGRESSING, weight=60, run=a_run(pre_rollout_passed=True), paused=PAUSED)


def after_a_loss(before: CanaryStatus, **facts: Any) -> CanaryStatus:
    """Lose the last pod of the primary: the canary gets all traffic."""
    gone = replace(READY, primary=PRIMARY_LOST, routed=Seen(weight=before.canary_weight), **facts)
    lost = decided(a_spec(), before, gone, at(40)).status
    assert lost.canary_weight == 100
    return lost


def weight_at(status: CanaryStatus, facts: Facts, seconds: float) -> tuple[CanaryStatus, int]:
    decision = decided(a_spec(), status, replace(facts, routed=Seen(weight=100)), at(seconds))
    return decision.status, decision.status.canary_weight


def test_in_a_run_a_primary_that_comes_back_gets_its_traffic_when_proxies_know_it():
    lost = after_a_loss(AT_60)
    back = decided(a_spec(), lost, replace(READY, routed=Seen(weight=100)), at(41))
    assert (back.status.canary_weight, back.wake_at) == (100, at(42))
    again = decided(a_spec(), back.status, replace(READY, routed=Seen(weight=100)), at(55))
    assert (again.status.canary_weight, again.wake_at) == (100, at(56))
    known = decided(a_spec(), again.status, replace(READY, routed=Seen(weight=100)), at(56))
    assert known.status.canary_weight == 60
    assert not known.status.run.holds or known.status.run.holds[0].reason != waits.PROPAGATING


def test_in_a_run_a_primary_that_is_lost_again_is_waited_for_anew():
    back, _ = weight_at(after_a_loss(AT_60), READY, 41)
    lost, _ = weight_at(back, replace(READY, primary=PRIMARY_LOST), 50)
    assert waits.PROPAGATING not in {hold.reason for hold in lost.run.holds}
    back, weight = weight_at(lost, READY, 58)
    assert weight == 100
    back, weight = weight_at(back, READY, 72)
    assert weight == 100
    assert weight_at(back, READY, 73)[1] == 60


def test_a_canary_that_cannot_serve_leaves_a_primary_no_time():
    back, _ = weight_at(after_a_loss(AT_60), READY, 41)
    assert weight_at(back, LOST, 42)[1] == 0


def test_a_canary_that_is_judged_sick_leaves_a_primary_no_time():
    back, _ = weight_at(after_a_loss(AT_60), READY, 41)
    facts = replace(READY, routed=Seen(weight=100), commands=(Command(verb="abort"),))
    rolled_back = decided(a_spec(), back, facts, at(42))
    assert (rolled_back.status.phase, rolled_back.status.canary_weight) == (Phase.FAILED, 0)


def test_where_proxies_follow_at_once_a_primary_that_comes_back_is_not_waited_for():
    lost = after_a_loss(AT_60, settling=timedelta(0))
    assert weight_at(lost, up(), 41)[1] == 60


REST = {
    "initialised": a_status(Phase.INITIALIZED, weight=100),
    "promoted": a_status(Phase.SUCCEEDED, weight=100),
    "rolled back": a_status(
        Phase.FAILED,
        weight=100,
        last_applied_spec=NEW,
        history=(RunRecord(revision=NEW, outcome=Outcome.ROLLED_BACK),),
    ),
    "at the end of a run": a_status(
        Phase.FINALISING, weight=100, last_promoted_spec=NEW, last_applied_spec=NEW
    ),
    "not promoted": a_status(
        Phase.FAILED,
        weight=100,
        last_applied_spec=NEW,
        history=(RunRecord(revision=NEW, outcome=Outcome.PROMOTION_FAILED),),
    ),
}


@pytest.mark.parametrize("before", REST.values(), ids=REST.keys())
@pytest.mark.parametrize("obstacle", ["", "403"])
def test_at_rest_a_primary_that_comes_back_gets_its_traffic_when_proxies_know_it(before, obstacle):
    revision = before.last_applied_spec or before.last_promoted_spec
    primary = a_primary(NEW if before is REST["not promoted"] else before.last_promoted_spec)
    facts = up(revision=Revision(id=revision), primary=primary, settling=LATE, obstacle=obstacle)
    gone = replace(facts, primary=replace(primary, available=0), obstacle="")
    lost, weight = weight_at(before, gone, 10)
    assert weight == 100
    ready = decided(a_spec(), lost, replace(facts, routed=Seen(weight=100)), at(20))
    assert (reason(ready), ready.status.canary_weight) == (waits.PROPAGATING, 100)
    assert message(ready) == "waiting for proxies to learn of the pods of podinfo-primary"
    still, weight = weight_at(ready.status, facts, 34)
    assert weight == 100
    assert weight_at(still, facts, 35)[1] == 0


def test_a_revision_that_cannot_be_read_does_not_keep_a_primary_waiting():
    facts = up(revision=None, settling=LATE)
    lost, _ = weight_at(REST["promoted"], replace(facts, primary=PRIMARY_LOST), 10)
    ready, weight = weight_at(lost, facts, 20)
    assert (weight, ready.waiting_for.reason) == (100, waits.PROPAGATING)
    assert weight_at(ready, facts, 35)[1] == 0
