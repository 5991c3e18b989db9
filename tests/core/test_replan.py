"""A plan that is edited at a bad moment: nothing is promoted that has not passed the new plan."""

import pytest

from canary.api.status import CanaryStatus, Phase, Weights
from canary.core.actions import RouteTraffic
from canary.core.decide import decide
from canary.core.facts import Command
from canary.core.situation import Question
from canary.core.traffic import Seen, Traffic
from tests.builders import NEW, OLD, a_primary, a_spec, at
from tests.core.deciding import reason, up
from tests.core.test_strategies import AB, MATCH, Journey

BY_HAND = [{"name": "by hand", "type": "confirm-promotion"}]
APPROVE = {"commands": (Command(verb="approve", value="ann"),)}


def gated(iterations: int, **analysis: object) -> Journey:
    """Bring a run to the gate that a person opens, after as many passes as iterations."""
    run = Journey(a_spec(analysis=analysis | {"iterations": iterations, "webhooks": BY_HAND}))
    while run.status.phase is not Phase.WAITING_PROMOTION:
        run.look()
    return run


class TestMoreIterationsAtTheGate:
    def test_come_before_the_switch_and_before_the_gate(self):
        run = gated(2)
        run.spec = a_spec(analysis={"iterations": 4, "webhooks": BY_HAND})
        assert reason(run.look()) == "AnalysisDue"
        assert (run.status.phase, run.status.iterations) == (Phase.PROGRESSING, 3)
        run.facts = APPROVE
        run.look()
        assert "CommandRefused" in run.told
        assert (run.status.phase, run.status.canary_weight) == (Phase.WAITING_PROMOTION, 0)
        assert run.status.iterations == 4

    def test_come_before_the_promotion_of_what_is_approved_already(self):
        run = gated(2, match=MATCH)
        run.spec = a_spec(analysis={"iterations": 5, "match": MATCH, "webhooks": BY_HAND})
        run.facts = APPROVE
        run.look()
        assert (run.status.phase, run.status.iterations) == (Phase.PROGRESSING, 3)


class TestPassesOfAnotherKind:
    def test_are_shown_no_more_by_a_plan_that_has_weights(self):
        run = Journey(a_spec(analysis={"iterations": 3, "match": MATCH}))
        for _ in range(3):
            run.look()
        assert run.status.iterations == 2
        run.spec = a_spec(analysis={"stepWeights": [20, 50], "match": MATCH})
        run.look()
        assert (run.status.steps, run.status.iterations) == (2, 0)

    def test_are_shown_until_the_end_of_the_run_and_until_the_next_one_begins(self):
        run = Journey(a_spec(analysis={"iterations": 2}))
        while run.status.step < 2:
            run.look()
        assert run.status.iterations == 2
        while run.status.phase is not Phase.PROMOTING:
            run.look()
        assert run.status.iterations == 2

    def test_of_other_requests_are_a_change_of_the_plan(self):
        run = Journey(a_spec(analysis={"iterations": 3, "match": MATCH}))
        for _ in range(3):
            run.look()
        other = [{"headers": {"x-canary": {"exact": "other"}}}]
        run.spec = a_spec(analysis={"iterations": 3, "match": other})
        run.look()
        assert "PlanChanged" in run.told

    def test_of_requests_that_match_are_none_without_traffic(self):
        run = Journey(a_spec(analysis={"iterations": 3, "match": MATCH}))
        for _ in range(3):
            run.look()
        assert run.status.iterations == 2
        run.spec = a_spec(analysis={"iterations": 3})
        run.look()
        assert (run.status.step, run.status.iterations) == (1, 1)
        run.look()
        run.look()
        assert (run.status.step, run.status.canary_weight) == (2, 100)


