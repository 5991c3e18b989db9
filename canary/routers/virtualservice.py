"""The spec of a VirtualService: its routes, and what they do as they are read back.

https://istio.io/latest/docs/reference/config/networking/virtual-service/
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from canary.api.canary import Canary
from canary.api.kinds import Manifest
from canary.api.namespaces import MESH
from canary.api.traffic import CorsPolicy, HttpMatch, StringMatch
from canary.core.traffic import Seen, Traffic
from canary.core.weights import FULL
from canary.routers.abilities import way
from canary.routers.matching import pattern
from canary.routers.rules import (
    COOKIE_HEADER,
    SET_COOKIE,
    Backend,
    RouteRule,
    keeps,
    kept_seen,
    rules,
)
from canary.routers.shares import entries, part, percent_of, route_seen, sides, weights_seen

Lead = Callable[[str], Manifest]
"""Says where the pods of a side are, by the name of its service."""


def is_tcp(canary: Canary) -> bool:
    """Tell whether connections are routed, not requests."""
    return (canary.spec.service.app_protocol or "").lower() == "tcp"


def by_service(side: str) -> Manifest:
    """Lead to the service of a side."""
    return {"host": side}


def route_spec(canary: Canary, traffic: Traffic, lead: Lead = by_service) -> Manifest:
    """Give the spec of a VirtualService, which leads to a side as `lead` says."""
    service = canary.spec.service
    apex = canary.spec.service_name
    spec: Manifest = {}
    if not service.delegation:
        named = apex in service.hosts or "*" in service.hosts
        spec["gateways"] = list(service.gateways) or [MESH]
        spec["hosts"] = [*service.hosts, *(() if named else (apex,))]
    if is_tcp(canary):
        spec["tcp"] = [_tcp_route(canary, traffic, lead)]
    else:
        spec["http"] = [_http_route(canary, rule, lead) for rule in rules(canary, traffic)]
    return spec


def _http_route(canary: Canary, rule: RouteRule, lead: Lead) -> Manifest:
    service = canary.spec.service
    route: Manifest = {"route": [_destination(canary, each, lead) for each in rule.backends]}
    if rule.matches:
        route["match"] = [http_match(match) for match in rule.matches]
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
    return route | _copies(canary, rule.mirror, lead)


def _tcp_route(canary: Canary, traffic: Traffic, lead: Lead) -> Manifest:
    split = (Backend(service=side, weight=each) for side, each in sides(canary, traffic.weight))
    route: Manifest = {"route": [_destination(canary, each, lead) for each in split]}
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


def _destination(canary: Canary, backend: Backend, lead: Lead) -> Manifest:
    written: Manifest = {
        "destination": _host(canary, lead(backend.service)),
        "weight": backend.weight,
    }
    if not backend.set_cookie:
        return written
    return written | {"headers": {"response": {"add": {SET_COOKIE: backend.set_cookie}}}}


def _copies(canary: Canary, percent: int, lead: Lead) -> Manifest:
    """Give the fields that copy requests to the canary."""
    if not percent:
        return {}
    canary_host = _host(canary, lead(canary.spec.canary_service_name))
    return {"mirror": canary_host, "mirrorPercentage": {"value": percent}}


def _host(canary: Canary, side: Manifest) -> Manifest:
    """Name a service, or a subset of its pods.

    Beyond the mesh Istio takes a port only from a service that has just one, so with several the
    port must be named; inside the mesh it must not, or every port would lead to this one.
    """
    service = canary.spec.service
    beyond = service.delegation or (service.gateways and service.gateways[0] != MESH)
    port = {"port": {"number": service.port}} if service.port_discovery and beyond else {}
    return {**side, **port}


def http_match(match: HttpMatch) -> Manifest:
    """Write a condition on requests."""
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


def what_is_seen(canary: Canary, spec: object) -> Seen | None:
    """Read what the routes of a spec do; None where none leads to a side."""
    routes = (*entries(spec, "http"), *entries(spec, "tcp"))
    return route_seen(rule_seen(canary, route) for route in routes)


def rule_seen(canary: Canary, route: Manifest) -> Seen | None:
    """Read what a route does; None where it leads to neither side."""
    destinations = entries(route, "route")
    # A single destination gets everything, whatever its weight.
    alone = FULL if len(destinations) == 1 else None
    split = weights_seen(
        canary,
        (
            (side_of(part(each, "destination")), alone or each.get("weight", 0))
            for each in destinations
        ),
    )
    if split is None:
        return None
    seen = replace(split, mirror=_copied(canary, route))
    cookies = (part(each, "headers", COOKIE_HEADER, "regex") for each in entries(route, "match"))
    return kept_seen(seen) if keeps(cookies) else seen


def _copied(canary: Canary, route: Manifest) -> int:
    """Read how many requests a route copies to the canary, in percent; all where it leaves it out."""
    mirrors = [
        (route.get("mirror"), route.get("mirrorPercentage")),
        *(
            (part(each, "destination"), each.get("percentage"))
            for each in entries(route, "mirrors")
        ),
    ]
    copies = (
        FULL if percentage is None else percent_of(part(percentage, "value") or 0)
        for destination, percentage in mirrors
        if side_of(destination) == canary.spec.canary_service_name
    )
    return max(copies, default=0)


def side_of(destination: object) -> str:
    """Name the service that a destination leads to; of a subset that of the side, whose name it has."""
    subset = part(destination, "subset")
    return subset if isinstance(subset, str) else service_of_host(part(destination, "host"))


def service_of_host(host: object) -> str:
    """Take the service's name from a host that may be fully qualified."""
    return host.partition(".")[0] if isinstance(host, str) else ""
