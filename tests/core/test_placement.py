"""A side that cannot serve gets no traffic, and gives back what it was lent."""

from dataclasses import replace
from typing import Any

import pytest

from analysis.model import Verdict
from canary.api.canary import CanarySpec
from canary.api.status import CanaryStatus, Outcome, Pause, Phase, RunRecord, Severity, Wait
from canary.core import waits
from canary.core.actions import (
    EnsureAutoscaler,
    EnsurePrimary,
    RouteTraffic,
    ScalePrimary,
    ScaleTarget,
)
from canary.core.decide import decide
from canary.core.facts import Amount, Command, Facts, Revision, UpdateStrategy
from canary.core.needs import Analyse, AskHooks, Need
from canary.core.situation import Decision
from canary.core.traffic import Seen, Traffic
from tests.builders import NEW, OLD, a_primary, a_run, a_spec, a_status, a_workload, at, some_facts
from tests.core.deciding import decided, reason, up

LOST = a_workload(available=0)
WITHOUT_PRIMARY = a_primary(available=0)
RECREATE = UpdateStrategy(recreate=True)
HPA = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "podinfo"}
GATED = a_spec(analysis={"webhooks": [{"name": "ok", "type": "confirm-promotion"}]})


def in_run(weight: int = 60, **fields: Any) -> CanaryStatus:
    """Build the status of a run whose next analysis is still to come."""
    run = a_run(pre_rollout_passed=True, next_analysis_at=at(70))
    wait = Wait(reason=waits.ANALYSIS_DUE, since=at(60))
    return a_status(Phase.PROGRESSING, weight=weight, run=run, waiting_for=wait, **fields)


def told(decision: Decision) -> list[str]:
    return [notice.reason for notice in decision.status.notices]


def weights(decision: Decision) -> tuple[int, int | None]:
    """Give the weight that is carried, and the step's where it is another."""
    run = decision.status.run
    return decision.status.canary_weight, run.step_weight if run else None


def next_one(spec: CanarySpec, before: Decision, facts: Facts, seconds: float, **how: Any):
    """Decide again when the route is as it was intended."""
    routed = Seen(weight=before.status.canary_weight)
    return decided(spec, before.status, replace(facts, routed=routed), at(seconds), **how)


