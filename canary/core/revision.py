"""Which revision the target is at, and which one everything speaks of."""

import re
from dataclasses import replace
from datetime import datetime

from canary.api.status import (
    COMMIT,
    IMAGES_BYTES,
    TRACEPARENT,
    WORD_BYTES,
    CanaryStatus,
    clip,
    read_moment,
)
from canary.core import waits as why
from canary.core.facts import Facts, Revision, Workload
from canary.core.images import difference, listed, recorded
from canary.core.phases import IDLE
from canary.core.situation import Situation


def current_revision(status: CanaryStatus, facts: Facts) -> Revision | None:
    """Tell which revision the target is at.

    Where neither the target nor a tracked config has moved since a revision was recorded, it is
    that revision, however an upgrade of Kubernetes or of the controller would hash it today.
    """
    revision, target = facts.revision, facts.target
    if revision is None or target is None:
        return None
    unmoved = status.target_version == target.version
    if status.last_applied_spec and unmoved and dict(revision.configs) == status.tracked_configs:
        return replace(revision, id=status.last_applied_spec)
    return revision


def at_applied(situation: Situation) -> bool:
    """Tell whether the target is known to be at the revision that everything speaks of."""
    revision = current_revision(situation.status, situation.facts)
    return revision is not None and revision.id == situation.status.last_applied_spec


def pin(situation: Situation, revision: Revision) -> Situation:
    """Record the revision that everything from now on speaks of, and where it was read."""
    target = situation.facts.target
    return situation.but(
        last_applied_spec=revision.id,
        applied_images=recorded(revision.images),
        release=clip(target.release, WORD_BYTES) if target else "",
        commit=_commit(target) if target else "",
        committed_at=_committed_at(target) if target else None,
        tracked_configs=dict(revision.configs),
        target_version=target.version if target else "",
        target_parked=False,
    )


def note_place(situation: Situation) -> Situation:
    """Record again where the revision was read, if the target still is at it.

    A scale moves the target's generation and not its revision.
    """
    status, target = situation.status, situation.facts.target
    revision = current_revision(status, situation.facts)
    if target is None or revision is None or revision.id != status.last_applied_spec:
        return situation
    parked = status.target_parked or (status.phase in IDLE and target.replicas == 0)
    return situation.but(
        target_version=target.version,
        target_parked=parked,
        tracked_configs=dict(revision.configs),
    )


def note_release(situation: Situation) -> Situation:
    """Record release and commit of what was applied, which may change without the revision."""
    status, target = situation.status, situation.facts.target
    revision = current_revision(status, situation.facts)
    if target is None or revision is None or revision.id != status.last_applied_spec:
        return situation
    return situation.but(
        release=clip(target.release, WORD_BYTES),
        commit=_commit(target),
        committed_at=_committed_at(target),
    )


def _commit(target: Workload) -> str:
    """Give the commit of a target where it is the hash of one, as it becomes part of an address."""
    return target.commit if re.fullmatch(COMMIT, target.commit) else ""


def _committed_at(target: Workload) -> datetime | None:
    """Give when the commit of a target was made, where that is a moment."""
    return read_moment(target.committed_at)


def pipeline_span(situation: Situation) -> dict[str, str]:
    """Give what a run records of the span that its target names: its parent, or a link."""
    target = situation.facts.target
    if target is None or not re.fullmatch(TRACEPARENT, target.traceparent):
        return {}
    child = situation.facts.policy.trace_child
    return {"trace_parent" if child else "trace_link": target.traceparent}


def note_images(situation: Situation) -> Situation:
    """Record the images of what was applied and promoted, where an earlier release has not."""
    status, primary = situation.status, situation.facts.primary
    if not status.promoted_images and status.last_promoted_spec and primary is not None:
        promoted = primary.revision == status.last_promoted_spec
        situation = situation.but(promoted_images=recorded(primary.images if promoted else ()))
    revision = current_revision(status, situation.facts)
    if not status.applied_images and revision is not None:
        applied = revision.id == status.last_applied_spec
        situation = situation.but(applied_images=recorded(revision.images if applied else ()))
    return situation


def changes(status: CanaryStatus, revision: Revision) -> str:
    """Say what a revision changes against the promoted one, for people; empty where unknown."""
    return clip(_changes(status, revision), IMAGES_BYTES)


def _changes(status: CanaryStatus, revision: Revision) -> str:
    images = difference(status.promoted_images, recorded(revision.images))
    if images or not status.promoted_images:
        return images
    if status.last_applied_spec != status.last_promoted_spec:
        # What else the promoted revision was made of is no longer remembered.
        return "same images"
    before, after = status.tracked_configs, revision.configs
    configs = [each for each in {**before, **after} if before.get(each) != after.get(each)]
    return f"same images, {listed(configs) or 'the pod template'} changed"


def no_revision(situation: Situation) -> tuple[str, str]:
    """Say why it can't be told which revision the target is at."""
    kind, name = situation.spec.target_ref.kind, situation.spec.target_ref.name
    if situation.facts.target is None:
        return why.TARGET_MISSING, f"waiting for {kind} {name} to exist"
    return why.REVISION_UNKNOWN, f"waiting to read what {kind} {name} refers to"
