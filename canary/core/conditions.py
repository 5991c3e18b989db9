"""Phase and wait to conditions: the one home of the reasons and the prose of a status."""

from datetime import datetime

from canary.api.status import CanaryStatus, Condition, Phase
from canary.core.phases import RUNNING
from canary.core.situation import Situation
from canary.errors import Problem

# What a Canary waits for.
TARGET_MISSING = "TargetMissing"
REVISION_UNKNOWN = "RevisionUnknown"
PRIMARY_MISSING = "PrimaryMissing"
PRIMARY_NOT_READY = "PrimaryNotReady"
PRIMARY_UPDATING = "PrimaryUpdating"
CANARY_NOT_READY = "CanaryNotReady"
TARGET_NOT_READY = "TargetNotReady"
TERMINATION_BLOCKED = "TerminationBlocked"
ANALYSIS_DUE = "AnalysisDue"
CHECKS_FAILING = "ChecksFailing"
ANALYSIS_INCONCLUSIVE = "AnalysisInconclusive"
ROLLOUT_GATE = "RolloutGate"
TRAFFIC_GATE = "TrafficGate"
PROMOTION_GATE = "PromotionGate"
PAUSED = "Paused"
SUSPENDED = "Suspended"
DRAINING = "Draining"
ROUTING = "Routing"
RESTORING = "Restoring"
OBSTACLE = "Obstacle"

# Waits that mean that something is wrong, and not only that something takes its time.
_WRONG = frozenset(
    {TARGET_MISSING, REVISION_UNKNOWN, PRIMARY_MISSING, OBSTACLE, TERMINATION_BLOCKED}
)

READY = "Ready"
PROGRESSING = "Progressing"
STALLED = "Stalled"
PROMOTED = "Promoted"
INVALID = "Invalid"

_SENTENCES = {
    Phase.NEW: "The Canary is not yet looked at.",
    Phase.INITIALIZING: "The primary is being set up; the target serves until it is ready.",
    Phase.INITIALIZED: "The primary serves all traffic.",
    Phase.WAITING: "A new revision waits for approval; the primary serves all traffic.",
    Phase.PROGRESSING: "A new revision is being analysed.",
    Phase.WAITING_PROMOTION: "The new revision has passed and waits for approval to be promoted.",
    Phase.PROMOTING: "The new revision is being promoted to the primary.",
    Phase.FINALISING: "The primary serves all traffic; the canary is being drained.",
    Phase.SUCCEEDED: "The primary serves all traffic.",
    Phase.FAILED: "The last run has failed.",
    Phase.TERMINATING: "The Canary is being deleted; the target gets its traffic back.",
}


def conditions(situation: Situation) -> tuple[Condition, ...]:
    """Give the conditions that follow from a status, with their times kept where they hold on."""
    status = situation.status
    phase, wait = status.phase, status.waiting_for
    reason = wait.reason if wait else (phase or "New")
    sentence = _sentence(status)
    wrong = phase is Phase.FAILED or bool(wait and wait.reason in _WRONG)
    serving = phase in {Phase.INITIALIZED, Phase.SUCCEEDED}
    busy = phase in RUNNING | {Phase.NEW, Phase.INITIALIZING, Phase.TERMINATING}
    stalled_reason = _failure_reason(status) if phase is Phase.FAILED else reason
    promoted = {Phase.INITIALIZED: "True", Phase.SUCCEEDED: "True", Phase.FAILED: "False"}
    return tuple(
        _condition(
            status, situation.facts.generation, situation.now, type_, holds, why, sentence
        )
        for type_, holds, why in (
            (READY, _truth(serving and not wrong), reason),
            (PROGRESSING, _truth(busy and not wrong), reason),
            (STALLED, _truth(wrong), stalled_reason if wrong else phase or "New"),
            (PROMOTED, promoted.get(phase, "Unknown"), phase or "New"),
        )
    )


def invalid(
    status: CanaryStatus, generation: int, now: datetime, problems: tuple[Problem, ...]
) -> tuple[Condition, ...]:
    """Give the conditions of a Canary whose spec can't be acted on."""
    sentence = "; ".join(str(problem) for problem in problems)
    kept = tuple(
        condition
        for condition in status.conditions
        if condition.type not in {READY, PROGRESSING, STALLED, INVALID}
    )
    return (
        *(
            _condition(status, generation, now, type_, holds, INVALID, sentence)
            for type_, holds in (
                (READY, "False"),
                (PROGRESSING, "False"),
                (STALLED, "True"),
                (INVALID, "True"),
            )
        ),
        *kept,
    )


def _sentence(status: CanaryStatus) -> str:
    sentence = _SENTENCES[status.phase]
    if status.phase is Phase.FAILED and status.history:
        sentence = status.history[0].message
    if status.waiting_for and status.waiting_for.message:
        sentence = f"{sentence} Waiting: {status.waiting_for.message}"
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
    before = status.condition(type_)
    same = before is not None and before.status == holds
    wording = same and before is not None and (before.reason, before.message) == (reason, message)
    return Condition(
        type=type_,
        status=holds,
        reason=reason,
        message=message,
        observed_generation=generation,
        last_transition_time=before.last_transition_time if same and before else now,
        last_update_time=before.last_update_time if wording and before else now,
    )
