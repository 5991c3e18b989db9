"""Where the objects of a Canary's route and services are."""

from functools import lru_cache

from canary.api.kinds import SERVICE, ObjectKey
from canary.controller.canaries import CanaryRecord


def routed(record: CanaryRecord) -> frozenset[ObjectKey]:
    """Name what the router writes, so that nothing else may."""
    return frozenset(record.objects.written)


def service_names(record: CanaryRecord) -> tuple[str, ...]:
    """Name the services of a Canary, the apex first."""
    spec = record.canary.spec
    if record.by_subsets:
        return (spec.service_name,)
    return spec.service_name, spec.primary_service_name, spec.canary_service_name


def service_keys(record: CanaryRecord, names: tuple[str, ...] = ()) -> tuple[ObjectKey, ...]:
    """Say where services are: those of a Canary, the apex first, or those with some names."""
    return _services(record.key.namespace, names or service_names(record))


@lru_cache(maxsize=1024)
def _services(namespace: str, names: tuple[str, ...]) -> tuple[ObjectKey, ...]:
    return tuple(ObjectKey(kind=SERVICE, namespace=namespace, name=each) for each in names)
