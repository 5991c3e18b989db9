"""Which revision the target is at, and which one everything speaks of."""

from canary.api.status import CanaryStatus
from canary.core import waits as why
from canary.core.facts import Facts, Revision
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
        return Revision(id=status.last_applied_spec, configs=revision.configs)
    return revision


def pin(situation: Situation, revision: Revision) -> Situation:
    """Record the revision that everything from now on speaks of, and where it was read."""
    target = situation.facts.target
    return situation.but(
        last_applied_spec=revision.id,
        tracked_configs=dict(revision.configs),
        target_version=target.version if target else "",
        target_parked=False,
    )


def note_place(situation: Situation) -> Situation:
    """Record anew where the revision was read, if the target still is at it.

    A scale moves the target's generation and not its revision.
    """
    status, target = situation.status, situation.facts.target
    revision = current_revision(status, situation.facts)
    if target is None or revision is None or revision.id != status.last_applied_spec:
        return situation
    return situation.but(target_version=target.version, tracked_configs=dict(revision.configs))


def no_revision(situation: Situation) -> tuple[str, str]:
    """Say why it can't be told which revision the target is at."""
    kind, name = situation.spec.target_ref.kind, situation.spec.target_ref.name
    if situation.facts.target is None:
        return why.TARGET_MISSING, f"waiting for {kind} {name} to exist"
    return why.REVISION_UNKNOWN, f"waiting to read what {kind} {name} refers to"
