"""Controllers of the embedded world: just enough of a cluster for a story.

Deployments roll through ReplicaSets to pods, StatefulSets one ordinal after the other, DaemonSets to a
pod on the one node, and a `PodRuntime` runs these; EndpointSlices follow Services; what has lost its owners is collected; autoscalers scale.
They work on the API server's objects in the same process, woken by its events: nothing is polled,
and nothing they do counts as a request.
"""

import asyncio
from types import TracebackType
from typing import Protocol, Self

from tidegate_embedded.apiserver import EmbeddedApiServer
from tidegate_embedded.apiserver.resources import StorageKey
from tidegate_embedded.apiserver.storage import Event
from tidegate_embedded.controllers.autoscalers import AutoscalerController, MetricSource
from tidegate_embedded.controllers.daemonsets import DaemonSetController
from tidegate_embedded.controllers.deployments import DeploymentController
from tidegate_embedded.controllers.endpointslices import EndpointSliceController
from tidegate_embedded.controllers.garbage import GarbageCollector
from tidegate_embedded.controllers.pods import PodController
from tidegate_embedded.controllers.replicasets import ReplicaSetController
from tidegate_embedded.controllers.runtime import (
    ContainerReport,
    InstantRuntime,
    PodReport,
    PodRuntime,
    Report,
    Terminated,
    Waiting,
)
from tidegate_embedded.controllers.statefulsets import StatefulSetController
from tidegate_embedded.controllers.work import Cluster, WorkQueue

__all__ = [
    "ContainerReport",
    "Controllers",
    "InstantRuntime",
    "MetricSource",
    "PodReport",
    "PodRuntime",
    "Report",
    "Terminated",
    "Waiting",
]


class _Observer(Protocol):
    def observe(self, key: StorageKey, event: Event) -> None:
        """Follow a change."""


class Controllers:
    """All controllers, running while the context is open.

    `drain_seconds` is how long a pod that is being deleted goes on serving after its endpoints
    have been told.
    """

    def __init__(
        self,
        server: EmbeddedApiServer,
        runtime: PodRuntime | None = None,
        *,
        drain_seconds: float = 0.0,
        metric_source: MetricSource | None = None,
    ) -> None:
        self._server = server
        self._runtime = runtime or InstantRuntime()
        self._drain_seconds = drain_seconds
        self._metric_source = metric_source
        self._queue = WorkQueue()
        self._task: asyncio.Task[None] | None = None
        self._pods: PodController | None = None
        self._observers: tuple[_Observer, ...] = ()

    async def __aenter__(self) -> Self:
        storage = self._server.storage
        cluster = Cluster(self._server.objects, self._queue)
        self._pods = PodController(cluster, self._runtime, drain_seconds=self._drain_seconds)
        self._observers = (
            cluster,
            DeploymentController(cluster),
            ReplicaSetController(cluster),
            DaemonSetController(cluster),
            StatefulSetController(cluster),
            EndpointSliceController(cluster),
            AutoscalerController(cluster, self._metric_source),
            GarbageCollector(cluster),
            self._pods,
        )
        for key in self._server.registry.stored():
            for stored in list(storage.history(key).objects.values()):
                self._observe(key, Event(stored.version, "ADDED", stored, None))
        self._unsubscribe = storage.subscribe(self._observe)
        self._task = asyncio.create_task(self._queue.run(), name="controllers")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._unsubscribe()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        self._queue.close()
        if self._pods is not None:
            await self._pods.close()

    def _observe(self, key: StorageKey, event: Event) -> None:
        for observer in self._observers:
            observer.observe(key, event)
