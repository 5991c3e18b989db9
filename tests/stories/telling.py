"""What stories have in common: what is given, what is waited for, and what must hold then."""

from collections.abc import Mapping
from contextlib import suppress
from math import sqrt
from typing import Any

import aiohttp

from canary.api.kinds import DEPLOYMENT, POD, Manifest
from canary.api.meta import GROUP
from canary.controller.canaries import canary_kind
from canary.demo.embedded import EmbeddedWorld
from canary.demo.manifests import APP, CONTAINER_PORT
from canary.demo.world import World
from tests.core.test_conditions import kstatus
from tests.delivery.argocd import HEALTH, run
from tidegate_embedded.load import Load

BY_HAND = {"type": "confirm-traffic-increase", "name": "by-hand"}
SUCCESS_RATE = {
    "name": "request-success-rate",
    "interval": "2s",
    "thresholdRange": {"min": 99},
    # A machine that is slow to scrape delays a release, and rolls none back.
    "onNoData": "hold",
}
QUICK = {"interval": "1s", "stepWeights": [20, 60], "metrics": [SUCCESS_RATE]}


async def given_a_canary(world: World, **analysis: Any) -> None:
    """The app runs at 1.0 under a Canary, is initialised, and its target has no pods any more.

    Where a release fails to come up, pods of the version before would stay beside it.
    """
    await world.create_app("1.0")
    await world.start_controller()
    await world.create_canary(analysis=QUICK | analysis)
    await world.until_phase("Initialized", seconds=120)

    async def parked() -> bool:
        return not await _pods(world, APP)

    await world.until(parked, "the target has no pods", seconds=120)


async def given_a_run_at_20(world: World) -> Mapping[str, Any]:
    """A run of 2.0, whose every step is approved by hand, has taken its first one: its status."""
    await world.release("2.0")
    await until_waiting(world, "TrafficGate")
    await world.annotate("approve")
    return await world.until_routed(20)


async def then_one_is_promoted_and_one_rolled_back(world: World, load: Load) -> None:
    """2.0 gets the share of each step, approved by hand, and is promoted; 3.0 fails and goes back."""
    await world.release("2.0")
    for weight in (20, 60):
        await until_waiting(world, "TrafficGate")
        await world.annotate("approve")
        await world.until_routed(weight)
        await then_share(world, load, weight)
    await until_waiting(world, "TrafficGate")
    await world.annotate("approve")
    status = await world.until_phase("Succeeded", seconds=120)
    assert status["history"][0]["outcome"] == "Promoted"
    await world.release("3.0", ERROR_RATE="1")
    await until_waiting(world, "TrafficGate")
    await world.annotate("approve")
    status = await world.until_phase("Failed", seconds=120)
    assert status["history"][0]["outcome"] == "RolledBack"


async def when_the_canary_is_deleted(world: World) -> None:
    """The app's Canary is deleted and gone, and with it its primary."""
    # Back to what serves, so that the app does not serve what was rolled back.
    await world.release("2.0")
    await world.api.delete(canary_kind(world.group), world.namespace, APP)

    async def gone() -> bool:
        return await world.read(DEPLOYMENT, f"{APP}-primary") is None

    await world.until(gone, "the primary is gone", seconds=120)


async def then_share(world: World, load: Load, percent: int) -> None:
    """The share of the canary in what Envoy sent is as asked for, within six standard errors."""
    before = await world.mesh.counters()
    await load.reaches(400)
    counts = {
        name: counted.total - (before[name].total if name in before else 0)
        for name, counted in (await world.mesh.counters()).items()
        if f"|{APP}" in name and f".{world.namespace}." in name
    }
    total = sum(counts.values())
    canary = sum(count for name, count in counts.items() if f"|{APP}-canary" in name)
    share = percent / 100
    assert abs(canary / total - share) <= 6 * sqrt(share * (1 - share) / total)


def then_nothing_was_lost(load: Load) -> None:
    """Every request was answered by a pod."""
    stats = load.stats()
    assert stats.lost == 0, stats.losses
    assert stats.requests > 0


