"""The strategies, workloads and scalers whose lives are cut short.

A row is a Canary, what happens to it, and the weights that its route goes through.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from canary.api.kinds import (
    AUTOSCALER,
    DAEMON_SET,
    DEPLOYMENT,
    KNATIVE_SERVICE,
    POD,
    SERVICE,
    STATEFUL_SET,
)
from canary.demo import manifests
from canary.demo.manifests import APP, PORT
from tests import knative
from tests.controller import keda
from tests.controller.running import CANARY, VIRTUAL_SERVICE, until
from tests.hard.crashing import COOKIE, Life
from tests.hard.worlds import HardWorld

METRIC = {"name": "errors", "query": "errors", "thresholdRange": {"max": 1}}
UNBEARABLE = METRIC | {"name": "no errors at all", "thresholdRange": {"max": -1}}
SKIP = "@tester via cli at 2026-01-01T00:00:00Z for step+gates to last: known"
GATE = {"type": "confirm-traffic-increase", "name": "by-hand"}
GATEWAY = {"gatewayRefs": [{"group": "", "kind": "Service", "name": APP, "port": PORT}]}
INSIDERS = [{"headers": {"x-insider": {"exact": "yes"}}}]
AFFINITY = {"sessionAffinity": {"cookieName": COOKIE}}
WITH_ORDINALS = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": APP}
HPA = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": APP}
ON_EVERY_NODE = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": APP}


async def deployed(world: HardWorld) -> None:
    await world.create_app()


async def running(world: HardWorld) -> None:
    await world.create_app()
    await until(lambda: has(world, 2), "it runs")


async def deployed_behind_rules(world: HardWorld) -> None:
    """Create the app, and a route that its user keeps: one rule of it leads elsewhere."""
    await world.create_app()
    to = [{"destination": {"host": APP}}]
    rules = [{"name": name, "route": to} for name in ("api", "shop")]
    route = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": APP, "namespace": world.namespace},
        "spec": {
            "hosts": ["shop.example.com"],
            "http": [*rules, {"name": "old", "redirect": {"uri": "/new"}}],
        },
    }
    await world.api.create(route, VIRTUAL_SERVICE)


async def deployed_behind_a_route(world: HardWorld) -> None:
    """Create the app, and a route of its user, which the Canary takes over."""
    await world.create_app()
    route = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": APP, "namespace": world.namespace},
        "spec": {"hosts": [APP], "http": [{"route": [{"destination": {"host": APP}}]}]},
    }
    await world.api.create(route, VIRTUAL_SERVICE)


async def deployed_under_keda(world: HardWorld) -> None:
    await world.create_app()
    await keda.create_scaled_object(world, "up")


async def deployed_under_an_hpa(world: HardWorld) -> None:
    await world.create_app()
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": APP}
    load = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}
    metrics = [{"type": "Resource", "resource": load}]
    await world.api.create(
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": APP, "namespace": world.namespace},
            "spec": {
                "scaleTargetRef": target,
                "minReplicas": 2,
                "maxReplicas": 4,
                "metrics": metrics,
            },
        },
        AUTOSCALER,
    )


async def led_to(world: HardWorld) -> None:
    """Create the user's Service, which leads to the pods of a version."""
    ports = [{"name": "http", "port": PORT, "targetPort": 9898, "protocol": "TCP"}]
    await world.api.create(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": APP, "namespace": world.namespace},
            "spec": {"selector": {"app": APP, "version": "1"}, "ports": ports},
        },
        SERVICE,
    )


async def on_every_node(world: HardWorld) -> None:
    app = manifests.deployment("1", namespace=world.namespace)
    spec = {key: app["spec"][key] for key in ("selector", "template")}
    await world.api.create(app | {"kind": "DaemonSet", "spec": spec}, DAEMON_SET)


async def serverless(world: HardWorld) -> None:
    await world.api.create(knative.service("1", namespace=world.namespace), KNATIVE_SERVICE)


async def with_ordinals(world: HardWorld) -> None:
    app = manifests.deployment("1", namespace=world.namespace)
    spec = {key: app["spec"][key] for key in ("selector", "template")}
    spec |= {"replicas": 3, "serviceName": APP}
    await world.api.create(app | {"kind": "StatefulSet", "spec": spec}, STATEFUL_SET)
    await until_ordinals(world, "1", "1", "1")


