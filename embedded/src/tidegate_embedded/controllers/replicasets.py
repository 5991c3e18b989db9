"""ReplicaSets: as many pods as asked for, and how many of them are ready and available."""

from tidegate_embedded.apiserver.lifecycle import DeleteOptions
from tidegate_embedded.apiserver.resources import StorageKey
from tidegate_embedded.apiserver.selectors import matches_labels
from tidegate_embedded.apiserver.storage import Event, Name
from tidegate_embedded.apiserver.values import Object, at_path, moment_of
from tidegate_embedded.controllers.pods import PODS, available, is_ready
from tidegate_embedded.controllers.work import (
    MANAGER,
    Cluster,
    is_dying,
    name_of,
    pod_of,
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
        self._cluster.wake_of(self.sync, REPLICA_SETS, PODS, key, event)

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
                    self._cluster.objects.create(self._pods, name[0], pod_of(replica_set), MANAGER)
            elif missing < 0:
                for pod in sorted(pods, key=_expendable)[:-missing]:
                    self._cluster.objects.delete(self._pods, *name_of(pod), DeleteOptions())
            if missing:
                # Created and deleted pods wake this again; the status is that of before.
                pods = [pod for pod in self._cluster.owned(replica_set, PODS) if _counts(pod)]
        self._write_status(replica_set, pods)

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
            "availableReplicas": available(self._cluster, replica_set, ready, self.sync),
        }
        status |= {field: count for field, count in counts.items() if count}
        self._cluster.write_status(self._resource, replica_set, status)


def _counts(pod: Object) -> bool:
    return not is_dying(pod) and at_path(pod, "status", "phase") not in {"Succeeded", "Failed"}


def _expendable(pod: Object) -> tuple[bool, bool, float, str]:
    """Order pods so that those that are missed least come first."""
    created = moment_of(pod["metadata"]["creationTimestamp"]).timestamp()
    scheduled = bool(pod["spec"].get("nodeName"))
    return (scheduled, is_ready(pod), -created, pod["metadata"]["name"])
