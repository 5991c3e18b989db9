"""A run from its first gate to the step that follows an analysis."""

from dataclasses import replace
from datetime import timedelta
from math import nan
from typing import Any

import pytest

from analysis.model import Check, Report, Verdict
from canary.api.canary import CanarySpec
from canary.api.people import WebhookType
from canary.api.status import (
    CanaryStatus,
    ContainerImage,
    Hold,
    Outcome,
    Pause,
    Phase,
    Severity,
    Wait,
)
from canary.core import waits
from canary.core.actions import RouteTraffic, ScaleTarget
from canary.core.decide import decide
from canary.core.facts import Command, Facts, Image, Revision, Trouble
from canary.core.needs import Analyse, AskHooks, Need, Subject
from canary.core.notices import NOTICES_KEPT
from canary.core.situation import Decision, Question
from canary.core.traffic import Seen, Traffic
from tests.builders import (
    NEW,
    OLD,
    a_primary,
    a_run,
    a_spec,
    a_status,
    a_workload,
    at,
    some_facts,
)
from tests.core.deciding import asked_for, decided, reason, up

CRASH = Trouble(reason="CrashLoopBackOff", pod="podinfo-1", container="app", message="exit 1")


def hooked(*types: str, url: str | None = "http://gate.example/", **fields: Any) -> CanarySpec:
    """Build a spec with a hook of each type."""
    address = {"url": url} if url else {}
    hooks = [{"name": type_, "type": type_, **address, **fields} for type_ in types]
    return a_spec(analysis={"webhooks": hooks})


def by_hand(*types: str, **fields: Any) -> CanarySpec:
    return hooked(*types, url=None, **fields)


def in_run(weight: int = 20, **fields: Any) -> CanaryStatus:
    return a_status(Phase.PROGRESSING, weight=weight, **fields)


def told(decision: Decision) -> list[str]:
    return [notice.reason for notice in decision.status.notices]


def types_of(asked: list[Need]) -> list[str]:
    return [need.type if isinstance(need, AskHooks) else "analyse" for need in asked]


def give(facts: Facts, verb: str, value: str = "") -> Facts:
    return replace(facts, commands=(Command(verb=verb, value=value),))


