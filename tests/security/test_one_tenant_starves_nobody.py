"""S9: a tenant with many Canaries, whose hooks and stores hang, delays no other tenant."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from analysis.asking import CONCURRENCY, Providers
from analysis.errors import Busy
from canary.api.canary import Canary
from canary.api.kinds import DEPLOYMENT
from canary.api.people import Webhook
from canary.api.validation import parse_canary
from canary.controller.canaries import CanaryKey
from canary.controller.queue import WorkQueue
from canary.demo import manifests
from canary.demo.embedded import NAMESPACE
from canary.errors import InvalidSpec
from canary.hooks.caller import CALLS_A_HOST, HookCaller
from tests.analysis.scripted import TABLE
from tests.analysis.test_engine import NOW, a_metric, a_script, answers
from tests.api.examples import WEIGHTED, a_canary, patched
from tests.controller.running import CANARY, DEMO, World, until
from tests.receiver import Answer, Receiver
from tests.security.test_addresses_lead_where_policy_allows import PAYLOAD

HOSTILE = "hostile"
#: More than there are places at a host, or at a store.
MANY = 2 * max(CALLS_A_HOST, CONCURRENCY)


async def ended(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_calls_of_one_namespace_that_hang_take_half_of_a_host_s_places(receiver: Receiver):
    receiver.answers(Answer(hangs=True))
    receiver.answers_by_path["/sound"] = Answer()
    caller = HookCaller()

    def call(namespace: str, path: str) -> asyncio.Task[Any]:
        hook = Webhook.model_validate({"name": "gate", "url": receiver.url + path})
        return asyncio.create_task(
            caller.call(hook, replace(PAYLOAD, namespace=namespace), key="k", secret=None)
        )

    hanging = [call(HOSTILE, "/hangs") for _ in range(MANY)]
    await receiver.received(CALLS_A_HOST // 2)
    for _ in range(3):
        assert (await call(DEMO, "/sound")).passed
    assert len([each for each in receiver.requests if each.path == "/hangs"]) == CALLS_A_HOST // 2
    assert not any(each.done() for each in hanging)
    await ended(*hanging)
    await caller.close()


async def test_queries_of_one_namespace_that_hang_take_half_of_a_store_s_places():
    async def answer(query: str) -> Any:
        if query.startswith(HOSTILE):
            await asyncio.Event().wait()
        return await answers()(query)

    script = a_script(answer)
    providers = Providers(
        table=TABLE, most_waiting=MANY, party_of=lambda metric: metric.asked_by.partition("/")[0]
    )

    def ask(namespace: str, query: str) -> asyncio.Task[Any]:
        metric = a_metric(script, f"{namespace}-{query}", asked_by=f"{namespace}/app")
        return asyncio.create_task(providers.ask(metric, NOW))

    async with providers:
        half = CONCURRENCY // 2
        hanging = [ask(HOSTILE, str(number)) for number in range(half + MANY)]
        await until(lambda: script.asking == half and providers.waiting == MANY)
        with pytest.raises(Busy):
            await ask(HOSTILE, "one more")
        for number in range(3):
            assert (await ask(DEMO, str(number))).value == 5
        assert script.most_asking == half + 1
        await ended(*hanging)


async def test_of_many_canaries_that_are_woken_at_once_each_namespace_has_its_turn():
    worked: list[str] = []

    async def work(key: CanaryKey) -> None:
        worked.append(str(key))

    queue: WorkQueue[CanaryKey] = WorkQueue(lambda: 0.0, party_of=lambda key: key.namespace)
    for number in range(1000):
        queue.wake(CanaryKey("tidegate.dev", HOSTILE, f"app-{number}"))
    for number in range(2):
        queue.wake(CanaryKey("tidegate.dev", DEMO, f"shop-{number}"))
    assert len(queue) == 1002
    running = asyncio.create_task(queue.run(work, workers=1))
    await until(lambda: len(worked) == 1002)
    queue.close()
    await running
    assert worked[:5] == [
        *(f"{HOSTILE}/app-0", f"{DEMO}/shop-0"),
        *(f"{HOSTILE}/app-1", f"{DEMO}/shop-1"),
        f"{HOSTILE}/app-2",
    ]
    assert worked[4:] == [f"{HOSTILE}/app-{number}" for number in range(2, 1000)]


def a_hook(metadata: dict[str, str]) -> dict[str, Any]:
    return {"name": "more", "type": "rollout", "url": "http://a.example", "metadata": metadata}


@pytest.mark.parametrize("place", ["of the run", "of a step"])
def test_what_a_hook_s_calls_carry_is_bounded_in_all_and_not_only_by_key(place: str):
    def with_hook(metadata: dict[str, str]) -> Canary:
        hooks = [a_hook(metadata)]
        steps = WEIGHTED | {"analysis/steps": [{"weight": 10, "webhooks": hooks}]}
        changes = steps if place == "of a step" else {"analysis/webhooks": hooks}
        return parse_canary(patched(a_canary(), changes))

    within = {f"{number:03}": "x" * 652 for number in range(100)}
    with_hook(within)
    with pytest.raises(InvalidSpec, match="write at most 65,536 characters in all"):
        with_hook(within | {"000": "x" * 689})


class ThirdParty:
    """One host that all tenants call; it never answers the hostile one."""

    def __init__(self) -> None:
        self.hanging = 0
        self.url = ""

    async def hook(self, request: web.Request) -> web.Response:
        if (await request.json())["namespace"] == HOSTILE:
            await self._hang()
        return web.Response()

    async def query(self, request: web.Request) -> web.Response:
        asked = str(await request.post() if request.method == "POST" else request.query)
        if HOSTILE in asked:
            await self._hang()
        vector = [{"metric": {}, "value": [0, "1"]}]
        data = {"resultType": "vector", "result": vector}
        return web.json_response({"status": "success", "data": data})

    async def _hang(self) -> None:
        self.hanging += 1
        await asyncio.Event().wait()


@asynccontextmanager
async def third_party() -> AsyncIterator[ThirdParty]:
    party = ThirdParty()
    application = web.Application()
    application.router.add_post("/hook", party.hook)
    application.router.add_route("*", "/api/v1/query", party.query)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    party.url = f"http://{host}:{port}"
    try:
        yield party
    finally:
        await runner.cleanup()


async def a_tenant(world: World, namespace: str, name: str, analysis: dict[str, Any]) -> None:
    await world.api.create(manifests.deployment("1", name=name, namespace=namespace), DEPLOYMENT)
    canary = manifests.canary("istio", name=name, namespace=namespace, analysis=analysis)
    await world.api.create(canary, CANARY)


async def phases(world: World, namespace: str) -> set[str]:
    pages = world.api.pages(CANARY, namespace)
    return {(each.get("status") or {}).get("phase", "") async for page, _ in pages for each in page}


async def test_others_are_judged_and_promoted_while_all_that_a_hostile_tenant_asks_hangs(
    world: World,
):
    """The attack: so many calls and queries without an answer that none is left for others."""
    await world.api.create(manifests.namespace(HOSTILE), NAMESPACE)
    steps = {"interval": "1s", "threshold": 1, "stepWeights": [50]}

    def judged(query: str, kind: str) -> dict[str, Any]:
        metric = {"name": "asked", "query": query, "thresholdRange": {"min": 1}}
        hook = {"name": "gate", "type": kind, "url": f"{party.url}/hook", "timeout": "1h"}
        return steps | {"metrics": [metric], "webhooks": [hook]}

    names = [f"app-{number}" for number in range(CALLS_A_HOST // 2 + 4)]
    async with (
        third_party() as party,
        world.running_controller(metrics_server=party.url) as controller,
    ):
        for name in names:
            # Half of them hang in a hook, and half in a query.
            kind = "confirm-rollout" if len(name) % 2 else "rollout"
            await a_tenant(world, HOSTILE, name, judged(f'{HOSTILE}{{app="{name}"}}', kind))
        for name in ("shop", "cart"):
            await a_tenant(world, DEMO, name, judged("sound", "confirm-rollout"))
        for namespace in (HOSTILE, DEMO):

            async def initialised(namespace: str = namespace) -> bool:
                return await phases(world, namespace) == {"Initialized"}

            await until(initialised, f"all of {namespace} are initialised")
        for name in names:
            template = manifests.pod_template("2", name=name)
            patch = {"spec": {"template": template}}
            await world.api.merge_patch(DEPLOYMENT, HOSTILE, name, patch)
        await until(lambda: party.hanging >= CALLS_A_HOST // 2, "the hostile tenant's calls hang")
        for name in ("shop", "cart"):
            await world.release(name)
        for name in ("shop", "cart"):
            await world.until_phase("Succeeded", name=name)
        assert "Succeeded" not in await phases(world, HOSTILE)
        assert controller.obstacles() == []
