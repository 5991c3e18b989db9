"""Dashboards behind a proxy that logs people in: by their tokens, or by their names."""

import re
from collections.abc import AsyncIterator, Mapping
from ipaddress import ip_network
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from multidict import CIMultiDict

from canary.api.annotations import PREFIX
from canary.core.signature import Signature
from canary.dashboard.proxy_doors import SECRET_HEADER, ProxyUsers
from canary.dashboard.ways import by_proxy_token, by_proxy_user
from tests.controller.faults import Proxy
from tests.dashboard.conftest import CANARY
from tests.dashboard.test_tokens import ALICE, BOB, OWN, SAME, Shared, a_dashboard

HERE = (ip_network("127.0.0.0/8"),)
ELSEWHERE = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
SECRET = "a-secret-that-the-proxy-knows"
USERS = ProxyUsers(secret=SECRET, prefix="sso:")


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def as_user(user: str, groups: str = "", **headers: str) -> dict[str, str]:
    named = {"X-Forwarded-User": user, "X-Forwarded-Groups": groups, SECRET_HEADER: SECRET}
    return named | {name.replace("_", "-"): value for name, value in headers.items()}


@pytest.fixture
async def tokens_passed(tmp_path: Path) -> AsyncIterator[Shared]:
    async with a_dashboard(tmp_path, by_proxy_token(HERE)) as shared:
        yield shared


@pytest.fixture
async def names_passed(tmp_path: Path) -> AsyncIterator[Shared]:
    async with a_dashboard(tmp_path, by_proxy_user(USERS, HERE), *IMPERSONATING) as shared:
        yield shared


async def reviewed(_proxy: Proxy, request: web.Request) -> web.StreamResponse:
    """Say who is impersonated; `sso:stranger` may not be."""
    user = request.headers.get("Impersonate-User", "")
    if user == "sso:stranger":
        return web.json_response({"message": "you may not impersonate"}, status=403)
    return web.json_response({"status": {"userInfo": {"username": user}}}, status=201)


async def listed(_proxy: Proxy, request: web.Request) -> web.StreamResponse:
    """Let members of `sso:ops` list Canaries."""
    allowed = "sso:ops" in request.headers.getall("Impersonate-Group", [])
    return web.json_response({"status": {"allowed": allowed}}, status=201)


IMPERSONATING = (
    ("POST .*selfsubjectreviews", reviewed),
    ("POST .*selfsubjectaccessreviews", listed),
)


async def form_of(
    browser: aiohttp.ClientSession, headers: Mapping[str, str], path: str = "/c/web/shop"
) -> dict[str, str]:
    page = await (await browser.get(path, headers=headers)).text()
    found = {each: re.search(rf'name="{each}" value="([^"]*)"', page) for each in FIELDS}
    return {name: match[1] for name, match in found.items() if match}


FIELDS = ("form-token", "run")


# --------------------------------------------------------------------------------- tokens passed


async def test_a_token_that_the_proxy_passes_is_passed_on(tokens_passed: Shared):
    async with tokens_passed.browser() as browser:
        page = await (await browser.get("/", headers=bearer(ALICE))).text()
        assert ("alice" in page, ALICE in page, "Log out" in page) == (True, False, False)
        bobs = await (await browser.get("/api/v1/canaries", headers=bearer(BOB))).json()
        assert [each["name"] for each in bobs["items"]] == ["cart"]
        form = await form_of(browser, bearer(ALICE))
        sent = await browser.post(
            "/c/web/shop/commands/pause", data=form, headers=bearer(ALICE) | SAME,
            allow_redirects=False,
        )  # fmt: skip
        assert sent.status == 303
        assert list(browser.cookie_jar) == []
    written = [
        headers["Authorization"]
        for line, headers in zip(
            tokens_passed.proxy.requests, tokens_passed.proxy.headers, strict=True
        )
        if line.startswith("PATCH")
    ]
    assert written == [f"Bearer {ALICE}"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        bearer(""),
        bearer("nope"),
        bearer("müll"),
        {"Authorization": "Basic YTpi"},
        {"Authorization": ALICE},
        {"X-Forwarded-Access-Token": ALICE},
        {"X-Forwarded-User": "alice"},
    ],
    ids=str,
)
async def test_who_brings_no_token_sees_nothing(tokens_passed: Shared, headers: dict[str, str]):
    async with tokens_passed.browser() as browser:
        for path in ("/", "/c/web/shop", "/live/fleet", "/api/v1/canaries"):
            answer = await browser.get(path, headers=headers)
            assert (answer.status, "web/shop" in await answer.text()) == (401, False)
        sent = await browser.post("/c/web/shop/commands/pause", headers=headers | SAME)
        assert sent.status == 401


async def test_a_form_outlives_the_renewal_of_a_token_and_serves_one_person(tokens_passed: Shared):
    tokens_passed.tokens["alices-next"] = "alice"
    tokens_passed.lists["alices-next"] = {""}
    async with tokens_passed.browser() as browser:
        form = await form_of(browser, bearer(ALICE))
        for token, place, status in (("alices-next", "web/shop", 303), (BOB, "pay/cart", 403)):
            sent = await browser.post(
                f"/c/{place}/commands/pause", data=form, headers=bearer(token) | SAME,
                allow_redirects=False,
            )  # fmt: skip
            assert sent.status == status


