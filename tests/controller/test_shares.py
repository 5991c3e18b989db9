"""The Leases of those who share the Canaries: what is written, when, and what becomes of it.

Clocks are virtual; that the rules are safe is shown with the core's (`replicas/test_membership.py`).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web

from canary.api.annotations import ACKNOWLEDGED, AGREEMENT
from canary.api.meta import GROUP
from canary.cluster.cluster import Cluster
from canary.controller.authority import Authority
from canary.controller.canaries import CanaryKey
from canary.core.facts import Outage
from canary.errors import NotFound
from canary.replicas.leases import LEASE, LeaseTimes, read_moment
from canary.replicas.presence import Scope
from canary.replicas.share_leases import HOLDER, LABEL
from canary.replicas.shares import Share
from canary.replicas.sharing import Membership
from canary.settings import Settings
from tests.controller.faults import Proxy, hang, kubeconfig, lose_answer, proxied
from tests.controller.running import until
from tidegate_embedded.apiserver import EmbeddedApiServer

TIMES = LeaseTimes(lease_seconds=15, renew_seconds=10, retry_seconds=2)
IMPATIENT = LeaseTimes(lease_seconds=15, renew_seconds=1, retry_seconds=0.2)
CANARIES = tuple(f"shop/app-{number}" for number in range(30))
LONG_AGO = datetime(2026, 11, 1, tzinfo=UTC)


class Member:
    """A membership with a clock and a connection of its own."""

    def __init__(self, cluster: Cluster, proxy: Proxy, identity: str, times: LeaseTimes) -> None:
        self.now = 0.0
        self.proxy = proxy
        self.busy: set[str] = set()
        self.told: list[tuple[Share, Share]] = []
        self.membership = Membership(
            cluster,
            namespace="default",
            name="tidegate",
            identity=identity,
            times=times,
            on_change=lambda before, after: self.told.append((before, after)),
            at_rest=lambda share: all(canary in share for canary in self.busy),
            clock=lambda: self.now,
        )

    def owned(self) -> set[str]:
        share = self.membership.share()
        return {canary for canary in CANARIES if canary in share}

    async def after(self, seconds: float) -> set[str]:
        self.now += seconds
        await self.membership.attempt()
        return self.owned()


class Members:
    """Makes members on one API server, each with a network of its own."""

    def __init__(self, server: EmbeddedApiServer, stack: AsyncExitStack, folder: Path) -> None:
        self._server = server
        self._stack = stack
        self._folder = folder
        self.all: list[Member] = []

    async def __call__(self, identity: str, times: LeaseTimes = TIMES) -> Member:
        proxy = await self._stack.enter_async_context(proxied(self._server.url))
        path = kubeconfig(self._folder / proxy.url.rpartition(":")[2], proxy.url)
        cluster = await self._stack.enter_async_context(
            Cluster.connect(kubeconfig=str(path), user_agent=identity)
        )
        # Work may not be written by who has no share; the sharing must go on all the same.
        cluster.guard(lambda: False)
        member = Member(cluster, proxy, identity, times)
        self.all.append(member)
        return member

    async def rounds(self, count: int = 4, *, seconds: float = 0.5) -> None:
        """Let everybody look in turn, and see that no two own the same at any moment."""
        for _ in range(count):
            for each in self.all:
                await each.after(seconds)
                owners = [other.owned() for other in self.all]
                assert sum(map(len, owners)) == len(set().union(*owners))


@pytest.fixture
async def member(server: EmbeddedApiServer, tmp_path: Path) -> AsyncIterator[Members]:
    async with AsyncExitStack() as stack:
        yield Members(server, stack, tmp_path)


async def leases(cluster: Cluster) -> dict[str, Any]:
    selector = f"{LABEL}=tidegate"
    pages = [page async for page, _ in cluster.pages(LEASE, "default", labels=selector)]
    return {each["metadata"]["name"]: each for page in pages for each in page}


async def test_one_that_is_alone_owns_everything_soon(member: Members):
    alone = await member("a")
    await member.rounds()
    assert alone.owned() == set(CANARIES)


async def test_a_share_that_lapsed_for_a_moment_is_told_as_lost_and_taken_again(member: Members):
    alone = await member("a")
    await member.rounds()
    alone.told.clear()

    async def late(proxy: Proxy, request: web.Request) -> web.StreamResponse:
        alone.now += 3
        return await proxy.forward(request)

    alone.proxy.meet(r"PUT .*/leases/tidegate\b(?!-)", late)
    await alone.after(8)
    await alone.after(0.5)
    # What was due in that moment was left undone: it is looked at again by who takes over.
    assert alone.owned() == set(CANARIES)
    assert [after.empty for _, after in alone.told] == [True, False]


async def test_several_own_everything_between_them(member: Members):
    three = [await member(name) for name in "abc"]
    await member.rounds(6)
    assert set().union(*(each.owned() for each in three)) == set(CANARIES)
    assert all(each.owned() for each in three)


async def test_the_leases_say_who_shares_and_by_what_everybody_goes(
    member: Members, cluster: Cluster
):
    both = [await member(name) for name in "ab"]
    await member.rounds(6)
    found = await leases(cluster)
    names = sorted(each.membership.identity for each in both)
    assert sorted(found) == ["tidegate", *names]
    shared = found["tidegate"]
    agreement = orjson.loads(shared["metadata"]["annotations"][AGREEMENT])
    assert agreement["members"] == names
    assert shared["spec"]["holderIdentity"] == HOLDER
    for name in names:
        assert found[name]["spec"]["holderIdentity"] == name
        acknowledged = found[name]["metadata"]["annotations"][ACKNOWLEDGED]
        assert acknowledged == f"{shared['metadata']['uid']}/{agreement['generation']}"


async def test_a_period_costs_a_list_and_a_renewal_and_one_renewal_of_the_shared_lease(
    member: Members,
):
    both = [await member(name) for name in "ab"]
    await member.rounds(6)
    for each in both:
        each.proxy.requests.clear()
    await member.rounds(10, seconds=2)
    asked = [line for each in both for line in each.proxy.requests]
    assert sum(line.startswith("GET") for line in asked) == 20
    assert sum(line.startswith("PUT") and "/tidegate-" in line for line in asked) == 20
    shared = sum(line.startswith("PUT") and "/tidegate?" in line for line in asked)
    assert 8 <= shared <= 11
    assert len(asked) == 40 + shared


async def test_who_comes_begins_only_when_what_it_takes_was_let_go_of(member: Members):
    first = await member("a")
    await member.rounds()
    first.busy = set(CANARIES)
    second = await member("b")
    await member.rounds(6)
    # The first has stopped with what it lost, but for what is under way.
    assert first.owned() < set(CANARIES)
    assert second.owned() == set()
    first.busy = first.owned()
    await member.rounds(4)
    assert second.owned() == set(CANARIES) - first.owned()


async def test_who_stays_is_told_only_of_what_it_loses(member: Members):
    first = await member("a")
    await member.rounds()
    first.told.clear()
    await member("b")
    await member.rounds(6)
    lost = [
        {canary for canary in CANARIES if canary in before and canary not in after}
        for before, after in first.told
    ]
    assert set().union(*lost) == set(CANARIES) - first.owned()
    assert not any(
        canary in after and canary not in before
        for before, after in first.told
        for canary in CANARIES
    )


async def test_what_one_leaves_is_anothers_without_waiting(member: Members, cluster: Cluster):
    first, second = await member("a"), await member("b")
    await member.rounds(6)
    await first.membership.release()
    assert first.owned() == set()
    member.all.remove(first)
    await member.rounds(3)
    assert second.owned() == set(CANARIES)
    assert len(await leases(cluster)) == 2


async def test_the_last_one_leaves_the_shared_lease_to_whoever_wants_it(
    member: Members, cluster: Cluster
):
    alone = await member("a")
    await member.rounds()
    await alone.membership.release()
    found = await leases(cluster)
    assert list(found) == ["tidegate"]
    assert found["tidegate"]["spec"]["holderIdentity"] == ""


async def test_the_lease_of_one_that_died_is_deleted_after_its_time(
    member: Members, cluster: Cluster
):
    first, second = await member("a"), await member("b")
    await member.rounds(6)
    name = first.membership.identity
    member.all.remove(first)
    kept, orphans = second.owned(), first.owned()
    renewed = read_moment((await leases(cluster))[name]["spec"]["renewTime"])
    for _ in range(6):
        assert await second.after(2) == kept
    assert name in await leases(cluster)
    while second.owned() == kept:
        await second.after(2)
    assert name not in await leases(cluster)
    assert second.owned() == set(CANARIES)
    # Who takes over knows for how long nobody has acted.
    assert {second.membership.absent_since(canary) for canary in orphans} == {renewed}
    assert {second.membership.absent_since(canary) for canary in kept} == {None}


async def test_since_when_nobody_had_acted_is_written_until_the_members_go_by_it(
    member: Members, cluster: Cluster
):
    lease: dict[str, Any] = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "tidegate", "namespace": "default"},
        "spec": {"holderIdentity": "", "renewTime": LONG_AGO.isoformat()},
    }
    cluster.guard(lambda: True)
    await cluster.create(lease, LEASE)

    async def written() -> Any:
        metadata = (await cluster.read(LEASE, "default", "tidegate"))["metadata"]
        return orjson.loads(metadata.get("annotations", {}).get(AGREEMENT, "{}")).get("after")

    first, seen = await member("a"), set[Any]()
    while not first.owned():
        await first.after(0.5)
        seen.add(await written())
    assert LONG_AGO.isoformat() in seen
    assert {first.membership.absent_since(canary) for canary in CANARIES} == {LONG_AGO}
    await first.after(2)
    assert await written() is None


async def test_what_a_replica_takes_over_had_an_outage_for_as_long_as_it_had_no_owner(
    cluster: Cluster,
):
    keys = [CanaryKey(GROUP, "shop", f"app-{number}") for number in range(8)]
    outages: list[tuple[object, Outage]] = []

    def replica() -> Authority:
        return Authority(
            Settings(
                shards="auto",
                lease_namespace="default",
                lease_duration=timedelta(seconds=2),
                lease_renew_deadline=timedelta(seconds=1.5),
                lease_retry_period=timedelta(seconds=0.2),
            ),
            cluster,
            canaries=lambda: keys,
            left=lambda _: False,
            on_change=lambda _gained, _lost: None,
            scope=Scope(version="1", groups=frozenset({GROUP}), namespaces=frozenset()),
            on_outage=lambda source, outage: outages.append((source, outage)),
            now=lambda: datetime.now(UTC),
        )

    first = replica()
    running = asyncio.create_task(first.run())
    await until(lambda: first.owned() == len(keys), "the first acts on all")
    # It ends without a word.
    running.cancel()
    await asyncio.wait({running})
    died = datetime.now(UTC)
    outages.clear()
    second = replica()
    running = asyncio.create_task(second.run())
    await until(lambda: second.owned() == len(keys), "the second acts on all")
    await second.release()
    running.cancel()
    await asyncio.wait({running})
    # On a slow machine the second may lapse as well, and take over from itself.
    taken_over = outages[: len(keys)]
    assert [source for source, _ in taken_over] == keys
    assert all(outage.start <= died <= outage.end for _, outage in taken_over)


async def test_one_that_hears_nothing_stops_on_time_and_comes_back_under_another_name(
    member: Members, cluster: Cluster
):
    first = await member("a")
    await member.rounds()
    name = first.membership.identity
    first.proxy.down = True
    assert await first.after(9) == set(CANARIES)
    assert await first.after(1.1) == set()
    first.proxy.relent()
    await member.rounds()
    assert first.membership.identity != name
    # Nobody has to wait until its old Lease has expired: it knows that it has stopped itself.
    assert first.owned() == set(CANARIES)
    assert sorted(await leases(cluster)) == ["tidegate", first.membership.identity]


async def test_one_that_comes_back_waits_for_what_is_under_way_under_its_old_name(
    member: Members, cluster: Cluster
):
    first = await member("a")
    await member.rounds()
    name = first.membership.identity
    first.busy = {CANARIES[0]}
    first.now += 11
    await member.rounds(6)
    assert first.owned() == set()
    assert name in await leases(cluster)
    first.busy = set()
    await member.rounds(4)
    assert first.owned() == set(CANARIES)


async def test_a_lease_whose_creation_was_not_answered_is_left_for_another_name(member: Members):
    first = await member("a")
    first.proxy.meet("POST", lose_answer)
    await member.rounds(6)
    assert first.owned() == set(CANARIES)


async def test_a_renewal_whose_answer_is_lost_is_no_lapse(member: Members):
    first = await member("a")
    await member.rounds()
    name = first.membership.identity
    first.proxy.meet("PUT", lose_answer)
    for _ in range(4):
        assert await first.after(2) == set(CANARIES)
    assert first.membership.identity == name


async def test_a_server_that_hangs_ends_a_share_on_time(member: Members):
    first = await member("a", IMPATIENT)
    await member.rounds(4, seconds=0.1)
    assert first.owned() == set(CANARIES)
    first.proxy.meet("leases", hang, always=True)
    async with asyncio.timeout(60):
        await first.after(0.5)
    assert await first.after(0.6) == set()


async def test_a_lease_that_somebody_deletes_is_made_again_under_another_name(
    member: Members, cluster: Cluster
):
    first = await member("a")
    await member.rounds()
    name = first.membership.identity
    await cluster.delete(LEASE, "default", name)
    assert await first.after(1) == set()
    await member.rounds(5)
    assert first.membership.identity != name
    assert first.owned() == set(CANARIES)
    with pytest.raises(NotFound):
        await cluster.read(LEASE, "default", name)


async def test_a_shared_lease_that_somebody_deletes_is_agreed_on_anew(
    member: Members, cluster: Cluster
):
    both = [await member(name) for name in "ab"]
    await member.rounds(6)
    before = await cluster.read(LEASE, "default", "tidegate")
    await cluster.delete(LEASE, "default", "tidegate")
    await member.rounds(6)
    after = await cluster.read(LEASE, "default", "tidegate")
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    assert set().union(*(each.owned() for each in both)) == set(CANARIES)


@pytest.mark.parametrize("written", ["", "{", "[]", '{"generation":"x","members":[]}', "7"])
async def test_an_agreement_that_was_edited_into_nonsense_is_replaced(
    member: Members, cluster: Cluster, written: str
):
    first = await member("a")
    await member.rounds()
    edit = {"metadata": {"annotations": {AGREEMENT: written}}}
    await cluster.merge_patch(LEASE, "default", "tidegate", edit)
    await member.rounds(5)
    assert first.owned() == set(CANARIES)


async def test_a_lease_that_one_who_shares_nothing_holds_is_waited_for(
    member: Members, cluster: Cluster
):
    await cluster.create(
        {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": "tidegate", "namespace": "default"},
            "spec": {"holderIdentity": "c-1234", "leaseDurationSeconds": 15},
        },
        LEASE,
    )
    first = await member("a")
    await member.rounds(6, seconds=2)
    assert first.owned() == set()
    await member.rounds(6, seconds=2)
    assert first.owned() == set(CANARIES)


async def test_a_host_of_any_name_has_a_lease_with_a_name_that_kubernetes_takes(
    member: Members, cluster: Cluster
):
    strange = await member(f"My_Host.example..{'x' * 300}")
    await member.rounds()
    assert strange.owned() == set(CANARIES)
    assert strange.membership.identity in await leases(cluster)


async def test_a_listener_that_fails_does_not_end_the_sharing(connect: Any):
    def fails(_: Share, __: Share) -> None:
        raise ValueError("a defect")

    async with connect() as cluster:
        membership = Membership(
            cluster,
            namespace="default",
            name="tidegate",
            identity="a",
            times=TIMES,
            on_change=fails,
            at_rest=lambda _: True,
        )
        for _ in range(4):
            await membership.attempt()
        assert "shop/app" in membership.share()
