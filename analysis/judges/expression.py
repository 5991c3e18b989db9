"""Two judges by conditions in CEL: on the canary's value alone, and on it beside the primary's.

For values that no range describes, such as "0, or more than 95", or "at most a tenth above the
primary's". A condition is arithmetic, comparison and logic over `value` and, for the judge
`comparison`, `baseline`. It has no functions, lists or texts, so that it always ends at once.

Rules:
1. `fails` that is true fails; else `passes` that is true passes.
2. With one of the two alone, what does not pass fails, and what does not fail passes. With both, a
   value between them takes the verdict of `on_inconclusive`.
3. NaN is no data, on either side; an infinite value is compared like any other.
4. No data takes the verdict of `on_no_data`; an outage, and a condition that cannot be evaluated
   with these values, that of `on_error`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import isnan
from typing import Any, ClassVar

import cel

from analysis.errors import QueryError
from analysis.judges.grounds import Ground
from analysis.judges.options import refuse_range, refuse_unknown
from analysis.judges.unanswered import unanswered, unasked
from analysis.judges.wording import remarks, sentence
from analysis.model import (
    Arm,
    Ask,
    Check,
    Judgement,
    Memory,
    Metric,
    Outcome,
    Sample,
    Verdict,
)
from analysis.secrecy import shown_text

_PASSES, _FAILS = "passes", "fails"
_NAMES = {Arm.CANARY: "value", Arm.PRIMARY: "baseline"}
#: More says more than one sentence can, and could nest deeper than a parser likes.
LONGEST = 256
#: What begins a list, a map or a text.
_REFUSED = re.compile(r"[\[\]{}\"'`]")
_PLACE = re.compile(r"<input>:1:(?=\d+: )")
#: What goes wrong when a condition is compiled or evaluated.
_FAILURES = (RuntimeError, ValueError, TypeError, KeyError, ArithmeticError)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Conditions:
    """What users have written; at least one of them."""

    passes: str = ""
    fails: str = ""

    @property
    def bound(self) -> str:
        """Say what is wanted."""
        wanted = (self.passes, f"not ({self.fails})" if self.fails else "")
        return " and ".join(filter(None, wanted))


class ExpressionJudge:
    """Judge the canary's value by conditions."""

    names: ClassVar[frozenset[str]] = frozenset({"value"})

    @classmethod
    def check(cls, metric: Metric) -> None:
        """Find out whether a metric's conditions can be evaluated, and that it has no range.

        Raises:
            QueryError: they cannot; says what to write.
        """
        conditions = _conditions(metric)
        for option in (_PASSES, _FAILS):
            if condition := getattr(conditions, option):
                _examine(f"judgeOptions.{option}", condition, cls.names)
        refuse_range(metric, "judges by the conditions in judgeOptions")

    def judge(
        self,
        metric: Metric,
        answers: Mapping[Ask, Outcome],
        memory: Memory,  # noqa: ARG002 - a value is judged by itself
    ) -> Judgement:
        """Judge what was answered, by the rules of this module."""
        conditions = _conditions(metric)
        found = {ask.arm: answers[ask] for ask in metric.asks}
        if (nothing := unanswered(metric, found.values())) is not None:
            return _judgement(metric, conditions, nothing.verdict, nothing.claim)
        values: dict[Arm, float] = {}
        for arm, outcome in found.items():
            if isinstance(outcome, Sample) and not isnan(outcome.value):
                values[arm] = outcome.value
                continue
            reason = (
                "the value is NaN, as of 0 / 0" if isinstance(outcome, Sample) else outcome.reason
            )
            of_whom = f" of the {metric.named(arm)}" if len(found) > 1 else ""
            claim = f"has no data{of_whom}: {reason} (onNoData: {metric.on_no_data})"
            return _judgement(metric, conditions, metric.on_no_data.verdict, claim)
        verdict, claim, ground = _verdict(metric, conditions, values)
        told = f"{claim}{remarks(found.values())}"
        return _judgement(metric, conditions, verdict, told, values[Arm.CANARY], ground)


class ComparisonJudge(ExpressionJudge):
    """Judge the canary's value beside the primary's by conditions."""

    names: ClassVar[frozenset[str]] = frozenset({"value", "baseline"})
    compares: ClassVar[bool] = True


