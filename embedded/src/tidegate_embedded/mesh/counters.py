"""What Envoy counts of requests, by cluster. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: Which of Envoy's statistics `counters_of` reads.
COUNTED = r"^cluster\.outbound\|.*\.upstream_rq_(total|\d\d\d)$"
#: Istio ends the name of a cluster in statistics with a semicolon, as it has dots itself.
_REQUESTS = re.compile(r"cluster\.(?P<cluster>outbound\|.+?);?\.upstream_rq_(?P<kind>\w+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterCounters:
    """What Envoy has counted of one cluster since it started; `by_code` maps status to requests."""

    total: int = 0
    by_code: Mapping[int, int] = field(default_factory=dict)

    @property
    def failed(self) -> int:
        """Requests answered with 5xx, by a pod or by Envoy in its place."""
        return sum(count for code, count in self.by_code.items() if code >= 500)


def counters_of(stats: Mapping[str, Any]) -> dict[str, ClusterCounters]:
    """Sort statistics of Envoy by the name of their cluster (`outbound|PORT||HOST`)."""
    counted: dict[str, dict[str, int]] = {}
    for name, value in stats.items():
        if found := _REQUESTS.fullmatch(name):
            counted.setdefault(found["cluster"], {})[found["kind"]] = int(value)
    return {
        cluster: ClusterCounters(
            total=kinds.pop("total", 0),
            by_code={int(code): count for code, count in sorted(kinds.items())},
        )
        for cluster, kinds in sorted(counted.items())
    }
