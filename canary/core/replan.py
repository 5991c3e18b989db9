"""A plan that is edited during a run: the run goes on at the traffic that it has come to."""

from canary.api.status import Phase
from canary.core import waits as why
from canary.core.leave import Stop, stopped
from canary.core.placement import withdraw
from canary.core.situation import STEPPING, Situation


def replan(situation: Situation) -> Situation:
    """Find the place of a run in a plan that is not the one it took its last step of.

    Where the steps that it took are the same, that is where it is. Otherwise it is the last step
    before the first whose traffic is above that of the run's step. What some requests had
    is not given to all: without a condition for those that take part, the canary loses its traffic.
    Passes that other requests have earned do not count.
    A step without traffic takes back what the canary had, as far as the primary can carry it.
    A step that the plan does not have, as a hand may write it, is placed in the same way. Nothing is
    placed while the Canary is suspended, or its spec cannot be read whole.
    A run of a release that did not count steps finds its place in the same way, without a word.
    """
    run, plan, now_at = situation.status.run, situation.plan, situation.step_weight
    counts = not (situation.facts.unguided or stopped(situation, Stop.ALL))
    stepping = situation.status.phase in STEPPING and run is not None and (run.step or now_at)
    if run is None or not stepping or not counts:
        return situation
    if run.plan == plan.digest and run.step <= len(plan.steps):
        return situation
    same = 0 < run.step <= len(plan.steps) and run.plan_so_far == plan.digest_to(run.step)
    number = run.step if same else plan.place(now_at, matched=run.matched)
    step = plan.step(number)
    widened = run.matched and not (step and step.matched)
    stays = number == run.step and not widened
    requests = step.requests if step else ""
    earned = stays and run.requests in {"", requests}
    passes = min(run.passes, step.passes) if step and earned else 0
    matched = bool(step and step.matched)
    placed = situation.with_run(
        plan=plan.digest,
        plan_so_far=plan.digest_to(number),
        step=number,
        step_since=run.step_since if stays else situation.now,
        lasts_since=run.lasts_since if stays else None,
        matched=matched,
        requests=requests,
        passes=passes,
        next_step=None,
        approvals=run.approvals if run.next_step is None else (),
    )
    at_gate = placed.status.phase is Phase.WAITING_PROMOTION
    if at_gate and step and step.passes > max(passes, 1):
        # The new plan needs more passes before its gate than the run has.
        placed = (
            placed.enter(Phase.PROGRESSING).with_run(approvals=()).end_holds(why.PROMOTION_GATE)
        )
    if widened:
        placed = placed.step_to(0)
    elif step and not step.weight:
        placed = withdraw(placed)
    as_planned = placed.status.canary_weight == placed.step_weight
    placed = placed.resume(placed.step_weight) if as_planned else placed.keep_traffic()
    if not run.plan:
        return placed
    where = f"after step {number} of {len(plan.steps)}" if number else "before the first step"
    message = f"The steps of the run have changed: it continues {where}, at {placed.step_weight} %"
    return placed.tell("PlanChanged", message)
