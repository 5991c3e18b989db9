"""Traffic after a rollback: at once, or in parts where `stepWeightRollback` says so."""

from dataclasses import replace
from typing import Any

import pytest

from analysis.model import Verdict
from canary.api.status import CanaryStatus, Phase, Weights
from canary.core.facts import Command, Facts, Revision, Trouble
from canary.core.traffic import Seen
from tests.builders import a_primary, a_run, a_spec, a_status, a_workload, at
from tests.core.deciding import decided, message, reason, up
from tests.core.world import MATCH

RAMP = a_spec(analysis={"stepWeightRollback": 25, "threshold": 1})
CRASH = Trouble(reason="CrashLoopBackOff", pod="podinfo-1", container="app", message="exit 1")
NEWER = a_workload(generation=2, observed_generation=2)
RUN = a_status(Phase.PROGRESSING, weight=60)


def failed(facts: Facts | None = None) -> CanaryStatus:
    return decided(RAMP, RUN, facts or up(), at(60), Verdict.FAIL).status


def carrying(status: CanaryStatus) -> Facts:
    return up(routed=Seen(weight=status.canary_weight))


def test_without_it_the_primary_gets_all_traffic_back_at_once():
    spec = a_spec(analysis={"threshold": 1})
    assert decided(spec, RUN, up(), at(60), Verdict.FAIL).status.canary_weight == 0


def test_a_run_that_fails_gives_its_traffic_back_in_parts_an_interval_apart():
    status, seen = failed(), []
    assert status.phase is Phase.FAILED
    assert status.history[0].message.endswith(
        "the primary serves 65 % of the traffic, and 25 % more at each interval"
    )
    for seconds in (61, 69, 70, 75, 80, 81):
        decision = decided(RAMP, status, carrying(status), at(seconds))
        status = decision.status
        seen.append(status.canary_weight)
    assert seen == [35, 35, 10, 10, 0, 0]
    assert [each.reason for each in status.notices].count("TrafficReturning") == 2


def test_a_part_that_its_route_gives_late_is_given_its_time_before_the_next():
    status = failed()
    before = up(routed=Seen(weight=60))
    for seconds in (75, 90):
        late = decided(RAMP, status, before, at(seconds))
        assert message(late) == (
            "waiting for the route to send 65 % of the traffic to podinfo-primary"
        )
        assert late.status.canary_weight == 35
        assert late.status.notices == status.notices
        status = late.status
    seen = []
    for seconds in (91, 100, 101):
        status = decided(RAMP, status, carrying(status), at(seconds)).status
        seen.append(status.canary_weight)
    assert seen == [35, 35, 10]


def test_until_the_next_part_it_says_when_that_comes_and_is_looked_at_then():
    status = failed()
    waiting = decided(RAMP, status, carrying(status), at(61))
    assert (reason(waiting), message(waiting)) == (
        "TrafficReturning",
        "the next part of the traffic back to podinfo-primary: it serves 65 % of the traffic",
    )
    assert waiting.status.waiting_for is not None
    assert waiting.status.waiting_for.until == at(70)
    settled = decided(RAMP, waiting.status, carrying(waiting.status), at(62))
    assert settled.wake_at == at(70)


def test_pods_that_fail_give_it_back_at_once_also_in_the_midst():
    crashing = a_workload(available=1, trouble=CRASH)
    assert failed(up(target=crashing)).canary_weight == 0
    status = failed()
    facts = replace(carrying(status), target=crashing)
    assert decided(RAMP, status, facts, at(62)).status.canary_weight == 0


def test_a_canary_without_a_ready_pod_gives_it_back_at_once():
    status = failed()
    facts = replace(carrying(status), target=a_workload(available=0))
    assert decided(RAMP, status, facts, at(62)).status.canary_weight == 0


def test_an_abort_gives_it_back_at_once():
    decision = decided(RAMP, RUN, up(commands=(Command(verb="abort"),)), at(60))
    assert (decision.status.phase, decision.status.canary_weight) == (Phase.FAILED, 0)


def test_a_router_that_cannot_split_gives_it_back_at_once():
    run = a_status(Phase.PROGRESSING, weight=100)
    decision = decided(RAMP, run, up(splits=False), at(60), Verdict.FAIL)
    assert decision.status.canary_weight == 0


@pytest.mark.parametrize(
    ("analysis", "left"),
    [
        pytest.param({"iterations": 3, "match": MATCH}, 75, id="those of the whole run"),
        pytest.param({"steps": [{"weight": 100, "match": MATCH}]}, 0, id="those of a step"),
    ],
)
def test_requests_that_match_return_in_parts_where_they_are_known_after_the_run(
    analysis: dict[str, Any], left: int
):
    spec = a_spec(analysis=analysis | {"stepWeightRollback": 25, "threshold": 1})
    matched = Weights(primary=0, canary=100, matched=True)
    begun = a_run(step=1, matched=True, pre_rollout_passed=True)
    run = a_status(Phase.PROGRESSING, weight=100, weights=matched, run=begun)
    facts = up(routed=Seen(weight=100, matched=True))
    status = decided(spec, run, facts, at(60), Verdict.FAIL).status
    assert (status.phase, status.canary_weight) == (Phase.FAILED, left)


def test_a_primary_that_is_short_gets_no_more_than_it_can_carry():
    short = a_primary(replicas=10, available=5)
    run = a_status(Phase.PROGRESSING, weight=60, primary_replicas=10)
    status = decided(RAMP, run, up(primary=short), at(60), Verdict.FAIL).status
    assert status.canary_weight == 50
    still = decided(RAMP, status, replace(carrying(status), primary=short), at(70)).status
    assert still.canary_weight == 50
    ready = replace(carrying(still), primary=a_primary(replicas=10))
    assert decided(RAMP, still, ready, at(80)).status.canary_weight == 25


def test_a_newer_revision_ends_it_at_once():
    status = failed()
    facts = replace(carrying(status), revision=Revision(id="1-newer"), target=NEWER)
    begun = decided(RAMP, status, facts, at(62)).status
    assert (begun.phase, begun.canary_weight) == (Phase.PROGRESSING, 0)


def test_an_edit_that_takes_it_away_gives_the_rest_back_at_once():
    status = failed()
    plain = decided(a_spec(), status, carrying(status), at(62)).status
    assert plain.canary_weight == 0
