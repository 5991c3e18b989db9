"""The Gateway API: an HTTPRoute.

Some implementations tell their proxies only of services that a route names, and of routes and
services at different moments. So an HTTPRoute first names the sides in a rule that fits no request,
and leads clients there when proxies have had time to learn of them. Until all clients have come
over, such a rule names what led them before.
https://gateway-api.sigs.k8s.io/reference/api-spec/main/spec/#httproute
"""

from collections.abc import Collection, Sequence
from typing import ClassVar

from canary.api.canary import Canary
from canary.api.kinds import GATEWAY, GATEWAY_CLASS, Kind, Manifest
from canary.api.traffic import HttpMatch
from canary.core.traffic import Seen, Traffic
from canary.errors import SpecWarning
from canary.objects.render import Render
from canary.routers import ClusterState, RequiredFeature
from canary.routers.abilities import Abilities
from canary.routers.gateway_features import required_features
from canary.routers.gateway_rules import GatewayRules
from canary.routers.gatewayroutes import GROUP, VERSIONS, GatewayRouter, service_reference
from canary.routers.httproute import ABILITIES, http_match, route_warnings
from canary.routers.managed_rules import Grammar
from canary.routers.shares import entries, part, side_services, sides

#: The header that a request would have to have, with the uid of the Canary, to be led beforehand.
_KNOWN = "tidegate-known"
#: Where requests come in, of a route.
_ENTRANCE = ("parentRefs", "hostnames")
#: How a backend is referred to.
_REFERENCE = ("group", "kind", "namespace", "name", "port")
#: So many rules the API takes, and so many backends in each.
_MOST_RULES = 16
_MOST_BACKENDS = 16


class GatewayApiRouter(GatewayRouter):
    """Split traffic by the weights of an HTTPRoute's backends."""

    name: ClassVar[str] = "gatewayapi"
    variants: ClassVar[tuple[str, ...]] = VERSIONS
    route_kind: ClassVar[Kind] = Kind(
        group=GROUP, versions=VERSIONS, kind="HTTPRoute", plural="httproutes"
    )

    asks: ClassVar[tuple[Kind, ...]] = (GATEWAY, GATEWAY_CLASS)
    rules: ClassVar[Grammar | None] = GatewayRules(http_match)

    def abilities(self, _canary: Canary) -> Abilities:
        """What an HTTPRoute can say."""
        return ABILITIES

    def ignored(self, canary: Canary) -> tuple[SpecWarning, ...]:
        """Name what a Canary asks of an HTTPRoute that it cannot say, and that does no harm."""
        return tuple(route_warnings(canary, self.name))

    def required_features(self, canary: Canary) -> tuple[RequiredFeature, ...]:
        """Name what not every implementation does with an HTTPRoute."""
        return tuple(required_features(canary))

    def beforehand(self, canary: Canary, cluster: ClusterState) -> tuple[Render, ...]:
        """Name the sides in a rule that fits no request; a mesh knows every Service by itself.

        A route of the user's that tidegate takes over keeps its rules beside that one. What leads
        to a side already has made it known.
        """
        found = self._found(canary, cluster)
        rules = _leading(found)
        if not self._may_name(canary, rules) or self.seen(canary, found) is not None:
            return ()
        naming = _naming_rule(canary, _sides(canary))
        spec = self.spec(canary, cluster, Traffic()) | {"rules": [naming]}
        if isinstance(found, dict) and rules:
            kept = {name: found[name] for name in _ENTRANCE if name in found}
            spec = kept | {"rules": [*rules, naming]}
        return (self.rendered(canary, cluster, spec),)

    def spec(self, canary: Canary, cluster: ClusterState, traffic: Traffic) -> Manifest:
        """Give the parents, the host names and the rules; while clients come over, whence as well."""
        spec = super().spec(canary, cluster, traffic)
        former = _former(canary, self._found(canary, cluster)) if traffic.taking_over else []
        if not former or not self._may_name(canary, spec["rules"]):
            return spec
        return spec | {"rules": [*spec["rules"], _naming_rule(canary, former)]}

    def _found(self, canary: Canary, cluster: ClusterState) -> object:
        (key,) = self.objects(canary).adopted
        return part(cluster.existing.get(key), "spec")

    def _may_name(self, canary: Canary, rules: Collection[Manifest]) -> bool:
        """Tell whether there is a use, and room, for a rule that only names services."""
        parents = canary.spec.service.gateway_refs
        inside = any((each.group, each.kind) != (GATEWAY.group, GATEWAY.kind) for each in parents)
        return not inside and len(rules) < _MOST_RULES

    def seen(self, canary: Canary, spec: object) -> Seen | None:
        """Read what a spec does, but for the rule that only names the sides."""
        return super().seen(canary, {"rules": _leading(spec)})

    def _is_ours(self, canary: Canary, spec: Manifest) -> bool:
        """Tell whether tidegate has written a spec, be it only the rule that fits no request."""
        return any(map(_only_names, entries(spec, "rules"))) or super()._is_ours(canary, spec)

    def condition(self, match: HttpMatch) -> Manifest:
        """Write a condition on requests."""
        return http_match(match)


def _naming_rule(canary: Canary, backends: Sequence[Manifest]) -> Manifest:
    """Name services in a rule that no client meets."""
    path = {"type": "PathPrefix", "value": "/"}
    header = {"name": _KNOWN, "type": "Exact", "value": canary.metadata.uid}
    return {"matches": [{"path": path, "headers": [header]}], "backendRefs": list(backends)}


def _sides(canary: Canary) -> list[Manifest]:
    return [
        service_reference(canary, name) | {"weight": weight} for name, weight in sides(canary, 0)
    ]


def _former(canary: Canary, spec: object) -> list[Manifest]:
    """Give what a route leads to, or names, but for the sides; each once."""
    former: list[Manifest] = []
    for rule in entries(spec, "rules"):
        for backend in entries(rule, "backendRefs"):
            reference = {name: backend[name] for name in _REFERENCE if name in backend}
            named = {"group": "", "kind": "Service", **reference, "weight": 1}
            if backend.get("name") not in side_services(canary) and named not in former:
                former.append(named)
    return former[:_MOST_BACKENDS]


def _leading(spec: object) -> list[Manifest]:
    """Give the rules of a route but for the one that only names services."""
    return [rule for rule in entries(spec, "rules") if not _only_names(rule)]


def _only_names(rule: Manifest) -> bool:
    """Tell whether a rule only names services."""
    matches = entries(rule, "matches")
    return any(
        each.get("name") == _KNOWN for match in matches for each in entries(match, "headers")
    )
