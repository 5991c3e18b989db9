"""What the dashboard tells Prometheus of itself, on a port of its own."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from canary.dashboard.metrics import NOWHERE, DashboardMetrics
from canary.dashboard.oidc import OidcClient
from canary.dashboard.server import serving
from canary.dashboard.sessions import Logins
from canary.dashboard.token_door import MOST_FAILURES
from canary.dashboard.ways import Way, by_oidc, by_proxy_token, by_proxy_user, by_token
from tests.controller.faults import Fault
from tests.controller.running import until
from tests.dashboard.test_proxies import HERE, IMPERSONATING, USERS, as_user, bearer
from tests.dashboard.test_tokens import ALICE, Shared, a_dashboard, login
from tidegate_embedded.network import free_port

DOCS = Path(__file__).parents[2] / "docs" / "dashboard.md"
LOOPBACK = "127.0.0.1"
LABELS = ("route", "code", "auth", "result")
Series = dict[tuple[str, ...], float]


def read(page: str) -> Series:
    """Give the dashboard's own series, by name, and route and status where they have one."""
    return {
        (
            sample.name,
            *(sample.labels[each] for each in LABELS if each in sample.labels),
        ): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name.startswith("tidegate_dashboard_")
    }


@asynccontextmanager
async def measured(
    tmp_path: Path, way: Way = by_token, *faults: tuple[str, Fault]
) -> AsyncIterator[tuple[Shared, str]]:
    port = free_port()
    async with a_dashboard(tmp_path, way, *faults, metrics_at=(LOOPBACK, port)) as shared:
        yield shared, f"http://{LOOPBACK}:{port}"


async def told(address: str) -> Series:
    async with aiohttp.ClientSession() as prometheus, prometheus.get(f"{address}/metrics") as page:
        assert page.status == 200
        return read(await page.text())


async def test_answers_are_counted_by_page_and_status_and_never_by_what_was_asked_for(
    tmp_path: Path,
) -> None:
    async with measured(tmp_path) as (shared, address), shared.logged_in(ALICE) as alice:
        for path in ("", "c/web/shop", "c/web/none", "nowhere/7f3a"):
            await (await alice.get(f"/{path}")).read()
        counted = await told(address)
    name = "tidegate_dashboard_requests_total"
    assert counted[name, "/", "200"] == 1
    assert counted[name, "/c/{namespace}/{name}", "200"] == 1
    assert counted[name, "/c/{namespace}/{name}", "404"] == 1
    assert counted[name, "/login", "303"] == 1
    assert counted[name, NOWHERE, "404"] == 1
    assert not [each for each in counted if "7f3a" in "".join(each)]


async def test_below_a_path_a_page_is_counted_by_its_own_address() -> None:
    async def answer(_request: web.Request) -> web.Response:
        raise web.HTTPGone

    metrics = DashboardMetrics(streams=int, auth="token", logins=Logins())
    app = web.Application(middlewares=[metrics.counting("/gate")])
    app.router.add_get("/gate/c/{name}", answer)
    async with (
        serving(app, host=LOOPBACK, port=0) as (host, port),
        serving(metrics.application(), host=LOOPBACK, port=0) as (_, told_at),
        aiohttp.ClientSession() as browser,
    ):
        await (await browser.get(f"http://{host}:{port}/gate/c/shop")).read()
        counted = await told(f"http://{LOOPBACK}:{told_at}")
    assert counted["tidegate_dashboard_requests_total", "/c/{name}", "410"] == 1


LOGINS = "tidegate_dashboard_logins_total"


async def test_logins_are_counted_by_their_result_from_nought_on(tmp_path: Path) -> None:
    async with measured(tmp_path) as (shared, address):
        counted = await told(address)
        assert [counted[LOGINS, "token", each] for each in ("accepted", "refused")] == [0, 0]
        async with shared.browser() as stranger:
            # Who comes without anything is shown the login, and has tried none.
            await (await stranger.get("/")).read()
            for _ in range(MOST_FAILURES + 1):
                await (await login(stranger, "guessed")).read()
        counted = await told(address)
        assert [counted[LOGINS, "token", each] for each in ("accepted", "refused")] == [0, 11]


