"""The ends of a run but its success: rolled back, cancelled, superseded, or not promoted.

Each end closes the record of the run and tells it once, with its cause.
"""

from canary.api.people import WebhookType
from canary.api.status import Outcome, Phase, Severity
from canary.core.facts import Revision
from canary.core.images import named
from canary.core.placement import retreat, withdraw, withdraw_from_replaced
from canary.core.revision import current_revision, pin
from canary.core.situation import Situation
from canary.core.spending import spent_told
from canary.core.weights import FULL


def roll_back(
    situation: Situation, reason: str, message: str, *, at_once: bool = False
) -> Situation:
    """End a run in failure, with as much traffic on the primary as it can carry.

    On a verdict it returns as fast as the plan says.
    """
    moved = withdraw(situation) if at_once else retreat(situation)
    left, due = moved.status.canary_weight, withdraw(situation).status.canary_weight
    if left == FULL and situation.primary_serves:
        message = f"{message}; the canary serves until enough pods of the primary are ready"
    elif left == FULL:
        message = f"{message}; the primary has no ready pod, so the canary serves"
    elif left > due:
        share, by = moved.share(FULL - left), situation.plan.retreat
        message = f"{message}; the primary serves {share}, and {by} % more at each interval"
    elif left:
        message = (
            f"{message}; the primary's ready pods take {moved.share(FULL - left)}, the rest follows "
            "as more of them become ready"
        )
    return _fail(moved, Outcome.ROLLED_BACK, reason, message)


def fail_promotion(situation: Situation, reason: str, message: str) -> Situation:
    """End a run whose primary does not come up with the analysed revision."""
    if situation.facts.unseen:
        kept = situation.carry(situation.status.canary_weight, step=0)
        return _fail(kept, Outcome.PROMOTION_FAILED, reason, f"{message}; traffic stays as it is")
    revision = current_revision(situation.status, situation.facts)
    analysed = revision is not None and revision.id == situation.status.last_applied_spec
    keep = analysed and situation.target_serves
    moved = situation.carry_all(step=0) if keep else withdraw_from_replaced(situation)
    stays = moved.status.canary_weight == FULL
    where = "traffic is on the primary's older pods"
    if stays:
        had_all = situation.carries_all
        where = "traffic stays on the canary" if had_all else "the canary serves all traffic"
    return _fail(moved, Outcome.PROMOTION_FAILED, reason, f"{message}; {where}")


def _fail(situation: Situation, outcome: Outcome, reason: str, message: str) -> Situation:
    failed = situation.close_run(outcome, reason, message).enter(Phase.FAILED)
    ended = "is rolled back" if outcome is Outcome.ROLLED_BACK else "is not promoted"
    spent = spent_told(failed.status.history[0].budgets_spent) if failed.status.history else ""
    told = f"Revision {failed.revision_name} {ended}: {message}{spent}"
    return failed.tell(outcome, told, Severity.ERROR, alert=True, hook=WebhookType.POST_ROLLOUT)


def cancel(situation: Situation, revision: Revision) -> Situation:
    """End a run whose target returned to the promoted revision."""
    old = situation.revision_name
    message = (
        f"{situation.target_name} returned to the promoted revision; the run of {old} is cancelled"
    )
    ended = situation.close_run(Outcome.CANCELLED, "RevisionReverted", message)
    settled = withdraw_from_replaced(pin(ended, revision)).but(failed_checks=0, metrics=())
    return settled.enter(Phase.SUCCEEDED).tell(
        "RunCancelled", message, alert=True, hook=WebhookType.POST_ROLLOUT
    )


def supersede(situation: Situation, revision: Revision) -> Situation:
    """End a run for a newer revision, which the next one is for; a pause outlasts it."""
    old, paused = situation.revision_name, situation.status.paused
    new = named(revision.id, revision.images)
    message = f"{situation.target_name} changed to revision {new} during the run of {old}"
    primary = situation.facts.primary
    if primary is not None and primary.moving:
        message = (
            f"{message}, while it was being promoted: it is paused again, and pods that run {new} "
            "already stay until the next promotion"
        )
    ended = situation.close_run(Outcome.SUPERSEDED, "NewRevision", message)
    return ended.go_on().but(paused=paused).tell("RunRestarted", message, alert=True)
