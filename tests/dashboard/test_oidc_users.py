"""People whom the issuer knows and the API server does not: the dashboard acts for who they are."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from canary.dashboard.cookies import COOKIE
from canary.dashboard.identity import MOST_GROUPS
from canary.dashboard.oidc import OidcClient, OidcRefused
from canary.dashboard.oidc_users import OidcUsers
from canary.dashboard.ways import by_oidc
from tests.controller.faults import Proxy
from tests.dashboard.issuer import CLIENT, SECRET, FakeIssuer, an_issuer
from tests.dashboard.test_proxies import IMPERSONATING, form_of
from tests.dashboard.test_tokens import OWN, SAME, Shared, a_dashboard
from tidegate_embedded.network import free_port

USERS = OidcUsers(prefix="sso:")
ALICE = {"email": "alice", "email_verified": True}


@pytest.mark.parametrize(
    ("users", "claims", "name"),
    [
        (USERS, ALICE, "sso:alice"),
        (OidcUsers(), ALICE, "alice"),
        (OidcUsers(user_claim="sub"), {"sub": "a1"}, "a1"),
    ],
    ids=["with a prefix", "as written", "of another claim"],
)
def test_a_user_is_who_the_claim_names(users: OidcUsers, claims: dict[str, Any], name: str):
    assert users.user(claims) == name


@pytest.mark.parametrize(
    ("users", "claims", "says"),
    [
        (USERS, {"email": "alice"}, "no email address that the issuer has verified"),
        (USERS, ALICE | {"email_verified": False}, "has verified"),
        (USERS, ALICE | {"email_verified": "true"}, "has verified"),
        (USERS, {"email_verified": True}, "The ID token's email is no name"),
        (USERS, ALICE | {"email": ["alice"]}, "is no name"),
        (USERS, ALICE | {"email": ""}, "is no name"),
        (USERS, ALICE | {"email": "system:admin"}, "is no name"),
        (OidcUsers(prefix="sys"), ALICE | {"email": "tem:admin"}, "is no name"),
        (OidcUsers(user_claim="sub"), ALICE, "The ID token's sub is no name"),
    ],
    ids=[
        "unverified", "verified as false", "verified as a text", "without one", "a list", "empty",
        "one of the cluster's own", "one of the cluster's own by the prefix", "of another claim",
    ],
)  # fmt: skip
def test_a_claim_that_names_no_person_lets_no_one_in(
    users: OidcUsers, claims: dict[str, Any], says: str
):
    with pytest.raises(OidcRefused, match=says):
        users.user(claims)


@pytest.mark.parametrize(
    ("claims", "groups"),
    [
        ({}, ()),
        ({"groups": "ops"}, ("sso:ops",)),
        ({"groups": ["ops", "dev", "ops"]}, ("sso:ops", "sso:dev")),
        ({"groups": ["system:masters", 7, "", "ops"]}, ("sso:ops",)),
        ({"groups": {"ops": True}}, ()),
        ({"groups": [f"g{n}" for n in range(999)]}, tuple(f"sso:g{n}" for n in range(MOST_GROUPS))),
    ],
    ids=["none", "one", "twice the same", "not all of people", "an object", "very many"],
)
def test_groups_are_those_that_people_may_have(claims: dict[str, Any], groups: tuple[str, ...]):
    assert USERS.groups(claims) == groups


@pytest.fixture
async def issuer() -> AsyncIterator[FakeIssuer]:
    async with an_issuer() as issuer:
        yield issuer


@pytest.fixture
async def acting(tmp_path: Path, issuer: FakeIssuer) -> AsyncIterator[Shared]:
    """A dashboard that acts for who the issuer names; the API server knows no token of theirs."""
    port = free_port()
    client = OidcClient(
        issuer=issuer.url, client_id=CLIENT, client_secret=SECRET,
        redirect_url=f"http://127.0.0.1:{port}/oidc/callback",
    )  # fmt: skip
    way = by_oidc(client, USERS)
    async with a_dashboard(tmp_path, way, *IMPERSONATING, port=port) as shared:
        yield shared


async def logged_in(shared: Shared, browser: aiohttp.ClientSession) -> aiohttp.ClientResponse:
    away = await browser.get("/", allow_redirects=False)
    back = await browser.get(away.headers["Location"], allow_redirects=False)
    return await browser.get(back.headers["Location"], allow_redirects=False)


def a_browser(shared: Shared) -> aiohttp.ClientSession:
    jar = aiohttp.CookieJar(unsafe=True, treat_as_secure_origin=URL(shared.address))
    return aiohttp.ClientSession(cookie_jar=jar, base_url=shared.address)


async def test_a_command_is_given_by_impersonating_who_the_token_names(
    acting: Shared, issuer: FakeIssuer
):
    seen: list[CIMultiDict[str]] = []

    async def note(_proxy: Proxy, request: web.Request) -> web.StreamResponse:
        seen.append(CIMultiDict(request.headers))
        return web.json_response({})

    acting.proxy.meet("PATCH ", note, always=True)
    issuer.claims = ALICE | {"groups": ["ops", "system:masters"]}
    async with a_browser(acting) as browser:
        assert (await logged_in(acting, browser)).status == 303
        assert "sso:alice" in await (await browser.get("/about")).text()
        form = await form_of(browser, {})
        sent = await browser.post(
            "/c/web/shop/commands/pause", data=form, headers=SAME, allow_redirects=False
        )
        assert sent.status == 303
    assert [each.getall("Impersonate-User") for each in seen] == [["sso:alice"]]
    assert [each.getall("Impersonate-Group") for each in seen] == [["sso:ops"]]
    # The ID token stays here: the API server sees the dashboard's own, and whom it acts for.
    assert [each["Authorization"] for each in seen] == [f"Bearer {OWN}"]


@pytest.mark.parametrize(
    ("claims", "says"),
    [
        (ALICE | {"email": "stranger"}, "may not act for sso:stranger"),
        (ALICE | {"email_verified": False}, "has verified"),
    ],
    ids=["whom it may not impersonate", "who only claims the address"],
)
async def test_who_is_not_to_be_impersonated_is_not_let_in(
    acting: Shared, issuer: FakeIssuer, claims: dict[str, Any], says: str
):
    issuer.claims = claims
    async with a_browser(acting) as browser:
        answer = await logged_in(acting, browser)
        assert (answer.status, says in await answer.text()) == (403, True)
        assert COOKIE not in {each.key for each in browser.cookie_jar}