CLIENT = OidcClient(
    issuer="https://login.example.com", client_id="gate", client_secret="a-secret",
    redirect_url="https://gate.example.com/oidc/callback", scopes=(),
)  # fmt: skip
NOT_BEGUN = "/oidc/callback?code=x&state=y"
WAYS: dict[str, tuple[Way, list[tuple[str, Any, float, float]]]] = {
    # What is sent, and the logins accepted and refused so far.
    "proxy-token": (
        by_proxy_token(HERE),
        [
            ("/", {}, 0, 0),
            ("/", bearer("guessed"), 0, 1),
            ("/", bearer(ALICE), 1, 1),
            ("/gates", bearer(ALICE), 1, 1),
        ],
    ),
    "proxy-user": (
        by_proxy_user(USERS, HERE),
        [
            ("/", as_user(""), 0, 0),
            ("/readyz", {}, 0, 0),
            ("/", {"X-Forwarded-User": "alice"}, 0, 1),
            ("/", as_user("system:admin"), 0, 2),
            ("/", as_user("stranger"), 0, 3),
            ("/", as_user("alice"), 1, 3),
        ],
    ),
    "oidc": (by_oidc(CLIENT), [("/login", {}, 0, 0), (NOT_BEGUN, {}, 0, 1)]),
}


@pytest.mark.parametrize("auth", WAYS)
async def test_by_every_way_in_those_are_refused_who_bring_something_wrong(
    tmp_path: Path, auth: str
) -> None:
    way, requests = WAYS[auth]
    faults = IMPERSONATING if auth == "proxy-user" else ()
    async with measured(tmp_path, way, *faults) as (shared, address), shared.browser() as browser:
        for path, headers, *expected in requests:
            await (await browser.get(path, headers=headers, allow_redirects=False)).read()
            counted = await told(address)
            found = [counted[LOGINS, auth, each] for each in ("accepted", "refused")]
            assert found == expected, (path, headers)


async def test_who_is_turned_away_is_no_page_of_the_fleet(tmp_path: Path) -> None:
    async with measured(tmp_path) as (shared, address):
        async with shared.browser() as stranger:
            await (await stranger.get("/", allow_redirects=False)).read()
        assert (await told(address))["tidegate_dashboard_fleet_page_seconds_count",] == 0
        async with shared.logged_in(ALICE) as alice:
            await (await alice.get("/")).read()
        assert (await told(address))["tidegate_dashboard_fleet_page_seconds_count",] == 1


async def test_pages_that_are_live_are_counted_while_they_are(tmp_path: Path) -> None:
    async with measured(tmp_path) as (shared, address), shared.logged_in(ALICE) as alice:
        answer = await alice.get("/live/fleet")
        await answer.content.readline()
        assert (await told(address))["tidegate_dashboard_streams",] == 1
        answer.close()

        async def left() -> bool:
            return (await told(address))["tidegate_dashboard_streams",] == 0

        await until(left, "the page was left")


@pytest.mark.parametrize("path", ["/metrics", "/?metrics"])
async def test_on_the_public_port_there_are_none(tmp_path: Path, path: str) -> None:
    async with measured(tmp_path) as (shared, _), shared.browser() as stranger:
        answer = await stranger.get(path, allow_redirects=False)
        assert "tidegate_dashboard" not in await answer.text()


@pytest.mark.parametrize("path", ["/", "/c/web/shop", "/readyz"])
async def test_on_their_port_there_is_nothing_else(tmp_path: Path, path: str) -> None:
    async with (
        measured(tmp_path) as (_, address),
        aiohttp.ClientSession() as prometheus,
        prometheus.get(f"{address}{path}") as answer,
    ):
        assert answer.status == 404


def test_the_page_about_the_dashboard_lists_its_metrics() -> None:
    listed = set(
        re.findall(r"^\| `(tidegate_dashboard_\w+)` \| (\w+)", DOCS.read_text(), re.MULTILINE)
    )
    ours = {
        (f"{each.name}_total" if each.type == "counter" else each.name, each.type)
        for each in DashboardMetrics(streams=int, auth="token", logins=Logins())._registry.collect()
        if each.name.startswith("tidegate_")
    }
    assert listed == ours
