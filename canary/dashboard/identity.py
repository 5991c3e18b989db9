"""Who a person is, as the API server says of the connection that speaks for them."""

from canary.api.kinds import Kind, Manifest
from canary.cluster.cluster import Cluster
from canary.errors import Forbidden

LONGEST_TOKEN = 16_384
_REVIEW = Kind(
    group="authentication.k8s.io",
    versions=("v1",),
    kind="SelfSubjectReview",
    plural="selfsubjectreviews",
    namespaced=False,
)
_ANONYMOUS = "system:anonymous"
RESERVED = "system:"
"""How the names begin that only the cluster gives."""
MOST_GROUPS = 256
_LONGEST_NAME = 256


def may_be_token(token: str) -> bool:
    """Tell whether a text can be a bearer token at all."""
    return 0 < len(token) <= LONGEST_TOKEN and token.isascii() and token.isprintable()


def name_of_person(name: str, prefix: str = "") -> str:
    """Give the name of a user or group in the cluster; empty where a person may not have it."""
    whole = f"{prefix}{name}"
    sound = 0 < len(name) <= _LONGEST_NAME and name.isprintable()
    reserved = any(each.lower().startswith(RESERVED) for each in (name, whole))
    return whole if sound and not reserved else ""


async def identified(cluster: Cluster) -> str | None:
    """Ask the API server who a connection speaks for; None where it knows no user.

    Raises:
        ClusterError: it does not answer.
    """
    review: Manifest = {"apiVersion": "authentication.k8s.io/v1", "kind": _REVIEW.kind}
    try:
        answer = await cluster.create({**review, "metadata": {}}, _REVIEW)
    except Forbidden:
        return None
    user = ((answer.get("status") or {}).get("userInfo") or {}).get("username")
    return str(user) if user and user != _ANONYMOUS else None
