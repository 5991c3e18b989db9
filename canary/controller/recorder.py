"""Writes run records: a queue of lines, and who empties it into a store.

A decision waits for no store. While one cannot be written, lines wait, and are tried again; lines
beyond what may wait, or tried for too long, are counted, and the record says how many it
lacks.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import orjson

from analysis.model import Ask, Metric, Outcome
from analysis.secrecy import shown_text
from canary.api.status import CanaryStatus
from canary.cluster.backoff import Backoff
from canary.controller.canaries import CanaryKey, CanaryObject
from canary.controller.listeners import Listener
from canary.controller.recordstores import RecordStore
from canary.core.recorded import canary_folder, run_folder
from canary.recording.lines import Line, RunLine, lines_between, opened, sample

log = logging.getLogger(__name__)

QUEUED = 10_000
"""So many lines wait for the store; what comes beyond is lost, and counted."""
_AT_ONCE = 1000
_WRITERS = 8
"""So many runs are written at the same time."""
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0
GIVE_UP_SECONDS = 900.0
"""Lines that could not be written within this delay are lost."""
_LAST_SECONDS = 3.0
_MOST_LACKING = 1000


class Recorder(Listener):
    """Hears of decisions and answers, and has them recorded."""

    def __init__(
        self,
        store: RecordStore,
        *,
        cluster_name: str,
        process: str,
        written: Callable[[int], None],
        lost: Callable[[int], None],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        queued: int = QUEUED,
        first_wait: float = _FIRST_WAIT,
        give_up: float = GIVE_UP_SECONDS,
        last_seconds: float = _LAST_SECONDS,
        lacking: int = _MOST_LACKING,
    ) -> None:
        self._store = store
        self._cluster_name = cluster_name
        self._process = process
        self._written = written
        self._lost = lost
        self._clock = clock
        self._most = queued
        self._give_up = give_up
        self._last_seconds = last_seconds
        self._most_lacking = lacking
        self._seen: dict[CanaryKey, CanaryStatus | None] = {}
        """The last status of each Canary that is in a run; None for one that is in none."""
        self._queue: deque[tuple[str, bytes]] = deque()
        """Lines that wait, each with the folder of its run."""
        self._taken: dict[str, list[bytes]] = {}
        """Lines that are being written, or could not be, by the folder of their run."""
        self._filled = asyncio.Event()
        self._lacking: dict[str, int] = {}
        """How many lines the record of a run lacks, and does not say so yet."""
        self._number = 0
        self._backoff = Backoff(first_seconds=first_wait, longest_seconds=_LONGEST_WAIT)
        self._failing_since: float | None = None
        self._losing = False
        self._threads = ThreadPoolExecutor(_WRITERS, thread_name_prefix="records")

    # ------------------------------------------------------------------------------ what is heard

    def decided(self, record: CanaryObject) -> None:
        """Record what a decision has changed."""
        met, before, after = record.key in self._seen, self._seen.get(record.key), record.status
        self._seen[record.key] = after if after.run is not None else None
        if before is not None:
            self._put(record, lines_between(before, after))
        elif after.run is not None:
            self._put(record, [opened(after, after.run, resumed=not met)])

    def met(self, record: CanaryObject) -> None:
        """Open the record of a run that is met on its way, after a restart."""
        if record.key not in self._seen:
            self.decided(record)

    def awaiting(self, record: CanaryObject) -> None:
        """Open it before its stores are asked, too."""
        self.met(record)

    def forget(self, key: CanaryKey) -> None:
        """Drop what is known of a Canary that is gone, or another replica's."""
        self._seen.pop(key, None)

    def asked(
        self, record: CanaryObject, metric: Metric, ask: Ask, outcome: Outcome, seconds: float
    ) -> None:
        """Record what a store was asked for a run, and its answer."""
        run = record.status.run
        if run is not None:
            line = sample(metric, ask, outcome, seconds=seconds)
            self._put(record, [RunLine(run.id, line)])

    # ------------------------------------------------------------------------------------ the queue

    def _put(self, record: CanaryObject, lines: Iterable[RunLine]) -> None:
        key, at = record.key, self._clock()
        about: Line = {
            "cluster": self._cluster_name,
            "group": key.group,
            "namespace": key.namespace,
            "canary": key.name,
            "uid": record.uid,
        }
        for each in lines:
            folder = f"{canary_folder(key.namespace, key.name)}{run_folder(each.run)}"
            opens = each.line["kind"] in {"begun", "resumed"}
            self._queue_line(folder, {"run": each.run} | (about if opens else {}) | each.line, at)

    def _queue_line(self, folder: str, line: Line, at: datetime) -> None:
        missing = self._lacking.get(folder, 0)
        if self.waiting + bool(missing) >= self._most:
            self._lose(folder, 1)
            return
        if missing:
            del self._lacking[folder]
            lack: Line = {"run": line["run"], "kind": "lost", "lines": missing}
            self._queue.append((folder, self._encoded(lack, at)))
        self._queue.append((folder, self._encoded(line, at)))
        self._filled.set()

    def _encoded(self, line: Line, at: datetime) -> bytes:
        self._number += 1
        head: Line = {"at": at, "kind": line["kind"], "by": self._process, "n": self._number}
        return orjson.dumps(head | line, option=orjson.OPT_UTC_Z)

    @property
    def waiting(self) -> int:
        """How many lines are not written yet."""
        return len(self._queue) + sum(map(len, self._taken.values()))

    def _lose(self, folder: str, count: int) -> None:
        """Count lines that are not recorded; the record says so with the next line of its run."""
        if not self._losing:
            self._losing = True
            log.error(
                "run records are lost: %d lines wait for the store, which takes none; "
                "see tidegate_run_record_lines_lost_total",
                self.waiting,
            )
        self._lost(count)
        self._lacking[folder] = self._lacking.pop(folder, 0) + count
        if len(self._lacking) > self._most_lacking:
            del self._lacking[next(iter(self._lacking))]

    # ------------------------------------------------------------------------------------ the store

    async def run(self) -> None:
        """Write what is queued for as long as the controller lives."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            while self.waiting:
                await self._write()
                if self._taken:
                    await self._try_again()

    async def close(self) -> None:
        """Write what is left, for a short time, and once."""
        try:
            async with asyncio.timeout(self._last_seconds):
                while self.waiting:
                    await self._write()
                    if self._taken:
                        break
        except TimeoutError:
            pass
        if left := self.waiting:
            log.error("run records are lost: %d lines were not written before the end", left)
            self._lost(left)
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _write(self) -> None:
        """Write the oldest lines, each run's at once; what is not written stays taken."""
        while self._queue and sum(map(len, self._taken.values())) < _AT_ONCE:
            folder, line = self._queue.popleft()
            self._taken.setdefault(folder, []).append(line)
        append, loop = self._store.append, asyncio.get_running_loop()
        folders = dict(self._taken)
        results = await asyncio.gather(
            *(
                loop.run_in_executor(self._threads, append, folder, lines)
                for folder, lines in folders.items()
            ),
            return_exceptions=True,
        )
        for (folder, lines), result in zip(folders.items(), results, strict=True):
            if isinstance(result, BaseException):
                self._fail(result)
            else:
                del self._taken[folder]
                self._written(len(lines))
        if not self._taken:
            self._recover()

    def _fail(self, error: BaseException) -> None:
        now = asyncio.get_running_loop().time()
        if self._failing_since is None:
            self._failing_since = now
            log.warning("run records are not written, and tried again: %s", shown_text(str(error)))

    def _recover(self) -> None:
        if self._failing_since is not None:
            log.info("run records are written again")
        self._failing_since, self._losing = None, False
        self._backoff.reset()

    async def _try_again(self) -> None:
        """Wait before lines that were not written are tried again; after too long they are lost."""
        now, since = asyncio.get_running_loop().time(), self._failing_since
        assert since is not None
        if now - since >= self._give_up:
            taken, self._taken, self._failing_since = self._taken, {}, now
            for folder, lines in taken.items():
                self._lose(folder, len(lines))
            return
        await asyncio.sleep(self._backoff.next())
