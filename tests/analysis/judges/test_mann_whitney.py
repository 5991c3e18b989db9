"""The Mann-Whitney judge: Kayenta's verdicts, rule by rule."""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from math import inf, nan
from typing import Any

import pytest

from analysis.errors import QueryError
from analysis.judges import check, compares, evidence
from analysis.judges.mann_whitney import MannWhitneyJudge
from analysis.model import (
    MEMORY_BYTES,
    Bounds,
    Check,
    Judgement,
    Memory,
    Metric,
    NoData,
    NoDataPolicy,
    Outcome,
    QueryFailure,
    Sample,
    Verdict,
    memory_bytes,
)
from analysis.pairs import MOST_PAIRS
from tests.analysis.kayenta import CLASSIFIED, Classified
from tests.cases.judges.mann_whitney import CASE

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PASS, FAIL, INCONCLUSIVE = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE
NOTHING = NoData(reason="no series matches duration")

#: Twelve values of a healthy primary, and of a canary that is a fifth slower.
HEALTHY = [100, 104, 97, 101, 103, 99, 102, 98, 105, 96, 100.5, 101.5]
SLOWER = [each * 1.2 for each in HEALTHY]


def a_metric(options: dict[str, str] | None = None, **fields: Any) -> Metric:
    return replace(
        CASE.metrics[0],
        **{"options": tuple((options or {}).items()), "on_inconclusive": NoDataPolicy.PASS}
        | fields,
    )


def judged(
    metric: Metric, canary: float | Outcome, primary: float | Outcome, memory: Memory | None = None
) -> Judgement:
    answers = {
        ask: Sample(value=each, at=START) if isinstance(each, int | float) else each
        for ask, each in zip(metric.asks, (canary, primary), strict=True)
    }
    return MannWhitneyJudge().judge(metric, answers, memory or {})


def run(
    metric: Metric, canary: Iterable[float | Outcome], primary: Iterable[float | Outcome]
) -> Judgement:
    """Judge values one after the other, each with what was kept of those before."""
    memory: Memory = {}
    for pair in zip_longest(canary, primary, fillvalue=NOTHING):
        found = judged(metric, *pair, memory=memory)
        memory = json.loads(json.dumps(dict(found.memory)))
    return found


def published(known: Classified) -> Check:
    """Judge published values; a missing one is NaN, as a store gives it."""
    sides = (
        [nan if each is None else each for each in side] for side in (known.canary, known.primary)
    )
    return run(a_metric({"minPoints": "2", **known.options}), *sides).check


#: With `nanStrategy: replace` a side that has no value at all has zeros. In Kayenta it passes.
WITHOUT_VALUES = "Missing Experiment Data with NaN Replacement"


@pytest.mark.parametrize(
    "known",
    [each for each in CLASSIFIED if len(each.canary) <= MOST_PAIRS and each.name != WITHOUT_VALUES],
    ids=lambda known: known.name,
)
def test_the_verdict_is_what_kayenta_has_published(known):
    found = published(known)
    verdict = {"pass": PASS, "high": FAIL, "low": FAIL, "nodata": FAIL}[known.says]
    assert found.verdict is verdict
    words = {
        "high": " is higher than",
        "low": " is lower than",
        "nodata": " has no data of the canary",
    }
    assert words.get(known.says, "") in found.message


def test_a_canary_that_is_slower_fails_by_what_is_no_proof():
    found = run(a_metric(), SLOWER, HEALTHY).check
    assert (found.verdict, found.proven, found.value) == (FAIL, False, pytest.approx(121.8))
    assert found.bound == "as the primary"
    assert found.message == (
        "request duration is higher than the primary's: mean 120.7 of 12 values against 100.6 of "
        "12, shifted by 20.1 (16.8 to 23.6 with 98 % confidence)"
    )


def test_a_canary_that_is_as_the_primary_passes():
    found = run(a_metric(), HEALTHY, HEALTHY[::-1]).check
    assert (found.verdict, found.message) == (
        PASS,
        "request duration has the same 12 values as the primary's",
    )
    constant = run(a_metric({"minPoints": "2"}), [5, 5, 5], [5, 5])
    assert "has the same 3 values as the primary's" in constant.check.message
    found = run(a_metric(), [each + 0.3 for each in HEALTHY], HEALTHY).check
    assert found.verdict is PASS
    assert "cannot be told from the primary's: mean 100.9 of 12 values against" in found.message


