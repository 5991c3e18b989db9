"""People who log in with OpenID Connect: who is let in, and everything that is not believed."""

import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from yarl import URL

from canary.api.schema import crds
from canary.cluster.cluster import Cluster
from canary.dashboard.cookies import COOKIE
from canary.dashboard.oidc import OidcClient
from canary.dashboard.oidc_door import LOGIN_COOKIE, LOGIN_SECONDS
from canary.dashboard.process import for_many
from canary.dashboard.ways import by_oidc
from canary.demo import manifests
from canary.demo.embedded import NAMESPACE
from tests.controller.running import until
from tests.dashboard.browsing import PATIENCE_MS, use_packages
from tests.dashboard.conftest import CANARY
from tests.dashboard.issuer import (
    CLIENT,
    KEY,
    NEXT_KEY,
    OTHER_KEY,
    SECRET,
    FakeIssuer,
    an_issuer,
    signed_by_its_own_key,
    signed_by_the_clients_secret,
    signed_by_the_public_key,
    unsigned,
)
from tests.dashboard.test_browser import Tab
from tests.definitions import define
from tests.views.fleet import STATUSES, manifest
from tidegate_embedded.apiserver import EmbeddedApiServer
from tidegate_embedded.network import free_port

OWN = "the-dashboards-own"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusting:
    """A dashboard whose people log in at an issuer that the API server trusts."""

    address: str
    issuer: FakeIssuer
    tokens: dict[str, str]
    moved: list[float]
    """By how many seconds the dashboard's clock is ahead."""

    @asynccontextmanager
    async def browser(self) -> AsyncIterator[aiohttp.ClientSession]:
        jar = aiohttp.CookieJar(unsafe=True, treat_as_secure_origin=URL(self.address))
        async with aiohttp.ClientSession(cookie_jar=jar, base_url=self.address) as browser:
            yield browser

    async def sent_back(self, browser: aiohttp.ClientSession, path: str = "/") -> str:
        """Go to the issuer and log in there; give the address that it sends back to."""
        away = await browser.get(path, allow_redirects=False)
        assert away.status == 303, await away.text()
        back = await browser.get(away.headers["Location"], allow_redirects=False)
        assert back.status == 302, await back.text()
        return back.headers["Location"]

    async def log_in(
        self, browser: aiohttp.ClientSession, path: str = "/"
    ) -> aiohttp.ClientResponse:
        return await browser.get(await self.sent_back(browser, path), allow_redirects=False)


@pytest.fixture
async def trusting(tmp_path: Path) -> AsyncIterator[Trusting]:
    tokens, moved, port = {OWN: "dashboard"}, [0.0], free_port()
    async with EmbeddedApiServer(tokens=tokens) as server, an_issuer() as issuer:
        issuer.on_issue = tokens.__setitem__
        path = server.kubeconfig(tmp_path / "own", token=OWN)
        client = OidcClient(
            issuer=issuer.url, client_id=CLIENT, client_secret=SECRET,
            redirect_url=f"http://127.0.0.1:{port}/oidc/callback", scopes=("groups",),
        )  # fmt: skip
        async with Cluster.connect(kubeconfig=str(path)) as own:
            await define(server, own, crds().values())
            await own.create(manifests.namespace("web"), NAMESPACE)
            made = manifest("shop", STATUSES["shop"])
            made["metadata"] |= {"uid": ""}
            await own.create(made, CANARY)
            async with for_many(
                own, by_oidc(client), host="127.0.0.1", port=port,
                seconds_now=lambda: time.time() + moved[0],
            ) as address:  # fmt: skip
                found = Trusting(address=address, issuer=issuer, tokens=tokens, moved=moved)

                async def ready() -> bool:
                    async with found.browser() as browser:
                        return (await browser.get("/readyz")).status == 200

                await until(ready)
                yield found


async def test_a_person_is_led_to_the_issuer_and_back_to_the_page(trusting: Trusting):
    async with trusting.browser() as browser:
        answer = await trusting.log_in(browser, "/gates?a=b")
        assert (answer.status, answer.headers["Location"]) == (303, "/gates?a=b")
        cookie = next(
            each for each in answer.headers.getall("Set-Cookie") if each.startswith(f"{COOKIE}=")
        )
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
        page = await (await browser.get("/about")).text()
        assert "alice" in page
    asked = trusting.issuer.asked[0]
    assert asked["response_type"] == "code"
    assert asked["code_challenge_method"] == "S256"
    assert asked["scope"] == "openid groups"
    assert min(len(asked[each]) for each in ("state", "nonce", "code_challenge")) >= 43


