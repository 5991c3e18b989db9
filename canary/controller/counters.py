"""Counters of Canaries: at 0 while a run may count, and gone with their Canary."""

from collections import defaultdict

from prometheus_client import Counter

from canary.controller.gauges import Place

Series = tuple[Counter, tuple[str, ...]]
"""A counter with the labels of one of its series."""


class CanaryCounters:
    """Shows the series of each Canary that have counted something, or may do so in its run."""

    def __init__(self) -> None:
        self._counted: defaultdict[Place, set[Series]] = defaultdict(set)
        self._expected: defaultdict[Place, set[Series]] = defaultdict(set)
        """Those at 0."""

    def expect(self, place: Place, series: Series) -> None:
        """Show a counter at 0 while a run may count there, or its first rise would not be seen."""
        if series not in self._counted[place]:
            counter, labels = series
            counter.labels(*labels)
            self._expected[place].add(series)

    def expect_nothing(self, place: Place) -> None:
        """Show no counter at 0 of a Canary at rest."""
        for counter, labels in self._expected.pop(place, ()):
            counter.remove(*labels)

    def count(self, place: Place, series: Series) -> None:
        """Count one more."""
        self._expected[place].discard(series)
        self._counted[place].add(series)
        counter, labels = series
        counter.labels(*labels).inc()

    def forget(self, place: Place) -> None:
        """Drop every series of a Canary that is gone."""
        self.expect_nothing(place)
        for counter, labels in self._counted.pop(place, ()):
            counter.remove(*labels)
