"""Whole lives of canaries over a connection that fails in every way: nothing is lost or doubled.

The order of the faults is decided by a seed; TIDEGATE_FAULT_SEEDS="7 8" gives others. Which request
meets which fault depends on when it comes, too; so a seed that fails is likely to fail again, and
not sure to.
"""

import asyncio
import itertools
import os
from collections import Counter, defaultdict
from typing import Any

import pytest

from canary.demo.apiserver.storage import Event
from canary.demo.manifests import NAMESPACE
from canary.errors import NotFound
from tests.controller.faults import serving
from tests.controller.running import CANARY, World
from tests.hard.crashing import weight_of
from tests.hard.storm import Storm
from tests.receiver import Receiver, receiving

pytestmark = pytest.mark.story

SEEDS = [int(each) for each in os.environ.get("TIDEGATE_FAULT_SEEDS", "1 2 3").split()]
NAMES = ("one", "two", "three")
SECONDS = 200.0
QUIET_RENEWALS = 5
"""For so many renewals of the Lease nothing is asked, once all is settled."""
RUNS = {"2": ("Succeeded", "Promoted"), "oom": ("Failed", "RolledBack"), "3": ("Succeeded", "Promoted")}  # fmt: skip
ENDS = Counter(phase for phase, _ in RUNS.values())
WEIGHTS = [0, 20, 60, 0, 20, 60, 0]


@pytest.mark.parametrize("seed", SEEDS)
async def test_nothing_is_lost_or_doubled_and_it_is_quiet_afterwards(
    world: World, seed: int
) -> None:
    routed: defaultdict[str, list[int]] = defaultdict(list)

    def follow(_: object, event: Event) -> None:
        manifest = event.stored.object
        if manifest.get("kind") == "VirtualService" and event.change != "DELETED":
            routed[manifest["metadata"]["name"]].append(weight_of(manifest))

    world.server.storage.subscribe(follow)
    async with (
        receiving() as receiver,
        serving(Storm(world.server.url, seed=seed)) as storm,
        world.running_controller(
            url=storm.url,
            alert_webhook=f"{receiver.url}/alert",
            event_webhook=f"{receiver.url}/event",
        ),
    ):
        restarts = asyncio.create_task(keep_restarting(world, storm, seed))
        try:
            async with asyncio.TaskGroup() as group:
                for name in NAMES:
                    group.create_task(live(world, name))
        finally:
            restarts.cancel()
        storm.relent()
        print(f"seed {seed}: {dict(storm.met)}")
        assert len(storm.met) >= 8
        for name in NAMES:
            await ended(world, name, "Succeeded", runs=len(RUNS))
            status = await world.status(name)
            outcomes = [run["outcome"] for run in reversed(status["history"])]
            assert outcomes == [outcome for _, outcome in RUNS.values()], seed
            assert [weight for weight, _ in itertools.groupby(routed[name])] == WEIGHTS, seed
        assert_all_told(receiver, "/event", await recorded(world))
        alerts = Counter(told_once(receiver, "/alert").values())
        assert alerts, seed
        assert alerts <= await recorded(world), seed
        assert ends_told(receiver) == Counter(
            {(name, phase): count for name in NAMES for phase, count in ENDS.items()}
        ), seed
        await quiet(world)
        await world.api.delete(CANARY, NAMESPACE, NAMES[0])
        await gone(world, NAMES[0])


async def live(world: World, name: str) -> None:
    """Initialise, promote, roll back, promote."""
    await world.create_app(name)
    await world.create_canary(name, analysis={"stepWeights": [20, 60]})
    await ended(world, name, "Initialized", runs=0)
    for number, (tag, (phase, _)) in enumerate(RUNS.items(), start=1):
        await world.release(name, tag)
        await ended(world, name, phase, runs=number)


async def ended(world: World, name: str, phase: str, *, runs: int) -> None:
    """Wait until a run has ended and all about it is told."""
    status: dict[str, Any] = {}
    try:
        async with asyncio.timeout(SECONDS):
            while not (
                status.get("phase") == phase
                and status.get("runs", 0) == runs
                and not status.get("notices")
            ):
                await asyncio.sleep(0.05)
                status = dict(await world.status(name))
    except TimeoutError as error:
        raise AssertionError(f"{name} is not {phase} after {runs} runs: {status}") from error


async def gone(world: World, name: str) -> None:
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                await world.status(name)
            except NotFound:
                return
            await asyncio.sleep(0.05)


async def keep_restarting(world: World, storm: Storm, seed: int) -> None:
    """Restart the server now and then, each other time with its past forgotten."""
    for number in itertools.count():
        await asyncio.sleep(8 + seed % 3)
        if number % 2:
            world.server.forget_history()
        await storm.restart(1.0)


async def recorded(world: World) -> Counter[str]:
    """Count the events on Canaries by what they say."""
    return Counter(event["message"] for event in await world.events())


def told_once(receiver: Receiver, path: str) -> dict[str, str]:
    """Give by its key what was told; what is told again is the same."""
    told: dict[str, str] = {}
    for request in receiver.requests:
        if request.path == path:
            headers = {name.lower(): value for name, value in request.headers.items()}
            document = request.document
            said = document.get("message") or document["metadata"]["eventMessage"]
            assert told.setdefault(headers["idempotency-key"], said) == said
    return told


def assert_all_told(receiver: Receiver, path: str, wanted: Counter[str]) -> None:
    """Claim that each event was told, under one key."""
    assert Counter(told_once(receiver, path).values()) == wanted


def ends_told(receiver: Receiver) -> Counter[tuple[str, str]]:
    """Count the alerts that speak of the end of a run, each once, by Canary and phase."""
    told = {
        request.document["id"]: (request.document["name"], request.document["phase"])
        for request in receiver.requests
        if request.path == "/alert"
    }
    return Counter(each for each in told.values() if each[1] in ENDS)


async def quiet(world: World) -> None:
    """Wait for so many renewals of the Lease in a row between which nothing is asked."""

    def renewals() -> int:
        return sum(world.server.requests.leases.values())

    async with asyncio.timeout(SECONDS):
        while True:
            mark, before = world.mark, renewals()
            while renewals() < before + QUIET_RENEWALS:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.05)
            if not world.requests(mark):
                return
