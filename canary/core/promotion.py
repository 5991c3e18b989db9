"""The promotion: the primary gets the analysed revision, then its traffic back, then the run ends."""

from canary.api.analysis_spec import PodFailurePolicy
from canary.api.people import WebhookType
from canary.api.status import Outcome, Phase, Stage
from canary.core import waits as why
from canary.core.capacity import can_carry_all
from canary.core.cookies import let_go
from canary.core.ending import fail_promotion
from canary.core.facts import Workload
from canary.core.placement import returns_unknown, withdraw_from_replaced
from canary.core.propagation import await_primary, learning
from canary.core.relief import relieve
from canary.core.revision import current_revision
from canary.core.situation import Situation, timed_out
from canary.core.spending import spent_told
from canary.core.weights import FULL


def promote(situation: Situation) -> Situation:
    """Copy the analysed revision to the primary, with traffic where it is until it is ready."""
    weight = situation.status.canary_weight
    promoting = situation.enter(Phase.PROMOTING).with_run(
        next_analysis_at=None, next_step=None, holds=()
    )
    told = promoting.tell(
        "PromotionStarted",
        f"Promoting revision {situation.revision_name} to the primary",
        event=False,
    )
    return update(told.carry(weight))


def update(situation: Situation) -> Situation:
    """Have the primary updated: at once, or when traffic has left it where it loses its last pod."""
    return relieve(situation, _within_deadline) or await_update(situation)


def await_update(situation: Situation) -> Situation:
    """Wait until the primary runs the analysed revision, or give the promotion up."""
    message = f"waiting for all pods of the primary to run {situation.revision_name} and be ready"
    return _within_deadline(situation, why.PRIMARY_UPDATING, message)


def _within_deadline(situation: Situation, reason: str, message: str) -> Situation:
    """Wait for something, and give the promotion up at the progress deadline."""
    waiting = situation.progress(reason, message)
    if waiting.overdue:
        late = timed_out(situation.obstructed(message))
        return fail_promotion(waiting, "ProgressDeadlineExceeded", late)
    return waiting


def bring_up(situation: Situation, primary: Workload) -> Situation:
    """Promoting, with the primary at the analysed revision: traffic returns when it is ready."""
    revision = current_revision(situation.status, situation.facts)
    applied = situation.status.last_applied_spec
    moved_on = revision is not None and revision.id != applied
    replaced = moved_on and not situation.facts.kept
    if replaced and situation.status.canary_weight and primary.serves:
        # The canary's pods are being replaced by something that was not analysed. Whatever the
        # primary runs by now was analysed.
        withdrawn = withdraw_from_replaced(situation)
        share = FULL - withdrawn.status.canary_weight
        message = f"{situation.target_name} has changed meanwhile: the primary serves {share} %"
        moved = withdrawn.status.canary_weight != situation.status.canary_weight
        situation = withdrawn.tell("TrafficReturned", message) if moved else withdrawn
    if can_carry_all(situation):
        exposed = bool(situation.status.canary_weight)
        unknown = learning(situation, "the primary's new pods") if exposed else None
        return unknown or _return_traffic(situation)
    if primary.failing and situation.spec.analysis.on_pod_failure is PodFailurePolicy.FAST:
        return fail_promotion(situation, primary.failing.reason, str(primary.failing))
    if primary.given_up:
        message = f"{primary.name} did not progress within its own deadline"
        return fail_promotion(situation, "ProgressDeadlineExceeded", message)
    return await_update(situation)


def _return_traffic(situation: Situation) -> Situation:
    """Move traffic from the canary to the promoted primary, by steps where they are asked for."""
    situation = let_go(situation)
    waiting = situation.wait(why.TRAFFIC_RETURNING, "the next step back to the primary")
    due = situation.current_run.next_analysis_at
    if due is not None and situation.now < due:
        return waiting
    routed, intended = situation.facts.routed, situation.status.canary_weight
    if routed is not None and routed.weight > intended:
        message = f"waiting for the route to send {FULL - intended} % to the primary"
        return situation.insist(why.ROUTING, message, blocked=why.ROUTING_BLOCKED)
    if situation.stage is Stage.ROUTING:
        # The last step was written late: it is given its time before the next one.
        return waiting.look_again()
    weight = situation.plan.back(situation.status.canary_weight)
    if not weight:
        return finalise(situation)
    moved = waiting.carry(weight).look_again()
    return moved.tell("TrafficReturning", f"Weight of the primary advanced to {FULL - weight} %")


def finalise(situation: Situation) -> Situation:
    """Give the primary all traffic, and let what is in flight on the canary end."""
    status = situation.status
    final = (
        situation.step_to(0)
        .enter(Phase.FINALISING)
        .but(last_promoted_spec=status.last_applied_spec, promoted_images=status.applied_images)
    )
    told = final.tell(
        "TrafficReturned",
        f"The primary serves all traffic with {final.revision_name}",
        event=False,
    )
    return _await_route(told)


def finalising(situation: Situation) -> Situation:
    """Finalising: the route turns, what is in flight ends, and the run is over."""
    if situation.status.canary_weight:
        if returns_unknown(situation):
            return await_primary(situation)
        message = "waiting for the primary to be ready again: the canary serves"
        return situation.insist(why.PRIMARY_NOT_READY, message, blocked=why.PRIMARY_NOT_READY)
    routed = situation.facts.routed
    if situation.facts.refusal or (routed is not None and routed.exposes_canary()):
        return _await_route(situation)
    draining = situation.drain("waiting for requests in flight on the canary to end")
    return _complete(draining) if draining.overdue else draining


def _await_route(situation: Situation) -> Situation:
    refusal = situation.facts.refusal
    message = "waiting for the route to send all traffic to the primary"
    said = f"{message}: {refusal}" if refusal else situation.untaken(message)
    return situation.insist(why.ROUTING, said, blocked=why.ROUTING_BLOCKED)


def _complete(situation: Situation) -> Situation:
    """End a run in success."""
    message = f"Revision {situation.revision_name} of {situation.target_name} is promoted"
    ended = situation.close_run(Outcome.PROMOTED, "Promoted", message).enter(Phase.SUCCEEDED)
    spent = spent_told(ended.status.history[0].budgets_spent) if ended.status.history else ""
    told = f"{message}; the primary serves all traffic{spent}"
    return ended.tell("Promoted", told, alert=True, hook=WebhookType.POST_ROLLOUT)
