"""The pages over HTTP: what they show, to whom, and what every answer carries."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import escape
from itertools import product
from pathlib import Path
from typing import Any

import aiohttp

from canary.api.kinds import POD
from canary.api.meta import API_VERSION, GROUP
from canary.api.status import MetricStatus, Phase, Wait
from canary.cluster.cluster import Cluster
from canary.controller.events import EVENT
from canary.dashboard.parts import ACTIONS_PARTS, CANARY_PARTS, HAPPENED_PARTS, MOST_GATES
from canary.dashboard.process import Laptop, on_laptop
from canary.dashboard.streams import MOST_OF_A_SESSION
from canary.replicas.leases import LEASE
from canary.replicas.presence import Scope
from tests.builders import T0, a_status
from tests.controller.faults import answer, proxied
from tests.controller.faults import kubeconfig as write_kubeconfig
from tests.controller.running import until
from tests.dashboard.conftest import CANARY, Opened, let_in
from tests.views.fleet import NOW, STATUSES, manifest
from tidegate_embedded.apiserver import EmbeddedApiServer

PAGES = ("/", "/gates", "/c/web/shop", "/c/web/none", "/api/v1/canaries", "/healthz", "/nowhere")
PAGES = (*PAGES, "/activity", "/about", "/c/web/search/history", "/c/web/shop/diff")
PAGES = (*PAGES, "/c/web/search/runs/20260101T000000Z", "/static/style.css", "/static/nothing")
CONFINED = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Server": "tidegate",
}
#: What an event of `shop` is about.
SHOP = {"apiVersion": API_VERSION, "kind": "Canary", "namespace": "web", "name": "shop"}
HOSTILE = """<script>alert(1)</script><img src=x onerror=alert(1)>"'`{{7*7}}{% raw %}\u202e\x07"""


async def fragments(answer: aiohttp.ClientResponse) -> AsyncIterator[dict[str, str]]:
    """Read the parts that a stream sends."""
    async for line in answer.content:
        if line.startswith(b"data: "):
            yield json.loads(line.removeprefix(b"data: "))


@asynccontextmanager
async def streaming(opened: Opened, path: str) -> AsyncIterator[AsyncIterator[dict[str, str]]]:
    answer = await opened.get(f"/live{path}")
    assert answer.status == 200, await answer.text()
    assert answer.content_type == "text/event-stream"
    try:
        yield fragments(answer)
    finally:
        answer.close()


async def until_read(opened: Opened, path: str, said: str) -> None:
    """Wait until a page says something that is asked for beside it."""

    async def reads() -> bool:
        return said in await opened.read(path)

    await until(reads, f"{path} says {said}")


async def test_the_fleet_lists_those_first_that_need_a_person(opened: Opened):
    page = await opened.read("/")
    places = [page.index(f"/c/web/{name}") for name in ("cart", "search", "paused", "shop")]
    assert places == sorted(places)
    assert all(f"/c/web/{name}" in page for name in STATUSES)


async def test_the_fleet_is_searched(opened: Opened):
    page = await opened.read("/?search=sho&namespace=web")
    assert ("/c/web/shop" in page, "/c/web/cart" in page) == (True, False)
    assert "No Canary was found." in await opened.read("/?search=nothing")


async def test_the_page_of_a_canary_says_what_explain_says(opened: Opened):
    page = await opened.read("/c/web/search")
    for said in ("RolledBack", "third failure of 3", "search:6.0 → search:6.1", "tidegate retry"):
        assert said in page


async def test_the_cause_comes_before_everything_else_about_a_canary(opened: Opened):
    for name, cause in (
        ("search", "request-success-rate 97.1 % is below 99 %, third failure of 3"),
        ("cart", "PromotionGate: the confirm-promotion gate waits for a person"),
        ("invalid", "spec.provider: "),
    ):
        page = await opened.read(f"/c/web/{name}")
        before, _, after = page.partition(cause)
        assert ("</h1>" in before, '<dl class="facts">' in before) == (True, False), name
        assert ("until 2026-01-01" in after.partition("</p>")[0]) == (name == "cart")
    assert 'class="cause"' not in await opened.read("/c/web/ticker")


