"""What a gateway should do by the objects of the API, and what Envoy says that it does. Pure.

Both are told in the same words: for each host the splits of its routes, and for each cluster its
endpoints.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from canary.api.kinds import Manifest
from tidegate_embedded.mesh.world import Name, World, cluster_name, first_port, name_of, part

#: The shares of a route's clusters; those that get nothing are left out.
Shares = frozenset[tuple[str, Fraction]]


@dataclass(frozen=True, slots=True)
class Traffic:
    """Where requests go: each host's splits with how often it has them, and clusters' addresses."""

    splits: Mapping[str, Counter[Shares]] = field(default_factory=dict)
    endpoints: Mapping[str, frozenset[str]] = field(default_factory=dict)


#: Clusters, each with its weight.
Backends = list[tuple[str, int]]
#: For each route its hosts, and where it leads.
Claims = Iterator[tuple[Sequence[str], Backends]]


def wanted(world: World, claims: Iterable[tuple[Sequence[str], Backends]]) -> Traffic:
    """Tell what routes ask for."""
    splits: dict[str, Counter[Shares]] = {}
    named: set[str] = set()
    for hosts, backends in claims:
        named |= {cluster for cluster, _ in backends}
        for host in hosts:
            splits.setdefault(host, Counter())[_shares(backends)] += 1
    return Traffic(splits, {cluster: addresses(world, cluster) for cluster in named})


#: What Envoy has of an endpoint that istiod says is ready.
_HEALTHY = (None, "HEALTHY")


def actual(
    route_configurations: Iterable[Manifest], cluster_statuses: Iterable[Manifest]
) -> Traffic:
    """Read what Envoy does from its own report of its routes and clusters."""
    splits: dict[str, Counter[Shares]] = {}
    for configuration in route_configurations:
        for host in configuration.get("virtual_hosts") or ():
            counted = Counter(map(_route_shares, _forwarding(host.get("routes") or ())))
            for domain in host["domains"] if counted else ():
                # A host is also known with any port, which says nothing new.
                if not domain.endswith(":*"):
                    splits.setdefault(domain, Counter()).update(counted)
    endpoints = {
        cluster["name"]: frozenset(
            f"{address['address']}:{address['port_value']}"
            for each in cluster.get("host_statuses") or ()
            if (address := part(each, "address", "socket_address"))
            # istiod keeps what is not ready, and says so.
            and part(each, "health_status", "eds_health_status") in _HEALTHY
        )
        for cluster in cluster_statuses
    }
    return Traffic(splits, endpoints)


def difference(wants: Traffic, does: Traffic) -> str:
    """Say what Envoy does not do as it should; nothing where it does."""
    for host in sorted(wants.splits.keys() | does.splits.keys()):
        asked, given = (each.splits.get(host, Counter()) for each in (wants, does))
        if asked != given:
            return f"host {host}: wanted {_shown(asked)}, Envoy has {_shown(given)}"
    for cluster, addresses in sorted(wants.endpoints.items()):
        if addresses != (has := does.endpoints.get(cluster)):
            found = "no such cluster" if has is None else f"{sorted(has)}"
            return f"cluster {cluster}: wanted {sorted(addresses)}, Envoy has {found}"
    return ""


def virtual_services(world: World, gateways: frozenset[Name]) -> Claims:
    """Read the VirtualServices of Istio's Gateways."""
    for item in world.kinds.get("VirtualService", ()):
        namespace, _ = name_of(item)
        spec = item.get("spec") or {}
        ours = {
            each
            for each in spec.get("gateways") or ()
            if tuple(each.rpartition("/")[::2]) in gateways
            or ("/" not in each and (namespace, each) in gateways)
        }
        for http in spec.get("http") or () if ours else ():
            conditions: list[Manifest] = http.get("match") or [{}]
            matches = [
                each
                for each in conditions
                if not each.get("gateways") or ours & set(each["gateways"])
            ]
            if not http.get("route"):
                continue
            backends = [
                (
                    _cluster(world, part(each, "destination", "host") or "", namespace,
                             part(each, "destination", "port", "number")),
                    each.get("weight") or 0,
                )
                for each in http["route"]
            ]  # fmt: skip
            if len(backends) == 1:  # gets everything, whatever its weight
                backends = [(backends[0][0], 1)]
            for _ in matches:
                yield _known_hosts(spec.get("hosts") or (), namespace), backends
            if any(not each for each in matches):
                break  # no request gets past it


