"""The options of the sequential judge."""

from collections.abc import Mapping
from types import MappingProxyType

from analysis.judges.options import NumberOption, read_numbers
from analysis.model import Metric

_PROBABILITY = "a probability between 0 and 1, such as 0.01"
_OPTIONS = {
    "alpha": NumberOption(0.01, lambda value: 0 < value < 1, _PROBABILITY),
    "beta": NumberOption(0.05, lambda value: 0 < value < 1, _PROBABILITY),
    "equalRatio": NumberOption(1.0, lambda value: 1 <= value <= 10, "a ratio from 1 to 10"),
    "maxRatio": NumberOption(2.0, lambda value: 1 < value <= 100, "a ratio above 1, up to 100"),
    "clustering": NumberOption(0.0, lambda value: 0 <= value < 1, "a number from 0 to below 1"),
}


_DEFAULTS: Mapping[str, float] = MappingProxyType(
    {name: option.default for name, option in _OPTIONS.items()}
)


def read_options(metric: Metric) -> Mapping[str, float]:
    """Read the options of a metric.

    Raises:
        QueryError: one is not read, or is no such number; says what to write.
    """
    return read_numbers(metric, _OPTIONS) if metric.options else _DEFAULTS