async def test_another_sites_form_gives_no_command_through_the_proxy(tokens_passed: Shared):
    async with tokens_passed.browser() as browser:
        form = await form_of(browser, bearer(ALICE))
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {}):
            sent = await browser.post(
                "/c/web/shop/commands/pause", data=form, headers=bearer(ALICE) | headers
            )
            assert sent.status == 403


async def test_a_token_that_is_revoked_lets_in_no_longer(tokens_passed: Shared):
    # What may be listed was never asked before, so the first page finds out.
    tokens_passed.tokens["short"] = "carol"
    async with tokens_passed.browser() as browser:
        for _ in range(2):
            assert (await browser.get("/", headers=bearer("short"))).status == 401


# ---------------------------------------------------------------------------------- names passed


async def test_a_command_is_given_by_impersonating_who_the_proxy_names(names_passed: Shared):
    seen: list[CIMultiDict[str]] = []

    async def note(proxy: Proxy, request: web.Request) -> web.StreamResponse:
        seen.append(CIMultiDict(request.headers))
        return web.json_response({})

    names_passed.proxy.meet("PATCH ", note, always=True)
    headers = as_user("alice", "ops, dev,system:masters,,ops")
    async with names_passed.browser() as browser:
        page = await (await browser.get("/", headers=headers)).text()
        assert ("sso:alice" in page, "web/" in page) == (True, True)
        form = await form_of(browser, headers)
        sent = await browser.post(
            "/c/web/shop/commands/pause", data=form, headers=headers | SAME, allow_redirects=False
        )
        assert sent.status == 303
    assert [each.getall("Impersonate-User") for each in seen] == [["sso:alice"]]
    assert [each.getall("Impersonate-Group") for each in seen] == [["sso:ops", "sso:dev"]]
    assert [each["Authorization"] for each in seen] == [f"Bearer {OWN}"]


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-User": "alice"},
        as_user("alice") | {SECRET_HEADER: ""},
        as_user("alice") | {SECRET_HEADER: "another-secret"},
        as_user("alice") | {SECRET_HEADER: f"{SECRET} "[:-2]},
        as_user("alice") | {SECRET_HEADER: "müll"},
        [*as_user("alice").items(), (SECRET_HEADER, SECRET)],
        bearer(OWN),
    ],
    ids=str,
)
async def test_who_is_not_the_proxy_is_nobody(names_passed: Shared, headers: dict[str, str]):
    before = len(names_passed.proxy.asked("selfsubject"))
    async with names_passed.browser() as browser:
        for path in ("/", "/c/web/shop", "/live/fleet", "/static/style.css"):
            answer = await browser.get(path, headers=headers)
            assert (answer.status, "web/shop" in await answer.text()) == (403, False)
        assert (await browser.get("/readyz")).status == 200
    assert len(names_passed.proxy.asked("selfsubject")) == before


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (as_user(""), 401),
        ({SECRET_HEADER: SECRET}, 401),
        (as_user("system:admin"), 403),
        (as_user("System:serviceaccount:kube-system:x"), 403),
        (as_user("x" * 257), 403),
        (as_user("stranger"), 403),
        ([*as_user("alice").items(), ("X-Forwarded-User", "root")], 403),
    ],
    ids=str,
)
async def test_who_is_no_person_is_not_let_in(
    names_passed: Shared, headers: dict[str, str], status: int
):
    async with names_passed.browser() as browser:
        assert (await browser.get("/", headers=headers)).status == status


async def test_no_prefix_makes_one_of_the_clusters_own(tmp_path: Path):
    users = ProxyUsers(secret=SECRET, prefix="sys")
    way = by_proxy_user(users, HERE)
    async with a_dashboard(tmp_path, way, *IMPERSONATING) as shared, shared.browser() as browser:
        assert (await browser.get("/", headers=as_user("tem:admin"))).status == 403
        page = await browser.get("/", headers=as_user("alice", "tem:masters"))
        assert page.status == 200
    assert not any("masters" in str(headers) for headers in shared.proxy.headers)


async def test_other_groups_are_another_session_with_other_rights(names_passed: Shared):
    async with names_passed.browser() as browser:
        for groups, number in (("ops", 2), ("dev", 0), ("", 0)):
            answer = await browser.get("/api/v1/canaries", headers=as_user("alice", groups))
            assert len((await answer.json())["items"]) == number


@pytest.mark.parametrize("way", [by_proxy_token(ELSEWHERE), by_proxy_user(USERS, ELSEWHERE)])
async def test_only_the_proxys_network_is_let_in(tmp_path: Path, way):
    headers = as_user("alice", "ops") | bearer(ALICE) | {"X-Forwarded-For": "10.0.0.1"}
    async with a_dashboard(tmp_path, way) as shared, shared.browser() as browser:
        for path in ("/", "/api/v1/canaries", "/static/style.css"):
            assert (await browser.get(path, headers=headers)).status == 403


async def test_a_command_is_signed_with_the_name_that_the_cluster_knows(names_passed: Shared):
    headers = as_user("alice", "ops")
    async with names_passed.browser() as browser:
        form = await form_of(browser, headers)
        await browser.post("/c/web/shop/commands/pause", data=form, headers=headers | SAME)
    made = await names_passed.cluster.read(CANARY, "web", "shop")
    assert Signature.read(made["metadata"]["annotations"][f"{PREFIX}pause"]).user == "sso:alice"
