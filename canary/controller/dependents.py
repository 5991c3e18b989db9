"""Who depends on what: the objects and the kinds that matter to a Canary, and the way back.

How they are followed, and who is woken, belongs to `tracker.py`.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from canary.api.kinds import AUTOSCALER, DEPLOYMENT, POD, REPLICA_SET, SERVICE, Kind, ObjectKey
from canary.controller.canaries import CanaryKey, CanaryRecord
from canary.controller.configs import KINDS
from canary.controller.records import DeploymentRecord
from canary.controller.templates import alert_provider_kind, metric_template_kind

Need = tuple[Kind, str]
"""A kind, and the namespace that its objects are needed of."""


class Dependents:
    """Finds the Canaries that an object matters to."""

    def __init__(self) -> None:
        self._canaries: defaultdict[ObjectKey, set[CanaryKey]] = defaultdict(set)
        self._objects: dict[CanaryKey, frozenset[ObjectKey]] = {}

    def set(self, canary: CanaryKey, objects: Iterable[ObjectKey]) -> None:
        """Record all that matters to a Canary, in place of what was recorded before."""
        after = frozenset(objects)
        before = self._objects.get(canary, frozenset())
        for key in before - after:
            self._canaries[key].discard(canary)
            if not self._canaries[key]:
                del self._canaries[key]
        for key in after - before:
            self._canaries[key].add(canary)
        if after:
            self._objects[canary] = after
        else:
            self._objects.pop(canary, None)

    def of(self, key: ObjectKey) -> frozenset[CanaryKey]:
        """Find the Canaries that an object matters to."""
        return frozenset(self._canaries.get(key, ()))


def dependencies(record: CanaryRecord, target: DeploymentRecord | None) -> Iterator[ObjectKey]:
    """Name every object whose change may change what is decided about a Canary."""
    canary = record.canary
    if canary is None:
        return
    namespace, spec = record.key.namespace, canary.spec
    for name in (spec.target_ref.name, spec.primary_name):
        # ReplicaSets and pods are found by the Deployment they belong to.
        for kind in (DEPLOYMENT, REPLICA_SET, POD):
            yield ObjectKey(kind=kind, namespace=namespace, name=name)
    for name in (spec.service_name, spec.primary_service_name, spec.canary_service_name):
        yield ObjectKey(kind=SERVICE, namespace=namespace, name=name)
    if spec.autoscaler_ref:
        for suffix in ("", "-primary"):
            name = spec.autoscaler_ref.name + suffix
            yield ObjectKey(kind=AUTOSCALER, namespace=namespace, name=name)
    if record.router:
        yield from record.router.objects(canary)
    for reference in target.references if target else ():
        yield ObjectKey(kind=KINDS[reference.kind], namespace=namespace, name=reference.name)


def needs(
    record: CanaryRecord, target: DeploymentRecord | None, *, config_tracking: bool
) -> Iterator[Need]:
    """Name the kinds that must be known before anything is decided about a Canary."""
    canary = record.canary
    if canary is None:
        return
    namespace, group, spec = record.key.namespace, record.key.group, canary.spec
    yield DEPLOYMENT, namespace
    yield SERVICE, namespace
    if spec.autoscaler_ref is not None:
        yield AUTOSCALER, namespace
    for key in record.router.objects(canary) if record.router else ():
        yield key.kind, key.namespace
    for reference in target.references if target and config_tracking else ():
        yield KINDS[reference.kind], namespace
    for metric in spec.analysis.metrics:
        if metric.template_ref is not None:
            yield metric_template_kind(group), metric.template_ref.namespace or namespace
    for alert in spec.analysis.alerts:
        yield alert_provider_kind(group), alert.provider_ref.namespace or namespace
