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
_ASSIGNMENT = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
#: High enough that no limit of the proxy's is ever taken for a failure of the application's.
_NO_LIMIT = 1_000_000


def clusters(world: World) -> Iterator[tuple[str, Manifest]]:
    """Give a cluster for each port of each Service and of its subsets; endpoints come apart from it."""
    for service, item in world.services.items():
        for port in service_ports(item):
            for subset in ("", *_subsets(world, service)):
                name = cluster_name(service, port["port"], subset)
                yield name, _cluster(name, _policy(world, service))


def assignments(world: World) -> Iterator[tuple[str, Manifest]]:
    """Give the endpoints of each cluster."""
    for service, item in world.services.items():
        for port in service_ports(item):
            everyone: dict[str, Manifest] = {"": {}}
            for subset, labels in (everyone | _subsets(world, service)).items():
                name = cluster_name(service, port["port"], subset)
                addresses = _addresses(world, service, port.get("name") or "", labels)
                endpoints = [
                    {"endpoint": {"address": {"socket_address": {"address": ip, "port_value": at}}}}
                    for ip, at in addresses
                ]
                yield (
                    name,
                    {
                        "@type": _ASSIGNMENT,
                        "cluster_name": name,
                        "endpoints": [{"lb_endpoints": endpoints}] if endpoints else [],
                    },
                )


def unsupported(world: World) -> Iterator[str]:
    """Name what DestinationRules ask for and this mesh does not do."""
    for rule in world.kinds.get(DESTINATION_RULE, ()):
        spec = rule.get("spec") or {}
        for subset in spec.get("subsets") or ():
            if subset.get("trafficPolicy"):
                yield f"{shown_name(rule)}: subsets.trafficPolicy"
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
    for rule in _rules(world, service):
        simple = part(rule, "spec", "trafficPolicy", "loadBalancer", "simple")
        policy = _POLICIES.get(simple, policy)
    return policy


def _subsets(world: World, service: Name) -> dict[str, Manifest]:
    """Give the labels of each subset of a Service."""
    return {
        subset["name"]: subset.get("labels") or {}
        for rule in _rules(world, service)
        for subset in part(rule, "spec", "subsets") or ()
    }


def _rules(world: World, service: Name) -> Iterator[Manifest]:
    for rule in world.kinds.get(DESTINATION_RULE, ()):
        host = part(rule, "spec", "host") or ""
        if world.named(host, rule["metadata"]["namespace"]) == service:
            yield rule


def _addresses(
    world: World, service: Name, port_name: str, labels: Manifest
) -> list[tuple[str, int]]:
    """List the ready endpoints with some labels; if there is none, those that end but still serve.

    The latter is KEP-1669.
    """
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
            pod = (service[0], part(endpoint, "targetRef", "name") or "")
            if not labels.items() <= world.pods.get(pod, {}).items():
                continue
            found = {(ip, number) for ip in endpoint["addresses"] for number in numbers}
            if conditions.get("ready", True):
                ready |= found
            elif conditions.get("serving") and conditions.get("terminating"):
                ending |= found
    return sorted(ready or ending)
