"""Deployments: a ReplicaSet for each template, rolled from the old ones to the new one."""

import hashlib

from tidegate_embedded.apiserver.lifecycle import DeleteOptions
from tidegate_embedded.apiserver.resources import StorageKey
from tidegate_embedded.apiserver.storage import Event, Name
from tidegate_embedded.apiserver.values import Object, at_path, child, copied, to_json
from tidegate_embedded.controllers.pods import PODS
from tidegate_embedded.controllers.progress import Conditions, rollout_bounds
from tidegate_embedded.controllers.replicasets import REPLICA_SETS
from tidegate_embedded.controllers.rollout import new_replicas, old_replicas
from tidegate_embedded.controllers.sizes import SIZES, is_scaled, replicas_of, size, sizes_kept
from tidegate_embedded.controllers.work import (
    MANAGER,
    Cluster,
    controller_of,
    is_dying,
    name_of,
    owner_reference,
)

DEPLOYMENTS: StorageKey = ("apps", "deployments")
HASH = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
_NOT_INHERITED = {REVISION, *SIZES, "kubectl.kubernetes.io/last-applied-configuration"}
_HASH_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


def template_hash(template: Object) -> str:
    """Return the name part and label that tell one template's pods from another's."""
    digest = hashlib.sha256(to_json(_canonical(template))).digest()[:10]
    return "".join(_HASH_LETTERS[byte % len(_HASH_LETTERS)] for byte in digest)


