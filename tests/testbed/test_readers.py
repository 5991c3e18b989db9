"""The small readers of annotations: what they read, and what the real proxies make of it."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from aiohttp import web

from tests.controller.running import until
from tests.embedded.mesh_objects import PORT, a_service, an_object, endpoints
from tests.testbed import debian, haproxy_reader, nginx_reader
from tests.testbed.debian import Unpacked
from tests.testbed.haproxy_reader import servers, without_servers
from tests.testbed.nginx_reader import hosts
from tidegate_embedded.mesh.world import World, world_of
from tidegate_embedded.network import free_port
from tidegate_embedded.process import start_program, stop_program

HOST = "app.test"
ACL = "haproxy.org/route-acl"
PRIMARY, CANARY = "podinfo", "podinfo-canary"


def an_ingress(
    name: str, service: str, ingress_class: str, *, path: str = "/", **said: str
) -> dict[str, Any]:
    backend = {"service": {"name": service, "port": {"number": PORT}}}
    paths = [{"path": path, "pathType": "Prefix", "backend": backend}]
    rules = [{"host": HOST, "http": {"paths": paths}}]
    item = an_object("Ingress", name, {"ingressClassName": ingress_class, "rules": rules})
    item["metadata"]["annotations"] = {
        f"nginx.ingress.kubernetes.io/{key.replace('_', '-')}": value for key, value in said.items()
    }
    return item


def services(*, acl: str = "", canary: tuple[str, ...] = ("10.244.0.2",)) -> Iterator[Any]:
    yield a_service(PRIMARY)
    beside = a_service(CANARY)
    beside["metadata"]["annotations"] = {ACL: acl} if acl else {}
    yield beside
    yield endpoints(PRIMARY, "10.244.0.1")
    yield endpoints(CANARY, *canary)


def of_nginx(**said: str) -> World:
    """A path that leads to the app, and beside it a canary with annotations."""
    ingresses = (
        an_ingress("web", PRIMARY, "nginx"),
        an_ingress("web-canary", CANARY, "nginx", canary="true", **said),
        an_ingress("elsewhere", "missing", "nginx", path="/missing"),
        an_ingress("of-others", PRIMARY, "haproxy", path="/others"),
    )
    return world_of([*services(), *ingresses])


def of_haproxy(acl: str, *, canary: tuple[str, ...] = ("10.244.0.2",)) -> World:
    ingresses = (
        an_ingress("web", PRIMARY, "haproxy", path="/shop"),
        an_ingress("web-canary", CANARY, "haproxy"),
    )
    return world_of([*services(acl=acl, canary=canary), *ingresses])


def configured(world: World) -> str:
    return haproxy_reader.configuration(world, "10.0.0.1:80", "127.0.0.1:81", Path("/s"))


def test_the_annotations_of_a_canary_are_read_beside_the_path_of_its_user():
    (route,) = hosts(of_nginx(canary_weight="20", canary_by_header="x-canary"))[HOST]
    assert route == {
        "namespace": "test",
        "ingress": "web",
        "service": PRIMARY,
        "path": "/",
        "exact": False,
        "addresses": ["10.244.0.1:9898"],
        "canary": {
            "name": f"test-{CANARY}-{PORT}",
            "addresses": ["10.244.0.2:9898"],
            "weight": 20,
            "total": 100,
            "header": "x-canary",
        },
    }


def test_a_condition_on_a_service_goes_before_every_path_of_haproxy():
    rules = [
        each for each in configured(of_haproxy("rand(100) lt 20")).splitlines() if "use_" in each
    ]
    assert [each.split()[1] for each in rules] == [
        f"test_svc_{CANARY}_{PORT}",
        f"test_svc_{PRIMARY}_{PORT}",
        f"test_svc_{PRIMARY}_{PORT}",
    ]
    assert rules[0].endswith("{ rand(100) lt 20 }")


def test_other_pods_are_no_reload_and_another_weight_is_one():
    before, pods, weight = (
        configured(world)
        for world in (
            of_haproxy("rand(100) lt 20"),
            of_haproxy("rand(100) lt 20", canary=("10.244.0.8", "10.244.0.9")),
            of_haproxy("rand(100) lt 60"),
        )
    )
    assert without_servers(before) == without_servers(pods) != without_servers(weight)
    slots = {name: address for name, address in servers(pods).items() if address}
    assert slots == {
        f"test_svc_{PRIMARY}_{PORT}/SRV_1": "10.244.0.1:9898",
        f"test_svc_{CANARY}_{PORT}/SRV_1": "10.244.0.8:9898",
        f"test_svc_{CANARY}_{PORT}/SRV_2": "10.244.0.9:9898",
    }


# ------------------------------------------------------------------------------- the real proxies


@asynccontextmanager
async def answering(name: str) -> AsyncIterator[str]:
    """Serve a pod that answers with a name; give its address."""

    async def answer(_: web.Request) -> web.Response:
        await asyncio.sleep(0)
        return web.Response(text=name)

    application = web.Application()
    application.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


class Proxy:
    """A proxy that runs, with the addresses of its listeners."""

    def __init__(self, unpacked: Unpacked, folder: Path) -> None:
        self.unpacked = unpacked
        self.folder = folder
        self.listen, self.admin = (f"127.0.0.1:{free_port()}" for _ in range(2))
        self.client = httpx.AsyncClient(base_url=f"http://{self.listen}", trust_env=False)

    async def start(self, context: AsyncExitStack, *arguments: str) -> None:
        process = await start_program(
            self.unpacked.program,
            *arguments,
            log=self.folder / "log",
            environment=self.unpacked.environment,
        )
        context.push_async_callback(stop_program, process, grace_seconds=5)
        await context.enter_async_context(self.client)

        async def listens() -> bool:
            try:
                await self.client.get("/")
            except httpx.TransportError:
                return False
            return True

        await until(listens, "the proxy listens")

    async def answers(self, path: str = "/", **headers: str) -> str:
        given = {"Host": HOST} | {name.replace("_", "-"): text for name, text in headers.items()}
        return (await self.client.get(path, headers=given)).text.strip()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def nginx(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Proxy]:
    proxy = Proxy(debian.nginx(), tmp_path_factory.mktemp("nginx"))
    file = proxy.folder / "nginx.conf"
    file.write_text(
        nginx_reader.configuration(proxy.unpacked.folder, proxy.folder, proxy.listen, proxy.admin)
    )
    async with AsyncExitStack() as context:
        await proxy.start(context, "-p", str(proxy.folder), "-e", "stderr", "-c", str(file))
        yield proxy


ALWAYS, NEVER = {"x_canary": "always"}, {"x_canary": "never"}
BY_HEADER, BY_COOKIE = {"canary_by_header": "x-canary"}, {"canary_by_cookie": "beta"}
BY_VALUE = BY_HEADER | {"canary_by_header_value": "insider"}
BY_PATTERN = BY_HEADER | {"canary_by_header_pattern": "^(?:in.*)$"}
ALL, NONE = {"canary_weight": "100"}, {"canary_weight": "0"}
#: By what the annotations say: the headers of a request, and which side answers it.
DECISIONS: Mapping[str, tuple[Mapping[str, str], Mapping[str, str], str]] = {
    "no weight": (NONE, {}, "primary"),
    "all the weight": (ALL, {}, "canary"),
    "a header that is always": (BY_HEADER, ALWAYS, "canary"),
    "a header that is never goes before the weight": (BY_HEADER | ALL, NEVER, "primary"),
    "a header of another value is left to the weight": (
        BY_HEADER | ALL,
        {"x_canary": "a"},
        "canary",
    ),
    "the value of a header": (BY_VALUE, {"x_canary": "insider"}, "canary"),
    "another value of the header": (BY_VALUE, {"x_canary": "outsider"}, "primary"),
    "with a value always means nothing": (BY_VALUE, ALWAYS, "primary"),
    "a pattern of a header": (BY_PATTERN, {"x_canary": "insider"}, "canary"),
    "a header beside the pattern": (BY_PATTERN, {"x_canary": "an insider"}, "primary"),
    "a cookie that is always": (BY_COOKIE, {"cookie": "a=b; beta=always"}, "canary"),
    "a cookie that is never goes before the weight": (
        BY_COOKIE | ALL,
        {"cookie": "beta=never"},
        "primary",
    ),
    "a header goes before a cookie": (
        BY_HEADER | BY_COOKIE,
        NEVER | {"cookie": "beta=always"},
        "primary",
    ),
}


@pytest.mark.control_plane
@pytest.mark.asyncio(loop_scope="module")
class TestNginx:
    async def told(self, nginx: Proxy, said: Mapping[str, str], *, pods: Mapping[str, str]) -> None:
        """Send the routes of annotations, with these pods behind the sides."""
        routes = hosts(of_nginx(**said))
        (route,) = routes[HOST]
        route["addresses"] = [pods["primary"]] if "primary" in pods else []
        route["canary"]["addresses"] = [pods["canary"]] if "canary" in pods else []
        sent = {"hosts": routes, "version": "any"}
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.post(f"http://{nginx.admin}/configuration", json=sent)
        answer.raise_for_status()

    @pytest.mark.parametrize(("said", "headers", "side"), DECISIONS.values(), ids=DECISIONS)
    async def test_a_request_goes_where_the_annotations_say(self, nginx, said, headers, side):
        async with answering("primary") as primary, answering("canary") as canary:
            await self.told(nginx, said, pods={"primary": primary, "canary": canary})
            assert await nginx.answers(**headers) == side

    async def test_a_canary_without_pods_leaves_its_share_to_the_primary(self, nginx):
        async with answering("primary") as primary:
            await self.told(nginx, ALL, pods={"primary": primary})
            assert await nginx.answers() == "primary"

    async def test_requests_are_counted_in_the_series_of_ingress_nginx(self, nginx):
        async with answering("canary") as canary:
            await self.told(nginx, ALL, pods={"canary": canary})
            assert await nginx.answers() == "canary"
        async with httpx.AsyncClient(trust_env=False) as client:
            page = (await client.get(f"http://{nginx.admin}/metrics")).text
        labels = f'namespace="test",ingress="web",service="{PRIMARY}",canary="test-{CANARY}-{PORT}"'
        assert f'nginx_ingress_controller_requests{{{labels},status="200"}}' in page
        edges = f'nginx_ingress_controller_response_duration_seconds_bucket{{{labels},le="+Inf"}}'
        assert edges in page


#: By what the annotation says, as tidegate writes it: a request, and which side answers it.
CONDITIONS: Mapping[str, tuple[str, str, Mapping[str, str], str]] = {
    "no chance": ("rand(100) lt 0", "/shop/cart", {}, "primary"),
    "every chance": ("rand(100) lt 100", "/shop/cart", {}, "canary"),
    "a header": ("req.hdr(x-canary) -m str insider", "/shop", {"x_canary": "insider"}, "canary"),
    "another value of the header": (
        "req.hdr(x-canary) -m str insider",
        "/shop",
        {"x_canary": "outsider"},
        "primary",
    ),
    "a pattern of a header": (
        "req.hdr(x-canary) -m reg ^(?:in.*)$",
        "/shop",
        {"x_canary": "insider"},
        "canary",
    ),
    "a query parameter": ("url_param(beta) -m beg y", "/shop?beta=yes", {}, "canary"),
    "the method": ("method -m str POST", "/shop", {}, "primary"),
    "a path": ("path -m beg /shop/new", "/shop/new/1", {}, "canary"),
}


@pytest.mark.control_plane
@pytest.mark.asyncio(loop_scope="function")
@pytest.mark.parametrize(("acl", "path", "headers", "side"), CONDITIONS.values(), ids=CONDITIONS)
async def test_haproxy_takes_the_condition_of_a_service(acl, path, headers, side, tmp_path):
    proxy = Proxy(debian.haproxy(), tmp_path)
    async with (
        answering("primary") as primary,
        answering("canary") as canary,
        AsyncExitStack() as context,
    ):
        written = haproxy_reader.configuration(
            of_haproxy(acl), proxy.listen, proxy.admin, tmp_path / "socket"
        )
        file = tmp_path / "haproxy.cfg"
        file.write_text(
            written.replace("10.244.0.1:9898", primary).replace("10.244.0.2:9898", canary)
        )
        await proxy.start(context, "-f", str(file))
        assert await proxy.answers(path, **headers) == side
