"""What the caller of a command may do, as the API server says."""

from canary.api.kinds import Kind
from canary.cluster.cluster import Cluster
from canary.errors import Forbidden, NotFound

REVIEW = Kind(
    group="authorization.k8s.io",
    versions=("v1",),
    kind="SelfSubjectAccessReview",
    plural="selfsubjectaccessreviews",
    namespaced=False,
)


async def may(cluster: Cluster, verb: str, kind: Kind, namespace: str) -> bool | None:
    """Ask whether the caller may do something; None where the API server does not say.

    Raises:
        ClusterError: it cannot be asked.
    """
    attributes = {"verb": verb, "group": kind.group, "resource": kind.plural}
    if namespace:
        attributes["namespace"] = namespace
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": REVIEW.kind,
        "metadata": {},
        "spec": {"resourceAttributes": attributes},
    }
    try:
        answer = await cluster.create(review, REVIEW)
    except (NotFound, Forbidden):
        return None
    return bool((answer.get("status") or {}).get("allowed"))
