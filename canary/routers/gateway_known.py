"""What has proxies know services before a route of the Gateway API leads there, and afterwards.

Some implementations tell their proxies only of services that a route names, and of routes and
services at different moments. So a second route, which fits no request, names all services that
clients are led to, and may be led back to, for as long as the Canary lives.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from canary.api.annotations import KNOWN_ROUTE
from canary.api.canary import Canary
from canary.api.kinds import GATEWAY, Kind, Manifest, ObjectKey
from canary.api.service import Service, ServiceMetadata
from canary.api.traffic import HttpMatch
from canary.objects.adoption import original_spec
from canary.objects.ownership import owned
from canary.objects.render import Render
from canary.routers import ClusterState
from canary.routers.objects import render_object
from canary.routers.parents import OWNED, parent_reference
from canary.routers.shares import entries, part, side_services, sides

#: The header that a request would have to have, with the uid of the Canary, to be led by it.
_KNOWN = "tidegate-known"
#: What a Canary says that wants no such route.
_NONE = "none"
#: How a backend is referred to.
_REFERENCE = ("group", "kind", "namespace", "name", "port")
#: What a parent is where a route does not say.
_GATEWAY = {"group": GATEWAY.group, "kind": GATEWAY.kind}
#: So many the API takes.
_MOST_BACKENDS = 16
_MOST_RULES = 16
_MOST_PARENTS = 32


class KnownRoutes:
    """Names the services in a route beside each one that leads clients, at the same Gateways."""

    def __init__(
        self,
        kind: Kind,
        condition: Callable[[HttpMatch], Manifest],
        ours: Callable[[Canary, Manifest], bool],
    ) -> None:
        """Make them for a kind of route.

        `condition` writes one on requests, `ours` tells whether a spec is one that was written for a
        Canary.
        """
        self._kind = kind
        self._condition = condition
        self._ours = ours

    def keys(self, canary: Canary) -> tuple[ObjectKey, ...]:
        """Name them."""
        return tuple(key for key, _ in self._pairs(canary))

    def render(
        self,
        canary: Canary,
        cluster: ClusterState,
        metadata: ServiceMetadata,
        annotations: Mapping[str, str],
    ) -> Iterator[Render]:
        """Give them as they must be, before the routes are changed and after.

        Inside a mesh there is none: it knows every Service by itself.
        """
        for key, leading in self._pairs(canary):
            spec = self._spec(canary, cluster.existing.get(leading))
            if spec["parentRefs"] and canary.metadata.annotations.get(KNOWN_ROUTE) != _NONE:
                yield render_object(
                    canary,
                    cluster,
                    (key, OWNED),
                    spec,
                    metadata=metadata,
                    annotations=annotations,
                    ours=only_names,
                )

    def _pairs(self, canary: Canary) -> Iterator[tuple[ObjectKey, ObjectKey]]:
        """Pair each with the route that leads clients."""
        service, make = canary.spec.service_name, partial(ObjectKey, kind=self._kind)
        place = partial(make, namespace=canary.metadata.namespace)
        names = _managed(canary, self._kind) or (service,)
        for number, name in enumerate(names, start=1):
            end = "known" if number == 1 else f"known-{number}"
            yield place(name=f"{service}-{end}"), place(name=name)

    def _spec(self, canary: Canary, leading: Manifest | None) -> Manifest:
        """Say where requests come in, and name the services that they are led to at any time."""
        before, managed = self._before(canary, leading), bool(_managed(canary, self._kind))
        parents = [] if managed else _asked(canary)
        hosts = hostnames_of(before) if managed else hostnames(canary.spec.service)
        theirs = [_GATEWAY | each for each in entries(before, "parentRefs")]
        known = {_gateway(canary, each) for each in theirs}
        parents = [*theirs, *(each for each in parents if _gateway(canary, each) not in known)]
        if before and {*hostnames_of(before)} != {*hosts}:
            # A name of one of both would keep its requests from a route for more names.
            hosts = []
        led = _services(canary, {} if managed else before)[: _MOST_BACKENDS * _MOST_RULES]
        starts = range(0, len(led), _MOST_BACKENDS)
        return {
            "parentRefs": [each for each in parents if _of_gateway(each)][:_MOST_PARENTS],
            **({"hostnames": hosts} if hosts else {}),
            "rules": [self._rule(canary, led[each : each + _MOST_BACKENDS]) for each in starts],
        }

    def _before(self, canary: Canary, leading: Manifest | None) -> Manifest:
        """Give the spec of a route as its user has it; nothing where tidegate makes it."""
        if leading is None or owned(canary, leading):
            return {}
        if _managed(canary, self._kind):
            return leading.get("spec") or {}
        return original_spec(leading, taken_over=partial(self._ours, canary))

    def _rule(self, canary: Canary, backends: list[Manifest]) -> Manifest:
        header = {"name": _KNOWN, "type": "Exact", "value": canary.metadata.uid}
        match = self._condition(HttpMatch()) | {"headers": [header]}
        return {"matches": [match], "backendRefs": backends}


def hostnames(service: Service) -> list[str]:
    """Name the hosts; a route without host names answers to all of them, and the API has no `*`."""
    return [] if "*" in service.hosts else list(service.hosts)


def hostnames_of(spec: Manifest) -> list[str]:
    """Read the hosts of a route."""
    names = part(spec, "hostnames")
    return [str(each) for each in names] if isinstance(names, list) else []


def only_names(spec: object) -> bool:
    """Tell whether a spec only names services."""
    return any(
        header.get("name") == _KNOWN
        for rule in entries(spec, "rules")
        for match in entries(rule, "matches")
        for header in entries(match, "headers")
    )


def service_reference(canary: Canary, name: str) -> Manifest:
    """Refer to a Service of the Canary's at the port of the apex."""
    return {"group": "", "kind": "Service", "name": name, "port": canary.spec.service.port}


def _managed(canary: Canary, kind: Kind) -> tuple[str, ...]:
    """Name the routes of the user's that tidegate writes into."""
    return tuple(each.name for each in canary.spec.managed_routes if each.kind == kind.kind)


def _asked(canary: Canary) -> list[Manifest]:
    return [parent_reference(each) for each in canary.spec.service.gateway_refs]


def _of_gateway(parent: Manifest) -> bool:
    return (parent.get("group"), parent.get("kind")) == (GATEWAY.group, GATEWAY.kind)


def _gateway(canary: Canary, parent: Manifest) -> tuple[object, object]:
    """Tell Gateways apart, whose proxies are the same for all of their listeners."""
    return parent.get("namespace") or canary.metadata.namespace, parent.get("name")


def _services(canary: Canary, former: object) -> list[Manifest]:
    """Refer to the apex, to the sides, and to what led clients before; each once."""
    baseline = int(canary.spec.analysis.has_baseline)
    names = (canary.spec.service_name, *(name for name, _ in sides(canary, 0, baseline)))
    named = [service_reference(canary, name) | {"weight": 1} for name in names]
    for rule in entries(former, "rules"):
        for backend in entries(rule, "backendRefs"):
            given = {name: backend[name] for name in _REFERENCE if name in backend}
            each = {"group": "", "kind": "Service", **given, "weight": 1}
            if each not in named and backend.get("name") not in side_services(canary):
                named.append(each)
    return named
