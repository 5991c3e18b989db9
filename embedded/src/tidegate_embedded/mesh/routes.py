"""Envoy's resources for all routing objects of a cluster: `render`. Pure.

Where no routing object claims a Service, requests to it go to its own endpoints.
Reading each kind of routing object belongs to the module of its name.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tidegate_embedded.mesh import clusters, httproute, ingress, trafficsplit, virtualservice
from tidegate_embedded.mesh.claim import ANY_HOST
from tidegate_embedded.mesh.world import (
    World,
    cluster_name,
    first_port,
    qualified,
    world_of,
)
from tidegate_embedded.values import Manifest

#: The one route configuration, and the prefix of the listener's statistics.
INGRESS = "ingress"
#: Tells a caller which cluster answered.
CLUSTER_HEADER = "x-upstream-cluster"

_READERS = (virtualservice, trafficsplit, httproute, ingress)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Clusters and their endpoints by cluster name, the routes, and what was not understood."""

    clusters: Mapping[str, Manifest]
    endpoints: Mapping[str, Manifest]
    routes: Manifest
    unsupported: tuple[str, ...] = ()


def render(objects: Iterable[Manifest]) -> Resources:
    """Render Services, EndpointSlices and routing objects."""
    world = world_of(objects)
    return Resources(
        clusters=dict(clusters.clusters(world)),
        endpoints=dict(clusters.assignments(world)),
        routes={
            "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
            "name": INGRESS,
            "virtual_hosts": list(_virtual_hosts(world)),
            "response_headers_to_add": [
                {"header": {"key": CLUSTER_HEADER, "value": "%UPSTREAM_CLUSTER%"}}
            ],
        },
        unsupported=tuple(
            each for reader in (clusters, *_READERS) for each in reader.unsupported(world)
        ),
    )


def _virtual_hosts(world: World) -> Iterator[Manifest]:
    claimed: dict[str, list[Manifest]] = {}
    for reader in _READERS:
        for claim in reader.claims(world):
            service = world.named(claim.host, "")
            host = qualified(service) if service else claim.host
            claimed.setdefault(host, []).extend(claim.routes)
    for service, item in world.services.items():
        host, port = qualified(service), first_port(item)
        routes = claimed.pop(host, None)
        if routes is None and port:
            routes = [_straight(cluster_name(service, port))]
        if routes:
            # A host that a routing object names as it is written belongs to that object.
            domains = [each for each in _domains(world, *service) if each not in claimed]
            yield {"name": host, "domains": domains, "routes": routes}
    for host, routes in sorted(claimed.items()):
        yield {"name": host, "domains": [host], "routes": routes}
    if ANY_HOST not in claimed:
        answer = {"status": 404, "body": {"inline_string": "no such host in this mesh\n"}}
        yield {
            "name": "unknown",
            "domains": [ANY_HOST],
            "routes": [{"match": {"prefix": "/"}, "direct_response": answer}],
        }


def _domains(world: World, namespace: str, name: str) -> Iterator[str]:
    """Give every name that a Service is called by; the shortest only where it is clear."""
    if world.unique((namespace, name)):
        yield name
    yield f"{name}.{namespace}"
    yield f"{name}.{namespace}.svc"
    yield qualified((namespace, name))


def _straight(cluster: str) -> Manifest:
    return {"match": {"prefix": "/"}, "route": {"cluster": cluster, "timeout": "0s"}}
