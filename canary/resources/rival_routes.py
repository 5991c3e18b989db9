"""Other routes that take the same requests as the route of a Canary, so that its weights do not count.

Only what is sure is named: of sidecars the same host in two VirtualServices, and at a gateway two
routes for all requests of a host. Routes that share a host by paths are a common way to split one.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest
from canary.api.raw import items, part, text
from canary.objects.ownership import canary_owners

VIRTUAL_SERVICE = Kind(
    group="networking.istio.io",
    versions=("v1", "v1beta1"),
    kind="VirtualService",
    plural="virtualservices",
)
HTTP_ROUTE = Kind(
    group="gateway.networking.k8s.io", versions=("v1",), kind="HTTPRoute", plural="httproutes"
)
_MESH = "mesh"
_ALL: tuple[Any, ...] = (
    {"uri": {"prefix": "/"}},
    {"path": {"type": "PathPrefix", "value": "/"}},
    {"path": {"value": "/"}},
    {},
)
"""Conditions that every request meets."""


def rival_routes(
    canary: Canary, routers: tuple[str, ...], found: Mapping[Kind, tuple[Manifest, ...]]
) -> Iterator[tuple[Kind, str]]:
    """Name the routes that take requests which the Canary's own is meant for."""
    if canary.spec.managed_routes or canary.spec.service.delegation:
        return
    others = {kind: _others(canary, found.get(kind, ())) for kind in (VIRTUAL_SERVICE, HTTP_ROUTE)}
    if "istio" in routers:
        for route in others[VIRTUAL_SERVICE]:
            if _same_requests_of_istio(canary, route):
                yield VIRTUAL_SERVICE, route["metadata"]["name"]
    if "gatewayapi" in routers:
        for route in others[HTTP_ROUTE]:
            if _same_requests_of_a_gateway(canary, route):
                yield HTTP_ROUTE, route["metadata"]["name"]


def _others(canary: Canary, routes: tuple[Manifest, ...]) -> list[Manifest]:
    """Leave out the Canary's own route, one of a former name included."""
    owner = canary.metadata.name
    return [
        route
        for route in routes
        if route["metadata"]["name"] != canary.spec.service_name
        and all(each.name != owner for each in canary_owners(route))
    ]


def _same_requests_of_istio(canary: Canary, route: Manifest) -> bool:
    spec, service = part(route, "spec"), canary.spec.service
    apex, namespace = canary.spec.service_name, canary.metadata.namespace
    hosts = {_short(each, namespace) for each in (*service.hosts, apex)}
    if hosts.isdisjoint(_short(str(each), namespace) for each in items(part(spec, "hosts"))):
        return False
    ours = {*(service.gateways or (_MESH,))}
    shared = ours & {str(each) for each in items(part(spec, "gateways")) or (_MESH,)}
    return _MESH in shared or bool(shared and _takes_all(canary) and _all_of(spec, "http", "match"))


def _same_requests_of_a_gateway(canary: Canary, route: Manifest) -> bool:
    spec, service = part(route, "spec"), canary.spec.service
    theirs = {str(each) for each in items(part(spec, "hostnames"))}
    hosts = set() if "*" in service.hosts else {*service.hosts}
    # Of two routes the one that names the host has its requests.
    same = bool(hosts & theirs) or not (hosts or theirs)
    if not same or not _takes_all(canary) or not _all_of(spec, "rules", "matches"):
        return False
    namespace = canary.metadata.namespace
    ours = {_parent(each.as_written(), namespace) for each in service.gateway_refs}
    return not ours.isdisjoint(_parent(each, namespace) for each in items(part(spec, "parentRefs")))


def _parent(reference: object, namespace: str) -> tuple[str, ...]:
    """Name a parent by all that tells it from another."""
    return (
        text(reference, "kind") or "Gateway",
        text(reference, "namespace") or namespace,
        text(reference, "name"),
        text(reference, "sectionName"),
        str(part(reference, "port") or ""),
    )


def _takes_all(canary: Canary) -> bool:
    """Tell whether the Canary's route is for all requests of its hosts."""
    match = canary.spec.service.match
    return not match or any(each.as_written() in _ALL for each in match)


def _all_of(spec: object, rules: str, conditions: str) -> bool:
    """Tell whether some rule of a route takes all requests that no other one does."""
    found = (items(part(rule, conditions)) for rule in items(part(spec, rules)))
    return any(not each or any(one in _ALL for one in each) for each in found)


def _short(host: str, namespace: str) -> str:
    """Leave out of the name of a Service what its namespace adds."""
    for rest in (f".{namespace}.svc.cluster.local", f".{namespace}.svc", f".{namespace}"):
        if host.endswith(rest):
            return host.removesuffix(rest)
    return host
