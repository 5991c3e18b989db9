"""Fleets of Canaries, put into an API server as they would be there: at rest, or in a run.

One Canary is brought into a state for real; the fleet is made of copies of all that belongs to it.
No controllers of the cluster act on the copies, so that what is measured is tidegate.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import orjson

from canary.api.kinds import Manifest
from canary.api.schema import crds
from canary.cluster.cluster import Cluster
from canary.demo import manifests
from canary.demo.embedded import CRD, NAMESPACE
from canary.resources.revision import HASHING
from tests.controller.running import DEMO, World
from tidegate_embedded.apiserver import EmbeddedApiServer

KINDS = ("canaries", "deployments", "services", "virtualservices", "destinationrules")

Change = Callable[[Manifest, int], None]
"""Changes the copy of a Canary that has a number."""


class Fleet:
    """The objects of one Canary, to be copied."""

    def __init__(self, world: World, name: str) -> None:
        self._name = name
        self._objects: list[tuple[tuple[str, str], Manifest]] = []
        for key in world.server.registry.stored():
            for (_, each), stored in world.server.storage.history(key).objects.items():
                if (
                    key[1] in KINDS
                    and each.removesuffix("-primary").removesuffix("-canary") == name
                ):
                    self._objects.append((key, stored.object))

    def copy(
        self,
        server: EmbeddedApiServer,
        number: int,
        change: Change | None = None,
        *,
        namespace: str = DEMO,
    ) -> str:
        """Put a copy of the Canary and of all that belongs to it into a server; give its name."""
        name = f"fleet-{number:05}"
        text = orjson.dumps([each for _, each in self._objects]).decode()
        for _, each in self._objects:
            uid = each["metadata"]["uid"]
            text = text.replace(uid, str(uuid5(NAMESPACE_OID, f"{uid}/{number}")))
        copies = orjson.loads(text.replace(self._name, name))
        revisions = self._revisions(copies)
        text = orjson.dumps(copies).decode()
        for before, after in revisions.items():
            text = text.replace(before, after)
        for (key, _), each in zip(self._objects, orjson.loads(text), strict=True):
            if key[1] == "canaries" and change is not None:
                change(each, number)
            each["metadata"]["namespace"] = namespace
            server.storage.put(key, (namespace, each["metadata"]["name"]), each)
        return name

    def _revisions(self, copies: list[Manifest]) -> dict[str, str]:
        """Map the revision of the original to that of the copy, which has another template."""
        pairs: dict[str, str] = {}
        for (key, original), copy in zip(self._objects, copies, strict=True):
            if key[1] == "deployments" and original["metadata"]["name"] == self._name:
                before, after = (
                    HASHING.revision(each["spec"]["template"], {}) for each in (original, copy)
                )
                pairs[before] = after
        return pairs


@asynccontextmanager
async def a_server(directory: Path) -> AsyncIterator[tuple[EmbeddedApiServer, Path]]:
    """Run an API server that knows tidegate's kinds, and nothing that acts on objects."""
    async with EmbeddedApiServer(history_length=100_000) as server:
        kubeconfig = server.kubeconfig(directory / "fleet.kubeconfig")
        rate: dict[str, Any] = {"requests_per_second": 10_000, "burst": 10_000}
        async with Cluster.connect(kubeconfig=str(kubeconfig), **rate) as api:
            for crd in (*crds().values(), *manifests.routing_crds()):
                await api.create(crd, CRD)
            namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": DEMO}}
            await api.create(namespace, NAMESPACE)
        yield server, kubeconfig
