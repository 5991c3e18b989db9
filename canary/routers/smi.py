"""The Service Mesh Interface: a TrafficSplit, as Linkerd's SMI extension and others read it.

https://github.com/servicemeshinterface/smi-spec/blob/main/apis/traffic-split/v1alpha4/traffic-split.md
"""

from typing import ClassVar

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest
from canary.core.traffic import Seen, Traffic
from canary.objects.places import Path
from canary.objects.render import fields
from canary.routers import ClusterState
from canary.routers.abilities import Abilities
from canary.routers.shares import entries, sides, weights_seen
from canary.routers.single import SingleObjectRouter

VERSIONS = ("v1alpha4", "v1alpha3", "v1alpha2", "v1alpha1")

_ABILITIES = Abilities(service=frozenset({"hosts"}), takes_calls=True, baseline=True)
#: In this version a weight is a quantity, which is written as text; in all later ones a number.
_QUANTITIES = "v1alpha1"


class SmiRouter(SingleObjectRouter):
    """Split traffic by the weights of a TrafficSplit."""

    name: ClassVar[str] = "smi"
    variants: ClassVar[tuple[str, ...]] = VERSIONS
    names_mesh: ClassVar[bool] = True
    owns: ClassVar[tuple[Path, ...]] = fields("service", "backends", "matches")

    def __init__(self, variant: str = "") -> None:
        """Make the router, for one version of the API or for the newest that is served."""
        super().__init__(
            Kind(
                group="split.smi-spec.io",
                versions=(variant,) if variant else VERSIONS,
                kind="TrafficSplit",
                plural="trafficsplits",
            )
        )

    def abilities(self, _canary: Canary) -> Abilities:
        """Weights alone."""
        return _ABILITIES

    def spec(self, canary: Canary, cluster: ClusterState, traffic: Traffic) -> Manifest:
        """Give the backends and their weights."""
        write = str if cluster.version(self.kind) == _QUANTITIES else int
        return {
            # The host that clients call is what the mesh looks up.
            "service": next(iter(canary.spec.service.hosts), canary.spec.service_name),
            "backends": [
                {"service": service, "weight": write(weight)}
                for service, weight in sides(canary, traffic.weight, traffic.baseline)
            ],
        }

    def seen(self, canary: Canary, spec: object) -> Seen | None:
        """Read the weights of the backends."""
        weights = (
            (str(each.get("service")), each.get("weight", 0)) for each in entries(spec, "backends")
        )
        return weights_seen(canary, weights)
