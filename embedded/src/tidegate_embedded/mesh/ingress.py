"""Ingresses as claims, with the canary annotations that ingress-nginx reads. Pure.

A small reader of these annotations, and not the controller: of each host and path it knows one
canary, conditions on a header or a cookie, and the weight.
https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/annotations/#canary
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tidegate_embedded.mesh.claim import ANY_HOST, Claim, Share, destination
from tidegate_embedded.mesh.world import (
    INGRESS,
    World,
    cluster_name,
    first_port,
    name_of,
    service_ports,
    shown_name,
)
from tidegate_embedded.values import Manifest

PREFIX = "nginx.ingress.kubernetes.io/"
_TOTAL = 100
_KNOWN = frozenset(
    f"canary{end}"
    for end in ("", "-weight", "-by-header", "-by-header-value", "-by-header-pattern", "-by-cookie")
)

Path = tuple[str, str, str, str]
"""Namespace, host, path and type of path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Backend:
    """Where a path leads, and the annotations of its Ingress."""

    cluster: str
    said: Mapping[str, str]


def claims(world: World) -> Iterator[Claim]:
    """Give what the Ingresses claim, host by host."""
    backends: dict[Path, _Backend] = {}
    canaries: dict[Path, _Backend] = {}
    for item in world.kinds.get(INGRESS, ()):
        said = _said(item)
        found = canaries if said.get("canary") == "true" else backends
        for path, cluster in _paths(world, item):
            found.setdefault(path, _Backend(cluster=cluster, said=said))
    hosts: dict[str, list[Manifest]] = {}
    for path in sorted(backends, key=_precedence):
        hosts.setdefault(path[1], []).extend(_routes(path, backends[path], canaries.get(path)))
    for host, routes in hosts.items():
        yield Claim(host=host, routes=tuple(routes))


def unsupported(world: World) -> Iterator[str]:
    """Name the annotations that this mesh does not read."""
    for item in world.kinds.get(INGRESS, ()):
        yield from (f"{shown_name(item)}: {name}" for name in sorted(_said(item).keys() - _KNOWN))


def _said(item: Manifest) -> dict[str, str]:
    annotations: Mapping[str, str] = item["metadata"].get("annotations") or {}
    return {
        name.removeprefix(PREFIX): value
        for name, value in annotations.items()
        if name.startswith(PREFIX)
    }


def _paths(world: World, item: Manifest) -> Iterator[tuple[Path, str]]:
    """Go through the paths of an Ingress with their clusters."""
    namespace, _ = name_of(item)
    for rule in (item.get("spec") or {}).get("rules") or ():
        for path in (rule.get("http") or {}).get("paths") or ():
            service = (path.get("backend") or {}).get("service")
            if service:
                host = rule.get("host") or ANY_HOST
                key = (namespace, host, path.get("path") or "/", path.get("pathType") or "Prefix")
                yield key, _cluster(world, namespace, service)


def _cluster(world: World, namespace: str, service: Manifest) -> str:
    name, wanted = (namespace, service["name"]), service.get("port") or {}
    known = world.services.get(name, {})
    named = (
        port["port"] for port in service_ports(known) if port.get("name") == wanted.get("name")
    )
    return cluster_name(name, wanted.get("number") or next(named, first_port(known)))


def _routes(path: Path, backend: _Backend, canary: _Backend | None) -> Iterator[Manifest]:
    """Give the routes of a path: a header goes before a cookie, and that before the weight."""
    match = _match(path)
    if canary is None:
        yield {"match": match, "route": {"cluster": backend.cluster, "timeout": "0s"}}
        return
    for condition, cluster in _conditions(canary, backend):
        yield {
            "match": match | {"headers": [condition]},
            "route": {"cluster": cluster, "timeout": "0s"},
        }
    weight = int(canary.said.get("canary-weight", "0"))
    shares = [
        Share(cluster=backend.cluster, weight=_TOTAL - weight, changes={}),
        Share(cluster=canary.cluster, weight=weight, changes={}),
    ]
    action = destination(shares)
    yield {"match": match, "route": action["route"] | {"timeout": "0s"}}


def _conditions(canary: _Backend, backend: _Backend) -> Iterator[tuple[Manifest, str]]:
    """Give the conditions on a header and a cookie, with the cluster of who satisfies each."""
    said = canary.said
    header, cookie = said.get("canary-by-header"), said.get("canary-by-cookie")
    value, pattern = said.get("canary-by-header-value"), said.get("canary-by-header-pattern")
    if header and value:
        yield {"name": header, "string_match": {"exact": value}}, canary.cluster
    elif header and pattern:
        # A pattern is searched for; Envoy's expressions are for the whole text.
        yield (
            {"name": header, "string_match": {"safe_regex": {"regex": f".*(?:{pattern}).*"}}},
            canary.cluster,
        )
    elif header:
        yield {"name": header, "string_match": {"exact": "always"}}, canary.cluster
        yield {"name": header, "string_match": {"exact": "never"}}, backend.cluster
    if cookie:
        for text, cluster in (("always", canary.cluster), ("never", backend.cluster)):
            expression = f"(.*; *)?{re.escape(cookie)}={text}(;.*)?"
            yield (
                {"name": "cookie", "string_match": {"safe_regex": {"regex": expression}}},
                cluster,
            )


def _match(path: Path) -> Manifest:
    _, _, text, how = path
    if how == "Exact":
        return {"path": text}
    text = text.rstrip("/")
    return {"path_separated_prefix": text} if text else {"prefix": "/"}


def _precedence(path: Path) -> tuple[bool, int]:
    """Put exact paths first, and then the longest."""
    _, _, text, how = path
    return (how != "Exact", -len(text))
