"""Where the objects of a Canary's route and services are."""

from canary.api.kinds import SERVICE, ObjectKey
from canary.controller.canaries import CanaryRecord


def routed(record: CanaryRecord) -> frozenset[ObjectKey]:
    """Name what the router writes, so that nothing else may."""
    if record.router is None:
        return frozenset()
    return frozenset(record.router.objects(record.canary).written)


def by_subsets(record: CanaryRecord) -> bool:
    """Tell whether the sides of a Canary have no services."""
    return record.router is not None and record.router.abilities(record.canary).by_subsets


def service_names(record: CanaryRecord) -> tuple[str, ...]:
    """Name the services of a Canary, the apex first."""
    spec = record.canary.spec
    if by_subsets(record):
        return (spec.service_name,)
    return spec.service_name, spec.primary_service_name, spec.canary_service_name


def service_keys(record: CanaryRecord, names: tuple[str, ...] = ()) -> tuple[ObjectKey, ...]:
    """Say where services are: those of a Canary, the apex first, or those with some names."""
    return tuple(
        ObjectKey(kind=SERVICE, namespace=record.key.namespace, name=name)
        for name in names or service_names(record)
    )
