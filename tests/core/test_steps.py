"""Steps one by one: what each gives the canary, how long it lasts, and what must hold in it."""

from datetime import timedelta

from analysis.model import Check, Report, Verdict
from canary.api.status import Phase
from canary.core.facts import Command
from canary.core.needs import Analyse, AskHooks
from canary.core.traffic import Seen
from tests.builders import a_spec
from tests.core.deciding import message, reason
from tests.core.test_strategies import MATCH, Journey

APPROVE = {"commands": (Command(verb="approve", value="ann"),)}
METRIC = {"name": "orders", "query": "orders", "thresholdRange": {"min": 1}}


def a_run_of(*steps: dict[str, object], **analysis: object) -> Journey:
    return Journey(a_spec(analysis={"steps": list(steps)} | analysis))


class TestTraffic:
    def test_goes_to_those_who_match_first_and_then_to_everyone(self):
        run = a_run_of({"weight": 100, "match": MATCH}, {"weight": 10}, {"weight": 50})
        seen = []
        for _ in range(3):
            run.look()
            seen.append(run.seen)
        assert seen == [Seen(weight=100, matched=True), Seen(weight=10), Seen(weight=50)]

    def test_is_that_of_each_step_and_goes_down_where_a_step_says_so(self):
        run = a_run_of({"mirror": 20}, {"weight": 50, "mirror": 5}, {"weight": 10}, {"passes": 2})
        seen = []
        for _ in range(4):
            run.look()
            seen.append((run.seen.weight, run.seen.mirror))
        assert seen == [(0, 20), (50, 5), (10, 0), (0, 0)]
        assert [notice.message for notice in run.status.notices][-3:] == [
            "Weight of podinfo advanced to 50 %; 5 % of the requests are mirrored to podinfo",
            "Weight of podinfo lowered to 10 %",
            "Weight of podinfo lowered to 0 %",
        ]

    def test_is_told_with_the_name_of_its_step(self):
        run = a_run_of({"name": "a few", "weight": 5})
        run.look()
        assert run.status.notices[-1].message == (
            "Step a few: Weight of podinfo advanced to 5 %; the analysis starts"
        )


class TestDuration:
    def test_holds_a_step_that_has_passed_until_its_time_is_over(self):
        run = a_run_of({"weight": 10, "duration": "25s"}, {"weight": 50})
        run.look()
        taken = run.now
        decision = run.look()
        assert (
            message(decision) == "the next analysis; the step lasts until 2026-01-01 00:01:36 UTC"
        )
        run.look()
        assert run.status.canary_weight == 10
        assert run.status.run is not None
        assert run.status.run.next_analysis_at == taken + timedelta(seconds=25)
        run.look()
        assert run.status.canary_weight == 50

    def test_does_not_keep_a_failing_step_from_rolling_back(self):
        run = a_run_of({"weight": 10, "duration": "1h"}, threshold=1)
        run.look()
        run.look(Verdict.FAIL)
        assert run.status.phase is Phase.FAILED

    def test_does_not_end_a_step_that_has_not_passed(self):
        run = a_run_of({"weight": 10, "duration": "5s", "passes": 3}, {"weight": 50})
        for _ in range(3):
            run.look()
        assert (run.status.canary_weight, run.status.iterations) == (10, 2)

    def test_goes_on_where_it_was_after_a_suspension(self):
        run = a_run_of({"weight": 10, "duration": "25s"}, {"weight": 50})
        run.look()
        spec, run.spec = run.spec, run.spec.but(suspend=True)
        run.look()
        run.second += 3600
        run.look()
        run.spec = spec
        run.look()
        # It was analysed for eleven seconds before the pause; the rest is still to come.
        assert "lasts until 2026-01-01 01:01:58 UTC" in message(run.look())
        assert run.status.canary_weight == 10
        run.look()
        run.look()
        assert run.status.canary_weight == 50
        assert run.status.run is not None
        assert run.status.run.lasts_since is None

    def test_of_a_bake_goes_on_where_it_was_after_each_pause(self):
        run = Journey(a_spec(analysis={"stepWeights": [50], "bakeTime": "60s"}))
        for _ in range(2):
            run.look()
        for number in range(3):
            run.facts = {"commands": (Command(verb="pause", value=f"{number}"),)}
            run.look()
            run.second += 3600
            run.facts = {"commands": (Command(verb="resume", value=f"{number}"),)}
            run.look()
            assert run.status.phase is Phase.PROGRESSING
        run.facts = {}
        for _ in range(6):
            run.look()
        assert run.status.phase is Phase.PROMOTING

    def test_of_a_status_that_does_not_say_when_the_step_began_is_over(self):
        run = a_run_of({"weight": 10, "duration": "1h"}, {"weight": 50})
        run.look()
        assert run.status.run is not None
        run.status = run.status.but(run=run.status.run.but(step_since=None))
        run.look()
        assert run.status.canary_weight == 50


