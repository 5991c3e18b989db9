"""The connection to the API server: what is asked, what answers mean, and what faults become."""

import asyncio
import ssl
import sys
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from canary.api.kinds import CONFIG_MAP, DEPLOYMENT, SECRET, Kind
from canary.controller import responses
from canary.controller.cluster import Cluster
from canary.controller.connection import NotLeader
from canary.controller.limits import Limits, RateLimit
from canary.demo.apiserver import EmbeddedApiServer
from canary.errors import (
    ClusterError,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    Unreachable,
)
from tests.certificates import authority_pem, server_context
from tests.controller.conftest import Connect, Rests
from tests.controller.faults import (
    Proxy,
    answer,
    config_map,
    cut_in_line,
    hang,
    kubeconfig,
    proxied,
    reset,
    say,
    silence,
    trickle,
)

SHORT = Limits(request_seconds=0.2, idle_seconds=0.2)
SOON_SILENT = Limits(idle_seconds=0.2)
WIDGET = Kind(group="example.org", versions=("v2", "v1"), kind="Widget", plural="widgets")


def a_definition(*versions: str) -> dict[str, Any]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.org"},
        "spec": {
            "group": "example.org",
            "scope": "Namespaced",
            "names": {"kind": "Widget", "plural": "widgets"},
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": version == versions[0],
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "properties": {
                                name: {
                                    "type": "object",
                                    "x-kubernetes-preserve-unknown-fields": True,
                                }
                                for name in ("spec", "status")
                            },
                        }
                    },
                    "subresources": {"status": {}},
                }
                for version in versions
            ],
        },
    }


DEFINITION = Kind(
    group="apiextensions.k8s.io",
    versions=("v1",),
    kind="CustomResourceDefinition",
    plural="customresourcedefinitions",
    namespaced=False,
)