class TestTheCanaryIsLost:
    @pytest.mark.parametrize(
        "facts",
        [
            up(target=LOST),
            up(target=a_workload(replicas=0)),
            up(target=None, revision=None),
        ],
        ids=["its pods lose readiness", "it is scaled to 0", "it is deleted"],
    )
    def test_the_primary_serves_at_once_and_the_run_is_held(self, facts):
        moved = decided(a_spec(), in_run(), replace(facts, routed=Seen(weight=60)), at(61))
        assert weights(moved) == (0, 60)
        assert moved.status.step == 3
        assert RouteTraffic(traffic=Traffic()) in moved.actions
        assert moved.status.phase is Phase.PROGRESSING
        assert reason(moved) in {waits.CANARY_NOT_READY, waits.TARGET_MISSING}
        assert moved.status.waiting_for.deadline == at(661)
        (notice, *_) = moved.status.notices
        assert (notice.reason, notice.alert, notice.severity) == (
            "CanaryNotServing",
            True,
            Severity.WARN,
        )
        assert "60 % comes back" in notice.message
        assert moved.status.condition("Stalled").status == "True"
        assert "The primary serves until the canary is ready" in (
            moved.status.condition("Ready").message
        )

    def test_traffic_moves_before_anything_is_asked(self):
        """The primary is lost while a look is due: no answer is waited for."""
        status = in_run().but(run=a_run(pre_rollout_passed=True))
        moved = decide(
            a_spec(), status, up(primary=WITHOUT_PRIMARY, routed=Seen(weight=100)), at(61)
        )
        assert isinstance(moved, Decision)
        assert weights(moved) == (100, 60)

    def test_one_that_was_scaled_to_0_is_scaled_up_again(self):
        moved = decided(a_spec(), in_run(), up(target=a_workload(replicas=0)), at(61))
        assert ScaleTarget(replicas=2) in moved.actions

    def test_what_had_traffic_is_judged_by_hooks_and_metrics_at_each_interval(self):
        hooks = [{"name": "no", "type": "rollback", "url": "http://hooks.example/"}]
        spec, facts = a_spec(analysis={"webhooks": hooks}), up(target=LOST)
        held = decided(spec, in_run(), facts, at(61))
        asked: list[Need] = []
        early = next_one(spec, held, facts, 69, asked=asked)
        assert (asked, reason(early)) == ([], waits.CANARY_NOT_READY)
        failed = next_one(spec, early, facts, 70, verdict=Verdict.FAIL, asked=asked)
        assert [type(need) for need in asked] == [AskHooks, Analyse]
        assert (failed.status.failed_checks, reason(failed)) == (1, waits.CANARY_NOT_READY)
        last = next_one(spec, failed, facts, 80, verdict=Verdict.FAIL)
        assert last.status.history[0].reason == "ChecksFailed"
        signal = next_one(spec, failed, facts, 80, hooks={"rollback": True})
        assert signal.status.history[0].reason == "RollbackHook"

    def test_a_pass_or_no_verdict_takes_no_step(self):
        facts = up(target=LOST)
        held = decided(a_spec(), in_run(20), facts, at(61))
        for verdict in (Verdict.PASS, Verdict.INCONCLUSIVE):
            judged = next_one(a_spec(), held, facts, 70, verdict=verdict)
            assert (weights(judged), reason(judged)) == ((0, 20), waits.CANARY_NOT_READY)
            assert judged.status.run.next_analysis_at == at(80)

    def test_a_rollout_hook_is_not_asked_to_send_it_load(self):
        hooks = [{"name": "load", "type": "rollout", "url": "http://hooks.example/"}]
        spec, facts, asked = a_spec(analysis={"webhooks": hooks}), up(target=LOST), list[Need]()
        held = decided(spec, in_run(), facts, at(61))
        next_one(spec, held, facts, 70, asked=asked)
        assert [type(need) for need in asked] == [Analyse]

    def test_nothing_is_asked_while_a_person_has_paused_the_run(self):
        facts, asked = up(target=LOST), list[Need]()
        held = decided(a_spec(), in_run(paused=Pause(since=at(0))), facts, at(61))
        later = next_one(a_spec(), held, facts, 80, asked=asked)
        assert (asked, reason(later), weights(later)) == ([], waits.CANARY_NOT_READY, (0, 60))

    def test_its_weight_comes_back_when_it_is_ready_and_is_judged_after_a_whole_interval(self):
        held = decided(a_spec(), in_run(40), up(target=LOST), at(61))
        some = next_one(a_spec(), held, up(target=a_workload(available=1)), 62)
        assert weights(some) == (0, 40)
        back = next_one(a_spec(), some, up(), 65)
        assert (weights(back), reason(back)) == ((40, None), waits.ANALYSIS_DUE)
        assert back.status.run.next_analysis_at == at(75)
        assert told(back)[-1] == "TrafficRestored"
        assert RouteTraffic(traffic=Traffic(weight=40)) in back.actions
        assert next_one(a_spec(), back, up(), 75).status.canary_weight == 60

    def test_it_is_rolled_back_at_the_deadline(self):
        held = decided(a_spec(), in_run(), up(target=LOST), at(61))
        late = next_one(a_spec(), held, up(target=LOST), 661)
        assert late.status.history[0].reason == "ProgressDeadlineExceeded"

    def test_coming_and_going_does_not_renew_the_deadline_and_is_alerted_once(self):
        now = decided(a_spec(), in_run(), up(target=LOST), at(61))
        for second in (62, 64, 66):
            back = next_one(a_spec(), now, up(), second)
            now = next_one(a_spec(), back, up(target=LOST), second + 1)
        assert now.status.waiting_for.deadline == at(661)
        alerts = [notice.reason for notice in now.status.notices if notice.alert]
        assert alerts == ["CanaryNotServing"]

    def test_a_pass_ends_what_held_it(self):
        held = decided(a_spec(), in_run(20), up(target=LOST), at(61))
        back = next_one(a_spec(), held, up(), 62)
        assert [hold.reason for hold in back.status.run.holds] == [waits.CANARY_NOT_READY]
        assert next_one(a_spec(), back, up(), 72).status.run.holds == ()

    def test_a_pause_ends_it_too(self):
        held = decided(a_spec(), in_run(20), up(target=LOST), at(61))
        facts = up(commands=(Command(verb="pause"),))
        paused = next_one(a_spec(), held, facts, 62)
        assert (reason(paused), paused.status.run.holds) == (waits.PAUSED, ())


