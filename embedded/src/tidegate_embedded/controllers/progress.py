"""How a Deployment's rollout is going: its conditions Available and Progressing. Pure."""

from datetime import datetime

from tidegate_embedded.apiserver.values import Object, at_path, moment_of, timestamp
from tidegate_embedded.controllers.rollout import bounds


def rollout_bounds(deployment: Object) -> tuple[int, int]:
    """Return how many pods more, and how many available ones fewer, a rollout may have."""
    spec = deployment["spec"]
    rolling = at_path(spec, "strategy", "rollingUpdate")
    if rolling is None:
        return 0, 0
    return bounds(rolling.get("maxSurge"), rolling.get("maxUnavailable"), spec["replicas"])


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
        _, unavailable = rollout_bounds(self._deployment)
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
        since = moment_of(self._known["Progressing"]["lastUpdateTime"])
        left = deadline - (self._moment - since).total_seconds()
        if left > 0:
            self.seconds_left = left
            return
        self._set("Progressing", "False", "ProgressDeadlineExceeded",
                  f'ReplicaSet "{name}" has timed out progressing.')  # fmt: skip

    def _progressed(self, counts: dict[str, int]) -> bool:
        before = self._deployment.get("status") or {}
        old_before = before.get("replicas", 0) - before.get("updatedReplicas", 0)
        return bool(
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