class TestPassesOfOtherRequests:
    def test_do_not_count_for_those_that_match_now(self):
        run = gated(3, match=MATCH)
        others = [{"headers": {"x-beta": {"exact": "yes"}}}]
        run.spec = a_spec(analysis={"iterations": 3, "match": others, "webhooks": BY_HAND})
        run.look()
        assert (run.status.phase, run.status.iterations) == (Phase.PROGRESSING, 1)

    def test_count_where_only_the_number_of_passes_has_changed(self):
        run = gated(2, match=MATCH)
        run.spec = a_spec(analysis={"iterations": 3, "match": MATCH, "webhooks": BY_HAND})
        run.look()
        assert run.status.iterations == 3


class TestTrafficBeforeBlueGreen:
    def test_is_taken_from_the_canary_that_is_tested_without_any(self):
        run = Journey(a_spec(analysis={"stepWeights": [20, 50]}))
        run.look()
        run.look()
        run.spec = a_spec(analysis={"iterations": 2})
        run.look()
        assert (run.status.step, run.seen) == (1, Seen())

    def test_is_not_mirrored_beside_what_the_canary_answers(self):
        run = Journey(a_spec(analysis={"stepWeights": [20, 50]}))
        run.look()
        run.spec = a_spec(analysis={"iterations": 2, "mirror": True})
        run.look()
        assert run.seen == Seen(mirror=100)

    def test_stays_as_far_as_the_primary_cannot_carry_it(self):
        run = Journey(a_spec(analysis={"stepWeights": [20, 50]}))
        run.facts = {"primary": a_primary(replicas=10)}
        run.look()
        run.look()
        run.facts = {"primary": a_primary(replicas=10, available=7, updated=10, total=10)}
        run.spec = a_spec(analysis={"iterations": 2, "mirror": True})
        run.look()
        assert run.seen == Seen(weight=30)
        run.facts = {"primary": a_primary(replicas=10)}
        run.look()
        assert run.seen == Seen(mirror=100)


@pytest.mark.parametrize("strategy", [{"iterations": 2}, {"stepWeights": [20, 50]}])
def test_a_step_that_the_plan_does_not_have_promotes_nothing_that_was_not_analysed(strategy):
    run = Journey(a_spec(analysis=strategy))
    run.look()
    assert run.status.run is not None
    run.status = run.status.but(run=run.status.run.but(step=99))
    run.look()
    assert (run.status.phase, run.status.steps) == (Phase.PROGRESSING, 2)
    assert run.analyses == 1


class TestPlanThatDoesNotCountNow:
    """The plan is followed again where it counts again, with the traffic of before."""

    def test_of_a_spec_that_cannot_be_read_whole_loses_no_passes(self):
        run = Journey(AB)
        run.look()
        run.look()
        before, run.spec, run.facts = run.seen, a_spec(), {"unguided": True}
        assert reason(run.look()) == "SpecInvalid"
        assert "PlanChanged" not in run.told
        run.spec, run.facts = AB, {}
        run.look()
        assert run.seen == before
        run.look()
        assert run.status.iterations == 2

    def test_of_a_suspended_run_leaves_traffic_as_it_is(self):
        run = Journey(AB)
        run.look()
        run.spec = a_spec(analysis={"iterations": 3}, suspend=True)
        assert reason(run.look()) == "Suspended"
        assert run.status.weights == Weights(primary=0, canary=100, matched=True)
        assert "PlanChanged" not in run.told
        run.spec = a_spec(analysis={"iterations": 3})
        run.look()
        assert run.seen == Seen()


@pytest.mark.parametrize("phase", [Phase.PROGRESSING, Phase.PROMOTING])
def test_a_weight_that_flagger_has_left_is_of_the_requests_that_match(phase):
    spec = a_spec(analysis={"stepWeights": [20, 50], "match": MATCH})
    status = CanaryStatus(
        phase=phase, canary_weight=50, last_applied_spec=NEW, last_promoted_spec=OLD
    )
    seen = Seen(weight=50, matched=True)
    outcome = decide(spec, status, up(routed=seen), at(60))
    asked_meanwhile = outcome.meanwhile if isinstance(outcome, Question) else outcome.actions
    run = Journey(spec, status=status, seen=seen)
    run.look()
    assert RouteTraffic(traffic=Traffic(weight=50)) not in asked_meanwhile
    assert run.status.weights.matched
