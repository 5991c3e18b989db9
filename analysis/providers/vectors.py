"""What stores that speak Prometheus's API answer an instant query with: a vector or a scalar."""

from typing import Any

from analysis.errors import QueryError
from analysis.providers.series import Point, Series, number


def vector(data: Any) -> list[Series]:
    """Read the `data` of an answer: one value for each series.

    Raises:
        QueryError: it is no instant vector and no number.
        TypeError, ValueError, LookupError: it is of another shape.
    """
    match data:
        case {"resultType": "vector", "result": [*found]}:
            return [(_point(each),) for each in found]
        case {"resultType": "scalar", "result": [_, str(text)]}:
            return [(Point(number(text)),)]
        case {"resultType": "matrix"}:
            raise QueryError(
                "the query gives a range of values where one number is expected; wrap the range in "
                "a function, such as rate() or avg_over_time()"
            )
        case {"resultType": "streams"}:
            raise QueryError(
                "the query gives log lines where one number is expected; count them, such as with "
                "sum(count_over_time(...))"
            )
        case {"resultType": "string"}:
            raise QueryError("the query gives a text where one number is expected")
        case _:
            raise TypeError("no data of an instant query")


def _point(series: Any) -> Point:
    match series:
        case {"value": [_, str(text)]}:
            return Point(number(text))
        case {"histogram": _}:
            raise QueryError(
                "the query gives a native histogram where one number is expected; make it one, "
                "such as with histogram_quantile()"
            )
        case _:
            raise TypeError("no series of an instant query")