class TestTheCanaryIsSick:
    def test_nine_of_ten_ready_pods_are_rolled_back_as_fast_as_ten(self):
        ended = []
        for available in (9, 10):
            facts = up(target=a_workload(replicas=10, available=available))
            now = decided(a_spec(), in_run(), facts, at(69))
            for second in (70, 80):
                now = next_one(a_spec(), now, facts, second, verdict=Verdict.FAIL)
            ended.append((now.status.phase, now.status.history[0].reason))
        assert ended == [(Phase.FAILED, "ChecksFailed")] * 2

    def test_its_weight_stays_and_goes_no_further(self):
        facts = up(target=a_workload(replicas=10, available=9))
        now = decided(a_spec(), in_run(20), facts, at(61))
        assert (told(now), weights(now)) == ([waits.CANARY_NOT_READY], (20, None))
        for second in (70, 80, 90):
            now = next_one(a_spec(), now, facts, second)
        assert (weights(now), reason(now)) == ((20, None), waits.CANARY_NOT_READY)

    def test_its_rollout_hooks_are_asked(self):
        hooks = [{"name": "load", "type": "rollout", "url": "http://hooks.example/"}]
        spec, asked = a_spec(analysis={"webhooks": hooks}), list[Need]()
        facts = up(target=a_workload(replicas=10, available=9))
        held = decided(spec, in_run(), facts, at(61))
        failed = next_one(spec, held, facts, 70, hooks={"rollout": False}, asked=asked)
        assert ([type(need) for need in asked], failed.status.failed_checks) == ([AskHooks], 1)

    def test_one_without_traffic_yet_is_only_waited_for(self):
        facts, asked = up(target=a_workload(available=1)), list[Need]()
        now = decided(a_spec(), a_status(Phase.PROGRESSING), facts, at(61))
        later = next_one(a_spec(), now, facts, 200, asked=asked)
        assert (asked, told(later)) == ([], ["CanaryNotReady"])

    def test_a_gate_before_the_first_step_does_not_use_its_deadline_up(self):
        spec = a_spec(analysis={"webhooks": [{"name": "go", "type": "confirm-traffic-increase"}]})
        scaling = decided(spec, a_status(Phase.PROGRESSING), up(target=LOST), at(0))
        gate = next_one(spec, scaling, up(), 10)
        assert reason(gate) == waits.TRAFFIC_GATE
        unready = next_one(spec, gate, up(target=LOST), 3600)
        assert (unready.status.phase, reason(unready)) == (
            Phase.PROGRESSING,
            waits.CANARY_NOT_READY,
        )


