"""What Prometheus answers when it is asked for raw samples, or for the series that there are."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from math import isfinite
from typing import Any

from analysis.counters import Labels
from analysis.errors import QueryError

#: How far before a block the sample is looked for that it begins with; Prometheus's own limit for
#: what a series still shows.
LOOK_BACK = timedelta(minutes=5)
#: What its address must be.
ROOT = "the root of a Prometheus API"

Samples = Sequence[tuple[float, float]]
"""Times (Unix, in seconds) with values, the oldest first."""


def samples_of(data: Any, where: str) -> Mapping[Labels, Samples]:
    """Read the series of a matrix.

    Raises:
        QueryError: it is none.
    """
    series = _series(data, "matrix", where)
    try:
        return {tuple(sorted(each["metric"].items())): _finite(each["values"]) for each in series}
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise unexpected(where) from error


def labels_of(data: Any, where: str) -> list[Labels]:
    """Read the labels of the series of a vector.

    Raises:
        QueryError: it is none.
    """
    series = _series(data, "vector", where)
    try:
        return [tuple(each["metric"].items()) for each in series]
    except (LookupError, TypeError, AttributeError) as error:
        raise unexpected(where) from error


def _series(data: Any, result_type: str, where: str) -> list[Any]:
    match data:
        case {"resultType": found, "result": list(series)} if found == result_type:
            return series
    raise unexpected(where)


def _finite(values: Any) -> Samples:
    samples = [(float(time), float(text)) for time, text in values]
    return [(time, value) for time, value in samples if isfinite(value)]


def unexpected(where: str) -> QueryError:
    """Say that what came back is not what this API answers."""
    return QueryError(
        f"{where} answers with JSON that is no answer of Prometheus; check that the address is {ROOT}"
    )
