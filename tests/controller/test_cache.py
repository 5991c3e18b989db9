"""Watch caches: they show what the cluster holds, whatever happens on the way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from canary.api.kinds import CONFIG_MAP, DEPLOYMENT, SECRET, Kind, Manifest
from canary.cluster.backoff import LONGEST_OUTAGE_SECONDS
from canary.cluster.cache import CacheSet
from canary.cluster.cluster import Cluster
from canary.cluster.informer import FRUITLESS_WATCHES, SHORT_WATCH_SECONDS
from canary.cluster.limits import Limits
from tests.controller.conftest import Connect, Rests
from tests.controller.faults import (
    Proxy,
    answer,
    break_off,
    config_map,
    cut_in_line,
    end,
    hang,
    reset,
    say,
    silence,
    until,
    write,
)
from tests.controller.test_cluster import DEFINITION, WIDGET, a_definition
from tidegate_embedded.apiserver import EmbeddedApiServer

Change = tuple[str, object | None, object | None]

LIST = r"GET .*/configmaps\?limit"
WATCH = r"GET .*/configmaps\?watch=true"


class World:
    """Caches of ConfigMaps, whose record is their value, and what was told of them."""

    def __init__(self, cluster: Cluster, writer: Cluster, proxy: Proxy, rests: Rests) -> None:
        self.cluster = cluster
        self.writer = writer
        self.proxy = proxy
        self.rests = rests
        self.told: list[Change] = []
        self.synced: list[Kind] = []
        self.bad: set[str] = set()
        self.now = 0.0
        self.tick = 0.0
        """How much later it is whenever somebody looks."""
        self.caches = CacheSet(
            cluster,
            on_change=self.on_change,
            on_synced=self.synced.append,
            sleep=self.rest,
            clock=self.clock,
        )
        self.caches.register(CONFIG_MAP, self.trim)
        self.caches.register(SECRET, lambda manifest: manifest["type"])
        self.caches.register(WIDGET, lambda manifest: manifest["apiVersion"])
        self.caches.register(DEPLOYMENT, lambda manifest: manifest["metadata"]["name"])

    async def rest(self, seconds: float) -> None:
        if seconds:
            await self.rests.sleep(seconds)
        await asyncio.sleep(0)

    def clock(self) -> float:
        self.now += self.tick
        return self.now

    def trim(self, manifest: Manifest) -> str | None:
        name, value = manifest["metadata"]["name"], manifest["data"]["value"]
        if name in self.bad:
            raise KeyError(name)
        return None if value == "boring" else value

    def on_change(
        self, kind: Kind, namespace: str, name: str, before: object, after: object
    ) -> None:
        if (kind, namespace) == (CONFIG_MAP, "default"):
            self.told.append((name, before, after))
            if after == "explode":
                raise ValueError(name)

    async def follow(self) -> "World":
        """Follow the ConfigMaps of a namespace; wait until they are watched."""
        self.caches.require(CONFIG_MAP, "default")
        await self.watches(1)
        return self

    async def watches(self, number: int) -> None:
        await until(lambda: len(self.proxy.asked(WATCH)) >= number, f"{number} watches")

    async def set(self, name: str, value: str) -> Manifest:
        """Write as somebody else."""
        return await write(self.writer, config_map(name, value))

    async def remove(self, name: str) -> None:
        await self.writer.delete(CONFIG_MAP, "default", name)

    async def shows(self, **wanted: str) -> None:
        """Wait until the cache holds exactly this."""
        await until(lambda: self.held == wanted, f"{wanted}, but the cache holds {self.held}")

    @property
    def held(self) -> dict[str, object]:
        ledger = self.caches._informers[CONFIG_MAP]["default"].ledger
        return {name: record for (_, name), record in ledger.records.items()}

    @property
    def lists(self) -> int:
        return len(self.proxy.asked(LIST))


@pytest.fixture
async def world(
    connect: Connect, server: EmbeddedApiServer, proxy: Proxy, rests: Rests, tmp_path: Any
) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(connect(limits=Limits(page_size=2)))
        path = server.kubeconfig(tmp_path / "direct")
        writer = await stack.enter_async_context(connect(kubeconfig=str(path)))
        world = World(cluster, writer, proxy, rests)
        stack.push_async_callback(world.caches.close)
        yield world


class TestFollowing:
    async def test_what_was_there_is_listed_and_told(self, world: World) -> None:
        for name in "abcde":
            await world.set(name, "1")
        await world.follow()
        await world.caches.wait_synced(CONFIG_MAP, "default")
        assert world.held == dict.fromkeys("abcde", "1")
        assert world.told == [(name, None, "1") for name in "abcde"]
        assert world.synced == [CONFIG_MAP]
        assert world.lists == 3

    async def test_changes_are_followed_and_told_once_each(self, world: World) -> None:
        await world.follow()
        await world.set("a", "1")
        await world.set("a", "2")
        await world.set("b", "1")
        await world.remove("a")
        await world.shows(b="1")
        assert world.told == [
            ("a", None, "1"),
            ("a", "1", "2"),
            ("b", None, "1"),
            ("a", "2", None),
        ]

    async def test_a_change_that_the_record_does_not_show_is_not_told(self, world: World) -> None:
        await world.set("a", "1")
        await world.follow()
        patch = {"metadata": {"labels": {"a": "b"}}}
        await world.writer.merge_patch(CONFIG_MAP, "default", "a", patch)
        await world.set("b", "1")
        await world.shows(a="1", b="1")
        assert world.told == [("a", None, "1"), ("b", None, "1")]

    async def test_what_does_not_matter_is_not_kept(self, world: World) -> None:
        await world.set("a", "boring")
        await world.follow()
        await world.set("b", "1")
        await world.set("b", "boring")
        await world.set("a", "1")
        await world.shows(a="1")
        assert world.told == [("b", None, "1"), ("b", "1", None), ("a", None, "1")]

    async def test_an_idle_cluster_is_not_asked_anything(self, world: World) -> None:
        await world.set("a", "1")
        await world.follow()
        await world.caches.wait_synced(CONFIG_MAP, "default")
        await world.set("b", "1")
        await world.shows(a="1", b="1")
        # One discovery, one list, one watch.
        assert [each.partition("?")[0] for each in world.proxy.requests] == [
            "GET /api/v1",
            "GET /api/v1/namespaces/default/configmaps",
            "GET /api/v1/namespaces/default/configmaps",
        ]

    async def test_a_watch_that_the_server_ends_goes_on_from_where_it_was(
        self, world: World, proxy: Proxy
    ) -> None:
        bookmark = (
            b'{"type":"BOOKMARK","object":{"kind":"ConfigMap","apiVersion":"v1",'
            b'"metadata":{"resourceVersion":"%d"}}}'
        )
        await world.set("a", "1")
        version = int((await world.set("a", "2"))["metadata"]["resourceVersion"])
        proxy.meet(WATCH, say(bookmark % version))
        await world.follow()
        await world.watches(2)
        await world.set("a", "3")
        await world.shows(a="3")
        assert f"resourceVersion={version}" in proxy.asked(WATCH)[1]
        assert (world.lists, world.rests) == (1, [])


class TestFaults:
    async def test_deletions_that_were_missed_are_made_up_for(
        self, world: World, proxy: Proxy, server: EmbeddedApiServer
    ) -> None:
        for name in "abc":
            await world.set(name, "1")
        await world.follow()
        await world.caches.wait_synced(CONFIG_MAP, "default")
        world.told.clear()
        proxy.down = True
        proxy.cut()
        await world.remove("a")
        await world.set("b", "2")
        await world.set("d", "1")
        server.forget_history()
        proxy.down = False
        await world.shows(b="2", c="1", d="1")
        assert sorted(world.told, key=str) == [
            ("a", "1", None),
            ("b", "1", "2"),
            ("d", None, "1"),
        ]

    async def test_a_connection_that_breaks_goes_on_without_a_new_list(
        self, world: World, proxy: Proxy
    ) -> None:
        await world.set("a", "1")
        await world.follow()
        proxy.cut()
        await world.set("a", "2")
        await world.shows(a="2")
        await world.remove("a")
        await world.shows()
        assert world.lists == 1
        assert world.told == [("a", None, "1"), ("a", "1", "2"), ("a", "2", None)]

    async def test_a_stream_that_is_cut_in_a_line_loses_nothing_and_tells_nothing_twice(
        self, world: World, proxy: Proxy
    ) -> None:
        proxy.meet(WATCH, cut_in_line(0), cut_in_line(1), cut_in_line(2))
        await world.follow()
        for number in range(8):
            await world.set("a", str(number))
        await world.shows(a="7")
        before = [None, *map(str, range(7))]
        assert world.told == [("a", before[n], str(n)) for n in range(8)]

    async def test_a_watch_that_falls_silent_is_begun_anew(
        self, connect: Connect, proxy: Proxy, rests: Rests
    ) -> None:
        async with connect(limits=Limits(idle_seconds=0.1)) as cluster:
            world = World(cluster, cluster, proxy, rests)
            proxy.meet(WATCH, silence)
            await world.follow()
            await world.set("a", "1")
            await world.shows(a="1")
            await world.caches.close()

    async def test_a_server_that_is_away_for_a_while_is_asked_ever_less_often(
        self, world: World, proxy: Proxy
    ) -> None:
        proxy.down = True
        world.caches.require(CONFIG_MAP, "default")
        await until(lambda: len(world.rests) >= 12, "a dozen attempts")
        assert 0.35 <= world.rests[0] <= 0.65
        longest = LONGEST_OUTAGE_SECONDS
        assert all(0.7 * longest <= rest <= 1.3 * longest for rest in world.rests[7:])
        (problem,) = world.caches.problems([CONFIG_MAP])
        assert problem.startswith("configmaps: ")
        assert not world.caches.synced(CONFIG_MAP, "default")
        proxy.down = False
        await world.set("a", "1")
        await world.shows(a="1")
        assert world.caches.problems([CONFIG_MAP]) == []
        assert world.caches.synced(CONFIG_MAP, "default")

    async def test_a_connection_that_breaks_again_and_again_is_not_waited_for_ever_longer(
        self, world: World, proxy: Proxy
    ) -> None:
        world.tick = SHORT_WATCH_SECONDS
        breaks = 2 * FRUITLESS_WATCHES
        proxy.meet(WATCH, *[break_off] * breaks)
        await world.follow()
        await world.watches(breaks + 1)
        assert len(world.rests) == breaks
        assert all(rest <= 0.65 for rest in world.rests)

    async def test_what_had_failed_is_over_when_the_server_says_that_it_has_forgotten(
        self, world: World, proxy: Proxy
    ) -> None:
        proxy.meet(WATCH, break_off, answer(500), answer(410))
        await world.follow()
        await until(lambda: world.lists == 2, "another list")
        broken, failed, forgotten = world.rests
        assert broken < failed > forgotten

    async def test_a_problem_of_a_watch_is_over_when_it_is_open_again(
        self, world: World, proxy: Proxy
    ) -> None:
        await world.set("a", "1")
        await world.follow()
        proxy.meet(WATCH, answer(403, {"message": "no more"}), hang)
        proxy.cut()

        def refused() -> bool:
            # That the connection was cut is a problem as well, until the watch is refused.
            return any("no more" in each for each in world.caches.problems([CONFIG_MAP]))

        await until(refused, "the refusal is a problem")
        assert world.held == {"a": "1"}
        proxy.release()
        await until(lambda: not world.caches.problems([CONFIG_MAP]), "no problem")

    @pytest.mark.parametrize(
        "faults",
        [
            [answer(410)],
            [say(b'{"type":"ERROR","object":{"code":410,"message":"too old"}}')],
            [answer(404)],
            [end] * FRUITLESS_WATCHES,
            [answer(500)] * FRUITLESS_WATCHES,
            [answer(403)] * FRUITLESS_WATCHES,
            [answer(504, {"message": "Too large resource version"})] * FRUITLESS_WATCHES,
            [say(b"<html>")] * FRUITLESS_WATCHES,
        ],
        ids=["410", "410 in the stream", "404", "ends", "500", "403", "504", "no events"],
    )
    async def test_what_a_watch_cannot_go_on_from_is_listed_anew(
        self, world: World, proxy: Proxy, faults: list[Any]
    ) -> None:
        proxy.meet(WATCH, *faults)
        await world.set("a", "1")
        await world.follow()
        await world.watches(len(faults) + 1)
        await world.set("a", "2")
        await world.shows(a="2")
        assert world.lists == 2
        assert len(world.rests) == len(faults)

    async def test_a_server_that_always_forgets_is_not_asked_without_a_pause(
        self, world: World, proxy: Proxy
    ) -> None:
        proxy.meet(WATCH, answer(410), always=True)
        await world.follow()
        await until(lambda: len(world.rests) >= 9, "nine pauses")
        assert all(rest >= 0.3 for rest in world.rests)
        assert world.rests[-1] >= 0.7 * LONGEST_OUTAGE_SECONDS

    async def test_a_list_that_fails_half_way_is_made_again(
        self, world: World, proxy: Proxy
    ) -> None:
        for name in "abcde":
            await world.set(name, "1")
        proxy.meet("continue=", answer(410), reset, reset)
        await world.follow()
        await world.shows(**dict.fromkeys("abcde", "1"))
        assert world.told == [(name, None, "1") for name in "abcde"]

    async def test_an_error_in_one_kind_degrades_no_other(self, world: World, proxy: Proxy) -> None:
        proxy.meet("/secrets", answer(403, {"message": "secrets are secret"}), always=True)
        world.caches.require(SECRET)
        await world.follow()
        await world.set("a", "1")
        await world.shows(a="1")
        (problem,) = world.caches.problems([SECRET, CONFIG_MAP])
        assert problem.startswith("secrets: ")
        assert "secrets are secret" in problem

    async def test_an_object_that_cannot_be_read_keeps_no_other_from_being_seen(
        self, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        await world.set("a", "1")
        await world.set("b", "1")
        world.bad = {"a"}
        await world.follow()
        await world.set("b", "2")
        await world.shows(b="2")
        assert "configmaps default/a: cannot be read" in caplog.text
        world.bad = set()
        await world.set("a", "2")
        await world.shows(a="2", b="2")
        assert world.rests == []

    async def test_a_listener_that_fails_is_told_of_everything_else(self, world: World) -> None:
        await world.follow()
        await world.set("a", "explode")
        await world.set("b", "1")
        await world.shows(a="explode", b="1")
        assert world.told == [("a", None, "explode"), ("b", None, "1")]

    async def test_an_answer_that_makes_no_sense_does_not_end_the_following(
        self, world: World, proxy: Proxy
    ) -> None:
        nonsense = {"items": [{"data": {}}], "metadata": {"resourceVersion": "5"}}
        proxy.meet(LIST, answer(200, nonsense))
        await world.set("a", "1")
        world.caches.require(CONFIG_MAP, "default")
        await until(lambda: world.caches.problems([CONFIG_MAP]), "a problem")
        await world.shows(a="1")
        await until(lambda: not world.caches.problems([CONFIG_MAP]), "no problem")

    async def test_a_server_restored_from_a_backup_is_believed(
        self, world: World, proxy: Proxy, connect: Connect, tmp_path: Any
    ) -> None:
        for number in range(20):
            await world.set("a", str(number))
        await world.set("b", "lost")
        await world.follow()
        await world.caches.wait_synced(CONFIG_MAP, "default")
        async with EmbeddedApiServer() as restored:
            path = str(restored.kubeconfig(tmp_path / "restored"))
            async with connect(kubeconfig=path) as writer:
                await write(writer, config_map("a", "old"))
                proxy.meet(WATCH, answer(410))
                proxy.upstream = restored.url
                proxy.cut()
                await world.shows(a="old")
                await write(writer, config_map("a", "new"))
                await world.shows(a="new")
            await world.caches.close()


class TestOwnWrites:
    async def own(self, world: World, name: str, value: str) -> Manifest:
        written = await write(world.cluster, config_map(name, value))
        world.caches.put(CONFIG_MAP, written)
        return written

    async def test_are_seen_at_once_and_wake_nobody(self, world: World, proxy: Proxy) -> None:
        await world.set("a", "1")
        await world.follow()
        await world.caches.wait_synced(CONFIG_MAP, "default")
        world.told.clear()
        await self.own(world, "a", "2")
        assert world.caches.get(CONFIG_MAP, "default", "a") == "2"
        await self.own(world, "a", "3")
        await world.set("b", "1")
        await world.shows(a="3", b="1")
        assert world.told == [("b", None, "1")]

    async def test_are_not_undone_by_the_events_of_older_ones(
        self, world: World, proxy: Proxy
    ) -> None:
        proxy.meet(WATCH, hang)
        await world.follow()
        for value in "123":
            await self.own(world, "a", value)
        proxy.release()
        await world.set("b", "1")
        await world.shows(a="3", b="1")
        assert world.told == [("b", None, "1")]

    async def test_hide_no_change_that_another_made_before_them(
        self, world: World, proxy: Proxy
    ) -> None:
        await world.set("a", "1")
        proxy.meet(WATCH, hang)
        await world.follow()
        await world.caches.wait_synced(CONFIG_MAP, "default")
        world.told.clear()
        await world.set("a", "theirs")
        patch = {"metadata": {"labels": {"a": "b"}}}
        written = await world.cluster.merge_patch(CONFIG_MAP, "default", "a", patch)
        world.caches.put(CONFIG_MAP, written)
        assert world.told == []
        proxy.release()
        await until(lambda: world.told, "somebody is told")
        assert world.told == [("a", "theirs", "theirs")]

    async def test_made_during_a_list_outlive_it(self, world: World, proxy: Proxy) -> None:
        for name in "bcd":
            await world.set(name, "1")
        proxy.meet("continue=", hang)
        world.caches.require(CONFIG_MAP, "default")
        await until(lambda: proxy.asked("continue="), "the second page is asked for")
        await self.own(world, "a", "1")
        proxy.meet(WATCH, hang)
        proxy.release()
        await world.caches.wait_synced(CONFIG_MAP, "default")
        assert world.held == dict.fromkeys("abcd", "1")
        await world.shows(**dict.fromkeys("abcd", "1"))
        assert ("a", "1", None) not in world.told

    async def test_that_delete_are_seen_at_once(self, world: World) -> None:
        await world.set("a", "1")
        await world.set("b", "1")
        await world.follow()
        await world.caches.wait_synced(CONFIG_MAP, "default")
        world.told.clear()
        await world.cluster.delete(CONFIG_MAP, "default", "a")
        world.caches.drop(CONFIG_MAP, "default", "a")
        assert world.caches.get(CONFIG_MAP, "default", "a") is None
        await world.set("b", "2")
        await world.shows(b="2")
        assert world.told == [("b", "1", "2")]

    @pytest.mark.parametrize("answered", ["put", "see"])
    async def test_whose_answer_comes_after_a_deletion_bring_nothing_back(
        self, world: World, answered: str
    ) -> None:
        await world.follow()
        late = await write(world.cluster, config_map("a", "1"))
        await world.shows(a="1")
        await world.remove("a")
        await world.shows()
        if answered == "put":
            world.caches.put(CONFIG_MAP, late)
        else:
            ledger = world.caches._informers[CONFIG_MAP]["default"].ledger
            ledger.see(("default", "a"), late)
        assert world.held == {}
        await world.set("b", "1")
        await world.shows(b="1")
        await self.own(world, "a", "2")
        assert world.held == {"a": "2", "b": "1"}

    async def test_to_what_is_not_followed_are_of_no_interest(self, world: World) -> None:
        world.caches.put(CONFIG_MAP, config_map("a"))
        world.caches.drop(CONFIG_MAP, "default", "a")
        assert world.caches.get(CONFIG_MAP, "default", "a") is None


class TestKindsThatComeAndGo:
    async def test_a_kind_that_is_not_installed_is_said_to_be_and_found_later(
        self, world: World
    ) -> None:
        world.caches.require(WIDGET)
        await world.caches.wait_synced(WIDGET)
        assert world.caches.problems([WIDGET]) == [
            "widgets.example.org: widgets.example.org is not installed in the cluster: install it"
        ]
        assert world.caches.served([WIDGET, CONFIG_MAP]) == {}
        await world.writer.create(a_definition("v1"), DEFINITION)
        await until(lambda: world.caches.served([WIDGET]), "the kind is found")
        assert world.caches.served([WIDGET]) == {WIDGET: "v1"}
        await until(lambda: not world.caches.problems([WIDGET]), "no problem")

    async def test_it_is_looked_for_ever_less_often(self, world: World) -> None:
        world.caches.require(WIDGET)
        await until(lambda: len(world.rests) >= 8, "eight attempts")
        assert 3.5 <= world.rests[0] <= 6.5
        assert all(42 <= rest <= 78 for rest in world.rests[5:])

    async def test_a_kind_whose_definition_is_removed_is_gone_with_all_its_objects(
        self, world: World
    ) -> None:
        await world.writer.create(a_definition("v1"), DEFINITION)
        widget = {
            "apiVersion": "example.org/v1",
            "kind": "Widget",
            "metadata": {"name": "w", "namespace": "default"},
        }
        await world.writer.discover(WIDGET)
        await world.writer.create(widget, WIDGET)
        world.caches.require(WIDGET)
        await until(lambda: world.caches.get(WIDGET, "default", "w"), "the object is seen")
        await world.writer.delete(DEFINITION, "", "widgets.example.org")
        await until(lambda: world.caches.problems([WIDGET]), "the kind is missed")
        await until(lambda: world.caches.get(WIDGET, "default", "w") is None, "the object is gone")
        await world.writer.create(a_definition("v2"), DEFINITION)
        await until(lambda: world.caches.served([WIDGET]) == {WIDGET: "v2"}, "another version")

    async def test_what_the_server_no_longer_serves_is_forgotten(
        self, world: World, proxy: Proxy
    ) -> None:
        await world.set("a", "1")
        await world.follow()
        await world.caches.wait_synced(CONFIG_MAP, "default")
        proxy.meet("GET /api/v1", answer(404), always=True)
        proxy.cut()
        await world.shows()
        assert world.told == [("a", None, "1"), ("a", "1", None)]
        proxy.relent()
        await world.shows(a="1")


class TestScopes:
    async def test_namespaces_are_followed_apart_and_looked_at_together(
        self, world: World, proxy: Proxy
    ) -> None:
        for namespace in ("default", "kube-system", "kube-public"):
            await write(world.writer, config_map(namespace, "1", namespace))
        for namespace in ("default", "kube-system"):
            world.caches.require(CONFIG_MAP, namespace)
            await world.caches.wait_synced(CONFIG_MAP, namespace)
        assert list(world.caches.values(CONFIG_MAP)) == ["1", "1"]
        assert list(world.caches.values(CONFIG_MAP, "kube-system")) == ["1"]
        assert list(world.caches.values(CONFIG_MAP, "kube-public")) == []
        assert world.caches.get(CONFIG_MAP, "kube-system", "kube-system") == "1"
        assert world.caches.get(CONFIG_MAP, "kube-public", "kube-public") is None
        assert world.caches.synced(CONFIG_MAP, "kube-system")
        assert not world.caches.synced(CONFIG_MAP, "kube-public")

    async def test_all_namespaces_are_followed_by_one_watch(
        self, world: World, proxy: Proxy
    ) -> None:
        for namespace in ("default", "kube-system"):
            await write(world.writer, config_map(namespace, "1", namespace))
        for _ in range(3):
            world.caches.require(CONFIG_MAP)
        await world.caches.wait_synced(CONFIG_MAP)
        await until(lambda: proxy.asked("/configmaps.watch=true"), "a watch")
        assert list(world.caches.values(CONFIG_MAP)) == ["1", "1"]
        assert list(world.caches.values(CONFIG_MAP, "default")) == ["1"]
        assert world.caches.get(CONFIG_MAP, "kube-system", "kube-system") == "1"
        assert world.caches.synced(CONFIG_MAP, "kube-system")
        assert len(proxy.asked("watch=true")) == 1

    async def test_what_is_released_is_forgotten_and_followed_no_more(
        self, world: World, server: EmbeddedApiServer
    ) -> None:
        await world.set("a", "1")
        await world.follow()
        await world.caches.wait_synced(CONFIG_MAP, "default")
        world.caches.release(CONFIG_MAP, "default")
        assert world.caches.get(CONFIG_MAP, "default", "a") is None
        assert list(world.caches.values(CONFIG_MAP, "default")) == []
        assert world.caches.problems([CONFIG_MAP]) == []
        await until(lambda: not world.proxy.busy, "the watch is closed")
        world.caches.release(CONFIG_MAP, "default")
        world.caches.require(CONFIG_MAP, "default")
        await world.shows(a="1")

    async def test_the_end_closes_all_watches(self, world: World) -> None:
        world.caches.require(DEPLOYMENT)
        await world.follow()
        await world.caches.close()
        await until(lambda: not world.proxy.busy, "the watches are closed")
