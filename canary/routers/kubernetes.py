"""Kubernetes alone: no mesh and no gateway, but the selector of the apex service.

All requests go to one side, and the switch is a single write: new connections go to the other
side's pods from then on. Connections that are open stay where they are until they end.
https://kubernetes.io/docs/concepts/services-networking/service/
"""

from typing import ClassVar

from canary.api.canary import Canary
from canary.api.kinds import SERVICE, Kind, ObjectKey
from canary.core.actions import Side
from canary.core.traffic import Seen, Traffic
from canary.core.weights import FULL
from canary.objects.ownership import adopted, owned
from canary.objects.render import Render, Restoration
from canary.routers import ClusterState, Objects
from canary.routers.abilities import Abilities
from canary.routers.defaults import RouterDefaults
from canary.routers.shares import part

_ABILITIES = Abilities(service=frozenset(), splits=False)


class KubernetesRouter(RouterDefaults):
    """Switch all traffic between the sides by the selector of the apex service."""

    name: ClassVar[str] = "kubernetes"
    variants: ClassVar[tuple[str, ...]] = ()
    by_apex: ClassVar[bool] = True

    def __init__(self, variant: str = "") -> None:
        """Make the router, which has no variants."""
        assert not variant

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The Service."""
        return (SERVICE,)

    def abilities(self, _canary: Canary) -> Abilities:
        """All traffic to one side."""
        return _ABILITIES

    def objects(self, canary: Canary) -> Objects:
        """Name the apex service, and the services of the sides, which tell what it selects."""
        spec, namespace = canary.spec, canary.metadata.namespace
        names = (spec.service_name, spec.primary_service_name, spec.canary_service_name)
        apex, *sides = (ObjectKey(kind=SERVICE, namespace=namespace, name=name) for name in names)
        return Objects(adopted=(apex,), read=tuple(sides))

    def render(
        self, _canary: Canary, cluster: ClusterState, traffic: Traffic
    ) -> tuple[Render, ...]:
        """Give the apex service; the canary's pods get all traffic or none.

        A weight between leaves it on the primary: that is never what a step asks for.
        """
        apex = cluster.apex.get(Side.TARGET if traffic.weight == FULL else Side.PRIMARY)
        return () if apex is None else (apex,)

    def read(self, canary: Canary, cluster: ClusterState) -> Seen | None:
        """Compare what the apex service selects with what the services of the sides do.

        One that is not taken over yet is no route.
        """
        objects = self.objects(canary)
        apex = cluster.existing.get(objects.written[-1])
        if apex is None or not (owned(canary, apex) or adopted(apex)):
            return None
        selected = part(apex, "spec", "selector")
        for side, weight in zip(objects.read, (0, FULL), strict=True):
            if selected and selected == part(cluster.existing.get(side), "spec", "selector"):
                return Seen(weight=weight)
        return None

    def restore(self, _canary: Canary, _cluster: ClusterState) -> Restoration:
        """Leave the apex service: it is given back with the services."""
        return Restoration()
