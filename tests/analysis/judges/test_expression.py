"""The judges by conditions, rule by rule."""

from dataclasses import replace
from datetime import UTC, datetime
from math import inf, nan
from typing import Any

import pytest

from analysis.errors import QueryError
from analysis.judges import JUDGES, check, compares, counts
from analysis.model import (
    Bounds,
    Check,
    Metric,
    NoData,
    NoDataPolicy,
    Outcome,
    QueryFailure,
    Sample,
    Verdict,
)
from tests.cases.judges import comparison, expression

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PASS, FAIL, INCONCLUSIVE = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE
ALONE, BOTH = expression.CASE.metrics[0], comparison.CASE.metrics[0]


def a_metric(metric: Metric = ALONE, /, **conditions: str) -> Metric:
    return replace(metric, options=tuple(sorted(conditions.items())))


def judged(metric: Metric, *values: float | Outcome) -> Check:
    answers = {
        ask: Sample(value=each, at=NOW) if isinstance(each, int | float) else each
        for ask, each in zip(metric.asks, values, strict=True)
    }
    return JUDGES.load(metric.judge)().judge(metric, answers, {}).check


class TestOneValue:
    @pytest.mark.parametrize(
        ("conditions", "value", "verdict", "message"),
        [
            ({"passes": "value < 0.5"}, 0.25, PASS, "0.25 passes by value < 0.5"),
            ({"passes": "value < 0.5"}, 0.5, FAIL, "0.5 does not pass by value < 0.5"),
            ({"fails": "value > 5"}, 7, FAIL, "7 fails by value > 5"),
            ({"fails": "value > 5"}, 5, PASS, "5 does not fail by value > 5"),
            ({"passes": "value == 0.0 || value > 95.0"}, 0, PASS, "0 passes by"),
            ({"passes": "value == 0.0 || value > 95.0"}, 50, FAIL, "50 does not pass by"),
            ({"passes": "value > 1.0", "fails": "value > 5.0"}, 7, FAIL, "7 fails by value > 5.0"),
            ({"passes": "value < 1.0"}, inf, FAIL, "inf does not pass by"),
            ({"fails": "!(value < 10.0) ? true : false"}, -inf, PASS, "-inf does not fail by"),
        ],
    )  # fmt: skip
    def test_is_judged_by_its_conditions(
        self, conditions: dict[str, str], value: float, verdict: Verdict, message: str
    ):
        found = judged(a_metric(**conditions), value)
        assert (found.verdict, found.value) == (verdict, value)
        assert found.message.startswith(f"saturation {message}")

    @pytest.mark.parametrize("policy", list(NoDataPolicy))
    def test_between_two_conditions_the_policy_decides(self, policy: NoDataPolicy):
        metric = a_metric(passes="value < 1.0", fails="value > 5.0")
        found = judged(replace(metric, on_inconclusive=policy), 3)
        assert (found.verdict, found.undecided) == (policy.verdict, True)
        assert found.message == f"saturation 3 neither passes nor fails (onInconclusive: {policy})"
        assert found.bound == "value < 1.0 and not (value > 5.0)"

    def test_what_the_store_warns_of_is_said_with_the_verdict(self):
        found = judged(a_metric(fails="value > 5"), Sample(value=1, at=NOW, warnings=("partial",)))
        assert found.message == "saturation 1 does not fail by value > 5; warning: partial"


