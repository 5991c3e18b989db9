"""A story of objects in the peer's own group and format, served where they are.

On a real control plane their CRDs are the peer's own; in the embedded world they are ours, and keep
of a status what the peer's keep.
"""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from canary.api.kinds import SECRET, Kind, Manifest
from canary.api.meta import PEER_GROUP
from canary.controller.canaries import canary_kind
from canary.demo.embedded import EmbeddedWorld
from canary.demo.manifests import APP, CONTAINER_PORT, PORT
from canary.demo.world import World
from canary.errors import NotFound
from tests.controller.test_peer import ANYTHING, peer_crd
from tests.delivery import role
from tests.stories.conftest import Receiver
from tests.stories.telling import then_at_rest, then_nothing_was_lost
from tests.testbed.test_peer_crds import published_crds
from tests.testbed.world import RealWorld, Stage, install

pytestmark = [pytest.mark.story, pytest.mark.asyncio(loop_scope="session")]

CANARY = canary_kind(PEER_GROUP)
METRIC_TEMPLATE, ALERT_PROVIDER = (
    Kind(group=PEER_GROUP, versions=("v1beta1",), kind=kind, plural=f"{kind.lower()}s")
    for kind in ("MetricTemplate", "AlertProvider")
)
#: The account that tidegate has where it serves the peer's group and no other.
ACCOUNT = "tidegate-peer"

#: What dashboards and scripts of the peer's users read, beside the condition.
READ_BY_TOOLS = {
    *("phase", "canaryWeight", "failedChecks", "iterations", "lastTransitionTime"),
    *("lastAppliedSpec", "lastPromotedSpec", "trackedConfigs"),
}
#: As its users write them: only what is in braces belongs to the story.
OBJECTS = """
apiVersion: flagger.app/v1beta1
kind: MetricTemplate
metadata: {{name: orders}}
spec:
  provider:
    type: prometheus
    address: {receiver}
  query: |
    sum(rate(orders_total{{app="{{{{ target }}}}"}}[{{{{ interval }}}}]))
---
apiVersion: flagger.app/v1beta1
kind: AlertProvider
metadata: {{name: on-call}}
spec:
  type: slack
  channel: releases
  username: flagger
  secretRef: {{name: on-call}}
---
apiVersion: flagger.app/v1beta1
kind: Canary
metadata: {{name: {app}}}
spec:
  provider: istio
  targetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {app}
  progressDeadlineSeconds: 600
  service:
    port: {port}
    targetPort: {container_port}
    portDiscovery: false
  analysis:
    interval: 1s
    threshold: 2
    maxWeight: 50
    stepWeight: 25
    metrics:
      - name: orders
        interval: 1m
        templateRef: {{name: orders}}
        thresholdRange: {{min: 50}}
    alerts:
      - name: on-call
        severity: warn
        providerRef: {{name: on-call}}
    webhooks:
      - name: ask-before-each-step
        type: confirm-traffic-increase
        url: {receiver}/gate
        timeout: 30s
        metadata: {{team: checkout}}
"""


def published_or_like_them(kind: str) -> Manifest:
    """Give a CRD for the embedded world, where there is no module to read the peer's from."""
    crd = peer_crd()
    if kind != "Canary":
        names = {"kind": kind, "listKind": f"{kind}List"}
        names |= {"singular": kind.lower(), "plural": f"{kind.lower()}s"}
        schema = {"type": "object", "properties": {"spec": ANYTHING}}
        version = {"name": "v1beta1", "served": True, "storage": True}
        version["schema"] = {"openAPIV3Schema": schema}
        crd["metadata"]["name"] = f"{names['plural']}.{PEER_GROUP}"
        crd["spec"] |= {"names": names, "versions": [version]}
    return crd


@pytest_asyncio.fixture(loop_scope="session")
async def world(stage: Stage | None, tmp_path: Path) -> AsyncIterator[World]:
    """Start a world that has the peer's kinds."""
    kinds = ("Canary", "MetricTemplate", "AlertProvider")
    if stage is None:
        async with EmbeddedWorld(directory=tmp_path, drain="1s") as world:
            world.group = PEER_GROUP
            await install(world.api, map(published_or_like_them, kinds))
            yield world
        return
    await install(stage.api, published_crds())
    kubeconfig = await role.granted(
        stage.plane, tmp_path, f'apiGroups=["{PEER_GROUP}"]', release=ACCOUNT
    )
    stage = replace(stage, controller_kubeconfig=kubeconfig, lease=ACCOUNT)
    async with RealWorld(stage, router="istio", namespace="peer", directory=tmp_path) as world:
        world.group = PEER_GROUP
        yield world
    requests = list(role.asked(stage.plane.audit(), role.account(ACCOUNT)))
    assert requests
    assert role.refused(requests) == []


@asynccontextmanager
async def followed(world: World, version: str) -> AsyncIterator[list[Mapping[str, Any]]]:
    """Collect the status after every write, as tools that watch a Canary see it."""
    seen: list[Mapping[str, Any]] = []

    async def follow(version: str) -> None:
        while True:
            async with world.api.watch(CANARY, world.namespace, version) as events:
                async for kind, canary in events:
                    version = canary["metadata"]["resourceVersion"]
                    if kind == "MODIFIED":
                        seen.append(canary.get("status") or {})

    task = asyncio.create_task(follow(version))
    try:
        yield seen
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until_seen(world: World, seen: list[Mapping[str, Any]], *phases: str) -> None:
    """Wait until one of the phases has been seen last."""
    await world.until_phase(*phases, seconds=90)

    async def there() -> bool:
        return bool(seen) and seen[-1].get("phase") in phases

    await world.until(there, f"phase {' or '.join(phases)} is seen")


