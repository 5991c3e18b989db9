"""Skips and jumps: a person ends a step early, or has the run go on with another one."""

import pytest

from analysis.model import Verdict
from canary.api.status import Phase
from canary.core.facts import Command
from canary.core.plan import Plan, Step
from canary.core.skips import Skip, step_named, steps_named
from canary.core.traffic import Seen
from tests.builders import a_primary, a_spec, a_workload
from tests.core.deciding import message, reason
from tests.core.test_strategies import AB, BLUE_GREEN, HOOKS, MATCH, Journey

STEPS = [
    {"name": "few", "weight": 10, "passes": 3},
    {"name": "canary-50", "weight": 50, "duration": "1h"},
    {"weight": 80},
]
BY_HAND = {"name": "ask", "type": "confirm-traffic-increase"}


def skip(subject: str = "", *, why: str = "fine") -> dict[str, object]:
    form = f" for {subject}" if subject else ""
    value = f"@ann via cli at 2026-01-01T00:00:00Z{form}: {why}"
    return {"commands": (Command(verb="skip", value=value),)}


def a_run_of(*steps: dict[str, object], **analysis: object) -> Journey:
    """Bring a run to its first step."""
    run = Journey(a_spec(analysis={"steps": list(steps)} | analysis))
    run.look()
    return run


def told(run: Journey, **facts: object) -> Journey:
    """Give a command to a run, and see at once what it does: no interval passes."""
    run.facts, run.second = facts, run.second - 10
    run.look()
    return run


def refusal(run: Journey) -> str:
    record = run.status.commands[0]
    return "" if record.accepted else record.message.split(" (phase")[0]


class TestASkip:
    def test_goes_on_from_a_step_at_once_whatever_passes_and_time_it_still_needs(self):
        run = a_run_of(*STEPS)
        analyses = run.analyses
        told(run, **skip())
        assert (run.status.step, run.status.canary_weight, run.analyses) == (2, 50, analyses)
        told(run, **skip(why="again"))
        assert (run.status.step, run.status.canary_weight, run.analyses) == (3, 80, analyses)
        told(run, **skip(why="and again"))
        assert run.status.phase is Phase.PROMOTING

    def test_is_recorded_with_who_and_why(self):
        run = told(a_run_of(*STEPS), **skip(why="load is low"))
        assert run.status.commands[0].value.endswith(": load is low")
        assert run.status.run is not None
        assert run.status.run.commands == ("skip by ann",)
        assert run.status.notices[-2].message == "skip by ann: load is low"

    @pytest.mark.parametrize("spec", [AB, BLUE_GREEN])
    def test_ends_the_iterations_of_a_b_and_of_blue_green(self, spec):
        run = Journey(spec)
        run.look()
        told(run, **skip())
        assert run.status.phase is Phase.PROMOTING or run.status.step == 2

    def test_ends_the_bake(self):
        run = a_run_of({"weight": 50}, bakeTime="24h")
        run.look()
        assert (run.status.step, run.status.phase) == (2, Phase.PROGRESSING)
        told(run, **skip())
        assert run.status.phase is Phase.PROMOTING

    def test_given_late_ends_no_later_step(self):
        run = told(a_run_of(*STEPS), **skip("step/1/1"))
        told(run, **skip("step/1/1", why="impatient"))
        assert run.status.step == 2
        assert refusal(run) == "the run has come to step/1/2, and step/1/1 is over"

    def test_of_another_run_is_refused(self):
        run = told(a_run_of(*STEPS), **skip("step/7/1"))
        assert refusal(run) == "the run has come to step/1/1, and step/7/1 is over"

    def test_waits_until_the_canary_is_ready(self):
        run = told(a_run_of(*STEPS), target=a_workload(available=1), **skip())
        assert (run.status.step, reason(run.look())) == (1, "CanaryNotReady")
        told(run)
        assert run.status.step == 2

    def test_waits_until_a_paused_run_is_resumed(self):
        run = told(a_run_of(*STEPS), commands=(Command(verb="pause"),))
        told(run, **skip())
        assert (run.status.step, refusal(run)) == (1, "")
        told(run, commands=(Command(verb="resume"),))
        assert run.status.step == 2

    def test_does_not_keep_a_failing_canary_from_rolling_back(self):
        run = told(a_run_of(*STEPS, threshold=1), target=a_workload(available=1), **skip())
        run.look(Verdict.FAIL)
        assert run.status.phase is Phase.FAILED

    def test_is_refused_where_all_steps_are_skipped_already(self):
        run = a_run_of(*STEPS)
        told(run, target=a_workload(available=1), commands=(Command(verb="promote"),))
        told(run, target=a_workload(available=1), **skip())
        assert refusal(run) == "the steps are skipped already"

    def test_of_a_step_that_an_edit_has_replaced_is_dropped(self):
        run = told(a_run_of(*STEPS), target=a_workload(available=1), **skip())
        run.spec = a_spec(analysis={"steps": [{"weight": 10, "passes": 9}, {"weight": 20}]})
        told(run)
        assert (run.status.step, run.status.canary_weight) == (1, 10)


