"""Proxies that learn late of pods: a side that has come up gets its traffic when they know it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from canary.api.status import Phase, Stage, StageRecord
from canary.core import waits
from canary.core.facts import UpdateStrategy
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
