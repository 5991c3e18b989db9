"""A/B testing, blue/green and mirroring: what the canary gets at each step, and what is asked."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from analysis.model import Report, Verdict
from canary.api.canary import CanarySpec
from canary.api.status import CanaryStatus, Phase, Weights
from canary.core.actions import RouteTraffic
from canary.core.facts import Facts, Policy
from canary.core.needs import Analyse, AskHooks, Need
from canary.core.situation import Decision
from canary.core.traffic import Seen, Traffic
from canary.simulation.cluster import seen
from tests.builders import NEW, OLD, a_primary, a_run, a_spec, a_status, a_workload, at
from tests.core.deciding import decided, message, reason, up

MATCH = [{"headers": {"x-insider": {"exact": "yes"}}}]
HOOKS = [
    {"name": kind, "type": kind, "url": "http://hooks.example/"}
    for kind in ("rollout", "confirm-traffic-increase", "confirm-promotion")
]
AB = a_spec(analysis={"iterations": 3, "match": MATCH})
BLUE_GREEN = a_spec(analysis={"iterations": 2})
MIRRORED = a_spec(analysis={"iterations": 2, "mirror": True, "mirrorWeight": 40})
WEIGHTS = a_spec(analysis={"stepWeights": [10, 50], "mirror": True})


@dataclass
class Journey:
    """A run whose route does at once what is asked of it."""

    spec: CanarySpec
    status: CanaryStatus = field(
        default_factory=lambda: a_status(Phase.PROGRESSING, run=a_run(), weight=0)
    )
    second: int = 60
    seen: Seen = field(default_factory=Seen)
    traffic: Traffic = field(default_factory=Traffic)
    asked: list[Need] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        return at(self.second)

    def look(self, verdict: Verdict | Report = Verdict.PASS, **hooks: bool) -> Decision:
        """Let an interval pass, and look again until nothing changes."""
        self.second += 11
        agree = {name.replace("_", "-"): passes for name, passes in hooks.items()}
        while True:
            facts: Facts = up(**({"routed": self.seen} | self.facts))
            before = self.status
            decision = decided(
                self.spec, before, facts, self.now, verdict, hooks=agree, asked=self.asked
            )
            self.status = decision.status
            for action in decision.actions:
                if isinstance(action, RouteTraffic):
                    self.traffic = action.traffic
                    self.seen = seen(action.traffic)
            if self.status == before:
                return decision

    @property
    def told(self) -> list[str]:
        return [notice.reason for notice in self.status.notices]

    @property
    def hooks(self) -> list[str]:
        return [str(need.type) for need in self.asked if isinstance(need, AskHooks)]

    @property
    def analyses(self) -> int:
        return sum(isinstance(need, Analyse) for need in self.asked)


def test_weights_are_of_this_cluster_where_it_is_one_of_several_and_else_say_nothing():
    alone, among = Journey(WEIGHTS), Journey(WEIGHTS, facts={"policy": Policy(one_of_several=True)})
    for run in (alone, among):
        run.look()
        run.look()
    assert alone.status.weights == Weights(primary=90, canary=10)
    assert among.status.weights == Weights(primary=90, canary=10, scope="cluster")
    # That it is said begins no step anew.
    facts = up(routed=alone.seen, **among.facts)
    later = decided(WEIGHTS, alone.status, facts, alone.now)
    assert later.status.step_started_at == alone.status.step_started_at


class TestAB:
    def test_gives_the_canary_all_requests_that_match_and_the_primary_all_others(self):
        run = Journey(AB)
        run.look()
        assert run.status.weights == Weights(primary=0, canary=100, matched=True)
        assert run.seen == Seen(weight=100, matched=True)
        assert (run.status.step, run.status.steps, run.status.canary_weight) == (1, 1, 100)

    def test_is_promoted_after_as_many_passes_as_iterations(self):
        run = Journey(AB)
        for iterations in (0, 1, 2):
            run.look()
            assert (run.status.phase, run.status.iterations) == (Phase.PROGRESSING, iterations)
        run.look()
        assert run.status.phase is Phase.PROMOTING
        assert run.status.iterations == 3
        assert run.analyses == 3
        assert run.told.count("IterationPassed") == 3

    def test_asks_before_the_promotion_and_not_before_more_traffic(self):
        run = Journey(a_spec(analysis={"iterations": 1, "match": MATCH, "webhooks": HOOKS}))
        run.look()
        run.look(confirm_promotion=False)
        assert run.status.phase is Phase.WAITING_PROMOTION
        assert run.status.weights.matched
        run.look()
        assert run.status.phase is Phase.PROMOTING
        assert "confirm-traffic-increase" not in run.hooks

    def test_that_waits_at_its_gate_is_judged_on_and_counts_no_further_pass(self):
        run = Journey(a_spec(analysis={"iterations": 2, "match": MATCH, "webhooks": HOOKS}))
        for _ in range(5):
            run.look(confirm_promotion=False)
        assert (run.status.phase, run.status.iterations) == (Phase.WAITING_PROMOTION, 2)
        assert run.told.count("IterationPassed") == 2
        assert run.analyses == 4

    def test_that_fails_gives_the_primary_all_requests_again(self):
        run = Journey(AB)
        run.look()
        run.look(Verdict.FAIL)
        run.look(Verdict.FAIL)
        assert run.status.phase is Phase.FAILED
        assert run.status.weights == Weights()
        assert run.seen == Seen()

    def test_a_failed_check_takes_back_no_pass(self):
        run = Journey(AB)
        run.look()
        run.look()
        run.look(Verdict.FAIL)
        assert run.status.iterations == 1
        run.look()
        run.look()
        assert run.status.phase is Phase.PROMOTING

    def test_whose_primary_is_lost_gives_the_canary_the_other_requests_until_it_is_back(self):
        run = Journey(AB)
        run.look()
        run.facts = {"primary": a_primary(available=0)}
        run.look()
        assert run.status.weights == Weights(primary=0, canary=100)
        assert run.seen == Seen(weight=100)
        run.facts = {}
        run.look()
        assert run.status.weights == Weights(primary=0, canary=100, matched=True)
        assert "TrafficReturned" in run.told

    def test_whose_canary_is_lost_comes_back_to_the_requests_that_match(self):
        run = Journey(AB)
        run.look()
        run.facts = {"target": a_workload(available=0)}
        run.look()
        assert run.status.weights == Weights()
        run.facts = {}
        run.look()
        assert run.status.weights == Weights(primary=0, canary=100, matched=True)

    def test_begins_with_what_matches_where_the_canary_still_has_a_share_of_all(self):
        # A primary with too few pods has left the canary a share of an earlier run.
        small = {"primary": a_primary(replicas=4, available=2, updated=4, total=4)}
        left = a_status(
            Phase.PROGRESSING,
            weight=50,
            primary_replicas=4,
            run=a_run(pre_rollout_passed=True, step_weight=0),
        )
        run = Journey(AB, status=left, seen=Seen(weight=50), facts=small)
        run.look()
        assert run.status.step == 1
        assert run.status.weights == Weights(primary=50, canary=50)
        run.facts = {"primary": a_primary(replicas=4)}
        run.look()
        assert run.status.weights == Weights(primary=0, canary=100, matched=True)

    def test_without_its_conditions_is_no_reason_to_give_the_canary_everything(self):
        run = Journey(AB)
        run.look()
        run.spec = BLUE_GREEN
        decision = run.look()
        assert run.status.weights == Weights()
        assert RouteTraffic(traffic=Traffic()) in decision.actions
        assert run.status.step == 1
        assert "PlanChanged" in run.told


class TestBlueGreen:
    def test_judges_the_canary_without_traffic_then_switches_then_promotes(self):
        run = Journey(BLUE_GREEN)
        seen = []
        while run.status.phase is Phase.PROGRESSING:
            run.look()
            seen.append((run.status.step, run.status.canary_weight, run.status.iterations))
        assert seen == [(1, 0, 0), (1, 0, 1), (2, 100, 2), (2, 100, 2)]
        assert run.status.phase is Phase.PROMOTING
        assert run.analyses == 3

    def test_asks_the_hooks_that_load_the_canary_at_each_iteration(self):
        run = Journey(a_spec(analysis={"iterations": 2, "webhooks": HOOKS}))
        run.look()
        run.look()
        run.look()
        assert run.hooks.count("rollout") == 2

    def test_does_not_ask_hooks_to_load_a_canary_without_a_pod(self):
        run = Journey(a_spec(analysis={"iterations": 2, "webhooks": HOOKS}))
        run.look()
        run.facts = {"target": a_workload(available=0)}
        for _ in range(3):
            run.look(rollout=False)
        assert run.status.failed_checks == 0
        assert "rollout" not in run.hooks
        run.facts = {"target": a_workload(available=1)}
        run.look(rollout=False)
        run.look(rollout=False)
        assert run.status.phase is Phase.FAILED

    def test_asks_before_the_switch_alone(self):
        run = Journey(a_spec(analysis={"iterations": 1, "webhooks": HOOKS}))
        run.look()
        run.look(confirm_promotion=False)
        assert (run.status.phase, run.status.canary_weight) == (Phase.WAITING_PROMOTION, 0)
        run.look()
        assert (run.status.phase, run.status.canary_weight) == (Phase.PROGRESSING, 100)
        run.asked.clear()
        run.look(confirm_promotion=False)
        assert run.status.phase is Phase.PROMOTING
        assert set(run.hooks) == {"rollout"}

    def test_a_gate_opened_by_hand_waits_for_a_verdict_that_passes(self):
        hooks = [{"name": "by hand", "type": "confirm-promotion"}]
        run = Journey(a_spec(analysis={"iterations": 1, "threshold": 5, "webhooks": hooks}))
        run.look()
        run.look()
        assert run.status.phase is Phase.WAITING_PROMOTION
        run.look(Verdict.FAIL)
        approved = run.status.run.but(approvals=("confirm-promotion",))
        run.status = run.status.but(run=approved)
        run.look(Verdict.FAIL)
        assert run.status.canary_weight == 0
        run.look()
        assert run.status.canary_weight == 100

    def test_that_fails_has_never_had_traffic(self):
        run = Journey(BLUE_GREEN)
        run.look()
        run.look(Verdict.FAIL)
        run.look(Verdict.FAIL)
        assert run.status.phase is Phase.FAILED
        assert run.seen == Seen()

    def test_that_fails_after_the_switch_goes_back_at_once(self):
        run = Journey(BLUE_GREEN)
        for _ in range(3):
            run.look()
        assert run.seen == Seen(weight=100)
        run.look(Verdict.FAIL)
        run.look(Verdict.FAIL)
        assert run.status.phase is Phase.FAILED
        assert run.seen == Seen()

    def test_mirrors_while_it_is_judged_and_no_longer(self):
        run = Journey(MIRRORED)
        run.look()
        assert run.seen == Seen(mirror=40)
        assert run.status.weights == Weights(mirror=40)
        run.look()
        run.look()
        assert run.seen == Seen(weight=100)
        assert run.status.weights.mirror == 0


class TestMirroring:
    def test_comes_before_the_first_weight(self):
        run = Journey(WEIGHTS)
        seen = []
        for _ in range(3):
            run.look()
            seen.append((run.seen.mirror, run.seen.weight))
        assert seen == [(100, 0), (0, 10), (0, 50)]
        assert run.told[:2] == ["AnalysisStarted", "MirroringStarted"]

    def test_is_waited_for_before_it_is_judged(self):
        run = Journey(MIRRORED)
        run.look()
        assert run.seen.mirror == 40
        facts = up(routed=Seen())
        status = decided(MIRRORED, run.status, facts, at(run.second + 11)).status
        assert status.waiting_for is not None
        assert status.waiting_for.reason == "Routing"
        assert "mirror 40 % of the requests" in status.waiting_for.message

    def test_ends_with_the_canary_and_comes_back_with_it(self):
        run = Journey(MIRRORED)
        run.look()
        run.facts = {"target": a_workload(available=0)}
        run.look()
        assert run.seen == Seen()
        run.facts = {}
        run.look()
        assert run.seen == Seen(mirror=40)
        assert "TrafficRestored" in run.told

    def test_ends_while_the_canary_serves_for_want_of_the_primary(self):
        run = Journey(MIRRORED)
        run.look()
        run.facts = {"primary": a_primary(available=0)}
        run.look()
        assert run.seen == Seen(weight=100)
        run.facts = {}
        run.look()
        assert run.seen == Seen(mirror=40)

    def test_ends_with_the_run(self):
        run = Journey(MIRRORED)
        run.look()
        run.look(Verdict.FAIL)
        run.look(Verdict.FAIL)
        assert run.seen == Seen()
        assert run.status.weights == Weights()


class TestEdits:
    def test_a_plan_that_is_edited_goes_on_at_the_traffic_there_is(self):
        run = Journey(a_spec(analysis={"stepWeights": [20, 40, 60]}))
        run.look()
        run.look()
        assert (run.status.step, run.status.canary_weight) == (2, 40)
        run.spec = a_spec(analysis={"stepWeights": [10, 30, 50, 70]})
        run.second -= 11
        run.look()
        assert (run.status.step, run.status.steps, run.status.canary_weight) == (2, 4, 40)
        assert run.told[-1] == "PlanChanged"
        run.look()
        assert (run.status.step, run.status.canary_weight) == (3, 50)

    def test_a_plan_of_higher_steps_goes_on_before_the_first(self):
        run = Journey(a_spec(analysis={"stepWeights": [20, 40]}))
        run.look()
        run.spec = a_spec(analysis={"stepWeights": [30, 40]})
        run.look()
        assert (run.status.step, run.status.canary_weight) == (1, 30)
        assert run.analyses == 1

    def test_more_iterations_are_those_that_are_left(self):
        run = Journey(AB)
        run.look()
        run.look()
        run.spec = a_spec(analysis={"iterations": 2, "match": MATCH})
        run.look()
        assert run.status.phase is Phase.PROMOTING

    def test_a_mirror_that_is_edited_away_ends_at_once(self):
        run = Journey(MIRRORED)
        run.look()
        run.spec = BLUE_GREEN
        run.look()
        assert run.seen == Seen()

    def test_a_run_of_a_release_that_did_not_count_steps_goes_on_without_a_word(self):
        status = a_status(Phase.PROGRESSING, weight=40)
        run = Journey(a_spec(), status=status, seen=Seen(weight=40))
        run.look()
        assert (run.status.step, run.status.canary_weight) == (3, 60)
        assert "PlanChanged" not in run.told


def test_repeated_weights_and_steps_down_are_steps_like_others():
    spec = a_spec(analysis={"stepWeights": [10]})
    analysis = spec.analysis.model_copy(update={"step_weights": (10, 10, 0, 50, 20)})
    run = Journey(spec.model_copy(update={"analysis": analysis}))
    seen = []
    while run.status.phase is Phase.PROGRESSING:
        run.look()
        seen.append((run.status.step, run.seen.weight))
    assert seen[:5] == [(1, 10), (2, 10), (3, 0), (4, 50), (5, 20)]
    assert run.analyses == 5


def test_the_run_waits_at_a_step_for_its_next_iteration():
    run = Journey(AB)
    run.look()
    assert reason(run.look()) == "AnalysisDue"
    assert run.status.waiting_for is not None
    assert run.status.waiting_for.message == "iteration 2 of 3"
    assert (run.status.last_promoted_spec, run.status.last_applied_spec) == (OLD, NEW)


class TestWhatPeopleReadOfAB:
    def short(self) -> Journey:
        run = Journey(AB, facts={"primary": a_primary(replicas=4)})
        run.look()
        run.facts = {"primary": a_primary(replicas=4, available=1, updated=4, total=4)}
        return run

    def test_a_rollback_names_the_requests_that_stay(self):
        run = self.short()
        run.look(Verdict.FAIL)
        decision = run.look(Verdict.FAIL)
        said = "the primary's ready pods take 25 % of the requests that match, the rest follows"
        assert said in run.status.history[0].message
        assert message(decision).endswith("the canary still serves 75 % of the requests that match")

    def test_the_route_is_waited_for_with_the_requests_that_it_sends(self):
        run = Journey(AB)
        run.look()
        late = decided(AB, run.status, up(routed=Seen()), at(run.second + 11))
        assert message(late) == (
            "waiting for the route to send 100 % of the requests that match to the canary"
        )

    def test_a_primary_that_is_back_serves_all_but_what_matches(self):
        run = Journey(AB)
        run.look()
        run.facts = {"primary": a_primary(available=0)}
        run.look()
        run.facts = {}
        run.look()
        said = [
            notice.message for notice in run.status.notices if notice.reason == "TrafficReturned"
        ]
        assert said == ["The primary is ready again and serves the requests that do not match"]

    def test_a_promotion_that_fails_says_that_the_canary_has_everybody_now(self):
        run = Journey(a_spec(analysis={"iterations": 1, "match": MATCH}))
        run.look()
        run.look()
        run.facts = {"primary": a_primary(revision=NEW, deadline_exceeded=True, available=1)}
        run.look()
        assert run.seen == Seen(weight=100)
        assert run.status.history[0].message.endswith("; the canary serves all traffic")
