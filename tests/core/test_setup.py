"""Initialising, suspending and deleting."""

from dataclasses import replace
from typing import Any

import pytest

from canary.api.status import CanaryStatus, Phase, Wait
from canary.core import waits
from canary.core.actions import (
    EnsureAutoscaler,
    EnsurePrimary,
    EnsureServices,
    HoldFinalizer,
    LeaveBehind,
    RestoreRoutes,
    RouteTraffic,
    ScalePrimary,
    ScaleTarget,
    Side,
)
from canary.core.facts import Facts, Revision, Trouble
from canary.core.traffic import Seen, Traffic
from tests.builders import NEW, OLD, a_primary, a_run, a_spec, a_status, a_workload, at, some_facts
from tests.core.deciding import decided, message, reason

HPA = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "podinfo"}


def fresh(**fields: Any) -> Facts:
    """Build facts of a Deployment that serves and was never seen before."""
    rest = {"target": a_workload(), "primary": None, "has_finalizer": False}
    return some_facts(**(rest | fields))


class TestInitialising:
    def test_the_target_serves_while_the_primary_comes_up(self):
        decision = decided(a_spec(), CanaryStatus(), fresh(), at(0))
        assert (decision.status.phase, reason(decision)) == (
            Phase.INITIALIZING,
            waits.PRIMARY_UPDATING,
        )
        assert decision.actions == (
            HoldFinalizer(present=True),
            EnsurePrimary(revision=OLD, replicas=2),
            EnsureServices(apex=None),
        )

    def test_then_the_route_then_the_rest_of_the_clients_and_then_it_is_initialised(self):
        facts = fresh(primary=a_primary())
        spec = a_spec(autoscalerRef=HPA)
        learning = decided(spec, CanaryStatus(), facts, at(0))
        assert (reason(learning), learning.status.canary_weight) == (waits.PROPAGATING, 0)
        assert EnsureServices(apex=None) in learning.actions
        assert not any(isinstance(action, RouteTraffic) for action in learning.actions)
        held = decided(spec, learning.status, facts, at(9))
        assert (held.status, held.wake_at) == (learning.status, at(10))
        routing = decided(spec, held.status, facts, at(10))
        assert reason(routing) == waits.ROUTING
        assert routing.actions == (
            HoldFinalizer(present=True),
            EnsurePrimary(revision=OLD, replicas=2),
            EnsureAutoscaler(),
            EnsureServices(apex=Side.PRIMARY),
            RouteTraffic(traffic=Traffic()),
        )
        routed = fresh(primary=a_primary(), routed=Seen())
        draining = decided(spec, routing.status, routed, at(11))
        held = decided(spec, draining.status, routed, at(15))
        assert (held.status, held.wake_at) == (draining.status, at(21))
        done = decided(spec, draining.status, routed, at(21))
        assert done.status.phase is Phase.INITIALIZED
        assert done.status.last_promoted_spec == OLD
        assert ScaleTarget(replicas=0) in done.actions
        assert done.status.condition("Promoted").status == "True"

    def test_the_primary_has_as_many_replicas_as_the_target_before_it_takes_its_traffic(self):
        spec, target = a_spec(autoscalerRef=HPA), a_workload(replicas=5, available=5)
        one = fresh(target=target, primary=a_primary(replicas=1, available=1))
        waiting = decided(spec, CanaryStatus(), one, at(0))
        assert reason(waiting) == waits.PRIMARY_NOT_READY
        assert ScalePrimary(replicas=5) in waiting.actions
        assert EnsureServices(apex=None) in waiting.actions
        five = fresh(target=target, primary=a_primary(replicas=5, available=5))
        routing = decided(spec, waiting.status, five, at(10))
        assert reason(routing) == waits.ROUTING
        # From here on its autoscaler alone says how many there are.
        less = fresh(target=target, primary=a_primary(replicas=3, available=3), routed=Seen())
        draining = decided(spec, routing.status, less, at(11))
        assert reason(draining) == waits.DRAINING
        assert not any(isinstance(action, ScalePrimary) for action in draining.actions)

    def test_a_primary_that_was_scaled_to_nothing_gets_a_pod_at_least(self):
        """A status was lost while nobody served."""
        facts = fresh(target=a_workload(replicas=0), primary=a_primary(replicas=0))
        decision = decided(a_spec(), CanaryStatus(), facts, at(0))
        assert ScalePrimary(replicas=1) in decision.actions

    def test_a_route_that_can_not_be_written_calls_for_help_once(self):
        facts = fresh(primary=a_primary(), obstacle="no such CRD")
        status = decided(a_spec(), CanaryStatus(), facts, at(0)).status
        status = decided(a_spec(), status, facts, at(10)).status
        late = decided(a_spec(), status, facts, at(610))
        assert (late.status.phase, reason(late)) == (Phase.INITIALIZING, waits.ROUTING_BLOCKED)
        assert RouteTraffic(traffic=Traffic()) in late.actions
        assert decided(a_spec(), late.status, facts, at(6000)).status == late.status

    def test_a_target_that_changes_before_the_primary_is_ready_is_what_the_primary_gets(self):
        status = decided(a_spec(), CanaryStatus(), fresh(), at(0)).status
        target = a_workload(generation=2)
        facts = fresh(target=target, revision=Revision(id=NEW), primary=a_primary(available=0))
        assert (
            EnsurePrimary(revision=NEW, replicas=2)
            in decided(a_spec(), status, facts, at(1)).actions
        )

    def test_a_target_that_changes_later_has_to_pass_a_run(self):
        status = decided(a_spec(), CanaryStatus(), fresh(), at(0)).status
        target = a_workload(generation=2)
        facts = fresh(target=target, revision=Revision(id=NEW), primary=a_primary())
        decision = decided(a_spec(), status, facts, at(1))
        assert EnsurePrimary(revision=OLD, replicas=2) in decision.actions

    @pytest.mark.parametrize("replicas", [0, 2], ids=["at rest", "during a run"])
    def test_a_lost_status_promotes_nothing_that_was_not_analysed(self, replicas):
        facts = some_facts(
            target=a_workload(replicas=replicas), revision=Revision(id=NEW), routed=Seen()
        )
        status = CanaryStatus()
        for seconds in (0, 1, 20):
            decision = decided(a_spec(), status, facts, at(seconds))
            assert EnsurePrimary(revision=NEW, replicas=2) not in decision.actions
            status = decision.status
        assert (status.phase, status.last_promoted_spec) == (Phase.INITIALIZED, OLD)
        assert decided(a_spec(), status, facts, at(40)).status.phase is Phase.PROGRESSING

    @pytest.mark.parametrize("weight", [0, 20])
    def test_clients_of_the_primary_meet_nothing_that_was_not_analysed(self, weight):
        """They have come over, or a status was lost in a run; then the primary loses a pod."""
        target = a_workload(generation=2, observed_generation=2)
        primary = a_primary(available=1)
        facts = fresh(
            target=target,
            revision=Revision(id=NEW),
            primary=primary,
            routed=Seen(weight=weight),
        )
        kept = decided(a_spec(), CanaryStatus(), facts, at(0))
        assert (reason(kept), kept.status.last_applied_spec) == (waits.PRIMARY_NOT_READY, OLD)
        assert EnsurePrimary(revision=OLD, replicas=2) in kept.actions
        assert kept.status.canary_weight == 0
        failed = decided(a_spec(), kept.status, facts, at(600))
        assert failed.status.phase is Phase.FAILED
        # It may be what has to be repaired: clients go back to the target before it is given that.
        relieved = decided(a_spec(), failed.status, facts, at(601))
        assert (relieved.status.last_applied_spec, relieved.status.canary_weight) == (OLD, 100)
        assert RouteTraffic(traffic=Traffic(weight=100)) in relieved.actions
        alone = replace(facts, routed=Seen(weight=100))
        given = decided(a_spec(), relieved.status, alone, at(602))
        assert EnsurePrimary(revision=NEW, replicas=2) in given.actions
        assert given.status.canary_weight == 100

    def test_a_primary_that_does_not_come_up_keeps_its_clients_while_the_target_is_not_ready(self):
        facts = fresh(
            target=a_workload(generation=2, observed_generation=2, available=1),
            revision=Revision(id=NEW),
            primary=a_primary(available=1),
            routed=Seen(),
        )
        failed = decided(
            a_spec(), decided(a_spec(), CanaryStatus(), facts, at(0)).status, facts, at(600)
        )
        kept = decided(a_spec(), failed.status, facts, at(601))
        assert (kept.status.last_applied_spec, kept.status.canary_weight) == (OLD, 0)

    def test_it_ends_at_the_progress_deadline_and_says_why(self):
        trouble = Trouble(reason="CrashLoopBackOff", pod="p", container="c", message="exit 1")
        facts = fresh(primary=a_primary(available=0, trouble=trouble), obstacle="quota")
        status = decided(a_spec(), CanaryStatus(), facts, at(0)).status
        failed = decided(a_spec(), status, facts, at(600))
        assert failed.status.phase is Phase.FAILED
        assert failed.actions == (HoldFinalizer(present=True),)
        (notice,) = failed.status.notices
        assert notice.reason == "InitializationFailed"
        assert "exit 1: quota" in notice.message
        assert decided(a_spec(), failed.status, facts, at(700)).status.phase is Phase.FAILED

    def test_that_it_fails_again_for_the_same_cause_is_not_told_again(self):
        facts = fresh(primary=None)
        status = CanaryStatus()
        for begin in (0, 700, 1400):
            status = decided(a_spec(), status, facts, at(begin)).status
            assert status.phase is Phase.INITIALIZING
            status = decided(a_spec(), status, facts, at(begin + 600)).status
            assert status.phase is Phase.FAILED
        told = [each.reason for each in status.notices]
        assert told.count("InitializationFailed") == 1
        assert len(status.history) == 1

    @pytest.mark.parametrize(
        "change",
        [
            {"primary": a_primary()},
            {"primary": None},
            {"primary": a_primary(replicas=0)},
            {"revision": Revision(id=NEW)},
            {"generation": 2},
        ],
        ids=[
            "the primary is ready",
            "it is gone",
            "it has no replicas",
            "another revision",
            "another spec",
        ],
    )
    def test_it_is_tried_again_when_something_has_changed_that_may_help(self, change):
        status = a_status(Phase.FAILED, last_promoted_spec="", last_applied_spec=OLD)
        facts = fresh(**({"primary": a_primary(available=0)} | change))
        decision = decided(a_spec(), status.but(observed_generation=1), facts, at(60))
        assert decision.status.phase is Phase.INITIALIZING

    def test_a_target_that_does_not_exist_is_waited_for(self):
        facts = fresh(target=None, revision=None)
        status = decided(a_spec(), CanaryStatus(), facts, at(0)).status
        assert status.waiting_for.reason == waits.TARGET_MISSING
        failed = decided(a_spec(), status, facts, at(600)).status
        assert failed.phase is Phase.FAILED
        assert decided(a_spec(), failed, fresh(), at(700)).status.phase is Phase.INITIALIZING


