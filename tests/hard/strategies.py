"""The strategies, workloads and scalers whose lives are cut short.

A row is a Canary, what happens to it, and the weights that its route goes through.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from canary.api.kinds import DAEMON_SET
from canary.demo import manifests
from canary.demo.manifests import APP, PORT
from tests.controller import keda
from tests.controller.running import CANARY
from tests.hard.crashing import Life
from tests.hard.worlds import HardWorld

METRIC = {"name": "errors", "query": "errors", "thresholdRange": {"max": 1}}
GATE = {"type": "confirm-traffic-increase", "name": "by-hand"}
GATEWAY = {"gatewayRefs": [{"group": "", "kind": "Service", "name": APP, "port": PORT}]}
INSIDERS = [{"headers": {"x-insider": {"exact": "yes"}}}]
ON_EVERY_NODE = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": APP}


async def deployed(world: HardWorld) -> None:
    await world.create_app()


async def deployed_under_keda(world: HardWorld) -> None:
    await world.create_app()
    await keda.create_scaled_object(world, "up")


async def on_every_node(world: HardWorld) -> None:
    app = manifests.deployment("1", namespace=world.namespace)
    spec = {key: app["spec"][key] for key in ("selector", "template")}
    await world.api.create(app | {"kind": "DaemonSet", "spec": spec}, DAEMON_SET)


async def promoted(life: Life) -> None:
    await life.world.release()
    await life.until_phase("Succeeded")


async def promoted_on_every_node(life: Life) -> None:
    template = manifests.pod_template("2")
    await life.world.patch(DAEMON_SET, APP, {"spec": {"template": template}})
    await life.until_phase("Succeeded")


async def rolled_back(life: Life) -> None:
    await life.world.release(tag="image-pull")
    await life.until_phase("Failed")


async def cancelled(life: Life) -> None:
    await life.world.release()
    await life.until(
        lambda status: (status.get("waitingFor") or {}).get("reason") == "TrafficGate",
        "held at its gate",
    )
    await life.world.release(tag="1")
    await life.until_phase("Succeeded")


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
    before: Callable[[Life], Awaitable[None]] | None = None
    """Creates what else there is before the Canary."""

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


WEIGHTED = Strategy(id="steps of weights, with Istio", live=promoted, weights=[0, 20, 60, 0])
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
        id="with the Gateway API",
        live=promoted,
        weights=[0, 20, 60, 0],
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
        id="promotion in steps",
        live=promoted,
        weights=[0, 20, 60, 30, 0],
        analysis={"stepWeightPromotion": 30},
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
        id="scaled by KEDA",
        live=promoted,
        weights=[0, 20, 60, 0],
        workload=deployed_under_keda,
        spec={"autoscalerRef": keda.REFERENCE},
    ),
    Strategy(id="rolled back", live=rolled_back, weights=[0]),
    Strategy(id="cancelled", live=cancelled, weights=[0], analysis={"webhooks": [GATE]}),
    Strategy(id="deleted", live=deleted, weights=[0]),
)