class TestThePrimaryIsLost:
    @pytest.mark.parametrize(
        "primary",
        [WITHOUT_PRIMARY, a_primary(replicas=0), None],
        ids=["its pods are lost", "it is scaled to 0", "it is deleted"],
    )
    @pytest.mark.parametrize("gated", [False, True], ids=["between two looks", "at a gate"])
    def test_a_healthy_canary_serves_all_at_once_and_an_alert_says_so(self, primary, gated):
        spec, status = (GATED if gated else a_spec()), in_run(primary_replicas=2)
        if gated:
            status = decided(GATED, in_run(), up(), at(70)).status.but(notices=())
            assert status.phase is Phase.WAITING_PROMOTION
        moved = decided(spec, status, up(primary=primary, routed=Seen(weight=60)), at(71 - 10))
        assert weights(moved) == (100, 60)
        assert RouteTraffic(traffic=Traffic(weight=100)) in moved.actions
        (notice,) = moved.status.notices
        assert (notice.reason, notice.alert, notice.severity) == (
            "PrimaryNotServing",
            True,
            Severity.ERROR,
        )
        stalled = moved.status.condition("Stalled")
        assert (stalled.status, stalled.reason) == ("True", waits.PRIMARY_NOT_READY)
        assert "The canary serves until the primary is ready" in stalled.message

    def test_it_is_scaled_up_or_made_again(self):
        status = in_run(primary_replicas=5)
        scaled = decided(a_spec(), status, up(primary=a_primary(replicas=0)), at(61))
        assert ScalePrimary(replicas=5) in scaled.actions
        gone = decided(a_spec(), status, up(primary=None), at(61))
        assert EnsurePrimary(revision=OLD, replicas=5) in gone.actions

    def test_one_whose_size_the_cluster_decides_is_as_large_as_it_can_be(self):
        primary = a_primary(replicas=3, scales=False)
        decision = decided(a_spec(), in_run(primary_replicas=5), up(primary=primary), at(61))
        assert decision.status.primary_replicas == 3
        assert not [each for each in decision.actions if isinstance(each, ScalePrimary)]

    def test_traffic_moves_before_anything_else_is_written_that_may_be_refused(self):
        gone = decided(a_spec(), in_run(primary_replicas=5), up(primary=None), at(61))
        kinds = [type(action) for action in gone.actions]
        assert kinds.index(RouteTraffic) < kinds.index(EnsurePrimary)

    def test_traffic_returns_to_the_step_when_all_of_it_is_ready(self):
        moved = decided(a_spec(), in_run(primary_replicas=2), up(primary=WITHOUT_PRIMARY), at(61))
        some = next_one(a_spec(), moved, up(primary=a_primary(available=1)), 62)
        assert weights(some) == (100, 60)
        back = next_one(a_spec(), some, up(), 63)
        assert (weights(back), told(back)[-1]) == ((60, None), "TrafficReturned")
        assert "40 %" in back.status.notices[-1].message
        assert back.status.condition("Stalled").status == "False"

    def test_the_run_goes_on_and_may_repair_it(self):
        facts, now = (
            up(primary=WITHOUT_PRIMARY),
            decided(a_spec(), in_run(20), up(primary=WITHOUT_PRIMARY), at(61)),
        )
        seen = []
        for second in (70, 80, 90):
            now = next_one(a_spec(), now, facts, second)
            seen.append((now.status.phase, weights(now)))
        assert seen == [
            (Phase.PROGRESSING, (100, 40)),
            (Phase.PROGRESSING, (100, 60)),
            (Phase.PROMOTING, (100, None)),
        ]
        assert "it serves 100 % until the primary is ready" in now.status.notices[1].message

    def test_in_a_promotion_the_canary_serves_until_it_is_ready(self):
        status = a_status(Phase.PROMOTING, weight=60)
        lost = decided(a_spec(), status, up(primary=a_primary(NEW, available=0)), at(61))
        assert weights(lost) == (100, None)
        ready = next_one(a_spec(), lost, up(primary=a_primary(NEW)), 62)
        assert (ready.status.phase, ready.status.canary_weight) == (Phase.FINALISING, 0)

    def test_while_the_canary_is_drained_it_serves_again(self):
        status = a_status(Phase.FINALISING, last_promoted_spec=NEW)
        lost = decided(a_spec(), status, up(primary=a_primary(NEW, available=0)), at(61))
        assert (lost.status.canary_weight, reason(lost)) == (100, waits.PRIMARY_NOT_READY)
        assert RouteTraffic(traffic=Traffic(weight=100)) in lost.actions
        some = next_one(a_spec(), lost, up(primary=a_primary(NEW, available=1)), 62)
        assert some.status.canary_weight == 100
        back = next_one(a_spec(), some, up(primary=a_primary(NEW)), 63)
        assert (back.status.phase, back.status.canary_weight) == (Phase.FINALISING, 0)
        assert reason(back) == waits.ROUTING

    def test_at_rest_a_target_with_pods_serves_and_is_not_parked(self):
        facts = some_facts(target=a_workload(), primary=WITHOUT_PRIMARY)
        lost = decided(a_spec(), a_status(target_parked=True), facts, at(61))
        assert (lost.status.canary_weight, reason(lost)) == (100, waits.PRIMARY_NOT_READY)
        coming = some_facts(target=LOST, primary=WITHOUT_PRIMARY)
        waiting = decided(a_spec(), a_status(target_parked=True), coming, at(61))
        assert not any(isinstance(each, ScaleTarget) for each in waiting.actions)

    def test_while_a_primary_is_set_up_its_clients_go_back_to_the_target(self):
        status = a_status(
            Phase.INITIALIZING,
            last_promoted_spec="",
            last_applied_spec=OLD,
            waiting_for=Wait(reason=waits.DRAINING, since=at(60)),
        )
        facts = up(revision=Revision(id=OLD), primary=WITHOUT_PRIMARY, routed=Seen())
        lost = decided(a_spec(), status, facts, at(61))
        assert RouteTraffic(traffic=Traffic(weight=100)) in lost.actions
        ready = replace(facts, primary=a_primary(), routed=Seen(weight=100))
        back = decided(a_spec(), lost.status, ready, at(75))
        assert (back.status.canary_weight, reason(back)) == (0, waits.ROUTING)
        assert RouteTraffic(traffic=Traffic()) in back.actions

    def test_while_a_deletion_waits_for_the_target_the_side_that_serves_has_the_traffic(self):
        facts = up(deleting=True, target=LOST, routed=Seen(weight=60))
        decision = decided(a_spec(), in_run(), facts, at(61))
        assert reason(decision) == waits.TARGET_NOT_READY
        assert RouteTraffic(traffic=Traffic()) in decision.actions

    def test_where_neither_side_serves_traffic_stays(self):
        facts = up(target=LOST, primary=WITHOUT_PRIMARY)
        assert weights(decided(a_spec(), in_run(), facts, at(61))) == (60, None)

    def test_one_side_after_the_other(self):
        first = decided(a_spec(), in_run(), up(target=LOST), at(61))
        other = next_one(a_spec(), first, up(primary=WITHOUT_PRIMARY), 62)
        assert weights(other) == (100, 60)
        back = next_one(a_spec(), other, up(), 63)
        assert weights(back) == (60, None)

    @pytest.mark.parametrize("weight", [20, 100], ids=["on the way", "with all traffic"])
    def test_it_is_told_once_for_as_long_as_it_lasts(self, weight):
        spec, facts = a_spec(analysis={"stepWeights": [20, 60, 100]}), up(primary=WITHOUT_PRIMARY)
        now = decided(spec, in_run(weight), facts, at(61))
        assert now.status.condition("Stalled").reason == waits.PRIMARY_NOT_READY
        for second in (62, 70):
            now = next_one(spec, now, facts, second)
        assert told(now).count("PrimaryNotServing") == 1

    def test_its_flapping_is_alerted_once(self):
        now = decided(a_spec(), in_run(), up(primary=WITHOUT_PRIMARY), at(61))
        back = next_one(a_spec(), now, up(), 62)
        again = next_one(a_spec(), back, up(primary=WITHOUT_PRIMARY), 63)
        last = next_one(a_spec(), again, up(), 64)
        assert [(each.reason, each.alert) for each in last.status.notices] == [
            ("PrimaryNotServing", True),
            ("TrafficReturned", True),
            ("PrimaryNotServing", False),
            ("TrafficReturned", False),
        ]


