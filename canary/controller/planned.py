"""Which Canaries name which FleetPlan: a plan that changes concerns them alone."""

from collections import defaultdict
from collections.abc import Callable, Collection

from canary.controller.canaries import CanaryKey


class Planned:
    """Finds the Canaries of a plan, and says when a namespace of plans is named no more.

    Plans are written as namespace/name.
    """

    def __init__(self) -> None:
        self._plans: dict[CanaryKey, str] = {}
        self._canaries: defaultdict[str, set[CanaryKey]] = defaultdict(set)
        self._namespaces: defaultdict[str, set[CanaryKey]] = defaultdict(set)
        self._on_left: Callable[[str], None] = lambda _: None

    def on_left(self, told: Callable[[str], None]) -> None:
        """Call with each namespace of which no Canary names a plan by now."""
        self._on_left = told

    def name(self, key: CanaryKey, plan: str) -> None:
        """Note which plan a Canary names; an empty one is none."""
        before = self._plans.pop(key, "")
        if plan:
            self._plans[key] = plan
            self._canaries[plan].add(key)
            self._namespaces[_namespace(plan)].add(key)
        if before not in {"", plan}:
            _take(self._canaries, before, key)
            place = _namespace(before)
            if place != _namespace(plan) and _take(self._namespaces, place, key):
                self._on_left(place)

    def of(self, plan: str, canary: str) -> Collection[CanaryKey]:
        """List the Canaries of a plan, or those of one name; empty names are any."""
        keys = self._canaries.get(plan, ()) if plan else self._plans
        return [each for each in keys if canary in {"", f"{each.namespace}/{each.name}"}]


def _namespace(plan: str) -> str:
    return plan.partition("/")[0]


def _take(index: dict[str, set[CanaryKey]], place: str, key: CanaryKey) -> bool:
    """Take a Canary out of its place; tell whether that was the last one there."""
    index[place].discard(key)
    if index[place]:
        return False
    del index[place]
    return True
