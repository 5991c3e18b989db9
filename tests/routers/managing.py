"""Routes that their users keep, each with a rule that leads to the app, and others that do not."""

from collections.abc import Iterator
from typing import Any

from canary.api.canary import Canary
from canary.api.kinds import Manifest
from canary.objects.render import Lacking
from canary.routers import router_for
from tests.routers.builders import a_canary, a_cluster, router_case, the_traffic

APEX, SIDES = ("podinfo",), ("podinfo-primary", "podinfo-canary")
PROVIDERS = {
    "VirtualService": "istio",
    "HTTPRoute": "gatewayapi",
    "GRPCRoute": "gatewayapi-grpc",
    "TCPRoute": "gatewayapi-tcp",
    "TLSRoute": "gatewayapi-tls",
}


def destination(host: str, weight: int | None = None, **fields: Any) -> Manifest:
    """Write a destination of a VirtualService."""
    written = {"destination": {"host": host}, "headers": {"request": {"set": {"x": "1"}}}}
    return written | ({} if weight is None else {"weight": weight}) | fields


def backend(name: str, weight: int | None = None, **fields: Any) -> Manifest:
    """Write a backend of a route of the Gateway API."""
    written: Manifest = {"group": "", "kind": "Service", "name": name, "port": 9898}
    return written | ({} if weight is None else {"weight": weight}) | fields


def virtual_service(*backends: Manifest, **fields: Any) -> Manifest:
    """Write a VirtualService of which the rule `api` leads to some backends."""
    api = {"name": "api", "timeout": "3s", "retries": {"attempts": 2}, "route": list(backends)}
    return _route(
        "VirtualService",
        "networking.istio.io/v1",
        {
            "hosts": ["app.example.com"],
            "gateways": ["istio-system/public"],
            "exportTo": ["."],
            "http": [
                {
                    "name": "static",
                    "match": [{"uri": {"prefix": "/static"}}],
                    "route": [destination("assets")],
                },
                {"match": [{"uri": {"prefix": "/old"}}], "redirect": {"uri": "/new"}},
                api | fields,
                {"name": "late", "route": [destination("late", 40), destination("later", 60)]},
            ],
        },
    )


def connections(place: str, *backends: Manifest) -> Manifest:
    """Write a VirtualService of which one rule for connections leads to some backends."""
    hosts = ["pg.example.com", "db.example.com"]
    other, match = (
        {"port": port} | ({"sniHosts": [host]} if place == "tls" else {})
        for port, host in zip((5432, 3306), hosts, strict=True)
    )
    # Of a connection there are no headers.
    rules = [
        {"match": [other], "route": [{"destination": {"host": "pg"}}]},
        {
            "match": [match],
            "route": [{k: v for k, v in each.items() if k != "headers"} for each in backends],
        },
    ]
    spec = {"hosts": hosts, place: rules}
    return _route("VirtualService", "networking.istio.io/v1", spec)


def gateway_route(kind: str, *backends: Manifest, **fields: Any) -> Manifest:
    """Write a route of the Gateway API of which the rule `api` leads to some backends."""
    requests = kind in {"HTTPRoute", "GRPCRoute"}
    matches = {"HTTPRoute": [{"path": {"type": "PathPrefix", "value": "/"}}]}
    added = {
        "type": "RequestHeaderModifier",
        "requestHeaderModifier": {"add": [{"name": "x", "value": "1"}]},
    }
    api: Manifest = {"name": "api", "backendRefs": list(backends)}
    if requests:
        api |= {"filters": [added], **({"matches": matches[kind]} if kind in matches else {})}
    before = {"name": "static", "backendRefs": [backend("assets", 7)]}
    after = {"backendRefs": [backend("late", 40), backend("later", 60)]}
    spec = {
        "parentRefs": [{"name": "public", "namespace": "ingress"}],
        # A route for connections has one rule.
        "rules": [before, api | fields, after] if requests else [api | fields],
    }
    if kind == "TLSRoute":
        spec["hostnames"] = ["db.example.com"]
    return _route(kind, "gateway.networking.k8s.io/v1", spec)


def _route(kind: str, api_version: str, spec: Manifest) -> Manifest:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {
            "name": "shop",
            "namespace": "test",
            "labels": {"team": "shop"},
            "annotations": {"note": "hand-made"},
        },
        "spec": spec,
    }


def users_routes() -> Iterator[tuple[str, Canary, Manifest]]:
    """Give a user's route of each kind and shape, with a Canary that manages a rule of it."""
    for kind, provider in PROVIDERS.items():
        for shape, one in (("apex", APEX), ("sides", SIDES)):
            weights = (None,) if shape == "apex" else (100, 0)
            pairs = list(zip(one, weights, strict=True))
            if kind != "VirtualService":
                route = gateway_route(kind, *(backend(*each) for each in pairs))
                yield f"{kind} {shape}", managing(provider, kind, {"name": "api"}), route
                continue
            to = [destination(*each) for each in pairs]
            yield f"http {shape}", managing(provider, kind, {"name": "api"}), virtual_service(*to)
            for place, named in (("tcp", {"port": 3306}), ("tls", {"sniHost": "db.example.com"})):
                yield f"{place} {shape}", managing(provider, kind, named), connections(place, *to)


def managing(provider: str, kind: str, *rules: Manifest, **spec: Any) -> Canary:
    """Write a Canary that manages some rules of the route `shop`, and has no route of its own."""
    entrance: dict[str, Any] = {field: [] for field in router_case(provider).needed}
    managed = {"kind": kind, "name": "shop", "rules": list(rules)}
    service = entrance | spec.pop("service", {})
    return a_canary(provider, service=service, managedRoutes=[managed], **spec)


def route_in(rendered: tuple[Manifest, ...]) -> Manifest:
    """Pick the user's route from what is rendered."""
    (route,) = (each for each in rendered if each["metadata"]["name"] == "shop")
    return route


def lacking(canary: Canary, *objects: Manifest) -> str:
    """Say what is missing for a Canary's route; empty where nothing is."""
    router = router_for(str(canary.spec.provider))
    wanted = router.render(canary, a_cluster(router, canary, objects), the_traffic(canary, 20))
    return str(wanted) if isinstance(wanted, Lacking) else ""
