"""Kubernetes alone: no mesh and no gateway, but the selector of the apex service.

By itself it switches: all requests go to one side, and a single write moves them. New connections
go to the other side's pods from then on; open ones stay where they are until they end.
As `kubernetes:replicas` the service selects the pods of both sides while a canary has a share of
the requests: that of its ready pods. No request and every request stay exact: then it selects the
pods of one side.
https://kubernetes.io/docs/concepts/services-networking/service/
"""

import json
from dataclasses import replace
from typing import ClassVar

from canary.api.annotations import ORIGINAL, WRITTEN
from canary.api.canary import Canary
from canary.api.kinds import SERVICE, Kind, Manifest, ObjectKey
from canary.api.shown import shown
from canary.core.actions import Side
from canary.core.traffic import Seen, Traffic
from canary.core.weights import FULL
from canary.errors import Problem
from canary.objects.ownership import SHARED_LABEL, adopted, decoded, owned
from canary.objects.render import Render, Restoration
from canary.routers import ClusterState, Objects
from canary.routers.abilities import Abilities, refused
from canary.routers.defaults import RouterDefaults
from canary.routers.shares import part

REPLICAS = "replicas"
_WEIGHT = "weight"
_ABILITIES = Abilities(service=frozenset(), splits=False)
_BY_REPLICAS = Abilities(service=frozenset(), by_replicas=True)


class KubernetesRouter(RouterDefaults):
    """Switch all traffic by the selector of the apex service, or share it by the number of pods."""

    name: ClassVar[str] = "kubernetes"
    variants: ClassVar[tuple[str, ...]] = (REPLICAS,)
    by_apex: ClassVar[bool] = True

    def __init__(self, variant: str = "") -> None:
        """Make the router; the variant `replicas` shares requests by the number of pods."""
        self._abilities = _BY_REPLICAS if variant else _ABILITIES

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The Service."""
        return (SERVICE,)

    def abilities(self, _canary: Canary) -> Abilities:
        """All traffic to one side; with the variant also shares, by the number of pods."""
        return self._abilities

    def problems(self, canary: Canary) -> tuple[Problem, ...]:
        """Whatever decides who reaches the canary and is beyond its abilities.

        A share is that of the pods only where every client chooses among all of them.
        """
        problems = tuple(refused(canary, self.name, self._abilities))
        near = canary.spec.service.traffic_distribution
        if near is None or not self._abilities.by_replicas:
            return problems
        remedy = (
            "remove it: clients that prefer pods near them do not share requests among all pods, "
            "and the shares would be wrong"
        )
        return (*problems, Problem("spec.service.trafficDistribution", shown(near), remedy))

    def objects(self, canary: Canary) -> Objects:
        """Name the apex service, and the services of the sides, which tell what it selects."""
        spec, namespace = canary.spec, canary.metadata.namespace
        names = (spec.service_name, spec.primary_service_name, spec.canary_service_name)
        apex, *sides = (ObjectKey(kind=SERVICE, namespace=namespace, name=name) for name in names)
        return Objects(adopted=(apex,), read=tuple(sides))

    def render(
        self, _canary: Canary, cluster: ClusterState, traffic: Traffic
    ) -> tuple[Render, ...]:
        """Give the apex service; the canary's pods get all traffic or none, or share it.

        Without the ability to share, a weight between leaves all traffic on the primary: that is
        never what a step asks for.
        """
        if traffic.shared and self._abilities.by_replicas:
            shared = cluster.shared_apex
            return () if shared is None else (_with_weight(shared, traffic.weight),)
        apex = cluster.apex.get(Side.TARGET if traffic.weight == FULL else Side.PRIMARY)
        return () if apex is None else (apex,)

    def read(self, canary: Canary, cluster: ClusterState) -> Seen | None:
        """Compare what the apex service selects with what the services of the sides do.

        One that is not taken over yet is no route. Where it selects both sides, the weight is the
        one that it was given for.
        """
        objects = self.objects(canary)
        apex = cluster.existing.get(objects.written[-1])
        if apex is None or not (owned(canary, apex) or adopted(apex)):
            return None
        selected = part(apex, "spec", "selector")
        for side, all_or_none in zip(objects.read, (0, FULL), strict=True):
            if selected and selected == part(cluster.existing.get(side), "spec", "selector"):
                return Seen(weight=all_or_none)
        if selected != {SHARED_LABEL: canary.spec.service_name}:
            return None
        weight = _recorded_weight(apex)
        return None if weight is None else Seen(weight=weight)

    def restore(self, _canary: Canary, _cluster: ClusterState) -> Restoration:
        """Leave the apex service: it is given back with the services."""
        return Restoration()


def _with_weight(render: Render, weight: int) -> Render:
    """Record the weight in what is kept of an own or adopted service: its selector does not tell it."""
    service = render.manifest
    metadata, (place, record) = service["metadata"], _record(service)
    text = json.dumps(record | {_WEIGHT: weight}, sort_keys=True, separators=(",", ":"))
    annotations = metadata["annotations"] | {place: text}
    manifest = service | {"metadata": metadata | {"annotations": annotations}}
    return replace(render, manifest=manifest)


def _recorded_weight(service: Manifest) -> int | None:
    """Read that weight; None where it was edited away."""
    weight = _record(service)[1].get(_WEIGHT)
    known = isinstance(weight, int) and not isinstance(weight, bool) and 0 < weight < FULL
    return weight if known else None


def _record(service: Manifest) -> tuple[str, Manifest]:
    """Find the annotation in which a service's record is kept, and read it."""
    annotations = service["metadata"].get("annotations") or {}
    place = ORIGINAL if ORIGINAL in annotations else WRITTEN
    return place, decoded(annotations.get(place)) or {}
