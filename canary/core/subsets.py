"""Sides behind one service: the router tells their pods apart, and the apex service selects both.

It does so by a label that the user gives the pods, which the primary has from the target.
Rule 1: a new Canary is held while its target lacks the label, and so is a run: nothing without it is
ever promoted.
Rule 2: no request is led to the canary while the pods of either side lack it. A primary without it,
which another router has left, keeps the apex service for itself.
Rule 3: between a route by subsets and one by services, proxies know both sides of the new one before
it is written, and nothing of the former one goes before they follow it.
"""

from collections.abc import Iterable

from canary.api.status import CanaryStatus, Phase, Severity, Stage
from canary.core import waits as why
from canary.core.facts import Former, Workload
from canary.core.situation import Situation
from canary.core.wishes import Granted, Withheld

_KNOWN = frozenset({Stage.PROPAGATING, Stage.ROUTING, Stage.DRAINING})
"""The stages of an initialisation from which on the primary is ready."""


def leads_to_both(
    status: CanaryStatus, primary: Workload | None, former: Iterable[Former], *, by_subsets: bool
) -> bool:
    """Tell whether the apex service selects the pods of both sides.

    A primary that is given the label has the service for itself until its last pod has it; one that
    is gone leaves it to the target.
    """
    if not (by_subsets or any(each.by_subsets and each.routes for each in former)):
        return False
    stage = status.stage.name if status.stage else None
    if status.phase is Phase.INITIALIZING and stage not in _KNOWN:
        return False
    if primary is None:
        return True
    return not primary.lacking and (primary.uniform or status.canary_weight > 0)


def shares_apex(situation: Situation) -> bool:
    """Tell whether the apex service selects the pods of both sides now."""
    facts = situation.facts
    return leads_to_both(situation.status, facts.primary, facts.former, by_subsets=facts.by_subsets)


def ask_label(situation: Situation) -> Granted | Withheld:
    """Withhold the start of a run whose canary the apex service could not lead to."""
    message = unlabelled(situation)
    if not message or situation.facts.primary is None:
        return Granted()
    return Withheld(reason=why.LABEL_MISSING, message=message)


def unlabelled(situation: Situation) -> str:
    """Say whose pods lack the label, and what to do; empty where none do."""
    facts = situation.facts
    target, primary = facts.target, facts.primary
    if target is not None and target.lacking:
        return (
            f"the pod template of {target.name} lacks the label {target.lacking}, by which the apex "
            f"service selects the pods of both sides: add it there, or name another router than "
            f"{facts.provider}"
        )
    if primary is not None and primary.lacking:
        return (
            f"the pods of {primary.name} lack the label {primary.lacking}, by which the apex service "
            f"selects the pods of both sides: name another router than {facts.provider}, promote a "
            f"revision with the label, and then name {facts.provider}"
        )
    return ""


def hold_for_label(situation: Situation) -> Situation | None:
    """Hold an initialisation while the target lacks the label; None where it goes on.

    Without a primary nothing is pinned, so that none is made that lacks it too.
    """
    target, primary = situation.facts.target, situation.facts.primary
    if target is None or not target.lacking:
        return None
    held = situation.but(last_applied_spec="") if primary is None else situation
    message = unlabelled(situation)
    waiting = held.wait(why.LABEL_MISSING, message)
    if situation.stage is Stage.HELD:
        return waiting
    return waiting.tell(why.LABEL_MISSING, message, Severity.WARN, alert=True)


def await_label(situation: Situation) -> Situation | None:
    """Say at rest that no run could begin; None where one could."""
    message = unlabelled(situation)
    return situation.wait(why.LABEL_MISSING, message) if message else None
