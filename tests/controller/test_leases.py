"""Leader election: never two who act, soon another one, one PUT a renewal. Clocks are virtual."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from canary.cluster.cluster import Cluster
from canary.replicas.leases import LEASE, Elector, LeaseTimes
from tests.controller.faults import Proxy, hang, kubeconfig, lose_answer, proxied
from tests.sampling import cases
from tidegate_embedded.apiserver import EmbeddedApiServer

TIMES = LeaseTimes(lease_seconds=15, renew_seconds=10, retry_seconds=2)
IMPATIENT = LeaseTimes(lease_seconds=15, renew_seconds=0.2, retry_seconds=0.1)
"""Requests are given up after a tenth of a second; clocks are virtual, requests are not."""


class Replica:
    """An elector with a clock and a connection of its own."""

    def __init__(self, cluster: Cluster, proxy: Proxy, identity: str, times: LeaseTimes) -> None:
        self.now = 0.0
        self.told: list[bool] = []
        self.absences: list[timedelta] = []
        self.proxy = proxy
        self.elector = Elector(
            cluster,
            namespace="default",
            name="tidegate",
            identity=identity,
            times=times,
            on_change=self.told.append,
            on_absence=lambda start, end: self.absences.append(end - start),
            clock=lambda: self.now,
        )

    @property
    def leads(self) -> bool:
        return self.elector.is_leader()

    async def attempt(self) -> bool:
        await self.elector.attempt()
        return self.leads

    async def after(self, seconds: float) -> bool:
        self.now += seconds
        return await self.attempt()


class Replicas:
    """Makes replicas on one API server, each with a network of its own."""

    def __init__(self, server: EmbeddedApiServer, stack: AsyncExitStack, folder: Path) -> None:
        self.server = server
        self._stack = stack
        self._folder = folder

    async def __call__(self, identity: str, times: LeaseTimes = TIMES) -> Replica:
        proxy = await self._stack.enter_async_context(proxied(self.server.url))
        path = kubeconfig(self._folder / proxy.url.rpartition(":")[2], proxy.url)
        cluster = await self._stack.enter_async_context(
            Cluster.connect(kubeconfig=str(path), user_agent=identity)
        )
        # Work may not be written by who does not lead; the election must go on all the same.
        cluster.guard(lambda: False)
        return Replica(cluster, proxy, identity, times)


@pytest.fixture
async def replica(server: EmbeddedApiServer, tmp_path: Path) -> AsyncIterator[Replicas]:
    async with AsyncExitStack() as stack:
        yield Replicas(server, stack, tmp_path)


@pytest.fixture
def lease(server: EmbeddedApiServer) -> Any:
    resource = server.registry.find("coordination.k8s.io", "v1", "leases")

    def read() -> dict[str, Any]:
        return server.objects.read(resource, "default", "tidegate").object

    return read


async def test_the_first_takes_the_lease_and_the_second_waits(replica: Replicas) -> None:
    first, second = await replica("a"), await replica("b")
    assert await first.attempt()
    assert not await second.attempt()
    assert (first.told, second.told) == ([True], [])


async def test_the_lease_says_who_holds_it_for_how_long(
    replica: Replicas, cluster: Cluster
) -> None:
    first = await replica("a")
    await first.attempt()
    spec = (await cluster.read(LEASE, "default", "tidegate"))["spec"]
    assert spec["holderIdentity"] == first.elector.identity
    assert spec["holderIdentity"].startswith("a-")
    assert (spec["leaseDurationSeconds"], spec["leaseTransitions"]) == (15, 0)


@pytest.mark.parametrize(
    ("renewed", "nobody_acted"),
    [
        (datetime.now(UTC) - timedelta(hours=1), [timedelta(hours=1)]),
        (datetime.now(UTC) + timedelta(hours=1), []),
        ("yesterday", []),
        (None, []),
    ],
    ids=["an hour ago", "in the future", "no moment", "never"],
)
async def test_who_takes_a_lease_tells_for_how_long_nobody_has_renewed_it(
    replica: Replicas, cluster: Cluster, renewed: Any, nobody_acted: list[timedelta]
) -> None:
    written = renewed.isoformat() if isinstance(renewed, datetime) else renewed
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "tidegate", "namespace": "default"},
        "spec": {"holderIdentity": "", "renewTime": written},
    }
    cluster.guard(lambda: True)
    await cluster.create(lease, LEASE)
    first = await replica("a")
    assert await first.attempt()
    assert await first.after(2)
    rounded = [timedelta(hours=round(each / timedelta(hours=1))) for each in first.absences]
    assert rounded == nobody_acted


async def test_a_renewal_is_one_put(replica: Replicas) -> None:
    first = await replica("a")
    await first.attempt()
    first.proxy.requests.clear()
    for _ in range(5):
        assert await first.after(2)
    assert [each.split()[0] for each in first.proxy.requests] == ["PUT"] * 5


async def test_replicas_of_one_name_are_still_two(replica: Replicas) -> None:
    first, second = await replica("node-1"), await replica("node-1")
    assert await first.attempt()
    assert not await second.attempt()


async def test_a_leader_that_hears_nothing_stops_before_another_may_start(
    replica: Replicas,
) -> None:
    first, second = await replica("a"), await replica("b")
    await first.attempt()
    await second.attempt()
    first.proxy.down = True
    for _ in range(4):
        assert await first.after(2)
        assert not await second.after(2)
    first.now += 2
    # No answer of anybody is needed for it.
    assert not first.leads
    assert not await first.attempt()
    assert first.told == [True, False]
    assert not await second.after(6)
    assert await second.after(2)


async def test_a_server_that_hangs_ends_leadership_on_time(replica: Replicas) -> None:
    first = await replica("a", IMPATIENT)
    async with asyncio.timeout(60):
        # On a busy machine an answer may be late, too.
        while not await first.attempt():
            pass
    first.proxy.meet("leases", hang, always=True)
    first.now += 0.1
    async with asyncio.timeout(60):
        assert await first.attempt()
    first.now += 0.1
    assert not first.leads


@pytest.mark.parametrize(("before", "during"), [(11, 0), (8, 3)], ids=["before", "during"])
async def test_leadership_that_lapsed_for_a_moment_is_told_as_lost_and_taken_again(
    replica: Replicas, before: float, during: float
) -> None:
    first = await replica("a")
    await first.attempt()

    async def late(proxy: Proxy, request: web.Request) -> web.StreamResponse:
        first.now += during
        return await proxy.forward(request)

    first.proxy.meet("PUT", late)
    # What was due in that moment was left undone: it is looked at again by who takes over.
    assert await first.after(before)
    assert first.told == [True, False, True]


async def test_what_others_clocks_say_does_not_matter(replica: Replicas, cluster: Cluster) -> None:
    first, second = await replica("a"), await replica("b")
    await first.attempt()
    for moment in ("2001-01-01T00:00:00.000000Z", "2101-01-01T00:00:00.000000Z"):
        lease = await cluster.read(LEASE, "default", "tidegate")
        lease["spec"]["renewTime"] = moment
        await cluster.replace(lease, LEASE)
        assert not await second.after(14)
    assert await second.after(15.1)


async def test_a_lease_that_is_given_back_is_taken_at_the_next_look(
    replica: Replicas, lease: Any
) -> None:
    first, second = await replica("a"), await replica("b")
    await first.attempt()
    await second.attempt()
    await first.elector.release()
    assert not first.leads
    assert first.told == [True, False]
    assert await second.after(0.1)
    assert lease()["spec"]["leaseTransitions"] == 1


async def test_who_does_not_lead_gives_nothing_back(replica: Replicas) -> None:
    first, second = await replica("a"), await replica("b")
    await first.attempt()
    await second.attempt()
    second.proxy.requests.clear()
    await second.elector.release()
    assert second.proxy.requests == []
    assert first.leads


async def test_a_lease_that_was_taken_meanwhile_is_not_given_back(
    replica: Replicas, lease: Any
) -> None:
    first, second = await replica("a"), await replica("b")
    await first.attempt()
    await second.attempt()
    assert await second.after(16)
    await first.elector.release()
    assert lease()["spec"]["holderIdentity"] == second.elector.identity


async def test_giving_back_to_a_server_that_is_down_ends_all_the_same(replica: Replicas) -> None:
    first = await replica("a", IMPATIENT)
    async with asyncio.timeout(60):
        # On a busy machine an answer may be late, too.
        while not await first.attempt():
            pass
    first.proxy.meet("leases", hang, always=True)
    async with asyncio.timeout(60):
        await first.elector.release()
    assert not first.leads


async def test_a_person_who_touches_the_lease_ends_no_leadership(
    replica: Replicas, cluster: Cluster
) -> None:
    first = await replica("a")
    await first.attempt()
    await cluster.merge_patch(
        LEASE, "default", "tidegate", {"metadata": {"annotations": {"seen": "by me"}}}
    )
    assert await first.after(2)
    assert first.told == [True]


async def test_a_leader_that_was_overtaken_stops_when_it_hears_of_it(replica: Replicas) -> None:
    first, second = await replica("a"), await replica("b")
    await first.attempt()
    await second.attempt()
    assert await second.after(16)
    assert not await first.after(2)
    assert first.told == [True, False]


async def test_a_lease_that_was_deleted_is_made_again(replica: Replicas, cluster: Cluster) -> None:
    first = await replica("a")
    await first.attempt()
    await cluster.delete(LEASE, "default", "tidegate")
    await first.after(2)
    assert await first.after(2)
    assert first.told == [True]


async def test_a_lease_without_a_spec_is_free(replica: Replicas, cluster: Cluster) -> None:
    await cluster.create(
        {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": "tidegate", "namespace": "default"},
        },
        LEASE,
    )
    first = await replica("a")
    assert await first.attempt()


async def test_a_renewal_whose_answer_is_lost_does_not_lock_its_own_writer_out(
    replica: Replicas,
) -> None:
    first = await replica("a")
    await first.attempt()
    first.proxy.meet("PUT", lose_answer)
    assert await first.after(2)
    assert await first.after(2)
    first.now += 9
    assert first.leads


async def test_of_two_that_make_the_lease_at_once_one_leads(replica: Replicas) -> None:
    both = await replica("a"), await replica("b")
    await asyncio.gather(*(each.attempt() for each in both))
    await asyncio.gather(*(each.after(2) for each in both))
    assert sorted(each.leads for each in both) == [False, True]


async def test_a_listener_that_fails_does_not_end_the_election(
    connect: Any, replica: Replicas
) -> None:
    def fails(_: bool) -> None:
        raise ValueError("a defect")

    async with connect() as cluster:
        elector = Elector(
            cluster,
            namespace="default",
            name="tidegate",
            identity="a",
            times=TIMES,
            on_change=fails,
        )
        await elector.attempt()
        assert elector.is_leader()


async def test_it_renews_about_every_retry_period_until_cancelled(connect: Any) -> None:
    rests: list[float] = []
    enough = asyncio.Event()

    async def sleep(seconds: float) -> None:
        rests.append(seconds)
        if len(rests) == 20:
            enough.set()
            await asyncio.Event().wait()

    async with connect() as cluster:
        elector = Elector(
            cluster,
            namespace="default",
            name="tidegate",
            identity="a",
            times=TIMES,
            on_change=lambda _: None,
            sleep=sleep,
        )
        running = asyncio.create_task(elector.run())
        async with asyncio.timeout(60):
            await enough.wait()
        running.cancel()
        await asyncio.wait({running})
    assert all(1.3 <= rest <= 2.7 for rest in rests)
    assert len(set(rests)) > 1


@pytest.mark.parametrize("seed", cases(range(8)))
async def test_there_are_never_two_leaders(replica: Replicas, seed: int) -> None:
    """Replicas with clocks of their own that fail, come back, pause and lose answers."""
    chance = random.Random(seed)
    replicas = [await replica(name) for name in "abc"]
    for each in replicas:
        each.now = chance.uniform(-1e6, 1e6)
    led: set[str] = set()
    for _ in range(120):
        passed = chance.choice((0.5, 1.0, 2.0, 3.0))
        for each in replicas:
            each.now += passed
        assert sum(each.leads for each in replicas) <= 1
        one = chance.choice(replicas)
        match chance.randrange(8):
            case 0:
                one.proxy.down = not one.proxy.down
            case 1:
                one.proxy.meet("PUT", lose_answer)
            case 2:
                await one.elector.release()
            case _:
                await one.attempt()
        leaders = [each for each in replicas if each.leads]
        assert len(leaders) <= 1
        led |= {each.elector.identity for each in leaders}
    for each in replicas:
        each.proxy.relent()
        each.now += 20
    for _ in range(3):
        for each in replicas:
            await each.after(6)
    assert led
    assert sum(each.leads for each in replicas) == 1