class TestBeginning:
    def test_a_new_revision_is_pinned_and_scaled_up_to_what_serves(self):
        facts = some_facts(revision=Revision(id=NEW), primary=a_primary(replicas=3))
        decision = decided(a_spec(), a_status(), facts, at(60))
        assert decision.status.last_applied_spec == NEW
        holds = (Hold(reason=waits.CANARY_NOT_READY, since=at(60)),)
        run = a_run(id=f"2-{NEW}", started_at=at(60), looks=1, holds=holds)
        assert decision.status.run == run
        assert ScaleTarget(replicas=3) in decision.actions
        assert told(decision) == ["RunStarted"]

    def test_the_autoscalers_least_number_counts_too(self):
        facts = some_facts(revision=Revision(id=NEW), autoscaler_minimum=5)
        assert ScaleTarget(replicas=5) in decided(a_spec(), a_status(), facts, at(60)).actions

    def test_nothing_is_scaled_up_while_the_first_gate_is_shut(self):
        facts = some_facts(revision=Revision(id=NEW), target=a_workload())
        spec = hooked("confirm-rollout")
        decision = decided(spec, a_status(), facts, at(60), hooks={"confirm-rollout": False})
        assert decision.status.phase is Phase.WAITING
        assert ScaleTarget(replicas=0) in decision.actions
        assert told(decision) == ["GateBlocked"]
        assert decision.status.run.next_analysis_at == at(70)

    def test_the_first_gate_is_asked_again_when_an_interval_has_passed(self):
        spec, run = hooked("confirm-rollout"), a_run(next_analysis_at=at(70), looks=1)
        asked: list[Need] = []
        early = decided(spec, a_status(Phase.WAITING, run=run), up(), at(65), asked=asked)
        assert (early.status.phase, asked) == (Phase.WAITING, [])
        due = decided(spec, a_status(Phase.WAITING, run=run), up(), at(70), asked=asked)
        assert (due.status.phase, types_of(asked)) == (Phase.PROGRESSING, ["confirm-rollout"])

    def test_the_first_gate_is_asked_about_the_revision_that_asks_to_begin(self):
        before = {"ConfigMap/podinfo": "a"}
        promoted = (ContainerImage(container="app", image="podinfo:6.1"),)
        status = a_status(tracked_configs=before, promoted_images=promoted, applied_images=promoted)
        images = (Image(container="app", image="podinfo:6.2"),)
        revision = Revision(
            id=NEW, images=images, configs={"Secret/z": "c", "ConfigMap/podinfo": "b"}
        )
        spec = hooked("confirm-rollout")
        asked = asked_for(spec, status, some_facts(revision=revision), at(60))
        assert asked == AskHooks(
            type=WebhookType.CONFIRM_ROLLOUT,
            key=f"2-{NEW}/confirm-rollout/0/0",
            hooks=spec.analysis.webhooks,
            subject=Subject(
                revision=NEW,
                images="podinfo:6.1 → podinfo:6.2",
                configs=(("ConfigMap/podinfo", "b"), ("Secret/z", "c")),
            ),
        )

    def test_a_rollback_hook_ends_the_wait(self):
        spec = hooked("confirm-rollout", "rollback")
        decision = decided(spec, a_status(Phase.WAITING), up(), at(60), hooks={"rollback": True})
        assert decision.status.history[0].reason == "RollbackHook"

    def test_a_newer_revision_takes_the_place_of_the_one_that_waits(self):
        facts = up(revision=Revision(id="1-newer"))
        status = a_status(Phase.WAITING)
        decision = decided(by_hand("confirm-rollout"), status, facts, at(60))
        assert decision.status.phase is Phase.WAITING
        assert decision.status.last_applied_spec == "1-newer"
        assert [each.outcome for each in decision.status.history] == [Outcome.SUPERSEDED]
        assert told(decision) == ["RunRestarted", "GateBlocked"]

    def test_a_pause_outlasts_the_revision_it_was_given_for(self):
        facts = up(revision=Revision(id="1-newer"))
        status = a_status(Phase.WAITING, paused=Pause(by="alice", since=at(0)))
        decision = decided(a_spec(), status, facts, at(60))
        assert (decision.status.phase, reason(decision)) == (Phase.WAITING, waits.PAUSED)
        assert "alice" in decision.status.waiting_for.message

    def test_traffic_stays_on_the_canary_while_the_primary_is_broken(self):
        facts = up(primary=a_primary(available=0))
        decision = decided(
            a_spec(), a_status(Phase.FAILED, weight=100, last_applied_spec="1-x"), facts, at(60)
        )
        assert decision.status.phase is Phase.PROGRESSING
        assert decision.status.canary_weight == 100


