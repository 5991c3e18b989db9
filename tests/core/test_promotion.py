"""The promotion, its failure, and what is kept between runs."""

from typing import Any

import pytest

from canary.api.status import CanaryStatus, Outcome, Phase, RunRecord, Severity
from canary.core import waits
from canary.core.actions import EnsurePrimary, RouteTraffic, ScalePrimary, ScaleTarget
from canary.core.facts import Facts, Revision, Trouble
from canary.core.notices import notice
from canary.core.situation import Decision
from canary.core.traffic import Seen, Traffic
from tests.builders import NEW, OLD, a_primary, a_run, a_spec, a_status, a_workload, at, some_facts
from tests.core.deciding import decided, reason

CRASH = Trouble(reason="ImagePullBackOff", pod="p", container="app", message="")


def up(**fields: Any) -> Facts:
    rest = {"target": a_workload(), "revision": Revision(id=NEW), "routed": Seen(weight=60)}
    return some_facts(**(rest | fields))


def promoting(weight: int = 60, **fields: Any) -> CanaryStatus:
    return a_status(Phase.PROMOTING, weight=weight, **fields)


def told(decision: Decision) -> list[str]:
    return [notice.reason for notice in decision.status.notices]


class TestPromoting:
    def test_the_primary_is_given_exactly_the_analysed_revision_with_traffic_where_it_is(self):
        decision = decided(a_spec(), a_status(Phase.PROGRESSING, weight=60), up(), at(60))
        assert EnsurePrimary(revision=NEW, replicas=2) in decision.actions
        assert RouteTraffic(traffic=Traffic(weight=60)) in decision.actions
        assert told(decision) == ["PromotionStarted"]

    def test_traffic_stays_until_the_primary_is_ready(self):
        facts = up(primary=a_primary(NEW, available=1))
        waiting = decided(a_spec(), promoting(), facts, at(60))
        assert (reason(waiting), waiting.status.canary_weight) == (waits.PRIMARY_UPDATING, 60)
        settled = decided(a_spec(), waiting.status, facts, at(61))
        assert (settled.status, settled.wake_at) == (waiting.status, at(65))
        later = decided(a_spec(), waiting.status, facts, at(65))
        assert (later.status, later.wake_at) == (waiting.status, at(90))

    def test_a_primary_that_is_ready_gets_all_traffic_and_the_canary_is_drained(self):
        facts = up(primary=a_primary(NEW))
        returned = decided(a_spec(), promoting(), facts, at(60))
        assert RouteTraffic(traffic=Traffic()) in returned.actions
        assert (returned.status.phase, reason(returned)) == (Phase.FINALISING, waits.ROUTING)
        routed = up(primary=a_primary(NEW), routed=Seen())
        draining = decided(a_spec(), returned.status, routed, at(100))
        assert reason(draining) == waits.DRAINING
        held = decided(a_spec(), draining.status, routed, at(101))
        assert (held.status, held.wake_at) == (draining.status, at(110))
        assert not any(isinstance(action, ScaleTarget) for action in held.actions)
        done = decided(a_spec(), held.status, routed, at(110))
        assert done.status.phase is Phase.SUCCEEDED
        events = [each.reason for each in done.status.notices if each.event]
        assert (told(done), events) == (["TrafficReturned", "Promoted"], ["Promoted"])
        assert done.status.notices[1].message.endswith(
            "is promoted; the primary serves all traffic"
        )
        assert done.status.history[0].outcome == Outcome.PROMOTED
        assert done.status.history[0].duration_seconds == 110
        assert ScaleTarget(replicas=0) in done.actions
        assert [n.reason for n in done.status.notices if n.alert] == ["Promoted"]

    def test_a_route_that_can_not_be_written_calls_for_help_once_and_goes_on_trying(self):
        facts = up(primary=a_primary(NEW), obstacle="VirtualService: forbidden")
        status = decided(a_spec(), promoting(), facts, at(0)).status
        late = decided(a_spec(), status, facts, at(600))
        assert reason(late) == waits.ROUTING_BLOCKED
        assert late.status.condition("Stalled").status == "True"
        assert [n.reason for n in late.status.notices if n.alert] == [waits.ROUTING_BLOCKED]
        later = decided(a_spec(), late.status, facts, at(9000))
        assert later.status == late.status
        assert RouteTraffic(traffic=Traffic()) in later.actions

    def test_traffic_returns_by_steps_where_they_are_asked_for(self):
        spec = a_spec(analysis={"stepWeightPromotion": 40})
        facts = up(primary=a_primary(NEW))
        first = decided(spec, promoting(), facts, at(60))
        assert (first.status.canary_weight, reason(first)) == (20, waits.TRAFFIC_RETURNING)
        early = decided(spec, first.status, facts, at(65))
        assert (early.status, early.wake_at) == (first.status, at(70))
        routed = up(primary=a_primary(NEW), routed=Seen(weight=20))
        assert decided(spec, first.status, routed, at(70)).status.phase is Phase.FINALISING

    def test_a_change_after_the_primary_is_written_takes_traffic_off_the_unknown(self):
        half = up(revision=Revision(id="1-newer"), primary=a_primary(NEW, available=1))
        decision = decided(a_spec(), promoting(), half, at(60))
        assert (decision.status.phase, decision.status.canary_weight) == (Phase.PROMOTING, 50)
        assert EnsurePrimary(revision=NEW, replicas=2) in decision.actions
        assert RouteTraffic(traffic=Traffic(weight=50)) in decision.actions
        assert decided(a_spec(), decision.status, half, at(61)).status == decision.status
        moved = {"revision": Revision(id="1-newer"), "routed": Seen(weight=50)}
        whole = up(primary=a_primary(NEW), **moved)
        after = decided(a_spec(), decision.status, whole, at(62))
        assert (after.status.phase, after.status.canary_weight) == (Phase.PROMOTING, 0)

    def test_a_target_that_is_gone_before_the_primary_is_written_fails_the_promotion(self):
        gone = up(target=None)
        status = decided(a_spec(), promoting(), gone, at(0)).status
        late = decided(a_spec(), status, gone, at(600))
        assert late.status.history[0].outcome == Outcome.PROMOTION_FAILED
        assert late.status.canary_weight == 0


