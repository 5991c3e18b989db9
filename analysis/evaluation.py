"""What an expression of scraped counters comes to, on what was counted.

Rules:
1. A selector that matches no series knows nothing: no data. Only the upper part of a ratio counts
   from zero, because a process that has seen no error shows no series for one.
2. A ratio of nothing to nothing, a quantile of no observations, and a mean that weighs nothing are
   no data.
3. No data in any part is no data of the whole.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import inf, isfinite, isnan
from typing import Protocol

from analysis.counters import Labels
from analysis.errors import QueryError
from analysis.expression import Arithmetic, Call, Expression, Number, Selector
from analysis.model import NoData, plain_number


class Counted(Protocol):
    """What was counted, as selectors see it."""

    def increases(self, selector: Selector) -> Mapping[Labels, float] | NoData:
        """Give what came on top of every series that the selector accepts."""

    def rate(self, selector: Selector) -> float | NoData:
        """Give what came on top of all of them, per second."""

    def values(self, selector: Selector) -> Mapping[Labels, float] | NoData:
        """Give what the series show now."""

    def weighed(
        self, values: Selector, weights: Selector
    ) -> Sequence[tuple[float, float]] | NoData:
        """Give what the first series show now, each with what came on top of those with its labels."""


def evaluate(expression: Expression, view: Counted) -> float | NoData:
    """Evaluate an expression.

    Raises:
        QueryError: buckets are asked for of series that are none, or one that does not exist.
    """
    if isinstance(expression, Number):
        return expression.value
    if isinstance(expression, Arithmetic):
        left, right = evaluate(expression.left, view), evaluate(expression.right, view)
        return combine(expression.operator, left, right)
    return _FUNCTIONS[expression.function](expression, view)


def bucket_quantile(q: float, buckets: Mapping[float, float]) -> float | None:
    """Estimate a quantile of a histogram, as Prometheus's `histogram_quantile` does.

    `buckets` are cumulative counts by upper bound. Within a bucket observations are taken to lie
    evenly, and those above the highest bound at that bound. None where nothing was observed, or
    where no bound is finite.
    """
    bounds = sorted(buckets)
    if not bounds or not isfinite(bounds[0]):
        return None
    cumulative: list[float] = []
    for bound in bounds:
        # Buckets of one histogram are read one after the other while they are counted up.
        cumulative.append(max(buckets[bound], cumulative[-1] if cumulative else 0.0))
    if cumulative[-1] <= 0:
        return None
    rank = q * cumulative[-1]
    index = next(i for i, count in enumerate(cumulative) if count >= rank)
    if bounds[index] == inf:
        return bounds[index - 1]
    below = cumulative[index - 1] if index else 0.0
    # The lowest bucket begins at zero, unless it ends there.
    start = bounds[index - 1] if index else min(0.0, bounds[0])
    within = cumulative[index] - below
    share = (rank - below) / within if within else 1.0
    return start + (bounds[index] - start) * share


def combine(operator: str, left: float | NoData, right: float | NoData) -> float | NoData:
    """Calculate with two values; without one there is none."""
    if isinstance(left, NoData):
        return left
    if isinstance(right, NoData):
        return right
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case _:
            return left / right if right else NoData(reason="the query divides by zero")


def _increase(call: Call, view: Counted) -> float | NoData:
    (selector,) = call.selectors
    return _total(selector, view.increases(selector))


def _rate(call: Call, view: Counted) -> float | NoData:
    (selector,) = call.selectors
    return view.rate(selector)


def _value(call: Call, view: Counted) -> float | NoData:
    (selector,) = call.selectors
    return _total(selector, view.values(selector))


def _mean(call: Call, view: Counted) -> float | NoData:
    shown, weights = call.selectors
    found = view.weighed(shown, weights)
    if isinstance(found, NoData):
        return found
    if not found:
        return _nothing(shown)
    total = sum(weight for _, weight in found)
    if not total:
        return _no_increase(weights)
    return sum(value * weight for value, weight in found) / total


def _ratio(call: Call, view: Counted) -> float | NoData:
    upper, lower = call.selectors
    above, below = view.increases(upper), view.increases(lower)
    if isinstance(above, NoData):
        return above
    total = _total(lower, below)
    if isinstance(total, NoData):
        return total
    if not total:
        return _no_increase(lower)
    return sum(above.values()) / total


def _quantile(call: Call, view: Counted) -> float | NoData:
    (selector,) = call.selectors
    found = view.increases(selector)
    if isinstance(found, NoData):
        return found
    if not found:
        return _nothing(selector)
    quantile = bucket_quantile(call.number, _buckets(selector, found))
    if quantile is None:
        return NoData(reason=f"{selector} observed nothing: probably there were no requests")
    return quantile


def _within(call: Call, view: Counted) -> float | NoData:
    (selector,) = call.selectors
    found = view.increases(selector)
    if isinstance(found, NoData):
        return found
    if not found:
        return _nothing(selector)
    buckets = _buckets(selector, found)
    if call.number not in buckets:
        raise no_edge(call.number, buckets, selector)
    return buckets[call.number]


def no_edge(edge: float, edges: Iterable[float], selector: Selector) -> QueryError:
    """Say that a histogram has no bucket with an edge, and which ones are next to it."""
    known = sorted(each for each in edges if isfinite(each))
    lower, upper = (
        [each for each in known if each < edge][-1:],
        [each for each in known if each > edge][:1],
    )
    nearest = " and ".join(map(plain_number, (*lower, *upper)))
    remedy = f"the nearest edges are {nearest}" if nearest else "it has no edges at all"
    return QueryError(
        f"query: {selector} has no bucket with the edge {plain_number(edge)}; {remedy}"
    )


def _buckets(selector: Selector, found: Mapping[Labels, float]) -> Mapping[float, float]:
    """Add up series by the edges of their buckets."""
    buckets: dict[float, float] = {}
    for labels, amount in found.items():
        bound = edge_of(labels, selector)
        buckets[bound] = buckets.get(bound, 0.0) + amount
    return buckets


def edge_of(labels: Labels, selector: Selector) -> float:
    """Read the edge of the bucket that a series is.

    Raises:
        QueryError: it is none.
    """
    return _bound(dict(labels).get("le"), selector)


def _bound(text: str | None, selector: Selector) -> float:
    try:
        bound = float(text or "")
    except ValueError:
        bound = float("nan")
    if isnan(bound):
        raise QueryError(
            f"query: {selector} are no buckets of a histogram: a label `le` with a number is "
            "missing; name the series that ends in _bucket"
        )
    return bound


def _total(selector: Selector, found: Mapping[Labels, float] | NoData) -> float | NoData:
    if isinstance(found, NoData):
        return found
    return sum(found.values()) if found else _nothing(selector)


def _nothing(selector: Selector) -> NoData:
    return NoData(reason=f"no series matches {selector}")


def _no_increase(selector: Selector) -> NoData:
    return NoData(reason=f"{selector} did not increase: probably there were no requests")


_FUNCTIONS: Mapping[str, Callable[[Call, Counted], float | NoData]] = {
    "increase": _increase,
    "rate": _rate,
    "value": _value,
    "mean": _mean,
    "ratio": _ratio,
    "quantile": _quantile,
    "within": _within,
}
