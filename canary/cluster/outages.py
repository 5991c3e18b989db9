"""When the controller could see and write: outages by what was away, and of the controller itself.

What an outage means for deadlines is decided in `core/outages.py`.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable
from datetime import datetime

from canary.core.facts import Outage
from canary.core.outages import merged

KEPT = 100
"""Outages remembered of each source; a wait is longer than so many only where nothing works."""
EVERYTHING = "everything"
"""The source of outages in which no controller acted at all, such as a restart of the controller."""


class OutageLog:
    """Remembers the spans of time in which a source could not be read or written.

    A source is what is followed (a kind in a namespace), or a Canary that could not be worked on.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lost_at: dict[Hashable, datetime] = {}
        self._outages: defaultdict[Hashable, deque[Outage]] = defaultdict(
            lambda: deque(maxlen=KEPT)
        )

    def lose(self, source: Hashable) -> None:
        """Note that a source is away from now on, where it is not already."""
        self._lost_at.setdefault(source, self._clock())

    def regain(self, source: Hashable) -> None:
        """Note that a source is there again."""
        lost_at = self._lost_at.pop(source, None)
        if lost_at is not None:
            self.add(source, Outage(lost_at, self._clock()))

    def add(self, source: Hashable, outage: Outage) -> None:
        """Note an outage that has ended."""
        if outage.end > outage.start:
            self._outages[source].append(outage)

    def forget(self, source: Hashable) -> None:
        """Drop what is known of a source that is gone."""
        self._lost_at.pop(source, None)
        self._outages.pop(source, None)

    def outages(self, sources: Iterable[Hashable]) -> tuple[Outage, ...]:
        """Give the outages of these sources, and of everything, that have ended; in order."""
        if not self._outages:
            return ()
        found = (self._outages.get(source, ()) for source in (*sources, EVERYTHING))
        return merged(outage for outages in found for outage in outages)

    def away_since(self, sources: Iterable[Hashable]) -> datetime | None:
        """Tell since when one of these sources is away; None while all are there."""
        if not self._lost_at:
            return None
        lost = (self._lost_at.get(source) for source in sources)
        return min((each for each in lost if each is not None), default=None)
