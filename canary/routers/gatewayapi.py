"""The Gateway API: an HTTPRoute, attached to Gateways or, inside a mesh, to Services (GAMMA).

Every default of the API is written out, so that what is read back is what was written.
https://gateway-api.sigs.k8s.io/reference/api-spec/main/spec/
"""

from collections.abc import Iterator
from functools import partial
from typing import ClassVar

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest, ObjectKey
from canary.api.rules import GATEWAY_API_HAS_PARENT
from canary.api.traffic import HttpMatch, ParentReference
from canary.core.traffic import Seen, Traffic
from canary.core.weights import FULL
from canary.errors import Problem, SpecWarning
from canary.routers import Capability, ClusterState, Restoration
from canary.routers.httproute import (
    filters,
    http_match,
    route_problems,
    route_warnings,
    timeouts,
)
from canary.routers.matching import canary_matches
from canary.routers.objects import render_object, restore_objects
from canary.routers.shares import entries, part, seen, sides, weight_of

GROUP = "gateway.networking.k8s.io"
VERSIONS = ("v1", "v1beta1")

#: What tidegate decides in an HTTPRoute.
_DECIDES = frozenset({"parentRefs", "hostnames", "rules"})
#: What the API gives a backend without a weight.
_DEFAULT_WEIGHT = 1


class GatewayApiRouter:
    """Split traffic by the weights of an HTTPRoute's backends."""

    name: ClassVar[str] = "gatewayapi"
    variants: ClassVar[tuple[str, ...]] = VERSIONS
    capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.MATCH})

    def __init__(self, variant: str = "") -> None:
        """Make the router, for one version of the API or for the newest that is served."""
        self._kind = Kind(
            group=GROUP,
            versions=(variant,) if variant else VERSIONS,
            kind="HTTPRoute",
            plural="httproutes",
        )

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The HTTPRoute."""
        return (self._kind,)

    def problems(self, canary: Canary) -> tuple[Problem, ...]:
        """Name everything that a Canary asks of an HTTPRoute and that it cannot say."""
        problems = tuple(route_problems(canary, self.name))
        if canary.spec.service.gateway_refs:
            return problems
        return (
            Problem("spec.service.gatewayRefs", None, GATEWAY_API_HAS_PARENT.remedy),
            *problems,
        )

    def ignored(self, canary: Canary) -> tuple[SpecWarning, ...]:
        """Name what a Canary asks of an HTTPRoute that it cannot say, and that does no harm."""
        return tuple(route_warnings(canary, self.name))

    def objects(self, canary: Canary) -> tuple[ObjectKey, ...]:
        """Name the HTTPRoute."""
        name = canary.spec.service_name
        return (ObjectKey(kind=self._kind, namespace=canary.metadata.namespace, name=name),)

    def render(
        self, canary: Canary, cluster: ClusterState, traffic: Traffic
    ) -> tuple[Manifest, ...]:
        """Give the HTTPRoute."""
        (key,) = self.objects(canary)
        service = canary.spec.service
        spec: Manifest = {"parentRefs": [_parent(each) for each in service.gateway_refs]}
        # A route without host names answers to all of them; the API has no `*`.
        if service.hosts and "*" not in service.hosts:
            spec["hostnames"] = list(service.hosts)
        spec["rules"] = list(_rules(canary, traffic))
        rendered = render_object(
            canary,
            cluster,
            key,
            spec,
            metadata=service.apex,
            ours=partial(_ours, canary),
            decides=_DECIDES,
        )
        return (rendered,)

    def read(self, canary: Canary, cluster: ClusterState) -> Seen | None:
        """Read the weights of the rules that lead to a side."""
        (key,) = self.objects(canary)
        return seen(_weights(canary, part(cluster.existing.get(key), "spec")))

    def restore(self, canary: Canary, cluster: ClusterState) -> Restoration:
        """Give an adopted HTTPRoute its spec back, or remove the one that was created."""
        return restore_objects(canary, cluster, self.objects(canary), ours=partial(_ours, canary))


def _ours(canary: Canary, spec: Manifest) -> bool:
    """Tell whether a spec is one that was written for a Canary."""
    return bool(_weights(canary, spec))


def _parent(reference: ParentReference) -> Manifest:
    parent: Manifest = {
        "group": "" if reference.group == "core" else reference.group,
        "kind": reference.kind,
        "name": reference.name,
    }
    if reference.namespace:
        parent["namespace"] = reference.namespace
    if reference.section_name:
        parent["sectionName"] = reference.section_name
    if reference.port:
        parent["port"] = reference.port
    return parent


def _rules(canary: Canary, traffic: Traffic) -> Iterator[Manifest]:
    """Give the rule of the split and, where only some requests take part, that of the others."""
    backends = [
        _backend(canary, service, weight) for service, weight in sides(canary, traffic.weight)
    ]
    yield _rule(canary, canary_matches(canary.spec.service.match, traffic.match), backends)
    if traffic.match:
        primary = _backend(canary, canary.spec.primary_service_name, FULL)
        yield _rule(canary, canary.spec.service.match, [primary])


def _rule(canary: Canary, matches: tuple[HttpMatch, ...], backends: list[Manifest]) -> Manifest:
    rule: Manifest = {
        "matches": [http_match(match) for match in matches or (HttpMatch(),)],
        "backendRefs": backends,
    }
    if changes := filters(canary.spec.service):
        rule["filters"] = changes
    if limits := timeouts(canary.spec.service):
        rule["timeouts"] = limits
    return rule


def _backend(canary: Canary, service: str, weight: int) -> Manifest:
    return {
        "group": "",
        "kind": "Service",
        "name": service,
        "port": canary.spec.service.port,
        "weight": weight,
    }


def _weights(canary: Canary, spec: object) -> list[int]:
    """Read the canary's weight in each rule that leads to a side."""
    found = (_weight(canary, rule) for rule in entries(spec, "rules"))
    return [weight for weight in found if weight is not None]


def _weight(canary: Canary, rule: Manifest) -> int | None:
    backends = entries(rule, "backendRefs")
    return weight_of(
        canary,
        ((str(each.get("name")), each.get("weight", _DEFAULT_WEIGHT)) for each in backends),
    )
