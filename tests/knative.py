"""Knative without Knative: a small reader of its Services, which stands in for its controllers.

Each template makes a Revision, which is ready unless its container has the environment variable
`BROKEN`; once it is ready, the traffic block holds. Where the world has a mesh, each Revision is a
Deployment with a Service of its name, and a VirtualService has the weights.
https://knative.dev/docs/serving/
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from canary.api.kinds import DEPLOYMENT, KNATIVE_SERVICE, SERVICE, Kind, Manifest
from canary.cluster.cluster import Cluster
from canary.demo import manifests
from canary.demo.embedded import CRD
from canary.demo.manifests import APP, CONTAINER_PORT, PORT
from canary.demo.world import DataPlane
from canary.errors import Conflict, NotFound
from tidegate_embedded.apiserver import EmbeddedApiServer
from tidegate_embedded.apiserver.resources import StorageKey
from tidegate_embedded.apiserver.storage import Event

REFERENCE = {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": APP}
VIRTUAL_SERVICE = Kind(
    group="networking.istio.io", versions=("v1",), kind="VirtualService", plural="virtualservices"
)


def definition() -> Manifest:
    """Give the CRD, which keeps whatever is written."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "subresources": {"status": {}}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "services.serving.knative.dev"},
        "spec": {
            "group": "serving.knative.dev",
            "scope": "Namespaced",
            "names": {"plural": "services", "singular": "service", "kind": "Service"},
            "versions": [version | {"schema": {"openAPIV3Schema": schema}}],
        },
    }


def template(tag: str, **behaviour: str) -> Manifest:
    """Give the template of a Revision of the app."""
    return manifests.pod_template(tag, behaviour=behaviour)


def service(tag: str, *, namespace: str, **behaviour: str) -> Manifest:
    """Give the app as its user writes it."""
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": APP, "namespace": namespace},
        "spec": {"template": template(tag, **behaviour)},
    }


class Knative:
    """Looks after the Knative Services of a namespace."""

    def __init__(self, api: Cluster, namespace: str, mesh: DataPlane | None) -> None:
        self._api = api
        self._namespace = namespace
        self._mesh = mesh
        self._changed = asyncio.Event()
        self._templates: defaultdict[str, list[str]] = defaultdict(list)
        """The templates that a Service has had, the first Revision's first."""

    def observe(self, key: StorageKey, _event: Event) -> None:
        """Look again when a Service or the pods of a Revision have changed."""
        if key in {("serving.knative.dev", "services"), ("apps", "deployments")}:
            self._changed.set()

    async def run(self) -> None:
        """Bring the statuses up to date whenever something has changed."""
        while True:
            self._changed.clear()
            pages = self._api.pages(KNATIVE_SERVICE, self._namespace)
            for found in [each async for page, _ in pages for each in page]:
                # What changed meanwhile is looked at again.
                with suppress(Conflict, NotFound):
                    await self._sync(found)
            await self._changed.wait()

    async def _sync(self, found: Manifest) -> None:
        name, known = found["metadata"]["name"], self._templates[found["metadata"]["name"]]
        text = json.dumps(found["spec"]["template"], sort_keys=True)
        if not known or known[-1] != text:
            known.append(text)
        newest = f"{name}-{len(known):05}"
        before = found.get("status") or {}
        ready = await self._comes_up(newest, found["spec"]["template"])
        serving = newest if ready else before.get("latestReadyRevisionName")
        status: Manifest = {
            "observedGeneration": found["metadata"]["generation"],
            "latestCreatedRevisionName": newest,
            "conditions": [
                _condition("ConfigurationsReady", ready),
                _condition("RoutesReady", True if serving else None),
            ],
        }
        if serving:
            status["latestReadyRevisionName"] = serving
            status["traffic"] = await self._routed(found, str(serving))
        if status != before:
            await self._api.merge_patch(
                KNATIVE_SERVICE,
                self._namespace,
                name,
                {"status": status},
                subresource="status",
                resource_version=found["metadata"]["resourceVersion"],
            )

    async def _comes_up(self, revision: str, template: Manifest) -> bool | None:
        """Have the pods of a Revision; False where they never come up, None while they do."""
        environment = template["spec"]["containers"][0].get("env") or ()
        if any(each["name"] == "BROKEN" for each in environment):
            return False
        if self._mesh is None:
            return True
        try:
            deployment = await self._api.read(DEPLOYMENT, self._namespace, revision)
        except NotFound:
            await self._create(revision, template)
            return None
        ready = (deployment.get("status") or {}).get("availableReplicas", 0)
        if ready != deployment["spec"]["replicas"]:
            return None
        # Knative asks its proxies whether they know a Revision before it calls it ready.
        await self._mesh.settled()
        return True

    async def _create(self, revision: str, template: Manifest) -> None:
        labels = {"app": revision}
        deployment = manifests.deployment("", name=revision, namespace=self._namespace)
        deployment["spec"]["template"] = template | {"metadata": {"labels": labels}}
        await self._api.create(deployment, DEPLOYMENT)
        await self._api.create(_core_service(revision, self._namespace, labels), SERVICE)

    async def _routed(self, found: Manifest, newest: str) -> list[Manifest]:
        """Have the traffic block hold; without one, the newest Revision has all of it."""
        traffic = found["spec"].get("traffic") or [{"latestRevision": True, "percent": 100}]
        entries = [each | {"revisionName": each.get("revisionName", newest)} for each in traffic]
        if self._mesh is not None:
            await self._route(found["metadata"]["name"], entries)
        return entries

    async def _route(self, name: str, entries: list[Manifest]) -> None:
        weights: defaultdict[str, int] = defaultdict(int)
        for each in entries:
            weights[each["revisionName"]] += each["percent"]
        hosts = {
            revision: f"{revision}.{self._namespace}.svc.cluster.local" for revision in weights
        }
        routes = [
            {"destination": {"host": hosts[each], "port": {"number": PORT}}, "weight": weight}
            for each, weight in weights.items()
        ]
        spec = {
            "hosts": [f"{name}.{self._namespace}.svc.cluster.local"],
            "http": [{"route": routes}],
        }
        try:
            await self._api.merge_patch(VIRTUAL_SERVICE, self._namespace, name, {"spec": spec})
        except NotFound:
            await self._api.create(_core_service(name, self._namespace, {"app": name}), SERVICE)
            made = {
                "apiVersion": "networking.istio.io/v1",
                "kind": "VirtualService",
                "metadata": {"name": name, "namespace": self._namespace},
                "spec": spec,
            }
            await self._api.create(made, VIRTUAL_SERVICE)


@asynccontextmanager
async def knative(
    server: EmbeddedApiServer, api: Cluster, namespace: str, mesh: DataPlane | None = None
) -> AsyncIterator[None]:
    """Serve Knative Services in an embedded cluster."""
    await api.create(definition(), CRD)
    controllers = Knative(api, namespace, mesh)
    unsubscribe = server.storage.subscribe(controllers.observe)
    task = asyncio.create_task(controllers.run(), name="knative")
    try:
        yield
    finally:
        unsubscribe()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _condition(name: str, holds: bool | None) -> dict[str, Any]:
    status = {True: "True", False: "False", None: "Unknown"}[holds]
    return {"type": name, "status": status}


def _core_service(name: str, namespace: str, selector: dict[str, str]) -> Manifest:
    port = {"name": "http", "port": PORT, "targetPort": CONTAINER_PORT}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": selector, "ports": [port]},
    }