class TestAGate:
    def test_is_asked_before_the_next_step_as_without_a_skip(self):
        gate = BY_HAND | {"url": "http://hooks.example/"}
        run = a_run_of({"weight": 10, "passes": 9}, {"weight": 50}, webhooks=[gate])
        run.facts, run.second = skip(), run.second - 10
        run.look(confirm_traffic_increase=False)
        assert (run.status.step, reason(run.look(confirm_traffic_increase=False))) == (
            1,
            "TrafficGate",
        )
        # It is asked at each interval, beside an analysis, and the skip still holds.
        run.look()
        assert run.status.step == 2

    def test_is_opened_where_the_command_says_so(self):
        run = a_run_of(*STEPS, webhooks=[BY_HAND])
        told(run, commands=(Command(verb="approve"),))
        run.look()
        assert run.status.step == 1
        told(run, **skip("step+gates"))
        assert run.status.step == 2
        # Not the one after it.
        assert reason(told(run, **skip(why="go on")).look()) == "TrafficGate"

    def test_that_is_shut_is_not_skipped_by_the_way(self):
        run = a_run_of({"name": "few", "weight": 10, "approval": True}, {"weight": 50})
        assert reason(run.look()) == "TrafficGate"
        told(run, **skip())
        assert (run.status.step, refusal(run)) == (
            1,
            "a gate is shut: approve it, or skip step+gates; shut now: confirm-traffic-increase/1/1",
        )
        told(run, **skip("step/1/1+gates"))
        assert run.status.step == 2

    def test_of_a_step_that_is_jumped_over_is_asked(self):
        hook = BY_HAND | {"name": "qa"}
        run = a_run_of(
            {"weight": 10},
            {"weight": 20, "approval": True, "webhooks": [hook]},
            {"name": "last", "weight": 50},
        )
        told(run, **skip("step to last"))
        assert run.status.step == 1
        assert "gate qa, of step 2 waits for a person" in message(run.look())
        told(run, commands=(Command(verb="approve"),))
        assert run.status.step == 3

    def test_before_the_switch_is_asked_by_a_jump_past_it(self):
        run = Journey(a_spec(analysis={"iterations": 5, "bakeTime": "1h", "webhooks": HOOKS}))
        run.look()
        run.facts, run.second = skip("step to bake"), run.second - 10
        run.look(confirm_promotion=False)
        assert (run.status.phase, run.status.step) == (Phase.WAITING_PROMOTION, 1)
        run.look()
        assert (run.status.step, run.status.canary_weight) == (3, 100)


class TestAJump:
    @pytest.mark.parametrize("to", ["canary-50", "2"])
    def test_names_its_step_by_name_or_number(self, to):
        run = told(a_run_of({"weight": 5}, *STEPS[1:]), **skip(f"step/1/1 to {to}"))
        assert (run.status.step, run.status.canary_weight) == (2, 50)

    def test_before_the_first_step_begins_the_run_there_once_it_may_begin(self):
        run = Journey(a_spec(analysis={"steps": STEPS, "webhooks": []}))
        run.facts = {"target": a_workload(available=0)} | skip("step to canary-50")
        run.look()
        assert run.status.canary_weight == 0
        run.facts = {}
        run.look()
        assert (run.status.step, run.status.canary_weight) == (2, 50)

    def test_goes_back_and_starts_the_step_anew(self):
        run = told(a_run_of(*STEPS), **skip("step to 3"))
        told(run, **skip("step to few"))
        assert (run.status.step, run.status.canary_weight, run.status.iterations) == (1, 10, 0)
        run.look()
        assert (run.status.step, run.status.iterations) == (1, 1)

    def test_back_to_less_traffic_needs_no_gate_and_leaves_one_that_is_shut(self):
        run = a_run_of({"weight": 10}, {"weight": 50, "approval": True}, {"weight": 60})
        run.look()
        assert reason(run.look()) == "TrafficGate"
        told(run, **skip("step to 1"))
        assert (run.status.step, run.status.canary_weight) == (1, 10)
        assert run.status.run is not None
        assert run.status.run.holds == ()

    def test_back_to_more_traffic_asks_its_gate(self):
        steps = [{"weight": 50}, {"weight": 10}, {"weight": 20}]
        run = a_run_of(*steps)
        run.look()
        run.spec = a_spec(analysis={"steps": steps, "webhooks": [BY_HAND]})
        told(run, **skip("step to 1"))
        assert (run.status.step, reason(run.look())) == (2, "TrafficGate")

    def test_back_from_the_gate_before_the_promotion_goes_on_in_steps(self):
        gate = {"name": "ask", "type": "confirm-promotion"}
        run = a_run_of({"weight": 10}, {"weight": 50}, webhooks=[gate])
        run.look()
        run.look()
        assert run.status.phase is Phase.WAITING_PROMOTION
        told(run, **skip("step to 1"))
        assert (run.status.phase, run.status.canary_weight) == (Phase.PROGRESSING, 10)

    def test_from_those_who_match_to_everyone_moves_all_of_their_traffic(self):
        run = a_run_of({"weight": 100, "match": MATCH}, {"weight": 10}, {"weight": 50})
        told(run, **skip("step to 3"))
        assert run.seen == Seen(weight=50)

    @pytest.mark.parametrize(
        ("subject", "why"),
        [
            ("step to nowhere", "there is no step nowhere; the steps are few, canary-50, 3"),
            ("step to 4", "there is no step 4; the steps are few, canary-50, 3"),
            ("step to few", "the run is at step few already"),
            (
                "confirm-promotion/1/1",
                "confirm-promotion/1/1 is no step: write step/RUN/STEP+gates to NAME",
            ),
        ],
    )
    def test_to_nowhere_is_refused(self, subject, why):
        run = told(a_run_of(*STEPS), **skip(subject))
        assert (run.status.step, refusal(run)) == (1, why)


