"""The FleetPlans of the hub, followed where a Canary names one.

The hub is another cluster, which may be away for as long as it likes: then nothing starts that names
a plan, and nothing else changes.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from canary.api.fleet_status import FleetPlanStatus, read_plan_status
from canary.api.hub import FLEET_PLAN
from canary.api.kinds import Kind, Manifest
from canary.cluster.cache import CacheSet
from canary.cluster.cluster import Cluster
from canary.cluster.outages import OutageLog
from canary.controller.canaries import CanaryRecord
from canary.core.facts import PlanSeen
from canary.core.peers import CanaryName

Changed = Callable[[str, str], None]
"""Called with a plan, as namespace/name, and a Canary of it; empty ones are any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRecord:
    """What a plan says of the Canaries that name it."""

    name: str
    status: FleetPlanStatus = field(default_factory=FleetPlanStatus)


def plan_record(manifest: Manifest) -> PlanRecord:
    """Read a plan, whatever it holds: what it means is decided on the hub."""
    metadata = manifest["metadata"]
    return PlanRecord(
        name=f"{metadata.get('namespace', '')}/{metadata['name']}",
        status=read_plan_status(manifest.get("status")),
    )


class _Standing(OutageLog):
    """Tells when the hub goes away, and when it is there again."""

    def __init__(self, told: Callable[[], None]) -> None:
        super().__init__(lambda: datetime.now(UTC))
        self._told = told

    def lose(self, source: Hashable) -> None:
        super().lose(source)
        self._told()

    def regain(self, source: Hashable) -> None:
        super().regain(source)
        self._told()


class Plans:
    """Knows the plans that Canaries name."""

    def __init__(self, hub: Cluster, *, cluster: str, changed: Changed) -> None:
        self._cluster = cluster
        self._changed = changed
        self._caches = CacheSet(
            hub,
            on_change=self._on_change,
            on_synced=self._on_standing,
            on_obstacle=self._on_standing,
            outages=_Standing(lambda: changed("", "")),
        )
        self._caches.register(FLEET_PLAN, plan_record)

    def seen(self, record: CanaryRecord) -> PlanSeen | None:
        """Give the plan that a Canary names, as far as it is known; it is followed from then on."""
        fleet = record.canary.spec.fleet
        if fleet is None:
            return None
        namespace, _, name = fleet.plan.partition("/")
        self._caches.require(FLEET_PLAN, namespace)
        away = self._caches.uncertain(FLEET_PLAN, namespace)
        found = self._caches.get(FLEET_PLAN, namespace, name)
        own = str(CanaryName(record.key.namespace, record.key.name))
        return PlanSeen(
            cluster=self._cluster,
            entry=found.status.find(own) if isinstance(found, PlanRecord) else None,
            exists=found is not None,
            away=away,
        )

    def leave(self, namespace: str) -> None:
        """Follow the plans of a namespace no more: no Canary names one of them."""
        self._caches.release(FLEET_PLAN, namespace)

    async def close(self) -> None:
        """Follow them no more."""
        await self._caches.close()

    def _on_standing(self, _: Kind) -> None:
        self._changed("", "")

    def _on_change(
        self, _kind: Kind, namespace: str, name: str, before: object, after: object
    ) -> None:
        """Tell of the Canaries of which a plan says something else now."""
        plan = f"{namespace}/{name}"
        was, now = (
            {entry.canary: entry for entry in each.status.canaries}
            if isinstance(each, PlanRecord)
            else None
            for each in (before, after)
        )
        if was is None or now is None:
            self._changed(plan, "")
            return
        for canary in sorted({*was, *now}):
            if was.get(canary) != now.get(canary):
                self._changed(plan, canary)
