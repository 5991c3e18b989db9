"""The records of scraped targets, as an expression sees them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

from analysis.counters import Labels, Record, increases
from analysis.expression import Selector
from analysis.model import NoData

_FIRST_SCRAPE = NoData(
    reason="first scrape: increases are known from the second on", warming_up=True
)


@dataclass(slots=True, kw_only=True)
class Watched:
    """The records of all targets from one moment on, as an expression sees them."""

    records: Mapping[str, Record]
    failing: frozenset[str]
    start: float
    covered: float = field(default=0.0, init=False)
    """The longest time that a target was watched for, in seconds."""

    def increases(self, selector: Selector) -> Mapping[Labels, float] | NoData:
        """Add up the targets' increases by labels."""
        found = self._by_target(selector)
        if not found:
            return _FIRST_SCRAPE
        total: dict[Labels, float] = {}
        for _, amounts in found:
            for labels, amount in amounts.items():
                total[labels] = total.get(labels, 0.0) + amount
        return total

    def rate(self, selector: Selector) -> float | NoData:
        """Add up the targets' increases per second, each by the time it was watched for."""
        found = self._by_target(selector)
        if not found:
            return _FIRST_SCRAPE
        if not any(amounts for _, amounts in found):
            return NoData(reason=f"no series matches {selector}")
        return sum(sum(amounts.values()) / seconds for seconds, amounts in found)

    def values(self, selector: Selector) -> Mapping[Labels, float] | NoData:
        """Add up by labels what the targets that answer showed last."""
        total: dict[Labels, float] = {}
        for target, record in self.records.items():
            window = record.window(selector.name, self.start)
            if target in self.failing or not window:
                continue
            self.covered = inf
            for labels, value in window[-1].series[selector.name].items():
                if selector.accepts(labels):
                    total[labels] = total.get(labels, 0.0) + value
        return total

    def weighed(
        self, values: Selector, weights: Selector
    ) -> Sequence[tuple[float, float]] | NoData:
        """Give what the targets that answer showed last, each with the increase of what has its labels."""
        if not self._by_target(weights):
            return _FIRST_SCRAPE
        found: list[tuple[float, float]] = []
        for target, record in self.records.items():
            shown = record.window(values.name, self.start)
            if target in self.failing or not shown:
                continue
            window = record.window(weights.name, self.start)
            grown = increases(window, weights.name, weights.accepts)
            for labels, value in shown[-1].series[values.name].items():
                if values.accepts(labels):
                    own = {*labels}
                    found.append((value, sum(grown[each] for each in grown if own <= {*each})))
        return found

    def _by_target(self, selector: Selector) -> list[tuple[float, dict[Labels, float]]]:
        found = []
        for record in self.records.values():
            window = record.window(selector.name, self.start)
            seconds = window[-1].at - window[0].at if window else 0.0
            if seconds > 0:
                self.covered = max(self.covered, seconds)
                found.append((seconds, increases(window, selector.name, selector.accepts)))
        return found
