"""The outbox: delivers items at least once, in order for each key, without holding up who submits.

What an item is and who receives it is not known here: an item is an id and a coroutine function.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from canary.cluster.backoff import LONGEST_OUTAGE_SECONDS, grown
from canary.errors import CanaryError, Unreachable
from canary.notifiers import NotDelivered

log = logging.getLogger(__name__)

Key = TypeVar("Key", bound=Hashable)
Deliver = Callable[[], Awaitable[None]]

#: How many items of one key wait at most.
CAPACITY = 100
#: How many deliveries are under way at once, and how many of them to one destination.
DELIVERIES, DELIVERIES_OF_ONE = 64, 8
FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 300.0


class Places:
    """How many deliveries are under way at once: in all, and to one destination.

    So a destination that is slow keeps no place from the others.
    """

    def __init__(self, *, in_all: int, of_one: int) -> None:
        self._in_all = asyncio.Semaphore(in_all)
        self._of_one = of_one
        self._of: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def taken(self, destination: str) -> AsyncIterator[None]:
        """Wait for a place, and keep it meanwhile."""
        # It is kept here for as long as it is waited for or used.
        of_this = self._of.setdefault(destination, asyncio.Semaphore(self._of_one))
        async with of_this, self._in_all:
            yield


@dataclass(frozen=True, slots=True, kw_only=True)
class _Item:
    id: str
    name: str
    destination: str
    type: str
    deliver: Deliver
    given_up: Callable[[Exception], None]
    deadline: float


def _unheard(_error: Exception) -> None:
    """Call nothing."""


def _unobserved(_outcome: str, _seconds: float, _type: str) -> None:
    """Call nothing."""


class Outbox(Generic[Key]):
    """Delivers what is submitted: every item until it is taken, or its time is over.

    `on_delivered` gets each item that need not be submitted again: it was delivered, or given
    up. Items that are still here when the process ends are the submitter's to submit again.
    `observed` gets each attempt: `delivered`, `failed` or `given-up`, how long it took, and the type of
    what receives.
    """

    def __init__(
        self,
        *,
        on_delivered: Callable[[Key, str], None],
        give_up_after: timedelta = timedelta(hours=1),
        capacity: int = CAPACITY,
        observed: Callable[[str, float, str], None] = _unobserved,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._on_delivered = on_delivered
        self._give_up_after = give_up_after
        self._capacity = capacity
        self._observed = observed
        self._clock = clock
        self._sleep = sleep
        self._items: dict[Key, deque[_Item]] = {}
        self._workers: dict[Key, asyncio.Task[None]] = {}
        self._resting: set[Key] = set()
        self._places = Places(in_all=DELIVERIES, of_one=DELIVERIES_OF_ONE)
        self._closed = False

    def submit(
        self,
        key: Key,
        item_id: str,
        deliver: Deliver,
        *,
        name: str = "",
        destination: str = "",
        type_: str = "",
        given_up: Callable[[Exception], None] = _unheard,
    ) -> bool:
        """Take an item; tell whether it is here, be it from now on or from before.

        `name` says in the log what it is, its id where left out; `destination` where it goes, so
        that one that is slow holds up no other; `type_` what receives it. `given_up` gets the reason when no attempt has
        succeeded.

        An item is refused where too many of its key wait, or the outbox is closed: it must be
        submitted again later.
        """
        items = self._items.get(key, deque())
        if any(item.id == item_id for item in items):
            return True
        if self._closed or len(items) >= self._capacity:
            return False
        deadline = self._clock() + self._give_up_after.total_seconds()
        items.append(
            _Item(
                id=item_id,
                name=name or item_id,
                destination=destination,
                type=type_,
                deliver=deliver,
                given_up=given_up,
                deadline=deadline,
            )
        )
        if key not in self._items:
            self._items[key] = items
            self._workers[key] = asyncio.create_task(self._work(key), name=f"outbox {key}")
        return True

    def __len__(self) -> int:
        """Count the items that wait or are being delivered."""
        return sum(len(items) for items in self._items.values())

    def drop(self, unwanted: Callable[[Key], bool]) -> None:
        """Let go of the items of keys, also of those that are being delivered."""
        for key in [key for key in self._items if unwanted(key)]:
            del self._items[key]
            self._workers.pop(key).cancel()
            self._resting.discard(key)

    async def close(self, limit: timedelta) -> None:
        """Take no more items, try each that waits once, let go of those that failed; end in time."""
        self._closed = True
        for key in self._resting:
            self._workers[key].cancel()
        workers = set(self._workers.values())
        if workers:
            _, late = await asyncio.wait(workers, timeout=limit.total_seconds())
            for worker in late:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _work(self, key: Key) -> None:
        """Deliver the items of a key one after the other, until none is left."""
        items = self._items[key]
        try:
            while items:
                if not await self._persist(key, items[0]):
                    return
                item = items.popleft()
                self._on_delivered(key, item.id)
        finally:
            # After a drop others may have come under this key.
            if self._items.get(key) is items:
                del self._items[key]
                del self._workers[key]

    async def _persist(self, key: Key, item: _Item) -> bool:
        """Deliver an item; tell whether it is done with, because it was taken or given up."""

        async def rest(seconds: float) -> None:
            self._resting.add(key)
            try:
                await self._sleep(seconds)
            finally:
                self._resting.discard(key)

        def over(state: RetryCallState) -> bool:
            return self._closed or self._clock() + state.upcoming_sleep > item.deadline

        attempts = AsyncRetrying(
            sleep=rest,
            stop=over,
            wait=_wait,
            retry=retry_if_exception(_may_succeed_later),
            reraise=True,
        )
        try:
            await attempts(self._attempt, key, item)
        except Exception as error:  # noqa: BLE001 - whatever a delivery raises, the next item is due
            if self._closed and _may_succeed_later(error):
                return False
            self._observed("given-up", 0.0, item.type)
            log.error(  # noqa: TRY400 - every attempt was logged
                "%s is given up: %s", item.name, error, extra={"canary": str(key)}
            )
            item.given_up(error)
        return True

    async def _attempt(self, key: Key, item: _Item) -> None:
        async with self._places.taken(item.destination):
            started = self._clock()
            try:
                await item.deliver()
            except Exception as error:
                self._observed("failed", self._clock() - started, item.type)
                log.warning(
                    "%s was not delivered: %s",
                    item.name,
                    error,
                    extra={"canary": str(key)},
                    # An error that is none of ours is a defect: its place is worth knowing.
                    exc_info=None if isinstance(error, CanaryError) else error,
                )
                raise
            self._observed("delivered", self._clock() - started, item.type)


def _wait(state: RetryCallState) -> float:
    """Wait longer after each attempt, and as long as the receiver asks, within bounds."""
    error = state.outcome.exception() if state.outcome else None
    longest = LONGEST_OUTAGE_SECONDS if isinstance(error, Unreachable) else LONGEST_WAIT_SECONDS
    delay = grown(
        state.attempt_number - 1, first_seconds=FIRST_WAIT_SECONDS, longest_seconds=longest
    )
    asked = error.retry_after if isinstance(error, NotDelivered) else None
    return min(LONGEST_WAIT_SECONDS, max(delay, asked or 0.0))


def _may_succeed_later(error: BaseException) -> bool:
    """Tell whether to try again; whatever does not say otherwise may succeed later."""
    if isinstance(error, NotDelivered):
        return error.retryable
    return isinstance(error, Exception)