async def test_where_no_controller_acts_every_page_that_waits_for_one_says_so(
    cluster: Cluster, laptop: Laptop
):
    renewed = {"renewTime": "2026-01-01T09:00:00.000000Z", "leaseDurationSeconds": 15}
    await cluster.merge_patch(LEASE, "default", "tidegate", {"spec": renewed})
    said = "no controller is running: Lease default/tidegate was last renewed at 2026-01-01"
    async with let_in(laptop, cluster) as opened:
        for path in ("/", "/gates", "/c/web/cart"):
            await until_read(opened, path, said)
        assert "Nothing changes until a controller acts on it" in await opened.read("/c/web/cart")
        assert "Nothing changes until" not in await opened.read("/c/web/ticker")


async def test_a_canary_that_no_controller_takes_says_so_on_its_page_alone(
    cluster: Cluster, laptop: Laptop
):
    scope = Scope(version="", groups=frozenset({GROUP}), namespaces=frozenset({"shop"}))
    await cluster.merge_patch(LEASE, "default", "tidegate", {"metadata": scope.metadata})
    async with let_in(laptop, cluster) as opened:
        await until_read(opened, "/c/web/cart", f"no controller serves {GROUP} in namespace web")
        assert "no controller" not in await opened.read("/")


async def test_of_who_may_not_list_leases_no_controller_is_said_to_be_missing(
    server: EmbeddedApiServer, cluster: Cluster, tmp_path: Path
):
    renewed = {"renewTime": "2026-01-01T09:00:00.000000Z", "leaseDurationSeconds": 15}
    await cluster.merge_patch(LEASE, "default", "tidegate", {"spec": renewed})
    async with proxied(server.url) as proxy:
        proxy.meet("GET .*leases", answer(403), always=True)
        kubeconfig = write_kubeconfig(tmp_path / "config", proxy.url)
        async with (
            Cluster.connect(kubeconfig=str(kubeconfig)) as theirs,
            on_laptop(theirs, user="bob") as laptop,
            let_in(laptop, theirs) as opened,
        ):
            await until(lambda: laptop.fleet.synced)
            await opened.read("/")
            await until(lambda: proxy.asked("leases"))
            pages = [await opened.read(path) for path in ("/", "/gates", "/c/web/cart")]
    assert [each for each in pages if "no controller" in each] == []


async def test_the_gates_name_what_is_waited_for(opened: Opened):
    page = await opened.read("/gates")
    assert ("confirm-promotion" in page, "/c/web/cart" in page) == (True, True)
    assert "/c/web/shop" not in page


async def test_of_many_gates_the_first_are_shown_and_the_others_counted(opened: Opened):
    page = await opened.read("/gates")
    assert "with later deadlines" not in page

    async def held(number: int) -> None:
        made = {**manifest(f"held-{number:03}", STATUSES["cart"]), "status": None}
        made["metadata"] = made["metadata"] | {"uid": ""}
        await opened.cluster.create(made, CANARY)
        await opened.change(f"held-{number:03}", STATUSES["cart"])

    await asyncio.gather(*map(held, range(MOST_GATES + 1)))
    await until_read(opened, "/gates", "2 more, with later deadlines")
    page = await opened.read("/gates")
    assert page.count("<article") == MOST_GATES
    assert len(page.encode()) <= 100 * 1024


async def test_programs_get_what_get_and_list_print(opened: Opened):
    listed = json.loads(await opened.read("/api/v1/canaries?standing=gate"))
    assert [each["name"] for each in listed["items"]] == ["cart"]
    one = json.loads(await opened.read("/api/v1/canaries/web/cart"))
    assert (one["kind"], one["attention"]) == ("CanaryView", "gate")


