"""Deployments: a ReplicaSet for each template, rolled from the old ones to the new one."""

import hashlib
from datetime import datetime

from canary.demo.apiserver.lifecycle import DeleteOptions
from canary.demo.apiserver.resources import StorageKey
from canary.demo.apiserver.storage import Event, Name
from canary.demo.apiserver.values import Object, at_path, child, copied, timestamp, to_json
from canary.demo.controllers.pods import PODS
from canary.demo.controllers.replicasets import REPLICA_SETS
from canary.demo.controllers.rollout import Replicas, bounds, new_replicas, old_replicas
from canary.demo.controllers.work import (
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
_DESIRED = "deployment.kubernetes.io/desired-replicas"
_MAXIMUM = "deployment.kubernetes.io/max-replicas"
_NOT_INHERITED = {
    REVISION, _DESIRED, _MAXIMUM, "kubectl.kubernetes.io/last-applied-configuration",
}  # fmt: skip
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
            self._wake_owner(event.stored.object)
        elif key == PODS and event.change == "DELETED":
            # `Recreate` waits until the last old pod is gone.
            owner = self._cluster.places.get(controller_of(event.stored.object) or "")
            replica_set = self._cluster.find(*owner) if owner else None
            if replica_set is not None:
                self._wake_owner(replica_set)

    def _wake_owner(self, replica_set: Object) -> None:
        place = self._cluster.places.get(controller_of(replica_set) or "")
        if place is not None and place[0] == DEPLOYMENTS:
            self._cluster.queue.add(self.sync, place[1])

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
        if deployment["spec"].get("paused"):
            self._scale_paused(deployment, new, old)
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
                "annotations": self._annotations(deployment, _next_revision(old)),
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
        spec = deployment["spec"]
        surge, _ = _bounds(deployment)
        inherited = {
            key: text
            for key, text in (deployment["metadata"].get("annotations") or {}).items()
            if key not in _NOT_INHERITED
        }
        return {
            **inherited,
            REVISION: str(revision),
            _DESIRED: str(spec["replicas"]),
            _MAXIMUM: str(spec["replicas"] + surge),
        }

    def _number(self, deployment: Object, new: Object, old: list[Object]) -> tuple[Object, Object]:
        """Write the revision of the new ReplicaSet to it and to the Deployment."""
        revision = max(_revision(new), _next_revision(old))
        annotations = self._annotations(deployment, revision)
        least = deployment["spec"].get("minReadySeconds") or 0
        if new["metadata"].get("annotations") != annotations or (
            new["spec"].get("minReadySeconds", 0) != least
        ):
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

    def _scale(self, replica_set: Object, replicas: int) -> None:
        if replica_set["spec"]["replicas"] == replicas:
            return
        scaled = copied(replica_set)
        scaled["spec"]["replicas"] = replicas
        self._cluster.objects.replace(self._sets, *name_of(replica_set), scaled, MANAGER)

    def _roll(self, deployment: Object, new: Object, old: list[Object]) -> None:
        total = deployment["spec"]["replicas"]
        surge, unavailable = _bounds(deployment)
        counts = [_replicas(item) for item in old]
        wanted = new_replicas(total, surge, _replicas(new), counts)
        if wanted != new["spec"]["replicas"]:
            # One step at a time: the change wakes this controller again.
            self._scale(new, wanted)
            return
        for item, replicas in zip(
            old, old_replicas(total, unavailable, _replicas(new), counts), strict=True
        ):
            self._scale(item, replicas)

    def _recreate(self, deployment: Object, new: Object, old: list[Object]) -> None:
        for item in old:
            self._scale(item, 0)
        if not any(self._cluster.owned(item, PODS) for item in old):
            self._scale(new, deployment["spec"]["replicas"])

    def _scale_paused(self, deployment: Object, new: Object | None, old: list[Object]) -> None:
        """Let the newest ReplicaSet with pods follow the Deployment's replicas."""
        active = [item for item in [*old, *([new] if new else [])] if item["spec"]["replicas"]]
        followed = active[-1] if active else new
        if followed is not None:
            others = sum(item["spec"]["replicas"] for item in active if item is not followed)
            self._scale(followed, max(0, deployment["spec"]["replicas"] - others))

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
        before = deployment.get("status") or {}
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
        if status != before:
            self._cluster.objects.replace(
                self._resource, *name_of(deployment), {**deployment, "status": status}, MANAGER,
                subresource="status",
            )  # fmt: skip


class Conditions:
    """The conditions of a Deployment: Available and Progressing."""

    def __init__(self, deployment: Object, moment: datetime) -> None:
        self._deployment = deployment
        self._moment = moment
        self._known = {
            condition["type"]: condition
            for condition in at_path(deployment, "status", "conditions") or ()
        }
        #: How long until the deadline has to be looked at again; None where it does not run.
        self.seconds_left: float | None = None

    @property
    def listed(self) -> list[Object]:
        """The conditions, in a stable order."""
        return list(self._known.values())

    def judge(self, counts: dict[str, int], new: Object | None, *, created: bool) -> None:
        """Set the conditions by the counts of pods."""
        wanted = self._deployment["spec"]["replicas"]
        _, unavailable = _bounds(self._deployment)
        if counts["availableReplicas"] >= wanted - unavailable:
            self._set("Available", "True", "MinimumReplicasAvailable",
                      "Deployment has minimum availability.")  # fmt: skip
        else:
            self._set("Available", "False", "MinimumReplicasUnavailable",
                      "Deployment does not have minimum availability.")  # fmt: skip
        if self._deployment["spec"].get("paused"):
            self._set("Progressing", "Unknown", "DeploymentPaused", "Deployment is paused")
        elif new is not None:
            self._judge_progress(counts, new, created=created)

    def _judge_progress(self, counts: dict[str, int], new: Object, *, created: bool) -> None:
        wanted = self._deployment["spec"]["replicas"]
        known = self._known.get("Progressing", {})
        name = new["metadata"]["name"]
        complete = (
            counts["updatedReplicas"] == counts["replicas"] == wanted
            and counts["availableReplicas"] == wanted
        )
        if created:
            self._set("Progressing", "True", "NewReplicaSetCreated",
                      f'Created new replica set "{name}"', updated=True)  # fmt: skip
        elif complete:
            self._set("Progressing", "True", "NewReplicaSetAvailable",
                      f'ReplicaSet "{name}" has successfully progressed.')  # fmt: skip
            return
        elif not known or self._progressed(counts):
            self._set("Progressing", "True", "ReplicaSetUpdated",
                      f'ReplicaSet "{name}" is progressing.', updated=True)  # fmt: skip
        elif known["reason"] in {"NewReplicaSetAvailable", "ProgressDeadlineExceeded"}:
            # Once complete, later trouble with pods is no lack of progress.
            return
        elif known["reason"] == "DeploymentPaused":
            self._set("Progressing", "True", "DeploymentResumed", "Deployment is resumed",
                      updated=True)  # fmt: skip
        self._check_deadline(name)

    def _check_deadline(self, name: str) -> None:
        deadline = self._deployment["spec"].get("progressDeadlineSeconds")
        if deadline is None or deadline >= 2**31 - 1:
            return
        since = datetime.fromisoformat(
            self._known["Progressing"]["lastUpdateTime"].replace("Z", "+00:00")
        )
        left = deadline - (self._moment - since).total_seconds()
        if left > 0:
            self.seconds_left = left
            return
        self._set("Progressing", "False", "ProgressDeadlineExceeded",
                  f'ReplicaSet "{name}" has timed out progressing.')  # fmt: skip

    def _progressed(self, counts: dict[str, int]) -> bool:
        before = self._deployment.get("status") or {}
        old_before = before.get("replicas", 0) - before.get("updatedReplicas", 0)
        return (
            counts["updatedReplicas"] > before.get("updatedReplicas", 0)
            or counts["replicas"] - counts["updatedReplicas"] < old_before
            or counts["readyReplicas"] > before.get("readyReplicas", 0)
            or counts["availableReplicas"] > before.get("availableReplicas", 0)
        )

    def _set(
        self, kind: str, status: str, reason: str, message: str, *, updated: bool = False
    ) -> None:
        moment = timestamp(self._moment)
        known = self._known.get(kind)
        same = known is not None and (known["status"], known["reason"]) == (status, reason)
        if same and not updated:
            return
        since = moment
        if known is not None and known["status"] == status:
            since = known["lastTransitionTime"]
        self._known[kind] = {
            "type": kind,
            "status": status,
            "lastUpdateTime": moment,
            "lastTransitionTime": since,
            "reason": reason,
            "message": message,
        }


def _bounds(deployment: Object) -> tuple[int, int]:
    spec = deployment["spec"]
    rolling = at_path(spec, "strategy", "rollingUpdate")
    if rolling is None:
        return 0, 0
    return bounds(rolling.get("maxSurge"), rolling.get("maxUnavailable"), spec["replicas"])


def _replicas(replica_set: Object) -> Replicas:
    available = at_path(replica_set, "status", "availableReplicas") or 0
    return Replicas(wanted=replica_set["spec"]["replicas"], available=available)


def _revision(replica_set: Object) -> int:
    return int(at_path(replica_set, "metadata", "annotations", REVISION) or 0)


def _next_revision(old: list[Object]) -> int:
    return max((_revision(item) for item in old), default=0) + 1


def _without_hash(replica_set: Object) -> Object:
    template = replica_set["spec"]["template"]
    labels = dict(template["metadata"].get("labels") or {})
    labels.pop(HASH, None)
    return {**template, "metadata": {**template["metadata"], "labels": labels}}
