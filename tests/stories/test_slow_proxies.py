"""A proxy that is slow to learn of pods and of routes loses no request.

The test decides when it learns, and nothing else does: a webhook of the API server is asked about each
status of the Canary before that is stored. It lets the proxy learn as the status says that it is waited
for, so that a controller which does not wait meets a proxy that has not learned.
"""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from canary.api.kinds import Kind
from canary.api.meta import GROUP
from canary.demo.manifests import APP
from canary.demo.world import World
from canary.routers.ingresses import INGRESS
from tests.certificates import authority_pem, server_context
from tests.stories.proxied import ProxiedWorld
from tests.stories.telling import BY_HAND, then_at_rest, then_nothing_was_lost, until_waiting
from tests.stories.test_nginx import REFERENCE, ingress
from tests.testbed.reader import Reader

pytestmark = [pytest.mark.story, pytest.mark.asyncio(loop_scope="session"), pytest.mark.embedded]

WEBHOOK = Kind(
    group="admissionregistration.k8s.io",
    versions=("v1",),
    kind="ValidatingWebhookConfiguration",
    plural="validatingwebhookconfigurations",
    namespaced=False,
)
PODS = ("EndpointSlice",)
ROUTES = ("Ingress", "Service")
STEPS: dict[str, Any] = {
    "interval": "1s",
    "stepWeights": [50, 100],
    "webhooks": [BY_HAND],
    "metrics": [],
}


class Teacher:
    """Lets a proxy learn when a status says that it is waited for."""

    def __init__(self, proxy: Reader) -> None:
        self.proxy = proxy
        #: The phases and stages in which it has let it learn.
        self.taught: list[tuple[str, str]] = []
        self._held = False

    async def hold(self, *kinds: str) -> None:
        """Keep what happens to objects of some kinds from the proxy."""
        self._held = True
        await self.proxy.hold(*kinds)

    async def review(self, request: web.Request) -> web.Response:
        """Be asked about a status: it is stored once this has answered."""
        asked = (await request.json())["request"]
        before, after = asked["oldObject"].get("status") or {}, asked["object"]["status"]
        phase = after.get("phase", "")
        stage = (after.get("stage") or {}).get("name", "")
        if self._held and stage in {"Propagating", "Draining"}:
            await self.proxy.release()
            self._held = False
            self.taught.append((phase, stage))
        if phase == "Finalising" and before.get("phase") != phase:
            # The route that takes the canary's last traffic is written after this.
            await self.hold(*ROUTES)
        answer = {"uid": asked["uid"], "allowed": True}
        return web.json_response(
            {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": answer}
        )


@asynccontextmanager
async def teaching(world: World, teacher: Teacher) -> AsyncIterator[None]:
    """Have the API server ask about each status of a Canary."""
    application = web.Application()
    application.router.add_post("/", teacher.review)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server_context()).start()
    host, port = runner.addresses[0][:2]
    rule = {"apiGroups": [GROUP], "apiVersions": ["*"], "resources": ["canaries/status"]}
    webhook = {
        "name": "teacher.tidegate.dev",
        "clientConfig": {
            "url": f"https://{host}:{port}/",
            "caBundle": base64.b64encode(authority_pem().encode()).decode(),
        },
        "rules": [{**rule, "operations": ["UPDATE"]}],
        "failurePolicy": "Fail",
        "timeoutSeconds": 30,
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    await world.create({"metadata": {"name": "teacher"}, "webhooks": [webhook]}, WEBHOOK)
    try:
        yield
    finally:
        await world.api.delete(WEBHOOK, "", "teacher")
        await runner.cleanup()


async def when_it_is_approved(world: World) -> None:
    """A run that waits at its gate takes its next step."""
    await until_waiting(world, "TrafficGate")
    await world.annotate("approve")


@pytest.mark.parametrize("world", ["haproxy"], indirect=True)
async def test_a_proxy_that_is_slow_to_learn_of_pods_and_of_routes_loses_no_request(
    world: World,
) -> None:
    # Given an app under a Canary, behind a proxy that learns when it is let; nothing else gives
    # requests time to end
    assert isinstance(world, ProxiedWorld)
    await world.create_app("1.0")
    await world.expose_app()
    host = f"{APP}.{world.namespace}.svc.cluster.local"
    await world.create(ingress(world.namespace, host, "haproxy"), INGRESS)
    await world.until(world.answers, "the app answers", seconds=120)
    teacher = Teacher(world.mesh)
    async with world.traffic() as load:
        await world.start_controller("--drain", "0s")
        await world.create_canary(ingressRef=REFERENCE, analysis=STEPS)
        await world.until_phase("Initialized", seconds=120)
        async with teaching(world, teacher):
            # When a version is released, then the canary gets traffic once the proxy knows its pods
            await teacher.hold(*PODS)
            await world.release("2.0")
            await when_it_is_approved(world)
            await world.until_routed(50)
            await load.reaches(100)
            await when_it_is_approved(world)
            await world.until_routed(100)
            # When it is promoted, then the primary gets its traffic once the proxy knows its pods
            await teacher.hold(*PODS)
            await when_it_is_approved(world)
            await world.until_phase("Succeeded", seconds=120)
            # Then the canary has lost its pods once the proxy knew that it has no traffic
            await then_at_rest(world, "2.0")
            await load.reaches(100)
    then_nothing_was_lost(load)
    assert teacher.taught == [
        ("Progressing", "Propagating"),
        ("Promoting", "Propagating"),
        ("Finalising", "Draining"),
    ]
    assert load.stats().by_version.keys() == {"1.0", "2.0"}
