"""Reporting: what this cluster says of its Canaries on the hub, and that it lives.

One replica does it, as one acts on a Canary. A report is written when a Canary comes to another
state, and a Lease is renewed after that: a controller that cannot report shows no sign of life.
"""

import logging
import math
from collections import defaultdict
from collections.abc import Callable
from time import monotonic

from canary.api.fleetreport import (
    MOST_REPORTED,
    FleetReportStatus,
    ReportedCanary,
    read_report_status,
    report_name,
)
from canary.api.hub import FLEET_REPORT, MEMBER_LABEL, MEMBER_LEASE
from canary.api.kinds import Manifest
from canary.api.meta import API_VERSION
from canary.api.raw import part, text
from canary.cluster.cluster import Cluster
from canary.controller.policies import MEMBER, MemberKey
from canary.controller.tracker import Tracker
from canary.errors import Conflict, NotFound
from canary.replicas.leases import LEASE, marked, now_written, spec_of

log = logging.getLogger(__name__)

_UNKNOWN_SECONDS = 1.0


class Reporter:
    """Writes this cluster's reports and its Lease."""

    def __init__(
        self,
        hub: Cluster,
        *,
        namespace: str,
        identity: str,
        tracker: Tracker,
        acts: Callable[[], bool],
        wake_in: Callable[[MemberKey, float | None], None],
        renew_seconds: float,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._hub = hub
        self._namespace = namespace
        self._identity = identity
        self._tracker = tracker
        self._acts = acts
        self._wake_in = wake_in
        self._renew_seconds = renew_seconds
        self._clock = clock
        self._written: dict[str, FleetReportStatus] | None = None
        """What stands on the hub, by plan; None before it is known."""
        self._lease: Manifest | None = None
        self._renewed_at = float("-inf")

    async def reconcile(self) -> None:
        """Bring what stands on the hub up to date.

        Raises:
            ClusterError: it could not be written; the queue tries again later.
        """
        if not self._acts():
            # Another replica writes meanwhile.
            self._written, self._lease = None, None
            self._wake_in(MEMBER, None)
            return
        if not self._tracker.knows_canaries():
            self._wake_in(MEMBER, _UNKNOWN_SECONDS)
            return
        if self._written is None:
            self._written = await self._read()
        written = self._written
        for plan, status in self._wanted(written).items():
            if written.get(plan) != status:
                # Should it fail, what stands there is not known.
                before = written.pop(plan, None)
                await self._write(plan, status, exists=before is not None)
                written[plan] = status
        await self._renew()
        left = self._renewed_at + self._renew_seconds - self._clock()
        self._wake_in(MEMBER, max(left, 0.0))

    def _wanted(self, written: dict[str, FleetReportStatus]) -> dict[str, FleetReportStatus]:
        """Give what each plan must be told, be it that no Canary names it now."""
        found: defaultdict[str, list[ReportedCanary]] = defaultdict(list)
        for plan in written:
            found[plan] = []
        for standing in self._tracker.standings():
            found[standing.plan].append(standing.canary)
        return {plan: _status(plan, canaries) for plan, canaries in found.items()}

    async def _read(self) -> dict[str, FleetReportStatus]:
        """Read what an earlier controller of this cluster has left there."""
        pages = self._hub.pages(FLEET_REPORT, self._namespace)
        found = {
            each["metadata"]["name"]: (text(part(each, "spec"), "plan"), each.get("status"))
            async for items, _ in pages
            for each in items
        }
        return {
            plan: read_report_status(status)
            for name, (plan, status) in found.items()
            if name == report_name(plan)
        }

    async def _write(self, plan: str, status: FleetReportStatus, *, exists: bool) -> None:
        patch = {"status": status.model_dump(mode="json", by_alias=True, exclude_none=True)}
        name = report_name(plan)
        if exists:
            try:
                await self._patch(name, patch)
            except NotFound:
                log.info("the report to %s is gone from the hub, and is made again", plan)
            else:
                return
        report = {
            "apiVersion": API_VERSION,
            "kind": FLEET_REPORT.kind,
            "metadata": {"name": name, "namespace": self._namespace},
            "spec": {"plan": plan},
        }
        try:
            await self._hub.create(report, FLEET_REPORT)
        except Conflict:
            log.debug("the report to %s is there already", plan)
        await self._patch(name, patch)

    async def _patch(self, name: str, patch: Manifest) -> None:
        await self._hub.merge_patch(
            FLEET_REPORT, self._namespace, name, patch, subresource="status"
        )

    async def _renew(self) -> None:
        if self._clock() < self._renewed_at + self._renew_seconds:
            return
        held, self._lease = self._lease, None
        if held is None:
            try:
                held = await self._hub.read(LEASE, self._namespace, MEMBER_LEASE)
            except NotFound:
                self._lease = await self._hub.create(self._renewed(_NEW), LEASE)
        if held is not None:
            self._lease = await self._hub.replace(self._renewed(held), LEASE)
        self._renewed_at = self._clock()

    def _renewed(self, lease: Manifest) -> Manifest:
        place = {"name": MEMBER_LEASE, "namespace": self._namespace}
        metadata = marked(place | lease["metadata"], {"labels": {MEMBER_LABEL: "true"}})
        claim = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": math.ceil(2 * self._renew_seconds),
            "renewTime": now_written(),
        }
        return {**lease, "metadata": metadata, "spec": spec_of(lease) | claim}


_NEW: Manifest = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {}}


def _status(plan: str, canaries: list[ReportedCanary]) -> FleetReportStatus:
    if len(canaries) > MOST_REPORTED:
        log.warning("%s: %d Canaries name it, %d are reported", plan, len(canaries), MOST_REPORTED)
    told = sorted(canaries, key=lambda each: each.canary)
    return FleetReportStatus(canaries=tuple(told[:MOST_REPORTED]))
