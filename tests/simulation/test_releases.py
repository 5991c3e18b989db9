"""Simulated releases: the real decisions and judges, with traffic that is drawn."""

import random
from datetime import datetime, timedelta
from typing import Any

import pytest

from analysis.model import Arm, Report, Verdict
from canary.core.needs import Analyse, HookAnswer, Need
from canary.core.traffic import Seen
from canary.simulation.answering import Meaning, Meanings, Measurement, Rate
from canary.simulation.lazy import LazyAnswers
from canary.simulation.release import (
    Rehearsal,
    ReleaseResult,
    ReleaseSetting,
    RouterTraits,
)
from canary.simulation.traffic import RequestCounters, ServiceTraffic
from tests.builders import T0, a_report, a_spec
from tests.core.world import BY_REPLICAS, SWITCHES

SUCCESS = {"name": "request-success-rate", "thresholdRange": {"min": 99}}
PROOF = {"name": "request-success-rate", "judge": "sequential"}
RANKS = {
    "name": "request-success-rate",
    "judge": "mann-whitney",
    "judgeOptions": {"direction": "decrease", "minPoints": "3"},
}
ERRORS = {"name": "errors", "query": "e", "thresholdRange": {"max": 1}}
SLOW = {"name": "request-duration", "thresholdRange": {"max": 500}}
MATCH = [{"headers": {"x-insider": {"exact": "yes"}}}]
FIVE_PERCENT, HEALTHY = 0.05, 0.005


def a_rehearsal(
    router: RouterTraits | None = None,
    horizon: timedelta = timedelta(hours=1),
    said: dict[str, Meaning] | None = None,
    traffic: dict[str, float] | None = None,
    *,
    spec: dict[str, object] | None = None,
    **analysis: object,
) -> Rehearsal:
    asked = {"interval": "60s", "stepWeight": 10, "maxWeight": 50, "metrics": [SUCCESS]} | analysis
    return Rehearsal(
        ReleaseSetting(
            spec=a_spec(analysis=asked, **(spec or {})),
            router=router or RouterTraits(name="istio"),
            traffic=ServiceTraffic(**{"per_minute": 600, "errors": HEALTHY} | (traffic or {})),
            replicas=2,
            starting=timedelta(seconds=20),
            horizon=horizon,
            meanings=Meanings(said=said or {}),
        )
    )


def results(
    rehearsal: Rehearsal, failing: float, number: int = 6, seed: int = 1
) -> list[ReleaseResult]:
    chance = random.Random(seed).random
    return [rehearsal.release(failing, chance) for _ in range(number)]


def outcomes(*arguments: Any) -> set[str]:
    return {each.outcome for each in results(*arguments)}


def test_a_seed_gives_the_same_releases_and_another_one_others() -> None:
    rehearsal = a_rehearsal()
    first = results(rehearsal, HEALTHY)
    assert results(rehearsal, HEALTHY) == first
    assert results(rehearsal, HEALTHY, seed=2) != first


def test_a_revision_that_fails_often_is_rolled_back_soon_and_after_few_failed_requests() -> None:
    for each in results(a_rehearsal(), FIVE_PERCENT):
        assert (each.outcome, each.reason) == ("RolledBack", "ChecksFailed")
        assert timedelta(minutes=1) <= each.took <= timedelta(minutes=3)
        assert 0 < each.hurt < 40


def test_a_bound_rolls_many_good_releases_back_and_a_proof_next_to_none() -> None:
    """As docs/judges.md says; 30 analyses at 60 requests a minute on the canary."""
    looks: dict[str, object] = {
        "stepWeight": None,
        "maxWeight": None,
        "threshold": 5,
        "steps": [{"weight": 10, "duration": "30m"}],
    }
    bound, proof = (
        results(a_rehearsal(metrics=[metric], **looks), HEALTHY) for metric in (SUCCESS, PROOF)
    )
    assert sum(each.outcome == "RolledBack" for each in bound) >= 5
    assert sum(each.outcome == "RolledBack" for each in proof) <= 1


def test_a_release_that_takes_longer_than_the_horizon_is_unfinished_and_says_why() -> None:
    (result,) = results(a_rehearsal(horizon=timedelta(minutes=2)), 0.0, number=1)
    assert (result.outcome, result.reason) == ("", "AnalysisDue")


def test_a_release_that_is_not_analysed_is_promoted_whatever_it_is() -> None:
    rehearsal = a_rehearsal(spec={"skipAnalysis": True})
    assert outcomes(rehearsal, FIVE_PERCENT) == {"Promoted"}