class TestReadiness:
    def test_who_is_not_ready_is_waited_for_until_the_progress_deadline(self):
        facts = up(target=a_workload(available=1), obstacle="quota exceeded")
        waiting = decided(a_spec(), in_run(0), facts, at(60))
        assert reason(waiting) == waits.CANARY_NOT_READY
        assert "quota exceeded" in waiting.status.waiting_for.message
        settled = decided(a_spec(), waiting.status, facts, at(61))
        assert (settled.status, settled.wake_at) == (waiting.status, at(65))
        later = decided(a_spec(), waiting.status, facts, at(65))
        assert (later.status, later.wake_at) == (waiting.status, at(90))
        late = decided(a_spec(), waiting.status, facts, at(660))
        assert late.status.phase is Phase.FAILED
        assert late.status.history[0].reason == "ProgressDeadlineExceeded"
        assert "quota exceeded" in late.status.history[0].message

    def test_a_deployment_that_kubernetes_gave_up_on_is_not_waited_for(self):
        target = a_workload(available=0, deadline_exceeded=True, trouble=CRASH)
        spec = a_spec(analysis={"onPodFailure": "deadline"})
        decision = decided(spec, in_run(), up(target=target), at(60))
        assert decision.status.phase is Phase.FAILED
        assert "CrashLoopBackOff" in decision.status.history[0].message

    def test_what_is_said_of_the_generation_before_does_not_count(self):
        target = a_workload(generation=2, deadline_exceeded=True, trouble=CRASH)
        decision = decided(a_spec(), in_run(0), up(target=target), at(60))
        assert reason(decision) == waits.CANARY_NOT_READY

    def test_a_crash_rolls_back_without_waiting_for_the_interval(self):
        status = in_run(run=a_run(pre_rollout_passed=True, next_analysis_at=at(70)))
        decision = decided(a_spec(), status, up(target=a_workload(trouble=CRASH)), at(61))
        assert decision.status.phase is Phase.FAILED
        assert RouteTraffic(traffic=Traffic()) in decision.actions
        assert decision.status.history[0].message == (
            "CrashLoopBackOff in container app of pod podinfo-1: exit 1"
        )

    def test_a_crash_may_be_left_to_the_deadline(self):
        spec = a_spec(analysis={"onPodFailure": "deadline"})
        target = a_workload(available=1, trouble=CRASH)
        assert reason(decided(spec, in_run(), up(target=target), at(60))) == waits.CANARY_NOT_READY

    def test_a_target_that_is_gone_is_waited_for_until_the_progress_deadline(self):
        facts = up(target=None)
        gone = decided(a_spec(), in_run(), facts, at(60))
        assert reason(gone) == waits.TARGET_MISSING
        assert gone.status.condition("Stalled").status == "True"
        late = decided(a_spec(), gone.status, facts, at(660))
        assert late.status.history[0].reason == waits.TARGET_MISSING

    def test_a_canary_that_is_ready_again_waits_for_its_analysis(self):
        status = in_run(
            run=a_run(pre_rollout_passed=True, next_analysis_at=at(70)),
            waiting_for=Wait(reason=waits.CANARY_NOT_READY, since=at(0)),
        )
        decision = decided(a_spec(), status, up(), at(61))
        assert reason(decision) == waits.ANALYSIS_DUE
        settled = decided(a_spec(), decision.status, up(), at(62))
        assert (settled.status, settled.wake_at) == (decision.status, at(70))

    def test_an_increase_that_was_intended_waits_until_the_canary_can_take_it(self):
        facts = up(target=a_workload(available=1), routed=Seen(weight=10))
        decision = decided(a_spec(), in_run(20), facts, at(60))
        assert not any(isinstance(action, RouteTraffic) for action in decision.actions)

    def test_a_route_that_is_gone_comes_back_without_the_canary_while_it_is_not_ready(self):
        facts = up(target=a_workload(available=0), routed=None)
        decision = decided(a_spec(), in_run(20), facts, at(60))
        assert RouteTraffic(traffic=Traffic()) in decision.actions
        ready = decided(a_spec(), in_run(20), up(routed=None), at(60))
        assert RouteTraffic(traffic=Traffic(weight=40)) in ready.actions


