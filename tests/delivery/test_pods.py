"""The pods of a release on a real control plane: admitted, spread, and not all taken at once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.controller.running import until
from tests.delivery.process import DEADLINE_SECONDS
from tests.delivery.release import Release
from tests.testbed.control_plane import ControlPlane
from tests.testbed.nodes import NODE_COUNT

pytestmark = pytest.mark.control_plane

MERGE = {"Content-Type": "application/merge-patch+json"}
NODES = "/api/v1/nodes"
PROBES = "/api/v1/namespaces/default/pods"
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
ZONE, HOSTNAME = "topology.kubernetes.io/zone", "kubernetes.io/hostname"


async def items(api: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
    """List objects."""
    found: list[dict[str, Any]] = (await api.get(path)).raise_for_status().json()["items"]
    return found


async def patch_nodes(api: httpx.AsyncClient, *patches: dict[str, Any]) -> str:
    """Merge a patch into each node, the last one into all that are left; name the last node."""
    names: list[str] = [each["metadata"]["name"] for each in await items(api, NODES)]
    for number, name in enumerate(names):
        patch = patches[min(number, len(patches) - 1)]
        (await api.patch(f"{NODES}/{name}", json=patch, headers=MERGE)).raise_for_status()
    return names[-1]


async def finds_a_node(api: httpx.AsyncClient, where: dict[str, str]) -> bool:
    """Ask the scheduler, by a pod that is deleted at once, whether a pod finds a node now."""
    containers = [{"name": "probe", "image": "probe:1"}]
    pod = {
        "metadata": {"generateName": "probe-"},
        "spec": {"nodeSelector": where, "containers": containers},
    }
    made = (await api.post(PROBES, json=pod)).raise_for_status().json()
    path = f"{PROBES}/{made['metadata']['name']}"

    async def judged() -> dict[str, Any] | None:
        status = (await api.get(path)).raise_for_status().json().get("status", {})
        by_type = {each["type"]: each for each in status.get("conditions", [])}
        return by_type.get("PodScheduled")

    condition = await until(judged, "the scheduler has judged a pod", seconds=DEADLINE_SECONDS)
    (await api.delete(path, params={"gracePeriodSeconds": 0})).raise_for_status()
    return bool(condition["status"] == "True")


@asynccontextmanager
async def zoned(api: httpx.AsyncClient) -> AsyncIterator[None]:
    """Put one node into a zone, and all others into another, while the context is open."""
    north, south = ({"metadata": {"labels": {ZONE: name}}} for name in ("north", "south"))
    last = await patch_nodes(api, north, south)
    try:
        known = partial(finds_a_node, api, {HOSTNAME: last, ZONE: "south"})
        await until(known, "the scheduler knows of zones", seconds=DEADLINE_SECONDS)
        yield
    finally:
        await patch_nodes(api, {"metadata": {"labels": {ZONE: None}}})


@asynccontextmanager
async def cordoned(api: httpx.AsyncClient) -> AsyncIterator[None]:
    """Let no pod get a node while the context is open."""
    await patch_nodes(api, {"spec": {"unschedulable": True}})

    async def known() -> bool:
        return not await finds_a_node(api, {})

    try:
        await until(known, "the scheduler knows that nodes are cordoned", seconds=DEADLINE_SECONDS)
        yield
    finally:
        await patch_nodes(api, {"spec": {"unschedulable": None}})


class Placed:
    """A release's pods, where its namespace restricts pods."""

    def __init__(self, release: Release, api: httpx.AsyncClient) -> None:
        namespace, name = release.namespace, release.name
        self.api, self._release = api, release
        self._deployment = f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}"
        self._budget = f"/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets/{name}"
        self._pods = f"/api/v1/namespaces/{namespace}/pods"

    async def install(self, replicas: int) -> None:
        """Install the release with so many replicas, in a namespace made for it."""
        namespace = {"metadata": {"name": self._release.namespace, "labels": RESTRICTED}}
        (await self.api.post("/api/v1/namespaces", json=namespace)).raise_for_status()
        self._release.install(f"replicaCount={replicas}")
        await self.until_available(replicas)

    async def until_available(self, replicas: int) -> None:
        """Wait until so many replicas are available, and all but one of them may be taken."""

        async def available() -> bool:
            seen = await self._read(self._deployment, "availableReplicas")
            to_spare = await self._read(self._budget, "disruptionsAllowed")
            return (seen, to_spare) == (replicas, replicas - 1)

        await until(available, f"{replicas} replicas are available", seconds=DEADLINE_SECONDS)

    async def _read(self, path: str, field: str) -> Any:
        return (await self.api.get(path)).raise_for_status().json().get("status", {}).get(field)

    async def nodes(self) -> dict[str, str]:
        """Give the nodes of the pods, by the pods' names."""
        return {
            each["metadata"]["name"]: each["spec"]["nodeName"]
            for each in await items(self.api, self._pods)
        }

    async def evict(self, pod: str) -> httpx.Response:
        """Ask for a pod's eviction, as `kubectl drain` does."""
        eviction = {"metadata": {"name": pod, "namespace": self._release.namespace}}
        return await self.api.post(f"{self._pods}/{pod}/eviction", json=eviction)


@asynccontextmanager
async def placed(plane: ControlPlane, folder: Path, namespace: str) -> AsyncIterator[Placed]:
    """Have a release in a namespace, removed at the end."""
    release = Release(plane=plane, folder=folder, namespace=namespace)
    async with plane.client() as api:
        yield Placed(release, api)
        release.uninstall()


async def test_replicas_are_on_nodes_of_their_own_and_a_drain_of_all_nodes_leaves_one(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    async with placed(control_plane, tmp_path, "gates-drained") as pods:
        await pods.install(NODE_COUNT)
        running = await pods.nodes()
        assert len(set(running.values())) == NODE_COUNT
        async with cordoned(pods.api):
            answers = [await pods.evict(each) for each in running]
            # Whoever drains asks again for the last one, until another can take its place.
            assert [each.status_code for each in answers] == [201, 201, 429]
            assert "violate the pod's disruption budget" in answers[-1].json()["message"]
        await pods.until_available(NODE_COUNT)


async def test_two_replicas_are_in_two_zones(control_plane: ControlPlane, tmp_path: Path) -> None:
    async with placed(control_plane, tmp_path, "gates-zoned") as pods, zoned(pods.api):
        await pods.install(2)
        zones = {
            each["metadata"]["name"]: each["metadata"]["labels"][ZONE]
            for each in await items(pods.api, NODES)
        }
        assert {zones[node] for node in (await pods.nodes()).values()} == {"north", "south"}
