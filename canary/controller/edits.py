"""Edits: brings messages up to date, now and then, as long as they change.

What a message is and who shows it is not known here. An edit is worth nothing once there is a newer
one, so none is kept, and none that failed is tried again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from time import monotonic
from typing import Generic, TypeVar

from canary.controller.outbox import Places
from canary.errors import CanaryError
from canary.notifiers import NotDelivered

log = logging.getLogger(__name__)

Key = TypeVar("Key", bound=Hashable)

PAUSE_SECONDS = 5.0
"""Between two edits of one message."""
LONGEST_PAUSE_SECONDS = 300.0
#: How many edits are under way at once, and how many of them to one destination.
EDITS, EDITS_OF_ONE = 16, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Edit:
    make: Callable[[], Awaitable[None]]
    destination: str
    type: str


def _unobserved(_outcome: str, _seconds: float, _type: str) -> None:
    """Call nothing."""


class Edits(Generic[Key]):
    """Makes the newest edit of each message, and pauses after it.

    `observed` gets each: `delivered` or `failed`, how long it took, and the type of what shows it.
    """

    def __init__(
        self,
        *,
        pause_seconds: float = PAUSE_SECONDS,
        observed: Callable[[str, float, str], None] = _unobserved,
    ) -> None:
        self._pause_seconds = pause_seconds
        self._observed = observed
        self._due: dict[Key, _Edit] = {}
        self._workers: dict[Key, asyncio.Task[None]] = {}
        self._places = Places(in_all=EDITS, of_one=EDITS_OF_ONE)

    def submit(
        self,
        key: Key,
        make: Callable[[], Awaitable[None]],
        *,
        destination: str,
        type_: str = "",
    ) -> None:
        """Have a message edited, as soon as its pause is over; an edit that waits is dropped."""
        self._due[key] = _Edit(make=make, destination=destination, type=type_)
        if key not in self._workers:
            self._workers[key] = asyncio.create_task(self._work(key), name=f"edits {key}")

    def drop(self, unwanted: Callable[[Key], bool]) -> None:
        """Let go of the edits of messages, also of those that are being made."""
        for key in [key for key in self._workers if unwanted(key)]:
            self._due.pop(key, None)
            self._workers.pop(key).cancel()

    async def close(self) -> None:
        """Let go of all edits."""
        workers = list(self._workers.values())
        self.drop(lambda _: True)
        await asyncio.gather(*workers, return_exceptions=True)

    async def _work(self, key: Key) -> None:
        try:
            while key in self._due:
                pause = await self._make(key)
                await asyncio.sleep(pause)
        finally:
            # After a drop another worker may have this key.
            if self._workers.get(key) is asyncio.current_task():
                del self._workers[key]

    async def _make(self, key: Key) -> float:
        """Make the newest edit of a message; give the time until the next one, in seconds."""
        async with self._places.taken(self._due[key].destination):
            edit, started = self._due.pop(key), monotonic()
            try:
                await edit.make()
            except Exception as error:  # whatever it raises, the next one is due
                self._observed("failed", monotonic() - started, edit.type)
                log.info(
                    "a message was not edited: %s",
                    error,
                    extra={"canary": str(key)},
                    # An error that is none of ours is a defect: its place is worth knowing.
                    exc_info=None if isinstance(error, CanaryError) else error,
                )
                asked = error.retry_after if isinstance(error, NotDelivered) else None
                return min(LONGEST_PAUSE_SECONDS, max(self._pause_seconds, asked or 0.0))
            self._observed("delivered", monotonic() - started, edit.type)
        return self._pause_seconds