class TestLooking:
    def test_the_first_step_is_taken_when_the_pre_rollout_hooks_pass(self):
        asked: list[Need] = []
        spec = hooked("rollback", "pre-rollout", "rollout", "confirm-traffic-increase")
        decision = decided(spec, in_run(0), up(), at(60), asked=asked)
        assert types_of(asked) == ["rollback", "pre-rollout", "confirm-traffic-increase"]
        assert decision.status.canary_weight == 20
        assert told(decision) == ["AnalysisStarted", "WeightAdvanced"]
        assert RouteTraffic(traffic=Traffic(weight=20)) in decision.actions

    def test_that_the_analysis_starts_and_the_first_weight_are_one_event(self):
        decision = decided(a_spec(), in_run(0), up(), at(60))
        assert [each.event for each in decision.status.notices] == [False, True]
        message = "Weight of podinfo advanced to 20 %; the analysis starts"
        assert decision.status.notices[1].message == message

    def test_a_pre_rollout_hook_that_fails_is_a_failed_check(self):
        spec = hooked("pre-rollout")
        decision = decided(spec, in_run(0), up(), at(60), hooks={"pre-rollout": False})
        assert (decision.status.failed_checks, decision.status.canary_weight) == (1, 0)
        assert reason(decision) == waits.CHECKS_FAILING

    def test_what_serves_already_is_judged_before_it_gets_more(self):
        status = in_run(100, run=a_run())
        decision = decided(a_spec(), status, up(primary=a_primary(available=0)), at(60))
        assert decision.status.canary_weight == 100
        assert (reason(decision), told(decision)) == (
            waits.ANALYSIS_DUE,
            ["PrimaryNotServing", "AnalysisStarted"],
        )

    def test_an_analysis_asks_the_hooks_first_and_the_metrics_then(self):
        asked: list[Need] = []
        spec = hooked("rollback", "rollout", "confirm-traffic-increase", "event", "post-rollout")
        decision = decided(spec, in_run(), up(), at(60), asked=asked)
        assert types_of(asked) == ["rollback", "rollout", "analyse", "confirm-traffic-increase"]
        assert decision.status.canary_weight == 40
        assert [metric.verdict for metric in decision.status.metrics] == ["pass"]

    def test_nothing_is_asked_before_the_interval_has_passed(self):
        status = in_run(run=a_run(pre_rollout_passed=True, next_analysis_at=at(70)))
        status = status.but(waiting_for=Wait(reason=waits.ANALYSIS_DUE, since=at(60)))
        decision = decide(a_spec(), status, up(), at(69))
        assert isinstance(decision, Decision)
        assert decision.wake_at in {at(70), at(69) + timedelta(seconds=1)}
        assert isinstance(asked_for(a_spec(), status, up(), at(70)), Analyse)

    @pytest.mark.parametrize(
        ("threshold", "failed_before", "phase"),
        [
            (0, 0, Phase.FAILED),
            (1, 0, Phase.FAILED),
            (2, 0, Phase.PROGRESSING),
            (2, 1, Phase.FAILED),
            (5, 3, Phase.PROGRESSING),
        ],
        ids=["0 counts as 1", "first of 1", "first of 2", "second of 2", "fourth of 5"],
    )
    def test_the_check_that_reaches_the_threshold_rolls_back(self, threshold, failed_before, phase):
        spec = a_spec(analysis={"threshold": threshold})
        status = in_run(failed_checks=failed_before)
        decision = decided(spec, status, up(routed=Seen(weight=20)), at(60), Verdict.FAIL)
        assert decision.status.phase is phase
        assert decision.status.failed_checks == failed_before + 1
        rolled_back = phase is Phase.FAILED
        assert decision.status.canary_weight == (0 if rolled_back else 20)
        assert (RouteTraffic(traffic=Traffic()) in decision.actions) is rolled_back

    def test_failed_checks_add_up_over_passes(self):
        decision = decided(a_spec(), in_run(failed_checks=1), up(), at(60))
        assert (decision.status.canary_weight, decision.status.failed_checks) == (40, 1)

    def test_a_rollout_hook_that_fails_is_a_failed_check_and_no_metric_is_asked(self):
        asked: list[Need] = []
        spec = hooked("rollout")
        decision = decided(spec, in_run(), up(), at(60), hooks={"rollout": False}, asked=asked)
        assert (types_of(asked), decision.status.failed_checks) == (["rollout"], 1)
        assert "rollout hook hook: said so" in decision.status.notices[0].message

    def test_a_rollback_hook_that_passes_rolls_back(self):
        decision = decided(hooked("rollback"), in_run(), up(), at(60), hooks={"rollback": True})
        assert decision.status.phase is Phase.FAILED
        assert decision.status.history[0].message == "Rollback hook hook asked for it"

    def test_no_verdict_holds_the_weight_and_the_deadline_goes_on_over_other_waits(self):
        first = decided(a_spec(), in_run(), up(), at(0), Verdict.INCONCLUSIVE)
        assert (first.status.canary_weight, told(first)) == (20, ["AnalysisInconclusive"])
        unready = decided(a_spec(), first.status, up(target=a_workload(available=1)), at(300))
        assert reason(unready) == waits.CANARY_NOT_READY
        again = decided(a_spec(), unready.status, up(), at(590), Verdict.INCONCLUSIVE)
        assert told(again) == [
            "AnalysisInconclusive",
            "CanaryNotReady",
            "AnalysisInconclusive",
            "WaitEnded",
        ]
        assert again.status.waiting_for.deadline == at(600)
        late = decided(a_spec(), again.status, up(), at(600), Verdict.INCONCLUSIVE)
        assert late.status.history[0].reason == "AnalysisInconclusive"

    def test_no_verdict_for_long_is_an_alert_once(self):
        status = in_run()
        for second in (0, 60, 290, 300, 360):
            status = decided(a_spec(), status, up(), at(second), Verdict.INCONCLUSIVE).status
        first, alert = status.notices
        assert (first.alert, alert.alert, alert.severity) == (False, True, "warn")
        assert (alert.reason, alert.at) == ("AnalysisInconclusive", at(300))
        assert alert.message.startswith("Still holding after 5m: ")
        passed = decided(a_spec(), status, up(), at(400)).status
        for second in (500, 800):
            passed = decided(a_spec(), passed, up(), at(second), Verdict.INCONCLUSIVE).status
        # A hold that begins anew is another one.
        assert [each.at for each in passed.notices if each.alert] == [at(300), at(800)]

    def test_a_verdict_ends_the_wait_for_one(self):
        held = decided(a_spec(), in_run(), up(), at(0), Verdict.INCONCLUSIVE)
        failed = decided(a_spec(), held.status, up(), at(10), Verdict.FAIL)
        assert failed.status.run.holds == ()

    def test_a_value_that_json_has_no_word_for_is_left_to_the_message(self):
        check = Check(
            metric="m", verdict=Verdict.PASS, value=nan, bound="", message="NaN", query=""
        )
        decision = decided(a_spec(), in_run(), up(), at(60), Report(checks=(check,)))
        assert decision.status.metrics[0].value is None
        assert decision.status == decision.status.but()

    def test_a_run_that_has_lost_its_record_goes_on(self):
        decision = decided(a_spec(), in_run(run=None), up(), at(60))
        assert decision.status.run.id == f"1-{NEW}"

    def test_without_analysis_a_canary_that_is_ready_is_promoted(self):
        decision = decided(a_spec(skipAnalysis=True), in_run(0), up(), at(60))
        assert (decision.status.phase, decision.status.canary_weight) == (Phase.PROMOTING, 0)


