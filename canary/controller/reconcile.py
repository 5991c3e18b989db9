"""One reconcile: observe, decide, write the status, apply, notify. It decides nothing itself.

A worker never waits for a third party: a need is answered beside the queue, and its Canary is
woken when the answer is there. So a slow hook on one Canary delays no other.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable
from datetime import datetime

from canary.controller.answer import Answerer
from canary.controller.apply import Applier
from canary.controller.canaries import CanaryKey, CanaryRecord, rivalry
from canary.controller.metrics import Metrics
from canary.controller.notify import Notifier
from canary.controller.observe import Observer
from canary.controller.queue import WorkQueue
from canary.core.decide import decide, refuse
from canary.core.needs import Answer, Need
from canary.core.situation import Decision
from canary.errors import CanaryError, Conflict

log = logging.getLogger(__name__)


class Reconciler:
    """Brings one Canary at a time to where it should be."""

    def __init__(
        self,
        *,
        find: Callable[[CanaryKey], CanaryRecord | None],
        observer: Observer,
        answerer: Answerer,
        applier: Applier,
        notifier: Notifier,
        metrics: Metrics,
        queue: WorkQueue[CanaryKey],
        clock: Callable[[], datetime],
        acts: Callable[[], bool],
        synced: Callable[[CanaryRecord], bool],
        rivals: Callable[[CanaryRecord], Iterable[CanaryRecord]],
    ) -> None:
        self._find = find
        self._observer = observer
        self._answerer = answerer
        self._applier = applier
        self._notifier = notifier
        self._metrics = metrics
        self._queue = queue
        self._clock = clock
        self._acts = acts
        self._synced = synced
        self._rivals = rivals
        self._answers: defaultdict[CanaryKey, dict[Need, Answer]] = defaultdict(dict)
        self._asked: set[tuple[CanaryKey, Need]] = set()
        self._prepared: dict[CanaryKey, str] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._obstacles: dict[CanaryKey, str] = {}

    async def reconcile(self, key: CanaryKey) -> None:
        """Bring a Canary to where it should be, as far as it can go now.

        Raises:
            ClusterError: something could not be written; the queue tries again later.
        """
        record = self._find(key)
        if record is None:
            self._forget(key)
        elif self._acts() and self._synced(record):
            outcome = await self._decide(record)
            if isinstance(outcome, Decision):
                await self._carry_out(record, outcome)
            else:
                self._ask(record, outcome)

    async def _decide(self, record: CanaryRecord) -> Decision | Need:
        key, canary = record.key, record.canary
        delivered = self._notifier.delivered(key)
        problems = record.problems or rivalry(record, self._rivals(record))
        if canary is None or (problems and not record.deleting):
            return refuse(
                record.status,
                problems,
                generation=record.generation,
                deleting=record.deleting,
                delivered=delivered,
                now=self._clock(),
            )
        facts = await self._observer.observe(
            record,
            answers=self._answers[key],
            delivered=delivered,
            obstacle=self._obstacles.get(key, ""),
        )
        return decide(canary.spec, record.status, facts, self._clock())

    async def _carry_out(self, record: CanaryRecord, decision: Decision) -> None:
        key = record.key
        self._answers.pop(key, None)
        try:
            record = await self._applier.write_status(record, decision.status)
            self._notifier.notify(record)
            self._metrics.canary(record)
            self._prepare(record)
            changed = await self._applier.apply(record, decision.actions)
            self._obstacles.pop(key, None)
        except Conflict:
            # Something has moved since the facts were gathered: its event is on the way.
            log.debug("conflict", extra={"canary": str(key)})
            raise
        except CanaryError as error:
            self._obstacles[key] = str(error)
            raise
        if changed:
            self._queue.wake(key)
        wake_at = decision.wake_at
        delay = None if wake_at is None else (wake_at - self._clock()).total_seconds()
        self._queue.wake_in(key, delay)

    def _prepare(self, record: CanaryRecord) -> None:
        """Let metric stores that measure differences begin with a run, once for each run."""
        run = record.status.run
        if run is None:
            self._prepared.pop(record.key, None)
        elif self._prepared.get(record.key) != run.id:
            self._prepared[record.key] = run.id
            self._start(self._answerer.prepare(record))

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def _ask(self, record: CanaryRecord, need: Need) -> None:
        """Have a need answered beside the queue, once."""
        place = (record.key, need)
        if place not in self._asked:
            self._asked.add(place)
            self._start(self._answer(record, need))

    async def _answer(self, record: CanaryRecord, need: Need) -> None:
        try:
            self._answers[record.key][need] = await self._answerer.answer(need, record)
        finally:
            self._asked.discard((record.key, need))
            self._queue.wake(record.key)

    def _forget(self, key: CanaryKey) -> None:
        self._answers.pop(key, None)
        self._obstacles.pop(key, None)
        self._prepared.pop(key, None)
        self._notifier.forget(key)
        self._metrics.forget(key)
        self._queue.forget(key)
