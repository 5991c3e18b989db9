"""DaemonSets: a pod on the node if their template fits it, replaced when the template changes.

There is one node. Its labels decide whether a node selector fits; affinity and taints are not read.
"""

import hashlib

from tidegate_embedded.apiserver.lifecycle import TEMPLATE_GENERATION, DeleteOptions
from tidegate_embedded.apiserver.resources import StorageKey
from tidegate_embedded.apiserver.storage import Event, Name
from tidegate_embedded.apiserver.values import Object, at_path, copied, to_json
from tidegate_embedded.controllers.pods import NODE, PODS, available, is_ready
from tidegate_embedded.controllers.work import (
    MANAGER,
    Cluster,
    is_dying,
    name_of,
    owner_reference,
    pod_of,
)

DAEMON_SETS: StorageKey = ("apps", "daemonsets")
REVISIONS: StorageKey = ("apps", "controllerrevisions")
HASH = "controller-revision-hash"
POD_GENERATION = "pod-template-generation"
NODE_LABELS = {"kubernetes.io/hostname": NODE, "kubernetes.io/os": "linux"}


class DaemonSetController:
    """Makes, replaces and removes the pods of DaemonSets."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._resource = cluster.resource("apps", "v1", "daemonsets")
        self._revisions = cluster.resource("apps", "v1", "controllerrevisions")
        self._pods = cluster.resource("", "v1", "pods")

    def observe(self, key: StorageKey, event: Event) -> None:
        """Wake the DaemonSet that a change is about."""
        self._cluster.wake_of(self.sync, DAEMON_SETS, PODS, key, event)

    def sync(self, name: Name) -> None:
        """Take one step of a DaemonSet's rollout and write its status."""
        daemon_set = self._cluster.find(DAEMON_SETS, name)
        if daemon_set is None or is_dying(daemon_set):
            return
        digest = self._remember(daemon_set)
        pods = self._owned(daemon_set)
        if not _fits(daemon_set):
            self._delete(*pods)
        elif not pods:
            self._create(daemon_set, digest)
        else:
            self._roll(daemon_set, digest, pods)
        # Created and deleted pods wake this again.
        self._write_status(daemon_set, self._owned(daemon_set))

    def _owned(self, daemon_set: Object) -> list[Object]:
        """Give the pods, the oldest first; a pod that is ending is still on the node."""
        pods = self._cluster.owned(daemon_set, PODS)
        return sorted(pods, key=lambda pod: int(pod["metadata"]["labels"][POD_GENERATION]))

    def _remember(self, daemon_set: Object) -> str:
        """Keep the template as a ControllerRevision; give what tells it from others."""
        metadata, template = daemon_set["metadata"], daemon_set["spec"]["template"]
        data = {"spec": {"template": {**copied(template), "$patch": "replace"}}}
        digest = hashlib.sha256(to_json(data)).hexdigest()[:10]
        known = self._cluster.owned(daemon_set, REVISIONS)
        if not any(at_path(each, "metadata", "labels", HASH) == digest for each in known):
            revision = {
                "apiVersion": "apps/v1",
                "kind": "ControllerRevision",
                "metadata": {
                    "name": f"{metadata['name']}-{digest}",
                    "labels": {**at_path(template, "metadata", "labels"), HASH: digest},
                    "ownerReferences": [owner_reference(daemon_set)],
                },
                "data": data,
                "revision": max((each["revision"] for each in known), default=0) + 1,
            }
            self._cluster.objects.create(self._revisions, metadata["namespace"], revision, MANAGER)
        return digest

    def _roll(self, daemon_set: Object, digest: str, pods: list[Object]) -> None:
        """Replace a pod of an earlier template, if the strategy says so."""
        live = [pod for pod in pods if not is_dying(pod)]
        old = [pod for pod in live if not _current(daemon_set, pod)]
        strategy = daemon_set["spec"].get("updateStrategy") or {}
        if not old or strategy.get("type") == "OnDelete":
            return
        new = [pod for pod in live if _current(daemon_set, pod)]
        if not at_path(strategy, "rollingUpdate", "maxSurge"):
            self._delete(*old)
        elif not new:
            self._create(daemon_set, digest)
        elif available(self._cluster, daemon_set, new, self.sync):
            self._delete(*old)

    def _create(self, daemon_set: Object, digest: str) -> None:
        labels = {HASH: digest, POD_GENERATION: _template_generation(daemon_set)}
        namespace = daemon_set["metadata"]["namespace"]
        self._cluster.objects.create(self._pods, namespace, pod_of(daemon_set, labels), MANAGER)

    def _delete(self, *pods: Object) -> None:
        for pod in pods:
            if not is_dying(pod):
                self._cluster.objects.delete(self._pods, *name_of(pod), DeleteOptions())

    def _write_status(self, daemon_set: Object, pods: list[Object]) -> None:
        # Of several pods on a node the oldest counts.
        wanted, counted = _fits(daemon_set), [pod for pod in pods if not is_dying(pod)][:1]
        on_node = len(pods[:1])
        ready = available(self._cluster, daemon_set, counted, self.sync) if wanted else 0
        status: Object = {
            "currentNumberScheduled": on_node if wanted else 0,
            "desiredNumberScheduled": int(wanted),
            "numberMisscheduled": 0 if wanted else on_node,
            "numberReady": sum(is_ready(pod) for pod in counted) if wanted else 0,
            "observedGeneration": daemon_set["metadata"]["generation"],
        }
        counts = {
            "numberAvailable": ready,
            "numberUnavailable": int(wanted) - ready,
            "updatedNumberScheduled": sum(_current(daemon_set, pod) for pod in counted)
            if wanted
            else 0,
        }
        status |= {field: count for field, count in counts.items() if count}
        self._cluster.write_status(self._resource, daemon_set, status)


def _fits(daemon_set: Object) -> bool:
    """Tell whether the node has every label that the template selects nodes by."""
    selector = at_path(daemon_set, "spec", "template", "spec", "nodeSelector") or {}
    return bool(selector.items() <= NODE_LABELS.items())


def _current(daemon_set: Object, pod: Object) -> bool:
    """Tell whether a pod was made from the template that the DaemonSet has now."""
    made_from: str = pod["metadata"]["labels"][POD_GENERATION]
    return made_from == _template_generation(daemon_set)


def _template_generation(daemon_set: Object) -> str:
    return str(daemon_set["metadata"]["annotations"][TEMPLATE_GENERATION])
