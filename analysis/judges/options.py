"""The options of the sequential judge: numbers that users may choose, and what they may be."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import nan

from analysis.errors import QueryError
from analysis.model import Metric
from analysis.secrecy import shown_text


@dataclass(frozen=True, slots=True)
class _Option:
    """A number that users may choose."""

    default: float
    fits: Callable[[float], bool]
    expected: str


_PROBABILITY = "a probability between 0 and 1, such as 0.01"
_OPTIONS = {
    "alpha": _Option(0.01, lambda value: 0 < value < 1, _PROBABILITY),
    "beta": _Option(0.05, lambda value: 0 < value < 1, _PROBABILITY),
    "equalRatio": _Option(1.0, lambda value: 1 <= value <= 10, "a ratio from 1 to 10"),
    "maxRatio": _Option(2.0, lambda value: 1 < value <= 100, "a ratio above 1, up to 100"),
    "clustering": _Option(0.0, lambda value: 0 <= value < 1, "a number from 0 to below 1"),
}


def read_options(metric: Metric) -> Mapping[str, float]:
    """Read the options of a metric.

    Raises:
        QueryError: one is not read, or is no such number; says what to write.
    """
    values = {name: option.default for name, option in _OPTIONS.items()}
    for name, text in metric.options:
        if (option := _OPTIONS.get(name)) is None:
            raise QueryError(
                f"judgeOptions.{shown_text(name)}: judge sequential reads no such option; it reads "
                f"{', '.join(sorted(_OPTIONS))}"
            )
        values[name] = _number(text)
        if not option.fits(values[name]):
            raise QueryError(
                f"judgeOptions.{name}: {shown_text(text)!r} does not fit; write {option.expected}"
            )
    return values


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return nan