class TestCapacity:
    SHORT = a_primary(replicas=10, available=1)

    def test_a_rollback_moves_at_once_what_the_primary_can_carry(self):
        facts = up(target=a_workload(replicas=10), primary=self.SHORT, routed=Seen(weight=100))
        status = in_run(100, primary_replicas=10, failed_checks=1).but(
            run=a_run(pre_rollout_passed=True)
        )
        failed = decided(a_spec(), status, facts, at(61), Verdict.FAIL)
        assert (failed.status.phase, failed.status.canary_weight) == (Phase.FAILED, 90)
        assert "10 % of the traffic" in failed.status.history[0].message
        seen, now = [], failed
        for second, available in ((62, 1), (63, 4), (64, 4), (65, 10)):
            primary = replace(self.SHORT, available=available)
            now = next_one(a_spec(), now, replace(facts, primary=primary), second)
            seen.append((now.status.canary_weight, reason(now)))
        assert seen == [
            (90, waits.PRIMARY_SHORT),
            (60, waits.PRIMARY_SHORT),
            (60, waits.PRIMARY_SHORT),
            (0, ""),
        ]

    def test_one_that_an_autoscaler_has_shrunk_gets_its_size_back(self):
        shrunk = a_primary(replicas=1)
        facts = up(target=a_workload(replicas=10), primary=shrunk, routed=Seen(weight=100))
        failed = decided(
            a_spec(),
            in_run(100, primary_replicas=10),
            replace(facts, commands=(Command(verb="abort"),)),
            at(61),
        )
        assert failed.status.canary_weight == 90
        assert ScalePrimary(replicas=10) in failed.actions

    def test_everything_moves_at_once_where_the_canary_has_no_ready_pod(self):
        facts = up(target=LOST, primary=self.SHORT, commands=(Command(verb="abort"),))
        failed = decided(a_spec(), in_run(100, primary_replicas=10), facts, at(61))
        assert (failed.status.phase, failed.status.canary_weight) == (Phase.FAILED, 0)

    def test_the_rest_does_not_stay_for_ever(self):
        facts = up(primary=self.SHORT, routed=Seen(weight=90))
        status = a_status(Phase.FAILED, weight=90, primary_replicas=10)
        waiting = decided(a_spec(), status, facts, at(61))
        late = decided(a_spec(), waiting.status, facts, at(661))
        assert late.status.canary_weight == 0
        assert [each.alert for each in late.status.notices] == [True]

    def test_a_newer_revision_leaves_on_the_canary_what_the_primary_can_not_carry(self):
        facts = up(revision=Revision(id="1-newer"), primary=self.SHORT, routed=Seen(weight=100))
        restarted = decided(a_spec(), in_run(100, primary_replicas=10), facts, at(61))
        assert weights(restarted) == (90, 0)
        more = replace(facts, primary=replace(self.SHORT, available=7))
        assert weights(next_one(a_spec(), restarted, more, 62)) == (30, 0)
        ready = replace(facts, target=a_workload(available=1), primary=a_primary(replicas=10))
        assert weights(next_one(a_spec(), restarted, ready, 62)) == (0, None)

    def test_all_of_it_where_its_pods_are_replaced_all_at_once(self):
        target = a_workload(strategy=RECREATE)
        facts = up(revision=Revision(id="1-newer"), target=target, primary=self.SHORT)
        restarted = decided(a_spec(), in_run(100, primary_replicas=10), facts, at(61))
        assert restarted.status.canary_weight == 0

    def test_a_promoted_primary_gets_its_traffic_when_it_has_its_size(self):
        status = a_status(Phase.PROMOTING, weight=100, primary_replicas=10)
        small = up(primary=a_primary(NEW, replicas=1), routed=Seen(weight=100))
        waiting = decided(a_spec(), status, small, at(61))
        assert (waiting.status.canary_weight, reason(waiting)) == (100, waits.PRIMARY_UPDATING)
        assert ScalePrimary(replicas=10) in waiting.actions
        whole = up(primary=a_primary(NEW, replicas=10), routed=Seen(weight=100))
        assert decided(a_spec(), waiting.status, whole, at(62)).status.canary_weight == 0

    @pytest.mark.acceptance("A09")
    def test_a_canary_whose_promotion_failed_keeps_its_traffic_until_the_primary_is_whole(self):
        ended = (RunRecord(revision=NEW, outcome=Outcome.PROMOTION_FAILED),)
        status = a_status(Phase.FAILED, weight=100, primary_replicas=10, history=ended)
        facts = up(primary=replace(self.SHORT, revision=NEW), routed=Seen(weight=100))
        assert decided(a_spec(), status, facts, at(61)).status.canary_weight == 100
        old = up(primary=self.SHORT, routed=Seen(weight=100))
        assert decided(a_spec(), status, old, at(61)).status.canary_weight == 100
        whole = up(primary=a_primary(NEW, replicas=10), routed=Seen(weight=100))
        assert decided(a_spec(), status, whole, at(61)).status.phase is Phase.FINALISING


