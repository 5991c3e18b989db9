"""The threshold judge: a value passes where it lies within the metric's range.

Rules:
1. A value below `min` or above `max` fails; a value equal to a bound passes.
2. NaN is no data.
3. An infinite value outside the range fails; inside an open range it is no data, for it is the
   mark of a division by zero and not of a measurement.
4. No data takes the verdict of `on_no_data`, an outage that of `on_error`.
5. A provider that is still warming up says nothing: inconclusive, whatever the policies are.
"""

from collections.abc import Mapping
from math import isinf, isnan

from analysis.judges.unanswered import unanswered
from analysis.judges.wording import sentence
from analysis.model import (
    Ask,
    Check,
    Judgement,
    Memory,
    Metric,
    Outcome,
    Sample,
    Verdict,
    plain_number,
)

#: More decimals than this carry no information.
MOST_DECIMALS = 12
#: A number as great as this is written with an exponent.
LONGEST_NUMBER = 1e15


class ThresholdJudge:
    """Compare one value with a range."""

    def judge(
        self,
        metric: Metric,
        answers: Mapping[Ask, Outcome],
        memory: Memory,  # noqa: ARG002 - a value is compared by itself
    ) -> Judgement:
        """Judge the answer to the first question, by the rules of this module."""
        return Judgement(check=_judge(metric, answers[metric.asks[0]]))


def _judge(metric: Metric, outcome: Outcome) -> Check:
    if isinstance(outcome, Sample):
        return _judge_sample(metric, outcome)
    if (nothing := unanswered(metric, (outcome,))) is not None:
        return _check(metric, nothing.verdict, nothing.claim)
    return _no_data(metric, outcome.reason)


def _judge_sample(metric: Metric, sample: Sample) -> Check:
    value, bounds = sample.value, metric.threshold_range
    if isnan(value):
        return _no_data(metric, "the value is NaN, as of 0 / 0", sample)
    if bounds.min is not None and value < bounds.min:
        verdict, claim = Verdict.FAIL, _against(value, "is below", bounds.min, metric.unit)
    elif bounds.max is not None and value > bounds.max:
        verdict, claim = Verdict.FAIL, _against(value, "is above", bounds.max, metric.unit)
    elif isinf(value):
        return _no_data(metric, f"the value is {_number(value)}, as of a division by zero", sample)
    else:
        shown = _with_unit(_number(value, bounds.min, bounds.max), metric.unit)
        verdict, claim = Verdict.PASS, f"{shown} is within {bounds.text}"
    return _check(metric, verdict, claim, sample)


def _no_data(metric: Metric, reason: str, sample: Sample | None = None) -> Check:
    claim = f"has no data: {reason} (onNoData: {metric.on_no_data})"
    return _check(metric, metric.on_no_data.verdict, claim, sample, measured=False)


def _check(
    metric: Metric,
    verdict: Verdict,
    claim: str,
    sample: Sample | None = None,
    *,
    measured: bool = True,
) -> Check:
    remarks = "".join(f"; warning: {warning}" for warning in sample.warnings) if sample else ""
    return Check(
        metric=metric.name,
        verdict=verdict,
        value=sample.value if sample and measured else None,
        bound=metric.threshold_range.text,
        message=sentence(metric, f"{claim}{remarks}"),
        query=metric.query,
    )


def _against(value: float, relation: str, bound: float, unit: str) -> str:
    shown = _with_unit(_number(value, bound), unit)
    return f"{shown} {relation} {_with_unit(plain_number(bound), unit)}"


def _with_unit(number: str, unit: str) -> str:
    return f"{number} {unit}" if unit else number


def _number(value: float, *bounds: float | None) -> str:
    """Write a value with two decimals, and with more where it would else look like its bound."""
    if isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if abs(value) < LONGEST_NUMBER:
        for decimals in range(2, MOST_DECIMALS):
            text = f"{value + 0.0:.{decimals}f}".rstrip("0").rstrip(".")
            if all(_same_side(value, float(text), bound) for bound in (0, *bounds)):
                return text
    return repr(value)


def _same_side(value: float, shown: float, bound: float | None) -> bool:
    return bound is None or ((value > bound) - (value < bound)) == (
        (shown > bound) - (shown < bound)
    )