async def test_a_canary_that_is_not_there_is_not_found(opened: Opened):
    answer = await opened.get("/c/web/none")
    assert answer.status == 404
    assert "There is no Canary web/none." in await answer.text()


async def test_every_answer_is_confined(opened: Opened):
    for path in PAGES:
        answer = await opened.get(path)
        kept = path.startswith("/static") and answer.status == 200
        caching = answer.headers["Cache-Control"]
        assert caching.startswith("public" if kept else "no-store"), path
        assert {name: answer.headers.get(name) for name in CONFINED} == CONFINED, path
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy, path
        assert "frame-ancestors 'none'" in policy, path
        assert "unsafe" not in policy, path


async def test_behind_tls_a_browser_is_told_to_come_by_tls_alone(opened: Opened):
    header = "Strict-Transport-Security"
    behind = await opened.get("/", headers={"X-Forwarded-Proto": "https"})
    assert behind.headers[header] == "max-age=31536000"
    assert header not in (await opened.get("/")).headers


async def test_a_name_that_leads_here_from_elsewhere_is_refused(opened: Opened):
    for host, path in product(("evil.example", "localhost:1", "", "127.0.0.1"), PAGES):
        answer = await opened.get(path, headers={"Host": host})
        assert answer.status in {400, 403}, (host, path)
        assert "cart" not in await answer.text()


async def test_who_has_no_cookie_sees_nothing_but_how_to_come_in(laptop: Laptop):
    async with aiohttp.ClientSession() as stranger:
        for path in PAGES:
            answer = await stranger.get(f"{laptop.address}{path}")
            said = await answer.text()
            assert (answer.status, "web/" in said) == (
                (200, False) if path in {"/healthz", "/static/style.css"} else
                (404, False) if path == "/static/nothing" else (403, False)
            ), path  # fmt: skip


async def test_the_address_that_is_printed_lets_one_browser_in(laptop: Laptop):
    address = laptop.invitation()
    async with aiohttp.ClientSession() as first, aiohttp.ClientSession() as second:
        answer = await first.get(address, allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (303, "/")
        cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert (await second.get(address)).status == 403


async def test_what_others_wrote_is_text(opened: Opened):
    hostile = a_status(
        Phase.PROGRESSING,
        weight=10,
        waiting_for=Wait(reason="Reason", message=HOSTILE, since=T0),
        metrics=(
            MetricStatus(name=HOSTILE[:60], verdict="fail", value=1.0, message=HOSTILE, at=NOW),
            MetricStatus(
                name="fine", verdict=HOSTILE[:60], value=1e300, bound=HOSTILE[:60], at=NOW
            ),
        ),
    )
    await opened.change("shop", hostile)
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "hostile", "namespace": "web"},
        "involvedObject": SHOP,
        "reason": "Reason",
        "message": HOSTILE,
        "lastTimestamp": "not a time",
    }
    await opened.cluster.create(event, EVENT)

    async def seen() -> bool:
        return "onerror" in await opened.read("/c/web/shop")

    await until(seen)
    for path in ("/", "/c/web/shop", "/gates"):
        page = await opened.read(path)
        assert "<script>alert" not in page
        assert "<img" not in page
        assert "\u202e" not in page
        assert "\x07" not in page
    shop = await opened.read("/c/web/shop")
    assert escape("<script>alert(1)</script>") in shop
    assert "{{7*7}}" in shop


async def test_events_are_shown_the_newest_first(opened: Opened):
    for number in (1, 2):
        event: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"e{number}", "namespace": "web"},
            "involvedObject": SHOP,
            "reason": f"Reason{number}",
            "message": "it went on",
            "lastTimestamp": f"2026-01-01T0{number}:00:00Z",
        }
        await opened.cluster.create(event, EVENT)
    page = await opened.read("/c/web/shop")
    assert page.index("Reason2") < page.index("Reason1")
    assert "Reason1" not in await opened.read("/c/web/cart")