def promoted(status: Mapping[str, Any]) -> tuple[str, str]:
    """Give status and reason of the one condition that the peer's tools know."""
    found = [each for each in status.get("conditions") or () if each["type"] == "Promoted"]
    assert len(found) == 1, status
    assert found[0]["message"]
    assert found[0]["lastTransitionTime"]
    return found[0]["status"], found[0]["reason"]


def journey(seen: list[Mapping[str, Any]]) -> list[tuple[str, int]]:
    """Give the phases and weights in their order."""
    return [step for step, _ in groupby((each["phase"], each["canaryWeight"]) for each in seen)]


async def kubectl(world: World, *arguments: str) -> str:
    """Run the peer's users' own tool."""
    beside_python = Path(sys.executable).with_name("kubectl")
    program = str(beside_python) if beside_python.exists() else shutil.which("kubectl")
    assert program, "kubectl is missing: install the development dependencies"
    process = await asyncio.create_subprocess_exec(
        program,
        f"--kubeconfig={world.kubeconfig}",
        f"--namespace={world.namespace}",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode()


async def given_their_objects(world: World, receiver: Receiver) -> str:
    """Create the objects as they are, and give the version of the Canary."""
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "on-call", "namespace": world.namespace},
        "stringData": {"address": f"{receiver.url}/alerts"},
    }
    await world.create(secret, SECRET)
    text = OBJECTS.format(receiver=receiver.url, app=APP, port=PORT, container_port=CONTAINER_PORT)
    template, provider, canary = yaml.safe_load_all(text)
    canary["spec"]["service"] |= world.service
    for manifest, kind in (
        (template, METRIC_TEMPLATE),
        (provider, ALERT_PROVIDER),
        (canary, CANARY),
    ):
        manifest["metadata"]["namespace"] = world.namespace
        created = await world.create(manifest, kind)
        assert created["spec"] == manifest["spec"]
    version: str = created["metadata"]["resourceVersion"]
    return version


async def test_objects_of_the_peer_are_promoted_and_rolled_back_as_its_tools_expect(
    world: World, receiver: Receiver
) -> None:
    # Given an app, and the three kinds of the peer's objects as its users write them
    await world.create_app("1.0")
    await world.start_controller("--api-groups", PEER_GROUP)
    version = await given_their_objects(world, receiver)
    async with followed(world, version) as seen:
        await until_seen(world, seen, "Initialized")
        first = seen[-1]
        assert promoted(first) == ("True", "Initialized")
        assert first["lastAppliedSpec"] == first["lastPromotedSpec"]
        async with world.traffic() as load:
            # When a good version is released
            await world.release("2.0")
            await until_seen(world, seen, "Succeeded", "Failed")
            # Then its status has gone the way that dashboards draw
            run = [each for each in seen if each["phase"] not in {"Initializing", "Initialized"}]
            assert journey(run) == [
                *(("Progressing", weight) for weight in (0, 25, 50)),
                ("Promoting", 50),
                ("Finalising", 0),
                ("Succeeded", 0),
            ]
            assert list(dict.fromkeys(map(promoted, run))) == [
                *(("Unknown", phase) for phase in ("Progressing", "Promoting", "Finalising")),
                ("True", "Succeeded"),
            ]
            assert all(each.keys() >= READ_BY_TOOLS for each in run)
            assert run[0]["lastAppliedSpec"] != run[0]["lastPromotedSpec"]
            assert run[0]["lastPromotedSpec"] == first["lastPromotedSpec"]
            assert run[-1]["lastAppliedSpec"] == run[-1]["lastPromotedSpec"]
            assert "condition met" in await kubectl(
                world, "wait", "canaries.flagger.app/podinfo", "--for=condition=Promoted"
            )
            await then_at_rest(world, "2.0")

            # When the next one takes no orders
            del seen[:]
            receiver.value = 7.0
            await world.release("3.0")
            await until_seen(world, seen, "Failed")
            # Then it is rolled back after as many failed checks as are allowed, and told so
            assert max(each["failedChecks"] for each in seen) == 2
            assert promoted(seen[-1]) == ("False", "Failed")
            assert seen[-1]["canaryWeight"] == 0
            assert seen[-1]["lastAppliedSpec"] != seen[-1]["lastPromotedSpec"]
            assert seen[-1]["lastPromotedSpec"] == run[-1]["lastPromotedSpec"]
            await then_at_rest(world, "2.0")
            then_nothing_was_lost(load)

    async def told() -> bool:
        return bool(receiver.sent("/alerts"))

    await world.until(told, "the alert arrives")
    assert APP in str(receiver.sent("/alerts")[-1])
    # And each step was asked for, in the peer's words
    asked = receiver.sent("/gate")[0]
    assert asked["name"] == APP
    assert asked["namespace"] == world.namespace
    assert asked["phase"] == "Progressing"
    assert asked["metadata"]["team"] == "checkout"

    # When the Canary is deleted
    await world.api.delete(CANARY, world.namespace, APP)

    # Then nothing of it stays, and the app has its pods back
    async def gone() -> bool:
        try:
            await world.canary()
        except NotFound:
            return True
        return False

    await world.until(gone, "the Canary is gone", seconds=120)
