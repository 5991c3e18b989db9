"""The objects that routing depends on, and how they name each other. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tidegate_embedded.values import Manifest

SERVICE = "Service"
ENDPOINT_SLICE = "EndpointSlice"
POD = "Pod"
VIRTUAL_SERVICE = "VirtualService"
DESTINATION_RULE = "DestinationRule"
TRAFFIC_SPLIT = "TrafficSplit"
HTTP_ROUTE = "HTTPRoute"
INGRESS = "Ingress"

DOMAIN = "svc.cluster.local"
_SERVICE_NAME = "kubernetes.io/service-name"
#: A name of this many parts may be one of a Service: name, namespace, svc, cluster, local.
_QUALIFIED = {2: (), 3: ("svc",), 5: ("svc", "cluster", "local")}

#: A namespace and a name.
Name = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Services by name, their slices, the labels of pods, and the objects of each other kind in a stable order."""

    services: Mapping[Name, Manifest]
    slices: Mapping[Name, tuple[Manifest, ...]]
    kinds: Mapping[str, tuple[Manifest, ...]] = field(default_factory=dict)
    pods: Mapping[Name, Mapping[str, str]] = field(default_factory=dict)
    """The labels of each pod."""

    def unique(self, service: Name) -> bool:
        """Tell whether no other namespace has a Service of this name."""
        return Counter(name for _, name in self.services)[service[1]] == 1

    def named(self, host: str, namespace: str) -> Name | None:
        """Find the Service that a host names, short or qualified, as seen from a namespace."""
        parts = tuple(host.split("."))
        if len(parts) == 1 and (namespace, host) in self.services:
            return (namespace, host)
        if len(parts) in _QUALIFIED and parts[2:] == _QUALIFIED[len(parts)]:
            name = (parts[1], parts[0])
            return name if name in self.services else None
        return None


def world_of(objects: Iterable[Manifest]) -> World:
    """Sort objects by kind; those that routing does not depend on are left out."""
    services: dict[Name, Manifest] = {}
    slices: dict[Name, list[Manifest]] = {}
    kinds: dict[str, list[Manifest]] = {}
    pods: dict[Name, Mapping[str, str]] = {}
    for item in sorted(objects, key=_age):
        namespace, name = name_of(item)
        if item["kind"] == SERVICE:
            services[namespace, name] = item
        elif item["kind"] == POD:
            pods[namespace, name] = item["metadata"].get("labels") or {}
        elif item["kind"] == ENDPOINT_SLICE:
            service = (item["metadata"].get("labels") or {}).get(_SERVICE_NAME, "")
            slices.setdefault((namespace, service), []).append(item)
        else:
            kinds.setdefault(item["kind"], []).append(item)
    return World(
        services=services,
        slices={name: tuple(items) for name, items in slices.items()},
        kinds={kind: tuple(items) for kind, items in kinds.items()},
        pods=pods,
    )


def _age(item: Manifest) -> tuple[str, str, str]:
    """Put the oldest first: of two that claim one host, it wins, as Istio and the Gateway API say."""
    return (item["metadata"].get("creationTimestamp") or "", *name_of(item))


def name_of(item: Manifest) -> Name:
    """Give an object's namespace and name."""
    metadata = item["metadata"]
    return (metadata.get("namespace") or "", metadata["name"])


def shown_name(item: Manifest) -> str:
    """Name an object for people."""
    return f"{item['kind']} {'/'.join(name_of(item))}"


def service_ports(service: Manifest) -> tuple[Manifest, ...]:
    """Give the TCP ports of a Service."""
    ports = (service.get("spec") or {}).get("ports") or ()
    return tuple(port for port in ports if port.get("protocol", "TCP") == "TCP")


def first_port(service: Manifest) -> int:
    """Give the port that a Service is called at when none is named; 0 if it has no port."""
    return next((int(port["port"]) for port in service_ports(service)), 0)


def qualified(service: Name) -> str:
    """Give a Service's full host name."""
    namespace, name = service
    return f"{name}.{namespace}.{DOMAIN}"


def cluster_name(service: Name, port: int, subset: str = "") -> str:
    """Name a port of a Service as Istio names its clusters."""
    return f"outbound|{port}|{subset}|{qualified(service)}"


def part(value: Any, *path: str) -> Any:
    """Read a nested field, or None where any part of the path is missing."""
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value
