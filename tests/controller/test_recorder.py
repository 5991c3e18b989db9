"""Who writes run records: a decision waits for no store, and what is lost is counted."""

import asyncio
import json
import logging
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson

from analysis.model import Ask, Bounds, Metric, NoData, ProviderSpec
from canary.api.annotations import PREFIX
from canary.api.status import CanaryStatus, Phase
from canary.controller.recorder import Recorder
from canary.controller.recordstores import FileRecords, RecordStore
from canary.core.waits import PROMOTION_GATE
from canary.demo.manifests import APP
from tests.builders import at
from tests.controller.running import CANARY, World, until
from tests.controller.test_otlp import CART, a_record, vector
from tests.receiver import receiving
from tests.tracing.lives import RUN, Life, promoted, status

FOLDER = "shop/cart/41-new/"
METRIC = Metric(
    name="errors",
    asks=(Ask(query="up"),),
    provider=ProviderSpec(type="prometheus"),
    interval=timedelta(minutes=1),
    threshold_range=Bounds(),
)


class Shelf:
    """A store in memory, which may be out of order."""

    def __init__(self) -> None:
        self.lines: dict[str, list[dict[str, object]]] = {}
        self.broken = False
        self.busy = Event()
        self.busy.set()

    def append(self, folder: str, lines: Sequence[bytes]) -> None:
        self.busy.wait(10)
        if self.broken:
            raise OSError("no space left")
        self.lines.setdefault(folder, []).extend(map(orjson.loads, lines))

    @property
    def kinds(self) -> list[object]:
        return [each["kind"] for each in self.lines.get(FOLDER, [])]