class TestUpdates:
    @pytest.mark.parametrize(
        ("strategy", "replicas", "none"),
        [
            (UpdateStrategy(), 1, False),
            (UpdateStrategy(), 10, False),
            (RECREATE, 10, True),
            (UpdateStrategy(max_unavailable=Amount(100, percent=True)), 10, True),
            (UpdateStrategy(max_unavailable=Amount(1)), 1, True),
            (UpdateStrategy(max_unavailable=Amount(1)), 2, False),
            (UpdateStrategy(max_surge=Amount(0)), 1, True),
            (UpdateStrategy(max_surge=Amount(0)), 3, False),
        ],
        ids=[
            "as most",
            "as most, with many",
            "Recreate",
            "all may be unavailable",
            "the only one may be",
            "one of two may be",
            "neither surge nor quarter of one: one goes",
            "one of three goes",
        ],
    )
    def test_whether_one_leaves_a_workload_without_a_pod(self, strategy, replicas, none):
        assert strategy.leaves_none(replicas) is none

    def promoting(self, **fields: Any) -> Facts:
        return up(**({"target": a_workload(strategy=RECREATE)} | fields))

    def test_traffic_leaves_the_primary_before_its_update_takes_its_last_pod(self):
        new = EnsurePrimary(revision=NEW, replicas=2)
        status = in_run(60).but(run=a_run(pre_rollout_passed=True, next_analysis_at=at(60)))
        started = decided(a_spec(), status, self.promoting(routed=Seen(weight=60)), at(61))
        assert (started.status.phase, started.status.canary_weight) == (Phase.PROMOTING, 100)
        assert (reason(started), told(started)) == (
            waits.ROUTING,
            ["PromotionStarted", "TrafficMoved"],
        )
        assert RouteTraffic(traffic=Traffic(weight=100)) in started.actions
        assert new not in started.actions
        draining = next_one(a_spec(), started, self.promoting(), 62)
        assert (reason(draining), draining.wake_at) == (waits.DRAINING, at(63))
        still = next_one(a_spec(), draining, self.promoting(), 63)
        assert (still.status, still.wake_at) == (draining.status, at(72))
        assert new not in still.actions
        updating = next_one(a_spec(), draining, self.promoting(), 72)
        assert (reason(updating), new in updating.actions) == (waits.PRIMARY_UPDATING, True)
        down = self.promoting(primary=a_primary(NEW, available=0, total=0))
        waiting = next_one(a_spec(), updating, down, 73)
        assert (waiting.status.canary_weight, reason(waiting)) == (100, waits.PRIMARY_UPDATING)
        ready = next_one(a_spec(), waiting, self.promoting(primary=a_primary(NEW)), 80)
        assert (ready.status.phase, ready.status.canary_weight) == (Phase.FINALISING, 0)

    def test_at_rest_the_target_serves_while_the_primary_is_given_back_what_was_promoted(self):
        """A promotion has failed, and the target has returned to what was promoted before."""
        back, primary = EnsurePrimary(revision=OLD, replicas=2), a_primary(NEW, available=1)
        parked = a_workload(replicas=0, strategy=RECREATE)
        facts = some_facts(target=parked, primary=primary, routed=Seen())
        now = decided(a_spec(), a_status(), facts, at(60))
        assert (reason(now), ScaleTarget(replicas=2) in now.actions) == (
            waits.CANARY_NOT_READY,
            True,
        )
        facts = replace(facts, target=a_workload(strategy=RECREATE))
        seen = []
        for second in (61, 62, 72):
            now = next_one(a_spec(), now, facts, second)
            seen.append((reason(now), now.status.canary_weight, back in now.actions))
        assert seen == [
            (waits.ROUTING, 100, False),
            (waits.DRAINING, 100, False),
            (waits.PRIMARY_UPDATING, 100, True),
        ]
        still = next_one(a_spec(), now, facts, 74)
        assert (reason(still), back in still.actions) == (waits.PRIMARY_UPDATING, True)
        ready = next_one(a_spec(), still, replace(facts, primary=a_primary()), 80)
        assert (reason(ready), ready.status.canary_weight) == ("", 0)

    def test_an_update_that_leaves_pods_needs_no_detour(self):
        status = in_run(60).but(run=a_run(pre_rollout_passed=True, next_analysis_at=at(60)))
        started = decided(a_spec(), status, up(routed=Seen(weight=60)), at(61))
        assert (reason(started), started.status.canary_weight) == (waits.PRIMARY_UPDATING, 60)

    def test_a_canary_that_is_lost_meanwhile_keeps_the_primary_as_it_is(self):
        status = a_status(
            Phase.PROMOTING,
            weight=100,
            waiting_for=Wait(reason=waits.PRIMARY_UPDATING, since=at(60)),
        )
        lost = self.promoting(
            target=a_workload(available=0, strategy=RECREATE), routed=Seen(weight=100)
        )
        back = decided(a_spec(), status, lost, at(61))
        assert (back.status.canary_weight, reason(back)) == (0, waits.CANARY_NOT_READY)
        assert EnsurePrimary(revision=NEW, replicas=2) not in back.actions
        again = next_one(a_spec(), back, self.promoting(), 70)
        assert (again.status.canary_weight, reason(again)) == (100, waits.ROUTING)
        late = next_one(a_spec(), back, lost, 661)
        assert late.status.history[0].outcome == Outcome.PROMOTION_FAILED
        assert late.status.canary_weight == 0

    def test_a_route_that_is_refused_holds_the_update(self):
        status = a_status(Phase.PROMOTING, weight=100)
        facts = self.promoting(routed=Seen(weight=100), refusal="the gateway: no")
        held = decided(a_spec(), status, facts, at(61))
        assert (reason(held), "the gateway: no" in held.status.waiting_for.message) == (
            waits.ROUTING,
            True,
        )
        assert EnsurePrimary(revision=NEW, replicas=2) not in held.actions


