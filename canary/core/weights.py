"""The weights of a run's steps."""

from canary.api.analysis_spec import Analysis

FULL = 100


def step_plan(analysis: Analysis) -> tuple[int, ...]:
    """List the canary weights of a run, ascending.

    With `stepWeight` the last step may overshoot `maxWeight`, as users of the field know it:
    steps of 20 up to 50 are 20, 40, 60.
    """
    if analysis.step_weights:
        return tuple(analysis.step_weights)
    step = analysis.step_weight or FULL
    last = analysis.max_weight or FULL
    weights = [min(step, FULL)]
    while weights[-1] < min(last, FULL):
        weights.append(min(weights[-1] + step, FULL))
    return tuple(weights)


def next_weight(plan: tuple[int, ...], current: int) -> int | None:
    """Find the next weight of a plan, or None at its end.

    Found by weight and not by position, so that a plan which is edited during a run continues
    from the traffic that the canary has now.
    """
    return next((weight for weight in plan if weight > current), None)


def step_number(plan: tuple[int, ...], weight: int) -> int:
    """Count the steps of a plan that a weight has reached."""
    return sum(1 for each in plan if each <= weight)


def promotion_weight(analysis: Analysis, current: int) -> int:
    """Give the canary's next weight while traffic returns to the promoted primary."""
    step = analysis.step_weight_promotion or FULL
    return max(current - step, 0)
