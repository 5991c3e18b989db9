"""Runs pods: hands them to the runtime, writes what it reports into their status, ends them.

This is the scheduler and the kubelet of the embedded world, with one node.
"""

import asyncio
import logging
from collections.abc import Iterable

from tidegate_embedded.apiserver.decoding import WriteOptions
from tidegate_embedded.apiserver.errors import ApiError
from tidegate_embedded.apiserver.lifecycle import DeleteOptions
from tidegate_embedded.apiserver.resources import StorageKey
from tidegate_embedded.apiserver.storage import Event
from tidegate_embedded.apiserver.values import Object, moment_of, timestamp
from tidegate_embedded.controllers.pod_status import pod_status
from tidegate_embedded.controllers.runtime import PodReport, PodRuntime
from tidegate_embedded.controllers.work import Cluster, Work, is_dying, name_of

logger = logging.getLogger(__name__)

PODS: StorageKey = ("", "pods")
NODE = "embedded"

_KUBELET = WriteOptions(manager="kubelet")


class PodController:
    """One task for each pod, from its creation to its removal."""

    def __init__(self, cluster: Cluster, runtime: PodRuntime, *, drain_seconds: float) -> None:
        self._cluster = cluster
        self._runtime = runtime
        self._drain_seconds = drain_seconds
        self._resource = cluster.resource("", "v1", "pods")
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._deleted: dict[str, asyncio.Event] = {}

    def observe(self, key: StorageKey, event: Event) -> None:
        """Start a task for a new pod, and tell the task of one that shall end."""
        if key != PODS:
            return
        pod = event.stored.object
        uid = pod["metadata"]["uid"]
        if event.change == "ADDED" and uid not in self._tasks:
            self._deleted[uid] = asyncio.Event()
            self._tasks[uid] = asyncio.create_task(self._live(pod), name=f"pod {name_of(pod)}")
        if uid in self._deleted and (event.change == "DELETED" or is_dying(pod)):
            self._deleted[uid].set()

    async def close(self) -> None:
        """Stop every pod."""
        for deleted in self._deleted.values():
            deleted.set()
        if self._tasks:
            await asyncio.wait(set(self._tasks.values()), timeout=10.0)

    async def _live(self, pod: Object) -> None:
        uid = pod["metadata"]["uid"]
        deleted = self._deleted[uid]
        starting = asyncio.create_task(self._start(pod))
        try:
            await deleted.wait()
            # Endpoints change first: their controller has this event in its queue already.
            await asyncio.sleep(self._drain_seconds)
            starting.cancel()
            await asyncio.wait({starting})
            await self._runtime.stop(pod)
            self._remove(pod)
        finally:
            self._tasks.pop(uid, None)
            self._deleted.pop(uid, None)

    async def _start(self, pod: Object) -> None:
        try:
            await self._runtime.start(pod, lambda report: self._report(pod, report))
        except Exception:
            logger.exception("pod %s could not be started", name_of(pod))

    def _remove(self, pod: Object) -> None:
        namespace, name = name_of(pod)
        options = DeleteOptions(grace_seconds=0, uid=pod["metadata"]["uid"])
        current = self._cluster.find(PODS, (namespace, name))
        if current is None or current["metadata"]["uid"] != pod["metadata"]["uid"]:
            return
        if is_dying(current):
            self._cluster.objects.delete(self._resource, namespace, name, options)

    def _report(self, pod: Object, report: PodReport) -> None:
        where = name_of(pod)
        uid = pod["metadata"]["uid"]
        current = self._cluster.find(PODS, where)
        if current is None or current["metadata"]["uid"] != uid or uid not in self._tasks:
            return
        try:
            if not current["spec"].get("nodeName") and report.unschedulable is None:
                current = self._bind(current)
            moment = timestamp(self._cluster.objects.clock())
            status = pod_status(current, report, moment=moment)
            self._cluster.objects.replace(
                self._resource, *where, {**current, "status": status}, _KUBELET,
                subresource="status",
            )  # fmt: skip
        except ApiError:
            logger.exception("the status of pod %s could not be written", where)

    def _bind(self, pod: Object) -> Object:
        spec = {**pod["spec"], "nodeName": NODE}
        written = self._cluster.objects.replace(
            self._resource, *name_of(pod), {**pod, "spec": spec},
            WriteOptions(manager="kube-scheduler"),
        )  # fmt: skip
        return written.stored.object


def is_ready(pod: Object) -> bool:
    """Tell whether a pod's Ready condition is true."""
    return any(
        condition["type"] == "Ready" and condition["status"] == "True"
        for condition in (pod.get("status") or {}).get("conditions") or ()
    )


def available(cluster: Cluster, owner: Object, pods: Iterable[Object], work: Work) -> int:
    """Count the pods that have been ready for as long as their owner asks.

    The owner is worked on again when that becomes true of another one.
    """
    least = owner["spec"].get("minReadySeconds") or 0
    moment = cluster.objects.clock()
    left = [
        least - (moment - moment_of(ready_since(pod) or "")).total_seconds()
        for pod in pods
        if is_ready(pod)
    ]
    still = [seconds for seconds in left if least and seconds > 0]
    if still:
        cluster.queue.add_later(work, name_of(owner), min(still))
    return len(left) - len(still)


def ready_since(pod: Object) -> str | None:
    """Return when a ready pod became ready."""
    for condition in (pod.get("status") or {}).get("conditions") or ():
        if condition["type"] == "Ready" and condition["status"] == "True":
            return str(condition["lastTransitionTime"])
    return None
