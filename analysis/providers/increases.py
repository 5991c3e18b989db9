"""Counts in the language of counts, of providers that see raw counters."""

from analysis.counting import parse_count
from analysis.model import ProviderSpec


class IncreaseCounts:
    """Counts by `increase(…)` and `within(…)`."""

    @classmethod
    def check_count(cls, _spec: ProviderSpec, query: str) -> None:
        """Find out whether a query is in the language of counts.

        Raises:
            QueryError: it is not.
        """
        parse_count(query)
