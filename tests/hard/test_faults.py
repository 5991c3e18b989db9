"""Whole lives of canaries over a connection that fails in every way: nothing is lost or doubled.

The order of the faults is decided by a seed; TIDEGATE_FAULT_SEEDS="7 8" gives others. Which request
meets which fault depends on when it comes, too; so a seed that fails is likely to fail again, and
not sure to.
"""

import asyncio
import itertools
import os
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from canary.api.kinds import DEPLOYMENT, POD, REPLICA_SET, SERVICE
from canary.errors import Conflict, NotFound, Unreachable
from tests.controller.running import CANARY, USER_AGENT, VIRTUAL_SERVICE, until
from tests.hard.crashing import weight_of
from tests.hard.storm import Storm
from tests.hard.worlds import HardWorld
from tests.receiver import Receiver, receiving

pytestmark = [pytest.mark.story, pytest.mark.asyncio(loop_scope="session")]

SEEDS = [int(each) for each in os.environ.get("TIDEGATE_FAULT_SEEDS", "1 2 3").split()]
SEEDS_ON_A_PLANE = 2
"""So many of the seeds are worth their time on a real control plane."""
NAMES = ("one", "two", "three")
SECONDS = 900.0
QUIET_RENEWALS = 5
"""For so many renewals of the Lease nothing is asked, once all is settled."""
RUNS = {"2": ("Succeeded", "Promoted"), "oom": ("Failed", "RolledBack"), "3": ("Succeeded", "Promoted")}  # fmt: skip
"""What is released in each round, and how it ends."""
ENDS = Counter(phase for phase, _ in RUNS.values())
OUTCOMES = {outcome for _, outcome in RUNS.values()}
REPLICAS = 2
"""As many an app has that is created."""
WEIGHTS = [20, 60, 0, 20, 60, 0]
"""The canary's weights in each round, after the initial 0."""


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(seed, marks=() if place < SEEDS_ON_A_PLANE else pytest.mark.embedded)
        for place, seed in enumerate(SEEDS)
    ],
)
async def test_nothing_is_lost_or_doubled_and_it_is_quiet_afterwards(
    world: HardWorld, seed: int
) -> None:
    async with (
        receiving() as receiver,
        world.behind(Storm(world.url, seed=seed)) as storm,
        world.running_controller(
            url=storm.url,
            alert_webhook=f"{receiver.url}/alert",
            event_webhook=f"{receiver.url}/event",
            history=50,
        ),
    ):
        failed = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            lives = {name: group.create_task(live(world, name, failed)) for name in NAMES}
            group.create_task(fail(world, storm, seed, failed))
        rounds = {name: life.result() for name, life in lives.items()}
        storm.relent()
        print(f"seed {seed}: rounds {rounds}, faults {dict(storm.met)}")
        assert len(storm.met) >= 8
        for name, count in rounds.items():
            await ended(world, name, "Succeeded", runs=count * len(RUNS))
            status = await world.status(name)
            outcomes = [run["outcome"] for run in reversed(status["history"])]
            assert outcomes == count * [outcome for _, outcome in RUNS.values()], seed
            routed = map(weight_of, await world.routes(name))
            taken = [weight for weight, _ in itertools.groupby(routed)]
            # Where the control plane is away for long, it takes pods for lost when it is back: the
            # side that was then without any for a while has said so.
            lost = tuple(f"{side} has no ready pod" for side in (name, f"{name}-primary"))
            alone = any(each.startswith(lost) for each in await recorded(world))
            assert alone or taken == [0, *count * WEIGHTS], seed
            assert (taken[0], taken[-1]) == (0, 0), seed
        assert_all_told(receiver, "/event", await recorded(world))
        alerts = Counter(told_once(receiver, "/alert").values())
        assert alerts, seed
        assert alerts <= await recorded(world), seed
        assert ends_told(receiver) == Counter(
            {(name, phase): rounds[name] * count for name in NAMES for phase, count in ENDS.items()}
        ), seed
        await quiet(world)
        storm.resume()
        await world.api.delete(CANARY, world.namespace, NAMES[0])
        await gone(world, NAMES[0])
        await given_back(world, NAMES[0])


