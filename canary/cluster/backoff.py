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
        longest = longest_seconds or self.longest_seconds
        delay = grown(self.attempts, first_seconds=self.first_seconds, longest_seconds=longest)
        self.attempts += 1
        return delay

    def reset(self) -> None:
        """Start over after a success."""
        self.attempts = 0


def grown(attempts: int, *, first_seconds: float, longest_seconds: float) -> float:
    """Give the seconds to wait after one more attempt that failed, beside those before it."""
    return jittered(min(first_seconds * 2 ** min(attempts, _DOUBLINGS), longest_seconds))


def jittered(seconds: float) -> float:
    """Spread a delay, so that many do not come back at once."""
    return seconds * random.uniform(0.7, 1.3)  # noqa: S311 - not a secret