async def until_ordinals(world: HardWorld, *tags: str) -> None:
    """Wait until the pods, by ordinal, run these versions, and their StatefulSet has counted them."""

    async def run() -> bool:
        pods = {each["metadata"]["name"]: each for each in await world.objects(POD)}
        images = [pods[name]["spec"]["containers"][0]["image"] for name in sorted(pods)]
        target = await world.read(STATEFUL_SET, APP)
        ready = ((target or {}).get("status") or {}).get("availableReplicas") == len(tags)
        return ready and [each.rpartition(":")[2] for each in images] == list(tags)

    await until(run, f"the pods run {tags}")


async def release_to_ordinals(life: Life, tag: str) -> None:
    template = manifests.pod_template(tag)
    await life.world.patch(STATEFUL_SET, APP, {"spec": {"template": template}})


async def promoted_to_ordinals(life: Life) -> None:
    await release_to_ordinals(life, "2")
    await life.until_phase("Succeeded")
    await until_ordinals(life.world, "2", "2", "2")


async def taken_back_from_ordinals(life: Life) -> None:
    await release_to_ordinals(life, "image-pull")
    await life.until_phase("Failed")
    await until_ordinals(life.world, "1", "1", "1")


async def skipped(life: Life) -> None:
    """Skip the first step, which waits for a person, to the last one."""
    await life.world.release()
    await life.until(
        lambda status: (status.get("waitingFor") or {}).get("reason") == "TrafficGate",
        "held at the end of its step",
    )
    skip = {"metadata": {"annotations": {"tidegate.dev/skip": SKIP}}}
    await life.world.patch(CANARY, APP, skip)
    await life.until_phase("Succeeded")


async def promoted(life: Life) -> None:
    await life.world.release()
    await life.until_phase("Succeeded")


async def promoted_and_parked(life: Life) -> None:
    """Promote, and wait until it is recorded that the target is parked.

    On the control plane the first life ends before the second one begins, and can't wait to be like it.
    """
    await promoted(life)
    await life.until(lambda status: status.get("targetParked", False), "parked")


async def promoted_on_every_node(life: Life) -> None:
    template = manifests.pod_template("2")
    await life.world.patch(DAEMON_SET, APP, {"spec": {"template": template}})
    await life.until_phase("Succeeded")


async def promoted_to_a_revision(life: Life) -> None:
    await life.world.patch(KNATIVE_SERVICE, APP, {"spec": {"template": knative.template("2")}})
    await life.until_phase("Succeeded")


async def led_elsewhere(life: Life) -> None:
    """Have the user's Service lead to the next version."""
    await life.world.patch(SERVICE, APP, {"spec": {"selector": {"app": APP, "version": "2"}}})
    await life.until_phase("Succeeded")


async def rolled_back(life: Life) -> None:
    await life.world.release(tag="image-pull")
    await life.until_phase("Failed")


async def taken_back_in_parts(life: Life) -> None:
    await life.world.release()
    await life.until(
        lambda status: status.get("phase") == "Failed" and status.get("targetParked", False),
        "failed, and nothing is left to serve",
    )


async def cancelled(life: Life) -> None:
    await life.world.release()
    await life.until(
        lambda status: (status.get("waitingFor") or {}).get("reason") == "TrafficGate",
        "held at its gate",
    )
    await life.world.release(tag="1")
    await life.until_phase("Succeeded")


async def promoted_and_held(life: Life) -> None:
    await promoted(life)
    await until_held(life.world, 2)


async def rolled_back_and_held(life: Life) -> None:
    await rolled_back(life)
    await until_held(life.world, 2)


async def deleted_and_resumed(life: Life) -> None:
    await until_held(life.world, 2)
    await deleted(life)
    await until(lambda: has(life.world, 2), "it is its own controller's again")


async def until_held(world: HardWorld, pods: int) -> None:
    """Wait until a kept Deployment is paused, and has its pods."""
    await until(lambda: has(world, pods, paused=True), "it is held")


async def has(world: HardWorld, pods: int, *, paused: bool = False) -> bool:
    found = await world.read(DEPLOYMENT, APP) or {}
    available = (found.get("status") or {}).get("availableReplicas")
    return bool(available == pods and found["spec"].get("paused", False) is paused)


