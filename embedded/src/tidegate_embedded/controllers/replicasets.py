"""ReplicaSets: as many pods as asked for, and how many of them are ready and available."""

from datetime import UTC, datetime

from tidegate_embedded.apiserver.lifecycle import DeleteOptions
from tidegate_embedded.apiserver.resources import StorageKey
from tidegate_embedded.apiserver.selectors import matches_labels
from tidegate_embedded.apiserver.storage import Event, Name
from tidegate_embedded.apiserver.values import Object, at_path, copied, moment_of
from tidegate_embedded.controllers.pods import PODS, is_ready, ready_since
from tidegate_embedded.controllers.work import (
    MANAGER,
    Cluster,
    controller_of,
    is_dying,
    name_of,
    owner_reference,
)

REPLICA_SETS: StorageKey = ("apps", "replicasets")


class ReplicaSetController:
    """Makes and removes pods."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._resource = cluster.resource("apps", "v1", "replicasets")
        self._pods = cluster.resource("", "v1", "pods")

    def observe(self, key: StorageKey, event: Event) -> None:
        """Wake the ReplicaSet that a change is about."""
        if key == REPLICA_SETS and event.change != "DELETED":
            self._cluster.queue.add(self.sync, name_of(event.stored.object))
        elif key == PODS:
            for stored in (event.stored, event.before):
                owner = stored and controller_of(stored.object)
                place = self._cluster.places.get(owner) if owner else None
                if place is not None and place[0] == REPLICA_SETS:
                    self._cluster.queue.add(self.sync, place[1])

    def sync(self, name: Name) -> None:
        """Bring the pods of a ReplicaSet to their number, and its status up to date."""
        replica_set = self._cluster.find(REPLICA_SETS, name)
        if replica_set is None:
            return
        pods = [pod for pod in self._cluster.owned(replica_set, PODS) if _counts(pod)]
        if not is_dying(replica_set):
            missing = replica_set["spec"]["replicas"] - len(pods)
            if missing > 0:
                for _ in range(missing):
                    self._create(replica_set)
            elif missing < 0:
                for pod in sorted(pods, key=_expendable)[:-missing]:
                    self._cluster.objects.delete(self._pods, *name_of(pod), DeleteOptions())
            if missing:
                # Created and deleted pods wake this again; the status is that of before.
                pods = [pod for pod in self._cluster.owned(replica_set, PODS) if _counts(pod)]
        self._write_status(replica_set, pods)

    def _create(self, replica_set: Object) -> None:
        metadata, template = replica_set["metadata"], replica_set["spec"]["template"]
        pod: Object = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "generateName": f"{metadata['name']}-",
                "labels": copied(at_path(template, "metadata", "labels") or {}),
                "annotations": copied(at_path(template, "metadata", "annotations") or {}),
                "ownerReferences": [owner_reference(replica_set)],
            },
            "spec": copied(template["spec"]),
        }
        if not pod["metadata"]["annotations"]:
            del pod["metadata"]["annotations"]
        self._cluster.objects.create(self._pods, metadata["namespace"], pod, MANAGER)

    def _write_status(self, replica_set: Object, pods: list[Object]) -> None:
        spec = replica_set["spec"]
        labels = at_path(spec, "template", "metadata", "labels") or {}
        status: Object = {
            "replicas": len(pods),
            "observedGeneration": replica_set["metadata"]["generation"],
        }
        ready = [pod for pod in pods if is_ready(pod)]
        counts = {
            "fullyLabeledReplicas": sum(
                matches_labels({"matchLabels": labels}, pod["metadata"].get("labels"))
                for pod in pods
            ),
            "readyReplicas": len(ready),
            "availableReplicas": self._available(replica_set, ready),
        }
        status |= {field: count for field, count in counts.items() if count}
        if status != replica_set.get("status"):
            self._cluster.objects.replace(
                self._resource, *name_of(replica_set), {**replica_set, "status": status}, MANAGER,
                subresource="status",
            )  # fmt: skip

    def _available(self, replica_set: Object, ready: list[Object]) -> int:
        least = replica_set["spec"].get("minReadySeconds") or 0
        if not least:
            return len(ready)
        moment = self._cluster.objects.clock()
        left = [least - (moment - _moment(ready_since(pod))).total_seconds() for pod in ready]
        still = [seconds for seconds in left if seconds > 0]
        if still:
            self._cluster.queue.add_later(self.sync, name_of(replica_set), min(still))
        return len(ready) - len(still)


def _moment(text: str | None) -> datetime:
    if text is None:
        return datetime.max.replace(tzinfo=UTC)
    return moment_of(text)


def _counts(pod: Object) -> bool:
    return not is_dying(pod) and at_path(pod, "status", "phase") not in {"Succeeded", "Failed"}


def _expendable(pod: Object) -> tuple[bool, bool, float, str]:
    """Order pods so that those that are missed least come first."""
    created = _moment(pod["metadata"]["creationTimestamp"]).timestamp()
    scheduled = bool(pod["spec"].get("nodeName"))
    return (scheduled, is_ready(pod), -created, pod["metadata"]["name"])
