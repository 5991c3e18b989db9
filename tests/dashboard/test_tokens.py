"""Many people at one dashboard: each logs in with a token, and sees and does what it may."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web
from yarl import URL

from canary.api.annotations import PREFIX
from canary.api.schema import crds
from canary.cluster.cluster import Cluster
from canary.cluster.credentials import for_bearer
from canary.core.signature import Signature
from canary.dashboard.cookies import COOKIE
from canary.dashboard.doors import Door
from canary.dashboard.process import for_many
from canary.dashboard.rights import KEPT_SECONDS
from canary.dashboard.sessions import Sessions
from canary.dashboard.token_door import MOST_FAILURES, TokenDoor
from canary.dashboard.ways import Way, by_token
from canary.demo import manifests
from canary.demo.embedded import NAMESPACE
from tests.controller.faults import Fault, Proxy, proxied
from tests.controller.faults import kubeconfig as write_kubeconfig
from tests.controller.running import until
from tests.dashboard.browsing import PATIENCE_MS, use_packages
from tests.dashboard.conftest import CANARY
from tests.dashboard.test_browser import Tab
from tests.definitions import define
from tests.views.fleet import STATUSES, manifest
from tidegate_embedded.apiserver import EmbeddedApiServer
from tidegate_embedded.network import free_port

OWN, ALICE, BOB = "the-dashboards-own", "alices-token", "bobs-token"
SAME = {"Sec-Fetch-Site": "same-origin"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """A dashboard for many, and the API server that it asks."""

    address: str
    proxy: Proxy
    tokens: dict[str, str]
    cluster: Cluster
    lists: dict[str, set[str]] = field(default_factory=dict)
    """Where who may list Canaries; an empty word is everywhere."""

    @asynccontextmanager
    async def browser(self) -> AsyncIterator[aiohttp.ClientSession]:
        jar = aiohttp.CookieJar(unsafe=True, treat_as_secure_origin=URL(self.address))
        async with aiohttp.ClientSession(cookie_jar=jar, base_url=self.address) as browser:
            yield browser

    @asynccontextmanager
    async def logged_in(self, token: str) -> AsyncIterator[aiohttp.ClientSession]:
        async with self.browser() as browser:
            answer = await login(browser, token)
            assert answer.status == 303, await answer.text()
            yield browser


async def login(
    browser: aiohttp.ClientSession, token: str, headers: dict[str, str] = SAME
) -> aiohttp.ClientResponse:
    return await browser.post(
        "/login", data={"token": token}, headers=headers, allow_redirects=False
    )


def folder(path: Path) -> Path:
    path.mkdir()
    return path


def listing(lists: dict[str, set[str]]) -> Fault:
    """Answer who may list Canaries where."""

    async def fault(proxy: Proxy, request: web.Request) -> web.StreamResponse:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        asked = orjson.loads(await request.read())["spec"]["resourceAttributes"]
        allowed = asked.get("namespace", "") in lists.get(token, set())
        if token not in lists:
            return web.json_response({"message": "who is that"}, status=401)
        return web.json_response({"status": {"allowed": allowed}}, status=201)

    return fault


@asynccontextmanager
async def a_dashboard(
    tmp_path: Path, way: Way, *faults: tuple[str, Fault], port: int = 0, **options: Any
) -> AsyncIterator[Shared]:
    """Serve Canaries of two namespaces to many."""
    tokens = {OWN: "system:serviceaccount:gates:dashboard", ALICE: "alice", BOB: "bob"}
    lists = {ALICE: {""}, BOB: {"pay"}}
    async with EmbeddedApiServer(tokens=tokens) as server, proxied(server.url) as proxy:
        for pattern, fault in (*faults, ("POST .*selfsubjectaccessreviews", listing(lists))):
            proxy.meet(pattern, fault, always=True)
        admin = server.kubeconfig(tmp_path / "admin", token=OWN)
        path = write_kubeconfig(tmp_path / "own", proxy.url, user={"token": OWN})
        async with (
            Cluster.connect(kubeconfig=str(admin)) as cluster,
            Cluster.connect(kubeconfig=str(path)) as own,
        ):
            await define(server, cluster, crds().values())
            for namespace, name in (("web", "shop"), ("pay", "cart")):
                await cluster.create(manifests.namespace(namespace), NAMESPACE)
                made = manifest(name, STATUSES[name])
                made["metadata"] |= {"namespace": namespace, "uid": ""}
                await cluster.create(made, CANARY)
                patch = {"status": made["status"]}
                await cluster.merge_patch(CANARY, namespace, name, patch, subresource="status")
            async with for_many(own, way, host="127.0.0.1", port=port, **options) as address:
                made_shared = Shared(
                    address=address, proxy=proxy, tokens=tokens, cluster=cluster, lists=lists
                )

                async def ready() -> bool:
                    async with made_shared.browser() as browser:
                        return (await browser.get("/readyz")).status == 200

                await until(ready)
                yield made_shared


@pytest.fixture
async def shared(tmp_path: Path) -> AsyncIterator[Shared]:
    async with a_dashboard(tmp_path, by_token) as shared:
        yield shared


async def test_a_token_lets_in_and_is_nowhere_to_be_seen(shared: Shared):
    async with shared.browser() as browser:
        answer = await login(browser, ALICE)
        assert (answer.status, answer.headers["Location"]) == (303, "/")
        cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith(f"{COOKIE}=")
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
        page = await (await browser.get("/")).text()
        assert "alice" in page
        assert ALICE not in page + cookie


async def test_a_portal_that_is_named_may_show_the_pages_in_a_frame(tmp_path: Path):
    portals = ("https://portal.example.com", "http://localhost:3000")
    async with (
        a_dashboard(tmp_path, by_token, frame_ancestors=portals) as shared,
        shared.browser() as browser,
    ):
        for path in ("/login", "/", "/healthz", "/static/nothing"):
            policy = (await browser.get(path)).headers["Content-Security-Policy"].split("; ")
            assert f"frame-ancestors {' '.join(portals)}" in policy, path


async def test_who_is_not_logged_in_is_led_to_the_login(shared: Shared):
    async with shared.browser() as stranger:
        page = await stranger.get("/c/web/shop", allow_redirects=False)
        assert (page.status, page.headers["Location"]) == (303, "/login")
        for path in ("/api/v1/canaries", "/live/fleet"):
            assert (await stranger.get(path)).status == 401
        sent = await stranger.post("/c/web/shop/commands/pause", data={}, headers=SAME)
        assert sent.status == 401
        login_page = await (await stranger.get("/login")).text()
        assert ('name="token"' in login_page, "shop" in login_page) == (True, False)


async def test_a_token_that_is_none_is_refused_and_too_many_are_not_even_asked(shared: Shared):
    async with shared.browser() as browser:
        odd = ["", " ", "nope", "müll", "x" * 20_000, "a\nb"]
        for token in (odd * MOST_FAILURES)[:MOST_FAILURES]:
            assert (await login(browser, token)).status == 403
        before = len(shared.proxy.asked("selfsubjectreviews"))
        refused = await login(browser, ALICE)
        assert (refused.status, "Retry-After" in refused.headers) == (429, True)
        assert len(shared.proxy.asked("selfsubjectreviews")) == before


async def test_a_login_from_another_site_is_refused(shared: Shared):
    async with shared.browser() as browser:
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {}):
            assert (await login(browser, ALICE, headers)).status == 403


async def test_each_sees_what_their_token_may_list(shared: Shared):
    async with shared.logged_in(ALICE) as alice, shared.logged_in(BOB) as bob:
        for browser, sees in ((alice, {"web/shop", "pay/cart"}), (bob, {"pay/cart"})):
            listed = await (await browser.get("/api/v1/canaries")).json()
            assert {f"{each['namespace']}/{each['name']}" for each in listed["items"]} == sees
        assert (await bob.get("/c/web/shop")).status == 404
        assert (await bob.get("/live/c/web/shop")).status == 404
        assert "web" not in await (await bob.get("/")).text()


async def test_who_loses_a_right_sees_nothing_more_of_it_on_an_open_page(tmp_path: Path):
    seconds = 0.0

    @asynccontextmanager
    async def way(sessions: Sessions, cluster: Cluster, _now: object) -> AsyncIterator[Door]:
        async with cluster.for_others() as as_bearer:
            yield TokenDoor(sessions, as_bearer, clock=lambda: seconds)

    async with a_dashboard(tmp_path, way) as shared, shared.logged_in(BOB) as bob:
        fleet, cart = await bob.get("/live/fleet"), await bob.get("/live/c/pay/cart")
        assert b"cart" in await fleet.content.readuntil(b"\n\n")
        assert cart.status == 200
        shared.lists[BOB] = set()
        seconds += KEPT_SECONDS
        labels = {"metadata": {"labels": {"seen": "no-more"}}}
        await shared.cluster.merge_patch(CANARY, "pay", "cart", labels)
        # The page of one Canary is over, and that of all has it no more.
        async for _ in cart.content:
            pass
        while b"cart" in (said := await fleet.content.readuntil(b"\n\n")) or b"html" not in said:
            pass
        assert (await bob.get("/live/c/pay/cart")).status == 404


async def test_a_command_carries_the_token_and_the_name_of_who_gives_it(shared: Shared):
    async with shared.logged_in(BOB) as bob:
        page = await (await bob.get("/c/pay/cart")).text()
        form = {
            name: re.search(rf'name="{name}" value="([^"]*)"', page)[1]
            for name in ("form-token", "run", "subject")
        }
        sent = await bob.post(
            "/c/pay/cart/commands/approve", data=form, headers=SAME, allow_redirects=False
        )
        assert sent.status == 303
    made = await shared.cluster.read(CANARY, "pay", "cart")
    assert Signature.read(made["metadata"]["annotations"][f"{PREFIX}approve"]).user == "bob"
    used = zip(shared.proxy.requests, shared.proxy.headers, strict=True)
    own = {line for line, headers in used if headers["Authorization"] == f"Bearer {OWN}"}
    assert all(re.match(r"GET /apis/(tidegate\.dev|flagger\.app)/", line) for line in own)
    written = [
        headers["Authorization"]
        for line, headers in zip(shared.proxy.requests, shared.proxy.headers, strict=True)
        if line.startswith("PATCH")
    ]
    assert written == [f"Bearer {BOB}"]


async def test_a_token_that_is_revoked_ends_the_session(shared: Shared):
    # What may be listed was never asked before, so the first page finds out.
    async with shared.browser() as browser:
        shared.tokens["short"] = "carol"
        assert (await login(browser, "short")).status == 303
        del shared.tokens["short"]
        assert (await browser.get("/")).status == 401
        again = await browser.get("/", allow_redirects=False)
        assert again.headers["Location"] == "/login"


async def test_a_page_left_open_over_a_restart_shows_nothing_before_its_person_logs_in_again(
    tmp_path: Path,
):
    port = free_port()
    async with AsyncExitStack() as stack:
        async with a_dashboard(folder(tmp_path / "before"), by_token, port=port) as before:
            alice = await stack.enter_async_context(before.logged_in(ALICE))
            live = await alice.get("/live/fleet")
            assert b"shop" in await live.content.readuntil(b"\n\n")
        with suppress(aiohttp.ClientPayloadError):
            await live.content.read()
        async with a_dashboard(folder(tmp_path / "after"), by_token, port=port):
            # Who is told so opens no stream again by itself.
            assert (await alice.get("/live/fleet")).status == 401
            answer = await alice.get("/", allow_redirects=False)
            assert "/login" in answer.headers["Location"]
            assert (await login(alice, ALICE)).status == 303
            assert (await alice.get("/live/fleet")).status == 200


async def test_a_logout_ends_the_session_and_its_streams(shared: Shared):
    async with shared.logged_in(ALICE) as alice:
        page = await (await alice.get("/")).text()
        found = re.search(r'name="form-token" value="([^"]*)"', page)
        assert found
        live = await alice.get("/live/fleet")
        await live.content.readline()
        sent = {"form-token": found[1]}
        out = await alice.post("/logout", data=sent, headers=SAME, allow_redirects=False)
        assert (out.status, out.headers["Location"]) == (303, "/login")
        assert (await alice.get("/api/v1/canaries")).status == 401
        await shared.cluster.merge_patch(
            CANARY, "web", "shop", {"metadata": {"labels": {"a": "b"}}}
        )
        async for _ in live.content:
            pass


async def test_nobody_is_logged_out_by_another_page(shared: Shared):
    async with shared.logged_in(ALICE) as alice:
        out = await alice.post("/logout", data={}, headers=SAME, allow_redirects=False)
        assert out.status == 403
        assert (await alice.get("/")).status == 200


async def test_a_token_goes_without_our_certificate_and_never_leaves_by_itself(shared: Shared):
    own = shared.cluster.credentials
    own.configuration.cert_file = own.configuration.key_file = "/nowhere"
    bare = for_bearer(own, ALICE)
    assert (bare.configuration.cert_file, bare.configuration.key_file) == (None, None)
    assert own.configuration.cert_file == "/nowhere"
    bare.expire()
    assert await bare.authorization() == f"Bearer {ALICE}"
    assert ALICE not in repr(bare)
    async with shared.cluster.for_others() as as_bearer:
        with pytest.raises(ValueError, match="needs a token"):
            as_bearer("")


async def test_a_person_logs_in_in_a_browser_and_out_again(shared: Shared, chromium: Any):
    page = await chromium.new_page()
    page.set_default_timeout(PATIENCE_MS)
    shown = Tab(page=page, address=shared.address, axe=use_packages().read_text("utf-8"))
    page.on("console", lambda message: shown.said.append(message.text))
    await page.goto(f"{shared.address}/gates")
    assert (await shown.barriers(), await shown.overflow()) == ([], 0)
    await page.get_by_label("Token").fill(BOB)
    await page.get_by_role("button", name="Log in").click()
    await page.get_by_role("link", name="pay/cart").click()
    await page.get_by_role("heading", name="cart", level=1).wait_for()
    assert (await shown.barriers(), shown.said) == ([], [])
    await page.get_by_role("button", name="Log out").click()
    await page.get_by_label("Token").wait_for()
    await page.close()
