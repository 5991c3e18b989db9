"""Istio: a VirtualService with the weights, and a DestinationRule for each side.

https://istio.io/latest/docs/reference/config/networking/virtual-service/
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, ClassVar

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest, ObjectKey
from canary.api.shown import shown
from canary.api.traffic import CorsPolicy, HttpMatch, StringMatch
from canary.core.traffic import Seen, Traffic
from canary.core.weights import FULL
from canary.errors import Problem, SpecWarning
from canary.routers import Capability, ClusterState, Restoration
from canary.routers.matching import canary_matches, match_problems, pattern, way
from canary.routers.objects import render_object, restore_objects
from canary.routers.shares import entries, part, seen, side_services, sides, weight_of
from canary.routers.support import Understood, ignored, refused

GROUP = "networking.istio.io"
VIRTUAL_SERVICE = Kind(
    group=GROUP, versions=("v1", "v1beta1"), kind="VirtualService", plural="virtualservices"
)
DESTINATION_RULE = Kind(
    group=GROUP, versions=("v1", "v1beta1"), kind="DestinationRule", plural="destinationrules"
)

#: The name that Istio gives to all sidecars.
MESH = "mesh"

_ANY_PROTOCOL = frozenset({"gateways", "hosts", "delegation", "traffic_policy", "match"})
_HTTP = Understood(
    service=_ANY_PROTOCOL | {"timeout", "rewrite", "retries", "headers", "cors_policy"},
    analysis=frozenset({"match"}),
)
_TCP = Understood(service=_ANY_PROTOCOL, transport=" with appProtocol tcp")
#: What tidegate decides in a VirtualService, and in a DestinationRule.
_DECIDED_BY_ROUTES = frozenset({"gateways", "hosts", "http", "tcp", "tls"})
_DECIDED_BY_RULES = frozenset({"host", "trafficPolicy"})
#: What a condition may say of a connection.
_CONNECTION = frozenset({"name", "source_labels", "source_namespace", "gateways", "port"})


class IstioRouter:
    """Split traffic by the weights of a VirtualService."""

    name: ClassVar[str] = "istio"
    variants: ClassVar[tuple[str, ...]] = ()
    kinds: tuple[Kind, ...] = (VIRTUAL_SERVICE, DESTINATION_RULE)
    capabilities: ClassVar[frozenset[Capability]] = frozenset({Capability.MATCH, Capability.TCP})

    def __init__(self, variant: str = "") -> None:
        """Make the router; it has no variants, since both versions say the same."""

    def problems(self, canary: Canary) -> tuple[Problem, ...]:
        """Name everything that a Canary asks of Istio and that it cannot do."""
        fields = refused(canary, self.name, _understood(canary))
        if _is_tcp(canary):
            return (*fields, *_connection_problems(canary))
        return (*fields, *match_problems(canary), *_retry_problems(canary))

    def ignored(self, canary: Canary) -> tuple[SpecWarning, ...]:
        """Name what a Canary asks of Istio that it has not, and that does no harm."""
        return tuple(ignored(canary, self.name, _understood(canary)))

    def objects(self, canary: Canary) -> tuple[ObjectKey, ...]:
        """Name the VirtualService and the DestinationRules of both sides."""
        namespace, spec = canary.metadata.namespace, canary.spec
        return (
            ObjectKey(kind=VIRTUAL_SERVICE, namespace=namespace, name=spec.service_name),
            ObjectKey(kind=DESTINATION_RULE, namespace=namespace, name=spec.primary_service_name),
            ObjectKey(kind=DESTINATION_RULE, namespace=namespace, name=spec.canary_service_name),
        )

    def render(
        self, canary: Canary, cluster: ClusterState, traffic: Traffic
    ) -> tuple[Manifest, ...]:
        """Give the DestinationRules, then the VirtualService."""
        virtual_service, *rules = self.objects(canary)
        return (
            *(
                render_object(
                    canary,
                    cluster,
                    key,
                    _destination_rule(canary, key.name),
                    ours=partial(_ours, canary),
                    decides=_DECIDED_BY_RULES,
                )
                for key in rules
            ),
            render_object(
                canary,
                cluster,
                virtual_service,
                _virtual_service(canary, traffic),
                metadata=canary.spec.service.apex,
                ours=partial(_ours, canary),
                decides=_DECIDED_BY_ROUTES,
            ),
        )

    def read(self, canary: Canary, cluster: ClusterState) -> Seen | None:
        """Read the weights of the routes that lead to a side."""
        existing = cluster.existing.get(self.objects(canary)[0])
        return seen(_weights(canary, part(existing, "spec")))

    def restore(self, canary: Canary, cluster: ClusterState) -> Restoration:
        """Give an adopted VirtualService its spec back, and remove what was created."""
        return restore_objects(canary, cluster, self.objects(canary), ours=partial(_ours, canary))


def _is_tcp(canary: Canary) -> bool:
    return (canary.spec.service.app_protocol or "").lower() == "tcp"


def _understood(canary: Canary) -> Understood:
    return _TCP if _is_tcp(canary) else _HTTP


def _ours(canary: Canary, spec: Manifest) -> bool:
    """Tell whether a spec is one that was written for a Canary."""
    return _service(spec.get("host")) in side_services(canary) or bool(_weights(canary, spec))


# ------------------------------------------------------------------------------------- problems


def _retry_problems(canary: Canary) -> Iterator[Problem]:
    retries = canary.spec.service.retries
    if retries and not retries.attempts and (retries.per_try_timeout or retries.retry_on):
        yield Problem(
            "spec.service.retries.attempts",
            retries.attempts,
            "set attempts to 1 or more, or remove perTryTimeout and retryOn: Istio rejects them "
            "without attempts",
        )


def _connection_problems(canary: Canary) -> Iterator[Problem]:
    for index, match in enumerate(canary.spec.service.match):
        for field, value in match:
            if value and field not in _CONNECTION:
                yield Problem(
                    f"spec.service.match[{index}].{HttpMatch.model_fields[field].alias}",
                    shown(value),
                    "remove it: appProtocol tcp routes connections, which have no requests",
                )


# --------------------------------------------------------------------------------------- specs


def _destination_rule(canary: Canary, host: str) -> Manifest:
    policy = canary.spec.service.traffic_policy
    return {"host": host, **({"trafficPolicy": dict(policy)} if policy else {})}


def _virtual_service(canary: Canary, traffic: Traffic) -> Manifest:
    service = canary.spec.service
    apex = canary.spec.service_name
    spec: Manifest = {}
    if not service.delegation:
        named = apex in service.hosts or "*" in service.hosts
        spec["gateways"] = list(service.gateways) or [MESH]
        spec["hosts"] = [*service.hosts, *(() if named else (apex,))]
    if _is_tcp(canary):
        spec["tcp"] = [_tcp_route(canary, traffic)]
    else:
        spec["http"] = list(_http_routes(canary, traffic))
    return spec


def _http_routes(canary: Canary, traffic: Traffic) -> Iterator[Manifest]:
    """Give the route of the split and, where only some requests take part, that of the others."""
    matches = canary_matches(canary.spec.service.match, traffic.match)
    yield _http_route(canary, matches, _destinations(canary, traffic))
    if traffic.match:
        primary = _destination(canary, canary.spec.primary_service_name, FULL)
        yield _http_route(canary, canary.spec.service.match, [primary])


def _http_route(
    canary: Canary, matches: tuple[HttpMatch, ...], destinations: list[Manifest]
) -> Manifest:
    service = canary.spec.service
    route: Manifest = {"route": destinations}
    if matches:
        route["match"] = [_http_match(match) for match in matches]
    if service.rewrite and (service.rewrite.uri or service.rewrite.authority):
        route["rewrite"] = _written(uri=service.rewrite.uri, authority=service.rewrite.authority)
    if service.timeout:
        route["timeout"] = service.timeout
    if service.retries:
        route["retries"] = service.retries.as_written()
    if service.headers:
        route["headers"] = service.headers.as_written()
    if service.cors_policy:
        route["corsPolicy"] = _cors(service.cors_policy)
    return route


def _tcp_route(canary: Canary, traffic: Traffic) -> Manifest:
    route: Manifest = {"route": _destinations(canary, traffic)}
    matches = [
        _written(
            port=match.port,
            gateways=list(match.gateways),
            sourceLabels=match.source_labels,
            sourceNamespace=match.source_namespace,
        )
        for match in canary.spec.service.match
    ]
    return route | ({"match": matches} if matches else {})


def _destinations(canary: Canary, traffic: Traffic) -> list[Manifest]:
    return [
        _destination(canary, service, weight) for service, weight in sides(canary, traffic.weight)
    ]


def _destination(canary: Canary, host: str, weight: int) -> Manifest:
    """Name a service and its weight.

    Beyond the mesh Istio takes a port only from a service that has just one, so with several the
    port must be named; inside the mesh it must not, or every port would lead to this one.
    """
    service = canary.spec.service
    beyond = service.delegation or (service.gateways and service.gateways[0] != MESH)
    port = {"port": {"number": service.port}} if service.port_discovery and beyond else {}
    return {"destination": {"host": host, **port}, "weight": weight}


def _http_match(match: HttpMatch) -> Manifest:
    return _written(
        name=match.name,
        uri=match.uri and _text(match.uri),
        scheme=match.scheme and _text(match.scheme),
        method=match.method and _text(match.method),
        authority=match.authority and _text(match.authority),
        # Istio compares with lower-case names only.
        headers={name.lower(): _text(each) for name, each in sorted(match.headers.items())},
        withoutHeaders={
            name.lower(): _text(each) for name, each in sorted(match.without_headers.items())
        },
        queryParams={name: _text(each) for name, each in sorted(match.query_params.items())},
        sourceLabels=dict(sorted(match.source_labels.items())),
        sourceNamespace=match.source_namespace,
        gateways=list(match.gateways),
        port=match.port,
        ignoreUriCase=match.ignore_uri_case,
    )


def _cors(policy: CorsPolicy) -> Manifest:
    # Istio reads the older allowOrigin only where allowOrigins is empty.
    origins = [
        *({"exact": origin} for origin in policy.allow_origin),
        *(_text(origin) for origin in policy.allow_origins),
    ]
    written = policy.as_written()
    written.pop("allowOrigin", None)
    return written | ({"allowOrigins": origins} if origins else {})


def _text(match: StringMatch) -> Manifest:
    """Write a condition on text; Istio has no suffix."""
    how, text = way(match)
    return {"regex": pattern(match)} if how == "suffix" else {how: text}


def _written(**fields: Any) -> Manifest:
    """Leave out what is empty."""
    return {name: value for name, value in fields.items() if value not in (None, [], {})}


# ------------------------------------------------------------------------------------- reading


def _weights(canary: Canary, spec: object) -> list[int]:
    """Read the canary's weight in each route that leads to a side."""
    routes = (*entries(spec, "http"), *entries(spec, "tcp"))
    found = (_weight(canary, route) for route in routes)
    return [weight for weight in found if weight is not None]


def _weight(canary: Canary, route: Manifest) -> int | None:
    destinations = entries(route, "route")
    # A single destination gets everything, whatever its weight.
    alone = FULL if len(destinations) == 1 else None
    return weight_of(
        canary,
        (
            (_service(part(each, "destination", "host")), alone or each.get("weight", 0))
            for each in destinations
        ),
    )


def _service(host: object) -> str:
    """Take the service's name from a host that may be fully qualified."""
    return host.partition(".")[0] if isinstance(host, str) else ""
