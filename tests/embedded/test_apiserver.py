"""What only the embedded API server has: audit, tokens, forgotten history, a process of its own."""

import asyncio
import base64
import signal
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import kopf
import orjson
import pytest
import trustme

from canary.api.meta import API_VERSION
from canary.api.schema import crds
from tests.receiver import Answer, Receiver, receiving
from tidegate_embedded.apiserver import AuditEntry, EmbeddedApiServer

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
DEADLINE_SECONDS = 180.0


@asynccontextmanager
async def connected(
    server: EmbeddedApiServer, **headers: str
) -> AsyncIterator[aiohttp.ClientSession]:
    async with server, aiohttp.ClientSession(server.url, headers=headers) as client:
        yield client


def config_map(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "data": {"a": "1"}}


async def next_event(response: aiohttp.ClientResponse) -> dict[str, Any]:
    async with asyncio.timeout(DEADLINE_SECONDS):
        return orjson.loads(await response.content.readline())


async def test_a_definition_that_one_server_has_accepted_is_served_by_another_as_it_is():
    (definition,) = (each for each in crds().values() if each["spec"]["names"]["kind"] == "Canary")
    name = definition["metadata"]["name"]
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    async with connected(EmbeddedApiServer()) as client:
        answer = await client.post(definitions, json=definition)
        accepted = await answer.json()
    server = EmbeddedApiServer()
    server.define(accepted)
    async with connected(server) as client:
        found = await (await client.get(f"{definitions}/{name}")).json()
        refused = await client.post(
            f"/apis/{API_VERSION}/namespaces/default/canaries",
            json={
                "apiVersion": API_VERSION,
                "kind": "Canary",
                "metadata": {"name": "web"},
                "spec": {"targetRef": 1},
            },
        )
    for each in (accepted, found):
        del each["metadata"]["resourceVersion"]
    assert found == accepted
    assert refused.status == 422


class TestAudit:
    async def test_names_who_asked_what(self):
        server = EmbeddedApiServer()
        async with connected(server, **{"User-Agent": "tidegate/1.0"}) as client:
            await client.post(CONFIG_MAPS, json=config_map("one"))
            await client.get(CONFIG_MAPS)
            await client.get(f"{CONFIG_MAPS}/none")
            path = "/apis/apps/v1/namespaces/default/deployments/web/status"
            await client.patch(path, data=b"{}", headers={"Content-Type": "text/plain"})
            await client.get("/version")
        seen = [(e.verb, e.resource, e.name, e.subresource, e.status) for e in server.audit]
        assert seen == [
            ("create", "configmaps", "", "", 201),
            ("list", "configmaps", "", "", 200),
            ("get", "configmaps", "none", "", 404),
            ("patch", "deployments", "web", "status", 415),
            ("get", "/version", "", "", 200),
        ]
        assert {type(entry) for entry in server.audit} == {AuditEntry}
        assert {entry.user_agent for entry in server.audit} == {"tidegate/1.0"}

    async def test_counts_requests_for_leases_apart(self):
        server = EmbeddedApiServer()
        async with connected(server, **{"User-Agent": "tidegate/1.0"}) as client:
            lease = {"metadata": {"name": "leader"}, "spec": {"holderIdentity": "a"}}
            await client.put(f"{LEASES}/leader", json=lease)
            await client.post(CONFIG_MAPS, json=config_map("one"))
            await client.post(CONFIG_MAPS, json=config_map("two"))
        assert server.requests.count() == 2
        assert server.requests.count(user_agent="tidegate", verb="create") == 2
        assert server.requests.count(user_agent="kubectl") == 0
        assert sum(server.requests.leases.values()) == 1

    async def test_counts_a_watch_when_it_begins(self):
        server = EmbeddedApiServer()
        async with (
            connected(server) as client,
            client.get(CONFIG_MAPS, params={"watch": "1"}) as response,
        ):
            assert response.status == 200
            assert server.requests.count(verb="watch", resource="configmaps") == 1


class TestTokens:
    async def test_let_in_who_has_one(self):
        server = EmbeddedApiServer(tokens={"secret": "alice"})
        async with connected(server, Authorization="Bearer secret") as client:
            assert (await client.get(CONFIG_MAPS)).status == 200
            path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
            review = await (await client.post(path, json={})).json()
            assert review["status"]["userInfo"]["username"] == "alice"

    @pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
    async def test_keep_out_who_has_none(self, headers):
        server = EmbeddedApiServer(tokens={"secret": "alice"})
        async with connected(server, **headers) as client:
            refused = await client.get(CONFIG_MAPS)
            assert refused.status == 401
            assert (await refused.json())["reason"] == "Unauthorized"
            assert (await client.get("/readyz")).status == 200

    async def test_are_written_into_a_private_kubeconfig(self, tmp_path: Path):
        async with EmbeddedApiServer(tokens={"secret": "alice"}) as server:
            path = server.kubeconfig(tmp_path / "config")
            assert path.stat().st_mode & 0o077 == 0
            assert "secret" in path.read_text()
            assert server.url in path.read_text()


