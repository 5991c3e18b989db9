"""Autoscalers are not fought for replicas, nor left without their target; budgets have twins."""

from dataclasses import replace
from typing import Any

import pytest

from canary.api.status import CanaryStatus, Phase
from canary.core.actions import (
    EnsureAutoscaler,
    EnsureBudgets,
    HoldFinalizer,
    LeaveBehind,
    PauseAutoscaler,
    RemoveAutoscaler,
    RouteTraffic,
    ScalePrimary,
    ScaleTarget,
)
from canary.core.facts import Drift, Facts, Revision, Trouble, Workload
from canary.core.situation import Decision
from tests.builders import NEW, a_primary, a_run, a_spec, a_status, a_workload, at, some_facts
from tests.core.deciding import decided, reason, up

KEDA = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "scaler"}
SPEC = a_spec(autoscalerRef=KEDA)
CRASH = Trouble(reason="CrashLoopBackOff", pod="p", container="c", message="")


def in_run(weight: int, **fields: Any) -> CanaryStatus:
    return a_status(Phase.PROGRESSING, weight=weight, run=a_run(), **fields)


def resting(**fields: Any) -> Facts:
    """Build facts of sides whose autoscalers take all pods that have nothing to do."""
    return some_facts(**{"target_rests": True, "primary_rests": True} | fields)


def asleep(**fields: Any) -> Workload:
    return a_primary(replicas=0, total=0, updated=0, available=0, **fields)


def pauses(decision: Decision) -> list[int | None]:
    return [each.replicas for each in decision.actions if isinstance(each, PauseAutoscaler)]


def minima(decision: Decision) -> list[int]:
    return [each.minimum for each in decision.actions if isinstance(each, EnsureAutoscaler)]


def scaled(decision: Decision) -> list[ScaleTarget | ScalePrimary]:
    return [each for each in decision.actions if isinstance(each, ScaleTarget | ScalePrimary)]


class TestAtRest:
    def test_a_primary_that_its_autoscaler_has_put_to_sleep_is_ready_and_left_asleep(self):
        decision = decided(SPEC, a_status(), resting(primary=asleep()), at(0))
        ready = decision.status.condition("Ready")
        assert ready is not None
        assert ready.status == "True"
        assert scaled(decision) == []
        assert minima(decision) == [0]

    def test_one_that_should_have_pods_and_has_none_is_not_ready(self):
        decision = decided(SPEC, a_status(), some_facts(primary=asleep()), at(0))
        ready = decision.status.condition("Ready")
        assert ready is not None
        assert ready.status == "False"


class TestInitialisation:
    def test_the_primarys_autoscaler_does_not_undo_what_the_primary_begins_with(self):
        target = a_workload(replicas=5, available=5)
        facts = some_facts(target=target, primary=a_primary(replicas=1), routed=None)
        decision = decided(SPEC, CanaryStatus(), facts, at(0))
        assert minima(decision) == [5]
        assert ScalePrimary(replicas=5) in decision.actions

    def test_it_is_not_asked_for_more_replicas_than_its_autoscaler_allows(self):
        target = a_workload(replicas=5, available=5)
        facts = some_facts(
            target=target,
            primary=a_primary(replicas=3, total=3, updated=3, available=3),
            routed=None,
            autoscaler_maximum=3,
        )
        decision = decided(SPEC, CanaryStatus(), facts, at(0))
        assert minima(decision) == [3]
        assert scaled(decision) == []

    @pytest.mark.parametrize(("rests", "minimum"), [(True, 2), (False, 0)])
    def test_one_that_may_sleep_is_kept_awake_until_it_has_its_traffic(
        self, rests: bool, minimum: int
    ):
        facts = some_facts(primary=a_primary(), routed=None, primary_rests=rests)
        learning = decided(SPEC, CanaryStatus(), facts, at(0))
        routing = decided(SPEC, learning.status, facts, at(10))
        assert minima(routing) == [minimum]


