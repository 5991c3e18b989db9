"""Where the length of a block goes in a query that says itself how far it looks back, as in Grafana."""

from datetime import timedelta

from analysis.errors import QueryError
from analysis.providers.windows import Window

_RANGE = "$__range"


def check_range(query: str, example: str) -> None:
    """Find out whether a query says where the length of a block goes; the example is one that does.

    Raises:
        QueryError: it does not; says what to write.
    """
    if f"[{_RANGE}]" not in query:
        raise QueryError(
            f"counts: the query counts as long as it says; write [{_RANGE}], as in {example}"
        )


def ranged(query: str, window: Window) -> str:
    """Write how long a block is."""
    return query.replace(_RANGE, f"{(window.end - window.start) // timedelta(seconds=1)}s")