async def returned(life: Life) -> None:
    """Go back to a revision that was promoted a moment ago."""
    for number, tag in enumerate(("2", "3", "2"), 1):
        await life.world.release(tag=tag)
        await life.until(
            lambda status, number=number: (
                (status.get("phase"), status.get("runs")) == ("Succeeded", number)
                and not status.get("notices")
            ),
            f"{tag} is promoted",
        )


async def deleted(life: Life) -> None:
    await life.world.api.delete(CANARY, life.world.namespace, APP)
    await life.until_gone()


@dataclass(frozen=True, kw_only=True)
class Strategy:
    """A Canary, what is done to it, and the weights that its route goes through."""

    id: str
    live: Callable[[Life], Awaitable[None]]
    weights: list[int]
    workload: Callable[[HardWorld], Awaitable[None]] = deployed
    """Creates what the Canary names."""
    analysis: Mapping[str, Any] = field(default_factory=dict)
    spec: Mapping[str, Any] = field(default_factory=dict)
    leaves: str = ""
    """What stands in what is left."""
    before: Callable[[Life], Awaitable[None]] | None = None
    """Creates what else there is before the Canary."""
    elsewhere: bool = False
    """Whether the routes are in another cluster."""

    async def begin(self, life: Life) -> None:
        """Set the Canary up, whose deadline no number of deaths reaches."""
        await self.workload(life.world)
        if self.before is not None:
            await self.before(life)
        steps = {} if {"iterations", "steps"} & self.analysis.keys() else {"stepWeights": [20, 60]}
        await life.world.create_canary(
            analysis={**steps, "metrics": [METRIC], **self.analysis},
            progressDeadlineSeconds=24 * 3600,
            **self.spec,
        )
        await life.until_phase("Initialized")