class TestObjects:
    async def test_what_was_created_can_be_read(self, cluster: Cluster) -> None:
        written = await cluster.create(config_map("a"), CONFIG_MAP)
        assert await cluster.read(CONFIG_MAP, "default", "a") == written

    async def test_what_exists_is_not_created_again(self, cluster: Cluster) -> None:
        await cluster.create(config_map("a"), CONFIG_MAP)
        with pytest.raises(Conflict, match=r'POST .*configmaps: 409: .*"a" already exists'):
            await cluster.create(config_map("a"), CONFIG_MAP)

    async def test_what_is_not_there_is_not_found(self, cluster: Cluster) -> None:
        with pytest.raises(NotFound, match=r'GET .*/configmaps/a: 404: .*"a" not found'):
            await cluster.read(CONFIG_MAP, "default", "a")

    async def test_what_is_applied_is_tidegates_and_the_rest_stays(self, cluster: Cluster) -> None:
        await cluster.create(config_map("a") | {"data": {"theirs": "1"}}, CONFIG_MAP)
        written = await cluster.apply(config_map("a", "2"), CONFIG_MAP)
        assert written["data"] == {"theirs": "1", "value": "2"}
        managers = {each["manager"] for each in written["metadata"]["managedFields"]}
        assert "tidegate" in managers

    async def test_what_is_applied_is_created_where_it_is_missing(self, cluster: Cluster) -> None:
        await cluster.apply(config_map("a", "2"), CONFIG_MAP)
        assert (await cluster.read(CONFIG_MAP, "default", "a"))["data"] == {"value": "2"}

    async def test_applying_again_changes_nothing(self, cluster: Cluster) -> None:
        first = await cluster.apply(config_map("a", "2"), CONFIG_MAP)
        second = await cluster.apply(config_map("a", "2"), CONFIG_MAP)
        assert first["metadata"]["resourceVersion"] == second["metadata"]["resourceVersion"]

    async def test_a_field_that_another_owns_is_taken_over(self, cluster: Cluster) -> None:
        await cluster.create(config_map("a", "1"), CONFIG_MAP)
        assert (await cluster.apply(config_map("a", "2"), CONFIG_MAP))["data"]["value"] == "2"

    async def test_a_replacement_on_an_old_version_is_a_conflict(self, cluster: Cluster) -> None:
        old = await cluster.create(config_map("a", "1"), CONFIG_MAP)
        await cluster.replace({**old, "data": {"value": "2"}}, CONFIG_MAP)
        with pytest.raises(Conflict):
            await cluster.replace({**old, "data": {"value": "3"}}, CONFIG_MAP)
        assert (await cluster.read(CONFIG_MAP, "default", "a"))["data"]["value"] == "2"

    async def test_a_patch_on_an_old_version_is_a_conflict(self, cluster: Cluster) -> None:
        old = await cluster.create(config_map("a", "1"), CONFIG_MAP)
        version = old["metadata"]["resourceVersion"]
        patch = {"data": {"value": "2"}, "metadata": {"labels": {"a": "b"}}}
        written = await cluster.merge_patch(
            CONFIG_MAP, "default", "a", patch, resource_version=version
        )
        assert (written["data"]["value"], written["metadata"]["labels"]) == ("2", {"a": "b"})
        with pytest.raises(Conflict):
            await cluster.merge_patch(CONFIG_MAP, "default", "a", patch, resource_version=version)
        assert "resourceVersion" not in patch["metadata"]

    async def test_a_patch_of_a_status_changes_only_the_status(self, cluster: Cluster) -> None:
        await cluster.create(a_definition("v1"), DEFINITION)
        await cluster.discover(WIDGET)
        widget = {
            "apiVersion": "example.org/v1",
            "kind": "Widget",
            "metadata": {"name": "w", "namespace": "default"},
            "spec": {"size": 1},
        }
        await cluster.create(widget, WIDGET)
        patch = {"spec": {"size": 2}, "status": {"phase": "Ready"}}
        written = await cluster.merge_patch(WIDGET, "default", "w", patch, subresource="status")
        assert (written["spec"], written["status"]) == ({"size": 1}, {"phase": "Ready"})

    async def test_a_deletion_that_was_meant_for_another_version_is_a_conflict(
        self, cluster: Cluster
    ) -> None:
        before = await cluster.create(config_map("a"), CONFIG_MAP)
        patch = {"data": {"value": "2"}}
        after = await cluster.merge_patch(CONFIG_MAP, "default", "a", patch)
        first, second = (each["metadata"]["resourceVersion"] for each in (before, after))
        with pytest.raises(Conflict):
            await cluster.delete(CONFIG_MAP, "default", "a", resource_version=first)
        await cluster.delete(CONFIG_MAP, "default", "a", resource_version=second)
        with pytest.raises(NotFound):
            await cluster.read(CONFIG_MAP, "default", "a")

    async def test_a_list_by_labels_shows_no_others(self, cluster: Cluster) -> None:
        for name in ("a", "b"):
            await cluster.create(config_map(name), CONFIG_MAP)
        patch = {"metadata": {"labels": {"team": "blue"}}}
        await cluster.merge_patch(CONFIG_MAP, "default", "a", patch)
        pages = cluster.pages(CONFIG_MAP, "default", labels="team=blue")
        found = [each["metadata"]["name"] async for page, _ in pages for each in page]
        assert found == ["a"]

    async def test_what_was_deleted_is_gone(self, cluster: Cluster) -> None:
        await cluster.create(config_map("a"), CONFIG_MAP)
        await cluster.delete(CONFIG_MAP, "default", "a")
        with pytest.raises(NotFound):
            await cluster.delete(CONFIG_MAP, "default", "a")

    async def test_an_object_that_cannot_be_is_invalid(self, cluster: Cluster) -> None:
        with pytest.raises(Invalid, match="Deployment"):
            await cluster.create(
                {
                    "apiVersion": "apps/v1",
                    "kind": "Deployment",
                    "metadata": {"name": "a", "namespace": "default"},
                    "spec": {},
                },
                DEPLOYMENT,
            )


