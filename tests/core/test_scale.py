"""How many replicas the canary has: as the spec says, and never fewer than its traffic needs."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from canary.api.canary import CanarySpec
from canary.api.status import CanaryStatus, Outcome, Phase, Stage
from canary.core.actions import PauseAutoscaler, RouteTraffic, ScaleTarget
from canary.core.conditions import SPEC_WARNINGS
from canary.core.facts import Command, Former, UpdateStrategy, Workload
from canary.core.needs import AskHooks, Need
from canary.core.situation import Decision
from canary.core.traffic import Seen
from tests.builders import NEW, a_primary, a_run, a_spec, a_status, a_workload, at
from tests.core.deciding import decided, message, reason, up
from tests.core.test_strategies import MATCH

WHOLE = 10
AUTOSCALED = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "podinfo"}


@dataclass
class Run:
    """A run beside a primary of ten, whose pods and route do what is asked of them."""

    spec: CanarySpec
    status: CanaryStatus = field(
        default_factory=lambda: a_status(Phase.PROGRESSING, run=a_run(), primary_replicas=WHOLE)
    )
    target: Workload = field(default_factory=lambda: a_workload(replicas=0))
    primary: Workload = field(default_factory=lambda: a_primary(replicas=WHOLE))
    seen: Seen = field(default_factory=Seen)
    second: int = 60
    facts: dict[str, Any] = field(default_factory=dict)
    asked: list[Need] = field(default_factory=list)
    pods_come: bool = True

    def decide(self, **hooks: bool) -> Decision:
        """Decide once, and carry it out."""
        facts = up(target=self.target, primary=self.primary, routed=self.seen, **self.facts)
        agree = {name.replace("_", "-"): passes for name, passes in hooks.items()}
        now = at(self.second)
        decision = decided(self.spec, self.status, facts, now, hooks=agree, asked=self.asked)
        self.status = decision.status
        for action in decision.actions:
            if isinstance(action, ScaleTarget):
                here = min(self.target.available, action.replicas)
                self.target = replace(
                    self.target, replicas=action.replicas, total=here, updated=here, available=here
                )
            if isinstance(action, RouteTraffic):
                traffic = action.traffic
                self.seen = Seen(
                    weight=traffic.weight, mirror=traffic.mirror, matched=bool(traffic.match)
                )
        return decision

    def settle(self, **hooks: bool) -> Decision:
        """Decide until nothing changes, with pods that come up once they are asked for."""
        while True:
            before = (self.status, self.target, self.seen)
            if self.pods_come and self.status.stage and self.status.stage.name is Stage.FILLING:
                count = self.target.replicas
                self.target = replace(self.target, total=count, updated=count, available=count)
            decision = self.decide(**hooks)
            if before == (self.status, self.target, self.seen):
                return decision

    def look(self, **hooks: bool) -> Decision:
        """Let an interval pass."""
        self.second += 11
        return self.settle(**hooks)

    @property
    def place(self) -> tuple[int, int]:
        return self.status.canary_weight, self.target.replicas


def a_run_with(scale: dict[str, object] | None, *steps: dict[str, object], **fields: Any) -> Run:
    analysis: dict[str, object] = {"steps": list(steps)} if steps else {}
    scaled = {"canaryScale": scale} if scale else {}
    run = Run(a_spec(analysis=analysis | scaled | fields.pop("analysis", {}), **fields))
    run.settle()
    return run


class TestTheCanary:
    @pytest.mark.parametrize(
        ("scale", "replicas"),
        [
            ({"replicas": 3}, 3),
            ({"percent": 35}, 4),
            ({"matchTrafficWeight": True}, 2),
            ({"replicas": 1}, 2),
            ({"percent": 1}, 2),
            (None, WHOLE),
        ],
    )
    def test_begins_with_what_its_scale_says_and_no_fewer_than_its_first_weight_needs(
        self, scale, replicas
    ):
        run = a_run_with(scale)
        assert run.place == (20, replicas)

    def test_has_the_replicas_of_a_weight_before_it_gets_that_weight(self):
        run = a_run_with(
            {"matchTrafficWeight": True}, {"weight": 10}, {"weight": 45}, {"weight": 80}
        )
        run.pods_come = False
        decision = run.look()
        assert run.place == (10, 5)
        assert (reason(decision), run.seen.weight) == ("CanaryNotReady", 10)
        assert "waiting for all pods of podinfo" in message(decision)
        run.pods_come = True
        run.settle()
        assert run.place == (45, 5)
        run.look()
        assert run.place == (80, 8)
        assert not [each for each in run.status.notices if each.reason == "CanaryNotReady"]

    def test_says_how_many_pods_a_step_needs(self):
        run = a_run_with({"matchTrafficWeight": True}, {"weight": 10}, {"weight": 50})
        run.second += 11
        assert message(run.decide()) == (
            "waiting for 5 ready pods of podinfo, as many as step 2 needs"
        )

    def test_has_what_a_step_says_in_place_of_what_the_run_says(self):
        run = a_run_with(
            {"percent": 50},
            {"weight": 10, "scale": {"replicas": 2}},
            {"weight": 20},
            {"weight": 30},
        )
        assert run.place == (10, 2)
        run.look()
        assert run.place == (20, 5)

    def test_has_as_many_as_the_primary_where_a_step_says_nothing_and_nor_does_the_run(self):
        run = a_run_with(None, {"weight": 10, "scale": {"replicas": 2}}, {"weight": 20})
        assert run.place == (10, 2)
        run.look()
        assert run.place == (20, WHOLE)

    def test_loses_no_pods_while_it_serves(self):
        run = a_run_with({"matchTrafficWeight": True}, {"weight": 50}, {"weight": 10})
        run.look()
        assert run.place == (10, 5)
        run.look()
        assert (run.status.phase, run.target.replicas) == (Phase.PROMOTING, 5)

    def test_of_a_share_of_pods_loses_none_while_no_primary_serves(self):
        spec = a_spec(provider="kubernetes:replicas", analysis={"stepWeights": [20]})
        status = a_status(Phase.PROGRESSING, run=a_run(), last_applied_spec=NEW)
        canary, less = a_workload(available=0), ScaleTarget(replicas=1)
        for primary, loses in ((None, False), (a_primary(available=0), False), (a_primary(), True)):
            facts = up(target=canary, primary=primary, routed=Seen(weight=0), by_replicas=True)
            assert (less in decided(spec, status, facts, at(0)).actions) is loses

    def test_keeps_what_a_person_has_given_it_beyond_that(self):
        run = a_run_with({"matchTrafficWeight": True}, {"weight": 10, "passes": 9})
        run.target = a_workload(replicas=7)
        run.look()
        assert run.place == (10, 7)

    def test_is_sized_for_those_who_match_as_the_user_says(self):
        run = a_run_with({"replicas": 1}, {"weight": 100, "match": MATCH}, {"weight": 20})
        assert run.place == (100, 1)
        run.look()
        assert run.place == (20, 2)

    def test_has_pods_for_the_copies_that_it_gets(self):
        run = a_run_with({"percent": 10}, {"weight": 10, "mirror": 30})
        assert run.place == (10, 4)

    def test_of_blue_green_is_small_until_the_switch_and_whole_before_it(self):
        run = a_run_with({"replicas": 1}, analysis={"iterations": 2})
        assert run.place == (0, 1)
        run.look()
        run.pods_come = False
        run.look()
        assert run.place == (0, WHOLE)
        run.pods_come = True
        run.settle()
        assert run.place == (100, WHOLE)

    def test_is_scaled_by_a_controller_that_dies_after_each_write_too(self):
        run = a_run_with({"matchTrafficWeight": True}, {"weight": 20}, {"weight": 60})
        pods, seen, lives = run.target, run.seen, 0
        while run.target.replicas == pods.replicas:
            lives, run.second, before = lives + 1, run.second + 11, run.status
            assert lives < 9, "each life writes the status, and none scales the canary"
            run.decide()
            if run.status != before:
                # It died before it did what the status says.
                run.target, run.seen = pods, seen
        assert run.target.replicas == 6

    def test_is_rolled_back_where_its_pods_do_not_come(self):
        run = a_run_with({"matchTrafficWeight": True}, {"weight": 10}, {"weight": 50})
        run.pods_come = False
        run.look()
        run.second += 600
        run.look()
        assert run.status.history[0].reason == "ProgressDeadlineExceeded"

    def test_is_rolled_back_where_it_can_not_be_scaled(self):
        run = a_run_with({"matchTrafficWeight": True}, {"weight": 10}, {"weight": 50})
        small = run.target
        for _ in range(62):
            run.target = small
            run.second += 10
            run.decide()
        assert run.status.history[0].reason == "CanaryNotReady"

    def test_fails_while_it_is_scaled_as_ever(self):
        run = a_run_with({"matchTrafficWeight": True}, {"weight": 10}, {"weight": 50})
        run.pods_come = False
        run.look()
        failing = replace(run.target, trouble=None, deadline_exceeded=True)
        run.target = failing
        run.look()
        assert run.status.history[0].outcome == Outcome.ROLLED_BACK


class TestAGate:
    def test_that_said_yes_is_not_asked_again_once_the_pods_are_there(self):
        hook = {
            "name": "ask",
            "type": "confirm-traffic-increase",
            "url": "http://hooks.example/",
        }
        steps = {"stepWeights": [10, 50], "webhooks": [hook]}
        run = a_run_with({"matchTrafficWeight": True}, analysis=steps)
        run.look()
        assert run.place == (50, 5)
        assert sum(isinstance(need, AskHooks) for need in run.asked) == 2

    def test_that_a_person_opened_stays_open_until_the_pods_are_there_and_no_longer(self):
        steps = [{"weight": 10, "approval": True}, {"weight": 50, "approval": True}, {"weight": 60}]
        run = a_run_with({"matchTrafficWeight": True}, *steps)
        run.look()
        run.pods_come = False
        run.facts = {"commands": (Command(verb="approve"),)}
        run.settle()
        assert run.place == (10, 5)
        run.facts, run.pods_come = {}, True
        run.settle()
        assert run.place == (50, 5)
        assert reason(run.look()) == "TrafficGate"

    def test_is_asked_again_where_an_edit_came_between(self):
        steps = [{"weight": 10, "approval": True}, {"weight": 50}]
        run = a_run_with({"matchTrafficWeight": True}, *steps)
        run.look()
        run.pods_come = False
        run.facts = {"commands": (Command(verb="approve"),)}
        run.settle()
        scaled = {"canaryScale": {"matchTrafficWeight": True}}
        run.spec = a_spec(analysis={"steps": [*steps[:1], {"weight": 60}]} | scaled)
        run.facts, run.pods_come = {}, True
        run.settle()
        assert run.status.canary_weight == 10
        assert reason(run.look()) == "TrafficGate"


class TestAJump:
    def test_has_the_canary_scaled_for_the_step_that_it_goes_to(self):
        scale = {"matchTrafficWeight": True}
        run = a_run_with(scale, {"weight": 10, "passes": 9}, {"weight": 20}, {"weight": 70})
        value = "@ann via cli at 2026-01-01T00:00:00Z for step to 3"
        run.facts = {"commands": (Command(verb="skip", value=value),)}
        run.settle()
        assert run.place == (70, 7)

    def test_before_the_first_step_has_it_scaled_before_the_run_begins_there(self):
        hook = {"name": "load", "type": "rollback", "url": "http://hooks.example/"}
        scale = {"matchTrafficWeight": True}
        steps = [{"weight": 10}, {"weight": 70}]
        run = Run(a_spec(analysis={"steps": steps, "canaryScale": scale, "webhooks": [hook]}))
        run.target = a_workload(replicas=1)
        value = "@ann via cli at 2026-01-01T00:00:00Z for step to 2"
        run.facts = {"commands": (Command(verb="skip", value=value),)}
        run.settle(rollback=False)
        assert run.place == (70, 7)


class TestWhatComesBetween:
    def test_a_primary_that_is_lost_has_the_canary_as_large_as_it_was(self):
        run = a_run_with({"matchTrafficWeight": True}, {"weight": 10, "passes": 9})
        run.primary = a_primary(replicas=WHOLE, available=0)
        run.settle()
        assert (run.seen.weight, run.target.replicas) == (100, WHOLE)

    def test_a_promotion_that_fails_moves_no_traffic_to_a_canary_that_is_too_small(self):
        run = a_run_with({"matchTrafficWeight": True}, {"weight": 10})
        run.look()
        assert run.status.phase is Phase.PROMOTING
        run.primary = a_primary(NEW, replicas=WHOLE, available=4, deadline_exceeded=True)
        run.pods_come = False
        run.settle()
        assert (run.status.phase, run.status.canary_weight) == (Phase.FAILED, 100)
        assert (run.seen.weight, run.target.replicas) == (10, WHOLE)
        run.target = a_workload(replicas=WHOLE)
        run.settle()
        assert run.seen.weight == 100

    def test_an_update_that_takes_the_last_pod_of_the_primary_waits_for_the_whole_canary(self):
        strategy = UpdateStrategy(recreate=True)
        run = a_run_with({"matchTrafficWeight": True}, {"weight": 10})
        run.target = replace(run.target, strategy=strategy)
        run.pods_come = False
        decision = run.look()
        assert (reason(decision), run.place, run.seen.weight) == (
            "CanaryNotReady",
            (10, WHOLE),
            10,
        )
        run.pods_come = True
        run.settle()
        assert run.seen.weight == 100


class TestWhereSomethingElseDecides:
    def warnings(self, run: Run) -> str:
        condition = run.status.condition(SPEC_WARNINGS)
        return condition.message if condition else ""

    def test_an_autoscaler_begins_at_its_minimum_and_is_left_alone_then(self):
        run = Run(
            a_spec(
                analysis={
                    "steps": [{"weight": 10}, {"weight": 60}],
                    "canaryScale": {"percent": 90},
                },
                autoscalerRef=AUTOSCALED,
            )
        )
        run.facts = {"autoscaler_minimum": 3, "autoscaler_maximum": 20}
        run.settle()
        assert run.place == (10, 3)
        run.look()
        assert run.place == (60, 3)
        assert (
            "HorizontalPodAutoscaler podinfo scales the canary: it starts with 3 replicas, or as many "
            "as its first weight needs"
        ) in self.warnings(run)

    def test_an_autoscaler_begins_with_what_the_first_weight_needs(self):
        run = Run(
            a_spec(
                analysis={"steps": [{"weight": 60, "scale": {"replicas": 1}}]},
                autoscalerRef=AUTOSCALED,
            )
        )
        run.facts = {"autoscaler_minimum": 3, "autoscaler_maximum": 20}
        run.settle()
        assert run.place == (60, 6)
        assert "spec.analysis.steps[0].scale" in self.warnings(run)

    def test_a_canary_that_its_autoscaler_has_shrunk_has_its_pods_back_before_the_switch(self):
        run = self.idle_and_shrunk()
        run.pods_come = False
        waiting = run.look()
        assert run.place == (0, WHOLE)
        assert message(waiting) == (
            "waiting for all pods of podinfo to run the new revision and be ready"
        )
        # One that can be paused keeps them until there is traffic.
        assert PauseAutoscaler(replicas=WHOLE) in waiting.actions
        run.pods_come = True
        switched = run.settle()
        assert run.place == (100, WHOLE)
        assert PauseAutoscaler(replicas=None) in switched.actions

    def test_an_autoscaler_that_takes_them_again_holds_the_switch_for_an_interval(self):
        run = self.idle_and_shrunk()
        run.second += 11
        for _ in range(9):
            run.decide()
            assert run.place == (0, WHOLE)
            run.second += 1
            run.target = a_workload(replicas=1)
        run.second += 1
        run.decide()
        assert run.place == (100, 1)

    def test_an_idle_canary_has_what_its_first_weight_needs_where_it_may_be_small(self):
        steps = [{"mirror": 20}, {"weight": 50}]
        scaled = {"steps": steps, "canaryScale": {"replicas": 1}}
        run = Run(a_spec(analysis=scaled, autoscalerRef=AUTOSCALED))
        run.settle()
        run.target = a_workload(replicas=1)
        run.look()
        assert run.place == (50, 5)
        run.look()
        assert run.status.phase is Phase.PROMOTING

    def test_a_jump_to_the_switch_waits_for_those_pods_too(self):
        run = self.idle_and_shrunk(iterations=9)
        run.pods_come = False
        value = "@ann via cli at 2026-01-01T00:00:00Z for step to 2"
        run.facts = {"commands": (Command(verb="skip", value=value),)}
        run.second += 30
        run.settle()
        assert run.place == (0, WHOLE)
        run.pods_come = True
        run.settle()
        assert run.place == (100, WHOLE)

    def test_a_canary_that_has_traffic_is_left_to_its_autoscaler(self):
        run = Run(a_spec(autoscalerRef=AUTOSCALED))
        run.settle()
        run.target = a_workload(replicas=1)
        run.look()
        assert run.place == (40, 1)

    def idle_and_shrunk(self, iterations: int = 2) -> Run:
        run = Run(a_spec(analysis={"iterations": iterations}, autoscalerRef=AUTOSCALED))
        run.settle()
        assert run.place == (0, WHOLE)
        run.target = a_workload(replicas=1)
        run.look()
        assert run.place == (0, 1)
        return run

    def test_pods_that_decide_a_share_are_those_of_the_weight(self):
        run = a_run_with(None)
        run.spec = a_spec(analysis={"canaryScale": {"replicas": 9}})
        run.facts = {"by_replicas": True, "provider": "kubernetes:replicas"}
        run.settle()
        assert "ignored: the weight decides how many replicas the canary has" in self.warnings(run)

    @pytest.mark.parametrize(("weight", "replicas"), [(30, WHOLE), (0, 2)])
    def test_pods_that_a_former_route_still_reaches_stay_whatever_the_share(self, weight, replicas):
        run = Run(a_spec())
        run.target = a_workload(replicas=WHOLE)
        former = Former(
            service="podinfo", provider="istio", routes=True, routed=Seen(weight=weight)
        )
        run.facts = {"by_replicas": True, "former": (former,)}
        run.decide()
        assert run.target.replicas == replicas

    def test_a_target_that_the_cluster_sizes_is_left_alone(self):
        run = Run(a_spec(analysis={"canaryScale": {"replicas": 1}}))
        run.target = a_workload(replicas=5, scales=False)
        run.settle()
        assert run.place == (20, 5)
        assert "ignored: the cluster decides how many pods the target has" in self.warnings(run)
