"""Leases of controllers, as they leave them."""

from datetime import datetime

from canary.api.meta import GROUP
from canary.cluster.cluster import Cluster
from canary.replicas.leases import LEASE
from canary.replicas.presence import Scope


async def create_lease(
    cluster: Cluster,
    renewed: datetime,
    *namespaces: str,
    holder: str = "tidegate-0",
    seconds: int = 15,
) -> None:
    """Create the Lease of a controller that serves some namespaces, or all."""
    scope = Scope(version="1", groups=frozenset({GROUP}), namespaces=frozenset(namespaces))
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "tidegate", "namespace": "default"} | scope.metadata,
        "spec": {
            "holderIdentity": holder,
            "leaseDurationSeconds": seconds,
            "renewTime": renewed.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        },
    }
    await cluster.create(lease, LEASE)