class TestApproval:
    def test_holds_the_weight_and_analyses_on_until_a_person_approves(self):
        run = a_run_of({"name": "canary users", "weight": 10, "approval": True}, {"weight": 50})
        run.look()
        decision = run.look()
        assert reason(decision) == "TrafficGate"
        assert "gate of step canary users waits for a person" in message(decision)
        before = run.analyses
        run.look()
        assert (run.status.canary_weight, run.analyses) == (10, before + 1)
        run.facts = APPROVE
        run.look()
        assert run.status.canary_weight == 50

    def test_calls_for_a_person_once_with_an_alert(self):
        run = a_run_of({"weight": 10, "approval": True}, {"weight": 50})
        for _ in range(4):
            run.look()
        assert [each.alert for each in run.status.notices if each.reason == "GateBlocked"] == [True]

    def test_of_one_step_is_none_of_a_later_step_with_the_same_weight(self):
        run = a_run_of({"weight": 10, "approval": True}, {"weight": 10, "approval": True})
        run.look()
        run.look()
        value = "@ann via cli at 2026-01-01T00:00:00Z for confirm-traffic-increase/1/1"
        run.facts = {"commands": (Command(verb="approve", value=value),)}
        run.look()
        assert run.status.step == 2
        run.facts = {"commands": (Command(verb="approve", value=f"{value}: once more"),)}
        run.look()
        assert (run.status.step, run.status.commands[0].accepted) == (2, False)

    def test_of_the_last_step_comes_before_the_promotion(self):
        run = a_run_of({"weight": 10, "approval": True})
        run.look()
        run.look()
        assert reason(run.look()) == "TrafficGate"
        run.facts = APPROVE
        run.look()
        assert run.status.phase is Phase.PROMOTING

    def test_that_nobody_gives_rolls_back_after_three_days(self):
        run = a_run_of({"weight": 10, "approval": True}, {"weight": 50})
        run.look()
        run.look()
        wait = run.status.waiting_for
        assert wait is not None
        assert wait.deadline == wait.since + timedelta(hours=72)
        run.second += 72 * 3600
        run.look()
        assert run.status.history[0].reason == "GateDeadlineExceeded"


class TestOwnMetricsAndHooks:
    def test_are_judged_and_called_beside_those_of_the_run_in_their_step_alone(self):
        hook = {"name": "load", "type": "rollout", "url": "http://hooks.example/"}
        run = a_run_of(
            {"weight": 10, "metrics": [METRIC], "webhooks": [hook]},
            {"weight": 50},
        )
        for _ in range(3):
            run.look()
        judged = [
            [each.name for each in need.metrics] for need in run.asked if isinstance(need, Analyse)
        ]
        called = [
            [each.name for each in need.hooks] for need in run.asked if isinstance(need, AskHooks)
        ]
        assert judged == [["request-success-rate", "orders"], ["request-success-rate"]]
        assert called == [["load"]]

    def test_have_a_traffic_gate_that_is_asked_before_the_step(self):
        gate = {"name": "ask", "type": "confirm-traffic-increase", "url": "http://hooks.example/"}
        run = a_run_of({"weight": 10}, {"weight": 50, "webhooks": [gate]}, {"weight": 60})
        run.look()
        assert run.hooks == []
        run.look(confirm_traffic_increase=False)
        assert (run.status.canary_weight, run.hooks[-1:]) == (10, ["confirm-traffic-increase"])
        run.look()
        assert run.status.canary_weight == 50
        asked = len(run.hooks)
        run.look()
        assert (run.status.canary_weight, len(run.hooks)) == (60, asked)