async def test_the_pods_of_both_sides_are_shown_with_why_one_does_not_run(opened: Opened):
    waiting = {"reason": "ImagePullBackOff", "message": f"no image {HOSTILE}"}
    for workload, state in (("shop", {"waiting": waiting}), ("shop-primary", {"running": {}})):
        await opened.cluster.create(a_pod(workload), POD)
        container = {"name": "app", "ready": workload != "shop", "restartCount": 0, "state": state}
        status = {"containerStatuses": [container | {"image": "x", "imageID": "x"}]}
        await opened.cluster.merge_patch(
            POD, "web", f"{workload}-abc-1", {"status": status}, subresource="status"
        )
    page = await opened.read("/c/web/shop")
    pods = page[page.index('id="pods"') : page.index('id="events"')]
    assert pods.index("shop-abc-1") < pods.index("shop-primary-abc-1")
    assert "ImagePullBackOff" in pods
    assert "<script>alert" not in pods
    assert "There are no pods of either side." in await opened.read("/c/web/cart")


def a_pod(workload: str) -> dict[str, Any]:
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"{workload}-abc", "uid": "u"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{workload}-abc-1",
            "namespace": "web",
            "labels": {"pod-template-hash": "abc"},
            "ownerReferences": [owner | {"controller": True}],
        },
        "spec": {"containers": [{"name": "app", "image": "x"}]},
    }


async def test_an_open_page_changes_with_the_cluster(opened: Opened):
    async with streaming(opened, "/c/web/shop?group=tidegate.dev") as sent:
        whole = CANARY_PARTS | ACTIONS_PARTS | HAPPENED_PARTS
        assert {(await anext(sent))["id"] for _ in whole} == whole.keys()
        await opened.change("shop", a_status(Phase.PROGRESSING, weight=40, step=4, steps=5))
        async for part in sent:
            if part["id"] == "head":
                assert "40 % asked" in part["html"]
                break


async def test_the_open_fleet_changes_with_the_cluster(opened: Opened):
    async with streaming(opened, "/fleet?search=shop") as sent:
        assert "20 %" in (await anext(sent))["html"]
        await opened.change("shop", a_status(Phase.PROGRESSING, weight=40, step=4, steps=5))
        async for part in sent:
            assert "/c/web/cart" not in part["html"]
            if "40 %" in part["html"]:
                break


async def test_the_stream_of_a_canary_that_is_gone_ends(opened: Opened):
    async with streaming(opened, "/c/web/shop") as sent:
        await anext(sent)
        await opened.cluster.delete(CANARY, "web", "shop")
        async for _ in sent:
            pass
    assert (await opened.get("/live/c/web/shop")).status == 404


async def test_a_session_has_so_many_streams_and_a_place_is_free_again(opened: Opened):
    held = [await opened.get("/live/gates") for _ in range(MOST_OF_A_SESSION)]
    assert {each.status for each in held} == {200}
    refused = await opened.get("/live/gates")
    assert (refused.status, "Retry-After" in refused.headers) == (429, True)
    held.pop().close()

    async def free() -> bool:
        answer = await opened.get("/live/gates")
        held.append(answer)
        return answer.status == 200

    # That a page was left is seen when it is written to.
    await opened.change("cart", STATUSES["cart"].but(failed_checks=1))
    await until(free)
    for each in held:
        each.close()


async def test_a_fleet_that_is_looked_at_costs_the_cluster_nothing(
    opened: Opened, server: EmbeddedApiServer
):
    before = len(server.audit)
    for path in ("/fleet", "/gates"):
        async with streaming(opened, path) as sent:
            await anext(sent)
    # The watch goes on, a group that is not installed is looked for now and then, and so are rights.
    others = {each.resource for each in server.audit[before:] if "canaries" not in each.resource}
    others -= {"selfsubjectrulesreviews"}
    assert {each for each in others if not each.startswith("/apis/flagger.app")} == set()
