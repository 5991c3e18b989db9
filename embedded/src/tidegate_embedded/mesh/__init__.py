"""The mesh of the embedded world: one real Envoy that routes as the cluster's objects say.

It plays every gateway and every sidecar at once: a caller of a Service, by whatever name, comes
through its one listener.
`routes.py` and what it uses are pure: objects in, Envoy's resources out. `envoy.py` runs the
binary, `mesh.py` keeps it up to date.
"""

from tidegate_embedded.mesh.counters import ClusterCounters
from tidegate_embedded.mesh.mesh import Mesh
from tidegate_embedded.mesh.routes import Resources, render

__all__ = ["ClusterCounters", "Mesh", "Resources", "render"]
