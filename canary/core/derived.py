"""What a status says for people and for Flagger's readers, derived from what was decided.

It is derived once, when a decision is concluded, so that a status cannot say two things.
"""

from canary.core.conditions import INVALID, conditions
from canary.core.images import images_told
from canary.core.situation import Situation


def with_derived(situation: Situation) -> Situation:
    """Bring what is derived up to date. The step is so at each move, as notices carry it."""
    status, facts = situation.status, situation.facts
    return situation.but(
        observed_generation=facts.generation,
        conditions=conditions(situation),
        images=images_told(status),
        iterations=_iterations(situation),
        state=INVALID if facts.problems else str(status.phase) or "New",
    )


def _iterations(situation: Situation) -> int:
    """Count the passes of the last step that needs several; those of the last run between runs."""
    status, run, plan = situation.status, situation.status.run, situation.plan
    if run is None or (run.step and run.plan != plan.digest):
        # A plan that the run has no place in yet says nothing of its steps.
        return status.iterations
    counting = [n for n, step in enumerate(plan.steps[: run.step], 1) if step.passes > 1]
    if not counting:
        return 0
    last = counting[-1]
    return run.passes if last == run.step else plan.steps[last - 1].passes
