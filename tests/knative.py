"""Knative without Knative: a small reader of its Services, which stands in for its controllers.

Each template makes a Revision, which is ready unless its container has the environment variable
`BROKEN`; once it is ready, the traffic block holds. There are no pods, and nothing is routed.
A status is brought up to date a moment after its spec has changed, as Knative does it.
https://knative.dev/docs/serving/
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from canary.api.kinds import KNATIVE_SERVICE, Manifest
from canary.cluster.cluster import Cluster
from canary.demo import manifests
from canary.demo.embedded import CRD
from canary.demo.manifests import APP
from canary.errors import Conflict, NotFound
from tidegate_embedded.apiserver import EmbeddedApiServer
from tidegate_embedded.apiserver.resources import StorageKey
from tidegate_embedded.apiserver.storage import Event

BEHIND_SECONDS = 0.3
"""How long a status stays behind its spec: longer than the controller takes to look at what it wrote."""
REFERENCE = {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": APP}


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

    def __init__(self, api: Cluster, namespace: str) -> None:
        self._api = api
        self._namespace = namespace
        self._changed = asyncio.Event()
        self._templates: defaultdict[str, list[str]] = defaultdict(list)
        """The templates that a Service has had, the first Revision's first."""

    def observe(self, key: StorageKey, _event: Event) -> None:
        """Look again when a Service has changed."""
        if key == ("serving.knative.dev", "services"):
            self._changed.set()

    async def run(self) -> None:
        """Bring the statuses up to date whenever something has changed."""
        while True:
            await asyncio.sleep(BEHIND_SECONDS)
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
        environment = found["spec"]["template"]["spec"]["containers"][0].get("env") or ()
        ready = all(each["name"] != "BROKEN" for each in environment)
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
            traffic = found["spec"].get("traffic") or [{"latestRevision": True, "percent": 100}]
            status["traffic"] = [
                each | {"revisionName": each.get("revisionName", serving)} for each in traffic
            ]
        if status != before:
            await self._api.merge_patch(
                KNATIVE_SERVICE,
                self._namespace,
                name,
                {"status": status},
                subresource="status",
                resource_version=found["metadata"]["resourceVersion"],
            )


@asynccontextmanager
async def knative(server: EmbeddedApiServer, api: Cluster, namespace: str) -> AsyncIterator[None]:
    """Serve Knative Services in an embedded cluster."""
    await api.create(definition(), CRD)
    controllers = Knative(api, namespace)
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
