"""A store that works on its answers for minutes: what providers of such stores share.

A provider says how a check is started, polled and cancelled. A caller that keeps its handle goes on with
it; one that keeps none waits for the answer.
"""

import asyncio
from abc import abstractmethod
from contextlib import suppress
from datetime import datetime, timedelta
from typing import ClassVar
from uuid import uuid4

from analysis.errors import AnalysisError
from analysis.model import Outcome, ProviderSpec
from analysis.providers.store import HttpStore, duration_of
from analysis.resuming import DEADLINE, Working

#: What every such store can be told: how far back a check looks, how long data take to be whole, and
#: how long a check may take.
CHECK_OPTIONS = ("deadline", "settle", "window")


class ResumableStore(HttpStore):
    """Start checks of a store, and poll them."""

    options: ClassVar[tuple[str, ...]] = CHECK_OPTIONS
    pause: float = 1.0
    """How many seconds pass between two polls where a caller waits for the answer."""

    def __init__(self, spec: ProviderSpec) -> None:
        super().__init__(spec)
        self.deadline = duration_of(self._options, "deadline", DEADLINE)

    @classmethod
    def check(cls, spec: ProviderSpec) -> None:
        """Also find out whether the time of a check is one."""
        super().check(spec)
        duration_of(dict(spec.options), "deadline", DEADLINE)

    @classmethod
    def resumes(cls, _query: str) -> bool:
        """Tell whether a query takes the store long: each does."""
        return True

    @abstractmethod
    async def start(self, query: str, at: datetime, interval: timedelta, key: str) -> str:
        """Start a check, and give what finds it again."""

    @abstractmethod
    async def poll(self, handle: str, at: datetime) -> Outcome | Working:
        """Ask how far a check is."""

    @abstractmethod
    async def cancel(self, handle: str) -> None:
        """End a check."""

    async def query(self, query: str, at: datetime, interval: timedelta) -> Outcome:
        """Start a check, wait for its answer, and end it.

        One whose time limit is over is left alone: to cancel it would take longer still.
        """
        handle = await self.start(query, at, interval, uuid4().hex)
        while isinstance(answer := await self.poll(handle, at), Working):  # noqa: ASYNC110 - it is afar
            await asyncio.sleep(self.pause)
        with suppress(AnalysisError):
            await self.cancel(handle)
        return answer