@pytest.mark.parametrize(
    ("direction", "slower", "faster", "bound"),
    [
        ("increase", FAIL, PASS, "no higher than the primary"),
        ("decrease", PASS, FAIL, "no lower than the primary"),
        ("either", FAIL, FAIL, "as the primary"),
    ],
)
def test_a_difference_fails_where_its_direction_is_looked_for(direction, slower, faster, bound):
    metric = a_metric({"direction": direction})
    checks = run(metric, SLOWER, HEALTHY).check, run(metric, HEALTHY, SLOWER).check
    assert [each.verdict for each in checks] == [slower, faster]
    assert {each.bound for each in checks} == {bound}
    for each in checks:
        assert (f"which is allowed (direction: {direction})" in each.message) == (
            each.verdict is PASS
        )


@pytest.mark.parametrize(
    ("options", "verdict", "says"),
    [
        ({"allowedIncrease": "1.25"}, PASS, "(meanRatio 1.2, allowedIncrease: 1.25)"),
        ({"allowedIncrease": "1.1"}, FAIL, "is higher"),
        ({"effectSize": "cles"}, FAIL, "is higher"),
        ({"effectSize": "cles", "allowedIncrease": "1"}, FAIL, "is higher"),
        ({"effectSize": "cles", "allowedIncrease": "1.01"}, PASS, "(cles 1, allowedIncrease: 1.01)"),
    ],
    ids=str,
)  # fmt: skip
def test_a_difference_may_be_allowed_for_its_size(options, verdict, says):
    found = run(a_metric(options), SLOWER, HEALTHY).check
    assert found.verdict is verdict
    assert says in found.message


def test_a_decrease_may_be_allowed_for_its_size():
    allowed, refused = (
        run(a_metric({"allowedDecrease": each}), HEALTHY, SLOWER).check for each in ("0.8", "0.9")
    )
    assert (allowed.verdict, refused.verdict) == (PASS, FAIL)
    assert "(meanRatio 0.8333, allowedDecrease: 0.8)" in allowed.message


@pytest.mark.parametrize("policy", NoDataPolicy)
def test_too_few_values_take_the_verdict_of_the_metric(policy):
    metric = a_metric(on_inconclusive=policy)
    found = run(metric, SLOWER[:9], HEALTHY[:9]).check
    assert (found.verdict, found.undecided) == (policy.verdict, True)
    assert (
        "has 9 of 10 values (minPoints) of both sides, too few to compare "
        f"(onInconclusive: {policy})"
    ) in found.message
    assert run(metric, SLOWER[:10], HEALTHY[:10]).check.verdict is FAIL


@pytest.mark.parametrize("policy", NoDataPolicy)
@pytest.mark.parametrize(
    ("canary", "primary", "says"),
    [
        (NOTHING, 100, "has no data of the canary: no series matches duration"),
        (100, NOTHING, "has no data of the primary: no series matches duration"),
        (nan, 100, "has no data of the canary: the value is no number"),
        (100, inf, "has no data of the primary: the value is no number"),
        (100, 1e300, "has no data of the primary: the value is no number"),
    ],
    ids=["canary", "primary", "NaN", "infinity", "beyond all measure"],
)
def test_a_side_without_values_is_no_data(policy, canary, primary, says):
    found = judged(a_metric(on_no_data=policy), canary, primary).check
    assert found.verdict is policy.verdict
    assert f"{says} (onNoData: {policy})" in found.message


def test_a_missing_value_is_left_out_or_is_0():
    gaps = [each for value in HEALTHY for each in (value, NOTHING)]
    assert (
        "of 12 values against 100.6 of 12"
        in run(a_metric(), [*SLOWER, NOTHING], HEALTHY).check.message
    )
    assert (
        "of 12, shifted"
        in run(
            a_metric(),
            [each * 1.2 if isinstance(each, float | int) else each for each in gaps],
            gaps,
        ).check.message
    )
    replaced = run(a_metric({"nanStrategy": "replace"}), gaps, HEALTHY * 2).check
    assert "mean 50.29 of 24 values" in replaced.message


def test_outliers_are_left_out_where_users_say_so():
    spiked = [*HEALTHY, 9000.0]
    kept, removed = (
        run(a_metric({"outliers": each}), spiked, [*SLOWER, 121.0]).check
        for each in ("keep", "remove")
    )
    assert "of 13 values" in kept.message
    assert "mean 100.6 of 12 values" in removed.message


