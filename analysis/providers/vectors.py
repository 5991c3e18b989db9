"""What stores that speak Prometheus's API answer an instant query with: a vector or a scalar."""

from collections.abc import Sequence
from typing import Any

from analysis.errors import QueryError
from analysis.providers.series import Point, Series, number

#: The label that tells what was asked by which of several queries.
_PART = "tidegate_part"


def side_by_side(queries: Sequence[str]) -> str:
    """Write several queries as one, in PromQL or LogQL; each is one without a label of our own."""
    # A comment of a query ends with its line.
    return "\nor\n".join(
        f'label_replace(\n{each}\n, "{_PART}", "{number}", "", "")'
        for number, each in enumerate(queries)
    )


def parts(payload: Any, number: int) -> list[Any]:
    """Give what each of so many queries would have been answered alone.

    Raises:
        TypeError, ValueError, LookupError: the answer is of another shape.
    """
    data, found = payload["data"], payload["data"]["result"]
    mine = [[each for each in found if each["metric"][_PART] == str(n)] for n in range(number)]
    if sum(map(len, mine)) != len(found):
        raise ValueError("a series that was not asked for")
    return [payload | {"data": data | {"result": each}} for each in mine]


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
