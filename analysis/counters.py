"""Counters over time: snapshots of what one process counts, and what came on top in a window.

Rules:
1. A counter that falls has been reset: what it shows after that has come on top.
2. A series that was not there before has counted from zero: a process that is watched shows its
   first error as soon as it has one. (PromQL's `rate` does not see it.)
3. What the first snapshot shows is history, not an increase.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf

Labels = tuple[tuple[str, str], ...]
"""The labels of a series, sorted by name, without the metric's name."""

Series = Mapping[Labels, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What one process showed at a moment: series by metric name, for the names that were read.

    A name that was read and has no series is there, with nothing in it. `at` is in seconds of a
    clock that only moves forward.
    """

    at: float
    series: Mapping[str, Series]


class Record:
    """The snapshots of one process, oldest first, as far back as windows reach."""

    def __init__(self) -> None:
        self._snapshots: list[Snapshot] = []
        self._borders: set[float] = set()
        """When those were made with which a count has ended: the next one begins with them."""

    def add(self, snapshot: Snapshot, *, spacing: float, horizon: float) -> None:
        """Add the newest snapshot; thin those closer than a spacing, drop those past a horizon.

        The last one before the horizon stays: it is where a window that begins there is measured
        from.
        """
        kept = self._snapshots
        if kept:
            snapshot = _sharing_labels(snapshot, kept[-1])
        crowded = len(kept) > 1 and kept[-1].at - kept[-2].at < spacing
        if crowded and kept[-1].at not in self._borders:
            before, between = kept[-2:]
            # Where it only rose, what lies between adds nothing to what came on top.
            if _rises(before, between) and _rises(between, snapshot):
                kept.pop()
        kept.append(snapshot)
        while len(kept) > 1 and kept[1].at <= horizon:
            self._borders.discard(kept.pop(0).at)

    def clear(self) -> None:
        """Forget everything."""
        self._snapshots.clear()
        self._borders.clear()

    def window(self, name: str, start: float, end: float = inf) -> tuple[Snapshot, ...]:
        """Pick the snapshots that a window is measured by, of those in which a name was read.

        The first is the last one at or before the start; where there is none, the oldest. The last
        is the last one at or before the end.
        """
        reading = [each for each in self._snapshots if name in each.series and each.at <= end]
        before = sum(snapshot.at <= start for snapshot in reading)
        return tuple(reading[max(0, before - 1) :])

    def block(self, name: str, start: float, end: float) -> tuple[Snapshot, ...]:
        """Pick those of a window after which another one begins: its last is kept until then."""
        window = self.window(name, start, end)
        self._borders.update(each.at for each in window[-1:])
        return window


def increases(
    snapshots: Sequence[Snapshot], name: str, matches: Callable[[Labels], bool]
) -> dict[Labels, float]:
    """Add up what came on top of every series of a name that matches, since the first snapshot."""
    chosen = {
        labels
        for labels in {labels for snapshot in snapshots for labels in snapshot.series[name]}
        if matches(labels)
    }
    totals = dict.fromkeys(chosen, 0.0)
    for earlier, later in pairwise(snapshots):
        before, after = earlier.series[name], later.series[name]
        for labels in chosen:
            if (value := after.get(labels)) is not None:
                since = before.get(labels, 0.0)
                totals[labels] += value - since if value >= since else value
    return totals


def _rises(earlier: Snapshot, later: Snapshot) -> bool:
    """Whether nothing was reset or went between two snapshots, and no name is read again."""
    return later.series.keys() <= earlier.series.keys() and all(
        later.series[name].get(labels, -inf) >= value
        for name in later.series
        for labels, value in earlier.series[name].items()
    )


def _sharing_labels(snapshot: Snapshot, earlier: Snapshot) -> Snapshot:
    """Make a snapshot that shares equal labels with an earlier one: most of its memory."""
    shared: dict[str, Series] = {}
    for name, series in snapshot.series.items():
        known = {labels: labels for labels in earlier.series.get(name, {})}
        shared[name] = {known.get(labels, labels): value for labels, value in series.items()}
    return Snapshot(at=snapshot.at, series=shared)
