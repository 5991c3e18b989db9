"""Commands that a page gives: whose they are, what they say, and from where they are refused."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from canary.api.annotations import PREFIX
from canary.api.status import Phase
from canary.cluster.cluster import Cluster
from canary.core.signature import Signature
from canary.dashboard.process import on_laptop
from tests.builders import a_status
from tests.controller.faults import Proxy, answer, proxied
from tests.controller.faults import kubeconfig as write_kubeconfig
from tests.controller.running import until
from tests.dashboard.conftest import CANARY, Opened, let_in
from tidegate_embedded.apiserver import EmbeddedApiServer

OWN = {"Sec-Fetch-Site": "same-origin"}
GATE = "confirm-promotion/1/0"


def field(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, name
    return found[1]


async def filled(opened: Opened, name: str) -> dict[str, str]:
    """Fill in the form of a Canary's page."""
    page = await opened.read(f"/c/web/{name}")
    return {each: field(page, each) for each in ("form-token", "run")}


async def send(
    opened: Opened, name: str, verb: str, form: dict[str, str], headers: dict[str, str] = OWN
) -> aiohttp.ClientResponse:
    address = f"{opened.laptop.address}/c/web/{name}/commands/{verb}"
    return await opened.browser.post(address, data=form, headers=headers, allow_redirects=False)


async def annotations(cluster: Cluster, name: str) -> dict[str, str]:
    return (await cluster.read(CANARY, "web", name))["metadata"].get("annotations") or {}


@asynccontextmanager
async def behind(
    server: EmbeddedApiServer, tmp_path: Path, *faults: tuple[str, Any]
) -> AsyncIterator[Opened]:
    """Open a dashboard whose API server answers some requests otherwise."""
    async with proxied(server.url) as proxy:
        for pattern, fault in faults:
            proxy.meet(pattern, fault, always=True)
        path = write_kubeconfig(tmp_path / "behind", proxy.url)
        async with (
            Cluster.connect(kubeconfig=str(path)) as cluster,
            on_laptop(cluster, user="alice") as laptop,
        ):
            await until(lambda: laptop.fleet.synced)
            async with let_in(laptop, cluster) as opened:
                yield opened


async def test_an_approval_replaces_no_other_that_still_waits(opened: Opened):
    form = await filled(opened, "cart") | {"subject": GATE}
    alices = {f"{PREFIX}approve": "@bob via cli at x: fine"}
    await opened.cluster.merge_patch(CANARY, "web", "cart", {"metadata": {"annotations": alices}})
    await until(lambda: opened.laptop.fleet.find("web", "cart").opened.asked)
    sent = await send(opened, "cart", "approve", form)
    assert sent.status == 409
    assert "another approve by bob: fine waits for the controller" in await sent.text()
    assert await annotations(opened.cluster, "cart") == alices


async def test_a_command_is_left_signed_and_the_page_shows_that_it_waits(opened: Opened):
    form = await filled(opened, "cart")
    page = await opened.read("/c/web/cart")
    gate = re.search(r'name="subject" value="([^"]*)" formaction="[^"]*/approve"', page)
    assert gate
    sent = await send(
        opened, "cart", "approve", form | {"subject": gate[1], "reason": "it is fine"}
    )
    assert (sent.status, sent.headers["Location"]) == (303, "/c/web/cart")
    signature = Signature.read((await annotations(opened.cluster, "cart"))[f"{PREFIX}approve"])
    assert (signature.user, signature.tool) == ("alice", "dashboard")
    assert (signature.subject, signature.reason) == (gate[1], "it is fine")

    async def shown() -> bool:
        return "approve by alice: it is fine: waiting for the controller" in await opened.read(
            "/c/web/cart"
        )

    await until(shown)


def logged(caplog: pytest.LogCaptureFixture) -> list[tuple[str, ...]]:
    """Give who did what to what, and with which result."""
    fields = ("user", "verb", "canary", "result")
    entries = [each for each in caplog.records if hasattr(each, "verb")]
    return [tuple(getattr(each, name) for name in fields) for each in entries]


async def test_a_command_of_the_gates_page_leads_back_to_it(
    opened: Opened, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO)
    form = await filled(opened, "cart") | {"subject": "confirm-promotion", "back": "gates"}
    assert (await send(opened, "cart", "reject", form)).headers["Location"] == "/gates"
    assert logged(caplog) == [("alice", "reject", "web/cart", "left")]


async def test_another_page_or_session_gives_no_command(opened: Opened):
    form = await filled(opened, "shop")
    async with let_in(opened.laptop, opened.cluster) as other:
        foreign = (await filled(other, "shop"))["form-token"]
    origin = opened.laptop.address
    refused: list[tuple[dict[str, str], dict[str, str]]] = [
        (form, {"Sec-Fetch-Site": "cross-site"}),
        (form, {"Sec-Fetch-Site": "same-site"}),
        (form, {"Sec-Fetch-Site": "none"}),
        (form, {}),
        (form, {"Origin": "null"}),
        (form, {"Origin": "https://evil.example"}),
        (form, {"Sec-Fetch-Site": "cross-site", "Origin": origin}),
        (form | {"form-token": ""}, OWN),
        (form | {"form-token": foreign}, OWN),
        ({"run": form["run"]}, OWN),
    ]
    for sent, headers in refused:
        assert (await send(opened, "shop", "pause", sent, headers)).status == 403, headers
    assert await annotations(opened.cluster, "shop") == {}
    assert (await send(opened, "shop", "pause", form, {"Origin": origin})).status == 303