WEIGHTED = Strategy(
    id="steps of weights, with Istio", live=promoted_and_parked, weights=[0, 20, 60, 0]
)
ELSEWHERE = Strategy(
    id="with a route of its user's in another cluster",
    live=promoted,
    weights=[0, 20, 60, 0],
    workload=deployed_behind_a_route,
    leaves="original-configuration",
    elsewhere=True,
)
STRATEGIES = (
    Strategy(
        id="told in threads",
        live=promoted,
        weights=[0, 20, 60, 0],
        before=Life.create_chat,
        analysis={"alerts": [{"name": "chat", "providerRef": {"name": "chat"}}]},
    ),
    Strategy(id="with SMI", live=promoted, weights=[0, 20, 60, 0], spec={"provider": "smi"}),
    Strategy(
        id="with the Gateway API, whose clients stay",
        live=promoted,
        weights=[0, 20, 60, 0],
        analysis=AFFINITY,
        leaves=f"{COOKIE}=of-a-run",
        spec={
            "provider": "gatewayapi",
            "service": {"port": PORT, "targetPort": 9898, **GATEWAY},
        },
    ),
    Strategy(
        id="by the apex Service",
        live=promoted,
        weights=[0, 100, 0],
        spec={"provider": "kubernetes"},
        analysis={"iterations": 2},
    ),
    Strategy(
        id="promotion in steps, of clients that stay",
        live=promoted,
        weights=[0, 20, 60, 30, 0],
        analysis={"stepWeightPromotion": 30, **AFFINITY},
        leaves=f"{COOKIE}=of-a-run",
    ),
    Strategy(
        id="A/B testing",
        live=promoted,
        weights=[0, 100, 0],
        analysis={"iterations": 2, "match": INSIDERS},
    ),
    Strategy(
        id="steps one by one",
        live=promoted,
        weights=[0, 100, 20, 50, 0],
        analysis={
            "steps": [
                {"weight": 100, "match": INSIDERS},
                {"weight": 20, "duration": "2s"},
                {"weight": 50},
            ]
        },
    ),
    Strategy(
        id="blue/green",
        live=promoted,
        weights=[0, 100, 0],
        analysis={"iterations": 2, "mirror": True},
    ),
    Strategy(id="without an analysis", live=promoted, weights=[0], spec={"skipAnalysis": True}),
    Strategy(
        id="on every node",
        live=promoted_on_every_node,
        # One node has one pod of the primary, which is gone while it is replaced.
        weights=[0, 20, 60, 100, 0],
        workload=on_every_node,
        spec={"targetRef": ON_EVERY_NODE},
    ),
    Strategy(
        id="between Revisions of Knative",
        live=promoted_to_a_revision,
        weights=[0, 20, 60, 0],
        workload=serverless,
        spec={"targetRef": knative.REFERENCE, "provider": "knative", "service": {"port": PORT}},
    ),
    Strategy(
        id="by ordinals",
        live=promoted_to_ordinals,
        # Before the Canary comes, its user's partition holds no pod.
        weights=[100, 0, 33, 66, 100, 0],
        workload=with_ordinals,
        spec={"targetRef": WITH_ORDINALS, "provider": "kubernetes:replicas"},
    ),
    Strategy(
        id="by ordinals, taken back",
        live=taken_back_from_ordinals,
        weights=[100, 0, 33, 0],
        workload=with_ordinals,
        spec={"targetRef": WITH_ORDINALS, "provider": "kubernetes:replicas"},
    ),
    Strategy(
        id="kept",
        live=promoted_and_held,
        weights=[0, 20, 60, 0],
        workload=running,
        spec={"keepTarget": True},
    ),
    Strategy(
        id="kept, rolled back",
        live=rolled_back_and_held,
        weights=[0],
        workload=running,
        spec={"keepTarget": True},
    ),
    Strategy(
        id="kept, deleted",
        live=deleted_and_resumed,
        weights=[0],
        workload=running,
        spec={"keepTarget": True},
    ),
    Strategy(
        id="skipped to a step",
        live=skipped,
        weights=[0, 10, 60, 0],
        analysis={
            "steps": [
                {"weight": 10, "approval": True},
                {"weight": 30},
                {"name": "last", "weight": 60},
            ]
        },
    ),
    Strategy(
        id="with pods for each weight",
        live=promoted,
        weights=[0, 20, 60, 0],
        analysis={"canaryScale": {"matchTrafficWeight": True}},
    ),
    Strategy(
        id="scaled by KEDA",
        live=promoted,
        weights=[0, 20, 60, 0],
        workload=deployed_under_keda,
        spec={"autoscalerRef": keda.REFERENCE},
    ),
    Strategy(
        id="scaled by an HPA",
        live=promoted,
        weights=[0, 20, 60, 0],
        workload=deployed_under_an_hpa,
        spec={"autoscalerRef": HPA},
    ),
    Strategy(
        id="between versions that others run, by a Service",
        live=led_elsewhere,
        weights=[0, 20, 60, 0],
        workload=led_to,
        spec={"targetRef": {"apiVersion": "v1", "kind": "Service", "name": APP}},
    ),
    Strategy(
        id="copies first, and a bake",
        live=promoted,
        weights=[0, 20, 60, 0],
        analysis={"mirror": True, "bakeTime": "2s"},
    ),
    Strategy(
        id="rules that a user keeps, for some and for all",
        live=promoted,
        weights=[0, 100, 20, 0],
        workload=deployed_behind_rules,
        analysis={"steps": [{"weight": 100, "match": INSIDERS}, {"weight": 20}]},
        spec={
            "managedRoutes": [
                {
                    "kind": "VirtualService",
                    "name": APP,
                    "rules": [{"name": "api"}, {"name": "shop"}],
                }
            ]
        },
    ),
    Strategy(
        id="returned to a known good revision",
        live=returned,
        weights=[0, 20, 60, 0, 20, 60, 0],
        analysis={"rollbackWindow": {"revisions": 1}},
    ),
    Strategy(id="left behind", live=deleted, weights=[0], spec={"deletionPolicy": "orphan"}),
    Strategy(id="rolled back", live=rolled_back, weights=[0]),
    Strategy(
        id="taken back in parts",
        live=taken_back_in_parts,
        weights=[0, 20, 60, 30, 0],
        analysis={
            "steps": [{"weight": 20}, {"weight": 60, "metrics": [UNBEARABLE]}],
            "stepWeightRollback": 30,
            "threshold": 1,
        },
    ),
    Strategy(id="cancelled", live=cancelled, weights=[0], analysis={"webhooks": [GATE]}),
    Strategy(id="deleted", live=deleted, weights=[0]),
)