class TestSize:
    def size(self, spec: CanarySpec, status: CanaryStatus, **facts: Any) -> int:
        return decided(spec, status, some_facts(**facts), at(60)).status.primary_replicas

    @pytest.mark.parametrize(
        ("autoscaled", "known", "replicas", "size"),
        [
            (False, 0, 5, 5),
            (False, 5, 3, 3),
            (False, 5, 0, 5),
            (True, 0, 5, 5),
            (True, 5, 8, 8),
            (True, 8, 5, 8),
            (True, 8, 4, 4),
        ],
        ids=[
            "as it is first seen",
            "as it is scaled by hand",
            "but not to nothing",
            "of an autoscaler too",
            "as it grows",
            "not as it shrinks a little",
            "only by half",
        ],
    )
    def test_at_rest_it_is_remembered(self, autoscaled, known, replicas, size):
        spec = a_spec(autoscalerRef=HPA) if autoscaled else a_spec()
        status = a_status(primary_replicas=known)
        assert self.size(spec, status, primary=a_primary(replicas=replicas)) == size

    @pytest.mark.parametrize(
        ("autoscaled", "known", "replicas", "size"),
        [(False, 5, 3, 5), (False, 5, 8, 8), (True, 5, 8, 5), (True, 0, 8, 8)],
        ids=["no less", "more by hand", "an autoscaler's more is its own", "what was unknown"],
    )
    def test_in_a_run_it_is_what_the_run_began_with(self, autoscaled, known, replicas, size):
        spec = a_spec(autoscalerRef=HPA) if autoscaled else a_spec()
        status = in_run(20, primary_replicas=known)
        facts = {"target": a_workload(), "revision": Revision(id=NEW)}
        assert self.size(spec, status, primary=a_primary(replicas=replicas), **facts) == size

    def test_a_run_begins_with_what_serves_then(self):
        spec, facts = a_spec(autoscalerRef=HPA), {"revision": Revision(id=NEW)}
        began = self.size(
            spec, a_status(primary_replicas=8), primary=a_primary(replicas=5), **facts
        )
        assert began == 5

    def test_at_its_first_gate_an_autoscaler_may_still_make_it_smaller(self):
        spec = a_spec(
            autoscalerRef=HPA, analysis={"webhooks": [{"name": "go", "type": "confirm-rollout"}]}
        )
        waiting = a_status(Phase.WAITING, primary_replicas=8)
        facts = some_facts(revision=Revision(id=NEW), primary=a_primary(replicas=5))
        held = decided(spec, waiting, facts, at(60))
        assert EnsureAutoscaler(minimum=0) in held.actions
        opened = replace(facts, commands=(Command(verb="approve"),))
        started = decided(spec, held.status, opened, at(70))
        assert (started.status.phase, started.status.primary_replicas) == (Phase.PROGRESSING, 5)
        assert EnsureAutoscaler(minimum=5) in started.actions

    def test_a_primary_that_is_made_smaller_during_a_run_is_made_as_large_again(self):
        status = in_run(20, primary_replicas=5)
        held = decided(a_spec(), status, up(primary=a_primary(replicas=3)), at(61))
        assert ScalePrimary(replicas=5) in held.actions
        rest = decided(a_spec(), a_status(primary_replicas=5), some_facts(), at(61))
        assert not any(isinstance(each, ScalePrimary) for each in rest.actions)

    def test_its_autoscaler_goes_no_lower_during_a_run_than_it_was(self):
        spec, status = a_spec(autoscalerRef=HPA), in_run(20, primary_replicas=5)
        held = decided(spec, status, up(), at(61))
        assert EnsureAutoscaler(minimum=5) in held.actions
        most = decided(spec, status, up(autoscaler_maximum=4), at(61))
        assert EnsureAutoscaler(minimum=4) in most.actions
        rest = decided(spec, a_status(primary_replicas=5), some_facts(), at(61))
        assert EnsureAutoscaler(minimum=0) in rest.actions

    def test_a_promotion_writes_no_fewer_replicas_than_serve(self):
        status = a_status(Phase.PROMOTING, weight=60, primary_replicas=2)
        facts = up(target=a_workload(replicas=2), primary=a_primary(replicas=8))
        decision = decided(a_spec(), status, facts, at(61))
        assert EnsurePrimary(revision=NEW, replicas=8) in decision.actions

    def test_a_promotion_brings_the_replicas_that_the_new_revision_asks_for(self):
        status = a_status(Phase.PROMOTING, weight=60, primary_replicas=2)
        decision = decided(a_spec(), status, up(target=a_workload(replicas=8)), at(61))
        assert EnsurePrimary(revision=NEW, replicas=8) in decision.actions

    def test_a_tool_that_writes_the_old_number_again_shrinks_nothing(self):
        facts = some_facts(target=a_workload(replicas=2), primary=a_primary(replicas=9))
        decision = decided(a_spec(), a_status(target_parked=True), facts, at(60))
        assert ScalePrimary(replicas=9) in decision.actions
        assert ScaleTarget(replicas=0) in decision.actions

    def test_a_canary_is_as_large_as_a_primary_that_is_lost_was(self):
        facts = some_facts(revision=Revision(id=NEW), primary=None)
        decision = decided(a_spec(), a_status(primary_replicas=7), facts, at(60))
        assert ScaleTarget(replicas=7) in decision.actions
