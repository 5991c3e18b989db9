"""Objects of the user's that a route is made from, or written into: what they lack, before a run."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest, ObjectKey
from canary.cli.managed import managed
from canary.controller.canaries import CanaryRecord
from canary.controller.places import service_keys, service_names
from canary.core.plan import plan
from canary.core.traffic import Traffic
from canary.errors import Problem
from canary.objects.render import Lacking
from canary.routers import ClusterState, Router

TARGET = "spec.targetRef.name"
"""The field that names the target, for a router that routes by it."""
_BY_NAME = "spec.service.name"
"""The field from which the name of an object follows that no other one names."""
_NOTHING: Mapping[Kind, str] = MappingProxyType({})


def users(record: CanaryRecord) -> Iterator[tuple[str, ObjectKey]]:
    """Give the user's objects without which there is no route, each with the field that names it."""
    if record.router is None:
        return
    objects = record.router.objects(record.canary)
    made, fields = _made(record), _fields(record)
    for key in dict.fromkeys((*objects.edited, *objects.read)):
        if key not in made:
            yield fields.get((key.kind.kind, key.name), _BY_NAME), key


def lacking(
    record: CanaryRecord,
    found: Mapping[ObjectKey, Manifest | None],
    *,
    served: Mapping[Kind, str] = _NOTHING,
) -> Iterator[Problem]:
    """Say what the user's objects lack, in the controller's words, once for each of them.

    Those that are not among `found` are not known; None stands for one that does not exist.
    """
    router, named = record.router, {_place(key): field for field, key in users(record)}
    if router is None or not named:
        return
    made: dict[ObjectKey, Manifest] = {key: {"spec": {}} for key in _made(record)}
    existing = made | {key: each for key, each in found.items() if each is not None}
    known = {_place(key) for key in found}
    cluster = ClusterState(existing=existing, served=served)
    told: set[tuple[str, str]] = set()
    for canary in _alone(record.canary):
        for fault in _faults(router, canary, cluster):
            place = (fault.kind.kind, fault.name)
            if place in known and place not in told:
                told.add(place)
                yield Problem(named[place], fault.name, str(fault))


def _made(record: CanaryRecord) -> frozenset[ObjectKey]:
    """Name the Services that are made before there is a route."""
    return frozenset(service_keys(record, service_names(record)))


def _fields(record: CanaryRecord) -> dict[tuple[str, str], str]:
    """Name the field of each object that a spec refers to, by kind and name."""
    spec = record.canary.spec
    target, first, apisix = spec.target_ref, spec.ingress_ref, spec.route_ref
    fields: dict[tuple[str, str], str] = {(target.kind, target.name): TARGET}
    for number, ingress in enumerate(spec.ingress_refs):
        fields[ingress.kind, ingress.name] = f"spec.ingressRefs[{number}].name"
    if first is not None:
        fields[first.kind, first.name] = "spec.ingressRef.name"
    if apisix is not None:
        fields[apisix.kind, apisix.name] = "spec.routeRef.name"
    return fields | {_place(key): field for field, _, key in managed(record)}


def _place(key: ObjectKey) -> tuple[str, str]:
    return key.kind.kind, key.name


def _alone(canary: Canary) -> Iterator[Canary]:
    """Give a Canary once for each of several objects that it names, so that all can be told of."""
    spec = canary.spec
    first = (spec.ingress_ref,) if spec.ingress_ref is not None else ()
    alone = [
        *(spec.but(managed_routes=(each,)) for each in spec.managed_routes),
        *(spec.but(ingress_ref=each, ingress_refs=()) for each in (*first, *spec.ingress_refs)),
    ]
    yield from (canary.but(spec=each) for each in alone or [spec])


def _faults(router: Router, canary: Canary, cluster: ClusterState) -> Iterator[Lacking]:
    """Name what is missing for the traffic of any step."""
    steps = plan(canary.spec.analysis).steps
    asked = (Traffic(weight=each.weight, match=each.match, mirror=each.mirror) for each in steps)
    for traffic in (Traffic(), *asked):
        rendered = router.render(canary, cluster, traffic)
        if isinstance(rendered, Lacking):
            yield rendered
