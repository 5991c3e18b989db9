"""The baseline: beside the canary for the time of its run, led to as much, and gone after it."""

from datetime import datetime
from typing import Any

import pytest

from analysis.model import Verdict
from canary.api.status import Phase, Weights
from canary.core import waits as why
from canary.core.actions import EnsureBaseline, LeaveBehind, RemoveBaseline, RouteTraffic
from canary.core.baseline import baseline_mark, part_for_baseline
from canary.core.facts import Facts, Revision, Workload
from canary.core.needs import Analyse
from canary.core.situation import Decision, Situation
from canary.core.traffic import Seen
from tests.builders import NEW, OLD, a_primary, a_run, a_spec, a_status, a_workload, at
from tests.core.deciding import decided, message, reason, up

METRIC = {"name": "request-success-rate", "judge": "sequential", "compareWith": "baseline"}
OTHER = {"name": "request-duration", "thresholdRange": {"max": 500}}


def spec(**analysis: Any):
    return a_spec(analysis={"stepWeights": [20, 60], "metrics": [METRIC, OTHER]} | analysis)


SPEC = spec()


def running(weight: int = 0, *, baseline: int = 0, since: datetime | None = None, **fields: Any):
    """Give the status of a run at its first step, or before it."""
    run = a_run(pre_rollout_passed=True, step=1 if weight else 0, next_analysis_at=at(60))
    known = {"weight": weight, "run": run, "step_started_at": at(0)} | fields
    status = a_status(known.pop("phase", Phase.PROGRESSING), **known)
    weights = status.weights.but(baseline=baseline)
    return status.but(weights=weights, baseline_since=since)


def marked(status) -> str:
    return baseline_mark(Situation.of(SPEC, status, up(), at(60)))


def a_baseline(status, **fields: Any) -> Workload:
    return a_workload("podinfo-baseline", revision=marked(status), **fields)


def beside(status, **fields: Any) -> Facts:
    known: dict[str, Any] = {"baseline": a_baseline(status), "baseline_left": True}
    return up(**(known | fields))


def actions(decision: Decision, kind: type) -> list[Any]:
    return [each for each in decision.actions if isinstance(each, kind)]


@pytest.mark.parametrize(
    ("weight", "part"), [(0, 0), (1, 1), (20, 20), (33, 33), (34, 33), (50, 25), (99, 0), (100, 0)]
)
def test_it_has_as_much_as_the_canary_and_no_more_than_the_primary_keeps(weight, part):
    assert part_for_baseline(weight) == part


def test_it_comes_up_with_the_canary_as_large_and_is_waited_for():
    status = running()
    found = decided(SPEC, status, up(target=a_workload(replicas=3)), at(60))
    assert actions(found, EnsureBaseline) == [EnsureBaseline(revision=marked(status), replicas=3)]
    assert (reason(found), found.status.weights.canary) == (why.BASELINE_NOT_READY, 0)
    assert message(found) == (
        "waiting for all pods of podinfo-baseline to be ready, with which the canary is compared"
    )


def test_beside_a_canary_that_is_about_to_be_scaled_up_it_is_as_large_as_that_will_be():
    parked = up(
        target=a_workload(replicas=0),
        primary=a_primary(replicas=3, total=3, updated=3, available=3),
    )
    (made,) = actions(decided(SPEC, running(), parked, at(60)), EnsureBaseline)
    assert made.replicas == 3


def test_the_first_step_gives_both_the_same_weight():
    status = running()
    found = decided(SPEC, status, beside(status), at(60))
    assert found.status.weights == Weights(primary=80, canary=20, baseline=20)
    (route,) = actions(found, RouteTraffic)
    assert (route.traffic.weight, route.traffic.baseline) == (20, 20)


def test_a_baseline_of_another_run_is_none():
    status = running()
    facts = beside(status, baseline=a_workload("podinfo-baseline", revision="older/1"))
    found = decided(SPEC, status, facts, at(60))
    assert reason(found) == why.BASELINE_NOT_READY
    assert not found.status.weights.baseline


def test_one_that_does_not_come_up_ends_the_run_at_the_deadline_and_says_so():
    found = decided(SPEC, running(), up(), at(60))
    late = decided(SPEC, found.status, up(), at(60 + 601))
    assert late.status.phase is Phase.FAILED
    assert late.status.history[0].reason == why.BASELINE_NOT_READY
    assert late.status.history[0].message.startswith(
        "Timed out waiting for all pods of podinfo-baseline"
    )


def judged(status, facts: Facts, verdict: Verdict = Verdict.PASS, second: int = 60):
    asked: list[Any] = []
    found = decided(SPEC, status, facts, at(second), verdict, asked=asked)
    (need,) = [each for each in asked if isinstance(each, Analyse)]
    return found, [each.name for each in need.metrics]


def test_with_requests_on_both_sides_the_metric_is_asked():
    status = running(20, baseline=20, since=at(0))
    found, names = judged(status, beside(status, routed=Seen(weight=20, baseline=20)))
    assert names == ["request-success-rate", "request-duration"]
    assert found.status.weights.canary == 60
    assert found.status.weights.baseline == 20


def test_a_step_that_leaves_it_nothing_has_nothing_to_compare_and_passes():
    status = running(100, since=at(0))
    found, names = judged(status, beside(status, routed=Seen(weight=100)))
    assert names == ["request-duration"]
    check = next(each for each in found.status.metrics if "compared" in each.message)
    assert (check.verdict, check.message) == (
        "pass",
        "request-success-rate is not compared with the baseline: at 100 % of the traffic it has none",
    )


