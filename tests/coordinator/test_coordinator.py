"""The coordinator: what is wrong with one plan of a hub is no matter of the others."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from canary.api.hub import FLEET_PLAN
from canary.api.schema import hub_crds
from canary.cluster.cluster import Cluster
from canary.coordinator.coordinator import Coordinator
from canary.demo import manifests
from canary.demo.embedded import CRD, NAMESPACE
from tests.controller.faults import Fault, answer, kubeconfig, proxied
from tests.controller.running import until
from tidegate_embedded.apiserver import EmbeddedApiServer

PLACE = "releases"
WAVES = [{"name": "all", "clusters": ["eu-1"]}]


async def furnish(api: Cluster, *plans: str) -> None:
    for definition in hub_crds().values():
        await api.create(definition, CRD)
    await api.create(manifests.namespace(PLACE), NAMESPACE)
    for name in plans:
        plan = {
            "apiVersion": "tidegate.dev/v1beta1",
            "kind": "FleetPlan",
            "metadata": {"name": name, "namespace": PLACE},
            "spec": {"waves": WAVES},
        }
        await api.create(plan, FLEET_PLAN)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(answer(403), id="may not be written"),
        pytest.param(answer(413), id="is too large for the hub"),
        pytest.param(answer(409), id="is another one by now"),
    ],
)
async def test_the_other_plans_are_decided_where_one_cannot_be_written(
    fault: Fault, tmp_path: Path
) -> None:
    async with EmbeddedApiServer() as server, proxied(server.url) as proxy:
        path = kubeconfig(tmp_path / "config", proxy.url)
        async with Cluster.connect(kubeconfig=str(path), user_agent="test") as api:
            await furnish(api, "a", "b", "c")
            for name in ("a", "b"):
                proxy.meet(f"^PATCH .*/{name}/status", fault, always=True)
        async with Cluster.connect(kubeconfig=str(path), user_agent="fleet") as hub:
            coordinator = Coordinator(hub, namespace=PLACE, identity="test", tick_seconds=0.2)
            running = asyncio.create_task(coordinator.run())

            async def decided() -> bool:
                plan = await hub.read(FLEET_PLAN, PLACE, "c")
                return bool((plan.get("status") or {}).get("conditions"))

            try:
                await until(decided, "the plan c is decided")
                await until(lambda: proxy.asked("^PATCH .*/a/status"), "a was tried")
                await until(lambda: proxy.asked("^PATCH .*/b/status"), "b was tried")
            finally:
                running.cancel()
                with suppress(asyncio.CancelledError):
                    await running
