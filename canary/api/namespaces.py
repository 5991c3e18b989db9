"""Which texts of a spec name a namespace, and which of them an installation refuses.

The type of a field says how its text names one, so that a field with such a type is covered
wherever it stands: `Namespace`, `GatewayName` and `RouteHost` in `fields.py`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import get_args

from pydantic import BaseModel

from canary.api.shown import path, shown
from canary.errors import Problem

EVERY = "*"
"""What stands for all namespaces at once."""
MESH = "mesh"
"""Istio's name for the calls inside a mesh, in the place of a gateway's."""
_FLAG = "this controller runs with --no-cross-namespace-refs"


@dataclass(frozen=True, slots=True)
class NamesNamespace:
    """Marks the type of a text that names a namespace, or an object with its namespace."""

    read: Callable[[str], str]
    """Gives the namespace: empty where the text names none, `*` where it names every one."""
    takes: bool = False
    """Whether it takes what it names, rather than uses it: then no namespace can share it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A text of a spec that names a namespace."""

    field: str
    value: str
    namespace: str
    takes: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundary:
    """Which namespaces an object may refer to besides its own: all, or those that are shared."""

    closed: bool = False
    shared: tuple[str, ...] = ()

    def problems(self, spec: BaseModel, own: str) -> Iterator[Problem]:
        """Say which fields of a spec name another namespace than its own, and may not."""
        for each in named_namespaces(spec, "spec") if self.closed else ():
            if each.namespace != own and (each.takes or each.namespace not in self.shared):
                yield Problem(each.field, shown(each.value), _remedy(each, own))

    def short_hosts(self, hosts: Sequence[str], own: str) -> Iterator[Problem]:
        """Say which hosts of a route may be `NAME.NAMESPACE`, where a mesh routes calls by them."""
        for index, host in enumerate(hosts if self.closed else ()):
            _, *rest = _labels(host)
            if len(rest) == 1 and rest[0] != own:
                remedy = (
                    f"remove it: pods of the mesh call Services of namespace {rest[0]} by such "
                    f"names, and {_FLAG}; where it is a domain, list the gateways that it is "
                    f"reached by in spec.service.gateways, without {MESH}"
                )
                yield Problem(f"spec.service.hosts[{index}]", shown(host), remedy)


def _remedy(named: Named, own: str) -> str:
    if named.namespace == EVERY:
        return f"name a host of namespace {own}: this one stands for Services of every namespace, and {_FLAG}"
    if named.takes:
        return f"remove it: it is the name of a Service of namespace {named.namespace}, and {_FLAG}"
    return (
        f"name an object of namespace {own}, or have {named.namespace} added to "
        f"--shared-namespaces: {_FLAG}"
    )


OPEN = Boundary()
"""No namespace is out of reach."""


def named_namespaces(model: BaseModel, *place: str | int) -> Iterator[Named]:
    """Find every text below a model that names a namespace, in the order of the fields."""
    for name, field in type(model).model_fields.items():
        here = (*place, field.alias or name)
        yield from _found(getattr(model, name), here, _marker(type(model), name))


def _found(
    value: object, place: tuple[str | int, ...], marker: NamesNamespace | None
) -> Iterator[Named]:
    match value:
        case BaseModel():
            yield from named_namespaces(value, *place)
        case str() if marker is not None and (namespace := marker.read(value)):
            yield Named(field=path(place), value=value, namespace=namespace, takes=marker.takes)
        case tuple():
            for index, each in enumerate(value):
                yield from _found(each, (*place, index), marker)
        case Mapping():
            for key, each in value.items():
                yield from _found(each, (*place, key), marker)


@cache
def _marker(model: type[BaseModel], name: str) -> NamesNamespace | None:
    field = model.model_fields[name]
    return next(filter(None, map(marker_of, (*field.metadata, field.annotation))), None)


def marker_of(annotation: object) -> NamesNamespace | None:
    """Find the mark in a type; None where its texts name no namespace."""
    if isinstance(annotation, NamesNamespace):
        return annotation
    return next(filter(None, map(marker_of, get_args(annotation))), None)


def namespace_of_gateway(text: str) -> str:
    """Read `NAMESPACE/NAME`, or `NAME.NAMESPACE` as older releases of Istio write it."""
    namespace, slash, _ = text.partition("/")
    if slash:
        return "" if namespace == "." else namespace
    _, _, rest = text.partition(".")
    return rest.partition(".")[0]


def namespace_of_host(host: str) -> str:
    """Read the name of a Service as DNS has it, such as `NAME.NAMESPACE.svc.cluster.local`."""
    first, *labels = _labels(host)
    if first.startswith("*") and (labels[:1] == ["svc"] or labels in _CLUSTER_DOMAINS):
        return EVERY
    return labels[labels.index("svc", 1) - 1] if "svc" in labels[1:] else ""


_CLUSTER_DOMAINS = (["cluster", "local"], ["local"])


def _labels(host: str) -> list[str]:
    return host.lower().rstrip(".").split(".")