class TestMovingOn:
    def test_a_newer_revision_restarts_the_run_and_the_first_gate_is_not_asked_again(self):
        asked: list[Need] = []
        facts = up(revision=Revision(id="1-newer"), routed=Seen(weight=40))
        spec = hooked("confirm-rollout")
        decision = decided(spec, in_run(40, failed_checks=1), facts, at(60), asked=asked)
        assert asked == []
        assert decision.status.phase is Phase.PROGRESSING
        assert (decision.status.canary_weight, decision.status.failed_checks) == (0, 0)
        assert decision.status.run.id == "2-1-newer"
        assert told(decision) == ["RunRestarted"]
        assert decision.status.notices[0].alert
        assert RouteTraffic(traffic=Traffic()) in decision.actions

    def test_a_pause_goes_on_in_the_next_run(self):
        paused = Pause(by="alice", since=at(0))
        facts = up(revision=Revision(id="1-newer"))
        assert decided(a_spec(), in_run(paused=paused), facts, at(60)).status.paused == paused

    def test_traffic_goes_where_it_is_served_when_the_run_restarts(self):
        facts = up(revision=Revision(id="1-newer"), primary=a_primary(available=0))
        status = decided(a_spec(), in_run(40), facts, at(60)).status
        assert (status.canary_weight, status.run.step_weight) == (100, 0)

    def test_a_return_to_the_promoted_revision_cancels_the_run(self):
        decision = decided(a_spec(), in_run(40), up(revision=Revision(id=OLD)), at(60))
        assert decision.status.phase is Phase.SUCCEEDED
        assert decision.status.history[0].outcome == Outcome.CANCELLED
        assert [(n.reason, n.alert, n.hook) for n in decision.status.notices] == [
            ("RunCancelled", True, WebhookType.POST_ROLLOUT)
        ]

    def test_a_rollback_goes_to_the_canary_when_the_primary_has_no_pod(self):
        facts = up(primary=a_primary(available=0), routed=Seen(weight=20))
        moved = decided(a_spec(), in_run(failed_checks=1), facts, at(60), Verdict.FAIL)
        facts = replace(facts, routed=Seen(weight=100))
        judged = decided(a_spec(), moved.status, facts, at(61), Verdict.FAIL)
        decision = decided(a_spec(), judged.status, facts, at(71), Verdict.FAIL)
        assert decision.status.phase is Phase.FAILED
        assert RouteTraffic(traffic=Traffic(weight=100)) in decision.actions
        assert not any(isinstance(action, ScaleTarget) for action in decision.actions)
        assert "the canary serves" in decision.status.history[0].message