class TestNoValue:
    @pytest.mark.parametrize("policy", list(NoDataPolicy))
    @pytest.mark.parametrize(
        ("outcome", "reason"),
        [(nan, "the value is NaN, as of 0 / 0"), (NoData(reason="no series"), "no series")],
    )
    def test_is_no_data(self, policy: NoDataPolicy, outcome: float | Outcome, reason: str):
        found = judged(replace(a_metric(passes="value < 1.0"), on_no_data=policy), outcome)
        assert (found.verdict, found.value) == (policy.verdict, None)
        assert found.message == f"saturation has no data: {reason} (onNoData: {policy})"

    def test_says_of_which_side(self):
        found = judged(a_metric(BOTH, passes="value < baseline"), 1, NoData(reason="no series"))
        assert found.message == "memory has no data of the primary: no series (onNoData: fail)"

    def test_is_an_outage_where_the_store_could_not_be_asked(self):
        metric = replace(a_metric(passes="value < 1.0"), on_error=NoDataPolicy.HOLD)
        found = judged(metric, QueryFailure(reason="refused"))
        assert found.verdict is INCONCLUSIVE
        assert "could not be asked: refused (onError: hold)" in found.message

    @pytest.mark.parametrize("policy", list(NoDataPolicy))
    def test_is_an_outage_too_where_a_condition_cannot_be_evaluated_with_it(
        self, policy: NoDataPolicy
    ):
        metric = replace(a_metric(passes="value > 2.0 ? value > 1 % 0 : true"), on_error=policy)
        assert judged(metric, 1).verdict is PASS
        found = judged(metric, 3)
        assert found.verdict is policy.verdict
        assert f"3 cannot be judged: modulo by zero in CEL expression. (onError: {policy})" in (
            found.message
        )


class TestBothSides:
    @pytest.mark.parametrize(
        ("values", "verdict"), [((111, 100), PASS), ((112, 100), FAIL), ((1, 0), PASS)]
    )
    def test_are_judged_together(self, values: tuple[float, float], verdict: Verdict):
        assert (
            judged(a_metric(BOTH, passes="value <= baseline * 1.1 + 1.0"), *values).verdict
            is verdict
        )

    def test_are_both_named(self):
        found = judged(a_metric(BOTH, fails="value > baseline"), 3, 2)
        assert found.message == "memory 3 beside the primary's 2 fails by value > baseline"

    def test_are_asked_for_by_the_one_judge_alone(self):
        assert (compares("comparison"), compares("expression")) == (True, False)
        assert not counts("comparison")


class TestConditions:
    @pytest.mark.parametrize("metric", [*expression.CASE.metrics, *comparison.CASE.metrics])
    def test_that_can_be_evaluated_are_taken(self, metric: Metric):
        check(metric)

    @pytest.mark.parametrize(
        ("conditions", "said"),
        [
            ({}, 'judge expression needs a condition; write passes, such as "value < 0.5"'),
            ({"passes": "  "}, "needs a condition"),
            ({"pass": "value < 1.0"}, "judgeOptions.pass: judge expression reads no such option"),
            ({"passes": "value <"}, "judgeOptions.passes: 'value <' is no condition: at character"),
            ({"fails": "rate > 1.0"}, "judgeOptions.fails: 'rate > 1.0' names rate"),
            ({"passes": "value < baseline"}, "names baseline, which is not known; use value and"),
            ({"passes": "double(value) < 1.0"}, "names double, which is not known"),
            ({"passes": "[1.0].all(x, x < value)"}, "has a list, a map or a text"),
            ({"passes": "value > 'a'"}, "has a list, a map or a text"),
            ({"passes": "1.0 < 2.0"}, "says nothing of value, and would be the same for any canary"),
            ({"passes": "value * 2 < 3"}, "with a decimal point, such as 2.0"),
            ({"passes": "value"}, "is a number; compare it with another, as in value < 0.5"),
            ({"passes": "value < 1.0" + " " * 250 + "|| value > 2.0"}, "write 256 or less"),
        ],
    )  # fmt: skip
    def test_that_cannot_be_used_are_refused_with_what_to_write(
        self, conditions: dict[str, str], said: str
    ):
        with pytest.raises(QueryError) as refused:
            check(a_metric(**conditions))
        assert said in str(refused.value)

    @pytest.mark.parametrize(
        ("metric", "does"),
        [(ALONE, "judges by the conditions in judgeOptions"), (BOTH, "judges by the conditions")],
    )
    def test_stand_beside_no_range(self, metric: Metric, does: str):
        with pytest.raises(QueryError, match=f"judge {metric.judge} {does} .* remove it"):
            check(replace(metric, threshold_range=Bounds(max=1)))


@pytest.mark.parametrize("fields", [{"options": (("passes", "value < 1.0"),)}])
def test_a_message_names_the_metric_as_a_sentence_does(fields: dict[str, Any]):
    found = judged(replace(ALONE, name="queue-depth", **fields), 2)
    assert found.message == "queue depth 2 does not pass by value < 1.0"