class Replica:
    """The part of a controller that records."""

    def __init__(self, store: RecordStore, process: str = "pod-1", **options: object) -> None:
        self.counts = {"written": 0, "lost": 0}
        self.recorder = Recorder(
            store,
            cluster_name="harbour",
            process=process,
            written=lambda count: self._count("written", count),
            lost=lambda count: self._count("lost", count),
            clock=lambda: at(7),
            first_wait=0.01,
            **options,  # type: ignore[arg-type]
        )
        self.task: asyncio.Task[None] | None = None

    def _count(self, which: str, count: int) -> None:
        self.counts[which] += count

    async def __aenter__(self):
        self.task = asyncio.create_task(self.recorder.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self.task is not None
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.recorder.close()

    def live(self, life: Life) -> None:
        for _, each in life:
            self.recorder.decided(a_record(each))


def written(folder: Path) -> list[dict[str, Any]]:
    """Read a record as people do."""
    text = (folder / "record.jsonl").read_text(encoding="utf-8")
    return [json.loads(each) for each in text.splitlines()]


async def test_a_run_is_recorded_as_lines_that_say_when_and_by_whom():
    shelf = Shelf()
    async with Replica(shelf) as replica:
        replica.recorder.decided(a_record(CanaryStatus()))
        replica.live(promoted())
    assert shelf.kinds[0] == "begun"
    assert shelf.kinds[-1] == "ended"
    lines = shelf.lines[FOLDER]
    assert [each["n"] for each in lines] == list(range(1, len(lines) + 1))
    assert {(each["at"], each["by"], each["run"]) for each in lines} == {
        ("2026-01-01T00:00:07Z", "pod-1", "41-new")
    }
    first = lines[0]
    assert [first[key] for key in ("cluster", "group", "namespace", "canary", "uid")] == [
        "harbour", "tidegate.dev", "shop", "cart", "0b5e",
    ]  # fmt: skip
    assert replica.counts == {"written": len(lines), "lost": 0}


async def test_answers_of_stores_are_recorded_for_the_run_that_asked():
    shelf = Shelf()
    async with Replica(shelf) as replica:
        for each in (status(), status(Phase.SUCCEEDED, run=None)):
            replica.recorder.asked(a_record(each), METRIC, METRIC.asks[0], NoData(reason=""), 0.1)
    assert shelf.kinds == ["sample"]


async def test_another_process_goes_on_in_the_same_file_and_says_that_it_took_over(tmp_path):
    life = promoted()
    async with Replica(FileRecords(tmp_path)) as first:
        first.recorder.decided(a_record(CanaryStatus()))
        first.live(life[:5])
    async with Replica(FileRecords(tmp_path), "pod-2") as second:
        # It meets the Canary in the middle of its run.
        second.recorder.awaiting(a_record(life[4][1]))
        second.live(life[5:])
    lines = written(tmp_path / FOLDER)
    kinds = [(each["by"], each["kind"]) for each in lines]
    assert kinds[0] == ("pod-1", "begun")
    assert ("pod-2", "resumed") in kinds
    assert kinds[-1] == ("pod-2", "ended")
    assert [each["judgedAt"] for each in lines if each["kind"] == "verdict"] == [
        "2026-01-01T00:00:20Z",
        "2026-01-01T00:00:35Z",
    ]


async def test_a_run_that_was_left_to_another_replica_is_resumed_when_it_comes_back():
    shelf = Shelf()
    async with Replica(shelf) as replica:
        replica.recorder.decided(a_record(CanaryStatus()))
        replica.live(promoted()[:2])
        replica.recorder.stand_down(frozenset({CART}))
        replica.recorder.awaiting(a_record(promoted()[1][1]))
        replica.recorder.awaiting(a_record(promoted()[1][1]))
    assert shelf.kinds == ["begun", "decision", "resumed"]


async def test_while_the_store_is_slow_nothing_waits_for_it():
    shelf = Shelf()
    shelf.busy.clear()
    async with Replica(shelf) as replica:
        replica.recorder.decided(a_record(CanaryStatus()))
        replica.live(promoted())
        await asyncio.sleep(0)
        assert replica.counts["written"] == 0
        shelf.busy.set()
    assert shelf.kinds[-1] == "ended"


async def test_what_could_not_be_written_is_written_once_the_store_is_back(caplog):
    caplog.set_level(logging.INFO, "canary.controller.recorder")
    shelf = Shelf()
    shelf.broken = True
    async with Replica(shelf) as replica:
        replica.recorder.decided(a_record(CanaryStatus()))
        replica.live(promoted())
        await until(lambda: caplog.messages, "the failure is logged")
        shelf.broken = False
        await until(lambda: not replica.recorder.waiting, "everything is written")
    assert [each["n"] for each in shelf.lines[FOLDER]] == list(range(1, len(shelf.kinds) + 1))
    assert replica.counts["lost"] == 0
    assert caplog.messages == [
        "run records are not written, and tried again: no space left",
        "run records are written again",
    ]


async def test_lines_beyond_what_may_wait_are_counted_and_the_record_says_how_many_it_lacks(caplog):
    shelf = Shelf()
    shelf.broken = True
    async with Replica(shelf, queued=5) as replica:
        replica.recorder.decided(a_record(CanaryStatus()))
        replica.live(promoted()[:8])
        lost = replica.counts["lost"]
        assert lost > 0
        shelf.broken = False
        await until(lambda: not replica.recorder.waiting, "what waits is written")
        replica.live(promoted()[8:])
    assert shelf.kinds[:6] == ["begun", "decision", "verdict", "decision", "verdict", "lost"]
    assert shelf.lines[FOLDER][5]["lines"] == lost
    assert shelf.kinds[-1] == "ended"
    assert replica.counts["lost"] == lost
    assert sum("run records are lost" in each for each in caplog.messages) == 1


async def test_lines_that_were_tried_for_too_long_are_given_up_and_counted():
    shelf = Shelf()
    shelf.broken = True
    async with Replica(shelf, give_up=0.0) as replica:
        replica.recorder.decided(a_record(CanaryStatus()))
        replica.live(promoted()[:2])
        await until(lambda: replica.counts["lost"] == 2, "they are given up")
        shelf.broken = False
        replica.live(promoted()[2:])
    assert shelf.kinds[0] == "lost"
    assert replica.counts["lost"] == 2


async def test_only_so_many_records_know_what_they_lack():
    shelf = Shelf()
    async with Replica(shelf, queued=0, lacking=1) as replica:
        for run in (RUN, RUN.but(id="42-newer")):
            replica.recorder.asked(
                a_record(status(run=run)), METRIC, METRIC.asks[0], NoData(reason=""), 0.1
            )
    assert replica.counts["lost"] == 2


async def test_what_a_broken_store_has_not_taken_at_the_end_is_counted(caplog):
    shelf = Shelf()
    shelf.broken = True
    async with Replica(shelf) as replica:
        replica.recorder.decided(a_record(CanaryStatus()))
        replica.live(promoted()[:2])
    assert replica.counts == {"written": 0, "lost": 2}
    assert "run records are lost: 2 lines were not written before the end" in caplog.messages


async def test_a_store_that_hangs_does_not_hold_up_the_end():
    shelf = Shelf()
    shelf.busy.clear()
    async with Replica(shelf, last_seconds=0.05) as replica:
        replica.live(promoted()[:1])
    assert replica.counts["lost"] == 1
    shelf.busy.set()


async def test_a_real_run_is_recorded_whole_and_its_status_says_where(
    world: World, tmp_path: Path
) -> None:
    """Every question, verdict and decision of a run, by two controllers one after the other."""
    gate = {"name": "people", "type": "confirm-promotion"}
    where = (tmp_path / "records").as_uri()
    metric = {"name": "request-success-rate", "thresholdRange": {"min": 99}}

    async def gated() -> bool:
        waiting = (await world.status()).get("waitingFor") or {}
        return waiting.get("reason") == PROMOTION_GATE

    async with receiving() as store:
        store.answers_by_path["/api/v1/query"] = vector("99.9")
        async with world.running_controller(metrics_server=store.url, records=where):
            await world.create_app()
            await world.create_canary(analysis={"metrics": [metric], "webhooks": [gate]})
            await world.until_phase("Initialized")
            await world.release()
            await until(gated, "the run is at its gate")
            running = (await world.status())["run"]["record"]
        async with world.running_controller(metrics_server=store.url, records=where):
            approved = {"metadata": {"annotations": {f"{PREFIX}approve": "fine"}}}
            await world.patch(CANARY, APP, approved)
            await world.until_phase("Succeeded")
            ended = (await world.status())["history"][0]["record"]
    assert running == ended
    lines = written(Path(unquote(urlsplit(ended).path)))
    kinds = [each["kind"] for each in lines]
    assert (kinds[0], kinds[-1]) == ("begun", "ended")
    assert {"sample", "verdict", "decision", "notice", "command", "resumed"} <= set(kinds)
    assert len({each["by"] for each in lines}) == 2
    assert {each["value"] for each in lines if each["kind"] == "sample"} == {99.9}
    weights = [each["weight"] for each in lines if each["kind"] == "decision"]
    assert max(weights) > 0
    assert lines[-1]["outcome"] == "Promoted"
