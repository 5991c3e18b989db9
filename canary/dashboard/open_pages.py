"""Telling open pages that something has changed."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from canary.controller.canaries import CanaryKey
from canary.dashboard.kept import KeptCanary

Concerns = Callable[[CanaryKey, KeptCanary | None, KeptCanary | None], bool]
"""Tells whether a page shows something of a Canary, by what it was before a change and is after."""


class OpenPages:
    """The pages that are live."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Event, Concerns] = {}

    def __len__(self) -> int:
        """Count them."""
        return len(self._waiting)

    def tell(self, key: CanaryKey, before: KeptCanary | None, after: KeptCanary | None) -> None:
        """Tell those that show something of this Canary that it has changed."""
        for event, concerns in self._waiting.items():
            if not event.is_set() and concerns(key, before, after):
                event.set()

    @contextmanager
    def listening(self, concerns: Concerns) -> Iterator["OpenPage"]:
        """Listen for changes that concern a page, from now on."""
        event = asyncio.Event()
        self._waiting[event] = concerns
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
        return self._event.is_set()

    def shown(self) -> None:
        """Note that everything up to now is about to be shown."""
        self._event.clear()
