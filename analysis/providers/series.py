"""One value out of what a store answers: the newest of a series, and of several only if told how.

Of a count the value of a series is the sum of its points, each of which counts for itself.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from statistics import fmean

from analysis.errors import Ambiguous
from analysis.model import NoData, Outcome, Sample
from analysis.providers.windows import Window

REDUCTIONS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "first": lambda values: values[0],
    "last": lambda values: values[-1],
    "sum": sum,
    "avg": fmean,
    "min": min,
    "max": max,
}
"""What can become of the values of several series, by the name in the option `reduce`."""


@dataclass(frozen=True, slots=True)
class Point:
    """A value of a series, None for a gap, and when it begins, in Unix seconds.

    A point without a time is what a store has computed over all of the window.
    """

    value: float | None
    at: float | None = None
    length: float = 0.0
    """The time that it stands for, in seconds."""


Series = tuple[Point, ...]
"""Points in any order."""


def outcome(
    series: Sequence[Series],
    window: Window,
    *,
    reduce: str = "",
    counted: bool = False,
    warnings: tuple[str, ...] = (),
) -> Outcome:
    """Give the one value of what a store has answered, or all that it has counted.

    Raises:
        Ambiguous: there are several series, and nothing says what becomes of them.
    """
    if not series:
        return _no_data("the query found no series", warnings)
    if len(series) > 1 and not reduce:
        raise Ambiguous(
            f"the query gives {len(series)} series where one is expected; aggregate them in the "
            f"query, or set the option reduce to one of {', '.join(REDUCTIONS)}"
        )
    values = [whole for each in series if (whole := _values(each, window))]
    found = [sum(each) if counted else each[-1] for each in values]
    if not found:
        return _no_data("the query found no value in the window", warnings)
    value = REDUCTIONS[reduce](found) if reduce else found[0]
    if isnan(value):
        return _no_data("the value is NaN, as of 0 / 0: probably there were no requests", warnings)
    return Sample(value=value, at=window.end, warnings=warnings)


def known(points: Iterable[Point]) -> Series:
    """Give the points that have a value, oldest first, where the request has said which times count."""
    found = [each for each in points if each.value is not None]
    return tuple(Point(each.value) for each in sorted(found, key=lambda each: each.at or 0.0))


def number(value: object) -> float | None:
    """Read a number, as a number or as text; None is a gap.

    Raises:
        TypeError, ValueError: it is anything else.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError(f"{type(value).__name__} is no number")
    return float(value)


def _values(series: Series, window: Window) -> list[float]:
    """Give the values of a series that are whole within the window, oldest first."""
    whole = [
        (0.0 if point.at is None else point.at, point.value)
        for point in series
        if point.value is not None
        and (point.at is None or window.holds(point.at, length=point.length))
    ]
    return [value for _, value in sorted(whole, key=lambda each: each[0])]


def _no_data(reason: str, warnings: tuple[str, ...]) -> NoData:
    return NoData(reason=reason + "".join(f"; warning: {each}" for each in warnings))
