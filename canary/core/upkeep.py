"""What someone else changes of what tidegate keeps is put back, and told once an episode.

Routes, Services, the primary's autoscaler, and who owns them and the primary; its pod template is
looked after in `drift.py`.

A change is put back at once. Who changes the same object again soon contests it: that is reported, and
from then on the object is put back only from time to time, so that two controllers do not write
against each other as fast as they can. A weight that is decided meanwhile is written at once.
"""

from datetime import datetime, timedelta

from canary.api.kinds import AUTOSCALER, BUDGET, SERVICE
from canary.api.status import Repair, Severity
from canary.core import waits as why
from canary.core.drift import EPISODE
from canary.core.exclusions import exclusion
from canary.core.facts import Drift
from canary.core.images import listed
from canary.core.situation import Situation, earliest

PAUSE = timedelta(seconds=10)
"""What is contested is put back no sooner than this after the last time."""
REPAIRS_KEPT = 8
"""More objects than a Canary has."""

_CHANGED = {
    SERVICE.kind: "ServiceChanged",
    AUTOSCALER.kind: "AutoscalerChanged",
    BUDGET.kind: "BudgetChanged",
}


def undo_drifts(situation: Situation) -> Situation:
    """Decide which changes of someone else are put back now, and tell of them."""
    drifted = {str(each) for each in situation.facts.drifts}
    kept = tuple(
        each
        for each in situation.status.repairs
        if each.object in drifted or situation.now < each.undone_at + EPISODE
    )
    undone = situation.but(repairs=kept)
    for drift in situation.facts.drifts:
        undone = _undo(undone, drift)
    return undone


def undo_at_once(situation: Situation) -> Situation:
    """Put everything back with the write that a weight needs anyway."""
    versions = {str(each): each.version for each in situation.facts.drifts}
    return situation.but(
        repairs=tuple(
            each.but(undoing=versions[each.object], undone_at=situation.now)
            if each.object in versions
            else each
            for each in situation.status.repairs
        )
    )


def left_alone(situation: Situation) -> frozenset[str]:
    """Name the objects, as kind/name, that are left for now as someone else changed them."""
    undoing = {(each.object, each.undoing) for each in situation.status.repairs}
    drifts = situation.facts.drifts
    return frozenset(str(each) for each in drifts if (str(each), each.version) not in undoing)


def await_peace(situation: Situation) -> Situation | None:
    """Say what another tool keeps changing; None where none does."""
    contested = [each.object for each in situation.status.repairs if each.contested]
    if not contested:
        return None
    objects = listed(each.replace("/", " ", 1) for each in contested)
    message = f"waiting for {objects} to be left alone: someone keeps changing it"
    return situation.wait(why.CONTESTED, message)


def upkeep_at(situation: Situation) -> datetime | None:
    """Tell when what is left alone may be put back, or an episode is over."""
    left = left_alone(situation)
    return earliest(
        each.undone_at + (PAUSE if each.object in left else EPISODE)
        for each in situation.status.repairs
    )


def _undo(situation: Situation, drift: Drift) -> Situation:
    known, now = _known(situation, drift), situation.now
    if known is not None and known.undoing == drift.version:
        return situation
    if known is None or now >= known.undone_at + EPISODE:
        fresh = Repair(object=str(drift), undone_at=now, undoing=drift.version)
        return _tell_change(_record(situation, fresh), drift)
    if not known.contested:
        known = known.but(contested=True)
        situation = _tell_contest(_record(situation, known), drift)
    if now < known.undone_at + PAUSE:
        return situation
    return _record(situation, known.but(undoing=drift.version, undone_at=now))


def _tell_change(situation: Situation, drift: Drift) -> Situation:
    who, what = drift.changed_by or "someone", f"{drift.kind} {drift.name}"
    message = (
        f"{who} changed {listed(drift.fields)} of {what}; it is put back"
        if drift.fields
        else f"{who} deleted {what}; it is made again"
    )
    spec = situation.spec
    divided = situation.facts.ordinals is not None
    of_primary = (drift.kind, drift.name) == (spec.target_ref.kind, spec.primary_name)
    reason = (
        "PrimaryChanged" if of_primary and not divided else _CHANGED.get(drift.kind, "RouteChanged")
    )
    return situation.tell(reason, message, Severity.WARN, alert=True)


def _tell_contest(situation: Situation, drift: Drift) -> Situation:
    who, what = drift.changed_by or "someone", f"{drift.kind} {drift.name}"
    does = f"changing {listed(drift.fields)} of {what}" if drift.fields else f"deleting {what}"
    remedy = exclusion(drift) or "stop it, or exclude that there"
    message = f"{who} keeps {does}: {remedy}; it is put back at most every {PAUSE.seconds} s"
    return situation.tell(why.CONTESTED, message, Severity.WARN, alert=True)


def _known(situation: Situation, drift: Drift) -> Repair | None:
    repairs = situation.status.repairs
    return next((each for each in repairs if each.object == str(drift)), None)


def _record(situation: Situation, repair: Repair) -> Situation:
    others = (each for each in situation.status.repairs if each.object != repair.object)
    return situation.but(repairs=(repair, *others)[:REPAIRS_KEPT])
