"""How pods follow a Deployment's replicas while it is paused, or amid a rollout. Pure."""

from collections.abc import Iterator

from tidegate_embedded.apiserver.values import Object, at_path
from tidegate_embedded.controllers.progress import rollout_bounds
from tidegate_embedded.controllers.rollout import Part, Replicas, in_proportion

_DESIRED = "deployment.kubernetes.io/desired-replicas"
_MAXIMUM = "deployment.kubernetes.io/max-replicas"
#: The annotations of a ReplicaSet that tell for which size of its Deployment it was scaled.
SIZES = {_DESIRED, _MAXIMUM}


def size(deployment: Object) -> Object:
    """Return what a ReplicaSet notes of the size of its Deployment."""
    total = deployment["spec"]["replicas"]
    surge, _ = rollout_bounds(deployment)
    return {_DESIRED: str(total), _MAXIMUM: str(total + surge)}


def replicas_of(replica_set: Object) -> Replicas:
    """Return what a ReplicaSet is asked for and has."""
    available = at_path(replica_set, "status", "availableReplicas") or 0
    return Replicas(wanted=replica_set["spec"]["replicas"], available=available)


def is_scaled(deployment: Object, sets: list[Object]) -> bool:
    """Tell whether the Deployment has another size than its pods were last brought to."""
    total = str(deployment["spec"]["replicas"])
    return any(
        item["spec"]["replicas"]
        and at_path(item, "metadata", "annotations", _DESIRED) not in {None, total}
        for item in sets
    )


def sizes_kept(
    deployment: Object, new: Object | None, old: list[Object]
) -> Iterator[tuple[Object, int]]:
    """Give the ReplicaSets to write, with their replicas, so that the rollout itself stays as is.

    Of ReplicaSets of which none has pods the new one is started, or the one that was made last.
    """
    total = deployment["spec"]["replicas"]
    known = [*old, *([new] if new else [])]
    active = [item for item in known if item["spec"]["replicas"]]
    if len(active) <= 1:
        started = active[0] if active else new or max(old, key=_age, default=None)
        if started is not None and started["spec"]["replicas"] != total:
            yield started, total
    elif new is not None and _is_saturated(deployment, new):
        yield from ((item, 0) for item in old if item["spec"]["replicas"])
    elif at_path(deployment, "spec", "strategy", "type") != "Recreate":
        yield from _in_proportion(deployment, sorted(active, key=_age))


def _in_proportion(deployment: Object, active: list[Object]) -> Iterator[tuple[Object, int]]:
    surge, _ = rollout_bounds(deployment)
    parts = [
        Part(wanted=item["spec"]["replicas"], allowed=_allowed(deployment, item)) for item in active
    ]
    wanted = in_proportion(deployment["spec"]["replicas"], surge, parts)
    for item, replicas in zip(active, wanted, strict=True):
        noted = size(deployment).items() <= (item["metadata"].get("annotations") or {}).items()
        # One that stays as it is notes the new size all the same: the next change starts from it.
        if item["spec"]["replicas"] != replicas or not noted:
            yield item, replicas


def _is_saturated(deployment: Object, replica_set: Object) -> bool:
    """Tell whether a ReplicaSet has all pods of its Deployment, and has them available."""
    total = deployment["spec"]["replicas"]
    whole = replicas_of(replica_set) == Replicas(wanted=total, available=total)
    return whole and at_path(replica_set, "metadata", "annotations", _DESIRED) == str(total)


def _allowed(deployment: Object, replica_set: Object) -> int:
    """Return how many pods there could be when the ReplicaSet was last scaled.

    Where someone has taken the note away, it is as many as there are.
    """
    noted = int(at_path(replica_set, "metadata", "annotations", _MAXIMUM) or 0)
    return noted or at_path(deployment, "status", "replicas") or 0


def _age(replica_set: Object) -> tuple[str, str]:
    return replica_set["metadata"]["creationTimestamp"], replica_set["metadata"]["name"]