class TestTrafficThatReturnsInARun:
    FEW = a_primary(replicas=10, available=5)
    ENOUGH = a_primary(replicas=10)

    def test_waits_until_the_primary_can_carry_it(self):
        run = a_run_of({"weight": 80}, {"weight": 20}, {"weight": 90})
        run.facts = {"primary": self.FEW}
        decision = run.look()
        assert (run.status.step, reason(decision)) == (1, "PrimaryShort")
        assert message(decision) == (
            "waiting for more pods of podinfo-primary to be ready: it has too few for 80 % of the "
            "traffic"
        )
        before = run.analyses
        run.look()
        assert (run.status.step, run.analyses) == (1, before + 1)
        run.facts = {"primary": self.ENOUGH}
        run.look()
        assert (run.status.step, run.status.canary_weight) == (2, 20)
        assert run.status.run is not None
        assert run.status.run.holds == ()

    def test_is_not_asked_of_a_primary_that_can_not_carry_it_by_a_jump(self):
        run = a_run_of({"weight": 20}, {"weight": 80})
        run.look()
        told(run, primary=self.FEW, **skip("step to 1"))
        assert (run.status.step, run.status.canary_weight) == (2, 80)
        assert refusal(run) == ("podinfo-primary has too few ready pods for 80 % of the traffic")

    def test_waits_for_a_primary_that_was_lost_since_the_jump_and_goes_at_once_when_it_is_back(
        self,
    ):
        run = a_run_of({"weight": 20}, {"weight": 80, "passes": 9})
        run.look()
        told(run, target=a_workload(available=1), **skip("step to 1"))
        told(run, primary=self.FEW)
        run.look()
        assert (run.status.step, reason(run.look())) == (2, "PrimaryShort")
        told(run, primary=self.ENOUGH)
        assert run.status.step == 1

    def test_that_the_primary_never_comes_up_for_rolls_back_at_the_deadline(self):
        run = a_run_of({"weight": 80}, {"weight": 20})
        run.facts = {"primary": self.FEW}
        run.look()
        run.second += 600
        run.look()
        assert run.status.history[0].reason == "PrimaryShort"


class TestTheWordsOfASkip:
    @pytest.mark.parametrize(
        ("subject", "meant"),
        [
            ("", Skip()),
            ("step", Skip()),
            ("step/41/2", Skip(run=41, step=2)),
            ("step/41/2+gates to a few", Skip(run=41, step=2, gates=True, to="a few")),
            ("step to 3", Skip(to="3")),
        ],
    )
    def test_are_read_and_written(self, subject, meant):
        assert Skip.read(subject) == meant
        assert str(meant) == (subject or "step")

    def test_of_a_command_line_name_the_step_that_it_was_given_at(self):
        run = a_run_of(*STEPS)
        assert str(Skip.of(run.status, gates=True, to="3")) == "step/1/1+gates to 3"

    @pytest.mark.parametrize("subject", ["confirm-rollout", "step/1", "stepto 3", "step/x/1"])
    def test_that_name_something_else_are_none(self, subject):
        assert Skip.read(subject) is None

    def test_name_a_step_by_its_name_first(self):
        plan = Plan(steps=(Step(name="2"), Step(name="b"), Step()))
        assert [step_named(plan, name) for name in ("2", "b", "3", "1", "4")] == [1, 2, 3, 1, None]
        assert steps_named(plan) == "2, b, 3"
