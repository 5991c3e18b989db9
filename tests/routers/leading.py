"""Where the objects of each router lead requests: small readers of them, and not the projects' own.

Each gives what may be sent a request, by the name of its Service or subset. A Service that its proxy
needs though it gets no request, as Traefik does, is among them.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from canary.api.kinds import Manifest

APEX, PRIMARY, CANARY = "podinfo", "podinfo-primary", "podinfo-canary"
EITHER = "either"
"""The pods of whichever side has any: the apex Service selects both."""

Found = Mapping[tuple[str, str], Manifest]
"""The objects that there are, by kind and name."""
_Weighted = Iterable[tuple[str, float]]
_FULL = 100


def leads(provider: str, found: Found) -> set[str]:
    """Tell what may be sent a request; without a route of its own that is the apex Service."""
    names = [each.partition(":")[0] for each in provider.split("+")]
    return {service for name in names for service in set(_READERS[name](found)) or {APEX}}


def _spec(found: Found, kind: str, name: str = APEX) -> Any:
    return found.get((kind, name), {}).get("spec") or {}


def _annotation(found: Found, kind: str, name: str, key: str) -> str:
    given = found.get((kind, name), {}).get("metadata", {}).get("annotations") or {}
    return str(given.get(key, ""))


def _some(shares: _Weighted) -> Iterator[str]:
    """Name those that have a share."""
    return (name for name, weight in shares if weight)


def _istio(found: Found) -> Iterator[str]:
    for rule in _spec(found, "VirtualService").get("http") or ():
        routes = rule["route"]
        alone = _FULL if len(routes) == 1 else 0
        for each in routes:
            destination = each["destination"]
            if each.get("weight", alone):
                yield destination.get("subset") or destination["host"].partition(".")[0]


def _split(found: Found) -> Iterator[str]:
    backends = _spec(found, "TrafficSplit").get("backends") or ()
    return _some((each["service"], float(str(each["weight"]).rstrip("m"))) for each in backends)


def _route(kind: str) -> Callable[[Found], Iterator[str]]:
    def read(found: Found) -> Iterator[str]:
        for rule in _spec(found, kind).get("rules") or ():
            yield from _some((each["name"], each.get("weight", 1)) for each in rule["backendRefs"])

    return read


def _contour(found: Found) -> Iterator[str]:
    for route in _spec(found, "HTTPProxy").get("routes") or ():
        services = [each for each in route["services"] if not each.get("mirror")]
        # Where none has a weight, all have the same.
        even = not any(each.get("weight") for each in services)
        yield from _some((each["name"], even or each.get("weight", 0)) for each in services)


def _traefik(found: Found) -> Iterator[str]:
    """Nothing of a TraefikService is served in which a Service has no endpoints, whatever its weight."""
    spec = _spec(found, "TraefikService")
    mirroring = spec.get("mirroring") or {}
    listed = (*(spec.get("weighted") or {}).get("services", ()), *mirroring.get("mirrors", ()))
    return (each["name"] for each in (*listed, *([mirroring] if mirroring else ())))


def _gloo(found: Found) -> Iterator[str]:
    for route in _spec(found, "RouteTable").get("routes") or ():
        action = route["routeAction"]
        several = action.get("multi", {}).get("destinations") or ()
        for each in several or [{"destination": action["single"], "weight": 1}]:
            yield from _some([(each["destination"]["kube"]["ref"]["name"], each["weight"])])


def _nginx_f5(found: Found) -> Iterator[str]:
    spec = _spec(found, "VirtualServerRoute")
    services = {each["name"]: each["service"] for each in spec.get("upstreams") or ()}
    for route in spec.get("subroutes") or ():
        for rule in (*route.get("matches", ()), route):
            for each in rule.get("splits") or [{"weight": _FULL, "action": rule["action"]}]:
                yield from _some([(services[each["action"]["pass"]], each["weight"])])


def _openshift(found: Found) -> Iterator[str]:
    spec = _spec(found, "Route")
    listed = [*([spec["to"]] if spec else ()), *spec.get("alternateBackends", ())]
    return _some((each["name"], each.get("weight", _FULL)) for each in listed)


def _apisix(found: Found) -> Iterator[str]:
    """Of rules for the same requests the one of the higher priority counts, and here ours has it."""
    ours = _spec(found, "ApisixRoute", f"shop-{APEX}-canary")
    for rule in (ours or _spec(found, "ApisixRoute", "shop"))["http"]:
        if rule["name"] != "docs":
            yield from _some(
                (each["serviceName"], each.get("weight", _FULL)) for each in rule["backends"]
            )


def _alb(found: Found) -> Iterator[str]:
    """The action of the app, and that of the requests that match."""
    for name in (APEX, f"{APEX}-matching"):
        key = f"alb.ingress.kubernetes.io/actions.{name}"
        action = json.loads(_annotation(found, "Ingress", "web", key))
        groups = action["forwardConfig"]["targetGroups"]
        alone = 1 if len(groups) == 1 else 0
        yield from _some((each["serviceName"], each.get("weight", alone)) for each in groups)


def _skipper(found: Found) -> Iterator[str]:
    weights = _annotation(found, "Ingress", "web-canary", "zalando.org/backend-weights")
    yield APEX  # of the user's Ingress, as long as ours is not preferred to it
    said = json.loads(weights or "{}")
    even = bool(said) and not any(said.values())
    yield from _some((name, even or weight) for name, weight in said.items())


def _nginx(found: Found) -> Iterator[str]:
    yield APEX
    prefix = "nginx.ingress.kubernetes.io/canary"
    weight = _annotation(found, "Ingress", "web-canary", f"{prefix}-weight")
    matched = _annotation(found, "Ingress", "web-canary", f"{prefix}-by-header")
    yield from _some([(CANARY, float(weight or 0) or bool(matched))])


def _haproxy(found: Found) -> Iterator[str]:
    yield APEX
    beside = f"{CANARY}-haproxy"
    chance = _annotation(found, "Service", beside, "haproxy.org/route-acl")
    if ("Ingress", "web-canary") in found and ("Service", beside) in found:
        # A Service without the condition would be one of the paths.
        shared = chance.startswith("rand(")
        yield from _some([(CANARY, float(chance.rpartition(" ")[2]) if shared else 1)])


def _emissary(found: Found) -> Iterator[str]:
    """A Mapping without a weight has what the other leaves."""
    beside = _spec(found, "Mapping", CANARY)
    weight = beside.get("weight", _FULL // 2) if beside else 0
    yield from _some([(APEX, _FULL - weight), (CANARY, weight)])


def _kuma(found: Found) -> Iterator[str]:
    for to in _spec(found, "MeshHTTPRoute").get("to") or ():
        for rule in to["rules"]:
            for each in rule["default"]["backendRefs"]:
                labels = each.get("labels") or {}
                name = labels.get("kuma.io/display-name") or each["name"].partition("_")[0]
                yield from _some([(name, each.get("weight", 1))])


def _consul(found: Found) -> Iterator[str]:
    """A subset that the ServiceResolver does not have is an error of the whole chain."""
    subsets = _spec(found, "ServiceResolver").get("subsets") or {}
    splits = _spec(found, "ServiceSplitter").get("splits") or ()
    routes = _spec(found, "ServiceRouter").get("routes") or ()
    named = [(each["serviceSubset"], each["weight"]) for each in splits]
    to = [each["destination"].get("serviceSubset") for each in routes]
    for subset, weight in (*named, *((each, _FULL) for each in to if each)):
        assert subset in subsets
        yield from _some([(subset, weight)])


def _kubernetes(found: Found) -> Iterator[str]:
    sides = {APEX: CANARY, PRIMARY: PRIMARY}
    selected = _spec(found, "Service").get("selector", {"app": APEX}).get("app", "")
    yield sides.get(selected, EITHER)


_READERS: Mapping[str, Callable[[Found], Iterator[str]]] = {
    "alb": _alb,
    "apisix": _apisix,
    "consul": _consul,
    "contour": _contour,
    "emissary": _emissary,
    "gatewayapi": _route("HTTPRoute"),
    "gatewayapi-grpc": _route("GRPCRoute"),
    "gatewayapi-tcp": _route("TCPRoute"),
    "gatewayapi-tls": _route("TLSRoute"),
    "gloo": _gloo,
    "haproxy": _haproxy,
    "istio": _istio,
    "kong": _route("HTTPRoute"),
    "kubernetes": _kubernetes,
    "kuma": _kuma,
    "linkerd": _split,
    "nginx": _nginx,
    "nginx-f5": _nginx_f5,
    "openshift": _openshift,
    "osm": _split,
    "skipper": _skipper,
    "smi": _split,
    "traefik": _traefik,
}


def _kube(name: str) -> Manifest:
    return {"kube": {"ref": {"name": name, "namespace": "test"}, "port": 9898}}


_BACKEND = {"backendRefs": [{"name": APEX, "port": 9898}]}
#: The routes that users have before a Canary comes, by kind: each leads to the apex Service.
USERS: Mapping[str, Manifest] = {
    "Service": {"selector": {"app": APEX}, "ports": [{"name": "http", "port": 9898}]},
    "VirtualService": {"hosts": [APEX], "http": [{"route": [{"destination": {"host": APEX}}]}]},
    "TrafficSplit": {"service": APEX, "backends": [{"service": APEX, "weight": 1}]},
    "HTTPRoute": {"rules": [_BACKEND]},
    "GRPCRoute": {"rules": [_BACKEND]},
    "TCPRoute": {"rules": [_BACKEND]},
    "TLSRoute": {"rules": [_BACKEND]},
    "HTTPProxy": {
        "routes": [{"conditions": [{"prefix": "/"}], "services": [{"name": APEX, "port": 9898}]}]
    },
    "TraefikService": {"weighted": {"services": [{"name": APEX, "port": 9898}]}},
    "RouteTable": {
        "routes": [{"matchers": [{"prefix": "/"}], "routeAction": {"single": _kube(APEX)}}]
    },
    "VirtualServerRoute": {
        "host": "vs.example.com",
        "upstreams": [{"name": "app", "service": APEX, "port": 9898}],
        "subroutes": [{"path": "/", "action": {"pass": "app"}}],
    },
    "Route": {"host": "app.example.com", "to": {"kind": "Service", "name": APEX, "weight": 100}},
    "MeshHTTPRoute": {
        "targetRef": {"kind": "Mesh"},
        "to": [
            {
                "targetRef": {"kind": "MeshService", "name": APEX},
                "rules": [{"default": {"backendRefs": [{"kind": "MeshService", "name": APEX}]}}],
            }
        ],
    },
}
