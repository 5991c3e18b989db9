"""Phase and wait to conditions: the one home of the prose of a status."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from canary.api.status import (
    INVALID_STATE,
    MESSAGE_BYTES,
    WORD_BYTES,
    CanaryStatus,
    Condition,
    Phase,
    clip,
)
from canary.core.facts import Facts
from canary.core.phases import RUNNING
from canary.core.preflight import open_risks
from canary.core.references import BROKEN, REFERENCES_RESOLVED, told
from canary.core.situation import STEPPING, Situation
from canary.core.telling import message_said, reason_said
from canary.core.waits import CANARY_NOT_READY, PRIMARY_NOT_READY, WRONG
from canary.errors import Problem

READY = "Ready"
PROGRESSING = "Progressing"
STALLED = "Stalled"
PROMOTED = "Promoted"
INVALID = INVALID_STATE
AT_RISK = "AtRisk"
SPEC_WARNINGS = "SpecWarnings"

GOES_ON = "The run continues with the last valid spec. "
"""What an invalid spec means for a run under way, in front of what is wrong with it."""

SENTENCES: Mapping[Phase, str] = MappingProxyType(
    {
        Phase.NEW: "The controller has not looked at the Canary yet.",
        Phase.INITIALIZING: "The primary is being set up; the target serves until it is ready.",
        Phase.INITIALIZED: "The primary serves all traffic.",
        Phase.WAITING: "A new revision waits for approval.",
        Phase.PROGRESSING: "A new revision is being analysed.",
        Phase.WAITING_PROMOTION: "The new revision has passed its analysis and waits for approval.",
        Phase.PROMOTING: "The new revision is being promoted to the primary.",
        Phase.FINALISING: "The primary serves all traffic; the canary is being drained.",
        Phase.SUCCEEDED: "The primary serves all traffic.",
        Phase.FAILED: "The last run has failed.",
        Phase.TERMINATING: "The Canary is being deleted; the target gets its traffic back.",
    }
)

_SUBSTITUTES: Mapping[str, str] = MappingProxyType(
    {
        PRIMARY_NOT_READY: "The canary serves until the primary is ready.",
        CANARY_NOT_READY: "The primary serves until the canary is ready.",
    }
)

RESTING = frozenset({Phase.INITIALIZED, Phase.SUCCEEDED})
"""The phases in which the primary serves what was promoted, if it serves."""

_PROMOTED = {Phase.INITIALIZED: "True", Phase.SUCCEEDED: "True", Phase.FAILED: "False"}


def conditions(situation: Situation) -> tuple[Condition, ...]:
    """Give the conditions that follow from a status, with their times kept where they hold on."""
    status = situation.status
    phase, waits_for = status.phase, reason_said(status)
    name = phase or "New"
    reason = waits_for or name
    astray = _astray(situation)
    wrong = phase is Phase.FAILED or waits_for in WRONG or bool(astray)
    serving = phase in RESTING and _serves_promoted(situation)
    if phase in RESTING and not serving and not waits_for:
        reason = PRIMARY_NOT_READY
    busy = phase in RUNNING | {Phase.NEW, Phase.INITIALIZING, Phase.TERMINATING}
    if not wrong:
        stalled_reason = name
    else:
        stalled_reason = _failure_reason(status) if phase is Phase.FAILED else astray or reason
    sentence = _sentence(situation)
    said = (
        (READY, _truth(serving and not wrong), reason, sentence),
        (PROGRESSING, _truth(busy and not wrong), reason, sentence),
        (STALLED, _truth(wrong), stalled_reason, sentence),
        (PROMOTED, _PROMOTED.get(phase, "Unknown"), name, sentence),
        *_at_risk(situation),
        *_spec_warnings(situation),
        *_invalid(situation),
        *_references(situation),
    )
    return tuple(
        _condition(status, situation.facts.generation, situation.now, *each) for each in said
    )


def _references(situation: Situation) -> Iterator[tuple[str, str, str, str]]:
    """Say whether all that the Canary refers to can be used; what was said last while unknown."""
    broken, last = situation.facts.references, situation.status.condition(REFERENCES_RESOLVED)
    if broken:
        yield REFERENCES_RESOLVED, "False", BROKEN, told(broken)
    elif broken is not None:
        yield REFERENCES_RESOLVED, "True", "Resolved", "All that the Canary refers to can be used."
    elif last is not None:
        yield REFERENCES_RESOLVED, last.status, last.reason, last.message


def _serves_promoted(situation: Situation) -> bool:
    """Tell whether the primary has a pod to serve with, and was given what was promoted.

    One that its autoscaler has put to sleep gets a pod when there is something to do.
    """
    primary, promoted = situation.facts.primary, situation.status.last_promoted_spec
    able = situation.primary_serves or situation.primary_sleeps
    return primary is not None and able and primary.revision == promoted


def _at_risk(situation: Situation) -> Iterator[tuple[str, str, str, str]]:
    """Name what does not do its work; nothing where there never was anything."""
    risks = tuple(open_risks(situation))
    if risks:
        yield AT_RISK, "True", risks[0].reason, "; ".join(each.message for each in risks)
    elif situation.status.condition(AT_RISK) is not None:
        yield AT_RISK, "False", "Settled", "Nothing around the target is at risk."


def _invalid(situation: Situation) -> Iterator[tuple[str, str, str, str]]:
    """Say what is wrong with the newest spec where an older one is acted on."""
    if situation.facts.problems:
        yield INVALID, "True", INVALID, problems_told(situation.facts)


def _spec_warnings(situation: Situation) -> Iterator[tuple[str, str, str, str]]:
    """Say what is accepted but ignored or changed; nothing where there never was anything."""
    if situation.facts.warnings:
        yield SPEC_WARNINGS, "True", SPEC_WARNINGS, warnings_told(situation.facts)
    elif situation.status.condition(SPEC_WARNINGS) is not None:
        yield SPEC_WARNINGS, "False", "Settled", "Nothing in the spec is ignored or changed."


def warnings_told(facts: Facts) -> str:
    """List warnings, as many as fit into a condition, and count the others."""
    listed = [clip(str(each), WORD_BYTES) for each in facts.warnings]
    told = ""
    for number in range(1, len(listed) + 1):
        left = f"; and {len(listed) - number} more" if number < len(listed) else ""
        longer = "; ".join(listed[:number]) + left
        if told and clip(longer) != longer:
            break
        told = longer
    return told


def problems_told(facts: Facts) -> str:
    """Say what is wrong with a spec beside which an older one is acted on, and what becomes of it."""
    goes_on = "" if facts.unguided else GOES_ON
    return goes_on + _listed(facts.problems)


def _listed(problems: tuple[Problem, ...]) -> str:
    """List problems, with room for what becomes of a run."""
    return clip("; ".join(str(problem) for problem in problems), MESSAGE_BYTES - len(GOES_ON))


def problems_known(status: CanaryStatus, message: str) -> bool:
    """Tell whether a status says already what is wrong with its spec.

    The end of a run changes what is said of the run, and nothing about the problems.
    """
    known = status.condition(INVALID)
    if known is None or known.status != "True":
        return False
    return known.message.removeprefix(GOES_ON) == message.removeprefix(GOES_ON)


def invalid(
    status: CanaryStatus, generation: int, now: datetime, problems: tuple[Problem, ...]
) -> tuple[Condition, ...]:
    """Give the conditions of a Canary whose spec can't be acted on."""
    sentence = _listed(problems)
    ours = {READY: "False", PROGRESSING: "False", STALLED: "True", INVALID: "True"}
    kept = tuple(each for each in status.conditions if each.type not in ours)
    return (
        *(
            _condition(status, generation, now, type_, holds, INVALID, sentence)
            for type_, holds in ours.items()
        ),
        *kept,
    )