class TestFailedPromotion:
    @pytest.mark.parametrize(
        ("primary", "cause"),
        [
            ({"available": 0, "trouble": CRASH}, "ImagePullBackOff"),
            ({"available": 0, "deadline_exceeded": True}, "ProgressDeadlineExceeded"),
        ],
        ids=["an image that can't be pulled", "Kubernetes gave up"],
    )
    def test_it_is_seen_at_once_and_traffic_stays_on_the_canary(self, primary, cause):
        decision = decided(a_spec(), promoting(), up(primary=a_primary(NEW, **primary)), at(60))
        assert decision.status.phase is Phase.FAILED
        assert decision.status.history[0].reason == cause
        assert RouteTraffic(traffic=Traffic(weight=100)) in decision.actions
        assert not any(isinstance(action, ScaleTarget) for action in decision.actions)
        assert EnsurePrimary(revision=NEW, replicas=2) in decision.actions

    def test_it_may_be_left_to_the_deadline(self):
        spec = a_spec(analysis={"onPodFailure": "deadline"})
        facts = up(primary=a_primary(NEW, available=0, trouble=CRASH), obstacle="no quota")
        waiting = decided(spec, promoting(), facts, at(0))
        assert reason(waiting) == waits.PRIMARY_UPDATING
        late = decided(spec, waiting.status, facts, at(600))
        assert "no quota" in late.status.history[0].message

    def test_traffic_goes_to_older_pods_where_the_canary_has_changed(self):
        facts = up(
            revision=Revision(id="1-newer"),
            primary=a_primary(NEW, available=1, deadline_exceeded=True),
        )
        assert decided(a_spec(), promoting(), facts, at(60)).status.canary_weight == 50

    def test_the_next_run_keeps_traffic_on_the_healthy_pods(self):
        status = a_status(
            Phase.FAILED,
            weight=100,
            history=(RunRecord(revision=NEW, outcome=Outcome.PROMOTION_FAILED),),
        )
        facts = up(revision=Revision(id="1-newer"), primary=a_primary(NEW, available=0))
        assert decided(a_spec(), status, facts, at(60)).status.canary_weight == 100

    def test_the_sentence_says_who_serves(self):
        status = a_status(Phase.FAILED, weight=100)
        facts = up(primary=a_primary(NEW, available=0))
        decision = decided(a_spec(), status, facts, at(60))
        message = decision.status.condition("Ready").message
        assert "The canary serves until the primary is ready." in message


