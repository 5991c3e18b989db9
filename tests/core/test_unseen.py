"""Deployments that may no longer be read: a run waits for its deadline, and not for ever."""

from dataclasses import replace
from datetime import timedelta

import pytest

from canary.api.status import CanaryStatus, Hold, Outcome, Phase, Wait
from canary.core import waits
from canary.core.actions import RouteTraffic
from canary.core.facts import Command, Facts, Revision
from canary.core.situation import Decision
from canary.core.traffic import Seen, Traffic
from tests.builders import NEW, OLD, a_run, a_spec, a_status, at, some_facts
from tests.core.deciding import decided, message, reason, up

FORBIDDEN = "deployments.apps: 403: forbidden"


def unseen(facts: Facts, *, known: bool) -> Facts:
    """Have Deployments out of reach, since the controller began or only now."""
    hidden = replace(facts, unseen=FORBIDDEN, obstacle=FORBIDDEN)
    return hidden if known else replace(hidden, target=None, primary=None, revision=None)


def in_run(phase: Phase = Phase.PROGRESSING, weight: int = 20) -> CanaryStatus:
    return a_status(phase, weight=weight, last_applied_spec=NEW)


def decided_on(status: CanaryStatus, facts: Facts, second: int) -> Decision:
    return decided(a_spec(progressDeadlineSeconds=60), status, facts, at(second))


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("phase", [Phase.WAITING, Phase.PROGRESSING, Phase.WAITING_PROMOTION])
class TestRun:
    def test_holds_its_weight_and_says_why(self, phase, known):
        facts = unseen(up(routed=Seen(weight=20)), known=known)
        decision = decided_on(in_run(phase), facts, 1)
        assert (decision.status.phase, decision.status.canary_weight) == (phase, 20)
        assert reason(decision) == waits.OBSTACLE
        assert FORBIDDEN in message(decision)
        assert decision.status.waiting_for.deadline == at(61)
        assert RouteTraffic(traffic=Traffic(weight=20)) in decision.actions

    def test_is_rolled_back_at_the_deadline(self, phase, known):
        facts = unseen(up(routed=Seen(weight=20)), known=known)
        held = decided_on(in_run(phase), facts, 1).status
        decision = decided_on(held, facts, 61)
        assert (decision.status.phase, decision.status.canary_weight) == (Phase.FAILED, 0)
        ended = decision.status.history[0]
        assert (ended.outcome, ended.reason) == (Outcome.ROLLED_BACK, waits.OBSTACLE)
        assert FORBIDDEN in ended.message
        assert RouteTraffic(traffic=Traffic()) in decision.actions

    def test_is_rolled_back_by_a_command_before_that(self, phase, known):
        facts = unseen(up(routed=Seen(weight=20)), known=known)
        facts = replace(facts, commands=(Command(verb="abort"),))
        decision = decided_on(in_run(phase), facts, 1)
        assert (decision.status.phase, decision.status.canary_weight) == (Phase.FAILED, 0)


def test_a_rollback_is_written_until_the_route_has_it():
    failed = in_run(Phase.FAILED, weight=0)
    facts = unseen(up(routed=Seen(weight=20)), known=False)
    decision = decided_on(failed, facts, 1)
    assert reason(decision) == waits.OBSTACLE
    assert RouteTraffic(traffic=Traffic()) in decision.actions


def test_a_run_goes_on_where_it_was_once_the_workloads_can_be_read():
    gate = Hold(reason=waits.CANARY_NOT_READY, since=at(0))
    status = in_run().but(run=a_run(holds=(gate,), next_analysis_at=at(500)))
    held = decided_on(status, unseen(up(), known=True), 10).status
    going = decided_on(held, up(routed=Seen(weight=20)), 50).status
    assert going.run.holds == (gate.but(since=at(40)),)
    assert going.waiting_for.reason == waits.ANALYSIS_DUE
    again = decided_on(going, unseen(up(), known=True), 90).status
    assert again.waiting_for.deadline == at(150)


@pytest.mark.parametrize("weight", [100, 40])
@pytest.mark.parametrize("known", [True, False])
def test_a_promotion_is_given_up_at_the_deadline_and_leaves_traffic_as_it_is(weight, known):
    facts = unseen(up(routed=Seen(weight=weight)), known=known)
    held = decided_on(in_run(Phase.PROMOTING, weight), facts, 1)
    assert (held.status.phase, reason(held)) == (Phase.PROMOTING, waits.OBSTACLE)
    decision = decided_on(held.status, facts, 61)
    assert (decision.status.phase, decision.status.canary_weight) == (Phase.FAILED, weight)
    assert decision.status.history[0].outcome == Outcome.PROMOTION_FAILED
    assert decision.status.history[0].message.endswith("traffic stays as it is")


def test_finalising_needs_no_workload():
    status = in_run(Phase.FINALISING, 0).but(
        last_promoted_spec=NEW,
        waiting_for=Wait(reason=waits.DRAINING, message="", since=at(0)),
    )
    ended = decided_on(status, unseen(up(routed=Seen()), known=False), 60).status
    assert ended.phase is Phase.SUCCEEDED


def test_no_run_begins():
    facts = unseen(some_facts(revision=Revision(id=NEW)), known=True)
    decision = decided_on(a_status(last_applied_spec=OLD), facts, 1)
    assert (decision.status.phase, decision.status.last_applied_spec) == (Phase.SUCCEEDED, OLD)
    assert reason(decision) == waits.OBSTACLE


def test_an_outage_stops_the_clock_as_well():
    facts = unseen(up(routed=Seen(weight=20)), known=True)
    held = decided_on(in_run(), facts, 1).status
    away = replace(facts, away_since=at(1) + timedelta(seconds=5))
    assert decided_on(held, away, 61).status.phase is Phase.PROGRESSING
