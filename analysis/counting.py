"""Counts: queries that say how much came on top of counters, and what raw samples come to.

A count is made of `increase(SELECTOR)` and `within(EDGE, SELECTOR)`, of which several may be added
or subtracted, in the language of `expression.py`. It is a whole number of requests: nothing is
extrapolated.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

from analysis.counters import Labels
from analysis.errors import QueryError
from analysis.evaluation import combine, evaluate
from analysis.expression import Arithmetic, Call, Expression, Matcher, Selector, parse
from analysis.model import NoData

_WITHIN = "within"


def parse_count(query: str) -> Expression:
    """Read the query of a count.

    Raises:
        QueryError: it is not of the language, or more than increases.
    """
    expression = parse(query)
    if not _counts(expression):
        raise QueryError(
            "query: this counts no requests; write increase(SELECTOR) or within(EDGE, SELECTOR), "
            'or several with + and -, such as increase(http_requests_total{app="shop"})'
        )
    return expression


def calls(expression: Expression) -> Iterator[Call]:
    """Go through the counts that an expression is made of."""
    if isinstance(expression, Arithmetic):
        yield from calls(expression.left)
        yield from calls(expression.right)
    elif isinstance(expression, Call):
        yield expression


def selectors(expression: Expression) -> Iterator[Selector]:
    """Go through the selectors of an expression."""
    for call in calls(expression):
        yield from call.selectors


def needed(call: Call) -> Selector:
    """Give the selector of a count: of a histogram, of the buckets with its edge alone."""
    (selector,) = call.selectors
    if call.function != _WITHIN:
        return selector
    edge = Matcher("le", "=~", _spellings(call.number))
    return Selector(selector.name, (*selector.matchers, edge))


def _spellings(edge: float) -> str:
    """Write a pattern for a number: clients write 500, 500.0 and 5e+02 for the same edge."""
    exact = Decimal(repr(edge)).normalize()
    mantissa, _, exponent = f"{exact:e}".partition("e")
    sign = "-" if exponent.startswith("-") else "[+]?"
    return f"{_decimals(f'{exact:f}')}|{_decimals(mantissa)}[eE]{sign}0*{exponent[1:]}"


def _decimals(number: str) -> str:
    """Write a pattern for a decimal number, with any zeros at its end."""
    whole, point, rest = number.partition(".")
    return f"{whole}[.]{rest}0*" if point else f"{whole}([.]0*)?"


def promql(selector: Selector) -> str:
    """Write a selector as PromQL does."""
    # A text of JSON is one of PromQL.
    conditions = ",".join(
        f"{each.label}{each.operator}{json.dumps(each.text, ensure_ascii=False)}"
        for each in selector.matchers
    )
    return f"{selector.name}{{{conditions}}}"


def growth(samples: Sequence[tuple[float, float]], since: datetime) -> float:
    """Add up what came on top of one series since a moment.

    `samples` are times (Unix, in seconds) with values, oldest first. A counter that falls has been
    reset, and one without a sample up to the moment has counted from zero.
    """
    start = since.timestamp()
    before = [value for time, value in samples if time <= start]
    shown = (before[-1] if before else 0.0, *(value for time, value in samples if time > start))
    return sum(after - each if after >= each else after for each, after in pairwise(shown))


@dataclass(frozen=True, slots=True)
class Grown:
    """What came on top of series, by selector, as an expression sees it."""

    found: Mapping[Selector, Mapping[Labels, float]]

    def increases(self, selector: Selector) -> Mapping[Labels, float]:
        """Give what came on top of every series that the selector accepts."""
        return self.found[selector]

    def rate(self, selector: Selector) -> NoData:
        """Say that a count has no time."""
        return NoData(reason=f"{selector} is counted, and has no rate")

    def values(self, selector: Selector) -> NoData:
        """Say that a count shows no values."""
        return NoData(reason=f"{selector} is counted, and has no value")

    def weighed(self, values: Selector, _weights: Selector) -> NoData:
        """Say the same of what is weighed."""
        return self.values(values)


def total(expression: Expression, grown: Grown) -> float | NoData:
    """Add up what a count is made of.

    What has never happened has no series. So of several increases, one without a series is 0 where
    another one has some; from one that has none nothing is subtracted.
    """
    if not isinstance(expression, Arithmetic):
        return evaluate(expression, grown)
    left, right = total(expression.left, grown), total(expression.right, grown)
    if not isinstance(left, NoData) and _increases(expression.right):
        right = 0.0 if isinstance(right, NoData) else right
    elif not isinstance(right, NoData) and _increases(expression.left):
        left = 0.0 if isinstance(left, NoData) and expression.operator == "+" else left
    return combine(expression.operator, left, right)


def _increases(expression: Expression) -> bool:
    """Tell whether every part of a count is an increase: the edge of another one may be wrong."""
    return all(call.function != _WITHIN for call in calls(expression))


def _counts(expression: Expression) -> bool:
    if isinstance(expression, Arithmetic):
        return (
            expression.operator in {"+", "-"}
            and _counts(expression.left)
            and _counts(expression.right)
        )
    return isinstance(expression, Call) and expression.function in {"increase", _WITHIN}
