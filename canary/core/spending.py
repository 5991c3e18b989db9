"""What a run has spent of error budgets: the canary's bad requests beyond the primary's rate.

By the counts that judges keep, and the traffic of the run for as long as the objective's period.
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta

from analysis.judges import counted
from analysis.model import plain_number
from canary.api.canary import CanarySpec
from canary.api.status import BudgetSpent, CanaryStatus

_WHOLE = 100.0


def budgets_spent(spec: CanarySpec, status: CanaryStatus) -> tuple[BudgetSpent, ...]:
    """Give what the run has spent of the budgets of its metrics, where that was counted."""
    kept = {each.name: each for each in status.metrics}
    found: list[BudgetSpent] = []
    for _, metric in spec.analysis.placed_metrics():
        state, objective = kept.get(metric.name), metric.objective
        if objective is None or state is None or state.judge is None:
            continue
        run = counted(state.judge, state.memory or {})
        period = timedelta(days=objective.period_days).total_seconds()
        share = run.spent(objective.target / _WHOLE, period) if run is not None else None
        if share is not None:
            found.append(BudgetSpent(metric=metric.name, percent=_WHOLE * share))
    return tuple(found)


def overspent(spec: CanarySpec, status: CanaryStatus) -> Iterator[str]:
    """Say which budgets the run has spent more of than it may; shadows are never acted on."""
    most = {
        metric.name: metric.objective.max_spent
        for _, metric in spec.analysis.placed_metrics()
        if metric.objective is not None and not metric.shadow
    }
    for each in budgets_spent(spec, status):
        limit = most.get(each.metric)
        if limit is not None and each.percent > limit:
            yield (
                f"{each.metric}: the canary has spent {each.percent:.2g} % of the error budget, more "
                f"than {plain_number(limit)} % (objective.maxSpent)"
            )


def spent_told(spent: Iterable[BudgetSpent]) -> str:
    """Say what was spent, as the end of a sentence; nothing where nothing was counted."""
    budgets = ", ".join(f"{each.percent:.2g} % by {each.metric}" for each in spent)
    return f"; of the error budget it has spent {budgets}" if budgets else ""