@pytest.mark.parametrize("policy", NoDataPolicy)
@pytest.mark.parametrize("side", [0, 1])
def test_of_an_outage_nothing_is_kept(policy, side):
    metric = a_metric(on_error=policy)
    before = run(metric, SLOWER, HEALTHY).memory
    pair: list[float | Outcome] = [100, 100]
    pair[side] = QueryFailure(reason="refused")
    found = judged(metric, *pair, memory=before)
    assert (found.check.verdict, found.memory) == (policy.verdict, before)
    assert f"could not be asked: refused (onError: {policy})" in found.check.message
    assert judged(metric, *pair).memory == {}


def test_a_store_that_warms_up_says_nothing():
    metric = a_metric()
    before = run(metric, SLOWER, HEALTHY).memory
    young = NoData(reason="watched for 3 s", warming_up=True)
    found = judged(metric, 100, young, before)
    assert (found.check.verdict, found.memory) == (INCONCLUSIVE, before)


def test_what_providers_remark_is_told_once():
    warned = Sample(value=100, at=START, warnings=("1 of 2 targets cannot be read",))
    message = judged(a_metric(), warned, warned).check.message
    assert message.endswith("; warning: 1 of 2 targets cannot be read")
    assert message.count("warning") == 1


def test_the_newest_values_are_kept_and_fit_into_a_status():
    found = run(a_metric(), [each / 7 for each in range(200)], range(200))
    assert f"of {MOST_PAIRS} values against" in found.check.message
    assert f"mean {sum(range(200 - MOST_PAIRS, 200)) / MOST_PAIRS / 7:.4g}" in found.check.message
    assert memory_bytes(found.memory) <= MEMORY_BYTES


@pytest.mark.parametrize("pairs", ["?", "00000", "\u00e9"])
def test_what_was_edited_begins_from_nothing(pairs):
    found = judged(a_metric({"minPoints": "2"}), 1, 2, {"pairs": pairs})
    assert "has 1 of 2 values" in found.check.message


def test_what_a_memory_holds_is_said_in_words():
    assert evidence("mann-whitney", run(a_metric(), [1, 2, 3], [4, NOTHING, 6]).memory) == (
        "canary: 3 values, 1 to 3, mean 2",
        "primary: 2 values, 4 to 6, mean 5",
    )
    assert evidence("mann-whitney", judged(a_metric(), NOTHING, 1).memory) == (
        "primary: 1 value, 1 to 1, mean 1",
    )
    assert evidence("mann-whitney", {}) == ()


def test_it_is_asked_for_the_value_of_both_sides():
    assert [compares(each) for each in ("mann-whitney", "sequential", "threshold", "?")] == [
        True,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"tolerence": "1"}, "judgeOptions.tolerence: judge mann-whitney reads no such option; it reads allowedDecrease, allowedIncrease, confidence, direction,"),
        ({"direction": "up"}, "judgeOptions.direction: 'up' does not fit; write one of either, increase, decrease"),
        ({"effectSize": "cohen"}, "judgeOptions.effectSize: 'cohen' does not fit; write one of meanRatio, cles"),
        ({"confidence": "0.9999999999999999"}, "judgeOptions.confidence: '0.9999999999999999' does not fit; write a level from 0.5 to below 1"),
        ({"confidence": "98"}, "judgeOptions.confidence: '98' does not fit; write a level from 0.5 to below 1"),
        ({"tolerance": "x"}, "judgeOptions.tolerance: 'x' does not fit; write a share from 0 to below 1"),
        ({"minPoints": "2.5"}, "judgeOptions.minPoints: '2.5' does not fit; write a whole number from 2 to 36"),
        ({"minPoints": "50"}, "judgeOptions.minPoints: '50' does not fit"),
        ({"allowedIncrease": "inf"}, "judgeOptions.allowedIncrease: 'inf' does not fit; write a number from 0, such as 1.2"),
        ({"outlierFactor": "0"}, "judgeOptions.outlierFactor: '0' does not fit; write a number above 0, up to 100"),
        ({"nanStrategy": "none"}, "judgeOptions.nanStrategy: 'none' does not fit; write one of remove, replace"),
    ],
    ids=str,
)  # fmt: skip
def test_options_that_do_not_fit_are_refused(options, says):
    with pytest.raises(QueryError) as refused:
        check(a_metric(options))
    assert str(refused.value).startswith(says)


def test_a_bound_is_refused_and_what_fits_is_accepted():
    with pytest.raises(QueryError, match="cannot use value ≤ 500; remove it, or add a metric"):
        check(a_metric(threshold_range=Bounds(max=500)))
    for metric in CASE.metrics:
        check(metric)