def _conditions(metric: Metric) -> _Conditions:
    """Read the options of a metric.

    Raises:
        QueryError: one is not read, or there is none; says what to write.
    """
    refuse_unknown(metric, (_PASSES, _FAILS))
    options = {name: text.strip() for name, text in metric.options}
    if not any(options.values()):
        raise QueryError(
            f"judgeOptions: judge {metric.judge} needs a condition; write {_PASSES}, such as "
            '"value < 0.5", or what fails as fails'
        )
    return _Conditions(passes=options.get(_PASSES, ""), fails=options.get(_FAILS, ""))


def _examine(field: str, condition: str, names: frozenset[str]) -> None:
    """Refuse a condition that is none, or that this judge does not know the names of.

    Raises:
        QueryError: says what is wrong, and what to write.
    """
    shown = f"{field}: {shown_text(condition)!r}"
    known = " and ".join(sorted(names, reverse=True))
    if len(condition) > LONGEST:
        raise QueryError(
            f"{field}: {len(condition)} characters are too many; write {LONGEST} or less"
        )
    if _REFUSED.search(condition):
        raise QueryError(f"{shown} has a list, a map or a text; compare {known} with numbers")
    try:
        program = _compiled(condition)
    except _FAILURES as error:
        raise QueryError(f"{shown} is no condition: {_first_line(error)}") from error
    functions = sorted(name for name in program.functions() if name.isidentifier())
    unknown = [*functions, *sorted(frozenset(program.variables()) - names)]
    if unknown:
        raise QueryError(f"{shown} names {unknown[0]}, which is not known; use {known} and numbers")
    if "value" not in program.variables():
        raise QueryError(f"{shown} says nothing of value, and would be the same for any canary")
    try:
        answer = program.execute(dict.fromkeys(names, 1.0))
    except _FAILURES as error:
        raise QueryError(
            f"{shown} cannot be evaluated: {_first_line(error)} Write each number that is added or "
            "multiplied with a decimal point, such as 2.0"
        ) from error
    if not isinstance(answer, bool):
        raise QueryError(f"{shown} is a number; compare it with another, as in value < 0.5")


def _verdict(
    metric: Metric, conditions: _Conditions, values: Mapping[Arm, float]
) -> tuple[Verdict, str, Ground]:
    shown = f"{values[Arm.CANARY]:.6g}"
    if Arm.PRIMARY in values:
        shown = f"{shown} beside the {metric.control}'s {values[Arm.PRIMARY]:.6g}"
    try:
        failing = _holds(conditions.fails, values)
        passing = _holds(conditions.passes, values)
    except _FAILURES as error:
        nothing = unasked(metric, f"{shown} cannot be judged: {_first_line(error)}")
        return nothing.verdict, nothing.claim, Ground.FINDING
    if failing:
        return Verdict.FAIL, f"{shown} fails by {conditions.fails}", Ground.FINDING
    if passing:
        return Verdict.PASS, f"{shown} passes by {conditions.passes}", Ground.FINDING
    if not conditions.fails:
        return Verdict.FAIL, f"{shown} does not pass by {conditions.passes}", Ground.FINDING
    if not conditions.passes:
        return Verdict.PASS, f"{shown} does not fail by {conditions.fails}", Ground.FINDING
    claim = f"{shown} neither passes nor fails (onInconclusive: {metric.on_inconclusive})"
    return metric.on_inconclusive.verdict, claim, Ground.NEITHER


def _holds(condition: str, values: Mapping[Arm, float]) -> bool:
    """Evaluate a condition; one that is not written holds for nothing."""
    if not condition:
        return False
    # A store may have sent a whole number, which CEL adds to no other.
    variables = {_NAMES[arm]: float(value) for arm, value in values.items()}
    return _compiled(condition).execute(variables) is True


@lru_cache(maxsize=256)
def _compiled(condition: str) -> Any:
    return cel.compile(condition)


def _first_line(error: Exception) -> str:
    """Give what the library says of an error, without its picture of the place."""
    said = str(error).partition("\n")[0].rpartition("ERROR: ")[2].partition(". ")[0].rstrip(".")
    return f"{_PLACE.sub('at character ', said)}."


def _judgement(
    metric: Metric,
    conditions: _Conditions,
    verdict: Verdict,
    claim: str,
    value: float | None = None,
    ground: Ground = Ground.FINDING,
) -> Judgement:
    return Judgement(
        check=Check(
            metric=metric.name,
            verdict=verdict,
            value=value,
            bound=conditions.bound,
            message=sentence(metric, claim),
            query=metric.query,
            undecided=ground is Ground.NEITHER,
        )
    )
