"""Routes that users keep, as a Canary would manage them: what stands in its way, before a run."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest, ObjectKey
from canary.api.managed_routes import ManagedRoute
from canary.controller.canaries import CanaryRecord
from canary.core.plan import plan
from canary.core.traffic import Traffic
from canary.errors import Problem
from canary.objects.render import Lacking
from canary.routers import ClusterState, Router

_NOTHING: Mapping[Kind, str] = MappingProxyType({})


def managed(record: CanaryRecord) -> Iterator[tuple[str, ManagedRoute, ObjectKey]]:
    """Give the routes that a Canary manages, each with the field that names it."""
    router, spec = record.router, record.canary.spec
    edited = router.objects(record.canary).edited if router is not None else ()
    keys = {(key.kind.kind, key.name): key for key in edited}
    for index, route in enumerate(spec.managed_routes):
        key = keys.get((str(route.kind), route.name))
        if key is not None:
            yield f"spec.managedRoutes[{index}].name", route, key


def unmanageable(
    record: CanaryRecord,
    found: Mapping[ObjectKey, Manifest | None],
    *,
    served: Mapping[Kind, str] = _NOTHING,
) -> Iterator[Problem]:
    """Say what keeps routes from being managed, in the controller's words, once for each route.

    Those that are not among `found` are not known; None stands for one that does not exist.
    """
    for field, route, key in managed(record):
        if record.router is not None and key in found:
            alone = record.canary.spec.model_copy(update={"managed_routes": (route,)})
            canary = record.canary.model_copy(update={"spec": alone})
            there = found[key]
            existing = {} if there is None else {key: there}
            cluster = ClusterState(existing=existing, served=served)
            fault = next(_faults(record.router, canary, cluster), None)
            if fault is not None:
                yield Problem(field, route.name, str(fault))


def _faults(router: Router, canary: Canary, cluster: ClusterState) -> Iterator[Lacking]:
    """Name what is missing for the traffic of any step."""
    steps = plan(canary.spec.analysis).steps
    asked = (Traffic(weight=each.weight, match=each.match, mirror=each.mirror) for each in steps)
    for traffic in (Traffic(), *asked):
        rendered = router.render(canary, cluster, traffic)
        if isinstance(rendered, Lacking):
            yield rendered


def said(route: ManagedRoute, service: str) -> str:
    """Say what of a route is written, and that the rest stays."""
    rules = ", ".join(rule.said for rule in route.rules)
    which = f"rule{'s' if len(route.rules) > 1 else ''} {rules}" if rules else ""
    which = which or f"the only rule that leads to Service {service}"
    return f"{route.kind} {route.name}: splits {which}, and leaves everything else as it is"
