"""Shares of the traffic that follow from the number of pods: what is scaled, routed and said."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pytest

from analysis.model import Verdict
from canary.api.canary import CanarySpec
from canary.api.status import CanaryStatus, Phase, Shares
from canary.core.actions import EnsurePrimary, RouteTraffic, ScaleTarget
from canary.core.capacity import possible_weight, replicas_for
from canary.core.facts import UpdateStrategy, Workload
from canary.core.situation import Decision
from canary.core.traffic import Seen
from canary.simulation.cluster import healed, scaled
from tests.builders import (
    NEW,
    a_blue_green_spec,
    a_primary,
    a_run,
    a_spec,
    a_status,
    a_workload,
    at,
)
from tests.core.deciding import decided, message, reason, up

STEPS = a_spec(analysis={"stepWeights": [20, 50, 80]})


def four(**fields: Any) -> Workload:
    """Build a primary of four replicas, all of them ready."""
    return a_primary(**({"replicas": 4} | fields))


@dataclass
class Sharing:
    """A run whose route and pods do what is asked of them, the pods when they are let."""

    spec: CanarySpec = STEPS
    primary: Workload | None = field(default_factory=four)
    target: Workload = field(default_factory=lambda: a_workload(replicas=1))
    status: CanaryStatus = field(
        default_factory=lambda: a_status(Phase.PROGRESSING, run=a_run(), weight=0)
    )
    seen: Seen = field(default_factory=Seen)
    second: int = 60
    asked: list[Any] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        return at(self.second)

    def decide(self, verdict: Verdict = Verdict.PASS) -> Decision:
        facts = up(routed=self.seen, by_replicas=True, target=self.target, primary=self.primary)
        decision = decided(self.spec, self.status, facts, self.now, verdict, asked=self.asked)
        self.status = decision.status
        for action in decision.actions:
            if isinstance(action, RouteTraffic):
                self.seen = Seen(weight=action.traffic.weight)
            elif isinstance(action, ScaleTarget):
                self.target = scaled(self.target, action.replicas)
        return decision

    def settle(self, verdict: Verdict = Verdict.PASS) -> Decision:
        """Decide until nothing changes, with pods as they are."""
        while True:
            before = (self.status, self.seen, self.target)
            decision = self.decide(verdict)
            if before == (self.status, self.seen, self.target):
                return decision

    def look(self, verdict: Verdict = Verdict.PASS) -> Decision:
        """Let an interval pass."""
        self.second += 11
        return self.settle(verdict)

    def come_up(self) -> Decision:
        """Have all pods of the canary ready."""
        self.target = healed(self.target)
        return self.settle()

    @property
    def told(self) -> list[str]:
        return [notice.reason for notice in self.status.notices]


@pytest.mark.parametrize(
    ("whole", "weight", "replicas", "possible"),
    [
        (3, 5, 1, 25),
        (3, 25, 1, 25),
        (3, 40, 2, 40),
        (3, 49, 2, 40),
        (3, 50, 3, 50),
        (3, 80, 3, 50),
        (3, 100, 3, 100),
        (3, 0, 1, 0),
        (1, 10, 1, 50),
        (10, 20, 2, 17),
        (19, 5, 1, 5),
    ],
)
def test_a_weight_comes_to_the_pods_that_do_not_exceed_it_and_to_one_at_least(
    whole: int, weight: int, replicas: int, possible: int
) -> None:
    assert replicas_for(whole, weight) == replicas
    assert possible_weight(whole, weight) == possible


class TestSteps:
    def test_are_pods_first_and_then_their_share(self) -> None:
        run = Sharing()
        run.look()
        assert (run.target.replicas, run.seen.weight) == (1, 20)
        run.look()
        assert (run.target.replicas, run.seen.weight) == (4, 20)
        assert run.status.canary_weight == 50
        run.come_up()
        assert (run.target.replicas, run.seen.weight) == (4, 50)

    def test_say_what_was_asked_what_is_possible_and_what_is_seen(self) -> None:
        run = Sharing(spec=a_spec(analysis={"stepWeights": [10, 50]}))
        run.look()
        assert run.status.shares == Shares(asked=10, possible=20, seen=20)
        told = run.status.notices[-1].message
        assert told.startswith("Weight of podinfo advanced to 10 % (20 % by its pods)")
        run.look()
        assert run.status.shares == Shares(asked=50, possible=50, seen=20)
        run.target = replace(run.target, total=2, updated=2, available=2)
        run.settle()
        assert run.status.shares == Shares(asked=50, possible=50, seen=33)
        run.come_up()
        assert run.status.shares == Shares(asked=50, possible=50, seen=50)

    def test_that_pods_cannot_make_are_warned_of(self) -> None:
        run = Sharing(spec=a_spec(analysis={"stepWeight": 10, "maxWeight": 30}))
        run.look()
        told = next(each for each in run.status.notices if each.reason == "SpecWarnings")
        assert told.message == (
            "spec.analysis.stepWeight: 10: beside 4 replicas of podinfo-primary the canary gets 20 %"
        )
        exact = Sharing(spec=a_spec(analysis={"stepWeights": [20, 50]}))
        exact.look()
        assert "SpecWarnings" not in exact.told

    def test_are_judged_for_a_whole_interval_after_the_last_pod(self) -> None:
        run = Sharing()
        run.look()
        run.look()
        assert reason(run.decide()) == "CanaryNotReady"
        run.second += 9
        run.come_up()
        looked = len(run.asked)
        run.second += 5
        run.settle()
        assert len(run.asked) == looked
        run.look()
        assert len(run.asked) > looked
        assert run.status.canary_weight == 80

    def test_are_no_trouble_while_their_pods_come_up_and_a_lost_pod_is(self) -> None:
        run = Sharing()
        run.look()
        run.look()
        assert reason(run.decide()) == "CanaryNotReady"
        assert "CanaryNotReady" not in run.told
        run.come_up()
        run.look()
        run.target = replace(run.target, available=3)
        run.settle()
        assert "CanaryNotReady" in run.told

    def test_whose_pods_do_not_come_are_rolled_back_at_the_deadline(self) -> None:
        run = Sharing()
        run.look()
        run.look()
        run.second += 700
        run.settle()
        assert run.status.phase is Phase.FAILED
        assert run.seen == Seen()

    def test_above_half_are_half_until_the_canary_serves_all(self) -> None:
        spec = a_spec(analysis={"stepWeights": [80, 100]})
        run = Sharing(spec=spec, target=a_workload(replicas=4))
        run.look()
        assert run.target.replicas == 4
        assert run.status.shares == Shares(asked=80, possible=50, seen=50)
        run.look()
        assert (run.target.replicas, run.seen) == (4, Seen(weight=100))
        assert run.status.shares == Shares(asked=100, possible=100, seen=100)

    def test_of_all_traffic_wait_until_the_canary_is_as_large_as_the_primary(self) -> None:
        run = Sharing(spec=a_spec(analysis={"stepWeights": [20, 100]}))
        run.look()
        run.look()
        assert (run.status.canary_weight, run.target.replicas) == (100, 4)
        assert run.seen == Seen(weight=20)
        run.come_up()
        assert run.seen == Seen(weight=100)

    def test_that_go_down_take_pods_away(self) -> None:
        spec = a_spec(analysis={"stepWeights": [50]})
        analysis = spec.analysis.model_copy(update={"step_weights": (50, 20)})
        falling = spec.model_copy(update={"analysis": analysis})
        run = Sharing(spec=falling, target=a_workload(replicas=4))
        run.look()
        run.look()
        assert (run.target.replicas, run.seen) == (1, Seen(weight=20))


class TestTheCanary:
    def test_begins_with_the_pods_of_its_first_step(self) -> None:
        run = Sharing(target=a_workload(replicas=0, total=0, updated=0, available=0))
        run.settle()
        assert (run.target.replicas, run.seen) == (1, Seen())

    def test_that_is_tested_without_traffic_is_as_large_as_the_primary(self) -> None:
        run = Sharing(spec=a_blue_green_spec(), target=a_workload(replicas=1))
        run.settle()
        assert (run.target.replicas, run.seen) == (4, Seen())

    def test_whose_manifest_is_applied_again_keeps_the_pods_of_its_step(self) -> None:
        run = Sharing()
        run.look()
        run.target = a_workload(replicas=3)
        run.settle()
        assert run.target.replicas == 1

    def test_gives_its_traffic_back_at_once(self) -> None:
        run = Sharing()
        run.look()
        run.look(Verdict.FAIL)
        run.look(Verdict.FAIL)
        assert run.status.phase is Phase.FAILED
        assert run.seen == Seen()
        assert run.status.shares == Shares()

    def test_serves_alone_with_the_pods_that_it_has_and_gets_more(self) -> None:
        run = Sharing()
        run.look()
        run.primary = four(available=0)
        run.settle()
        assert (run.seen, run.target.replicas) == (Seen(weight=100), 4)

    def test_loses_no_pod_that_its_user_gave_it_while_it_serves_alone(self) -> None:
        run = Sharing()
        run.look()
        run.target = a_workload(replicas=6, total=6, updated=6, available=6)
        run.primary = four(available=0)
        run.settle()
        assert (run.seen, run.target.replicas) == (Seen(weight=100), 6)

    def test_that_serves_after_its_run_for_want_of_the_primary_gets_more_pods(self) -> None:
        run = Sharing(
            status=a_status(Phase.FAILED, weight=100, primary_replicas=4),
            seen=Seen(weight=100),
            primary=four(available=0),
        )
        run.settle()
        assert run.target.replicas == 4

    def test_has_all_pods_before_the_primary_loses_its_last_one_to_an_update(self) -> None:
        strategy = UpdateStrategy(recreate=True)
        run = Sharing(
            spec=a_spec(analysis={"stepWeights": [20]}),
            target=a_workload(replicas=1, strategy=strategy),
        )
        run.look()
        run.look()
        assert run.status.phase is Phase.PROMOTING
        held = run.settle()
        assert (run.target.replicas, run.seen) == (4, Seen(weight=20))
        assert message(held) == "waiting for all pods of podinfo to be ready"
        updates = [each for each in held.actions if isinstance(each, EnsurePrimary)]
        assert not any(each.revision == NEW for each in updates)
        run.come_up()
        assert run.seen == Seen(weight=100)

    def test_keeps_the_pods_of_its_share_while_the_primary_is_updated(self) -> None:
        run = Sharing(spec=a_spec(analysis={"stepWeights": [20]}))
        run.look()
        run.look()
        assert run.status.phase is Phase.PROMOTING
        assert (run.target.replicas, run.seen) == (1, Seen(weight=20))

    def test_keeps_its_pods_until_what_is_in_flight_has_ended(self) -> None:
        status = a_status(Phase.FINALISING, run=a_run(), weight=0)
        run = Sharing(status=status, target=a_workload(replicas=3))
        run.decide()
        assert (run.status.phase, run.target.replicas) == (Phase.FINALISING, 3)


def test_the_size_of_a_primary_that_is_lost_is_warned_of_when_it_is_back() -> None:
    run = Sharing(spec=a_spec(analysis={"stepWeights": [10]}), primary=None)
    run.settle()
    assert "SpecWarnings" not in run.told
    assert run.seen == Seen(weight=100)
    run.primary = four()
    run.settle()
    assert "SpecWarnings" in run.told