class TestGates:
    def test_a_gate_by_annotation_before_the_first_step_causes_no_writes_while_it_is_shut(self):
        spec = by_hand("confirm-traffic-increase")
        held = decided(spec, in_run(0), up(), at(60))
        assert (reason(held), held.status.canary_weight) == (waits.TRAFFIC_GATE, 0)
        assert told(held) == ["AnalysisStarted", "GateBlocked"]
        for moment in (at(61), at(3600), at(72 * 3600)):
            later = decided(spec, held.status, up(), moment)
            assert (later.status, later.wake_at) == (held.status, at(60 + 72 * 3600))

    def test_it_opens_by_annotation_and_asks_again_before_the_next_step(self):
        spec = by_hand("confirm-traffic-increase")
        held = decided(spec, in_run(0), up(), at(60))
        opened = decided(spec, held.status, give(up(), "approve", "alice"), at(3600))
        assert opened.status.canary_weight == 20
        assert opened.status.commands[0].value == "alice"
        assert told(opened)[2:] == ["CommandAccepted", "WeightAdvanced"]
        assert opened.status.run.approvals == ()
        next_one = decided(spec, opened.status, up(), at(3610))
        assert (reason(next_one), next_one.status.canary_weight) == (waits.TRAFFIC_GATE, 20)

    def test_a_shut_first_gate_by_annotation_causes_no_writes(self):
        spec = by_hand("confirm-rollout")
        held = decided(spec, a_status(), some_facts(revision=Revision(id=NEW)), at(60))
        facts = some_facts(revision=Revision(id=NEW))
        later = decided(spec, held.status, facts, at(3600))
        assert (later.status, later.wake_at) == (held.status, at(60 + 72 * 3600))

    def test_a_person_may_open_a_gate_that_a_webhook_holds(self):
        spec, no = hooked("confirm-promotion"), {"confirm-promotion": False}
        held = decided(spec, in_run(60), up(), at(60), hooks=no)
        assert held.status.phase is Phase.WAITING_PROMOTION
        asked: list[Need] = []
        opened = decided(spec, held.status, give(up(), "approve"), at(61), hooks=no, asked=asked)
        assert (opened.status.phase, asked) == (Phase.PROMOTING, [])

    def test_a_failed_check_at_a_gate_does_not_start_its_clock_again(self):
        spec = by_hand("confirm-promotion", deadline="1h")
        held = decided(spec, in_run(60), up(), at(0))
        failed = decided(spec, held.status, up(), at(10), Verdict.FAIL)
        assert (failed.status.phase, reason(failed)) == (
            Phase.WAITING_PROMOTION,
            waits.CHECKS_FAILING,
        )
        again = decided(spec, failed.status, up(), at(20))
        assert again.status.waiting_for.deadline == at(3600)
        assert told(again).count("GateBlocked") == 1
        late = decided(spec, again.status, up(), at(3600))
        assert late.status.history[0].reason == "GateDeadlineExceeded"

    def test_an_approval_after_a_failed_check_waits_for_the_next_pass(self):
        spec = by_hand("confirm-promotion")
        held = decided(spec, in_run(60), up(), at(0))
        failed = decided(spec, held.status, up(), at(10), Verdict.FAIL)
        approved = decided(spec, failed.status, give(up(), "approve"), at(11))
        assert approved.status.phase is Phase.WAITING_PROMOTION
        passed = decided(spec, approved.status, up(), at(20))
        assert passed.status.phase is Phase.PROMOTING

    def test_the_analysis_goes_on_at_the_promotion_gate_and_may_roll_back(self):
        spec = by_hand("confirm-promotion")
        held = decided(spec, in_run(60, failed_checks=1), up(), at(0))
        decision = decided(spec, held.status, up(), at(10), Verdict.FAIL)
        assert decision.status.history[0].reason == "ChecksFailed"

    def test_the_traffic_gate_is_not_asked_again_at_the_promotion_gate(self):
        spec, asked = hooked("confirm-traffic-increase", "confirm-promotion"), list[Need]()
        status = a_status(Phase.WAITING_PROMOTION, weight=60)
        decided(spec, status, up(), at(60), hooks={"confirm-promotion": False}, asked=asked)
        assert types_of(asked) == ["analyse", "confirm-promotion"]

    def test_the_traffic_gate_comes_before_the_promotion_too(self):
        spec, no = hooked("confirm-traffic-increase"), {"confirm-traffic-increase": False}
        assert reason(decided(spec, in_run(60), up(), at(60), hooks=no)) == waits.TRAFFIC_GATE

    @pytest.mark.parametrize("phase", [Phase.WAITING, Phase.PROGRESSING])
    def test_a_deadline_is_kept_between_two_looks(self, phase):
        gate = waits.ROLLOUT_GATE if phase is Phase.WAITING else waits.TRAFFIC_GATE
        run = a_run(pre_rollout_passed=True, next_analysis_at=at(70))
        wait = Wait(reason=gate, message="by hand", since=at(0), deadline=at(65))
        weight = 0 if phase is Phase.WAITING else 20
        status = a_status(phase, weight=weight, run=run, waiting_for=wait)
        spec = by_hand("confirm-rollout", "confirm-traffic-increase")
        decision = decided(spec, status, up(), at(65))
        assert decision.status.history[0].message == "The gate was not opened in time: by hand"

    def test_a_deadline_that_has_passed_meanwhile_counts_when_the_gate_is_asked(self):
        run = a_run(
            pre_rollout_passed=True, holds=(Hold(reason=waits.PROMOTION_GATE, since=at(0)),)
        )
        status = a_status(Phase.WAITING_PROMOTION, weight=60, run=run)
        decision = decided(by_hand("confirm-promotion", deadline="1h"), status, up(), at(3600))
        assert decision.status.history[0].reason == "GateDeadlineExceeded"
        assert told(decision) == ["RolledBack"]

    def test_a_gate_is_alerted_once_unless_it_is_muted(self):
        loud = decided(by_hand("confirm-promotion"), in_run(60), up(), at(0))
        muted = decided(by_hand("confirm-promotion", muteAlert=True), in_run(60), up(), at(0))
        assert [n.alert for n in loud.status.notices] == [True]
        assert [n.alert for n in muted.status.notices] == [False]

    def test_a_hook_is_asked_before_a_person(self):
        hooks = [
            {"name": "auto", "type": "confirm-promotion", "url": "http://gate.example/"},
            {"name": "lead", "type": "confirm-promotion"},
        ]
        spec = a_spec(analysis={"webhooks": hooks})
        refused = decided(spec, in_run(60), up(), at(0), hooks={"confirm-promotion": False})
        assert "said so" in refused.status.waiting_for.message
        waiting = decided(spec, in_run(60), up(), at(0))
        assert "gate lead waits for a person" in waiting.status.waiting_for.message