class TestRun:
    def test_a_primary_that_sleeps_wakes_up_before_the_canary_gets_pods(self):
        status = in_run(0, primary_replicas=3)
        asked = resting(revision=Revision(id=NEW), target=a_workload(replicas=0), primary=asleep())
        waking = decided(SPEC, status, asked, at(60))
        assert scaled(waking) == [ScalePrimary(replicas=3)]
        assert minima(waking) == [3]
        awake = resting(
            revision=Revision(id=NEW),
            target=a_workload(replicas=0),
            primary=a_primary(replicas=3, total=3, updated=3, available=3),
        )
        assert scaled(decided(SPEC, waking.status, awake, at(61))) == [ScaleTarget(replicas=3)]

    @pytest.mark.parametrize("lost", [{"trouble": CRASH}, {"deadline_exceeded": True}])
    def test_a_primary_that_cannot_wake_up_keeps_no_repair_waiting(self, lost: dict[str, Any]):
        primary = a_primary(replicas=3, total=0, updated=0, available=0, **lost)
        facts = resting(revision=Revision(id=NEW), target=a_workload(replicas=0), primary=primary)
        decision = decided(SPEC, in_run(0, primary_replicas=3), facts, at(60))
        assert ScaleTarget(replicas=3) in decision.actions

    def test_an_autoscaler_that_takes_idle_pods_keeps_the_canary_at_its_size(self):
        parked = resting(revision=Revision(id=NEW), target=a_workload(replicas=0))
        assert pauses(decided(SPEC, in_run(0), parked, at(60))) == [2]
        running = resting(revision=Revision(id=NEW), target=a_workload(replicas=4, available=4))
        assert pauses(decided(SPEC, in_run(20), running, at(60))) == [4]

    def test_any_other_scales_the_canary_by_itself(self):
        assert pauses(decided(SPEC, in_run(20), up(), at(60))) == [None]


class TestDeletion:
    def test_an_autoscaler_that_takes_idle_pods_leaves_the_target_its_own_until_it_serves(self):
        leaving = resting(deleting=True, target=a_workload(replicas=0))
        filling = decided(SPEC, a_status(), leaving, at(0))
        assert pauses(filling) == [2]
        facts = resting(deleting=True, restored=True, target=a_workload())
        restored = decided(SPEC, filling.status, facts, at(1))
        assert pauses(restored) == [2]
        released = decided(SPEC, restored.status, facts, at(60))
        assert reason(released) == "Releasing"
        assert released.actions == (PauseAutoscaler(replicas=None), HoldFinalizer(present=False))

    def test_one_that_the_canary_named_before_scales_again_too(self):
        named = a_status(autoscaler="ScaledObject/scaler")
        facts = some_facts(deleting=True, autoscaler_left=True)
        decision = decided(a_spec(), named, facts, at(0))
        assert RemoveAutoscaler(name="ScaledObject/scaler") in decision.actions

    def test_what_is_left_as_it_is_keeps_its_pause(self):
        spec = a_spec(autoscalerRef=KEDA, revertOnDeletion=False)
        named = a_status(autoscaler="ScaledObject/former")
        facts = some_facts(deleting=True, autoscaler_left=True)
        assert decided(spec, named, facts, at(0)).actions == (LeaveBehind(),)


class TestBudgets:
    def test_the_primary_has_its_own_from_the_beginning_and_while_it_serves(self):
        fresh = some_facts(primary=a_primary(), routed=None, budgeted=True)
        assert EnsureBudgets() in decided(a_spec(), CanaryStatus(), fresh, at(0)).actions
        rest = some_facts(budgeted=True)
        assert EnsureBudgets() in decided(a_spec(), a_status(), rest, at(0)).actions
        assert EnsureBudgets() in decided(a_spec(), in_run(20), up(budgeted=True), at(60)).actions

    def test_one_that_someone_keeps_changing_is_left_alone_for_a_while(self):
        name = "PodDisruptionBudget/podinfo-primary"
        edited = Drift(
            kind="PodDisruptionBudget", name="podinfo-primary", fields=("spec",), version="1"
        )
        first = decided(a_spec(), a_status(), some_facts(budgeted=True, drifts=(edited,)), at(0))
        assert [each.reason for each in first.status.notices] == ["BudgetChanged"]
        assert EnsureBudgets() in first.actions
        again = replace(edited, version="2")
        facts = some_facts(budgeted=True, drifts=(again,))
        left = decided(a_spec(), first.status, facts, at(1))
        assert EnsureBudgets(left=frozenset({name})) in left.actions


def test_a_route_that_is_made_again_does_not_lead_to_a_target_that_is_gone():
    promoting = a_status(Phase.PROMOTING, weight=100, run=a_run(step=3))
    facts = some_facts(target=None, primary=a_primary(available=0), routed=None, revision=None)
    routes = [
        each.traffic.weight
        for each in decided(a_spec(), promoting, facts, at(60)).actions
        if isinstance(each, RouteTraffic)
    ]
    assert routes == [0]
