"""How long and how often the API server is waited for, and how much is asked of it at once."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The patience of a connection."""

    request_seconds: float = 30.0
    watch_seconds: float = 300.0
    """After about this long the server is asked to end a watch, which then begins again."""
    idle_seconds: float = 90.0
    """A watch with bookmarks says something every minute; one that does not is dead."""
    attempts: int = 4
    retry_after_seconds: float = 30.0
    """The longest wait that the server may ask for."""
    page_size: int = 100


class RateLimit:
    """Lets so many requests through a second, and a burst of them at once, in their order."""

    def __init__(
        self,
        per_second: float,
        burst: int,
        *,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._per_second = per_second
        self._burst = float(burst)
        self._tokens = float(burst)
        self._clock = clock
        self._sleep = sleep
        self._at = clock()

    async def take(self) -> None:
        """Wait for one's turn."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._per_second) - 1
        self._at = now
        if self._tokens < 0:
            # Below zero the bucket is a queue: the debt is the time until one's turn.
            await self._sleep(-self._tokens / self._per_second)