async def then_at_rest(world: World, tag: str) -> None:
    """The primary runs a version, and the target has no pods."""
    primary = await world.read(DEPLOYMENT, f"{APP}-primary")
    assert primary is not None
    image = primary["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image.endswith(f":{tag}")

    async def parked() -> bool:
        target = await world.read(DEPLOYMENT, APP)
        return target is not None and target["spec"]["replicas"] == 0

    await world.until(parked, "the target has no replicas")


async def until_seen_as(world: World, argo_cd: str, generic: str) -> None:
    """Wait until Argo CD and kstatus, which Flux and others use, judge the Canary so."""

    async def there() -> bool:
        canary = await world.canary()
        return (run(HEALTH, canary)["status"], kstatus(canary)) == (argo_cd, generic)

    await world.until(there, f"{argo_cd} to Argo CD and {generic} to kstatus")


async def until_told(world: World, *reasons: str) -> list[str]:
    """Wait until the Canary has events with these reasons; give the reasons of all it has.

    Events are recorded after the status that they tell of.
    """
    told: list[str] = []

    async def all_there() -> bool:
        nonlocal told
        events = await world.events()
        told = [each["reason"] for each in events if each["involvedObject"]["kind"] == "Canary"]
        return set(reasons) <= set(told)

    await world.until(all_there, f"events {', '.join(reasons)}", seconds=120)
    return told


async def until_waiting(world: World, reason: str) -> dict[str, Any]:
    """Wait until the Canary waits for something, with no command left to carry out."""
    found: dict[str, Any] = {}

    async def there() -> bool:
        nonlocal found
        canary = await world.canary()
        found = canary.get("status") or {}
        commands = [key for key in canary["metadata"].get("annotations") or {} if GROUP in key]
        return (found.get("waitingFor") or {}).get("reason") == reason and not commands

    await world.until(there, f"waiting for {reason}", seconds=120)
    return found


async def until_running(world: World, app: str) -> None:
    """Wait until the containers of every pod that a Deployment asks for are reported to run.

    What is said of their readiness before that is written over by the report.
    """
    await world.until(lambda: _are_all_running(world, app), f"the pods of {app} run", seconds=120)


async def when_pods_say(world: World, app: str, *, ready: bool) -> None:
    """All pods of a side say from now on whether they are ready; they go on running."""
    say = _probed if isinstance(world, EmbeddedWorld) else _judged

    async def all_say_so() -> bool:
        if not await _are_all_running(world, app):
            return False
        other = [pod for pod in await _pods(world, app) if _is_ready(pod) != ready]
        with suppress(
            aiohttp.ClientConnectionError
        ):  # Its container runs, and does not listen yet.
            for pod in other:
                await say(world, pod, ready=ready)
        return not other

    await world.until(all_say_so, f"the pods of {app} say {ready=}", seconds=120)


async def _are_all_running(world: World, app: str) -> bool:
    """Tell whether the pods are those of the Deployment's newest template, and run.

    Pods of the template before are no longer counted when they are told to end, and run on.
    """
    deployment = await world.read(DEPLOYMENT, app) or {}
    wanted, status = deployment.get("spec", {}).get("replicas"), deployment.get("status", {})
    if status.get("observedGeneration") != deployment.get("metadata", {}).get("generation"):
        return False
    pods = await _pods(world, app)
    settled = wanted == status.get("replicas") == status.get("updatedReplicas") == len(pods)
    return settled and bool(pods) and all(map(_runs, pods))


def _runs(pod: Manifest) -> bool:
    containers = pod["status"].get("containerStatuses") or ()
    return bool(containers) and all("running" in each["state"] for each in containers)


def _is_ready(pod: Manifest) -> bool:
    conditions = pod["status"].get("conditions") or ()
    return "True" in [each["status"] for each in conditions if each["type"] == "Ready"]


async def _pods(world: World, app: str) -> list[Manifest]:
    """List the pods that are not told to end."""
    listed = [pod async for page, _ in world.api.pages(POD, world.namespace) for pod in page]
    return [
        pod
        for pod in listed
        if pod["metadata"]["labels"].get("app") == app
        and "deletionTimestamp" not in pod["metadata"]
    ]


async def _probed(_: World, pod: Manifest, *, ready: bool) -> None:
    """Have the pod itself answer its readiness probe otherwise."""
    url = f"http://{pod['status']['podIP']}:{CONTAINER_PORT}/admin/behaviour"
    async with (
        aiohttp.ClientSession() as session,
        session.patch(url, json={"ready": ready}) as answer,
    ):
        answer.raise_for_status()


async def _judged(world: World, pod: Manifest, *, ready: bool) -> None:
    """Write what a kubelet would find: nobody probes the pods of the control plane."""
    conditions = [
        {**each, "status": str(ready)} if each["type"] in {"Ready", "ContainersReady"} else each
        for each in pod["status"]["conditions"]
    ]
    await world.api.merge_patch(
        POD,
        world.namespace,
        pod["metadata"]["name"],
        {"status": {"conditions": conditions}},
        subresource="status",
    )
