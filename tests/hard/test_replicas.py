"""Several replicas: one acts on a Canary at a time, another goes on where one ends.

Who wrote is told by the API server's audit log, in the order in which it served the requests.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from itertools import groupby
from typing import Any

import pytest
import pytest_asyncio

from canary.api.policy_status import DeliveryPolicyStatus, read_policy_status
from canary.controller.policies import DELIVERY_POLICY
from canary.demo.manifests import APP
from tests.controller.faults import Proxy
from tests.controller.running import CANARY
from tests.controller.test_policies import a_policy
from tests.hard.crashing import weight_of
from tests.hard.replicas import DEADLINE_SECONDS, Replica, Replicas, eventually
from tests.hard.worlds import HardWorld

pytestmark = [pytest.mark.story, pytest.mark.asyncio(loop_scope="session")]

EMBEDDED = pytest.mark.embedded
STEPS = {"stepWeights": [20, 40, 60]}
LASTING = {"lease_duration": "10m", "lease_renew_deadline": "9m"}
"""Leases that even a busy machine renews in time, for tests in which none may be taken over."""
UNDER_WAY = {"Progressing", "WaitingPromotion", "Promoting", "Finalising"}
Status = Mapping[str, Any]


@pytest_asyncio.fixture(loop_scope="session")
async def replicas(world: HardWorld) -> AsyncIterator[Replicas]:
    async with Replicas(world) as replicas:
        yield replicas


@pytest_asyncio.fixture(loop_scope="session")
async def sharing(world: HardWorld) -> AsyncIterator[Replicas]:
    # Who has which share is claimed: no member may lapse on a machine that is busy with others.
    patient = {"lease_duration": "30s", "lease_renew_deadline": "20s"}
    async with Replicas(world, shards="auto", **patient) as replicas:
        yield replicas


async def phase(world: HardWorld, phase: str, *names: str, runs: int = 0) -> None:
    """Wait until Canaries are in a phase, with so many runs behind them."""

    async def there() -> bool:
        found = {
            each["metadata"]["name"]: each.get("status") or {}
            for each in await world.objects(CANARY)
        }
        return all(
            found[name].get("phase") == phase and len(found[name].get("history") or ()) >= runs
            for name in names
        )

    await eventually(there, f"{len(names)} Canaries are {phase}")


@asynccontextmanager
async def following(world: HardWorld, kind: Any) -> AsyncIterator[asyncio.Queue[dict[str, Any]]]:
    """Follow the objects of a kind from now on, as they are after each write."""
    version = [version async for _, version in world.api.pages(kind, world.namespace)][-1]
    events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def follow() -> None:
        async with world.api.watch(kind, world.namespace, version) as seen:
            async for type_, manifest in seen:
                if type_ != "BOOKMARK":
                    events.put_nowait(manifest)

    task = asyncio.create_task(follow())
    try:
        yield events
    finally:
        task.cancel()
        await asyncio.wait({task})


async def weights(world: HardWorld) -> list[int]:
    """List the weights that the canary has had, in turn."""
    return [weight for weight, _ in groupby(map(weight_of, await world.routes(APP)))]


def weighs(percent: int) -> Callable[[Status], bool]:
    return lambda status: (status.get("weights") or {}).get("canary") == percent


def is_(phase: str) -> Callable[[Status], bool]:
    return lambda status: status.get("phase") == phase


class TestOneLease:
    async def test_of_three_one_writes_and_all_are_ready(self, world: HardWorld):
        async with Replicas(world, **LASTING) as replicas:
            await replicas.start("a", "b", "c")
            await world.create_app()
            await world.create_canary(analysis=STEPS)
            await phase(world, "Initialized", "podinfo")
            await world.release()
            await phase(world, "Succeeded", "podinfo")
            assert len({writer for writer, _ in replicas.writes()}) == 1

    @pytest.mark.parametrize(
        "moment",
        [
            pytest.param(is_("Progressing"), id="as_the_run_begins", marks=EMBEDDED),
            pytest.param(weighs(20), id="as_the_first_step_is_decided"),
            pytest.param(weighs(60), id="as_the_last_step_is_decided", marks=EMBEDDED),
            pytest.param(is_("Promoting"), id="as_the_promotion_begins"),
            pytest.param(is_("Finalising"), id="as_the_promotion_ends", marks=EMBEDDED),
        ],
    )
    async def test_one_that_is_killed_is_succeeded_without_a_step_lost_or_repeated(
        self, world: HardWorld, replicas: Replicas, moment: Callable[[Status], bool]
    ):
        await replicas.start("a", "b")
        await world.create_app()
        await world.create_canary(analysis=STEPS)
        await phase(world, "Initialized", "podinfo")
        first = replicas.holder("podinfo")
        async with following(world, CANARY) as seen:
            await world.release()
            async with asyncio.timeout(DEADLINE_SECONDS):
                while not moment((await seen.get()).get("status") or {}):
                    pass
            await first.kill()
            await phase(world, "Succeeded", "podinfo", runs=1)
        assert (await weights(world))[:4] == [0, 20, 40, 60]
        status = await world.status()
        assert [run["outcome"] for run in status["history"]] == ["Promoted"]

        async def all_told() -> bool:
            return not (await world.status()).get("notices")

        await eventually(all_told, "the notices are told")
        reasons = Counter(event["reason"] for event in await world.events())
        assert reasons["RunStarted"] == 1
        assert reasons["WeightAdvanced"] == 3
        # What was left of the run it may have written itself, before the signal came.
        await world.release(tag="3")
        await phase(world, "Succeeded", "podinfo", runs=2)
        second = other(replicas, first)
        lapsed = first.lapsed() or second.lapsed()
        assert lapsed or replicas.writers()["podinfo"] == [first.name, second.name]

    async def test_one_that_is_cut_off_is_succeeded_and_writes_nothing_when_it_is_back(
        self, world: HardWorld, replicas: Replicas
    ):
        async with world.behind(Proxy(world.url)) as proxy:
            (first,) = await replicas.start("a", by=proxy.url)
            await world.create_app()
            await world.create_canary(analysis=STEPS)
            await phase(world, "Initialized", "podinfo")
            (second,) = await replicas.start("b")
            async with following(world, CANARY) as seen:
                await world.release()
                async with asyncio.timeout(DEADLINE_SECONDS):
                    while not weighs(20)((await seen.get()).get("status") or {}):
                        pass
            proxy.down = True
            proxy.cut()
            await eventually(first.lapsed, "it has noticed")

            async def acts() -> bool:
                return await second.measured("tidegate_leader") == 1

            await eventually(acts, "the other one acts")
            await phase(world, "Succeeded", "podinfo", runs=1)
            proxy.relent()
            await eventually(first.ready, "it is back")
            # What was left of the first run it may have written before it was cut off.
            await world.release(tag="3")
            await phase(world, "Succeeded", "podinfo", runs=2)
            assert (await weights(world))[:4] == [0, 20, 40, 60]
            outcomes = [run["outcome"] for run in (await world.status())["history"]]
            assert outcomes == ["Promoted", "Promoted"]
            # On a machine that is busy with others the second one may have lost its Lease in turn.
            assert second.lapsed() or replicas.writers()["podinfo"] == ["a", "b"]

    async def test_one_that_was_frozen_writes_nothing_once_another_has(
        self, world: HardWorld, replicas: Replicas
    ):
        await replicas.start("a", "b")
        names = [f"app-{number}" for number in range(8)]
        for name in names:
            await world.create_app(name)
            await world.create_canary(name, analysis=STEPS)
        await phase(world, "Initialized", *names)
        frozen = replicas.holder(names[0])
        mark = replicas.mark
        for name in names:
            await world.release(name)
        # In the midst of many writes, wherever it is.
        await eventually(lambda: len(replicas.writes(mark)) >= 12, "runs are under way")
        frozen.freeze()
        successor = other(replicas, frozen)
        await eventually(
            lambda: any(writer == successor.name for writer, _ in replicas.writes(mark)),
            "another has taken over",
        )
        frozen.thaw()
        await eventually(frozen.lapsed, "it has noticed")
        await phase(world, "Succeeded", *names, runs=1)
        in_turn = [writer for writer, _ in replicas.writes(mark)]
        first = in_turn.index(successor.name)
        # It asks whether it may write at the last moment; one write may be beyond that. Where the other
        # one has lost its Lease in turn, it may write again.
        assert successor.lapsed() or in_turn[first:].count(frozen.name) <= 1
        # It is still good for something.
        await successor.kill()
        for name in names:
            await world.release(name, tag="3")
        await phase(world, "Succeeded", *names, runs=2)


class TestShares:
    async def test_three_divide_the_canaries_and_go_on_with_those_of_one_that_is_killed(
        self, world: HardWorld, sharing: Replicas
    ):
        names = await begin(world, sharing, "a", "b", "c")
        before = sharing.writers()
        assert all(len(before[name]) == 1 for name in names)
        owned = Counter(before[name][0] for name in names)
        assert all(owned[each] >= world.crowd / 30 for each in "abc"), owned
        assert await measured(sharing, "tidegate_canaries_owned") == [owned[each] for each in "abc"]

        async def counted() -> bool:
            # Each counts the objects of all Canaries, whichever of the replicas made them.
            services = 'tidegate_objects{kind="services",owner="canary"}'
            return await measured(sharing, services) == [3 * world.crowd] * 3

        await eventually(counted, "each replica has counted all Services")

        mark = sharing.mark
        for name in names:
            await world.release(name)
        await eventually(lambda: len(sharing.writes(mark)) >= 3 * world.crowd, "runs are under way")
        await sharing.living.pop("a").kill()
        await phase(world, "Succeeded", *names, runs=1)
        for name, writers in sharing.writers().items():
            # Each Canary has one writer after the other, and only the dead one's have another.
            if before[name] == ["a"]:
                assert writers in (["a", "b"], ["a", "c"], ["a"]), name
            else:
                assert writers == before[name], name
        await members(sharing, 2)

    async def test_one_that_comes_takes_its_part_and_no_more(
        self, world: HardWorld, sharing: Replicas
    ):
        names = await begin(world, sharing, "a", "b", "c")
        before = sharing.writers()
        mark = sharing.mark
        for name in names:
            await world.release(name)
        await eventually(lambda: len(sharing.writes(mark)) >= world.crowd, "runs are under way")
        await sharing.start("d")
        await members(sharing, 4)
        await phase(world, "Succeeded", *names, runs=1)
        mark = sharing.mark
        for name in names:
            await world.release(name, tag="3")
        await phase(world, "Succeeded", *names, runs=2)
        after = sharing.writers(mark)
        moved = {name for name in names if after[name] != before[name]}
        assert all(after[name] == ["d"] for name in moved)
        assert 1 <= len(moved) <= world.crowd * 2 / 3
        for name, writers in sharing.writers().items():
            assert writers == (before[name] if name not in moved else [*before[name], "d"]), name

    async def test_one_that_was_frozen_writes_nothing_of_what_others_took(
        self, world: HardWorld, sharing: Replicas
    ):
        names = await begin(world, sharing, "a", "b")
        before = sharing.writers()
        mark = sharing.mark
        for name in names:
            await world.release(name)
        await eventually(lambda: len(sharing.writes(mark)) >= world.crowd, "runs are under way")
        frozen = sharing.living["a"]
        frozen.freeze()
        # What it has brought to its end before leaves the other one nothing to write.
        over = {name for name in names if (await world.status(name)).get("history")}
        lost = [name for name in names if before[name] == ["a"] and name not in over]
        await eventually(
            lambda: all("b" in sharing.writers(mark).get(name, ()) for name in lost),
            "all of its Canaries are taken over",
        )
        thawed = sharing.mark
        frozen.thaw()
        await eventually(lambda: "has lapsed" in frozen.log.read_text(), "it has noticed")
        await members(sharing, 2)
        await phase(world, "Succeeded", *names, runs=1)
        # It writes nothing until it is back, under another name and to another share.
        back = sharing.lease_made("a", thawed)
        assert sum(writer == "a" for writer, _ in sharing.writes(thawed, back)) <= 1
        for name, writers in sharing.writers().items():
            turns = ["a", "b"] if name in lost else before[name]
            assert writers[: len(turns)] == turns, name

    async def test_one_that_shares_nothing_does_not_act_beside_those_who_do(
        self, world: HardWorld, sharing: Replicas, replicas: Replicas
    ):
        await sharing.start("a", "b")
        await members(sharing, 2)
        await replicas.start("c")
        await world.create_app()
        await world.create_canary(analysis=STEPS)
        await phase(world, "Initialized", "podinfo")
        assert sharing.writers()["podinfo"] in (["a"], ["b"])
        for name in "ab":
            await sharing.living.pop(name).kill()
        await world.release()
        await phase(world, "Succeeded", "podinfo", runs=1)
        assert sharing.writers()["podinfo"][1:] == ["c"]


@EMBEDDED
async def test_a_limit_on_runs_at_once_holds_while_replicas_grant_die_and_come(world: HardWorld):
    names = [f"app-{number}" for number in range(8)]
    policy = a_policy(world.namespace, "limit", maxConcurrent=2)
    await world.api.create(policy, DELIVERY_POLICY)
    async with Replicas(world, shards="auto") as replicas:
        await replicas.start("a", "b", "c")
        for name in names:
            await world.create_app(name)
            await world.create_canary(name, analysis=STEPS)
        await phase(world, "Initialized", *names)
        async with following(world, CANARY) as seen:
            for name in names:
                await world.release(name)
            running, over = set[str](), set[str]()
            async with asyncio.timeout(DEADLINE_SECONDS):
                while len(over) < len(names):
                    manifest = await seen.get()
                    name, now = manifest["metadata"]["name"], manifest["status"]["phase"]
                    (running.add if now in UNDER_WAY else running.discard)(name)
                    assert len(running) <= 2, running
                    if now == "Succeeded":
                        over.add(name)
                    if len(over) == 2 and (one := replicas.living.pop("a", None)):
                        await one.kill()
                    if len(over) == 4 and "d" not in replicas.living:
                        await replicas.start("d")

        async def all_given_back() -> bool:
            found = await world.api.read(DELIVERY_POLICY, world.namespace, "limit")
            return read_policy_status(found["status"]) == DeliveryPolicyStatus()

        await eventually(all_given_back, "no place is left")
        grants = [each for _, each in replicas.writes() if each.resource == "deliverypolicies"]
        assert grants


async def begin(world: HardWorld, replicas: Replicas, *names: str) -> list[str]:
    """Start replicas, and have them set many Canaries up; give these."""
    await replicas.start(*names)
    await members(replicas, len(names))
    canaries = [f"app-{number:02}" for number in range(world.crowd)]
    for name in canaries:
        await world.create_app(name, replicas=1)
        await world.create_canary(name, analysis={"stepWeights": [50]})
    await phase(world, "Initialized", *canaries)
    return canaries


async def measured(replicas: Replicas, series: str) -> list[float | None]:
    return [await each.measured(series) for _, each in sorted(replicas.living.items())]


async def members(replicas: Replicas, count: int) -> None:
    """Wait until all know of each other, and all act."""

    async def agreed() -> bool:
        known = await measured(replicas, "tidegate_members")
        acting = await measured(replicas, "tidegate_leader")
        return set(known) == {count} and set(acting) == {1}

    await eventually(agreed, f"{count} members")


def other(replicas: Replicas, replica: Replica) -> Replica:
    return next(each for each in replicas.living.values() if each is not replica)
