"""What Ingresses say of paths, for readers of them: where each leads, and by which annotations. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from canary.api.kinds import Manifest
from tests.testbed.traffic import addresses
from tidegate_embedded.mesh.world import (
    Name,
    World,
    cluster_name,
    first_port,
    name_of,
    part,
    service_ports,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A path of a host, and the Service behind it."""

    ingress: Name
    annotations: Mapping[str, str]
    host: str
    path: str
    exact: bool
    service: Name
    port: str
    """The port of the Service, as the Ingress names it: a number or a name."""
    addresses: tuple[str, ...]
    """The ready addresses with their ports."""


def places(world: World, ingress_class: str) -> Iterator[Place]:
    """Go through the paths of the Ingresses of a class; those that lead to no Service are left out."""
    for item in world.kinds.get("Ingress", ()):
        if part(item, "spec", "ingressClassName") == ingress_class:
            yield from _places(world, item)


def precedence(place: Place) -> tuple[bool, int]:
    """Put exact paths first, and then the longest."""
    return (not place.exact, -len(place.path))


def _places(world: World, item: Manifest) -> Iterator[Place]:
    namespace, _ = name_of(item)
    for rule in part(item, "spec", "rules") or ():
        for path in part(rule, "http", "paths") or ():
            said = part(path, "backend", "service")
            if said is None or (namespace, said["name"]) not in world.services:
                continue
            service, port = (namespace, said["name"]), said["port"]
            number = port.get("number") or _number(world.services[service], port["name"])
            yield Place(
                ingress=name_of(item),
                annotations=item["metadata"].get("annotations") or {},
                host=rule.get("host", ""),
                path=path.get("path", "/"),
                exact=path["pathType"] == "Exact",
                service=service,
                port=str(port.get("name") or number),
                addresses=tuple(sorted(addresses(world, cluster_name(service, number)))),
            )


def _number(service: Manifest, name: str) -> int:
    named = (each["port"] for each in service_ports(service) if each.get("name") == name)
    return int(next(named, first_port(service)))