class TestEdits:
    def test_of_later_steps_leave_the_run_where_it_is(self):
        first = {"weight": 100, "match": MATCH}
        run = a_run_of(first, {"weight": 10}, {"weight": 50})
        run.look()
        run.look()
        run.spec = a_spec(analysis={"steps": [first, {"weight": 10}, {"weight": 20}]})
        run.look()
        assert "PlanChanged" in run.told
        assert (run.status.step, run.status.canary_weight) == (3, 20)

    def test_of_earlier_steps_skip_no_step_with_more_traffic(self):
        run = a_run_of({"weight": 10}, {"weight": 50}, {"weight": 10})
        run.look()
        run.spec = a_spec(analysis={"steps": [{"weight": 5}, {"weight": 50}, {"weight": 10}]})
        run.look()
        assert (run.status.step, run.status.canary_weight) == (2, 50)


def reported(*checks: Check) -> Report:
    return Report(checks=checks)


def a_check(verdict: Verdict = Verdict.PASS, *, proven: bool = True, shadow: bool = False) -> Check:
    return Check(
        metric="errors",
        verdict=verdict,
        value=99.5,
        bound="no worse than the primary",
        message="errors",
        query="errors",
        proven=proven,
        shadow=shadow,
    )


HARMLESS = a_check()


class TestAdvanceOnProof:
    @staticmethod
    def after_a_look(*checks: Check, **analysis: object) -> int:
        """Give the step after an analysis of the first one, which lasts and needs three passes."""
        first = {"weight": 10, "duration": "1h", "passes": 3}
        run = a_run_of(first, {"weight": 50}, **analysis)
        run.look()
        run.look(reported(*checks))
        return run.status.step

    def test_ends_a_step_before_its_passes_and_time_once_all_is_proven_harmless(self):
        assert self.after_a_look(HARMLESS, HARMLESS, advanceOnProof=True) == 2

    def test_is_asked_for_and_no_habit(self):
        assert self.after_a_look(HARMLESS) == 1

    def test_needs_a_proof_of_every_metric_that_counts(self):
        for other in (a_check(proven=False), a_check(proven=False, shadow=False)):
            assert self.after_a_look(HARMLESS, other, advanceOnProof=True) == 1
        assert self.after_a_look(advanceOnProof=True) == 1
        shadow = a_check(Verdict.FAIL, proven=False, shadow=True)
        assert self.after_a_look(HARMLESS, shadow, advanceOnProof=True) == 2

    def test_keeps_the_gates(self):
        first = {"weight": 10, "duration": "1h", "approval": True}
        run = a_run_of(first, {"weight": 50}, advanceOnProof=True)
        run.look()
        run.look(reported(HARMLESS))
        assert run.status.step == 1
        run.facts = APPROVE
        run.look(reported(HARMLESS))
        assert run.status.step == 2

    def test_keeps_the_bake(self):
        run = Journey(
            a_spec(analysis={"stepWeights": [50], "bakeTime": "1h", "advanceOnProof": True})
        )
        for _ in range(4):
            run.look(reported(HARMLESS))
        assert (run.status.step, run.status.phase) == (2, Phase.PROGRESSING)

    def test_may_be_switched_on_during_a_run(self):
        first = {"weight": 10, "duration": "1h"}
        run = a_run_of(first, {"weight": 50})
        run.look()
        run.spec = a_spec(analysis={"steps": [first, {"weight": 50}], "advanceOnProof": True})
        run.look(reported(HARMLESS))
        assert run.status.step == 2


class TestBakeTime:
    def test_keeps_the_traffic_of_the_last_step_until_it_is_over(self):
        run = Journey(a_spec(analysis={"stepWeights": [10, 50], "bakeTime": "25s"}))
        for _ in range(3):
            run.look()
        assert (run.status.step, run.status.canary_weight) == (3, 50)
        assert run.status.notices[-1].message == "Step bake: Weight of podinfo stays at 50 %"
        run.look()
        run.look()
        assert run.status.phase is Phase.PROGRESSING
        run.look()
        assert run.status.phase is Phase.PROMOTING

    def test_takes_all_traffic_back_from_a_release_that_fails_after_the_switch(self):
        run = Journey(a_spec(analysis={"iterations": 1, "bakeTime": "1h", "threshold": 1}))
        for _ in range(4):
            run.look()
        assert (run.status.phase, run.seen) == (Phase.PROGRESSING, Seen(weight=100))
        run.look(Verdict.FAIL)
        assert (run.status.phase, run.seen) == (Phase.FAILED, Seen())

    def test_is_for_the_requests_that_match_where_the_last_step_is(self):
        run = Journey(a_spec(analysis={"iterations": 1, "match": MATCH, "bakeTime": "1h"}))
        for _ in range(3):
            run.look()
        assert (run.status.step, run.seen) == (2, Seen(weight=100, matched=True))
