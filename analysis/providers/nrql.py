"""NRQL as text: the window of a query, and several counts as one query.

NerdGraph takes several queries by itself. The Insights API takes one, which may hold several counts
of the same kind of events.
"""

import re
from collections.abc import Sequence

from analysis.errors import QueryError
from analysis.providers.windows import Window

QUOTED = re.compile(r"'(?:\\.|[^'\\])*'|`[^`]*`", re.DOTALL)
_SINCE = re.compile(r"\b(?:since|until)\b", re.IGNORECASE)
_COUNT = r"(?P<count>(?:count\(\s*\*\s*\)|sum\(\s*[\w.]+\s*\)))(?:\s+AS\s+\w+)?"
_PLAIN = tuple(
    re.compile(rf"\s*{heads}\s+WHERE\s+(?P<where>.+?)\s*", re.IGNORECASE | re.DOTALL)
    for heads in (
        rf"SELECT\s+{_COUNT}\s+FROM\s+(?P<events>\w+)",
        rf"FROM\s+(?P<events>\w+)\s+SELECT\s+{_COUNT}",
    )
)
_CLAUSE = re.compile(
    r"\b(?:as|compare|extrapolate|facet|from|join|limit|offset|order|predict|select|slide|timeseries"
    r"|where|with)\b|--|//|/\*",
    re.IGNORECASE,
)


def bounded(nrql: str, window: Window) -> str:
    """Write the window behind a query that has none."""
    text = " ".join(nrql.split())
    if _SINCE.search(QUOTED.sub("", text)):
        return text
    start, end = (round(each.timestamp() * 1000) for each in (window.start, window.end))
    return f"{text} SINCE {start} UNTIL {end}"


def one_query(queries: Sequence[str]) -> str:
    """Write a query with a count for each query, in their order.

    Raises:
        QueryError: they are about different events, or one of them is more than a plain count.
    """
    found = [next((m for each in _PLAIN if (m := each.fullmatch(text))), None) for text in queries]
    plain = [m for m in found if m and not _CLAUSE.search(QUOTED.sub("", m["where"]))]
    events = {each["events"] for each in plain}
    if len(plain) < len(queries) or len(events) > 1:
        raise QueryError(
            "the queries are no plain counts of the same events, so each is asked alone"
        )
    counts = ", ".join(f"filter({each['count']}, WHERE {each['where']})" for each in plain)
    # Events that none of them counts are not read.
    wanted = " OR ".join(f"({each['where']})" for each in plain)
    return f"SELECT {counts} FROM {events.pop()} WHERE {wanted}"  # noqa: S608 - the user's own
