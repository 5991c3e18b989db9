"""The sides of a kept target: its own pods are the primary, and what tidegate makes beside it the canary.

What its pods run follows from the target alone while they run its template. While it is paused with
another one, they run what they were last seen to run.
"""

import zlib
from dataclasses import replace

from canary.api.canary import Canary
from canary.api.status import CanaryStatus
from canary.controller.canaries import CanaryRecord
from canary.controller.memo import Memo
from canary.controller.records import KeptSide, WorkloadRecord
from canary.objects.ownership import CANARY, canary_owners, owner_reference
from canary.resources.revision import Hashing


class KeptSides:
    """The sides of kept targets, computed once for each change."""

    def __init__(self, hashing: Hashing) -> None:
        self._hashing = hashing
        self._canaries: Memo[WorkloadRecord] = Memo()
        self._primaries: Memo[WorkloadRecord] = Memo()

    def canary(
        self, record: CanaryRecord, target: WorkloadRecord, beside: WorkloadRecord | None
    ) -> WorkloadRecord:
        """Show the canary beside a Canary's target."""
        inputs, name = (target, beside), record.canary.spec.canary_name
        known = self._canaries.recall(record.key, inputs)
        if known is None:
            known = canary_side(target, beside, name, self._hashing)
            self._canaries.keep(record.key, inputs, known)
        return known

    def primary(self, record: CanaryRecord, target: WorkloadRecord) -> WorkloadRecord:
        """Show the pods of a Canary's target as its primary."""
        status = record.status
        said = (status.primary, status.last_applied_spec, status.last_promoted_spec)
        inputs = (target, record.uid, *said)
        known = self._primaries.recall(record.key, inputs)
        if known is None:
            known = primary_side(target, record.canary, status, self._hashing)
            self._primaries.keep(record.key, inputs, known)
        return known


def canary_side(
    target: WorkloadRecord, beside: WorkloadRecord | None, name: str, hashing: Hashing
) -> WorkloadRecord:
    """Show the canary beside a target: with what its user has written, and with its own pods.

    It counts as seen once it has been given the target's template, and its controller has seen that.
    """
    version = zlib.crc32(target.template.encode())
    wanted = replace(
        target,
        name=name,
        # Replicas of the target are no change of what its user has released.
        generation=version,
        observed_generation=-1,
        replicas=0,
        total=0,
        updated=0,
        available=0,
        deadline_exceeded=False,
        references=(),
        side=KeptSide(),
    )
    if beside is None:
        return wanted
    given = hashing.revision_of(target.template, {}, (beside.revision,)) == beside.revision
    seen = given and beside.observed_generation >= beside.generation
    return replace(
        wanted,
        observed_generation=version if seen else -1,
        replicas=beside.replicas,
        total=beside.total,
        updated=beside.updated,
        available=beside.available,
        deadline_exceeded=beside.deadline_exceeded,
        rollout=beside.rollout,
        leaving=beside.leaving,
    )


def primary_side(
    target: WorkloadRecord, canary: Canary, status: CanaryStatus, hashing: Hashing
) -> WorkloadRecord:
    """Show the pods of a target as the primary that they are, which their Canary owns.

    Only while they run its template is it known which template they run.
    """
    known = status.primary
    before = known.revision if known is not None and known.uid == target.uid else ""
    recorded = (status.last_applied_spec, status.last_promoted_spec, before)
    written = hashing.revision_of(target.template, {}, recorded)
    runs = runs_template(target)
    shown = replace(
        target,
        revision=written,
        references=(),
        owners=(f"{CANARY}{canary.metadata.name}",),
        canaries=canary_owners({"metadata": {"ownerReferences": [owner_reference(canary)]}}),
        side=KeptSide(moving=not target.paused, scales=False),
    )
    if runs or not target.paused:
        return shown if runs else replace(shown, template="")
    if before == written and target.total and _is_observed(target):
        # What its pods ran last is its template, and they do not run that: someone has mixed them.
        before = ""
    # Each of its pods is one of what it runs.
    held = replace(shown, revision=before, template="", images=(), updated=target.total)
    return replace(held, observed_generation=target.generation)


def runs_template(target: WorkloadRecord) -> bool:
    """Tell whether every pod of a target runs its template, as far as its controller has seen it."""
    if not _is_observed(target) or target.total > target.updated:
        return False
    # Without pods a paused one says nothing of those that it would have.
    return target.updated > 0 or not (target.replicas or target.paused)


def holding(target: WorkloadRecord, *, wanted: bool) -> bool:
    """Tell whether a target must be paused now, where its template is what is wanted of its pods or not.

    It is resumed for as long as its pods do not run what is wanted.
    """
    if not wanted:
        return True
    if not target.paused:
        return runs_template(target)
    seen = _is_observed(target) and target.replicas > 0
    return not seen or runs_template(target)


def _is_observed(target: WorkloadRecord) -> bool:
    return target.observed_generation >= target.generation
