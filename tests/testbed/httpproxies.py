"""What HTTPProxies ask of a gateway, and the names by which Contour knows the clusters. Pure."""

import re
from collections.abc import Iterator

from canary.api.kinds import Manifest
from tests.testbed.traffic import Backends, Claims
from tidegate_embedded.mesh.world import Name, World, cluster_name, name_of, part

#: A cluster as Envoy knows it, and what its statistics go by.
_CLUSTER = re.compile(
    r'"(?P<namespace>[a-z0-9-]+)/(?P<name>[a-z0-9-]+)/(?P<port>\d+)/[0-9a-f]{10}"'
)
_COUNTED = re.compile(r'"cluster\.(?P<namespace>[a-z0-9-]+)_(?P<name>[a-z0-9-]+)_(?P<port>\d+)\.')
#: Which of Envoy's statistics count requests.
COUNTED = r"^cluster\.[a-z0-9-]+_[a-z0-9-]+_\d+\.upstream_rq_(total|\d\d\d)$"


def renamed(page: str) -> str:
    """Give clusters and their statistics in a page of Envoy's the names that Istio would give."""
    page = _CLUSTER.sub(lambda found: f'"{_cluster(found)}"', page)
    return _COUNTED.sub(lambda found: f'"cluster.{_cluster(found)}.', page)


def http_proxies(world: World) -> Claims:
    """Read the HTTPProxies of virtual hosts, and those that they include."""
    proxies = {name_of(each): each for each in world.kinds.get("HTTPProxy", ())}
    for item in proxies.values():
        if host := part(item, "spec", "virtualhost", "fqdn"):
            for backends in _routes(world, proxies, item):
                yield (host,), backends


def _routes(world: World, proxies: dict[Name, Manifest], item: Manifest) -> Iterator[Backends]:
    """Go through the routes of an HTTPProxy; one without a Service is answered by Envoy itself."""
    namespace, _ = name_of(item)
    spec = item.get("spec") or {}
    for route in spec.get("routes") or ():
        if backends := _backends(world, namespace, route):
            yield backends
    for each in spec.get("includes") or ():
        included = proxies.get((each.get("namespace") or namespace, each["name"]))
        if included is not None:
            yield from _routes(world, proxies, included)


def _backends(world: World, namespace: str, route: Manifest) -> Backends:
    services = [
        each
        for each in route.get("services") or ()
        # Copies are answered by nobody, and a Service that is not there is left out.
        if not each.get("mirror") and (namespace, each["name"]) in world.services
    ]
    weighted = any(each.get("weight") for each in services)
    return [
        (
            cluster_name((namespace, each["name"]), each["port"]),
            # Where none has a weight, all have the same.
            each.get("weight") or 0 if weighted else 1,
        )
        for each in services
    ]


def _cluster(found: re.Match[str]) -> str:
    return cluster_name((found["namespace"], found["name"]), int(found["port"]))
