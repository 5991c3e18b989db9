"""The primary's pod template at rest: what others change in it is undone, with an event.

What the API server has made of tidegate's own write counts as promoted, with all that admission
has added to it. A change is undone once; who changes it again soon contests it, which is reported once,
and is undone only from time to time, so that two controllers do not write against each other.
"""

from datetime import datetime, timedelta

from canary.api.status import Phase, PrimaryRecord, Severity
from canary.core import waits as why
from canary.core.facts import Workload
from canary.core.phases import IDLE
from canary.core.situation import Situation

EPISODE = timedelta(minutes=10)
"""Who changes the primary again within this time contests it."""


def note_template_in_time(situation: Situation) -> Situation:
    """Record the template that a primary was given, before another one takes its place.

    While it is promoted this goes with the write that returns its traffic: until then it is found
    in the primary as it was given, or is recorded as soon as someone changes it.
    """
    primary = situation.facts.primary
    changed = (
        primary is not None
        and primary.written != ""
        and not _same(primary.written, primary.template)
    )
    promoting = situation.status.phase is Phase.PROMOTING
    return situation if promoting and not changed else note_template(situation)


def note_template(situation: Situation) -> Situation:
    """Record the template that a primary was given.

    Of a primary that was made before this was recorded, by an earlier release or by the peer, it is
    the template that is found.
    """
    primary, known = situation.facts.primary, situation.status.primary
    if primary is None or not primary.revision or not primary.template:
        return situation
    taken = primary.written or primary.template
    same = known is not None and (known.uid, known.revision) == (primary.uid, primary.revision)
    if known is not None and same and (not primary.written or _same(known.template, taken)):
        return situation
    record = PrimaryRecord(
        uid=primary.uid,
        revision=primary.revision,
        template=taken,
        generation=primary.generation if _same(primary.template, taken) else 0,
        undone_at=known.undone_at if known and same else None,
        contested=known.contested if known and same else False,
    )
    return situation.but(primary=record)


def undo_changes(situation: Situation) -> Situation:
    """Decide whether a change of the primary's template is undone now, and tell of it."""
    known, now = situation.status.primary, situation.now
    primary = _changed(situation)
    if known is None:
        return situation
    if primary is None:
        over = known.undone_at is not None and now >= known.undone_at + EPISODE
        return (
            situation.but(primary=known.but(undone_at=None, undoing=0, contested=False))
            if over
            else situation
        )
    if known.undoing == primary.generation:
        return situation
    who = primary.changed_by or "someone"
    due = undo_due_at(situation)
    if due is not None and now < due:
        if known.contested:
            return situation
        message = (
            f"{who} keeps changing the pod template of {primary.name}: stop it, or exclude "
            f"{primary.name} there; the change is undone every {EPISODE.seconds // 60} minutes"
        )
        told = situation.tell(why.CONTESTED, message, Severity.WARN, alert=True)
        return told.but(primary=known.but(contested=True))
    undone = situation.but(primary=known.but(undone_at=now, undoing=primary.generation))
    if known.contested:
        return undone
    message = f"{who} changed the pod template of {primary.name}; it is put back as promoted"
    return undone.tell("PrimaryChanged", message, Severity.WARN, alert=True)


def await_template(situation: Situation) -> Situation | None:
    """Say that the primary does not run what was promoted; None where it does."""
    primary, known = _changed(situation), situation.status.primary
    if primary is None or known is None:
        return None
    reason = why.CONTESTED if known.contested else why.PRIMARY_CHANGED
    who = primary.changed_by or "someone"
    message = f"waiting for {primary.name} to run what was promoted: {who} changed it"
    return situation.wait(reason, message)


def template_to_restore(situation: Situation) -> str:
    """Name the template that the primary is given back now; empty where it is left alone."""
    primary, known = _changed(situation), situation.status.primary
    due = primary is not None and known is not None and known.undoing == primary.generation
    return known.template if known is not None and due else ""


def undo_due_at(situation: Situation) -> datetime | None:
    """Tell when a change of the primary's template may be undone again."""
    known = situation.status.primary
    return known.undone_at + EPISODE if known is not None and known.undone_at else None


def _changed(situation: Situation) -> Workload | None:
    """Give the primary if its template was changed since it was promoted, at rest."""
    primary, status = situation.facts.primary, situation.status
    known = status.primary
    if primary is None or known is None or status.phase not in IDLE or not primary.template:
        return None
    promoted = status.last_promoted_spec == known.revision == primary.revision
    # A template that differs without a write is read in another way: by another API server.
    written = primary.uid == known.uid and primary.generation != known.generation
    return primary if promoted and written and not _same(known.template, primary.template) else None


def _same(one: str, other: str) -> bool:
    """Tell whether two digests are of one template, by any algorithm that both were made with."""
    digests = [dict(each.partition("-")[::2] for each in text.split()) for text in (one, other)]
    shared = digests[0].keys() & digests[1].keys()
    return not shared or any(digests[0][each] == digests[1][each] for each in shared)