def test_a_primary_that_does_not_come_up_is_an_error_that_says_what_it_waits_for() -> None:
    with pytest.raises(ValueError, match="suspend"):
        a_rehearsal(spec={"suspend": True})


@pytest.mark.parametrize(
    ("metric", "said", "bad"),
    [
        pytest.param(ERRORS, {"errors": Rate.ERRORS}, True, id="a rate of errors"),
        pytest.param(SLOW, {"request-duration": Rate.SUCCESS}, False, id="within the bound"),
        pytest.param(SLOW, {"request-duration": Measurement(mean=900)}, True, id="too slow"),
        pytest.param(SLOW, {}, False, id="a metric of which nothing is said passes"),
        pytest.param(SLOW | {"thresholdRange": {"min": 2}}, {}, False, id="also by its least"),
        pytest.param(PROOF | {"warmUp": "90s"}, {}, True, id="counts of both sides"),
        pytest.param(RANKS, {}, True, id="values of both sides"),
        pytest.param(
            RANKS | {"name": "a"}, {"a": Measurement(mean=9)}, False, id="the same values"
        ),
    ],
)
def test_a_metric_says_what_it_is_said_to_measure(
    metric: dict[str, object], said: dict[str, Meaning], bad: bool
) -> None:
    rehearsal = a_rehearsal(said=said, metrics=[metric])
    assert outcomes(rehearsal, 0.3, 3) == {"RolledBack" if bad else "Promoted"}


def test_what_is_taken_for_granted_is_named() -> None:
    analysis = a_spec(analysis={"metrics": [SUCCESS, SLOW, ERRORS]}).analysis
    assert Meanings(said={"errors": Rate.ERRORS}).assumed(analysis) == ("request-duration",)


def test_a_past_time_is_relived_with_the_verdicts_that_it_had() -> None:
    asked: list[datetime] = []

    def judge(need: Analyse, now: datetime) -> Report:
        asked.append(now)
        return a_report(Verdict.FAIL if now >= T0 + timedelta(minutes=3) else Verdict.PASS)

    result = a_rehearsal(threshold=2).relive(T0, judge)
    assert (result.outcome, result.reason) == ("RolledBack", "ChecksFailed")
    assert timedelta(minutes=3) < asked[-1] - T0 < timedelta(minutes=5)
    assert result.hurt == 0


@pytest.mark.parametrize(
    "analysis",
    [
        pytest.param({"stepWeight": None, "iterations": 2, "match": MATCH}, id="A/B testing"),
        pytest.param({"mirror": True}, id="mirroring"),
        pytest.param({"verifyTraffic": {}}, id="traffic that is verified"),
        pytest.param(
            {
                "metrics": [
                    {
                        "name": "request-success-rate",
                        "judge": "sequential",
                        "compareWith": "baseline",
                        "onNoData": "hold",
                    },
                    {
                        "name": "errors",
                        "query": "errors",
                        "judge": "sign",
                        "compareWith": "baseline",
                        "onNoData": "hold",
                        "shadow": True,
                    },
                ]
            },
            id="a baseline",
        ),
        pytest.param({"sessionAffinity": {"cookieName": "c"}}, id="session affinity"),
        pytest.param(
            {"webhooks": [{"name": "gate", "type": "confirm-promotion", "deadline": "5m"}]},
            id="a gate that a person opens",
        ),
        pytest.param(
            {"webhooks": [{"name": "gate", "type": "confirm-promotion", "approvals": 2}]},
            id="a gate that two people open",
        ),
        pytest.param(
            {"webhooks": [{"name": "back", "type": "rollback", "url": "http://h.example/"}]},
            id="a hook that could ask for a rollback",
        ),
        pytest.param({"stepWeightPromotion": 50}, id="stepped promotion"),
    ],
)
def test_every_strategy_comes_to_its_end(analysis: dict[str, object]) -> None:
    rehearsal = a_rehearsal(**analysis)
    assert outcomes(rehearsal, 0.0, 2) == {"Promoted"}
    assert outcomes(rehearsal, 0.3, 2) == {"RolledBack"}


@pytest.mark.parametrize(
    ("router", "analysis"),
    [
        pytest.param(
            RouterTraits(name=SWITCHES, splits=False),
            {"stepWeight": None, "maxWeight": None, "iterations": 2},
            id="that switches",
        ),
        pytest.param(RouterTraits(name=BY_REPLICAS, by_replicas=True), {"stepWeight": 50}, id="by replicas"),
        pytest.param(RouterTraits(name="nginx", settling=timedelta(seconds=5)), {}, id="that settles"),
    ],
)  # fmt: skip
def test_a_router_is_simulated_with_what_it_can_do(
    router: RouterTraits, analysis: dict[str, object]
) -> None:
    tested = a_rehearsal(router, traffic={"load": 300}, **analysis)
    assert outcomes(tested, 0.0, 2) == {"Promoted"}
    assert outcomes(tested, 0.3, 2) == {"RolledBack"}