async def test_no_token_code_or_secret_is_shown_or_logged(
    trusting: Trusting, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    async with trusting.browser() as browser:
        back = await trusting.sent_back(browser)
        answer = await browser.get(back, allow_redirects=False)
        code = parse_qs(urlsplit(back).query)["code"][0]
        pages = [await (await browser.get(path)).text() for path in ("/", "/about", "/gates")]
        again = await (await browser.get(back)).text()
    own = [record.getMessage() for record in caplog.records if record.name.startswith("canary")]
    shown = "".join((*pages, again, *own, str(answer.headers)))
    for secret in (*trusting.issuer.issued, SECRET, code):
        assert secret not in shown
    assert trusting.issuer.issued


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"aud": "another-client"},
        {"aud": []},
        {"aud": [CLIENT, "another-client"]},
        {"aud": [CLIENT, "another-client"], "azp": "another-client"},
        {"azp": "another-client"},
        {"nonce": "another-login"},
        {"nonce": None},
        {"exp": 1},
        {"exp": None},
        {"exp": "soon"},
        {"iat": None},
        {"nbf": 32_503_680_000},
        {"sub": None},
    ],
    ids=str,
)
async def test_a_token_that_says_something_else_lets_no_one_in(
    trusting: Trusting, claims: dict[str, Any]
):
    trusting.issuer.claims = claims
    await refused(trusting)


@pytest.mark.parametrize(
    "forged",
    [
        unsigned,
        signed_by_the_public_key,
        signed_by_the_clients_secret,
        signed_by_its_own_key,
        lambda _: "no token",
        lambda _: "",
        lambda _: "a.b.c",
        lambda _: "x" * 100_000,
    ],
)
async def test_a_token_that_the_issuer_has_not_signed_lets_no_one_in(
    trusting: Trusting, forged: Any
):
    trusting.issuer.forged = forged
    await refused(trusting)


async def test_a_token_by_a_key_that_is_not_published_lets_no_one_in(trusting: Trusting):
    trusting.issuer.signs = OTHER_KEY
    await refused(trusting)


async def refused(trusting: Trusting, status: int = 403) -> None:
    """Log in, and find that nobody was let in."""
    async with trusting.browser() as browser:
        answer = await trusting.log_in(browser)
        assert answer.status == status, await answer.text()
        assert COOKIE not in {each.key for each in browser.cookie_jar}
        assert (await browser.get("/api/v1/canaries")).status == 401


async def test_a_token_for_several_audiences_needs_to_be_made_for_us(trusting: Trusting):
    trusting.issuer.claims = {"aud": [CLIENT, "another-client"], "azp": CLIENT}
    async with trusting.browser() as browser:
        assert (await trusting.log_in(browser)).status == 303


async def test_a_login_is_finished_in_the_browser_that_began_it_and_once(trusting: Trusting):
    async with trusting.browser() as alice, trusting.browser() as mallory:
        back = await trusting.sent_back(alice)
        # Somebody who is made to follow the address would be logged in as another.
        assert (await mallory.get(back)).status == 403
        assert (await alice.get(back, allow_redirects=False)).status == 403
        back = await trusting.sent_back(alice)
        assert (await alice.get(back, allow_redirects=False)).status == 303
        assert (await alice.get(back, allow_redirects=False)).status == 403


@pytest.mark.parametrize("query", ["", "?code=x", "?state=&code=x", "?state=x&code=x", "?error=no"])
async def test_who_was_not_sent_to_the_issuer_is_not_let_in(trusting: Trusting, query: str):
    async with trusting.browser() as browser:
        await trusting.sent_back(browser)
        answer = await browser.get(f"/oidc/callback{query}")
        assert answer.status == 403
        assert "not begun in this browser" in await answer.text()


async def test_a_login_has_ten_minutes(trusting: Trusting):
    async with trusting.browser() as browser:
        back = await trusting.sent_back(browser)
        trusting.moved[0] = LOGIN_SECONDS
        assert (await browser.get(back)).status == 403


