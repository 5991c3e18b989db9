"""Who gives a command, as the API server or this machine knows them."""

import getpass

from canary.api.kinds import Kind, Manifest
from canary.cluster.cluster import Cluster
from canary.errors import Forbidden, NotFound

REVIEW = Kind(
    group="authentication.k8s.io",
    versions=("v1",),
    kind="SelfSubjectReview",
    plural="selfsubjectreviews",
    namespaced=False,
)


async def user_of(cluster: Cluster) -> str:
    """Ask the API server who we are; where it does not say, it is who is logged in here."""
    review: Manifest = {"apiVersion": "authentication.k8s.io/v1", "kind": REVIEW.kind}
    try:
        answer = await cluster.create({**review, "metadata": {}}, REVIEW)
    except (NotFound, Forbidden):
        return _here()
    user = (answer.get("status") or {}).get("userInfo") or {}
    return str(user.get("username") or _here())


def _here() -> str:
    """Name who is logged in on this machine; a container may know no user."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
