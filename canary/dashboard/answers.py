"""Answers of the API server about places: asked once however many wait, and kept for a while."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Generic, TypeVar

Place = tuple[str, str]
"""The Canaries of a group in a namespace."""
Answer = TypeVar("Answer")


class Answers(Generic[Answer]):
    """What was answered about places, for so many seconds; renewed ahead of that while it is used."""

    def __init__(
        self,
        ask: Callable[[Place], Awaitable[Answer]],
        *,
        clock: Callable[[], float],
        seconds: float,
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._seconds = seconds
        self._kept: dict[Place, tuple[float, asyncio.Task[Answer]]] = {}
        self._renewals: dict[Place, asyncio.Task[Answer]] = {}

    async def get(self, place: Place) -> Answer:
        """Give what is known of a place, or ask.

        Raises:
            ClusterError: the API server does not answer; the next one to ask asks again.
        """
        return await asyncio.shield(self._task(place))

    async def all(self, places: Collection[Place]) -> Mapping[Place, Answer]:
        """Give what is known of places, or ask about all at once.

        Raises:
            ClusterError: the API server does not answer.
        """
        found = await asyncio.gather(*map(self.get, places))
        return dict(zip(places, found, strict=True))

    async def known(
        self, places: Collection[Place], *, seconds: float, otherwise: Answer
    ) -> Mapping[Place, Answer]:
        """Give what becomes known of places in so many seconds; asking goes on beyond them."""
        tasks = {place: self._task(place) for place in places}
        if tasks:
            await asyncio.wait(tasks.values(), timeout=seconds)
        return {
            place: task.result() if _answered(task) else otherwise for place, task in tasks.items()
        }

    def _task(self, place: Place) -> "asyncio.Task[Answer]":
        now = self._clock()
        asked_at, task = self._kept.get(place, (float("-inf"), None))
        if task is not None and now - asked_at < self._seconds:
            if now - asked_at >= self._seconds / 2 and place not in self._renewals:
                self._renewals[place] = self._begin(place, now)
            return task
        renewal = self._renewals.get(place)
        if renewal is not None:
            return renewal
        task = self._begin(place, now)
        self._kept[place] = now, task
        return task

    def _begin(self, place: Place, now: float) -> "asyncio.Task[Answer]":
        async def asked() -> Answer:
            return await self._ask(place)

        task = asyncio.create_task(asked())
        task.add_done_callback(lambda done: self._settle(place, now, done))
        return task

    def _settle(self, place: Place, asked_at: float, task: "asyncio.Task[Answer]") -> None:
        """Keep an answer; what was no answer is asked again."""
        if self._renewals.get(place) is task:
            del self._renewals[place]
        if _answered(task):
            self._kept[place] = asked_at, task
        elif self._kept.get(place, (0.0, None))[1] is task:
            del self._kept[place]


def _answered(task: "asyncio.Task[Answer]") -> bool:
    return task.done() and not task.cancelled() and task.exception() is None