class TestLists:
    async def test_all_objects_come_a_page_at_a_time(self, connect: Connect, proxy: Proxy) -> None:
        async with connect(limits=Limits(page_size=2)) as cluster:
            for number in range(5):
                await cluster.create(config_map(f"a{number}"), CONFIG_MAP)
            pages = [page async for page in cluster.pages(CONFIG_MAP, "default")]
        names = [[each["metadata"]["name"] for each in items] for items, _ in pages]
        assert names == [["a0", "a1"], ["a2", "a3"], ["a4"]]
        assert len({version for _, version in pages}) == 1
        assert len(proxy.asked("GET .*/configmaps\\?")) == 3

    async def test_items_say_what_they_are(self, cluster: Cluster) -> None:
        await cluster.create(config_map("a"), CONFIG_MAP)
        async for items, _ in cluster.pages(CONFIG_MAP, ""):
            assert {(each["apiVersion"], each["kind"]) for each in items} == {("v1", "ConfigMap")}

    async def test_of_secrets_only_the_metadata_is_asked_for(self, cluster: Cluster) -> None:
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "a", "namespace": "default"},
            "stringData": {"password": "s3cr3t"},
        }
        await cluster.create(secret, SECRET)
        pages = [page async for page in cluster.pages(SECRET, "", metadata_only=True)]
        ((items, version),) = pages
        assert [each["metadata"]["name"] for each in items] == ["a"]
        assert "data" not in items[0]
        async with cluster.watch(SECRET, "", version, metadata_only=True) as events:
            patch = {"metadata": {"labels": {"a": "b"}}}
            await cluster.merge_patch(SECRET, "default", "a", patch)
            async for _, manifest in events:
                assert "data" not in manifest
                break

    async def test_a_list_that_took_too_long_is_gone(
        self, connect: Connect, server: EmbeddedApiServer
    ) -> None:
        async with connect(limits=Limits(page_size=1)) as cluster:
            for number in range(3):
                await cluster.create(config_map(f"a{number}"), CONFIG_MAP)
            pages = cluster.pages(CONFIG_MAP, "default")
            await anext(pages)
            await cluster.create(config_map("late"), CONFIG_MAP)
            server.forget_history()
            with pytest.raises(Gone):
                await anext(pages)


class TestDiscovery:
    async def test_a_kind_whose_definition_is_not_installed_is_not_served(
        self, cluster: Cluster
    ) -> None:
        assert await cluster.discover(WIDGET) is None
        assert WIDGET not in cluster.served

    @pytest.mark.parametrize(
        ("served", "found"), [(("v1",), "v1"), (("v2", "v1"), "v2"), (("v3",), None)]
    )
    async def test_the_most_preferred_version_that_is_served_is_used(
        self, cluster: Cluster, served: tuple[str, ...], found: str | None
    ) -> None:
        await cluster.create(a_definition(*served), DEFINITION)
        assert await cluster.discover(WIDGET) == found

    async def test_what_was_found_is_used_and_not_asked_again(
        self, cluster: Cluster, proxy: Proxy
    ) -> None:
        await cluster.create(a_definition("v1"), DEFINITION)
        await cluster.discover(WIDGET)
        proxy.requests.clear()
        assert await cluster.discover(WIDGET) == "v1"
        assert proxy.requests == []
        assert cluster.path(WIDGET, "default", "w", "status") == (
            "/apis/example.org/v1/namespaces/default/widgets/w/status"
        )

    async def test_what_was_forgotten_is_looked_for_again(self, cluster: Cluster) -> None:
        await cluster.create(a_definition("v1"), DEFINITION)
        await cluster.discover(WIDGET)
        await cluster.delete(DEFINITION, "", "widgets.example.org")
        cluster.undiscover(WIDGET)
        assert await cluster.discover(WIDGET) is None