async def test_who_is_not_logged_in_gives_no_command(opened: Opened):
    form = await filled(opened, "shop")
    async with aiohttp.ClientSession() as stranger:
        address = f"{opened.laptop.address}/c/web/shop/commands/pause"
        assert (await stranger.post(address, data=form, headers=OWN)).status == 403
    assert await annotations(opened.cluster, "shop") == {}


async def test_a_page_of_another_run_or_of_another_state_gives_no_command(opened: Opened):
    form = await filled(opened, "shop")
    for verb, sent, status in (
        ("pause", form | {"run": "an earlier one"}, 409),
        ("retry", form, 409),
        ("explode", form, 404),
    ):
        assert (await send(opened, "shop", verb, sent)).status == status, verb
    gated = await filled(opened, "cart")
    assert (await send(opened, "cart", "approve", gated)).status == 400
    assert await annotations(opened.cluster, "shop") == {}


async def test_what_ends_a_run_at_once_is_asked_for_on_a_page_of_its_own(opened: Opened):
    for verb, said in (("promote", "promoted now"), ("abort", "rolled back now")):
        page = await opened.read(f"/c/web/shop/commands/{verb}")
        assert said in page
        form = {each: field(page, each) for each in ("form-token", "run")}
        assert (await send(opened, "shop", verb, form)).status == 303
    assert (await opened.get("/c/web/ticker/commands/abort")).status == 409


async def test_a_dashboard_for_reading_has_no_command_at_all(cluster: Cluster):
    async with on_laptop(cluster, user="alice", read_only=True) as laptop:
        await until(lambda: laptop.fleet.synced)
        async with let_in(laptop, cluster) as opened:
            page = await opened.read("/c/web/shop")
            assert ('method="post"' in page, "/commands/" in page) == (False, False)
            sent = await send(opened, "shop", "pause", {})
            assert sent.status == 404


async def test_a_button_follows_the_rights_of_the_person(
    server: EmbeddedApiServer, cluster: Cluster, tmp_path: Path
):
    rules = {
        "resourceRules": [
            {
                "verbs": ["patch", "pause"],
                "apiGroups": ["tidegate.dev"],
                "resources": ["canaries"],
            }
        ],
        "incomplete": False,
    }
    fault = answer(201, {"kind": "SelfSubjectRulesReview", "status": rules})
    async with behind(server, tmp_path, ("POST .*selfsubjectrulesreviews", fault)) as opened:
        page = await opened.read("/c/web/shop")
        assert re.search(r'commands/pause"[^>]*>pause<', page)
        assert re.search(r'commands/skip"[^>]* disabled>skip<', page)
        assert "skip takes the verb skip on canaries in web, which you do not have" in page
        assert "/commands/abort" not in page
        assert "disabled" in await opened.read("/c/web/shop/commands/abort")


async def test_the_gates_do_not_wait_for_an_api_server_that_is_slow_to_tell_rights(
    server: EmbeddedApiServer, cluster: Cluster, tmp_path: Path
):
    slow = asyncio.Event()

    async def hang(proxy: Proxy, request: web.Request) -> web.StreamResponse:
        await slow.wait()
        return await answer(503, {})(proxy, request)

    async with behind(server, tmp_path, ("POST .*selfsubjectrulesreviews", hang)) as opened:
        page = await opened.read("/gates")
        assert re.search(r'commands/approve"[^>]*>approve', page)
        slow.set()


async def test_a_change_is_shown_before_the_events_are_read(
    server: EmbeddedApiServer, cluster: Cluster, tmp_path: Path
):
    reads, slow = 0, asyncio.Event()

    async def hang(proxy: Proxy, request: web.Request) -> web.StreamResponse:
        nonlocal reads
        reads += 1
        if reads > 1:  # The first is that of the stream's first state.
            await slow.wait()
        return await answer(200, {"kind": "EventList", "metadata": {}, "items": []})(proxy, request)

    async with behind(server, tmp_path, ("GET .*/events", hang)) as opened:
        stream = await opened.get("/live/c/web/shop")
        await stream.content.readuntil(b"\n\n")
        await opened.change("shop", a_status(Phase.PROGRESSING, weight=30, step=3))
        while b"30 % asked" not in await stream.content.readuntil(b"\n\n"):
            pass
        slow.set()
        stream.close()


async def test_what_the_api_server_refuses_is_said_in_words(
    server: EmbeddedApiServer, cluster: Cluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO)
    refusal = answer(403, {"kind": "Status", "message": "alice lacks the verb pause"})
    async with behind(server, tmp_path, ("PATCH .*/canaries/shop", refusal)) as opened:
        sent = await send(opened, "shop", "pause", await filled(opened, "shop"))
        assert sent.status == 403
        assert "alice lacks the verb pause" in await sent.text()
    assert logged(caplog) == [("alice", "pause", "web/shop", "refused")]
