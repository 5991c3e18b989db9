"""What many simulated releases come to: how many ended how, when, and at what cost."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil, sqrt

from canary.api.status import Outcome
from canary.simulation.release import ReleaseResult

_CONFIDENT = 1.96
"""Deviations of a normal distribution within which 95 of 100 numbers lie."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proportion:
    """How many of a number, and between which shares the true one lies with 95 % confidence."""

    count: int
    of: int

    @property
    def share(self) -> float:
        """The share, from 0 to 1."""
        return self.count / self.of if self.of else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The interval of Wilson (1927), which is sound near 0 and 1 too."""
        if not self.of:
            return 0.0, 1.0
        square = _CONFIDENT**2
        middle = self.share + square / (2 * self.of)
        spread = _CONFIDENT * sqrt(
            self.share * (1 - self.share) / self.of + square / (4 * self.of**2)
        )
        width = 1 + square / self.of
        return max(0.0, (middle - spread) / width), min(1.0, (middle + spread) / width)


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """A few numbers of many: half of them are no greater than `median`, and so on."""

    mean: float
    median: float
    ninety: float
    """No less than 90 of 100 of them."""
    most: float

    @classmethod
    def of(cls, numbers: Iterable[float]) -> "Distribution | None":
        """Describe numbers; None where there are none."""
        ordered = sorted(numbers)
        if not ordered:
            return None
        return cls(
            mean=sum(ordered) / len(ordered),
            median=_quantile(ordered, 0.5),
            ninety=_quantile(ordered, 0.9),
            most=ordered[-1],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """When releases ended, in seconds from when the canary's pods are ready, the earliest first."""

    label: str
    of: int
    """How many releases there were; those that have not ended are in neither list."""
    rolled_back: tuple[float, ...]
    promoted: tuple[float, ...]

    def shares(self, times: Sequence[float]) -> Iterator[tuple[float, float]]:
        """Give from when on which share of all releases had ended at one of these times."""
        yield 0.0, 0.0
        ended = 0
        for seconds, count in sorted(Counter(times).items()):
            ended += count
            yield seconds, ended / self.of


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """Many releases of revisions that fail equally often."""

    label: str
    """How often it fails, for people: "as often", "4 times as often", "5 %"."""
    failing: float
    """The share of its requests that fails, from 0 to 1."""
    promoted: Proportion
    rolled_back: Proportion
    unfinished: Proportion
    detected: Distribution | None
    """Seconds until the rollback, from when the canary's pods are ready; None without one."""
    took: Distribution | None
    """The same until the promotion."""
    hurt: Distribution | None
    """Failed requests of the canary in each release."""
    reasons: tuple[tuple[str, int], ...]
    """Why those that were not promoted were not, the most frequent first."""
    ends: Ends


def ends_of(label: str, results: Sequence[ReleaseResult]) -> Ends:
    """Give when releases ended."""

    def times(releases: Iterable[ReleaseResult]) -> tuple[float, ...]:
        return tuple(sorted(each.took.total_seconds() for each in releases))

    return Ends(
        label=label,
        of=len(results),
        rolled_back=times(_rolled_back(results)),
        promoted=times(each for each in results if each.outcome == Outcome.PROMOTED),
    )


def summarised(label: str, failing: float, results: Sequence[ReleaseResult]) -> Simulated:
    """Describe releases."""
    rolled_back, ends, of = _rolled_back(results), ends_of(label, results), len(results)
    unfinished = [each for each in results if not each.outcome]
    reasons = Counter(each.reason for each in (*rolled_back, *unfinished))
    return Simulated(
        label=label,
        failing=failing,
        promoted=Proportion(count=len(ends.promoted), of=of),
        rolled_back=Proportion(count=len(rolled_back), of=of),
        unfinished=Proportion(count=len(unfinished), of=of),
        detected=Distribution.of(ends.rolled_back),
        took=Distribution.of(ends.promoted),
        hurt=Distribution.of(each.hurt for each in results),
        reasons=tuple(reasons.most_common()),
        ends=ends,
    )


def _rolled_back(results: Iterable[ReleaseResult]) -> list[ReleaseResult]:
    return [each for each in results if each.outcome not in {"", Outcome.PROMOTED}]


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[max(0, ceil(share * len(ordered)) - 1)]
