"""What the log says at the start: what is served, and whether what it needs is there."""

import pytest

from canary.demo.embedded import CRD
from tests.controller.faults import answer, proxied
from tests.controller.running import World, until
from tests.controller.test_controller import sample
from tests.receiver import receiving


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.name.endswith(".introduction")]


async def test_it_says_what_is_served_whether_the_router_is_there_and_that_the_store_answers(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with receiving() as store:
        store.answers(sample(1))
        address = store.url.replace("://", "://user:s3cret@")
        async with world.running_controller(metrics_server=address, router="gatewayapi"):
            await until(lambda: len(said(caplog)) == 2, "both lines")
    served, found = said(caplog)
    assert served == (
        "tidegate test serves the Canaries of tidegate.dev in all namespaces, with the router "
        "gatewayapi where they name none"
    )
    # Other routers are neither imported nor looked for: a Canary may never name them.
    assert found == (
        f"router: gatewayapi (installed); metric store: prometheus at {store.url} answers"
    )


async def test_what_does_not_answer_is_said_and_keeps_nobody_from_working(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with proxied(world.server.url) as proxy:
        proxy.meet("GET .*/apis/split.smi-spec.io", answer(403), always=True)
        async with world.running_controller(url=proxy.url, router="smi"):
            await world.create_app()
            await world.create_canary(provider="istio")
            await world.until_phase("Initialized")
            await until(lambda: len(said(caplog)) == 2, "both lines")
    assert "smi (not known: " in said(caplog)[1]
    assert "metric store: prometheus at http://127.0.0.1:9: " in said(caplog)[1]


async def test_pages_that_are_scraped_are_named_and_not_read(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with receiving() as pages:
        scrape = {"metrics_provider": "scrape", "scrape_targets": (pages.url,)}
        async with world.running_controller(namespaces=(world.namespace,), **scrape):
            await until(lambda: len(said(caplog)) == 2, "both lines")
        assert pages.requests == []
    assert f"in {world.namespace}, with" in said(caplog)[0]
    assert said(caplog)[1].endswith(f"metric store: scrape of {pages.url}")


async def test_a_router_that_is_not_installed_is_said(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    await world.api.delete(CRD, "", "trafficsplits.split.smi-spec.io")
    async with world.running_controller(router="smi"):
        await until(lambda: len(said(caplog)) == 2, "both lines")
    absent = "router: smi (not installed: trafficsplits.split.smi-spec.io); "
    assert said(caplog)[1].startswith(absent)