class TestSuspending:
    def test_everything_stays_as_it_is(self):
        status = a_status(Phase.PROGRESSING, weight=20)
        facts = some_facts(target=a_workload(), revision=Revision(id=NEW), routed=Seen(weight=30))
        held = decided(a_spec(suspend=True), status, facts, at(60))
        assert (held.actions, reason(held)) == ((), waits.SUSPENDED)
        assert message(held) == "waiting until spec.suspend is false"
        assert held.status.canary_weight == 20
        again = decided(a_spec(suspend=True), held.status, facts, at(61))
        assert (again.status, again.wake_at) == (held.status, None)
        assert [notice.reason for notice in again.status.notices] == ["Suspended"]

    def test_a_run_goes_on_where_it_was_and_its_gates_have_their_time(self):
        webhooks = [{"name": "ok", "type": "confirm-promotion", "deadline": "1h"}]
        open_, shut = (
            a_spec(suspend=off, analysis={"webhooks": webhooks}) for off in (False, True)
        )
        facts = some_facts(target=a_workload(), revision=Revision(id=NEW), routed=Seen(weight=60))
        at_gate = decided(open_, a_status(Phase.PROGRESSING, weight=60), facts, at(0)).status
        held = decided(shut, at_gate, facts, at(100)).status
        resumed = decided(open_, held, facts, at(10_100))
        assert (resumed.status.phase, reason(resumed)) == (
            Phase.WAITING_PROMOTION,
            waits.PROMOTION_GATE,
        )
        assert resumed.status.waiting_for.since == at(10_000)

    def test_a_new_canary_may_be_suspended(self):
        decision = decided(a_spec(suspend=True), CanaryStatus(), fresh(), at(0))
        assert (decision.status.phase, decision.actions) == (Phase.NEW, ())
        assert decided(a_spec(), decision.status, fresh(), at(1)).status.phase is Phase.INITIALIZING

    def test_a_deletion_goes_before_a_suspension(self):
        decision = decided(a_spec(suspend=True), a_status(), some_facts(deleting=True), at(0))
        assert decision.status.phase is Phase.TERMINATING


