"""Charts from the beginning of a run: what was before the dashboard saw it, from a Prometheus."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from aiohttp import web
from click.testing import CliRunner

from canary.cli.dashboard import dashboard
from canary.cluster.cluster import Cluster
from canary.dashboard.earlier import EarlierPoints
from canary.dashboard.process import on_laptop
from canary.dashboard.recent import MOST_POINTS, Track
from tests.controller.running import until
from tests.dashboard.conftest import let_in
from tests.views.fleet import STATUSES

BEFORE = "to then, what Prometheus has"


@dataclass(kw_only=True)
class Store:
    """A Prometheus that has a value for each of tidegate's metrics at every step."""

    address: str = ""
    fails: bool = False
    asked: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        asked = await request.post() if request.method == "POST" else request.query
        self.asked.append(str(asked["query"]))
        if self.fails:
            return web.json_response({"status": "error", "errorType": "internal"}, status=503)
        at, end, step = (float(str(asked[name]).rstrip("s")) for name in ("start", "end", "step"))
        values = []
        while at <= end:
            values.append([at, "20" if "weight" in self.asked[-1] else "99.5"])
            at += step
        result = [{"metric": {}, "values": values}]
        return web.json_response(
            {"status": "success", "data": {"resultType": "matrix", "result": result}}
        )


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    store, application = Store(), web.Application()
    application.router.add_route("*", "/api/v1/query_range", store.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    store.address = f"http://{host}:{port}"
    yield store
    await runner.cleanup()


async def test_a_page_shows_what_was_before_the_dashboard_saw_the_run(
    cluster: Cluster, store: Store
) -> None:
    async with on_laptop(cluster, user="alice", earlier=EarlierPoints(store.address)) as laptop:
        await until(lambda: laptop.fleet.synced)
        async with let_in(laptop, cluster) as opened:
            page = await opened.read("/c/web/shop")
            assert BEFORE in page
            assert "99.5" in page
            asked = len(store.asked)
            assert asked == 1 + len(STATUSES["shop"].metrics)
            place = r'namespace="web",name="shop"'
            assert all(re.fullmatch(rf"max\(tidegate_canary_\w+{{{place},.*}}\)", each)
                       for each in store.asked)  # fmt: skip
            # It is asked once a run.
            assert BEFORE in await opened.read("/c/web/shop")
            assert len(store.asked) == asked


async def test_a_page_is_shown_without_its_past_where_prometheus_fails(
    cluster: Cluster, store: Store
) -> None:
    store.fails = True
    async with on_laptop(cluster, user="alice", earlier=EarlierPoints(store.address)) as laptop:
        await until(lambda: laptop.fleet.synced)
        async with let_in(laptop, cluster) as opened:
            page = await opened.read("/c/web/shop")
            assert ("The charts show" in page, BEFORE in page) == (True, False)
            # Nor is it asked again with each page.
            asked = len(store.asked)
            await opened.read("/c/web/shop")
            assert len(store.asked) == asked


async def test_a_prometheus_that_has_failed_is_asked_again_after_a_minute(
    cluster: Cluster, store: Store
) -> None:
    async with on_laptop(cluster, user="alice") as laptop:
        await until(lambda: laptop.fleet.synced)
        kept = laptop.fleet.find("web", "shop")
        assert kept is not None
        track = laptop.fleet.recent.of(kept.key)
        assert track is not None
        earlier, now = EarlierPoints(store.address), track.since
        store.fails = True
        await earlier.fill(kept.key, kept.view, track, now)
        store.fails = False
        await earlier.fill(kept.key, kept.view, track, now + timedelta(seconds=59))
        assert track.before is None
        await earlier.fill(kept.key, kept.view, track, now + timedelta(seconds=60))
        assert track.before == kept.view.run.started_at
        assert all(len(points) <= MOST_POINTS for points in track.metrics.values())


async def test_nothing_is_asked_of_a_run_that_was_seen_from_its_beginning(
    cluster: Cluster, store: Store
) -> None:
    async with on_laptop(cluster, user="alice") as laptop:
        await until(lambda: laptop.fleet.synced)
        kept = laptop.fleet.find("web", "shop")
        assert kept is not None
        assert kept.view.run is not None
        began: datetime = kept.view.run.started_at
        for track in (
            Track(run=kept.view.run.id, since=began + timedelta(seconds=14), asks_at=began),
            Track(run="another", since=began + timedelta(hours=1), asks_at=began),
        ):
            await EarlierPoints(store.address).fill(kept.key, kept.view, track, began)
            assert (store.asked, track.before) == ([], None)


def test_an_address_that_is_none_is_refused_with_the_form() -> None:
    result = CliRunner().invoke(dashboard, ["--prometheus", "prometheus:9090"])
    assert result.exit_code == 2
    assert "--prometheus: 'prometheus:9090': write http://HOST:PORT" in result.output
