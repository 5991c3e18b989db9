"""The work queue: keys to be worked on, each once at a time, by a bounded number of workers.

Parties take turns, so that one with many keys delays no other; within a party keys are worked on in
the order in which they were woken.
"""

import asyncio
import heapq
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress
from typing import Generic, Protocol, TypeVar

from canary.cluster.backoff import LONGEST_OUTAGE_SECONDS, Backoff
from canary.errors import CanaryError, Conflict, Unreachable

log = logging.getLogger(__name__)

Key = TypeVar("Key", bound=Hashable)

FIRST_RETRY_SECONDS = 0.2
LONGEST_RETRY_SECONDS = 60.0
STALE_ALARMS = 64
"""So many alarms that no longer hold may be kept beside as many as do."""


class Observed(Protocol):
    """Hears of a piece of work: how long its key waited, how long it took, and why it failed."""

    def __call__(self, waited_seconds: float, worked_seconds: float, error: str, /) -> None:
        """Hear of it; `error` is one word, and empty where it did not fail."""


class WorkQueue(Generic[Key]):
    """De-duplicated keys and a heap of wake-ups; times are seconds of `clock`."""

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        party_of: Callable[[Key], Hashable] = lambda _: None,
        observed: Observed = lambda *_: None,
    ) -> None:
        self._clock = clock
        self._party_of = party_of
        self._observed = observed
        self._ready: dict[Hashable, deque[Key]] = {}
        """The keys that wait for a worker, by party; the party that is served next comes first."""
        self._waiting: dict[Key, float] = {}
        """Since when each key waits for a worker."""
        self._busy: set[Key] = set()
        self._again: set[Key] = set()
        self._alarms: dict[Key, int] = {}
        """The number of the entry in the heap that counts; others of its key are stale."""
        self._heap: list[tuple[float, int, Key]] = []
        self._sequence = 0
        self._failures: dict[Key, Backoff] = {}
        self._filled = asyncio.Semaphore(0)
        """Holds one for each ready key, so that each wakes one worker and leaves the others be."""
        self._planned = asyncio.Event()
        self._closed = False

    def __len__(self) -> int:
        return len(self._waiting)

    def wake(self, key: Key) -> None:
        """Have a key worked on as soon as a worker is free; again, if it is worked on now."""
        if key in self._busy:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting[key] = self._clock()
            self._ready.setdefault(self._party_of(key), deque()).append(key)
            self._filled.release()

    def wake_in(self, key: Key, seconds: float | None) -> None:
        """Have a key worked on after a while; this replaces what was said before, None by nothing."""
        if seconds is None:
            self._alarms.pop(key, None)
            return
        moment = self._clock() + max(seconds, 0.0)
        self._sequence += 1
        self._alarms[key] = self._sequence
        heapq.heappush(self._heap, (moment, self._sequence, key))
        if len(self._heap) > 2 * len(self._alarms) + STALE_ALARMS:
            self._heap = [each for each in self._heap if self._alarms.get(each[2]) == each[1]]
            heapq.heapify(self._heap)
        if self._heap[0][1] == self._sequence:
            self._planned.set()

    def forget(self, key: Key) -> None:
        """Drop what is planned for a key."""
        self._alarms.pop(key, None)
        self._failures.pop(key, None)
        self._again.discard(key)

    async def run(self, work: Callable[[Key], Awaitable[None]], workers: int) -> None:
        """Work until the queue is closed and what is in flight has ended."""
        async with asyncio.TaskGroup() as group:
            alarms = group.create_task(self._ring())
            async with asyncio.TaskGroup() as working:
                for _ in range(workers):
                    working.create_task(self._work(work))
            alarms.cancel()

    def close(self) -> None:
        """Take no more work."""
        self._closed = True
        self._filled.release()

    async def _work(self, work: Callable[[Key], Awaitable[None]]) -> None:
        while True:
            await self._filled.acquire()
            if self._closed:
                self._filled.release()  # the next worker is to end too
                return
            key = self._next()
            started = self._clock()
            waited = started - self._waiting.pop(key)
            failed = ""
            self._busy.add(key)
            try:
                await work(key)
                self._failures.pop(key, None)
            except (Conflict, Unreachable) as error:
                failed = type(error).__name__
                log.info("%s: %s", key, error)
                self._retry(key, LONGEST_OUTAGE_SECONDS)
            except CanaryError as error:
                failed = type(error).__name__
                log.info("%s: %s", key, error)
                self._retry(key)
            except asyncio.CancelledError:
                if _cancelled():
                    raise
                # Something that the work waited for was cancelled, not the worker.
                failed = "Cancelled"
                log.warning("%s: was cancelled", key)
                self._retry(key)
            except Exception:
                # One key must not stop the others, whatever is wrong with it.
                failed = "Defect"
                log.exception("%s: a defect of the controller", key)
                self._retry(key)
            finally:
                self._busy.discard(key)
                self._observed(waited, self._clock() - started, failed)
                if key in self._again:
                    self._again.discard(key)
                    self.wake(key)

    def _next(self) -> Key:
        """Take the key whose turn it is."""
        party = next(iter(self._ready))
        keys = self._ready.pop(party)
        key = keys.popleft()
        if keys:
            self._ready[party] = keys
        return key

    def _retry(self, key: Key, longest_seconds: float = LONGEST_RETRY_SECONDS) -> None:
        backoff = self._failures.setdefault(
            key, Backoff(first_seconds=FIRST_RETRY_SECONDS, longest_seconds=LONGEST_RETRY_SECONDS)
        )
        self.wake_in(key, backoff.next(longest_seconds=longest_seconds))

    async def _ring(self) -> None:
        while True:
            while self._heap and self._heap[0][0] <= self._clock():
                _, number, key = heapq.heappop(self._heap)
                if self._alarms.get(key) == number:
                    del self._alarms[key]
                    self.wake(key)
            timeout = self._heap[0][0] - self._clock() if self._heap else None
            self._planned.clear()
            # Not wait_for: before Python 3.12 it loses a cancellation that comes with the event.
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._planned.wait()


def _cancelled() -> bool:
    """Tell whether the running task itself is to end."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
