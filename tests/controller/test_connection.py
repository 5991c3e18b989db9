"""The connection to the API server: watches, faults, waiting, and the guard before a write."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canary.api.kinds import CONFIG_MAP, DEPLOYMENT
from canary.cluster import responses
from canary.cluster.cluster import Cluster
from canary.cluster.connection import NotLeader
from canary.cluster.limits import Limits, RateLimit
from canary.errors import (
    ClusterError,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    Unreachable,
)
from tests.controller.conftest import Connect, Rests
from tests.controller.faults import (
    Proxy,
    answer,
    config_map,
    cut_in_line,
    hang,
    kubeconfig,
    reset,
    say,
    silence,
    trickle,
)
from tidegate_embedded.apiserver import EmbeddedApiServer

SHORT = Limits(request_seconds=0.2, idle_seconds=0.2)
SOON_SILENT = Limits(idle_seconds=0.2)


class TestWatches:
    @pytest.fixture
    async def version(self, cluster: Cluster) -> str:
        await cluster.create(config_map("a", "0"), CONFIG_MAP)
        return [version async for _, version in cluster.pages(CONFIG_MAP, "default")][-1]

    async def test_changes_come_as_they_happen(self, cluster: Cluster, version: str) -> None:
        async with cluster.watch(CONFIG_MAP, "default", version) as events:
            made = await cluster.create(config_map("b"), CONFIG_MAP)
            await cluster.replace({**made, "data": {"value": "2"}}, CONFIG_MAP)
            await cluster.delete(CONFIG_MAP, "default", "b")
            types = [(await anext(events))[0] for _ in range(3)]
        assert types == ["ADDED", "MODIFIED", "DELETED"]

    async def test_an_object_of_a_megabyte_comes_in_one_piece(
        self, cluster: Cluster, version: str
    ) -> None:
        async with cluster.watch(CONFIG_MAP, "default", version) as events:
            await cluster.create(config_map("b", "ü" * 500_000), CONFIG_MAP)
            _, manifest = await anext(events)
        assert manifest["data"]["value"] == "ü" * 500_000

    async def test_a_version_that_the_server_has_forgotten_is_gone(
        self, cluster: Cluster, version: str, server: EmbeddedApiServer
    ) -> None:
        await cluster.create(config_map("b"), CONFIG_MAP)
        server.forget_history()
        with pytest.raises(Gone):
            async with cluster.watch(CONFIG_MAP, "default", version) as events:
                await anext(events)

    async def test_an_error_in_the_stream_is_one_here(
        self, cluster: Cluster, proxy: Proxy, version: str
    ) -> None:
        status = b'{"type":"ERROR","object":{"kind":"Status","code":%d,"message":"because"}}'
        proxy.meet("watch=true", say(status % 410), say(status % 500))
        for kind_of_error in (Gone, Unreachable):
            with pytest.raises(kind_of_error, match="because"):
                async with cluster.watch(CONFIG_MAP, "default", version) as events:
                    await anext(events)

    @pytest.mark.parametrize(
        "line",
        [b"<html>", b"[]", b"null", b'"ADDED"', b'{"type":"ADDED"}', b'{"type":"ADDED","object":1}',
         b'{"type":"ADDED","object":{"metadata":{}}}', b'{"type":"ERROR","object":null}'],
    )  # fmt: skip
    async def test_a_line_that_is_no_event_is_a_failure_of_the_server(
        self, cluster: Cluster, proxy: Proxy, line: bytes
    ) -> None:
        proxy.meet("watch=true", say(line))
        with pytest.raises(Unreachable, match="not an event"):
            async with cluster.watch(CONFIG_MAP, "default", "1") as events:
                await anext(events)

    async def test_a_stream_that_is_cut_in_a_line_gives_the_lines_before_it(
        self, cluster: Cluster, proxy: Proxy, version: str
    ) -> None:
        for name in ("b", "c"):
            await cluster.create(config_map(name), CONFIG_MAP)
        proxy.meet("watch=true", cut_in_line(1))
        async with cluster.watch(CONFIG_MAP, "default", version) as events:
            _, manifest = await anext(events)
            assert manifest["metadata"]["name"] == "b"
            with pytest.raises(Unreachable):
                await anext(events)

    async def test_a_stream_that_falls_silent_ends(
        self, connect: Connect, proxy: Proxy, version: str
    ) -> None:
        proxy.meet("watch=true", silence)
        async with (
            connect(limits=SOON_SILENT) as cluster,
            asyncio.timeout(180),
            cluster.watch(CONFIG_MAP, "default", version) as events,
        ):
            assert [each async for each in events] == []

    @pytest.mark.parametrize("fault", [hang, reset], ids=["hangs", "resets"])
    async def test_a_watch_that_does_not_begin_is_unreachable(
        self, connect: Connect, proxy: Proxy, fault: Any
    ) -> None:
        proxy.meet("watch=true", fault, always=True)
        async with connect(limits=SHORT) as cluster, asyncio.timeout(180):
            with pytest.raises(Unreachable, match="WATCH configmaps"):
                async with cluster.watch(CONFIG_MAP, "default", "1"):
                    pass

    async def test_bookmarks_and_an_end_are_asked_for(
        self, cluster: Cluster, proxy: Proxy, version: str
    ) -> None:
        proxy.meet("watch=true", say())
        async with cluster.watch(CONFIG_MAP, "default", version):
            pass
        (asked,) = proxy.asked("watch=true")
        assert "allowWatchBookmarks=true" in asked
        assert 240 <= int(asked.partition("timeoutSeconds=")[2].partition("&")[0]) <= 360

    @given(
        lines=st.lists(st.binary().map(lambda each: each.replace(b"\n", b"")), max_size=8),
        cuts=st.lists(st.integers(0, 60), max_size=12),
        rest=st.binary(max_size=5).map(lambda each: each.replace(b"\n", b"")),
    )
    def test_wherever_a_stream_is_cut_into_chunks_its_lines_are_the_same(
        self, lines: list[bytes], cuts: list[int], rest: bytes
    ) -> None:
        stream = b"".join(line + b"\n" for line in lines) + rest
        places = [0, *sorted(cuts), len(stream)]

        async def chunks() -> AsyncIterator[bytes]:
            for start, end in pairwise(places):
                yield stream[start:end]

        async def read() -> list[bytes]:
            return [line async for line in responses.lines(chunks())]

        places = sorted(min(place, len(stream)) for place in places)
        assert asyncio.run(read()) == [line for line in lines if line.strip()]


class TestFaults:
    @pytest.mark.parametrize(
        ("status", "error"),
        [
            (400, Invalid),
            (401, Forbidden),
            (403, Forbidden),
            (404, NotFound),
            (405, Unreachable),
            (409, Conflict),
            (410, Gone),
            (413, Unreachable),
            (422, Invalid),
            (500, Unreachable),
            (502, Unreachable),
            (503, Unreachable),
            (504, Unreachable),
        ],
    )
    async def test_a_status_becomes_an_error_with_what_the_server_says(
        self, cluster: Cluster, proxy: Proxy, status: int, error: type[ClusterError]
    ) -> None:
        proxy.meet("GET", answer(status, {"message": "so it is"}), always=True)
        with pytest.raises(error, match=f"GET .*/configmaps/a: {status}: so it is") as raised:
            await cluster.read(CONFIG_MAP, "default", "a")
        assert type(raised.value) is error

    @pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"gone"', b"\xff\xfe"], ids=repr)
    async def test_an_error_page_of_something_else_is_shown(
        self, cluster: Cluster, proxy: Proxy, body: bytes
    ) -> None:
        proxy.meet("GET", answer(502, body))
        with pytest.raises(Unreachable, match="502"):
            await cluster.read(CONFIG_MAP, "default", "a")

    @pytest.mark.parametrize("body", [b"<html>ok</html>", b"[]", b"7"], ids=repr)
    async def test_a_success_that_is_no_object_is_no_success(
        self, cluster: Cluster, proxy: Proxy, body: bytes
    ) -> None:
        proxy.meet("GET", answer(200, body))
        with pytest.raises(Unreachable, match="not"):
            await cluster.read(CONFIG_MAP, "default", "a")

    @pytest.mark.parametrize("fault", [hang, trickle], ids=["hangs", "trickles"])
    async def test_an_answer_that_does_not_end_is_not_waited_for(
        self, connect: Connect, proxy: Proxy, fault: Any
    ) -> None:
        proxy.meet("GET", fault)
        async with connect(limits=SHORT) as cluster, asyncio.timeout(180):
            with pytest.raises(Unreachable, match="does not answer in time"):
                await cluster.read(CONFIG_MAP, "default", "a")

    async def test_a_connection_that_is_cut_is_unreachable(
        self, cluster: Cluster, proxy: Proxy
    ) -> None:
        proxy.down = True
        with pytest.raises(Unreachable):
            await cluster.create(config_map("a"), CONFIG_MAP)

    async def test_a_server_that_is_not_there_is_unreachable(
        self, connect: Connect, tmp_path: Path
    ) -> None:
        path = kubeconfig(tmp_path / "nowhere", "http://127.0.0.1:1")
        async with connect(kubeconfig=str(path)) as cluster:
            with pytest.raises(Unreachable):
                await cluster.read(CONFIG_MAP, "default", "a")


class TestAskingAgain:
    @pytest.mark.parametrize("status", [429, 500, 503])
    async def test_it_waits_as_long_as_the_server_wants(
        self, cluster: Cluster, proxy: Proxy, rests: Rests, status: int
    ) -> None:
        proxy.meet("POST", answer(status, Retry_After="3"), answer(status, Retry_After="5"))
        await cluster.create(config_map("a"), CONFIG_MAP)
        assert rests == [3, 5]

    async def test_but_not_for_ever(self, cluster: Cluster, proxy: Proxy, rests: Rests) -> None:
        proxy.meet("POST", answer(503, Retry_After="86400"), always=True)
        with pytest.raises(Unreachable):
            await cluster.create(config_map("a"), CONFIG_MAP)
        assert rests == [30, 30, 30]

    @pytest.mark.parametrize(
        ("status", "said", "waits"),
        [
            (429, "", [1]),
            (429, "soon", [1]),
            (429, "-5", [1]),
            (429, "0", [0]),
            (503, "", None),
            (503, "Wed, 21 Oct 2026 07:28:00 GMT", None),
            (404, "3", None),
            (409, "3", None),
        ],
    )
    async def test_what_the_server_says_about_it_may_be_anything(
        self,
        cluster: Cluster,
        proxy: Proxy,
        rests: Rests,
        status: int,
        said: str,
        waits: list[float] | None,
    ) -> None:
        proxy.meet("POST", answer(status, Retry_After=said))
        if waits is None:
            with pytest.raises(ClusterError):
                await cluster.create(config_map("a"), CONFIG_MAP)
        else:
            await cluster.create(config_map("a"), CONFIG_MAP)
        assert rests == (waits or [])

    async def test_requests_beyond_the_rate_wait_for_their_turn(self) -> None:
        now, waits = 0.0, []

        async def sleep(seconds: float) -> None:
            waits.append(round(seconds, 6))

        limit = RateLimit(10, 3, clock=lambda: now, sleep=sleep)
        for _ in range(5):
            await limit.take()
        assert waits == [0.1, 0.2]
        now += 0.2
        await limit.take()
        assert waits == [0.1, 0.2, 0.1]
        now += 3600
        waits.clear()
        for _ in range(4):
            await limit.take()
        assert waits == [0.1]


class TestTheGuard:
    WRITES = pytest.mark.parametrize(
        "write",
        [
            lambda cluster: cluster.create(config_map("a"), CONFIG_MAP),
            lambda cluster: cluster.replace(config_map("a"), CONFIG_MAP),
            lambda cluster: cluster.merge_patch(CONFIG_MAP, "default", "a", {"data": {}}),
            lambda cluster: cluster.delete(CONFIG_MAP, "default", "a"),
        ],
        ids=["create", "replace", "merge patch", "delete"],
    )

    @WRITES
    async def test_who_may_not_write_does_not(
        self, cluster: Cluster, proxy: Proxy, write: Any
    ) -> None:
        cluster.guard(lambda: False)
        with pytest.raises(NotLeader, match="another replica acts"):
            await write(cluster)
        assert proxy.requests == []

    @WRITES
    async def test_who_may_no_more_once_a_connection_is_there_does_not_write(
        self, cluster: Cluster, proxy: Proxy, write: Any
    ) -> None:
        answers = iter([True, False])
        cluster.guard(lambda: next(answers))
        with pytest.raises(NotLeader, match="another replica acts"):
            await write(cluster)
        assert proxy.requests == []
        # The connection is good for nothing, and the next request has one of its own.
        assert [page async for page in cluster.pages(CONFIG_MAP, "")]

    async def test_who_may_not_write_may_read(self, cluster: Cluster) -> None:
        await cluster.create(config_map("a"), CONFIG_MAP)
        cluster.guard(lambda: False)
        await cluster.read(CONFIG_MAP, "default", "a")
        assert [page async for page in cluster.pages(CONFIG_MAP, "")]

    async def test_the_election_itself_is_not_guarded(self, cluster: Cluster) -> None:
        cluster.guard(lambda: False)
        await cluster.for_election().create(config_map("a"), CONFIG_MAP)

    async def test_leadership_that_is_lost_while_waiting_ends_the_write(
        self, connect: Connect, proxy: Proxy
    ) -> None:
        leads = True

        async def sleep(_: float) -> None:
            nonlocal leads
            leads = False

        async with connect(sleep=sleep) as cluster:
            cluster.guard(lambda: leads)
            proxy.meet("POST", answer(429, Retry_After="1"))
            with pytest.raises(NotLeader):
                await cluster.create(config_map("a"), CONFIG_MAP)
        assert len(proxy.requests) == 1


class TestMeasuring:
    async def test_every_request_is_reported(self, connect: Connect, proxy: Proxy) -> None:
        seen: list[tuple[str, str, int]] = []

        def observe(verb: str, resource: str, status: int, seconds: float) -> None:
            assert seconds >= 0
            seen.append((verb, resource, status))

        async with connect(observe=observe, user_agent="tidegate/9.9") as cluster:
            await cluster.create(config_map("a"), CONFIG_MAP)
            with pytest.raises(NotFound):
                await cluster.read(DEPLOYMENT, "default", "a")
            async for _, version in cluster.pages(CONFIG_MAP, ""):
                async with cluster.watch(CONFIG_MAP, "", version):
                    pass
            proxy.down = True
            with pytest.raises(Unreachable):
                await cluster.read(CONFIG_MAP, "default", "a")
        assert seen == [
            ("POST", "configmaps", 201),
            ("GET", "deployments", 404),
            ("LIST", "configmaps", 200),
            ("WATCH", "configmaps", 200),
            ("GET", "configmaps", 0),
        ]
        assert {each["User-Agent"] for each in proxy.headers} == {"tidegate/9.9"}
