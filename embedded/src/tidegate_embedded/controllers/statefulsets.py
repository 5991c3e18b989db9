"""StatefulSets: pods with ordinals, made one after the other, and replaced from the highest down.

What is below the partition of a rolling update keeps the revision before, and is made from it again
when it goes. A pod that does not come up stops all that is ordered, as in Kubernetes: even a template
that would mend it waits for it, until it is deleted. Claims for volumes are not made.
"""

import hashlib
from typing import NamedTuple

from tidegate_embedded.apiserver.lifecycle import DeleteOptions
from tidegate_embedded.apiserver.resources import StorageKey
from tidegate_embedded.apiserver.storage import Event, Name
from tidegate_embedded.apiserver.values import Object, at_path, copied, to_json
from tidegate_embedded.controllers.pods import PODS, available, is_ready
from tidegate_embedded.controllers.work import (
    MANAGER,
    Cluster,
    is_dying,
    name_of,
    owner_reference,
    pod_of,
)

STATEFUL_SETS: StorageKey = ("apps", "statefulsets")
REVISIONS: StorageKey = ("apps", "controllerrevisions")
HASH = "controller.kubernetes.io/hash"
REVISION = "controller-revision-hash"
POD_NAME = "statefulset.kubernetes.io/pod-name"
POD_INDEX = "apps.kubernetes.io/pod-index"


class _Revisions(NamedTuple):
    """The two ControllerRevisions that pods are made from."""

    current: Object
    update: Object

    @property
    def names(self) -> tuple[str, str]:
        """Their names."""
        return self.current["metadata"]["name"], self.update["metadata"]["name"]


