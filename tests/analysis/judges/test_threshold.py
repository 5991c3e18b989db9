"""The threshold judge, claim by claim."""

from datetime import UTC, datetime, timedelta
from math import inf, isnan, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.errors import FailureKind
from analysis.judges import JUDGES
from analysis.judges.threshold import ThresholdJudge
from analysis.model import (
    Ask,
    Bounds,
    Check,
    Metric,
    NoData,
    NoDataPolicy,
    Outcome,
    ProviderSpec,
    QueryFailure,
    Sample,
    Verdict,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PASS, FAIL, INCONCLUSIVE = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE


def a_metric(low: float | None = None, high: float | None = None, **fields) -> Metric:
    return Metric(
        **{
            "name": "request-success-rate",
            "asks": (Ask(query="q"),),
            "provider": ProviderSpec(type="prometheus"),
            "interval": timedelta(minutes=1),
            "threshold_range": Bounds(min=low, max=high),
            "unit": "%",
        }
        | fields
    )


def judged(metric: Metric, outcome: Outcome) -> Check:
    """Judge an outcome; this judge keeps nothing, and what it is given makes no difference."""
    (ask,) = metric.asks
    judgement = ThresholdJudge().judge(metric, {ask: outcome}, {"kept": "by another"})
    assert judgement.memory == {}
    return judgement.check


def a_sample(value: float, *warnings: str) -> Sample:
    return Sample(value=value, at=NOW, warnings=warnings)


def test_the_table_knows_the_threshold_judge():
    assert isinstance(JUDGES.load("threshold")(), ThresholdJudge)


@pytest.mark.parametrize(
    ("low", "high", "value", "verdict", "message"),
    [
        pytest.param(99, None, 97.3123, FAIL, "request success rate 97.31 % is below 99 %", id="a value below min fails"),
        pytest.param(99, None, 99, PASS, "request success rate 99 % is within 99 ≤ value", id="a value equal to min passes"),
        pytest.param(99, None, 99.5, PASS, "request success rate 99.5 % is within 99 ≤ value", id="a value above min passes"),
        pytest.param(None, 500, 512.3, FAIL, "request success rate 512.3 % is above 500 %", id="a value above max fails"),
        pytest.param(None, 500, 500, PASS, "request success rate 500 % is within value ≤ 500", id="a value equal to max passes"),
        pytest.param(1, 2, 0.5, FAIL, "request success rate 0.5 % is below 1 %", id="a value below a closed range fails"),
        pytest.param(1, 2, 2.5, FAIL, "request success rate 2.5 % is above 2 %", id="a value above a closed range fails"),
        pytest.param(1, 2, 1.5, PASS, "request success rate 1.5 % is within 1 ≤ value ≤ 2", id="a value inside a closed range passes"),
        pytest.param(0, 0, 0, PASS, "request success rate 0 % is within 0 ≤ value ≤ 0", id="a range of one value accepts it"),
        pytest.param(None, None, 1e9, PASS, "request success rate 1000000000 % is within any value", id="an empty range accepts everything"),
        pytest.param(99, None, 98.9999, FAIL, "request success rate 98.9999 % is below 99 %", id="a value just below its bound does not look like it"),
        pytest.param(None, 0, 0.0001, FAIL, "request success rate 0.0001 % is above 0 %", id="a small value does not look like zero"),
        pytest.param(None, 1, -0.0, PASS, "request success rate 0 % is within value ≤ 1", id="negative zero is zero"),
        pytest.param(None, 1, 2e20, FAIL, "request success rate 2e+20 % is above 1 %", id="a huge value is written short"),
        pytest.param(None, 0, 1e-30, FAIL, "request success rate 1e-30 % is above 0 %", id="a tiny value is written short"),
        pytest.param(None, 500, inf, FAIL, "request success rate +Inf % is above 500 %", id="+Inf above max fails by name"),
        pytest.param(99, None, -inf, FAIL, "request success rate -Inf % is below 99 %", id="-Inf below min fails by name"),
    ],
)  # fmt: skip
def test_a_value_is_held_against_its_range(low, high, value, verdict, message):
    check = judged(a_metric(low, high), a_sample(value))
    assert (check.verdict, check.message, check.value) == (verdict, message, value)
    assert check.metric == "request-success-rate"
    assert check.bound == Bounds(min=low, max=high).text
    assert check.query == "q"


@pytest.mark.parametrize(
    ("outcome", "says"),
    [
        pytest.param(NoData(reason="no series"), "request success rate has no data: no series", id="no series is no data"),
        pytest.param(a_sample(nan), "request success rate has no data: the value is NaN", id="NaN is no data"),
        pytest.param(a_sample(inf), "request success rate has no data: the value is +Inf", id="+Inf inside an open range is no data"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    ("policy", "verdict"),
    [(NoDataPolicy.FAIL, FAIL), (NoDataPolicy.HOLD, INCONCLUSIVE), (NoDataPolicy.PASS, PASS)],
)
def test_no_data_takes_the_verdict_of_on_no_data(outcome, says, policy, verdict):
    metric = a_metric(1, on_no_data=policy, on_error=NoDataPolicy.HOLD)
    check = judged(metric, outcome)
    assert (check.verdict, check.value) == (verdict, None)
    assert check.message.startswith(says)
    assert f"onNoData: {policy}" in check.message


@pytest.mark.parametrize(
    ("policy", "verdict"),
    [(NoDataPolicy.FAIL, FAIL), (NoDataPolicy.HOLD, INCONCLUSIVE), (NoDataPolicy.PASS, PASS)],
)
@pytest.mark.parametrize("kind", FailureKind)
def test_an_outage_takes_the_verdict_of_on_error(policy, verdict, kind):
    metric = a_metric(1, on_error=policy, on_no_data=NoDataPolicy.FAIL)
    check = judged(metric, QueryFailure(reason="refused", kind=kind))
    assert (check.verdict, check.value) == (verdict, None)
    assert check.message == f"request success rate could not be asked: refused (onError: {policy})"


@pytest.mark.parametrize("policy", list(NoDataPolicy))
def test_a_provider_that_warms_up_is_inconclusive_whatever_the_policies_are(policy):
    metric = a_metric(1, on_no_data=policy, on_error=policy)
    check = judged(metric, NoData(reason="first scrape", warming_up=True))
    assert check.verdict is INCONCLUSIVE
    assert check.message == "request success rate has no data yet: first scrape"


def test_no_data_fails_and_an_outage_holds_by_default():
    assert judged(a_metric(1), NoData(reason="")).verdict is FAIL
    assert judged(a_metric(1), QueryFailure(reason="")).verdict is INCONCLUSIVE


def test_what_the_provider_remarked_is_in_the_message():
    check = judged(a_metric(1), a_sample(2, "one store is missing"))
    assert check.message.endswith("; warning: one store is missing")


def test_a_metric_without_a_unit_has_none_in_its_message():
    check = judged(a_metric(1, name="queue_length", unit=""), a_sample(0))
    assert check.message == "queue length 0 is below 1"


bounds = st.none() | st.floats(-1e12, 1e12)
values = st.floats(allow_nan=True, allow_infinity=True)


@given(low=bounds, high=bounds, value=values, policy=st.sampled_from(NoDataPolicy))
def test_the_verdict_is_that_of_arithmetic(low, high, value, policy):
    if low is not None and high is not None and low > high:
        low, high = high, low
    metric = a_metric(low, high, on_no_data=policy)
    verdict = judged(metric, a_sample(value)).verdict
    outside = (low is not None and value < low) or (high is not None and value > high)
    by_policy = {NoDataPolicy.FAIL: FAIL, NoDataPolicy.HOLD: INCONCLUSIVE, NoDataPolicy.PASS: PASS}[
        policy
    ]
    if isnan(value):
        assert verdict is by_policy
    elif outside:
        assert verdict is FAIL
    elif value in {inf, -inf}:
        assert verdict is by_policy
    else:
        assert verdict is PASS


@given(value=st.floats(-1e9, 1e9), bound=st.floats(-1e9, 1e9))
def test_the_number_in_a_message_lies_where_the_value_lies(value, bound):
    check = judged(a_metric(bound, name="m", unit=""), a_sample(value))
    shown = float(check.message.split()[1])
    assert (shown < bound, shown > bound) == (value < bound, value > bound)


outcomes: st.SearchStrategy[Outcome] = st.one_of(
    st.builds(a_sample, values),
    st.builds(NoData, reason=st.text(), warming_up=st.booleans()),
    st.builds(QueryFailure, reason=st.text(), kind=st.sampled_from(FailureKind)),
)


@given(outcome=outcomes, low=bounds)
def test_judging_is_a_function_of_its_arguments(outcome, low):
    metric = a_metric(low)
    once, twice = (repr(judged(metric, outcome)) for _ in range(2))
    assert once == twice
