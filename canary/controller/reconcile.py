"""One reconcile: observe, decide, write the status, tell, apply. It decides nothing itself.

A worker never waits for a third party: a need is answered beside the queue, and its Canary is
woken when the answer is there. So a slow hook on one Canary delays no other.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable, Sequence
from datetime import datetime
from functools import partial

from analysis.errors import Busy
from canary.api.status import Phase, Thread
from canary.cluster.connection import NotLeader
from canary.cluster.outages import OutageLog
from canary.cluster.schemas import CHECKED_AGAIN
from canary.controller.about import about
from canary.controller.answer import Answerer
from canary.controller.apply import Applier
from canary.controller.canaries import AnyCanary, BrokenCanary, CanaryKey, CanaryRecord
from canary.controller.former import going_on
from canary.controller.listeners import Listener
from canary.controller.observe import Observer
from canary.controller.policies import WorkKey
from canary.controller.queue import WorkQueue
from canary.controller.tracker import Tracker
from canary.core.decide import decide, obstructed, refuse
from canary.core.needs import Need
from canary.core.peers import Peer, cyclic, rivalry
from canary.core.phases import RUNNING
from canary.core.situation import Decision, Question, earliest
from canary.errors import CanaryError, Conflict, Problem, Unreachable

log = logging.getLogger(__name__)

UNANSWERED_SECONDS = 5.0
"""Delay before a question is asked again that could not be put."""
DEFECT_SECONDS = 30.0
"""After so long a question is asked again that a defect of ours has left without an answer."""


class Reconciler:
    """Brings one Canary at a time to where it should be."""

    def __init__(
        self,
        *,
        tracker: Tracker,
        observer: Observer,
        answerer: Answerer,
        applier: Applier,
        listeners: Sequence[Listener],
        delivered: Callable[[CanaryKey], frozenset[str]],
        threads: Callable[[CanaryKey], tuple[Thread, ...]],
        queue: WorkQueue[WorkKey],
        clock: Callable[[], datetime],
        acts: Callable[[], bool],
        outages: OutageLog,
    ) -> None:
        self._tracker = tracker
        self._observer = observer
        self._answerer = answerer
        self._applier = applier
        self._listeners = listeners
        self._delivered = delivered
        self._threads = threads
        self._queue = queue
        self._clock = clock
        self._acts = acts
        self._outages = outages
        self._answers: defaultdict[CanaryKey, dict[Need[object], object]] = defaultdict(dict)
        self._asked: set[tuple[CanaryKey, Need[object]]] = set()
        self._prepared: dict[CanaryKey, str] = {}
        self._background: dict[asyncio.Task[None], CanaryKey] = {}
        self._obstacles: dict[CanaryKey, str] = {}
        """Why the last attempt to carry a decision out has failed."""

    @property
    def asking(self) -> int:
        """How many questions wait for their answers."""
        return len(self._asked)

    async def reconcile(self, key: CanaryKey) -> None:
        """Bring a Canary to where it should be, as far as it can go now.

        Raises:
            CanaryError: something could not be written; the queue tries again later.
        """
        record = self._tracker.find(key)
        if record is None:
            self.stand_down([key] if self._tracker.left(key) else [])
            self._forget(key)
        elif self._acts():
            try:
                await self._work_on(record)
            except Unreachable:
                self._outages.lose(key)
                raise
            self._outages.regain(key)

    async def _work_on(self, record: AnyCanary) -> None:
        if isinstance(record, BrokenCanary):
            await self._carry_out(record, self._refuse(record, record.problems))
            return
        others = tuple(other.peer for other in self._tracker.relations.rivals(record))
        claimed = () if record.problems else self._claimed(record, others)
        if not (record.problems or claimed or record.deleting or self._tracker.apart(record)):
            claimed = await self._tracker.store.dropped(record)
        if claimed and record.status.phase in RUNNING and not record.deleting:
            # A run ends under the names that it has, whatever the newest spec asks for.
            record = going_on(record, claimed)
        outcome = await self._decide(record, claimed, others)
        if isinstance(outcome, Decision):
            await self._carry_out(record, outcome)
        elif outcome is not None:
            self._ask(record, outcome.need)
            await self._applier.apply(record, outcome.meanwhile)

    def _claimed(self, record: CanaryRecord, others: tuple[Peer, ...]) -> tuple[Problem, ...]:
        """Say what of a sound spec other Canaries make impossible."""
        find = partial(self._tracker.relations.peer, record.key.group)
        return rivalry(record.peer, others) or cyclic(record.peer, find)

    async def close(self) -> None:
        """Let go of what is being asked; it is asked again, under the same key, by who is next."""
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)

    def stand_down(self, keys: Iterable[CanaryKey]) -> None:
        """Leave Canaries to the replica that acts on them from now on."""
        lost = frozenset(keys)
        for task, key in self._background.items():
            if key in lost:
                task.cancel()
        for listener in self._listeners:
            listener.stand_down(lost)
        for key in lost:
            self._answers.pop(key, None)
            self._obstacles.pop(key, None)
            self._prepared.pop(key, None)
            self._observer.forget(key)
            self._tracker.look_at_pods(key, wanted=False)

    async def _decide(
        self, record: CanaryRecord, claimed: tuple[Problem, ...], others: tuple[Peer, ...]
    ) -> Decision | Question | None:
        """Decide, or name what is missing to decide: an answer, or, as None, what is not known.

        `claimed` says what another Canary has already, or the route cannot say; `others` are the
        Canaries that have, or ask for, the same.
        """
        key, canary, now = record.key, record.canary, self._clock()
        problems = record.problems or claimed
        running = record.status.phase in RUNNING
        goes_on = record.deleting or (running and problems is record.problems)
        if problems and not goes_on:
            return self._refuse(record, problems)
        following = self._tracker.following
        if following.pending(key) or self._tracker.policies_pending():
            return None
        obstacle, unseen = following.obstacle(key), self._tracker.unseen(record)
        if not following.known(key):
            judged = running and (bool(unseen) or self._tracker.sees_workloads(record))
            # A rollback is written, whether its pods can be seen or not, until the route has it.
            rolled_back = bool(unseen) and record.status.phase is Phase.FAILED
            if not (record.deleting or judged or rolled_back):
                return obstructed(
                    canary.spec,
                    record.status,
                    obstacle,
                    generation=record.generation,
                    warnings=record.warnings,
                    now=now,
                )
        sources = (key, *following.sources(key))
        facts = await self._observer.observe(
            record,
            answers=self._answers.get(key, {}),
            delivered=self._delivered(key),
            threads=self._threads(key),
            obstacle=obstacle or self._obstacles.get(key, ""),
            unseen=unseen,
            others=others,
            dependencies=self._tracker.relations.dependencies(record),
            members=self._tracker.relations.members(record),
            policies=self._tracker.policies.binding(record),
            outages=self._outages.outages(sources),
            away_since=self._outages.away_since(sources),
        )
        return decide(canary.spec, record.status, facts, self._clock())

    def _refuse(self, record: AnyCanary, problems: tuple[Problem, ...]) -> Decision:
        now = self._clock()
        return refuse(
            record.status,
            problems,
            generation=record.generation,
            deleting=record.deleting,
            delivered=self._delivered(record.key),
            now=now,
            # What a route cannot say today it can when its CRD was upgraded.
            wake_at=None if record.problems else now + CHECKED_AGAIN,
        )

    async def _carry_out(self, record: AnyCanary, decision: Decision) -> None:
        key = record.key
        _log_decision(record, decision)
        try:
            before, record = record, await self._applier.write_status(record, decision.status)
            self._tracker.wake_others(before, record)
            # What was answered is in the status now.
            self._answers.pop(key, None)
            self._tracker.look_at_pods(key, wanted=decision.pods_matter)
            self._tracker.track(record)
            for listener in self._listeners:
                listener.met(before)
                listener.decided(record)
            if isinstance(record, CanaryRecord):
                self._prepare(record)
            changed = await self._applier.apply(record, decision.actions)
        except (Conflict, NotLeader):
            # Something has moved since the facts were gathered: its event is on the way.
            raise
        except CanaryError as error:
            self._answers.pop(key, None)
            self._obstacles[key] = str(error)
            raise
        lost = isinstance(record, CanaryRecord) and self._tracker.store.lost(record)
        if self._obstacles.pop(key, None) or (changed and (lost or not decision.settled)):
            self._queue.wake(key)
        wake = earliest((decision.wake_at, self._clock() + CHECKED_AGAIN if lost else None))
        self._queue.wake_in(key, (wake - self._clock()).total_seconds() if wake else None)

    def _prepare(self, record: CanaryRecord) -> None:
        """Let metric stores that measure differences begin with a run, once for each run."""
        run = record.status.run
        if run is None:
            self._prepared.pop(record.key, None)
        elif self._prepared.get(record.key) != run.id:
            self._prepared[record.key] = run.id
            self._start(self._answerer.prepare(record), record.key)

    def _start(self, work: Coroutine[None, None, None], key: CanaryKey) -> None:
        def ended(task: asyncio.Task[None]) -> None:
            self._background.pop(task, None)
            if not task.cancelled() and task.exception() is not None:
                log.error("%s: a defect of the controller", key, exc_info=task.exception())

        task = asyncio.create_task(work, name=f"answer {key}")
        self._background[task] = key
        task.add_done_callback(ended)

    def _ask(self, record: CanaryRecord, need: Need[object]) -> None:
        """Have a need answered beside the queue, once."""
        if (record.key, need) not in self._asked:
            self._asked.add((record.key, need))
            for listener in self._listeners:
                listener.awaiting(record)
            self._start(self._answer(record, need), record.key)

    async def _answer(self, record: CanaryRecord, need: Need[object]) -> None:
        try:
            answer = await self._answerer.answer(need, record)
        except (Unreachable, Busy) as error:
            log.info("%s", error, extra=about(record))
            self._queue.wake_in(record.key, UNANSWERED_SECONDS)
        except Exception:
            self._queue.wake_in(record.key, DEFECT_SECONDS)
            raise
        else:
            self._answers[record.key][need] = answer
            self._queue.wake(record.key)
        finally:
            self._asked.discard((record.key, need))

    def _forget(self, key: CanaryKey) -> None:
        self._answers.pop(key, None)
        self._obstacles.pop(key, None)
        self._prepared.pop(key, None)
        self._observer.forget(key)
        for listener in self._listeners:
            listener.forget(key)
        self._queue.forget(key)
        self._outages.forget(key)


def _log_decision(record: AnyCanary, decision: Decision) -> None:
    status, wait = decision.status, decision.status.waiting_for
    if log.isEnabledFor(logging.DEBUG):
        log.debug(
            "decided: weight %d %%, waiting for %s; must be true: %s; looked at again %s",
            status.canary_weight,
            wait.reason if wait else "nothing",
            ", ".join(map(str, decision.actions)) or "nothing",
            f"at {decision.wake_at:%H:%M:%S}" if decision.wake_at else "when something changes",
            extra=about(record, status) | {"phase": status.phase},
        )
