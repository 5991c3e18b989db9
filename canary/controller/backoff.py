"""Delays between attempts: they grow, they end at a longest, and they are spread."""

import random
from dataclasses import dataclass

_DOUBLINGS = 30
"""More of them change nothing, and a power that grows for days ends in an overflow."""


@dataclass(slots=True, kw_only=True)
class Backoff:
    """The delays of one thing that is tried again and again; each twice the one before."""

    first_seconds: float
    longest_seconds: float
    attempts: int = 0

    def next(self) -> float:
        """Give the seconds to wait after one more attempt that failed."""
        delay = self.first_seconds * 2 ** min(self.attempts, _DOUBLINGS)
        self.attempts += 1
        return jittered(min(delay, self.longest_seconds))

    def reset(self) -> None:
        """Start over after a success."""
        self.attempts = 0


def jittered(seconds: float) -> float:
    """Spread a delay, so that many do not come back at once."""
    return seconds * random.uniform(0.7, 1.3)  # noqa: S311 - not a secret