class TestDeleting:
    def test_the_target_gets_its_replicas_back_before_its_traffic(self):
        facts = some_facts(deleting=True, primary=a_primary(replicas=3))
        decision = decided(a_spec(), a_status(), facts, at(0))
        assert decision.actions == (ScaleTarget(replicas=3),)
        assert reason(decision) == waits.TARGET_NOT_READY

    def test_a_canary_with_fewer_replicas_than_serve_gets_as_many(self):
        facts = some_facts(deleting=True, target=a_workload(), primary=a_primary(replicas=3))
        decision = decided(a_spec(), a_status(Phase.PROGRESSING, weight=20), facts, at(0))
        assert decision.actions == (ScaleTarget(replicas=3),)

    def test_then_its_traffic_then_what_is_in_flight_and_then_the_canary_goes(self):
        ready = {"deleting": True, "target": a_workload()}
        restoring = decided(a_spec(), a_status(), some_facts(**ready), at(0))
        assert restoring.actions == (EnsureServices(apex=Side.TARGET), RestoreRoutes())
        restored = some_facts(**ready, restored=True)
        draining = decided(a_spec(), restoring.status, restored, at(1))
        assert reason(draining) == waits.DRAINING
        assert message(draining) == "waiting for requests in flight on the primary to end"
        held = decided(a_spec(), draining.status, restored, at(2))
        assert (held.status, held.wake_at) == (draining.status, at(11))
        done = decided(a_spec(), held.status, restored, at(11))
        assert done.actions == (HoldFinalizer(present=False),)
        assert decided(a_spec(), done.status, restored, at(12)).status == done.status

    def test_what_is_restored_already_needs_no_second_look(self):
        facts = some_facts(deleting=True, target=a_workload(), restored=True)
        assert reason(decided(a_spec(), a_status(), facts, at(0))) == waits.DRAINING

    def test_a_target_that_does_not_come_up_calls_for_help_once_and_the_primary_serves(self):
        facts = some_facts(deleting=True, target=a_workload(available=0))
        status = decided(a_spec(), a_status(), facts, at(0)).status
        late = decided(a_spec(), status, facts, at(600))
        assert (reason(late), late.actions) == (waits.TERMINATION_BLOCKED, ())
        assert [n.alert for n in late.status.notices] == [True]
        assert decided(a_spec(), late.status, facts, at(9000)).status == late.status
        healed = some_facts(deleting=True, target=a_workload())
        assert reason(decided(a_spec(), late.status, healed, at(9001))) == waits.RESTORING

    def test_routes_that_can_not_be_restored_call_for_help_once(self):
        facts = some_facts(deleting=True, target=a_workload(), obstacle="forbidden")
        status = decided(a_spec(), a_status(), facts, at(0)).status
        late = decided(a_spec(), status, facts, at(600))
        assert reason(late) == waits.RESTORING_BLOCKED
        assert RestoreRoutes() in late.actions
        (notice,) = late.status.notices
        assert (notice.reason, notice.alert) == (waits.RESTORING_BLOCKED, True)
        assert decided(a_spec(), late.status, facts, at(700)).status == late.status

    @pytest.mark.parametrize(
        "found", [a_workload(), None], ids=["with a target", "with a target that is not known"]
    )
    def test_what_can_not_be_given_back_for_long_is_told_and_the_canary_goes(self, found):
        facts = some_facts(deleting=True, target=found, obstacle="virtualservices: forbidden")
        status = decided(a_spec(), a_status(), facts, at(0)).status
        assert status.waiting_for is not None
        assert status.waiting_for.reason == waits.RESTORING
        blocked = decided(a_spec(), status, facts, at(600))
        settled = decided(a_spec(), blocked.status, facts, at(601))
        assert settled.wake_at == at(1200)
        assert HoldFinalizer(present=False) not in settled.actions
        gone = decided(a_spec(), blocked.status, facts, at(1200))
        assert gone.actions == (HoldFinalizer(present=False),)
        told = gone.status.notices[-1]
        assert (told.reason, told.alert) == ("NotGivenBack", True)
        assert "virtualservices: forbidden" in told.message

    def test_who_asks_for_nothing_back_keeps_what_serves_and_then_the_canary_goes(self):
        spec, facts = a_spec(revert_on_deletion=False), some_facts(deleting=True)
        leaving = decided(spec, a_status(), facts, at(0))
        assert (reason(leaving), leaving.actions) == (waits.RESTORING, (LeaveBehind(),))
        left = replace(facts, left_behind=True)
        assert decided(spec, leaving.status, left, at(1)).actions == (HoldFinalizer(present=False),)

    def test_who_asks_for_nothing_back_is_not_held_up_for_ever_by_what_can_not_be_written(self):
        spec = a_spec(revert_on_deletion=False)
        facts = some_facts(deleting=True, target=None, obstacle="virtualservices: forbidden")
        waiting = decided(spec, a_status(), facts, at(0))
        blocked = decided(spec, waiting.status, facts, at(600))
        assert (reason(blocked), blocked.actions) == (waits.RESTORING_BLOCKED, (LeaveBehind(),))
        gone = decided(spec, blocked.status, facts, at(1200))
        assert gone.actions == (HoldFinalizer(present=False),)
        assert gone.status.notices[-1].reason == "NotGivenBack"

    def test_of_a_canary_that_was_never_initialised_nothing_stays(self):
        decision = decided(
            a_spec(revert_on_deletion=False),
            a_status(Phase.INITIALIZING, last_promoted_spec=""),
            some_facts(deleting=True),
            at(0),
        )
        assert decision.actions == (HoldFinalizer(present=False),)

    def test_a_canary_that_was_never_initialised_is_not_held_up_by_its_target(self):
        facts = fresh(deleting=True, has_finalizer=True, target=a_workload(available=0))
        decision = decided(
            a_spec(), a_status(Phase.INITIALIZING, last_promoted_spec=""), facts, at(0)
        )
        assert reason(decision) == waits.RESTORING

    def test_a_target_that_its_owner_scaled_to_nothing_stays_so(self):
        facts = fresh(deleting=True, has_finalizer=True, target=a_workload(replicas=0))
        decision = decided(a_spec(), CanaryStatus(), facts, at(0))
        assert not any(isinstance(action, ScaleTarget) for action in decision.actions)

    def test_a_target_whose_primary_is_gone_gets_a_pod_at_least(self):
        facts = some_facts(deleting=True, primary=None)
        assert ScaleTarget(replicas=1) in decided(a_spec(), a_status(), facts, at(0)).actions

    def test_nothing_is_given_back_when_the_target_is_gone(self):
        facts = some_facts(deleting=True, target=None, revision=None)
        decision = decided(a_spec(), a_status(), facts, at(0))
        assert decision.actions == (HoldFinalizer(present=False),)

    def test_without_our_finalizer_there_is_nothing_to_do(self):
        facts = some_facts(deleting=True, has_finalizer=False)
        decision = decided(a_spec(), a_status(), facts, at(0))
        assert (decision.actions, decision.status.phase) == ((), Phase.SUCCEEDED)

    def test_a_status_that_says_terminating_without_a_deletion_begins_anew(self):
        status = a_status(Phase.TERMINATING, waiting_for=Wait(reason=waits.RESTORING, since=at(0)))
        status = status.but(run=a_run())
        assert decided(a_spec(), status, some_facts(), at(0)).status.phase is Phase.INITIALIZING