class TestBetweenRuns:
    def test_an_idle_canary_is_settled_and_wants_nothing(self):
        status = decided(a_spec(), a_status(), some_facts(), at(60)).status
        decision = decided(a_spec(), status, some_facts(), at(61))
        assert (decision.status, decision.wake_at) == (status, None)

    def test_traffic_returns_when_the_primary_is_ready_again(self):
        status = a_status(weight=100)
        broken = up(revision=Revision(id=OLD), primary=a_primary(available=0))
        assert decided(a_spec(), status, broken, at(60)).status.canary_weight == 100
        healed = decided(a_spec(), status, up(revision=Revision(id=OLD)), at(60))
        assert told(healed) == ["TrafficReturned"]
        assert not any(isinstance(action, ScaleTarget) for action in healed.actions)
        routed = up(revision=Revision(id=OLD), routed=Seen())
        assert healed.wake_at is not None
        waiting = decided(a_spec(), healed.status, routed, at(62))
        assert waiting.wake_at == at(70)
        assert ScaleTarget(replicas=0) in decided(a_spec(), waiting.status, routed, at(70)).actions

    def test_a_new_number_of_replicas_is_meant_for_who_serves(self):
        facts = some_facts(target=a_workload(replicas=5, generation=3))
        decision = decided(a_spec(), a_status(target_parked=True), facts, at(60))
        assert {ScalePrimary(replicas=5), ScaleTarget(replicas=0)} <= set(decision.actions)
        assert decision.status.target_parked

    def test_a_parked_target_is_recorded_with_the_write_that_forgets_what_was_told(self):
        told = notice(a_status(), "Promoted", "m", Severity.INFO, at(0))
        status = a_status(notices=(told,), target_version="uid/4")
        running = some_facts(target=a_workload(uid="uid", generation=4))
        waiting = decided(a_spec(), status, running, at(1))
        assert ScaleTarget(replicas=0) in waiting.actions
        parked = a_workload(replicas=0, uid="uid", generation=5)
        held = decided(a_spec(), waiting.status, some_facts(target=parked), at(2))
        assert (held.status, held.wake_at) == (waiting.status, at(30))
        delivered = some_facts(target=parked, delivered=frozenset({told.id}))
        forgotten = decided(a_spec(), held.status, delivered, at(3)).status
        assert (forgotten.notices, forgotten.target_parked) == ((), True)
        assert forgotten.target_version == "uid/5"
        assert decided(a_spec(), forgotten, some_facts(target=parked), at(4)).status == forgotten
        # What can't be told for long holds up nothing else.
        late = decided(a_spec(), held.status, some_facts(target=parked), at(30)).status
        assert late.target_parked

    def test_replicas_that_come_before_a_parked_target_is_recorded_are_meant_for_the_primary(self):
        told = notice(a_status(), "Promoted", "m", Severity.INFO, at(0))
        status = a_status(notices=(told,), target_version="uid/4")
        scaled = some_facts(target=a_workload(replicas=5, uid="uid", generation=6))
        decision = decided(a_spec(), status, scaled, at(2))
        assert decision.status.target_parked
        assert {ScalePrimary(replicas=5), ScaleTarget(replicas=0)} <= set(decision.actions)

    def test_a_target_that_was_not_parked_yet_says_nothing_about_the_primary(self):
        facts = some_facts(target=a_workload(replicas=5))
        decision = decided(a_spec(), a_status(), facts, at(60))
        assert ScalePrimary(replicas=5) not in decision.actions

    def test_an_autoscaler_scales_the_primary_itself(self):
        reference = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "h"}
        spec = a_spec(autoscalerRef=reference)
        facts = some_facts(target=a_workload(replicas=5))
        decision = decided(spec, a_status(target_parked=True), facts, at(60))
        assert not any(isinstance(action, ScalePrimary) for action in decision.actions)

    @pytest.mark.parametrize("phase", [Phase.SUCCEEDED, Phase.FAILED])
    def test_a_target_that_is_gone_is_said_and_the_primary_serves_on(self, phase):
        facts = some_facts(target=None, revision=None, obstacle="")
        decision = decided(a_spec(), a_status(phase), facts, at(60))
        assert reason(decision) == waits.TARGET_MISSING
        assert not any(isinstance(action, ScaleTarget) for action in decision.actions)

    def test_a_config_that_is_gone_is_named(self):
        facts = some_facts(revision=None, obstacle="ConfigMap app is missing")
        decision = decided(a_spec(), a_status(), facts, at(60))
        assert "ConfigMap app is missing" in decision.status.waiting_for.message

    def test_an_obstacle_stalls(self):
        decision = decided(a_spec(), a_status(), some_facts(obstacle="no such CRD"), at(60))
        assert decision.status.condition("Stalled").reason == waits.OBSTACLE

    def test_a_primary_that_is_gone_is_made_again_from_the_promoted_revision(self):
        status = a_status(primary_replicas=5)
        decision = decided(a_spec(), status, some_facts(primary=None), at(60))
        assert EnsurePrimary(revision=OLD, replicas=5) in decision.actions
        assert reason(decision) == ""

    def test_a_primary_that_is_gone_is_not_made_from_a_failed_revision(self):
        decision = decided(a_spec(), a_status(Phase.FAILED), up(primary=None), at(60))
        assert reason(decision) == waits.PRIMARY_MISSING
        assert EnsurePrimary(revision=OLD, replicas=2) in decision.actions

    def test_an_upgrade_that_hashes_otherwise_starts_no_run(self):
        status = decided(a_spec(), a_status(), some_facts(), at(60)).status
        upgraded = some_facts(revision=Revision(id="2-otherwise"))
        assert decided(a_spec(), status, upgraded, at(61)).status == status

    def test_a_config_that_changed_starts_a_run(self):
        status = decided(a_spec(), a_status(), some_facts(), at(60)).status
        changed = some_facts(revision=Revision(id=NEW, configs={"configmap/a": "1"}))
        assert decided(a_spec(), status, changed, at(61)).status.phase is Phase.PROGRESSING

    def test_a_scale_during_a_run_moves_the_place_with_the_next_write(self):
        status = a_status(Phase.PROGRESSING, weight=20, run=a_run(pre_rollout_passed=True))
        facts = up(target=a_workload(uid="u", generation=7, observed_generation=7))
        assert decided(a_spec(), status, facts, at(60)).status.target_version == "u/7"

    def test_what_was_delivered_is_forgotten_when_all_is(self):
        done = decided(
            a_spec(), a_status(Phase.FAILED), some_facts(revision=Revision(id=OLD)), at(60)
        )
        assert told(done) == ["RevisionReverted"]
        assert not done.status.notices[0].alert
        known = frozenset(notice.id for notice in done.status.notices)
        assert (
            decided(a_spec(), done.status, some_facts(delivered=known), at(61)).status.notices == ()
        )
