"""Workloads as facts, and which changes of them can change a decision."""

from dataclasses import replace

from canary.controller.canaries import AnyCanary, BrokenCanary, CanaryRecord
from canary.controller.records import WorkloadRecord
from canary.core.counts import counts_matter
from canary.core.facts import Trouble, Workload
from canary.resources.names import shared_label_lacking


def as_fact(
    record: CanaryRecord,
    found: WorkloadRecord,
    *,
    written: str = "",
    trouble: Trouble | None = None,
) -> Workload:
    """Show a workload of a Canary to decisions."""
    needed = record.by_subsets and bool(found.outline)
    lacking = _lacking(record, found) if needed else ""
    return Workload(
        name=found.name,
        uid=found.uid,
        generation=found.generation,
        observed_generation=found.observed_generation,
        replicas=found.replicas,
        total=found.total,
        updated=found.updated,
        available=found.available,
        deadline_exceeded=found.deadline_exceeded,
        revision=found.revision,
        template=found.template,
        images=found.images,
        release=found.release,
        commit=found.commit,
        committed_at=found.committed_at,
        traceparent=found.traceparent,
        written=written,
        changed_by=found.changed_by,
        strategy=found.strategy,
        scales=(record.workload is None or record.workload.scales)
        and (found.side is None or found.side.scales),
        trouble=trouble,
        moving=found.side is not None and found.side.moving,
        lacking=lacking,
        labelled=needed and not lacking,
    )


def _lacking(record: CanaryRecord, found: WorkloadRecord) -> str:
    """Name the label that pods behind the one service of both sides have, where they lack it."""
    return shared_label_lacking(record.canary.spec.service_name, found.services_outline)


def matters(record: AnyCanary, before: object, after: object) -> bool:
    """Tell whether a change of a workload can change what is decided about a Canary.

    Its pods may be of another roll-out now, which matters to whom they matter.
    """
    if not (isinstance(before, WorkloadRecord) and isinstance(after, WorkloadRecord)):
        return True
    if isinstance(record, BrokenCanary) or record.keeps:
        # The sides of a kept target are read from more than one workload.
        return True
    recounted = replace(
        before,
        observed_generation=after.observed_generation,
        total=after.total,
        updated=after.updated,
        available=after.available,
        rollout=after.rollout,
    )
    if recounted != after:
        return True
    seen = (as_fact(record, each) for each in (before, after))
    return counts_matter(record.canary.spec, record.status, *seen)
