"""Services and their endpoints as Envoy's clusters and load assignments. Pure."""

from collections.abc import Iterator

from tidegate_embedded.mesh.world import (
    DESTINATION_RULE,
    Name,
    World,
    cluster_name,
    part,
    service_ports,
    shown_name,
)
from tidegate_embedded.values import Manifest

_POLICIES = {
    "UNSPECIFIED": "LEAST_REQUEST",
    "LEAST_CONN": "LEAST_REQUEST",
    "LEAST_REQUEST": "LEAST_REQUEST",
    "RANDOM": "RANDOM",
    "ROUND_ROBIN": "ROUND_ROBIN",
}
#: High enough that no limit of the proxy's is ever taken for a failure of the application's.
_NO_LIMIT = 1_000_000


def clusters(world: World) -> Iterator[tuple[str, Manifest]]:
    """Give a cluster for each port of each Service; its endpoints come apart from it."""
    for service, item in world.services.items():
        for port in service_ports(item):
            name = cluster_name(service, port["port"])
            yield name, _cluster(name, _policy(world, service))


def assignments(world: World) -> Iterator[tuple[str, Manifest]]:
    """Give the endpoints of each cluster."""
    for service, item in world.services.items():
        for port in service_ports(item):
            name = cluster_name(service, port["port"])
            endpoints = [
                {"endpoint": {"address": {"socket_address": {"address": ip, "port_value": number}}}}
                for ip, number in _addresses(world, service, port.get("name") or "")
            ]
            yield (
                name,
                {
                    "@type": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
                    "cluster_name": name,
                    "endpoints": [{"lb_endpoints": endpoints}] if endpoints else [],
                },
            )


def unsupported(world: World) -> Iterator[str]:
    """Name what DestinationRules ask for and this mesh does not do."""
    for rule in world.kinds.get(DESTINATION_RULE, ()):
        spec = rule.get("spec") or {}
        if spec.get("subsets"):
            yield f"{shown_name(rule)}: subsets"
        for name, value in (spec.get("trafficPolicy") or {}).items():
            if name != "loadBalancer":
                yield f"{shown_name(rule)}: trafficPolicy.{name}"
            elif part(value, "simple") not in _POLICIES:
                yield f"{shown_name(rule)}: trafficPolicy.loadBalancer"


def _cluster(name: str, policy: str) -> Manifest:
    thresholds = {
        "max_connections": _NO_LIMIT,
        "max_pending_requests": _NO_LIMIT,
        "max_requests": _NO_LIMIT,
        "max_retries": _NO_LIMIT,
    }
    return {
        "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
        "name": name,
        "type": "EDS",
        "connect_timeout": "2s",
        "lb_policy": policy,
        "circuit_breakers": {"thresholds": [thresholds]},
        # Changes of endpoints are effective at once, not gathered for a second.
        "common_lb_config": {"update_merge_window": "0s"},
    }


def _policy(world: World, service: Name) -> str:
    policy = "LEAST_REQUEST"  # Istio's default
    for rule in world.kinds.get(DESTINATION_RULE, ()):
        host = part(rule, "spec", "host") or ""
        if world.named(host, rule["metadata"]["namespace"]) == service:
            simple = part(rule, "spec", "trafficPolicy", "loadBalancer", "simple")
            policy = _POLICIES.get(simple, policy)
    return policy


def _addresses(world: World, service: Name, port_name: str) -> list[tuple[str, int]]:
    """List the ready endpoints; where there is none, those that end but still serve (KEP-1669)."""
    ready: set[tuple[str, int]] = set()
    ending: set[tuple[str, int]] = set()
    for each in world.slices.get(service, ()):
        numbers = [
            port["port"]
            for port in each.get("ports") or ()
            if (port.get("name") or "") == port_name
        ]
        for endpoint in each.get("endpoints") or ():
            conditions = endpoint.get("conditions") or {}
            found = {(ip, number) for ip in endpoint["addresses"] for number in numbers}
            if conditions.get("ready", True):
                ready |= found
            elif conditions.get("serving") and conditions.get("terminating"):
                ending |= found
    return sorted(ready or ending)
