"""The Service Mesh Interface: a TrafficSplit, as Linkerd's SMI extension and others read it.

https://github.com/servicemeshinterface/smi-spec/blob/main/apis/traffic-split/v1alpha4/traffic-split.md
"""

from functools import partial
from typing import ClassVar

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest, ObjectKey
from canary.core.traffic import Seen, Traffic
from canary.errors import Problem, SpecWarning
from canary.routers import ClusterState, RequiredField, Restoration
from canary.routers.abilities import Abilities, ignored, refused
from canary.routers.objects import render_object, restore_objects
from canary.routers.shares import entries, part, sides, weight_of

VERSIONS = ("v1alpha4", "v1alpha3", "v1alpha2", "v1alpha1")

#: What tidegate decides in a TrafficSplit: every field that it has.
_DECIDES = frozenset({"service", "backends", "matches"})
_ABILITIES = Abilities(service=frozenset({"hosts"}))
#: In this version a weight is a quantity, which is written as text; in all later ones a number.
_QUANTITIES = "v1alpha1"


class SmiRouter:
    """Split traffic by the weights of a TrafficSplit."""

    name: ClassVar[str] = "smi"
    variants: ClassVar[tuple[str, ...]] = VERSIONS
    by_apex: ClassVar[bool] = False

    def __init__(self, variant: str = "") -> None:
        """Make the router, for one version of the API or for the newest that is served."""
        self._kind = Kind(
            group="split.smi-spec.io",
            versions=(variant,) if variant else VERSIONS,
            kind="TrafficSplit",
            plural="trafficsplits",
        )

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The TrafficSplit."""
        return (self._kind,)

    def abilities(self, _canary: Canary) -> Abilities:
        """Weights alone."""
        return _ABILITIES

    def problems(self, canary: Canary) -> tuple[Problem, ...]:
        """Name what else than weights a Canary asks for, and would decide who reaches the canary."""
        return tuple(refused(canary, self.name, _ABILITIES))

    def ignored(self, canary: Canary) -> tuple[SpecWarning, ...]:
        """Name what else than weights a Canary asks for, and does no harm."""
        return tuple(ignored(canary, self.name, _ABILITIES))

    def required_fields(self, _canary: Canary) -> tuple[RequiredField, ...]:
        """None: each version has all of its fields."""
        return ()

    def objects(self, canary: Canary) -> tuple[ObjectKey, ...]:
        """Name the TrafficSplit."""
        name = canary.spec.service_name
        return (ObjectKey(kind=self._kind, namespace=canary.metadata.namespace, name=name),)

    def render(
        self, canary: Canary, cluster: ClusterState, traffic: Traffic
    ) -> tuple[Manifest, ...]:
        """Give the TrafficSplit."""
        (key,) = self.objects(canary)
        write = str if cluster.version(self._kind) == _QUANTITIES else int
        spec = {
            # The host that clients call is what the mesh looks up.
            "service": next(iter(canary.spec.service.hosts), canary.spec.service_name),
            "backends": [
                {"service": service, "weight": write(weight)}
                for service, weight in sides(canary, traffic.weight)
            ],
        }
        rendered = render_object(
            canary,
            cluster,
            key,
            spec,
            metadata=canary.spec.service.apex,
            ours=partial(_ours, canary),
            decides=_DECIDES,
        )
        return (rendered,)

    def read(self, canary: Canary, cluster: ClusterState) -> Seen | None:
        """Read the weights of the backends."""
        (key,) = self.objects(canary)
        weight = _weight(canary, part(cluster.existing.get(key), "spec"))
        return None if weight is None else Seen(weight=weight)

    def restore(self, canary: Canary, cluster: ClusterState) -> Restoration:
        """Give an adopted TrafficSplit its spec back, or remove the one that was created."""
        return restore_objects(canary, cluster, self.objects(canary), ours=partial(_ours, canary))

    def refusal(self, _manifest: Manifest) -> str:
        """Nothing: a TrafficSplit has no status."""
        return ""


def _ours(canary: Canary, spec: Manifest) -> bool:
    """Tell whether a spec is one that was written for a Canary."""
    return _weight(canary, spec) is not None


def _weight(canary: Canary, spec: object) -> int | None:
    backends = entries(spec, "backends")
    return weight_of(
        canary, ((str(each.get("service")), each.get("weight", 0)) for each in backends)
    )
