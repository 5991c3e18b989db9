"""Traffic that can be switched, and not split: the update of the primary, and the way back."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from analysis.model import Verdict
from canary.api.status import CanaryStatus, Outcome, Phase, RunRecord, Wait
from canary.core import waits
from canary.core.actions import EnsurePrimary
from canary.core.facts import Facts, Policy
from canary.core.situation import Decision
from canary.core.traffic import Seen
from tests.builders import (
    NEW,
    OLD,
    a_blue_green_spec,
    a_primary,
    a_run,
    a_status,
    a_workload,
    at,
    some_facts,
)
from tests.core.deciding import decided, reason, up

PRIMARY, CANARY = Seen(weight=0), Seen(weight=100)


def in_run(phase: Phase = Phase.PROGRESSING, **fields: Any) -> CanaryStatus:
    """Build the status of a run at its first step, whose next analysis is due."""
    run = a_run(pre_rollout_passed=True, next_analysis_at=at(10), step=1)
    wait = Wait(reason=waits.ANALYSIS_DUE, since=at(0))
    return a_status(phase, run=run, waiting_for=wait).but(**fields)


def updates(decision: Decision) -> list[str]:
    return [
        each.revision
        for each in decision.actions
        if isinstance(each, EnsurePrimary) and each.revision == NEW
    ]


def test_a_promotion_by_hand_switches_before_the_primary_is_updated() -> None:
    policy = Policy(drain=timedelta(seconds=5))
    run = a_run(pre_rollout_passed=True, step=1, full_promotion=True)
    facts = up(routed=PRIMARY, splits=False, policy=policy)
    switched = decided(a_blue_green_spec(), in_run(run=run), facts, at(10))
    assert switched.status.phase is Phase.PROMOTING
    assert switched.status.canary_weight == 100
    assert switched.status.notices[-1].message == (
        "podinfo serves all traffic while podinfo-primary is updated"
    )
    assert reason(switched) == waits.ROUTING
    assert updates(switched) == []
    facts = replace(facts, routed=CANARY)
    draining = decided(a_blue_green_spec(), switched.status, facts, at(11))
    assert reason(draining) == waits.DRAINING
    assert updates(draining) == []
    updating = decided(a_blue_green_spec(), draining.status, facts, at(16))
    assert reason(updating) == waits.PRIMARY_UPDATING
    assert updates(updating) == [NEW]


def test_the_switch_waits_for_a_canary_that_is_ready() -> None:
    status = in_run(Phase.PROMOTING, waiting_for=None)
    facts = up(routed=PRIMARY, splits=False, target=a_workload(available=1))
    held = decided(a_blue_green_spec(), status, facts, at(0))
    assert (held.status.canary_weight, reason(held)) == (0, waits.CANARY_NOT_READY)
    assert updates(held) == []


class TestTheWayBack:
    """All traffic goes back at once, when the primary can carry it."""

    SHORT = a_primary(replicas=4, total=4, updated=4, available=1)

    def rolled_back(self, **facts: Any) -> tuple[Facts, Decision]:
        status = in_run(canary_weight=100, failed_checks=1, primary_replicas=4)
        found = up(routed=CANARY, splits=False, **facts)
        return found, decided(a_blue_green_spec(), status, found, at(10), Verdict.FAIL)

    def test_a_rollback_waits_for_the_pods_of_the_primary_and_says_so(self) -> None:
        _, ended = self.rolled_back(primary=self.SHORT)
        assert ended.status.canary_weight == 100
        said = ended.status.history[0].message
        assert said.endswith("the canary serves until enough pods of the primary are ready")

    def test_a_rollback_is_whole_where_the_primary_carries_all(self) -> None:
        _, ended = self.rolled_back(primary=a_primary(replicas=4))
        assert ended.status.canary_weight == 0

    def test_what_was_rolled_back_does_not_serve_beyond_the_deadline(self) -> None:
        facts, ended = self.rolled_back(primary=self.SHORT)
        waiting = decided(a_blue_green_spec(), ended.status, facts, at(11))
        assert reason(waiting) == waits.PRIMARY_SHORT
        assert waiting.status.canary_weight == 100
        late = decided(a_blue_green_spec(), waiting.status, facts, at(10_000))
        assert late.status.canary_weight == 0

    def test_what_is_sound_serves_until_the_primary_is_whole(self) -> None:
        record = RunRecord(revision=OLD, outcome=Outcome.PROMOTED, finished_at=at(0))
        status = a_status(weight=100, history=(record,), primary_replicas=4)
        facts = some_facts(
            target=a_workload(replicas=4), primary=self.SHORT, routed=CANARY, splits=False
        )
        waiting = decided(a_blue_green_spec(), status, facts, at(10_000))
        assert waiting.status.canary_weight == 100

    @pytest.mark.parametrize("weight", [1, 40, 99])
    def test_a_share_that_another_router_has_left_goes_back_to_the_primary(
        self, weight: int
    ) -> None:
        status = in_run(canary_weight=weight)
        facts = up(routed=PRIMARY, splits=False)
        assert decided(a_blue_green_spec(), status, facts, at(1)).status.canary_weight == 0