def _known_hosts(hosts: Iterable[str], namespace: str) -> tuple[str, ...]:
    """Give the names that Istio makes of hosts: a short one is that of a Service beside it."""
    known = (host if "." in host else f"{host}.{namespace}.svc.cluster.local" for host in hosts)
    return tuple(dict.fromkeys(known))


def http_routes(world: World, parents: frozenset[Name]) -> Claims:
    """Read the HTTPRoutes of the Gateway API's Gateways."""
    for item in world.kinds.get("HTTPRoute", ()):
        namespace, _ = name_of(item)
        spec = item.get("spec") or {}
        ours = any(
            each.get("kind", "Gateway") == "Gateway"
            and (each.get("namespace") or namespace, each["name"]) in parents
            for each in spec.get("parentRefs") or ()
        )
        for rule in spec.get("rules") or () if ours else ():
            backends = [
                (
                    cluster_name((each.get("namespace") or namespace, each["name"]), each["port"]),
                    each.get("weight", 1),
                )
                for each in rule.get("backendRefs") or ()
            ]
            for _ in rule.get("matches") or ({},):
                yield spec.get("hostnames") or ("*",), backends


def _cluster(world: World, host: str, namespace: str, port: int | None) -> str:
    service = world.named(host, namespace) or (namespace, host)
    return cluster_name(service, port or first_port(world.services.get(service, {})))


def _shares(backends: Iterable[tuple[str, int]]) -> Shares:
    summed: Counter[str] = Counter()
    for cluster, weight in backends:
        summed[cluster] += weight
    total = summed.total()
    return frozenset(
        (cluster, Fraction(weight, total)) for cluster, weight in summed.items() if weight
    )


def addresses(world: World, cluster: str) -> frozenset[str]:
    """Give the ready addresses of a cluster, as the slices of its Service have them."""
    _, number, _, host = cluster.split("|")
    name, namespace, *_ = host.split(".")
    service = world.services.get((namespace, name), {})
    ports = {
        port.get("name") or ""
        for port in part(service, "spec", "ports") or ()
        if port["port"] == int(number)
    }
    return frozenset(
        f"{address}:{port['port']}"
        for each in world.slices.get((namespace, name), ())
        for port in each.get("ports") or ()
        if (port.get("name") or "") in ports
        for endpoint in each.get("endpoints") or ()
        if part(endpoint, "conditions", "ready") is not False
        for address in endpoint["addresses"]
    )


def _forwarding(routes: Iterable[Manifest]) -> Iterator[Manifest]:
    """Give the routes that lead to clusters of the mesh, or would if one had a weight."""
    for route in routes:
        action = route.get("route") or {}
        if "cluster" in action or "weighted_clusters" in action:
            yield action
        elif part(route, "direct_response", "status") == 500:  # every weight is 0
            yield {}


def _route_shares(action: Manifest) -> Shares:
    if "cluster" in action:
        return _shares([(action["cluster"], 1)])
    weighted = part(action, "weighted_clusters", "clusters") or ()
    return _shares((each["name"], each.get("weight") or 0) for each in weighted)


def _shown(splits: Counter[Shares]) -> str:
    shown = [
        ", ".join(f"{cluster} {float(share):.0%}" for cluster, share in sorted(shares)) or "nowhere"
        for shares in splits.elements()
    ]
    return "; ".join(sorted(shown)) or "no route"
