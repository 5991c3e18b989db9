"""How long a store that was asked too often is left alone. The caller passes the time in."""

from dataclasses import dataclass

#: A store that names no time is left alone for so long, then twice as long, up to `LONGEST`.
SHORTEST = 1.0
#: No store is left alone for longer, whatever it asks for: a wrong header would end all analyses.
LONGEST = 300.0


@dataclass(slots=True)
class Throttle:
    """The time in which nothing is asked, in seconds of the caller's clock."""

    until: float = 0.0
    times: int = 0
    """How often in a row the store was asked too often."""

    def left(self, now: float) -> float:
        """Give the seconds that are left of it; 0 where the store may be asked."""
        return max(0.0, self.until - now)

    def begin(self, now: float, wanted: float | None) -> None:
        """Leave the store alone for as long as it wants, or longer each time."""
        doubled = SHORTEST * 2.0 ** min(self.times, 16)
        self.times += 1
        self.until = max(self.until, now + min(LONGEST, doubled if wanted is None else wanted))

    def end(self) -> None:
        """Take note that the store has answered."""
        self.times = 0
