"""Following one kind in one namespace, or in all: list, watch, go on from where it was.

A list is taken when there is no version to go on from: at the start, when the server has forgotten
the version (410), or when watches from it lead nowhere. Any other failure goes on from where it
was. Nothing ends an informer but `stop`. What is kept of what is seen is in `ledger.py`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from time import monotonic

from canary.api.kinds import Kind
from canary.cluster.backoff import LONGEST_OUTAGE_SECONDS, Backoff
from canary.cluster.cluster import Cluster
from canary.cluster.ledger import Ledger, OnChange, Owners, Place, Trim
from canary.cluster.tally import ObjectTally
from canary.errors import CanaryError, Forbidden, Gone, NotFound

log = logging.getLogger(__name__)

Sleep = Callable[[float], Awaitable[None]]
Clock = Callable[[], float]

FIRST_BACKOFF_SECONDS = 0.5
FIRST_ABSENCE_SECONDS = 5.0
LONGEST_ABSENCE_SECONDS = 60.0
"""How often is looked again for a kind whose CRD is not installed."""
PATIENCE = 3
"""So many failures in a row are worth telling those who wait for a first list."""
SHORT_WATCH_SECONDS = 1.0
"""A watch that ends sooner, without a word, has failed; one that was open for longer has not,
however it ends."""
FRUITLESS_WATCHES = 3
"""After so many without a word, what they went on from is doubted."""


class Informer:
    """Keeps the records of one kind in one namespace, or in all, up to date."""

    def __init__(
        self,
        cluster: Cluster,
        kind: Kind,
        namespace: str,
        *,
        trim: Trim,
        metadata_only: bool,
        owners: Owners | None = None,
        tally: ObjectTally | None = None,
        on_change: OnChange,
        on_synced: Callable[[Kind], None],
        on_obstacle: Callable[[Kind], None] = lambda _: None,
        on_away: Callable[[bool], None] = lambda _: None,
        sleep: Sleep = asyncio.sleep,
        clock: Clock = monotonic,
    ) -> None:
        self.kind = kind
        self.synced = asyncio.Event()
        self.problem = ""
        """Why the records may be out of date; empty where they are not."""
        self.absent = False
        """Whether the kind's CRD is not installed: then there are no records, for sure."""
        self._forbidden = False
        self._told = ("", False)
        self._told_away = False
        self._cluster = cluster
        self._namespace = namespace
        self.ledger = Ledger(kind, trim=trim, owners=owners, on_change=on_change, tally=tally)
        self._metadata_only = metadata_only
        self._on_synced = on_synced
        self._on_obstacle = on_obstacle
        self._on_away = on_away
        self._sleep = sleep
        self._clock = clock
        self._version = ""
        """The version to go on from; empty where a list is due."""
        self._fruitless = 0
        self._failures = Backoff(
            first_seconds=FIRST_BACKOFF_SECONDS, longest_seconds=LONGEST_OUTAGE_SECONDS
        )
        self._absences = Backoff(
            first_seconds=FIRST_ABSENCE_SECONDS, longest_seconds=LONGEST_ABSENCE_SECONDS
        )
        self._task: asyncio.Task[None] | None = None

    @property
    def obstacle(self) -> str:
        """Why nothing can be decided on the records; empty where they are known, or soon will be.

        An outage of all kinds, such as an API server that restarts, is no obstacle: it passes.
        """
        if self._forbidden or (not self.synced.is_set() and self._failures.attempts >= PATIENCE):
            return self.problem
        return ""

    @property
    def stale(self) -> bool:
        """Whether the kind exists, but cannot be followed for now."""
        return bool(self.problem) and not self.absent and not self.obstacle

    @property
    def forbidden(self) -> str:
        """Why the kind may not be read; empty where it may, or it is not known."""
        return self.problem if self._forbidden else ""

    @property
    def away(self) -> bool:
        """Whether the kind exists and may be read, but the server does not give it: an outage."""
        return bool(self.problem) and not self.absent and not self._forbidden

    def start(self) -> None:
        """Follow from now on."""
        self._task = asyncio.create_task(self._run(), name=f"follow {self.kind.resource}")

    async def stop(self) -> None:
        """Follow no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    # ---------------------------------------------------------------------------------- following

    async def _run(self) -> None:
        while True:
            seconds = await self._round()
            self._tell_standing()
            await self._sleep(seconds)

    async def _round(self) -> float:
        """List where that is due, and watch once; give the seconds to wait before the next one."""
        listing = not self._version
        try:
            if listing:
                if await self._cluster.discover(self.kind) is None:
                    self._report_absent()
                    return self._absences.next()
                await self._list()
            if await self._watch():
                return 0.0
        except Gone:
            log.info("%s: listing again", self.kind.resource)
            self._version = ""
            if not listing:
                # The server is there again, and has only forgotten: what has failed before is over.
                self._failures.reset()
        except NotFound as error:
            # The kind is gone, or served in another version.
            self._cluster.undiscover(self.kind)
            self._version = ""
            self._report(str(error))
        except CanaryError as error:
            self._fruitless += 1
            self._forbidden = isinstance(error, Forbidden)
            self._report(str(error))
        except Exception:
            # What one object or listener does wrong must not end the following of all others.
            log.exception("%s: a defect of the controller", self.kind.resource)
            self._version = ""
            self.problem = "a defect of the controller; its log has more"
        if self._fruitless >= FRUITLESS_WATCHES:
            self._version = ""
        return self._failures.next()

    def _report(self, problem: str) -> None:
        if problem != self.problem:
            log.warning("%s", problem)
        self.problem = problem

    def _recover(self) -> None:
        self.problem, self.absent, self._forbidden = "", False, False
        self._tell_standing()

    def _tell_standing(self) -> None:
        if self.away != self._told_away:
            self._told_away = self.away
            self._on_away(self.away)
        standing = (self.obstacle, self.absent)
        if standing != self._told:
            self._told = standing
            try:
                self._on_obstacle(self.kind)
            except Exception:
                log.exception("%s: a defect of the controller", self.kind.resource)

    def _report_absent(self) -> None:
        self.problem = self.kind.missing
        self.absent, self._forbidden = True, False
        self.ledger.clear()
        self._mark_synced()

    async def _list(self) -> None:
        seen: set[Place] = set()
        version = ""
        async for items, version in self._cluster.pages(
            self.kind, self._namespace, metadata_only=self._metadata_only
        ):
            seen.update(self.ledger.take_page(items, version))
        self.ledger.take_all(seen)
        self._version, self._fruitless = version, 0
        self._absences.reset()
        self._mark_synced()
        self._recover()

    def _mark_synced(self) -> None:
        if not self.synced.is_set():
            self.synced.set()
            self._on_synced(self.kind)

    async def _watch(self) -> bool:
        """Follow events until the watch ends; tell whether to go on at once."""
        heard = False
        async with self._cluster.watch(
            self.kind, self._namespace, self._version, metadata_only=self._metadata_only
        ) as events:
            opened = self._clock()
            self._recover()
            try:
                async for type_, manifest in events:
                    heard, self._fruitless = True, 0
                    self._version = manifest["metadata"]["resourceVersion"]
                    self.ledger.take_event(type_, manifest)
            finally:
                worked = heard or self._clock() - opened >= SHORT_WATCH_SECONDS
                if worked:
                    self._failures.reset()
        if not heard:
            self._fruitless += 1
            if self._fruitless >= FRUITLESS_WATCHES:
                self._version = ""
        return worked