class TestWatches:
    @pytest.fixture
    async def version(self, cluster: Cluster) -> str:
        await cluster.create(config_map("a", "0"), CONFIG_MAP)
        return [version async for _, version in cluster.pages(CONFIG_MAP, "default")][-1]

    async def test_changes_come_as_they_happen(self, cluster: Cluster, version: str) -> None:
        async with cluster.watch(CONFIG_MAP, "default", version) as events:
            await cluster.create(config_map("b"), CONFIG_MAP)
            await cluster.apply(config_map("b", "2"), CONFIG_MAP)
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
            asyncio.timeout(60),
            cluster.watch(CONFIG_MAP, "default", version) as events,
        ):
            assert [each async for each in events] == []

    @pytest.mark.parametrize("fault", [hang, reset], ids=["hangs", "resets"])
    async def test_a_watch_that_does_not_begin_is_unreachable(
        self, connect: Connect, proxy: Proxy, fault: Any
    ) -> None:
        proxy.meet("watch=true", fault, always=True)
        async with connect(limits=SHORT) as cluster, asyncio.timeout(60):
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
        async with connect(limits=SHORT) as cluster, asyncio.timeout(60):
            with pytest.raises(Unreachable, match="TimeoutError"):
                await cluster.read(CONFIG_MAP, "default", "a")

    async def test_a_connection_that_is_cut_is_unreachable(
        self, cluster: Cluster, proxy: Proxy
    ) -> None:
        proxy.down = True
        with pytest.raises(Unreachable):
            await cluster.apply(config_map("a"), CONFIG_MAP)

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
        proxy.meet("PATCH", answer(status, Retry_After="3"), answer(status, Retry_After="5"))
        await cluster.apply(config_map("a"), CONFIG_MAP)
        assert rests == [3, 5]

    async def test_but_not_for_ever(self, cluster: Cluster, proxy: Proxy, rests: Rests) -> None:
        proxy.meet("PATCH", answer(503, Retry_After="86400"), always=True)
        with pytest.raises(Unreachable):
            await cluster.apply(config_map("a"), CONFIG_MAP)
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
        proxy.meet("PATCH", answer(status, Retry_After=said))
        if waits is None:
            with pytest.raises(ClusterError):
                await cluster.apply(config_map("a"), CONFIG_MAP)
        else:
            await cluster.apply(config_map("a"), CONFIG_MAP)
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
            lambda cluster: cluster.apply(config_map("a"), CONFIG_MAP),
            lambda cluster: cluster.create(config_map("a"), CONFIG_MAP),
            lambda cluster: cluster.replace(config_map("a"), CONFIG_MAP),
            lambda cluster: cluster.merge_patch(CONFIG_MAP, "default", "a", {"data": {}}),
            lambda cluster: cluster.delete(CONFIG_MAP, "default", "a"),
        ],
        ids=["apply", "create", "replace", "merge patch", "delete"],
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
            proxy.meet("PATCH", answer(429, Retry_After="1"))
            with pytest.raises(NotLeader):
                await cluster.apply(config_map("a"), CONFIG_MAP)
        assert len(proxy.requests) == 1


class TestMeasuring:
    async def test_every_request_is_reported(self, connect: Connect, proxy: Proxy) -> None:
        seen: list[tuple[str, str, int]] = []

        def observe(verb: str, resource: str, status: int, seconds: float) -> None:
            assert seconds >= 0
            seen.append((verb, resource, status))

        async with connect(observe=observe, user_agent="tidegate/9.9") as cluster:
            await cluster.apply(config_map("a"), CONFIG_MAP)
            with pytest.raises(NotFound):
                await cluster.read(DEPLOYMENT, "default", "a")
            async for _, version in cluster.pages(CONFIG_MAP, ""):
                async with cluster.watch(CONFIG_MAP, "", version):
                    pass
            proxy.down = True
            with pytest.raises(Unreachable):
                await cluster.read(CONFIG_MAP, "default", "a")
        assert seen == [
            ("APPLY", "configmaps", 201),
            ("GET", "deployments", 404),
            ("LIST", "configmaps", 200),
            ("WATCH", "configmaps", 200),
            ("GET", "configmaps", 0),
        ]
        assert {each["User-Agent"] for each in proxy.headers} == {"tidegate/9.9"}


