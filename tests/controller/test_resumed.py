"""Checks that a store works on for minutes, in a controller: over a restart, and cancelled at the end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from analysis.asking import Providers
from analysis.checking import Checks
from analysis.providers import PROVIDERS
from canary.api.meta import GROUP
from canary.api.status import CanaryStatus, StoreCheck
from canary.controller.canaries import CanaryRecord
from canary.controller.cancelling import ATTEMPTS, CheckCanceller
from canary.controller.queries import QueryBuilder, Stores
from canary.controller.reading import CanaryReader
from canary.controller.secrets import SecretReader
from canary.controller.templates import metric_template_kind
from canary.errors import CanaryError, NotFound, Unreachable
from tests.analysis.servers import FakeServer, in_turn, says
from tests.api.examples import a_canary
from tests.builders import at
from tests.case import case_of
from tests.controller.running import DEMO, World, until
from tests.controller.test_queries import Cluster, Templates

TEMPLATE = metric_template_kind(GROUP)
KAYENTA: Any = case_of(PROVIDERS, "kayenta")
KEY = "0" * 32


@asynccontextmanager
async def serving(handler: Any) -> AsyncIterator[FakeServer]:
    """Run a fake server."""
    server = FakeServer(handler)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def a_template(address: str, namespace: str = DEMO) -> dict[str, Any]:
    return {
        "apiVersion": f"{GROUP}/v1beta1",
        "kind": "MetricTemplate",
        "metadata": {"name": "scores", "namespace": namespace},
        "spec": {"provider": {"type": "kayenta", "address": address}, "query": KAYENTA.query},
    }


async def released(world: World, address: str) -> None:
    """Release a revision that is judged by Kayenta."""
    await world.api.create(a_template(address), TEMPLATE)
    await world.create_app()
    metric = {
        "name": "score",
        "interval": "1m",
        "templateRef": {"name": "scores"},
        "thresholdRange": {"min": 5},
    }
    await world.create_canary(analysis={"metrics": [metric]})
    await world.until_phase("Initialized")
    await world.release()


async def handles(world: World) -> list[str]:
    """Give the handles in the status."""
    found = (await world.status()).get("storeChecks") or ()
    return [each["handle"] for each in found if each.get("handle") and not each.get("over")]


async def test_a_restart_goes_on_with_what_was_started_and_starts_nothing_twice(world: World):
    store = KAYENTA.resumed.store()
    async with serving(store.handle) as server:
        async with world.running_controller():
            await released(world, server.address)
            (first,) = await until(lambda: handles(world), "a check is in the status")
        before = len(server.requests)
        async with world.running_controller():
            polled = f"/canary/{first}"
            await until(
                lambda: any(each.path == polled for each in server.requests[before:]),
                "the check is polled again",
            )
            assert list(store.checks) == [first]
            store.over = True
            await world.until_phase("Succeeded")
            await until(lambda: set(store.gone) == set(store.checks), "all are cancelled")

            async def forgotten() -> bool:
                return not (await world.status()).get("storeChecks")

            await until(forgotten, "the checks are forgotten")
        assert len(set(store.checks.values())) == len(store.checks)


async def test_a_run_that_ends_cancels_what_it_has_started(world: World):
    store = KAYENTA.resumed.store()
    async with serving(store.handle) as server, world.running_controller():
        await released(world, server.address)
        (first,) = await until(lambda: handles(world), "a check is in the status")
        await world.release(tag="1")
        await world.until_phase("Succeeded")
        await until(lambda: first in store.gone, "it is cancelled")


def a_record(*checks: StoreCheck) -> CanaryRecord:
    record = CanaryReader("istio").read(a_canary())
    assert isinstance(record, CanaryRecord)
    return replace(record, status=CanaryStatus(store_checks=checks))


def a_check(**changes: Any) -> StoreCheck:
    return StoreCheck(
        metric="score",
        key=KEY,
        since=at(0),
        handle="01KB",
        template="test/scores",
        run="1-a",
        over=True,
    ).but(**changes)


class Failing:
    """Finds no template."""

    def __init__(self, error: CanaryError) -> None:
        self.error = error
        self.asked = 0

    def metric_template(self, _group: str, _namespace: str, _name: str) -> Any:
        self.asked += 1
        raise self.error


@asynccontextmanager
async def cancelling(templates: Any) -> AsyncIterator[tuple[CheckCanceller, list[Any]]]:
    woken: list[Any] = []
    queries = QueryBuilder(
        templates=templates,
        secrets=SecretReader(Cluster({}), lambda: 0.0),
        stores=Stores(),
        default_router="istio",
    )
    async with Providers() as providers:
        listener = CheckCanceller(
            checks=Checks(providers),
            queries=queries,
            templates=templates,
            wake=woken.append,
            pause=0.0,
        )
        try:
            yield listener, woken
        finally:
            await listener.close()


async def test_what_is_over_is_cancelled_once_and_its_canary_woken():
    record, waited_for = a_record(a_check()), a_record(a_check(over=False))
    async with (
        serving(says("", status=202)) as server,
        cancelling(Templates(a_template(server.address))) as (listener, woken),
    ):
        listener.decided(waited_for)
        listener.decided(record)
        listener.decided(record)
        await until(lambda: woken)
        listener.decided(record)

        assert listener.cancelled(record.key) == {KEY}
        assert [(each.method, each.path) for each in server.requests] == [
            ("PUT", "/pipelines/01KB/cancel")
        ]
        listener.decided(waited_for)
        assert listener.cancelled(record.key) == frozenset()


async def test_a_store_that_is_away_is_told_again():
    record = a_record(a_check())
    answers = in_turn([says("", status=502), says("", status=202)])
    async with (
        serving(answers) as server,
        cancelling(Templates(a_template(server.address))) as (listener, woken),
    ):
        listener.decided(record)
        await until(lambda: woken)
        assert (len(server.requests), listener.cancelled(record.key)) == (2, {KEY})


@pytest.mark.parametrize(
    ("answer", "times"),
    [(says("", status=502), ATTEMPTS), (says("", status=403), 1)],
    ids=["away", "refused"],
)
async def test_a_check_that_cannot_be_cancelled_is_left_to_its_store(answer, times, caplog):
    record = a_record(a_check())
    async with (
        serving(answer) as server,
        cancelling(Templates(a_template(server.address))) as (listener, woken),
    ):
        listener.decided(record)
        await until(lambda: woken)
        assert (len(server.requests), listener.cancelled(record.key)) == (times, {KEY})
    assert "check of score is left to its store" in caplog.text


@pytest.mark.parametrize(
    ("error", "times"),
    [(Unreachable("the API server is away"), ATTEMPTS), (NotFound("no template"), 1)],
    ids=["away", "deleted"],
)
async def test_without_its_template_a_check_is_left_to_its_store(error, times):
    templates = Failing(error)
    record = a_record(a_check(template="scores"))
    async with cancelling(templates) as (listener, woken):
        listener.decided(record)
        await until(lambda: woken)
        assert (templates.asked, listener.cancelled(record.key)) == (times, {KEY})
        listener.forget(record.key)
        assert listener.cancelled(record.key) == frozenset()