class StatefulSetController:
    """Makes, replaces and removes the pods of StatefulSets."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._resource = cluster.resource("apps", "v1", "statefulsets")
        self._revisions = cluster.resource("apps", "v1", "controllerrevisions")
        self._pods = cluster.resource("", "v1", "pods")

    def observe(self, key: StorageKey, event: Event) -> None:
        """Wake the StatefulSet that a change is about."""
        self._cluster.wake_of(self.sync, STATEFUL_SETS, PODS, key, event)

    def sync(self, name: Name) -> None:
        """Take one step of a StatefulSet and write its status."""
        stateful_set = self._cluster.find(STATEFUL_SETS, name)
        if stateful_set is None or is_dying(stateful_set):
            return
        revisions = self._remember(stateful_set)
        if self._fill(stateful_set, revisions) and self._shrink(stateful_set):
            self._roll(stateful_set, revisions)
        # Created and deleted pods wake this again.
        self._write_status(stateful_set, revisions)

    def _owned(self, stateful_set: Object) -> dict[int, Object]:
        """Give the pods by their place among the ordinals."""
        first = _first(stateful_set)
        pods = self._cluster.owned(stateful_set, PODS)
        return {_ordinal(pod) - first: pod for pod in sorted(pods, key=_ordinal)}

    def _remember(self, stateful_set: Object) -> _Revisions:
        """Keep the template as the newest revision, be it one that was kept before."""
        metadata, template = stateful_set["metadata"], stateful_set["spec"]["template"]
        data = {"spec": {"template": {**copied(template), "$patch": "replace"}}}
        digest = hashlib.sha256(to_json(data)).hexdigest()[:10]
        name = f"{metadata['name']}-{digest}"
        known = {
            each["metadata"]["name"]: each for each in self._cluster.owned(stateful_set, REVISIONS)
        }
        newest = max((each["revision"] for each in known.values()), default=0)
        update = known.get(name)
        if update is None:
            revision = {
                "apiVersion": "apps/v1",
                "kind": "ControllerRevision",
                "metadata": {
                    "name": name,
                    "labels": {**at_path(template, "metadata", "labels"), HASH: digest},
                    "ownerReferences": [owner_reference(stateful_set)],
                },
                "data": data,
                "revision": newest + 1,
            }
            update = self._cluster.objects.create(
                self._revisions, metadata["namespace"], revision, MANAGER
            ).stored.object
        elif update["revision"] < newest:
            again = {**update, "revision": newest + 1}
            where = name_of(update)
            self._cluster.objects.replace(self._revisions, *where, again, MANAGER)
        current = known.get(at_path(stateful_set, "status", "currentRevision") or "")
        return _Revisions(current or update, update)

    def _fill(self, stateful_set: Object, revisions: _Revisions) -> bool:
        """Make the pods that are missing; tell whether the rest may go on."""
        spec, ordered = stateful_set["spec"], _ordered(stateful_set)
        pods = self._owned(stateful_set)
        for place in range(spec["replicas"]):
            pod = pods.get(place)
            if pod is not None and _ended(pod):
                self._delete(pod)
                return False
            if pod is None:
                self._create(stateful_set, place, revisions)
            if ordered and not (pod is not None and self._serves(stateful_set, pod)):
                return False
        return True

    def _shrink(self, stateful_set: Object) -> bool:
        """Remove the pods beyond the number that is wanted; tell whether the rest may go on."""
        replicas, ordered = stateful_set["spec"]["replicas"], _ordered(stateful_set)
        for place, pod in reversed(self._owned(stateful_set).items()):
            if place < replicas:
                break
            self._delete(pod)
            if ordered:
                return False
        return True

    def _roll(self, stateful_set: Object, revisions: _Revisions) -> None:
        """Replace the highest pod of an earlier template that the partition does not hold back."""
        strategy = stateful_set["spec"].get("updateStrategy") or {}
        if strategy.get("type") == "OnDelete":
            return
        _, update = revisions.names
        partition = at_path(strategy, "rollingUpdate", "partition") or 0
        for place, pod in reversed(self._owned(stateful_set).items()):
            if place < partition:
                return
            if _revision(pod) != update and not is_dying(pod):
                self._delete(pod)
                return
            if not self._serves(stateful_set, pod):
                return

    def _create(self, stateful_set: Object, place: int, revisions: _Revisions) -> None:
        rolling = at_path(stateful_set, "spec", "updateStrategy", "rollingUpdate") or {}
        revision = revisions[place >= (rolling.get("partition") or 0)]
        ordinal = place + _first(stateful_set)
        name = f"{stateful_set['metadata']['name']}-{ordinal}"
        labels = {
            POD_NAME: name,
            POD_INDEX: str(ordinal),
            REVISION: revision["metadata"]["name"],
        }
        template = {
            field: value
            for field, value in revision["data"]["spec"]["template"].items()
            if field != "$patch"
        }
        of_revision = {**stateful_set, "spec": {**stateful_set["spec"], "template": template}}
        pod = pod_of(of_revision, labels)
        del pod["metadata"]["generateName"]
        pod["metadata"]["name"] = pod["spec"]["hostname"] = name
        if subdomain := stateful_set["spec"].get("serviceName"):
            pod["spec"]["subdomain"] = subdomain
        namespace = stateful_set["metadata"]["namespace"]
        self._cluster.objects.create(self._pods, namespace, pod, MANAGER)

    def _delete(self, pod: Object) -> None:
        if not is_dying(pod):
            self._cluster.objects.delete(self._pods, *name_of(pod), DeleteOptions())

    def _serves(self, stateful_set: Object, pod: Object) -> bool:
        live = is_ready(pod) and not is_dying(pod)
        return live and bool(available(self._cluster, stateful_set, [pod], self.sync))

    def _write_status(self, stateful_set: Object, revisions: _Revisions) -> None:
        pods = list(self._owned(stateful_set).values())
        live = [pod for pod in pods if not is_dying(pod)]
        ready = [pod for pod in pods if is_ready(pod)]
        current, update = revisions.names
        updated = sum(_revision(pod) == update for pod in live)
        replicas = stateful_set["spec"]["replicas"]
        rolls = at_path(stateful_set, "spec", "updateStrategy", "type") != "OnDelete"
        if rolls and len(pods) == len(ready) == updated == replicas:
            current = update
        status: Object = {
            "observedGeneration": stateful_set["metadata"]["generation"],
            "replicas": len(pods),
            "availableReplicas": available(self._cluster, stateful_set, ready, self.sync),
            "currentRevision": current,
            "updateRevision": update,
            "collisionCount": 0,
        }
        counts = {
            "readyReplicas": len(ready),
            "currentReplicas": sum(_revision(pod) == current for pod in live),
            "updatedReplicas": updated,
        }
        status |= {field: count for field, count in counts.items() if count}
        self._cluster.write_status(self._resource, stateful_set, status)


def _ordered(stateful_set: Object) -> bool:
    return bool(stateful_set["spec"].get("podManagementPolicy") != "Parallel")


def _first(stateful_set: Object) -> int:
    return int(at_path(stateful_set, "spec", "ordinals", "start") or 0)


def _ordinal(pod: Object) -> int:
    return int(pod["metadata"]["name"].rpartition("-")[2])


def _revision(pod: Object) -> str:
    return str(at_path(pod, "metadata", "labels", REVISION) or "")


def _ended(pod: Object) -> bool:
    return at_path(pod, "status", "phase") in {"Succeeded", "Failed"} and not is_dying(pod)