class TestHistory:
    async def test_that_is_forgotten_ends_watches_from_before(self):
        server = EmbeddedApiServer()
        async with connected(server) as client:
            created = await (await client.post(CONFIG_MAPS, json=config_map("one"))).json()
            await client.post(CONFIG_MAPS, json=config_map("two"))
            server.forget_history()
            query = {"watch": "1", "resourceVersion": created["metadata"]["resourceVersion"]}
            async with client.get(CONFIG_MAPS, params=query) as response:
                event = await next_event(response)
                assert (event["type"], event["object"]["code"]) == ("ERROR", 410)
                assert await response.content.readline() == b""

    async def test_is_bounded(self):
        server = EmbeddedApiServer(history_length=3)
        async with connected(server) as client:
            created = await (await client.post(CONFIG_MAPS, json=config_map("first"))).json()
            query = {"watch": "1", "resourceVersion": created["metadata"]["resourceVersion"]}
            for number in range(3):
                await client.post(CONFIG_MAPS, json=config_map(f"c{number}"))
            async with client.get(CONFIG_MAPS, params=query) as response:
                assert (await next_event(response))["type"] == "ADDED"
            await client.post(CONFIG_MAPS, json=config_map("c4"))
            async with client.get(CONFIG_MAPS, params=query) as response:
                assert (await next_event(response))["object"]["code"] == 410

    async def test_that_is_forgotten_ends_pages_from_before(self):
        server = EmbeddedApiServer()
        async with connected(server) as client:
            for name in "abc":
                await client.post(CONFIG_MAPS, json=config_map(name))
            page = await (await client.get(CONFIG_MAPS, params={"limit": 1})).json()
            await client.post(CONFIG_MAPS, json=config_map("d"))
            server.forget_history()
            query = {"limit": 1, "continue": page["metadata"]["continue"]}
            response = await client.get(CONFIG_MAPS, params=query)
            assert response.status == 410
            assert (await response.json())["reason"] == "Expired"