class TestCredentials:
    @pytest.fixture
    def tokens(self) -> dict[str, str]:
        return {"t0ken-1": "tidegate"}

    @pytest.fixture
    async def server(self, tokens: dict[str, str]) -> AsyncIterator[EmbeddedApiServer]:
        async with EmbeddedApiServer(tokens=tokens) as server:
            yield server

    @pytest.fixture
    def reading(self, connect: Connect, proxy: Proxy, tmp_path: Path) -> Any:
        async def read(**user: Any) -> None:
            path = kubeconfig(tmp_path / "config", proxy.url, user=user)
            async with connect(kubeconfig=str(path)) as cluster:
                assert [page async for page in cluster.pages(CONFIG_MAP, "")]

        return read

    async def test_a_token_is_sent(self, reading: Any, proxy: Proxy) -> None:
        await reading(token="t0ken-1")
        assert {each["Authorization"] for each in proxy.headers} == {"Bearer t0ken-1"}

    async def test_a_name_and_a_password_are_sent(self, reading: Any, proxy: Proxy) -> None:
        with pytest.raises(Forbidden):
            await reading(username="me", password="pass")
        assert {each["Authorization"] for each in proxy.headers} == {"Basic bWU6cGFzcw=="}

    async def test_nothing_is_sent_where_there_is_nothing(self, reading: Any, proxy: Proxy) -> None:
        with pytest.raises(Forbidden):
            await reading()
        assert not any("Authorization" in each for each in proxy.headers)

    async def test_a_wrong_token_is_refused_and_never_shown(
        self, connect: Connect, proxy: Proxy, tmp_path: Path
    ) -> None:
        path = kubeconfig(tmp_path / "config", proxy.url, user={"token": "s3cr3t-t0ken"})
        async with connect(kubeconfig=str(path)) as cluster:
            with pytest.raises(Forbidden, match="401") as raised:
                await cluster.read(CONFIG_MAP, "default", "a")
            assert "s3cr3t" not in str(raised.value) + repr(cluster.credentials)
        assert len(proxy.requests) == 2

    async def test_a_token_that_was_rotated_is_read_again_when_it_is_refused(
        self, connect: Connect, proxy: Proxy, tmp_path: Path, tokens: dict[str, str]
    ) -> None:
        token = tmp_path / "token"
        token.write_text("t0ken-1\n")
        path = kubeconfig(tmp_path / "config", proxy.url, user={"tokenFile": str(token)})
        async with connect(kubeconfig=str(path)) as cluster:
            await cluster.apply(config_map("a"), CONFIG_MAP)
            tokens.clear()
            tokens["t0ken-2"] = "tidegate"
            token.write_text("t0ken-2\n")
            await cluster.apply(config_map("a", "2"), CONFIG_MAP)

    async def test_a_token_that_can_no_longer_be_read_is_named(
        self, connect: Connect, proxy: Proxy, tmp_path: Path
    ) -> None:
        token = tmp_path / "token"
        token.write_text("t0ken-1")
        path = kubeconfig(tmp_path / "config", proxy.url, user={"tokenFile": str(token)})
        async with connect(kubeconfig=str(path)) as cluster:
            await cluster.apply(config_map("a"), CONFIG_MAP)
            token.unlink()
            cluster.credentials.expire()
            with pytest.raises(Forbidden, match="no token for"):
                await cluster.read(CONFIG_MAP, "default", "a")

    async def test_a_plugin_is_asked_for_a_token(self, reading: Any, proxy: Proxy) -> None:
        program = (
            "import json; print(json.dumps({'apiVersion': 'client.authentication.k8s.io/v1', "
            "'kind': 'ExecCredential', 'status': {'token': 't0ken-1'}}))"
        )
        await reading(
            exec={
                "apiVersion": "client.authentication.k8s.io/v1",
                "command": sys.executable,
                "args": ["-c", program],
                "interactiveMode": "Never",
            }
        )
        assert proxy.headers[0]["Authorization"] == "Bearer t0ken-1"

    @pytest.mark.parametrize(
        "content",
        ["", "{", "clusters: 5", "- a", "contexts: []\ncurrent-context: a", "\x00"],
        ids=repr,
    )
    async def test_a_kubeconfig_that_cannot_be_used_is_named(
        self, tmp_path: Path, content: str
    ) -> None:
        (tmp_path / "broken").write_text(content)
        with pytest.raises(Forbidden, match="--kubeconfig"):
            async with Cluster.connect(kubeconfig=str(tmp_path / "broken")):
                pass

    async def test_a_kubeconfig_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(Forbidden, match="--kubeconfig"):
            async with Cluster.connect(kubeconfig=str(tmp_path / "missing")):
                pass

    async def test_a_context_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        path = kubeconfig(tmp_path / "config", "http://127.0.0.1:1")
        with pytest.raises(Forbidden, match="elsewhere"):
            async with Cluster.connect(kubeconfig=str(path), context="elsewhere"):
                pass


