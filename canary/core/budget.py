"""The error budget: a run starts while each policy that asks for one finds enough of it left.

It is asked for when a run wishes to start, and again a minute after each answer while the run waits;
never at rest, and never under way. In doubt the run waits, unless the policy says otherwise.
"""

from collections.abc import Iterator
from datetime import timedelta
from math import isfinite

from analysis.model import Check, Verdict
from canary.api.budget import BudgetMetric
from canary.api.meta import GROUP, NamespacedReference
from canary.api.metrics import MetricPolicy, MetricSpec
from canary.api.status import BudgetRecord
from canary.core import waits as why
from canary.core.facts import BindingPolicy
from canary.core.needs import Analyse
from canary.core.situation import Situation
from canary.core.wishes import Granted, Withheld

AGAIN = timedelta(minutes=1)
"""How long an answer holds."""


def ask_budgets(situation: Situation) -> Granted | Withheld | Analyse:
    """Withhold the start of a run while an error budget is spent, or ask how much is left.

    A way back needs none: it ends what spends the budget. A run that a person expedites or promotes
    does.
    """
    for policy, metric in _asking(situation):
        record = _record(situation, policy, metric)
        if record is None:
            return _need(situation, policy, metric)
        if record.verdict != Verdict.PASS:
            again = record.at + AGAIN
            message = (
                f"waiting for the error budget that DeliveryPolicy {policy.name} asks for: "
                f"{record.message}; it is asked again at {again:%H:%M:%S} UTC"
            )
            return Withheld(reason=why.BUDGET_SPENT, message=message, opens_at=again)
    return Granted()


def note_budgets(situation: Situation) -> Situation:
    """Note what was answered about budgets: the answers hold for a while, whatever comes of them."""
    for policy, metric in _asking(situation):
        if _record(situation, policy, metric) is not None:
            continue
        report = situation.facts.answer(_need(situation, policy, metric))
        if report is None:
            break
        situation = _noted(situation, policy, metric, report.checks[0])
    return situation


def _asking(situation: Situation) -> Iterator[tuple[BindingPolicy, BudgetMetric]]:
    """Give the policies that ask for a budget, in the order in which they are asked."""
    if situation.current_run.known_good:
        return
    for policy in situation.facts.policies:
        if policy.spec.budget is not None:
            yield policy, policy.spec.budget.metric


def _record(
    situation: Situation, policy: BindingPolicy, metric: BudgetMetric
) -> BudgetRecord | None:
    """Find the answer that still holds; an edit of the policy's bounds asks at once."""
    asked = (policy.name, _spec(policy, metric).bounds.text)
    for record in situation.current_run.budgets:
        holds = record.at <= situation.now < record.at + AGAIN
        if holds and (record.policy, record.bound) == asked:
            return record
    return None


def _need(situation: Situation, policy: BindingPolicy, metric: BudgetMetric) -> Analyse:
    run = situation.current_run
    return Analyse(
        key=f"{run.id}/budget/{policy.name}/{run.looks}",
        metrics=(_spec(policy, metric),),
        templates=GROUP,
    )


def _spec(policy: BindingPolicy, metric: BudgetMetric) -> MetricSpec:
    """Write the metric as an analysis asks for it; its template is one of the policy's namespace."""
    namespace, _, _ = policy.name.partition("/")
    reference = metric.template_ref
    return MetricSpec(
        name=metric.name,
        interval=metric.interval,
        threshold_range=metric.threshold_range,
        template_ref=NamespacedReference(
            name=reference.name, namespace=reference.namespace or namespace
        ),
        template_variables=metric.template_variables,
        on_no_data=MetricPolicy(metric.on_no_data),
        on_error=MetricPolicy(metric.on_error),
    )


def _noted(
    situation: Situation, policy: BindingPolicy, metric: BudgetMetric, check: Check
) -> Situation:
    run, names = situation.current_run, {each.name for each in situation.facts.policies}
    record = BudgetRecord(
        policy=policy.name,
        metric=metric.name,
        verdict=check.verdict,
        # JSON has no word for NaN and the infinities; the message has.
        value=check.value if check.value is not None and isfinite(check.value) else None,
        bound=_spec(policy, metric).bounds.text,
        message=check.message,
        at=situation.now,
    )
    others = (each for each in run.budgets if each.policy in names - {policy.name})
    return situation.with_run(looks=run.looks + 1, budgets=(*others, record))