async def test_a_session_ends_with_its_token(trusting: Trusting):
    # Clocks may be apart a little: a token that has just ended is believed, and lets in for no time.
    trusting.moved[0] = 3_601.0
    async with trusting.browser() as browser:
        assert (await trusting.log_in(browser)).status == 303
        assert (await browser.get("/api/v1/canaries")).status == 401


async def test_a_refusal_of_the_issuer_is_said(trusting: Trusting):
    async with trusting.browser() as browser:
        back = URL(await trusting.sent_back(browser))
        query = {"state": back.query["state"], "error": "<b>access_denied</b>"}
        answer = await browser.get("/oidc/callback", params=query)
        assert answer.status == 403
        assert "has refused the login: &lt;b&gt;access_denied" in await answer.text()


async def test_a_code_that_the_issuer_does_not_take_lets_no_one_in(trusting: Trusting):
    trusting.issuer.fails = 500
    await refused(trusting)


@pytest.mark.parametrize(
    "described",
    [
        {"issuer": "http://127.0.0.1:1"},
        {"authorization_endpoint": "http://evil.example/authorize"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "https://[:::]/authorize"},
        {"authorization_endpoint": None},
    ],
    ids=str,
)
async def test_an_issuer_that_is_not_what_it_says_is_not_led_to(
    trusting: Trusting, described: dict[str, Any]
):
    trusting.issuer.described = described
    async with trusting.browser() as browser:
        answer = await browser.get("/", allow_redirects=False)
        assert answer.status == 503
        assert "The login does not work now" in await answer.text()


async def test_a_key_that_is_new_is_asked_for_and_the_secret_may_go_in_the_form(
    trusting: Trusting,
):
    ways = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    trusting.issuer.described = ways
    async with trusting.browser() as browser:
        assert (await trusting.log_in(browser)).status == 303
    trusting.issuer.keys = [KEY, NEXT_KEY]
    trusting.issuer.signs = NEXT_KEY
    trusting.moved[0] = 61.0
    async with trusting.browser() as browser:
        assert (await trusting.log_in(browser)).status == 303


async def test_a_token_that_the_api_server_does_not_accept_lets_no_one_in(trusting: Trusting):
    trusting.issuer.on_issue = lambda _token, _user: None
    await refused(trusting)


@pytest.mark.parametrize("path", ["//evil.example/", "/\\evil.example"])
async def test_nobody_is_led_to_another_site_after_the_login(trusting: Trusting, path: str):
    async with trusting.browser() as browser:
        away = await browser.get(
            URL(f"{trusting.address}{path}", encoded=True), allow_redirects=False
        )
        back = await browser.get(away.headers["Location"], allow_redirects=False)
        answer = await browser.get(back.headers["Location"], allow_redirects=False)
        assert answer.headers["Location"] == "/"


async def test_programs_and_commands_are_not_led_anywhere(trusting: Trusting):
    async with trusting.browser() as browser:
        for path in ("/api/v1/canaries", "/live/fleet"):
            assert (await browser.get(path)).status == 401
        assert (await browser.post("/c/web/shop/commands/pause")).status == 401
        page = await (await browser.get("/login")).text()
        assert ("/oidc/start" in page, "shop" in page) == (True, False)
        assert LOGIN_COOKIE not in {each.key for each in browser.cookie_jar}


async def test_a_person_logs_in_elsewhere_in_a_browser(trusting: Trusting, chromium: Any):
    page = await chromium.new_page()
    page.set_default_timeout(PATIENCE_MS)
    shown = Tab(page=page, address=trusting.address, axe=use_packages().read_text("utf-8"))
    page.on("console", lambda message: shown.said.append(message.text))
    await page.goto(f"{trusting.address}/login")
    assert (await shown.barriers(), await shown.overflow(), shown.said) == ([], 0, [])
    await page.get_by_role("link", name="Log in").click()
    await page.get_by_role("heading", name="Canaries", level=1).wait_for()
    assert await page.get_by_text("alice").count() == 1
    await page.get_by_role("button", name="Log out").click()
    await page.get_by_role("heading", name="Log in", level=1).wait_for()
    assert shown.said == []
    await page.close()