async def live(world: HardWorld, name: str, failed: asyncio.Event) -> int:
    """Initialise; promote, roll back, promote, until all has failed that can; count the rounds."""
    await insistently(lambda: created(world.create_app(name)))
    await insistently(
        lambda: created(
            world.create_canary(
                name,
                analysis={"stepWeights": [20, 60]},
                # Controllers of the cluster take their time after an outage, and more under load.
                progressDeadlineSeconds=600,
            )
        )
    )
    await ended(world, name, "Initialized", runs=0)
    rounds, runs = 0, itertools.count(1)
    while rounds == 0 or not failed.is_set():
        for tag, (phase, _) in RUNS.items():
            await insistently(partial(world.release, name, tag))
            await ended(world, name, phase, runs=next(runs))
        rounds += 1
    return rounds


async def insistently(ask: Callable[[], Awaitable[Any]]) -> None:
    """Ask as somebody who tries again while the API server is away."""
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                await ask()
            except (Conflict, Unreachable):
                await asyncio.sleep(0.2)
            else:
                return


async def created(creation: Awaitable[Any]) -> None:
    """Create what may be there already, because an answer was lost."""
    with suppress(Conflict):
        await creation


async def ended(world: HardWorld, name: str, phase: str, *, runs: int) -> None:
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
                with suppress(Unreachable):
                    status = dict(await world.status(name))
    except TimeoutError as error:
        there = await standing(world)
        raise AssertionError(
            f"{name} is not {phase} after {runs} runs: {status}\n{there}"
        ) from error


async def standing(world: HardWorld) -> str:
    """Say how far the cluster itself is, so that its lateness is not taken for the controller's."""
    workloads = [
        f"{kind.kind} {each['metadata']['name']} {each['metadata'].get('generation', '')} "
        f"{each.get('status')}"
        for kind in (DEPLOYMENT, REPLICA_SET, POD)
        for each in await world.objects(kind)
    ]
    return "\n".join((*await recorded(world), *workloads, *await world.servers()))


async def gone(world: HardWorld, name: str) -> None:
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                await world.status(name)
            except NotFound:
                return
            await asyncio.sleep(0.05)


async def given_back(world: HardWorld, name: str) -> None:
    """Claim that an app is as it was before there was a Canary of it."""
    target, service = await world.read(DEPLOYMENT, name), await world.read(SERVICE, name)
    assert target is not None
    assert target["spec"]["replicas"] == REPLICAS
    assert service is not None
    assert service["spec"]["selector"] == {"app": name}
    assert await world.read(VIRTUAL_SERVICE, name) is None

    async def collected() -> bool:
        return await world.read(DEPLOYMENT, f"{name}-primary") is None

    await until(collected, "the primary is collected", seconds=SECONDS)


async def fail(world: HardWorld, storm: Storm, seed: int, failed: asyncio.Event) -> None:
    """Let the servers fail now and then, in each way that there is."""
    for number in range(world.outages):
        await asyncio.sleep(4 + seed % 3)
        outage = asyncio.create_task(world.outage(storm, seed + number))
        try:
            storm.met[await asyncio.shield(outage)] += 1
        finally:
            # Also where a test has failed meanwhile, the next one finds every server.
            await outage
    failed.set()


async def recorded(world: HardWorld) -> Counter[str]:
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


#: What hooks are told and another event says too.
WITHOUT_EVENT = (
    "Starting the analysis of ",
    "Promoting revision ",
    "The primary serves all traffic with ",
)


def assert_all_told(receiver: Receiver, path: str, wanted: Counter[str]) -> None:
    """Claim that each event was told, under one key, and nothing else but what has no event."""
    told = Counter(told_once(receiver, path).values())
    assert not wanted - told
    assert not [each for each in told - wanted if not each.startswith(WITHOUT_EVENT)]


def ends_told(receiver: Receiver) -> Counter[tuple[str, str]]:
    """Count the alerts that speak of the end of a run, each once, by Canary and phase."""
    told = {
        request.document["id"]: (request.document["name"], request.document["phase"])
        for request in receiver.requests
        # In a storm a side may be lost, which is told by alerts of its own.
        if request.path == "/alert" and request.document["reason"] in OUTCOMES
    }
    return Counter(each for each in told.values() if each[1] in ENDS)


async def quiet(world: HardWorld) -> None:
    """Wait for so many renewals of the Lease in a row between which nothing is asked."""

    mark, renewals = len(world.audit()), 0
    async with asyncio.timeout(SECONDS):
        while renewals < QUIET_RENEWALS:
            await asyncio.sleep(0.05)
            log = world.audit()
            asked = [each.resource for each in log[mark:] if each.user_agent == USER_AGENT]
            renewals = asked.count("leases")
            if renewals < len(asked):
                mark, renewals = len(log), 0