def _astray(situation: Situation) -> str:
    """Say which side is missing where the other one has to serve for it."""
    if situation.carries_all and situation.status.phase in STEPPING and situation.canary_alone:
        return PRIMARY_NOT_READY
    if situation.status.phase in {Phase.PROMOTING, Phase.TERMINATING}:
        return ""
    if situation.above_step:
        return PRIMARY_NOT_READY
    return CANARY_NOT_READY if situation.below_step else ""


def _sentence(situation: Situation) -> str:
    status = situation.status
    sentence = SENTENCES[status.phase]
    if status.phase in RESTING and not _serves_promoted(situation):
        sentence = "The primary has no ready pod of the promoted revision."
    if status.phase is Phase.FAILED and status.history:
        sentence = status.history[0].message
    if astray := _astray(situation):
        sentence = f"{sentence} {_SUBSTITUTES[astray]}"
    if said := message_said(status):
        said = f"W{said[1:]}" if said.startswith("waiting ") else f"Waiting: {said}"
        sentence = f"{sentence} {said}"
    return sentence


def _failure_reason(status: CanaryStatus) -> str:
    return (status.history[0].reason if status.history else "") or Phase.FAILED


def _truth(holds: bool) -> str:  # noqa: FBT001 - the only argument
    return "True" if holds else "False"


def _condition(
    status: CanaryStatus,
    generation: int,
    now: datetime,
    type_: str,
    holds: str,
    reason: str,
    message: str,
) -> Condition:
    before, message = status.condition(type_), clip(message)
    since = updated = now
    if before is not None and before.status == holds:
        since = before.last_transition_time or now
        if (before.reason, before.message) == (reason, message):
            updated = before.last_update_time or now
    said: dict[str, Any] = {
        "status": holds,
        "reason": reason,
        "message": message,
        "observed_generation": generation,
        "last_transition_time": since,
        "last_update_time": updated,
    }
    return Condition(type=type_, **said) if before is None else before.but(**said)