@asynccontextmanager
async def guarded(
    receiver: Receiver, authority: trustme.CA, *, ready: bool = True, port: int = 443
) -> AsyncIterator[tuple[EmbeddedApiServer, aiohttp.ClientSession]]:
    """Run a server that asks a webhook behind a Service about ConfigMaps."""
    host, number = receiver.url.removeprefix("https://").split(":")
    service = {"namespace": "default", "name": "guard", "path": "review", "port": port}
    bundle = base64.b64encode(authority.cert_pem.bytes()).decode()
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"]}
    webhook = {
        "name": "guard.tidegate.dev",
        "clientConfig": {"service": service, "caBundle": bundle},
        "rules": [{**rule, "operations": ["CREATE"]}],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    endpoints = {
        "metadata": {"name": "guard", "labels": {"kubernetes.io/service-name": "guard"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [host], "conditions": {"ready": ready}}],
        "ports": [{"name": "https", "port": int(number)}],
    }
    server = EmbeddedApiServer()
    async with connected(server) as client:
        ports = [{"name": "https", "port": 443}]
        for path, item in (
            ("/api/v1/namespaces/default/services", {"spec": {"ports": ports}}),
            ("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", endpoints),
            (
                "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
                {"webhooks": [webhook]},
            ),
        ):
            created = await client.post(path, json={"metadata": {"name": "guard"}, **item})
            assert created.status == 201, await created.text()
        yield server, client


@asynccontextmanager
async def webhook_of(name: str) -> AsyncIterator[tuple[Receiver, trustme.CA]]:
    """Run what is asked, with a certificate for a name."""
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(tls)
    async with receiving(tls) as receiver:
        receiver.answers(Answer(status=503))
        yield receiver, authority


class TestWebhooks:
    async def test_behind_a_service_are_asked_at_a_ready_endpoint_by_its_name(self):
        async with (
            webhook_of("guard.default.svc") as (receiver, authority),
            guarded(receiver, authority) as (_, client),
        ):
            refused = await client.post(CONFIG_MAPS, json=config_map("one"))
            said = (await refused.json())["message"]
        assert said.endswith("failed to call webhook: the server answered with status 503")
        [asked] = receiver.requests
        assert asked.path == "/review?timeout=10s"
        assert asked.headers["Host"] == "guard.default.svc:443"
        assert asked.document["request"]["name"] == "one"

    async def test_are_not_asked_about_what_this_process_writes(self):
        async with (
            webhook_of("guard.default.svc") as (receiver, authority),
            guarded(receiver, authority) as (server, _),
        ):
            resource = server.registry.find("", "v1", "configmaps")
            assert server.objects.create(resource, "default", config_map("one")).created
        assert receiver.requests == []

    @pytest.mark.parametrize(
        ("name", "where", "said"),
        [
            ("other.default.svc", {}, "Hostname mismatch"),
            ("guard.default.svc", {"ready": False}, 'no endpoints available for service "guard"'),
            ("guard.default.svc", {"port": 444}, 'no service port 444 found for service "guard"'),
        ],
    )
    async def test_behind_a_service_that_cannot_be_reached_refuse(self, name, where, said):
        async with (
            webhook_of(name) as (receiver, authority),
            guarded(receiver, authority, **where) as (_, client),
        ):
            refused = await client.post(CONFIG_MAPS, json=config_map("one"))
            assert refused.status == 500
            assert said in (await refused.json())["message"]
        assert receiver.requests == []


class TestWatches:
    async def test_get_bookmarks_as_often_as_set(self):
        server = EmbeddedApiServer(bookmark_seconds=0.05)
        query = {"watch": "1", "allowWatchBookmarks": "1", "resourceVersion": "5"}
        async with (
            connected(server) as client,
            client.get(CONFIG_MAPS, params=query) as response,
        ):
            event = await next_event(response)
            assert event["type"] == "BOOKMARK"
            assert event["object"]["metadata"]["resourceVersion"] == str(server.storage.version)

    async def test_end_when_the_server_stops(self):
        server = EmbeddedApiServer()
        await server.start()
        async with (
            aiohttp.ClientSession(server.url) as client,
            client.get(CONFIG_MAPS, params={"watch": "1"}) as response,
        ):
            await server.stop()
            async with asyncio.timeout(DEADLINE_SECONDS):
                assert await response.content.read() == b""

    async def test_that_are_left_are_forgotten(self):
        server = EmbeddedApiServer()
        async with connected(server) as client:
            history = server.storage.history(("", "configmaps"))
            response = await client.get(CONFIG_MAPS, params={"watch": "1"})
            async with asyncio.timeout(DEADLINE_SECONDS):
                while not history._waiting:  # noqa: ASYNC110 (nothing tells of it)
                    await asyncio.sleep(0)
                response.close()
                while history._waiting:  # noqa: ASYNC110 (nothing tells of it)
                    await asyncio.sleep(0.001)


async def test_kopf_finds_its_resources(tmp_path):
    server = EmbeddedApiServer()
    async with server:
        found: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        registry = kopf.OperatorRegistry()

        @kopf.on.login(registry=registry)
        def login(**_: object) -> kopf.ConnectionInfo:
            return kopf.ConnectionInfo(server=server.url)

        @kopf.on.event("configmaps", registry=registry)
        def seen(name: str, **_: object) -> None:
            if name == "one" and not found.done():
                found.set_result(name)

        stop = asyncio.Event()
        settings = kopf.OperatorSettings()
        settings.posting.enabled = False
        operator = asyncio.create_task(
            kopf.operator(
                registry=registry,
                settings=settings,
                standalone=True,
                namespaces=["default"],
                stop_flag=stop,
            )
        )
        resource = server.registry.find("", "v1", "configmaps")
        server.objects.create(resource, "default", config_map("one"))
        async with asyncio.timeout(DEADLINE_SECONDS):
            assert await found == "one"
            stop.set()
            await operator


async def test_runs_in_a_process_of_its_own(tmp_path):
    config = tmp_path / "kubeconfig"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tidegate_embedded",
        "--kubeconfig",
        str(config),
        "--token",
        "secret",
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(DEADLINE_SECONDS):
            url = (await process.stdout.readline()).decode().strip()
        headers = {"Authorization": "Bearer secret"}
        async with aiohttp.ClientSession(url, headers=headers) as client:
            assert (await client.get(CONFIG_MAPS)).status == 200
        assert url in config.read_text()
    finally:
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(DEADLINE_SECONDS):
            assert await process.wait() == 0