class TestTransportSecurity:
    @pytest.fixture
    async def secure(self, server: EmbeddedApiServer) -> AsyncIterator[Proxy]:
        async with proxied(server.url, tls=server_context()) as proxy:
            yield proxy

    @pytest.fixture
    def authority(self, tmp_path: Path) -> dict[str, str]:
        path = tmp_path / "authority.pem"
        path.write_text(authority_pem())
        return {"certificate-authority": str(path)}

    async def read(self, tmp_path: Path, url: str, **cluster: Any) -> None:
        path = kubeconfig(tmp_path / "config", url, **cluster)
        async with Cluster.connect(kubeconfig=str(path)) as connected:
            assert [page async for page in connected.pages(CONFIG_MAP, "")]

    async def test_the_authority_of_the_kubeconfig_is_trusted(
        self, secure: Proxy, tmp_path: Path, authority: dict[str, str]
    ) -> None:
        await self.read(tmp_path, secure.url, **authority)

    async def test_another_authority_is_not(self, secure: Proxy, tmp_path: Path) -> None:
        with pytest.raises(Unreachable, match="certificate verify failed"):
            await self.read(tmp_path, secure.url)
        assert secure.requests == []

    async def test_a_server_may_go_by_another_name(
        self, secure: Proxy, tmp_path: Path, authority: dict[str, str]
    ) -> None:
        await self.read(tmp_path, secure.url, **authority, **{"tls-server-name": "localhost"})
        with pytest.raises(Unreachable, match=r"[Hh]ostname mismatch"):
            await self.read(tmp_path, secure.url, **authority, **{"tls-server-name": "a.example"})

    async def test_verification_can_be_left_out(self, secure: Proxy, tmp_path: Path) -> None:
        await self.read(tmp_path, secure.url, **{"insecure-skip-tls-verify": True})

    async def test_a_certificate_speaks_for_the_client(
        self, server: EmbeddedApiServer, tmp_path: Path, authority: dict[str, str]
    ) -> None:
        clients = trustme.CA()
        context = server_context()
        context.verify_mode = ssl.CERT_REQUIRED
        clients.configure_trust(context)
        issued = clients.issue_cert("tidegate")
        issued.private_key_pem.write_to_path(str(tmp_path / "client.key"))
        issued.cert_chain_pems[0].write_to_path(str(tmp_path / "client.pem"))
        user = {
            "client-certificate": str(tmp_path / "client.pem"),
            "client-key": str(tmp_path / "client.key"),
        }
        async with proxied(server.url, tls=context) as proxy:
            await self.read(tmp_path, proxy.url, **authority, user=user)
            with pytest.raises(Unreachable):
                await self.read(tmp_path, proxy.url, **authority)

    async def test_a_certificate_that_cannot_be_read_is_named(self, tmp_path: Path) -> None:
        broken = tmp_path / "broken.pem"
        broken.write_text("no certificate")
        with pytest.raises(Forbidden, match="certificates"):
            await self.read(
                tmp_path, "https://127.0.0.1:1", **{"certificate-authority": str(broken)}
            )

    async def test_a_proxy_that_the_kubeconfig_names_is_used(
        self, proxy: Proxy, tmp_path: Path
    ) -> None:
        await self.read(tmp_path, "http://cluster.invalid", **{"proxy-url": proxy.url})
        assert proxy.requests