def test_while_it_has_lost_its_pods_the_primary_answers_and_the_canary_may_only_fail():
    status = running(20, baseline=20, since=at(0))
    gone = beside(
        status, baseline=a_baseline(status, available=0), routed=Seen(weight=20, baseline=20)
    )
    lost = decided(SPEC, status, gone, at(30))
    assert (lost.status.weights.baseline, reason(lost)) == (0, why.BASELINE_NOT_READY)
    assert not actions(lost, RemoveBaseline)
    found, names = judged(lost.status, gone)
    assert names == ["request-duration"]
    assert found.status.weights.canary == 20
    check = next(each for each in found.status.metrics if "compared" in each.message)
    assert (check.verdict, check.message) == (
        "inconclusive",
        "request-success-rate is not compared with the baseline: the baseline is not ready",
    )
    failed, _ = judged(lost.status, gone, Verdict.FAIL)
    assert failed.status.failed_checks == 1


def test_a_pod_that_comes_and_goes_takes_none_of_its_traffic():
    status = running(20, baseline=20, since=at(0))
    facts = beside(
        status, baseline=a_baseline(status, available=1), routed=Seen(weight=20, baseline=20)
    )
    assert decided(SPEC, status, facts, at(30)).status.weights.baseline == 20


@pytest.mark.parametrize(
    ("phase", "fields", "revision"),
    [
        pytest.param(Phase.SUCCEEDED, {"run": None}, OLD, id="after a promotion or a cancellation"),
        pytest.param(Phase.FAILED, {"run": None}, NEW, id="after a rollback"),
        pytest.param(Phase.PROMOTING, {}, NEW, id="while the primary is promoted"),
    ],
)  # fmt: skip
def test_at_the_end_it_loses_its_traffic_then_its_pods(phase, fields, revision):
    weight = 20 if phase is Phase.PROMOTING else 0
    status = running(weight, baseline=20, since=at(0), phase=phase, **fields)
    seen = Revision(id=revision)
    facts = beside(status, routed=Seen(weight=weight, baseline=20), revision=seen)
    ended = decided(SPEC, status, facts, at(60))
    assert (ended.status.weights.baseline, ended.status.baseline_since) == (0, at(60))
    assert [each.traffic.baseline for each in actions(ended, RouteTraffic)] == [0]
    assert not actions(ended, RemoveBaseline)
    routed = beside(status, routed=Seen(weight=weight), revision=seen)
    drains = decided(SPEC, ended.status, routed, at(65))
    assert not actions(drains, RemoveBaseline)
    assert drains.wake_at is not None
    assert drains.wake_at <= at(70)
    assert actions(decided(SPEC, ended.status, routed, at(70)), RemoveBaseline)


def test_it_keeps_its_pods_while_requests_still_reach_it_and_drains_once_more():
    status = running(0, since=at(0), phase=Phase.FAILED, run=None)
    facts = beside(status, routed=Seen(baseline=20))
    led = decided(SPEC, status, facts, at(60))
    assert led.status.baseline_since == at(60)
    assert not actions(led, RemoveBaseline)
    soon = decided(SPEC, led.status, facts, at(65))
    assert soon.status.baseline_since == at(60)
    pending = beside(status, routed=Seen(pending=True))
    assert not actions(decided(SPEC, led.status, pending, at(80)), RemoveBaseline)


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param({}, id="there is a route"),
        pytest.param({"routed": None}, id="there is none"),
    ],
)
def test_one_that_had_no_traffic_goes_at_once_as_does_one_that_the_spec_has_no_use_for(facts):
    status = running(20)
    found = decided(a_spec(), status, beside(status, **facts), at(30))
    assert actions(found, RemoveBaseline)


def test_without_a_primary_or_steps_there_is_none():
    status = running()
    assert not actions(decided(SPEC, status, up(primary=None), at(60)), EnsureBaseline)
    skipping = spec().model_copy(update={"skip_analysis": True})
    assert not actions(decided(skipping, status, up(), at(60)), EnsureBaseline)


def test_a_suspended_canary_keeps_its_weights():
    status = running(20, baseline=20, since=at(0))
    suspended = SPEC.model_copy(update={"suspend": True})
    facts = beside(status, baseline=None, routed=Seen(weight=20, baseline=20))
    assert decided(suspended, status, facts, at(30)).status.weights == status.weights


def test_what_is_left_behind_leads_to_no_baseline_which_goes_with_its_canary():
    kept = SPEC.model_copy(update={"revert_on_deletion": False})
    status = running(20, baseline=20, since=at(0))
    led = beside(status, deleting=True, has_finalizer=True, routed=Seen(weight=20, baseline=20))
    first = decided(kept, status, led, at(30))
    assert [each.traffic.baseline for each in actions(first, RouteTraffic)] == [0]
    assert "lead to no baseline" in message(first)
    left = beside(
        status, deleting=True, has_finalizer=True, left_behind=True, routed=Seen(weight=20)
    )
    drains = decided(kept, first.status, left, at(31))
    assert (reason(drains), actions(drains, LeaveBehind)) == (why.DRAINING, [LeaveBehind()])
    assert reason(decided(kept, drains.status, left, at(60))) == why.RELEASING