def test_without_traffic_of_its_own_or_a_load_test_the_canary_has_no_data() -> None:
    switching = RouterTraits(name=SWITCHES, splits=False)
    rehearsal = a_rehearsal(switching, stepWeight=None, maxWeight=None, iterations=2)
    assert outcomes(rehearsal, 0.0, 2) == {"RolledBack"}


@pytest.mark.parametrize(
    ("then", "ends"),
    [("advance", ("Promoted", "")), ("rollback", ("RolledBack", "AnalysisInconclusive"))],
)
def test_a_hold_for_want_of_a_proof_ends_as_its_limit_says(
    then: str, ends: tuple[str, str]
) -> None:
    limit = {"after": "5m", "then": then}
    metric = {"name": "request-success-rate", "judge": "sequential", "minRequests": 10_000}
    waiting = a_rehearsal(
        metrics=[metric | {"holdLimit": limit}], stepWeight=None, stepWeights=[20]
    )
    found = waiting.release(0.0, random.Random(1).random)
    assert (found.outcome, found.reason if then == "rollback" else "") == ends


def test_an_autoscaled_target_comes_to_its_end() -> None:
    scaler = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "podinfo"}
    assert outcomes(a_rehearsal(spec={"autoscalerRef": scaler}), 0.0, 2) == {"Promoted"}


def test_an_answer_is_found_once_and_only_where_it_is_looked_for() -> None:
    asked: list[Need[object]] = []

    def answer(need: Need[object]) -> HookAnswer:
        asked.append(need)
        return HookAnswer(passed=True)

    answers, need = LazyAnswers(answer), Analyse(key="1", metrics=())
    assert (list(answers), len(answers)) == ([], 0)
    assert answers.get(need) is answers.get(need)
    assert (list(answers), len(answers), asked) == ([need], 1, [need])


def drawn(routed: Seen | None, **traffic: float) -> RequestCounters:
    service = ServiceTraffic(**{"per_minute": 6000, "errors": 0.01} | traffic)
    counters = RequestCounters(service=service, failing=0.1, chance=random.Random(3).random, to=T0)
    counters.pass_until(T0 + timedelta(minutes=10), routed, tested=True)
    return counters


@pytest.mark.parametrize(
    ("routed", "traffic", "on_canary", "hurt"),
    [
        pytest.param(None, {}, 0, 0, id="no route"),
        pytest.param(Seen(weight=20), {}, 12_000, 1_200, id="a weight"),
        pytest.param(Seen(weight=100, matched=True), {"matching": 0.1}, 6_000, 600, id="a match"),
        pytest.param(Seen(mirror=50), {}, 30_000, 0, id="copies, which hurt nobody"),
        pytest.param(Seen(), {"load": 600}, 6_000, 0, id="a load test, which hurts nobody"),
        pytest.param(Seen(weight=20), {"per_minute": 20}, 40, 4, id="few requests"),
        pytest.param(Seen(weight=20), {"per_minute": 0}, 0, 0, id="none"),
    ],
)
def test_requests_are_those_that_the_route_sends(
    routed: Seen | None, traffic: dict[str, float], on_canary: int, hurt: int
) -> None:
    counters = drawn(routed, **traffic)
    had = counters.between(Arm.CANARY, T0, counters.to)
    assert not counters.between(Arm.SECOND, T0, counters.to).requests
    assert had.requests == pytest.approx(on_canary, rel=0.05, abs=15)
    assert counters.hurt == pytest.approx(hurt, rel=0.1, abs=6)
    half = counters.between(Arm.CANARY, T0 - timedelta(1), T0 + timedelta(minutes=5, seconds=7))
    assert half.requests == pytest.approx(on_canary * 307 / 600, rel=0.1, abs=15)


def test_a_baseline_answers_a_part_of_the_primarys_requests_and_fails_as_often() -> None:
    counters = drawn(Seen(weight=20, baseline=20))
    primary, baseline = (
        counters.between(arm, T0, counters.to) for arm in (Arm.PRIMARY, Arm.SECOND)
    )
    assert (primary.requests, baseline.requests) == pytest.approx((36_000, 12_000), rel=0.05)
    assert baseline.bad / baseline.requests == pytest.approx(
        primary.bad / primary.requests, rel=0.5
    )
