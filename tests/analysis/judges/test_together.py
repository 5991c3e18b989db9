"""Several metrics whose evidence is too little alone, and a proof together."""

from datetime import UTC, datetime, timedelta
from math import log
from typing import Any

import numpy as np
import pytest

from analysis.judges.sequential import SequentialJudge
from analysis.judging import judged
from analysis.model import (
    Ask,
    Bounds,
    Check,
    Judgement,
    Metric,
    Outcome,
    ProviderSpec,
    Report,
    Sample,
    Signal,
    Verdict,
)
from tests.analysis.test_evidence import HARM, RUNS, looked_at, share_above, simulated, tolerated
from tests.cases.judges.sequential import asks

AT = datetime(2026, 1, 1, tzinfo=UTC)
#: Requests and bad requests of the canary, then of the primary.
HALF = (100, 8, 100, 0)


def a_metric(name: str, **fields: Any) -> Metric:
    return Metric(
        **{
            "name": name,
            "asks": asks(Signal.BAD),
            "provider": ProviderSpec(type="prometheus"),
            "interval": timedelta(minutes=1),
            "threshold_range": Bounds(),
            "judge": "sequential",
            "peers": 2,
        }
        | fields
    )


def answers(metric: Metric, counts: tuple[float, ...]) -> dict[Ask, Outcome]:
    return {ask: Sample(value=count, at=AT) for ask, count in zip(metric.asks, counts, strict=True)}


def reported(*metrics: Metric, counts: tuple[float, ...] = HALF) -> Report:
    return judged(metrics, [answers(each, counts) for each in metrics])


def verdicts(report: Report) -> list[tuple[Verdict, bool]]:
    return [(each.verdict, each.proven) for each in report.checks]


def worst(report: Report) -> Check:
    (check,) = report.failures
    return check


def test_evidence_that_is_half_a_proof_in_two_metrics_is_one_together():
    report = reported(a_metric("errors"), a_metric("slow"))
    assert verdicts(report) == [(Verdict.FAIL, True), (Verdict.PASS, False)]
    assert worst(report).message == (
        "errors 92 % of 100 requests, of the primary's 100 % of 100: proven worse than the primary "
        "together with slow (evidence 101 of 100)"
    )
    # What is remembered is what was seen, whatever it came to.
    assert report.memories["errors"] == report.memories["slow"]
    assert verdicts(reported(a_metric("errors"))) == [(Verdict.PASS, False)]


def test_the_metric_with_the_most_evidence_is_named():
    metrics = a_metric("errors"), a_metric("slow")
    report = judged(
        metrics, [answers(metrics[0], (100, 7, 100, 0)), answers(metrics[1], (100, 9, 100, 0))]
    )
    assert worst(report).metric == "slow"


@pytest.mark.parametrize("apart", [{"shadow": True}, {"critical": True}, {"judge": "threshold"}])
def test_shadows_and_those_that_are_judged_apart_take_no_part(apart):
    other = a_metric("other", **apart)
    report = reported(a_metric("errors"), other)
    assert verdicts(report)[0] == (Verdict.PASS, False)


def test_what_is_proven_alone_is_told_as_it_is():
    report = reported(a_metric("errors"), a_metric("slow"), counts=(100, 30, 100, 0))
    assert [each.verdict for each in report.checks] == [Verdict.FAIL, Verdict.FAIL]
    assert not any("together" in each.message for each in report.checks)


@pytest.mark.parametrize("bad", [1, 6, 7])
def test_too_little_is_too_little_together(bad):
    report = reported(a_metric("errors"), a_metric("slow"), counts=(100, bad, 100, 0))
    assert report.verdict is Verdict.PASS


@pytest.mark.parametrize(("bad", "verdict"), [(7, Verdict.PASS), (8, Verdict.FAIL)])
def test_what_is_remembered_of_a_metric_is_all_that_counts(bad, verdict):
    metrics = [a_metric("errors"), a_metric("slow")]
    judge = SequentialJudge()
    alone = [judge.judge(each, answers(each, (100, bad, 100, 0)), {}) for each in metrics]
    kept = [Judgement(check=each.check, memory=each.memory) for each in alone]
    for judgements in (alone, kept):
        together = judge.combine(list(zip(metrics, judgements, strict=True)))
        assert together[0].check.verdict is verdict


def test_a_judge_that_cannot_put_them_together_is_taken_at_its_word_of_each():
    broken = a_metric("errors", judge="absent")
    report = reported(broken, a_metric("slow", judge="absent"))
    assert [each.verdict for each in report.checks] == [Verdict.INCONCLUSIVE] * 2


def test_five_metrics_that_fail_together_are_no_more_often_wrong_than_one():
    """Each request that is bad in one of them may be bad in the others as well."""
    metrics, chance = 5, np.random.default_rng(7)
    shared, blocks = 0.5, 60

    def bad() -> list[Any]:
        common = chance.binomial(60, 0.005 * shared, (blocks, RUNS))
        own = chance.binomial(60, 0.005 * (1 - shared), (metrics, blocks, RUNS))
        return [common + each for each in own]

    requests = np.full(blocks, 60.0)
    seen = [
        simulated(HARM, requests, requests, canary, primary)
        for canary, primary in zip(bad(), bad(), strict=True)
    ]
    together = np.logaddexp.reduce([each - log(metrics) for each in seen], axis=0)
    apart = np.maximum.reduce(seen)
    assert share_above(together, 0.05) <= tolerated(0.05)
    assert share_above(apart, 0.05) > share_above(together, 0.05)
    # It is never slower than to give each of them its part of alpha.
    assert (together >= apart - log(metrics)).all()


def test_a_regression_in_all_metrics_is_found_sooner_together():
    seen = [looked_at(60, 2, seed=seed, runs=300) for seed in range(5)]
    together = np.logaddexp.reduce([each - log(5) for each in seen], axis=0)
    apart = np.maximum.reduce(seen) - log(5)
    assert share_above(together, 0.01) >= share_above(apart, 0.01)