def _canonical(value: object) -> object:
    if isinstance(value, dict):
        return {key: _canonical(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    return value


class DeploymentController:
    """Rolls Deployments."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._resource = cluster.resource("apps", "v1", "deployments")
        self._sets = cluster.resource("apps", "v1", "replicasets")

    def observe(self, key: StorageKey, event: Event) -> None:
        """Wake the Deployment that a change is about."""
        if key == DEPLOYMENTS and event.change != "DELETED":
            self._cluster.queue.add(self.sync, name_of(event.stored.object))
        elif key == REPLICA_SETS:
            self._cluster.wake_owner(self.sync, DEPLOYMENTS, event.stored.object)
        elif key == PODS and event.change == "DELETED":
            # `Recreate` waits until the last old pod is gone.
            owner = self._cluster.places.get(controller_of(event.stored.object) or "")
            replica_set = self._cluster.find(*owner) if owner else None
            if replica_set is not None:
                self._cluster.wake_owner(self.sync, DEPLOYMENTS, replica_set)

    def sync(self, name: Name) -> None:
        """Take one step of a Deployment's rollout and write its status."""
        deployment = self._cluster.find(DEPLOYMENTS, name)
        if deployment is None or is_dying(deployment):
            return
        sets = self._cluster.owned(deployment, REPLICA_SETS)
        sets.sort(key=_revision)
        template = deployment["spec"]["template"]
        new = next((item for item in sets if _without_hash(item) == template), None)
        old = [item for item in sets if item is not new]
        created = False
        if deployment["spec"].get("paused") or is_scaled(deployment, sets):
            if new is not None:
                deployment, new = self._number(deployment, new, old)
            for item, replicas in sizes_kept(deployment, new, old):
                self._write_size(deployment, item, replicas)
            if deployment["spec"].get("paused"):
                self._forget(deployment, old)
        else:
            if new is None:
                new, created = self._create(deployment, old), True
            deployment, new = self._number(deployment, new, old)
            if at_path(deployment, "spec", "strategy", "type") == "Recreate":
                self._recreate(deployment, new, old)
            else:
                self._roll(deployment, new, old)
            self._forget(deployment, old)
        sets = self._cluster.owned(deployment, REPLICA_SETS)
        new = next(
            (item for item in sets if new and item["metadata"]["uid"] == new["metadata"]["uid"]),
            None,
        )
        self._write_status(deployment, new, sets, created=created)

    def _create(self, deployment: Object, old: list[Object]) -> Object:
        metadata, spec = deployment["metadata"], deployment["spec"]
        digest = template_hash(spec["template"])
        template = copied(spec["template"])
        child(child(template, "metadata"), "labels")[HASH] = digest
        selector = copied(spec["selector"])
        child(selector, "matchLabels")[HASH] = digest
        replica_set = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": f"{metadata['name']}-{digest}",
                "labels": copied(template["metadata"]["labels"]),
                "annotations": {
                    **self._annotations(deployment, _next_revision(old)),
                    **size(deployment),
                },
                "ownerReferences": [owner_reference(deployment)],
            },
            "spec": {
                "replicas": 0,
                "minReadySeconds": spec.get("minReadySeconds") or 0,
                "selector": selector,
                "template": template,
            },
        }
        written = self._cluster.objects.create(
            self._sets, metadata["namespace"], replica_set, MANAGER
        )
        return written.stored.object

    def _annotations(self, deployment: Object, revision: int) -> Object:
        inherited = {
            key: text
            for key, text in (deployment["metadata"].get("annotations") or {}).items()
            if key not in _NOT_INHERITED
        }
        return {**inherited, REVISION: str(revision)}

    def _number(self, deployment: Object, new: Object, old: list[Object]) -> tuple[Object, Object]:
        """Write the revision of the new ReplicaSet to it and to the Deployment."""
        revision = max(_revision(new), _next_revision(old))
        there = new["metadata"].get("annotations") or {}
        sizes = {key: text for key, text in there.items() if key in SIZES}
        annotations = self._annotations(deployment, revision) | sizes
        least = deployment["spec"].get("minReadySeconds") or 0
        if there != annotations or new["spec"].get("minReadySeconds", 0) != least:
            changed = copied(new)
            changed["metadata"]["annotations"] = annotations
            changed["spec"]["minReadySeconds"] = least
            new = self._cluster.objects.replace(
                self._sets, *name_of(new), changed, MANAGER
            ).stored.object
        if at_path(deployment, "metadata", "annotations", REVISION) != str(revision):
            numbered = copied(deployment)
            child(numbered["metadata"], "annotations")[REVISION] = str(revision)
            # The real controller writes this with the status: it must not raise the generation.
            deployment = self._cluster.objects.replace(
                self._resource, *name_of(deployment), numbered, MANAGER, subresource="status"
            ).stored.object
        return deployment, new

    def _scale(self, deployment: Object, replica_set: Object, replicas: int) -> None:
        if replica_set["spec"]["replicas"] != replicas:
            self._write_size(deployment, replica_set, replicas)

    def _write_size(self, deployment: Object, replica_set: Object, replicas: int) -> None:
        """Ask a ReplicaSet for so many pods, and note for which size of the Deployment that is."""
        scaled = copied(replica_set)
        scaled["spec"]["replicas"] = replicas
        child(scaled["metadata"], "annotations").update(size(deployment))
        self._cluster.objects.replace(self._sets, *name_of(replica_set), scaled, MANAGER)

    def _roll(self, deployment: Object, new: Object, old: list[Object]) -> None:
        total = deployment["spec"]["replicas"]
        surge, unavailable = rollout_bounds(deployment)
        counts = [replicas_of(item) for item in old]
        wanted = new_replicas(total, surge, replicas_of(new), counts)
        if wanted != new["spec"]["replicas"]:
            # One step at a time: the change wakes this controller again.
            self._scale(deployment, new, wanted)
            return
        for item, replicas in zip(
            old, old_replicas(total, unavailable, replicas_of(new), counts), strict=True
        ):
            self._scale(deployment, item, replicas)

    def _recreate(self, deployment: Object, new: Object, old: list[Object]) -> None:
        for item in old:
            self._scale(deployment, item, 0)
        if not any(self._cluster.owned(item, PODS) for item in old):
            self._scale(deployment, new, deployment["spec"]["replicas"])

    def _forget(self, deployment: Object, old: list[Object]) -> None:
        limit = deployment["spec"].get("revisionHistoryLimit")
        idle = [
            item
            for item in old
            if not item["spec"]["replicas"] and not at_path(item, "status", "replicas")
        ]
        for item in idle[: max(0, len(idle) - (10 if limit is None else limit))]:
            self._cluster.objects.delete(self._sets, *name_of(item), DeleteOptions())

    def _write_status(
        self, deployment: Object, new: Object | None, sets: list[Object], *, created: bool
    ) -> None:
        wanted = deployment["spec"]["replicas"]

        def total(field: str) -> int:
            return sum(at_path(item, "status", field) or 0 for item in sets)

        available = total("availableReplicas")
        counts = {
            "replicas": total("replicas"),
            "updatedReplicas": (at_path(new, "status", "replicas") or 0) if new else 0,
            "readyReplicas": total("readyReplicas"),
            "availableReplicas": available,
            "unavailableReplicas": max(0, max(wanted, total("replicas")) - available),
        }
        status: Object = {"observedGeneration": deployment["metadata"]["generation"]}
        status |= {field: count for field, count in counts.items() if count}
        conditions = Conditions(deployment, self._cluster.objects.clock())
        conditions.judge(counts, new, created=created)
        status["conditions"] = conditions.listed
        if conditions.seconds_left is not None:
            self._cluster.queue.add_later(
                self.sync, name_of(deployment), conditions.seconds_left + 0.01
            )
        self._cluster.write_status(self._resource, deployment, status)


def _revision(replica_set: Object) -> int:
    return int(at_path(replica_set, "metadata", "annotations", REVISION) or 0)


def _next_revision(old: list[Object]) -> int:
    return max((_revision(item) for item in old), default=0) + 1


def _without_hash(replica_set: Object) -> Object:
    template = replica_set["spec"]["template"]
    labels = dict(template["metadata"].get("labels") or {})
    labels.pop(HASH, None)
    return {**template, "metadata": {**template["metadata"], "labels": labels}}
