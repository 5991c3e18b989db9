"""The sign judge, rule by rule."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import exp, inf, nan, sqrt
from typing import Any

import numpy as np
import pytest

from analysis.errors import QueryError
from analysis.evidence import Count, above
from analysis.judges import check, compares, counts, evidence, harm
from analysis.judges.sign import SignJudge
from analysis.model import (
    Bounds,
    Judgement,
    Memory,
    Metric,
    NoData,
    NoDataPolicy,
    Outcome,
    QueryFailure,
    Sample,
    Verdict,
)
from tests.cases.judges.sign import CASE

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PASS, FAIL, INCONCLUSIVE = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE
NOTHING = NoData(reason="no series matches memory")


def a_metric(options: dict[str, str] | None = None, **fields: Any) -> Metric:
    return replace(CASE.metrics[0], options=tuple((options or {}).items()), **fields)


def judged(
    metric: Metric,
    canary: float | Outcome,
    primary: float | Outcome,
    memory: Memory | None = None,
    at: datetime = START,
) -> Judgement:
    answers = {
        ask: Sample(value=each, at=at) if isinstance(each, int | float) else each
        for ask, each in zip(metric.asks, (canary, primary), strict=True)
    }
    return SignJudge().judge(metric, answers, memory or {})


def run(metric: Metric, *pairs: tuple[float, float], every: timedelta = MINUTE) -> Judgement:
    """Judge pairs one after the other, each with what was kept of those before."""
    memory: Memory = {}
    for number, pair in enumerate(pairs):
        found = judged(metric, *pair, memory=memory, at=START + number * every)
        memory = json.loads(json.dumps(dict(found.memory)))
    return found


def first_proof(metric: Metric, pair: tuple[float, float], most: int = 40) -> int | None:
    """Find the first analysis that proves harm, where each has the same pair."""
    failed = (n for n in range(1, most) if run(metric, *[pair] * n).check.verdict is FAIL)
    return next(failed, None)


@pytest.mark.parametrize(("alpha", "analyses"), [("0.05", 7), ("0.01", 9)])
def test_a_canary_that_is_always_higher_fails_as_early_as_that_can_be_proven(alpha, analyses):
    metric = a_metric({"alpha": alpha})
    assert first_proof(metric, (101, 100)) == analyses
    found = run(metric, *[(101, 100)] * analyses).check
    assert (found.verdict, found.value, found.bound) == (FAIL, 101, "no higher than the primary")


def test_what_a_proof_says():
    assert run(a_metric(), *[(120, 100)] * 9).check.message == (
        "memory 120 against the primary's 100, higher in 9 of 9 analyses: proven higher than the "
        "primary (evidence 102 of 100)"
    )


def test_a_good_canary_is_seldom_rolled_back_however_often_it_is_looked_at():
    """2,000 runs of 200 analyses, each as likely to be higher as lower."""
    signs = np.random.default_rng(7).random((2000, 200)) < 0.5
    wins = signs.cumsum(axis=1)
    limits = [
        next(k for k in range(n + 1) if exp(above(0.5, Count(n, k))) >= 20 or k == n)
        for n in range(1, 201)
    ]
    # Before the seventh analysis not even a canary that is always higher can be proven so.
    fired = (wins >= limits)[:, 6:].any(axis=1).mean()
    assert 0 < fired <= 0.05 + 3 * sqrt(0.05 * 0.95 / 2000)


def test_a_canary_that_is_no_higher_than_tolerated_is_no_worse():
    assert run(a_metric({"equalRatio": "1.1"}), *[(105, 100)] * 12).check.verdict is PASS
    assert run(a_metric({"equalRatio": "1.1"}), *[(115, 100)] * 12).check.verdict is FAIL


def test_a_canary_that_stays_below_the_largest_ratio_is_proven_harmless():
    mixed = [(101, 100), (99, 100)] * 3
    found = run(a_metric(), *mixed, (100, 100)).check
    assert (found.verdict, found.proven) == (PASS, True)
    assert found.message.endswith(
        "higher in 3 of 6 analyses: proven lower than 1.5 times the primary's (evidence 31.9 of 20)"
    )


def test_lower_may_be_what_is_worse():
    metric = a_metric({"direction": "decrease"})
    found = run(metric, *[(80, 100)] * 9).check
    assert (found.verdict, found.bound) == (FAIL, "no lower than the primary")
    assert "lower in 9 of 9 analyses: proven lower than the primary" in found.message
    assert run(metric, *[(120, 100)] * 9).check.message.endswith(
        "proven higher than 1/1.5 of the primary's (evidence 102 of 20)"
    )


@pytest.mark.parametrize(
    ("policy", "verdict"),
    [(NoDataPolicy.HOLD, INCONCLUSIVE), (NoDataPolicy.PASS, PASS), (NoDataPolicy.FAIL, FAIL)],
)
def test_without_a_proof_the_metric_says_what_follows(policy, verdict):
    found = run(a_metric(on_inconclusive=policy), (101, 100)).check
    assert (found.verdict, found.proven, found.undecided) == (verdict, False, True)
    assert found.message == (
        "memory 101 against the primary's 100, higher in 1 of 1 analyses: no proof yet, evidence of "
        f"harm 1.5 of 100, of harmlessness 1.5 of 20 (onInconclusive: {policy})"
    )


def test_equal_values_say_nothing():
    assert run(a_metric(), *[(100, 100)] * 5).memory["signs"] == "0 0 5 5"


def test_windows_that_overlap_count_once():
    assert run(a_metric(), *[(101, 100)] * 9, every=MINUTE / 2).memory["signs"].startswith("5 5")
    # An analysis may be a little early.
    early = run(a_metric(), *[(101, 100)] * 9, every=MINUTE - timedelta(seconds=2))
    assert early.memory["signs"].startswith("9 9")


def test_the_metrics_of_a_run_share_its_chance_of_a_false_rollback():
    assert first_proof(a_metric(peers=5), (101, 100)) == 12


@pytest.mark.parametrize("side", ["canary", "primary"])
@pytest.mark.parametrize("missing", [NOTHING, nan, inf])
def test_a_missing_value_is_no_data_and_changes_nothing(side, missing):
    before = run(a_metric(), *[(101, 100)] * 3).memory
    pair = (missing, 100) if side == "canary" else (101, missing)
    metric = a_metric(on_no_data=NoDataPolicy.HOLD)
    found = judged(metric, *pair, memory=before, at=START + 3 * MINUTE)
    assert (found.check.verdict, found.memory) == (INCONCLUSIVE, before)
    assert f"memory has no data of the {side}: " in found.check.message
    assert "(onNoData: hold)" in found.check.message
    assert judged(metric, *pair).memory == {}


def test_an_outage_is_no_verdict_and_changes_nothing():
    before = run(a_metric(), *[(101, 100)] * 3).memory
    found = judged(a_metric(), 101, QueryFailure(reason="refused"), memory=before)
    assert (found.check.verdict, found.memory) == (INCONCLUSIVE, before)
    assert found.check.message == "memory could not be asked: refused (onError: hold)"


def test_what_stores_remark_is_said():
    sample = Sample(value=101, at=START, warnings=("partial",))
    assert judged(a_metric(), sample, sample).check.message.endswith("; warning: partial")


@pytest.mark.parametrize(
    "changes",
    [
        {"signs": "many"},
        {"signs": "1 2 3"},
        {"signs": "9 8 0 0"},
        {"signs": "0 0 -1 0"},
        {"signs": "0 0 1 9999999"},
        {"ratios": "higher 2 3"},
    ],
)
def test_what_was_edited_begins_from_nothing(changes):
    before = run(a_metric(), *[(101, 100)] * 8).memory
    found = judged(a_metric(), 101, 100, memory=before | changes, at=START + 8 * MINUTE)
    assert found.memory["signs"] == "1 1 1 1"


def test_what_a_memory_proves_is_said_in_words():
    memory = run(a_metric(), *[(120, 100)] * 9).memory
    assert evidence("sign", memory) == (
        "higher than the primary in 9 of 9 analyses",
        "evidence of harm: 102",
        "evidence of harmlessness: 102",
    )
    assert evidence("sign", {}) == ()
    assert harm("sign", memory) == pytest.approx(102, abs=0.5)
    assert harm("sign", {}) is None


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"alpha": "2"}, "judgeOptions.alpha: '2' does not fit"),
        ({"direction": "either"}, "write one of increase, decrease"),
        ({"gamma": "1"}, "judgeOptions.gamma: judge sign reads no such option"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, says):
    with pytest.raises(QueryError, match=says):
        check(a_metric(options))


def test_a_bound_is_refused_and_what_fits_is_accepted():
    with pytest.raises(QueryError, match=r"thresholdRange: judge sign compares with the primary"):
        check(a_metric(threshold_range=Bounds(max=1)))
    check(a_metric())


def test_it_is_asked_for_the_value_of_both_sides():
    assert (compares("sign"), counts("sign")) == (True, False)
