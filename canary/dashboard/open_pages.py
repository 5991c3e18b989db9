"""Telling open pages that something has changed."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from canary.controller.canaries import CanaryKey


class OpenPages:
    """The pages that are live, each of one Canary or of any."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Event, CanaryKey | None] = {}

    def __len__(self) -> int:
        """Count them."""
        return len(self._waiting)

    def tell(self, key: CanaryKey) -> None:
        """Tell those of this Canary, and those of any, that it has changed."""
        for event, wanted in self._waiting.items():
            if wanted is None or wanted == key:
                event.set()

    @contextmanager
    def listening(self, key: CanaryKey | None) -> Iterator["OpenPage"]:
        """Listen for changes of a Canary, or of any where it is None, from now on."""
        event = asyncio.Event()
        self._waiting[event] = key
        try:
            yield OpenPage(event)
        finally:
            del self._waiting[event]


class OpenPage:
    """A page that is live."""

    def __init__(self, event: asyncio.Event) -> None:
        self._event = event

    async def changed(self, *, seconds: float) -> bool:
        """Wait for a change, at most so long; tell whether one came. None is missed in between."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()
        changed = self._event.is_set()
        self._event.clear()
        return changed