class TestQuestions:
    def test_the_same_question_has_the_same_name_after_a_crash(self):
        spec = hooked("rollout")
        first, again = (asked_for(spec, in_run(), up(), at(60 + late)) for late in (0, 5))
        assert first == again
        assert isinstance(first, AskHooks)

    def test_another_look_asks_another_question(self):
        first = asked_for(a_spec(), in_run(), up(), at(60))
        status = decided(a_spec(), in_run(), up(), at(60)).status
        assert asked_for(a_spec(), status, up(), at(70)) != first

    def test_a_question_carries_what_is_asked(self):
        spec = hooked("rollback", "rollout")
        asked: list[Need] = []
        decided(spec, in_run(), up(), at(60), asked=asked)
        rollback, rollout, metrics = asked
        assert isinstance(rollback, AskHooks)
        assert isinstance(rollout, AskHooks)
        assert isinstance(metrics, Analyse)
        assert rollback.hooks + rollout.hooks == spec.analysis.webhooks
        assert metrics.metrics == spec.analysis.metrics

    def test_an_edited_hook_is_another_question(self):
        before, after = (
            asked_for(hooked("rollout", url=url), in_run(), up(), at(60))
            for url in ("http://a.example/", "http://b.example/")
        )
        assert before != after

    def test_what_the_status_says_is_kept_true_until_the_answer_is_there(self):
        question = decide(hooked("rollout"), in_run(), up(routed=Seen(weight=50)), at(60))
        assert isinstance(question, Question)
        assert RouteTraffic(traffic=Traffic(weight=20)) in question.meanwhile


