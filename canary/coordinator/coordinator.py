"""The coordinator: elected by a Lease on the hub, it decides each plan from what the members report.

What is decided is pure (`core/fleet.py`). Two coordinators do no harm: each writes on the version that
it has read, and grants are only ever read from there.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from time import monotonic

from canary.api.hub import FLEET_PLAN, FLEET_REPORT, MEMBER_LABEL
from canary.api.kinds import ObjectKey
from canary.cluster.cache import ALL, CacheSet
from canary.cluster.cluster import Cluster
from canary.coordinator.metrics import FleetFigures, FleetMetrics
from canary.coordinator.pulse import Pulse
from canary.coordinator.reading import PlanObject, ReportObject, plan_object, report_object
from canary.core.fleet import decide_fleet, refuse_plan
from canary.core.fleet_round import FleetMember, PlanInHand
from canary.errors import CanaryError, Conflict
from canary.replicas.leases import LEASE, Elector, LeaseTimes

log = logging.getLogger(__name__)

LEASE_NAME = "tidegate-fleet"
TICK_SECONDS = 5.0
"""How often the members' Leases are read, and plans are decided that only wait for time."""


class Coordinator:
    """Decides the plans of a hub while it holds the Lease."""

    def __init__(
        self,
        hub: Cluster,
        *,
        namespace: str,
        identity: str,
        name: str = LEASE_NAME,
        times: LeaseTimes | None = None,
        tick_seconds: float = TICK_SECONDS,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        metrics: FleetMetrics | None = None,
    ) -> None:
        self._hub = hub
        self._tick = tick_seconds
        self._now = now
        self._woken = asyncio.Event()
        self._pulse = Pulse(monotonic)
        self._listened_at = float("-inf")
        self._said = ""
        """Why plans are not decided, as it was logged last."""
        self._metrics = metrics or FleetMetrics()
        self._seen_at = monotonic()
        self._elector = Elector(
            hub,
            namespace=namespace,
            name=name,
            identity=identity,
            times=times or LeaseTimes(),
            on_change=lambda _: self._woken.set(),
        )
        hub.guard(self._elector.is_leader)
        self._caches = CacheSet(
            hub,
            on_change=lambda *_: self._woken.set(),
            on_synced=lambda _: self._woken.set(),
        )
        self._caches.register(FLEET_PLAN, plan_object)
        self._caches.register(FLEET_REPORT, report_object)

    async def run(self) -> None:
        """Take part until cancelled."""
        for kind in (FLEET_PLAN, FLEET_REPORT):
            self._caches.require(kind)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._elector.run(), name="election")
                group.create_task(self._decide(), name="plans")
        finally:
            await self._elector.release()
            await self._caches.close()

    def obstacles(self) -> list[str]:
        """Tell why it could not decide if it led; nothing where it could."""
        uncertain = map(self._caches.uncertain, (FLEET_PLAN, FLEET_REPORT))
        return [each for each in uncertain if each]

    def silence(self) -> float:
        """Give the seconds since it was last seen to work."""
        return monotonic() - self._seen_at

    async def _decide(self) -> None:
        while True:
            self._woken.clear()
            self._seen_at = monotonic()
            if leads := self._elector.is_leader():
                try:
                    await self._round()
                except CanaryError as error:
                    self._warn(str(error))
            self._show(leads=leads)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._tick):
                    await self._woken.wait()

    async def _round(self) -> None:
        if obstacles := self.obstacles():
            # On old reports nothing is decided: less may have been promoted by now.
            self._warn(obstacles[0])
            return
        if monotonic() - self._listened_at >= self._tick:
            await self._listen()
        self._said = ""
        for found in list(self._caches.values(FLEET_PLAN)):
            if isinstance(found, PlanObject):
                try:
                    await self._decide_plan(found)
                except Conflict:
                    # It has changed: its event is on the way.
                    continue
                except CanaryError as error:
                    # What is wrong with one plan must not hold the others.
                    log.warning("%s: the plan is not decided: %s", found.full_name, error)

    def _warn(self, problem: str) -> None:
        """Log why plans are not decided, once for as long as it is the same."""
        if problem != self._said:
            log.warning("the plans are not decided: %s", problem)
        self._said = problem

    def _show(self, *, leads: bool) -> None:
        """Tell what this look came to."""
        plans = (
            (each.namespace, each.name, each.status)
            for each in self._caches.values(FLEET_PLAN)
            if leads and isinstance(each, PlanObject)
        )
        undecided = leads and bool(self._said)
        self._metrics.show(FleetFigures(leads=leads, undecided=undecided, plans=tuple(plans)))

    async def _listen(self) -> None:
        pages = self._hub.pages(LEASE, ALL, labels=MEMBER_LABEL)
        leases = [each["metadata"] async for items, _ in pages for each in items]
        self._listened_at = monotonic()
        self._pulse.listen({each["namespace"]: each["resourceVersion"] for each in leases})

    async def _decide_plan(self, found: PlanObject) -> None:
        before, now = found.status, self._now()
        self._seen_at = monotonic()
        if found.plan is None:
            decided = refuse_plan(before, found.problem, found.generation, now)
        else:
            decided = decide_fleet(found.plan, before, self._members(found.plan), now)
        if decided == before:
            return
        key = ObjectKey(kind=FLEET_PLAN, namespace=found.namespace, name=found.name)
        status = decided.model_dump(mode="json", by_alias=True, exclude_none=True)
        with self._caches.writing(key):
            written = await self._hub.merge_patch(
                FLEET_PLAN,
                found.namespace,
                found.name,
                {"status": status},
                subresource="status",
                resource_version=found.resource_version,
            )
            self._caches.put(FLEET_PLAN, written)
        for each in decided.canaries:
            if each != before.find(each.canary):
                granted = ", ".join(grant.cluster for grant in each.grants) or "no cluster"
                log.info(
                    "%s: %s: %s; granted to %s",
                    found.full_name,
                    each.canary,
                    each.message,
                    granted,
                )

    def _members(self, plan: PlanInHand) -> Mapping[str, FleetMember]:
        """Say what is known of each cluster that a plan names."""
        seconds = plan.spec.report_timeout.total_seconds()
        reports = {
            each.cluster: each
            for each in self._caches.values(FLEET_REPORT)
            if isinstance(each, ReportObject) and each.plan == plan.name
        }
        named = {cluster for wave in plan.spec.waves for cluster in wave.clusters}
        return {
            cluster: FleetMember(
                canaries=reports[cluster].canaries if cluster in reports else {},
                reports=cluster in reports,
                heard=self._pulse.is_heard(cluster, seconds)
                and (cluster not in reports or reports[cluster].whole),
                silent=self._pulse.is_silent(cluster, seconds),
            )
            for cluster in named
        }
