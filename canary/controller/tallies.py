"""How many objects there are by the Canaries' doing, and beside them: a few lines for each kind.

The caches know of every object of a kind that a Canary needs, and count as they learn of it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from canary.api.kinds import Kind
from canary.cluster.tally import ObjectTally
from canary.controller.records import ConfigRecord, Packed, WorkloadRecord
from canary.monitoring.limits import NAMESPACE_LIMITS
from canary.objects.ownership import of_any_canary

OF_CANARY, OF_OTHERS = "canary", "other"

Tallies = Callable[[], Iterable[tuple[Kind, ObjectTally]]]


def owner_of(record: object) -> str:
    """Name whose an object is; empty for what Canaries do not lead to, such as pods and policies."""
    if not isinstance(record, Packed | WorkloadRecord | ConfigRecord):
        return ""
    return OF_CANARY if of_any_canary(record.owners) else OF_OTHERS


class ObjectCollector(Collector):
    """Shows what was counted, by kind: a kind that is followed in each namespace by itself is one."""

    def __init__(self) -> None:
        self.tallies: Tallies = tuple

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Write the numbers as they are; a page may be read in another thread."""
        counts: Counter[tuple[str, str]] = Counter()
        fullest: dict[str, tuple[str, int]] = {}
        for kind, tally in self.tallies():
            name = kind.resource
            for owner, count in tally.sorts.items():
                counts[name, owner] += count
            if name in NAMESPACE_LIMITS:
                most = fullest.get(name, ("", 0))
                fullest[name] = max(most, tally.fullest, key=lambda each: each[1])
        objects = GaugeMetricFamily(
            "tidegate_objects",
            "Objects of a kind that the controller follows, by whether they are a Canary's or "
            "another's.",
            labels=("kind", "owner"),
        )
        for labels, count in sorted(counts.items()):
            objects.add_metric(labels, count)
        yield objects
        most_of = GaugeMetricFamily(
            "tidegate_objects_fullest_namespace",
            "Objects of a kind in the namespace that has the most of them, with those of all owners.",
            labels=("kind", "namespace"),
        )
        for name, (namespace, count) in sorted(fullest.items()):
            if namespace:
                most_of.add_metric((name, namespace), count)
        yield most_of
