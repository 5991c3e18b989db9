"""Delays between attempts: they grow, they end at a longest, and they are spread."""

import random
from dataclasses import dataclass

LONGEST_OUTAGE_SECONDS = 10.0
"""Who could not reach the API server, or knew what is out of date, asks again after so long, and a
third, at the latest: no event says when it is back."""
_DOUBLINGS = 30
"""More of them change nothing, and a power that grows for days ends in an overflow."""


@dataclass(slots=True, kw_only=True)
class Backoff:
    """The delays of one thing that is tried again and again; each twice the one before."""

    first_seconds: float
    longest_seconds: float
    attempts: int = 0

    def next(self, *, longest_seconds: float | None = None) -> float:
        """Give the seconds to wait after one more attempt that failed, at most what is given."""
        delay = self.first_seconds * 2 ** min(self.attempts, _DOUBLINGS)
        self.attempts += 1
        return jittered(min(delay, longest_seconds or self.longest_seconds))

    def reset(self) -> None:
        """Start over after a success."""
        self.attempts = 0


def jittered(seconds: float) -> float:
    """Spread a delay, so that many do not come back at once."""
    return seconds * random.uniform(0.7, 1.3)  # noqa: S311 - not a secret
