"""What keeps runs of other controllers from ending, or ends them wrongly, does not happen here."""

from dataclasses import replace
from typing import Any

import pytest

from analysis.model import Verdict
from canary.api.status import CanaryStatus, Phase
from canary.core import waits
from canary.core.actions import RouteTraffic, ScaleTarget
from canary.core.decide import decide
from canary.core.facts import Revision
from canary.core.needs import Need
from canary.core.situation import Decision
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
from tests.core.deciding import decided, reason, up
from tests.core.test_strategies import Journey

NEWER = "1-newer"


def hooks(*types: str) -> list[dict[str, str]]:
    return [{"name": each, "type": each, "url": "http://hooks.example/"} for each in types]


class TestPreRolloutHooks:
    def test_that_have_passed_are_not_called_again_while_the_gate_before_the_first_step_is_shut(
        self,
    ):
        webhooks = hooks("pre-rollout", "confirm-traffic-increase")
        run = Journey(a_spec(analysis={"webhooks": webhooks}))
        for _ in range(4):
            run.look(confirm_traffic_increase=False)
        assert (run.status.canary_weight, run.hooks.count("pre-rollout")) == (0, 1)
        assert run.hooks.count("confirm-traffic-increase") == 4
        assert run.told.count("AnalysisStarted") == 1

    @pytest.mark.parametrize("match", [{}, {"match": [{"headers": {"x": {"exact": "y"}}}]}])
    def test_are_not_called_again_at_the_gate_before_the_promotion_of_one_iteration(
        self, match: dict[str, Any]
    ):
        webhooks = hooks("pre-rollout", "confirm-promotion")
        run = Journey(a_spec(analysis={"iterations": 1, "webhooks": webhooks, **match}))
        for _ in range(5):
            run.look(confirm_promotion=False)
        assert run.status.phase is Phase.WAITING_PROMOTION
        assert run.hooks.count("pre-rollout") == 1


class TestInterval:
    def test_that_is_made_shorter_during_a_run_counts_from_the_next_look(self):
        hour = a_spec(analysis={"interval": "1h"})
        stepped = decided(hour, a_status(Phase.PROGRESSING), up(), at(60)).status
        assert stepped.canary_weight == 20
        seen = up(routed=Seen(weight=20))
        shorter = decided(a_spec(), stepped, seen, at(120))
        assert (shorter.status.canary_weight, shorter.wake_at) == (20, at(130))
        assert decided(a_spec(), shorter.status, seen, at(130)).status.canary_weight == 40


class TestWithoutAnAnalysis:
    SPEC = a_spec(skipAnalysis=True)

    def test_the_first_primary_is_waited_for(self):
        facts = some_facts(target=a_workload(), primary=a_primary(available=0), routed=None)
        decision = decided(self.SPEC, CanaryStatus(), facts, at(0))
        assert reason(decision) == waits.PRIMARY_NOT_READY
        assert ScaleTarget(replicas=0) not in decision.actions

    def test_the_canary_is_parked_when_the_promoted_primary_is_ready(self):
        promoting = decided(self.SPEC, a_status(Phase.PROGRESSING), up(), at(60)).status
        assert promoting.phase is Phase.PROMOTING
        half = up(primary=a_primary(NEW, available=1))
        waiting = decided(self.SPEC, promoting, half, at(70))
        assert reason(waiting) == waits.PRIMARY_UPDATING
        assert ScaleTarget(replicas=0) not in waiting.actions


class TestRevisions:
    def test_a_return_to_the_promoted_one_ends_the_wait_for_the_first_gate(self):
        spec = a_spec(analysis={"webhooks": hooks("confirm-rollout")})
        held = decided(spec, a_status(), up(), at(60), hooks={"confirm-rollout": False})
        assert held.status.phase is Phase.WAITING
        asked: list[Need[object]] = []
        facts = up(revision=Revision(id=OLD), target=a_workload(generation=7))
        back = decided(spec, held.status, facts, at(61), asked=asked)
        assert (back.status.phase, asked) == (Phase.SUCCEEDED, [])

    @pytest.mark.parametrize(
        "fields",
        [
            {"primary": a_primary(available=0)},
            {"obstacle": "VirtualService podinfo: forbidden"},
            {"routed": Seen(weight=20)},
        ],
        ids=["the primary is not ready", "something cannot be written", "the route lags behind"],
    )
    def test_one_that_comes_after_a_failure_is_not_lost_whatever_is_in_the_way(
        self, fields: dict[str, Any]
    ):
        failed = a_status(Phase.FAILED)
        decision = decided(a_spec(), failed, up(revision=Revision(id=NEWER), **fields), at(60))
        assert decision.status.run is not None
        assert decision.status.run.revision == NEWER

    def test_one_that_has_failed_is_written_once(self):
        failed = decided(
            a_spec(), a_status(Phase.FAILED), up(target=a_workload(replicas=0)), at(60)
        )
        facts = up(target=a_workload(replicas=0))
        again = decided(a_spec(), failed.status, facts, at(600))
        assert again.status == failed.status
        assert again.status.last_applied_spec == NEW


class TestPromotionInSteps:
    SPEC = a_spec(analysis={"stepWeightPromotion": 30})

    def test_ends_where_the_canary_has_no_traffic_to_give_back(self):
        promoting = a_status(Phase.PROMOTING, weight=0)
        facts = up(primary=a_primary(NEW), routed=Seen())
        assert decided(self.SPEC, promoting, facts, at(60)).status.phase is Phase.FINALISING

    def test_goes_on_by_what_was_intended_where_the_route_was_reset_by_hand(self):
        promoting = a_status(Phase.PROMOTING, weight=60)
        facts = up(primary=a_primary(NEW), routed=Seen())
        first = decided(self.SPEC, promoting, facts, at(60)).status
        assert first.canary_weight == 30
        second = decided(self.SPEC, first, facts, at(70)).status
        assert second.phase is Phase.FINALISING


class TestRollback:
    def test_that_cannot_be_written_is_tried_again_and_told_once(self):
        failed = decided(
            a_spec(),
            a_status(Phase.PROGRESSING, weight=40, failed_checks=1),
            up(routed=Seen(weight=40)),
            at(60),
            Verdict.FAIL,
        )
        assert failed.status.phase is Phase.FAILED
        refused = up(routed=Seen(weight=40), obstacle="VirtualService podinfo: forbidden")
        decision: Decision = failed
        for second in range(70, 130, 10):
            decision = decided(a_spec(), decision.status, refused, at(second))
            assert RouteTraffic(traffic=Traffic()) in decision.actions
            assert ScaleTarget(replicas=0) not in decision.actions
        told = [each.reason for each in decision.status.notices]
        assert told == ["RolledBack", "Obstacle"]


class TestDeletion:
    @pytest.mark.parametrize("phase", [Phase.WAITING, Phase.PROGRESSING, Phase.PROMOTING])
    def test_asks_nothing_and_takes_no_step(self, phase: Phase):
        spec = a_spec(analysis={"webhooks": hooks("confirm-rollout", "rollout", "rollback")})
        status = a_status(phase, weight=40, run=a_run(next_analysis_at=at(0)))
        facts = replace(up(routed=Seen(weight=40)), deleting=True)
        outcome = decide(spec, status, facts, at(60))
        assert isinstance(outcome, Decision)
        assert outcome.status.phase is Phase.TERMINATING
        assert outcome.status.canary_weight <= 40
        said = outcome.status.condition("Promoted")
        assert said is not None
        assert "nitialis" not in said.message
