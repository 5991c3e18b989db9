"""How many objects Kubernetes promises to bear, in its documented scalability thresholds.

Of those kinds that a Canary makes more of. A cluster may bear more, and is then not tested.
"""

from collections.abc import Mapping
from types import MappingProxyType

CLUSTER_LIMITS: Mapping[str, int] = MappingProxyType({"services": 10_000})
"""Most objects in a cluster, by what the kind is called in metrics."""
NAMESPACE_LIMITS: Mapping[str, int] = MappingProxyType(
    {"services": 5_000, "deployments.apps": 2_000}
)
"""Most objects in one namespace."""
WARNED_AT = 0.8
"""The share of a limit above which an alert fires."""