class TestNotices:
    def test_an_end_is_told_with_its_cause_and_calls_the_post_rollout_hooks(self):
        decision = decided(a_spec(), in_run(failed_checks=1), up(), at(60), Verdict.FAIL)
        (notice,) = decision.status.notices
        assert (notice.reason, notice.alert, notice.severity, notice.hook) == (
            "RolledBack",
            True,
            Severity.ERROR,
            WebhookType.POST_ROLLOUT,
        )
        assert notice.message == (
            "Revision 1-new is rolled back: 2 of 2 failed checks: as it should be"
        )

    def test_two_at_one_moment_have_names_of_their_own(self):
        decision = decided(a_spec(), in_run(0), up(), at(60))
        assert len({notice.id for notice in decision.status.notices}) == 2

    def test_what_was_delivered_is_forgotten_with_the_next_write_of_a_run(self):
        first = decided(a_spec(), in_run(0), up(), at(60))
        delivered = frozenset(notice.id for notice in first.status.notices)
        still = decided(a_spec(), first.status, up(delivered=delivered), at(61))
        assert still.status == first.status
        later = decided(a_spec(), first.status, up(delivered=delivered), at(70))
        assert told(later) == ["WeightAdvanced"]

    def test_nobody_taking_them_does_not_let_a_status_grow_for_ever(self):
        status = in_run()
        for number in range(150):
            spec = a_spec(analysis={"threshold": 1000})
            status = decided(spec, status, up(), at(60 + 10 * number), Verdict.FAIL).status
        assert len(status.notices) == NOTICES_KEPT
