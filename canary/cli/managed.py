"""Routes that users keep, and whose rules a Canary manages."""

from collections.abc import Iterator

from canary.api.kinds import ObjectKey
from canary.api.managed_routes import ManagedRoute
from canary.controller.canaries import CanaryRecord


def managed(record: CanaryRecord) -> Iterator[tuple[str, ManagedRoute, ObjectKey]]:
    """Give the routes that a Canary manages, each with the field that names it."""
    router, spec = record.router, record.canary.spec
    edited = router.objects(record.canary).edited if router is not None else ()
    keys = {(key.kind.kind, key.name): key for key in edited}
    for index, route in enumerate(spec.managed_routes):
        key = keys.get((str(route.kind), route.name))
        if key is not None:
            yield f"spec.managedRoutes[{index}].name", route, key


def said(route: ManagedRoute, service: str) -> str:
    """Say what of a route is written, and that the rest stays."""
    rules = ", ".join(rule.said for rule in route.rules)
    which = f"rule{'s' if len(route.rules) > 1 else ''} {rules}" if rules else ""
    which = which or f"the only rule that leads to Service {service}"
    return f"{route.kind} {route.name}: splits {which}, and leaves everything else as it is"
