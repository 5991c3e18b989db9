"""Shares of the traffic that follow from the number of pods, for routers that can say no others.

The primary keeps its size, and the canary gets the replicas that a weight needs beside it.
"""

from dataclasses import replace

from canary.api.shown import shown
from canary.api.status import Shares
from canary.core.capacity import possible_weight, share_of, size_for, whole_size
from canary.core.situation import Situation
from canary.core.traffic import Seen
from canary.core.weights import FULL
from canary.errors import SpecWarning


def size_of_share(situation: Situation) -> int:
    """Give how many replicas make the share of the canary's step, or of the next one."""
    weight = max(situation.status.canary_weight, situation.step_weight)
    steps = situation.plan.steps[situation.current_run.step :]
    following = next((step.weight for step in steps if step.weight), FULL)
    return size_for(situation, weight or following)


def by_pods(situation: Situation, weight: int) -> str:
    """Say which share the number of pods allows where it is not the weight that is asked for."""
    able = possible_weight(whole_size(situation), weight)
    return f" ({able} % by its pods)" if situation.facts.by_replicas and able != weight else ""


def note_shares(situation: Situation) -> Situation:
    """Record the share that the canary can have, and the one that its ready pods make."""
    asked = situation.status.canary_weight
    if not situation.facts.by_replicas:
        return situation.but(shares=None)
    able = possible_weight(whole_size(situation), asked)
    return situation.but(shares=Shares(asked=asked, possible=able, seen=_seen(situation)))


def _seen(situation: Situation) -> int:
    facts = situation.facts
    routed, target, primary = facts.routed or Seen(), facts.target, facts.primary
    if routed.weight in {0, FULL}:
        return routed.weight
    return share_of(target.available if target else 0, primary.available if primary else 0)


def warn_of_shares(situation: Situation) -> Situation:
    """Add to what the spec is warned of the weights that whole pods cannot make."""
    facts, analysis = situation.facts, situation.spec.analysis
    if not facts.by_replicas or facts.primary is None:
        return situation
    whole = whole_size(situation)
    asked = [step.weight for step in situation.plan.steps]
    able = [possible_weight(whole, weight) for weight in asked]
    if asked == able or situation.spec.skip_analysis:
        return situation
    written = {
        "stepWeight": analysis.step_weight,
        "stepWeights": analysis.step_weights,
        "steps": analysis.steps,
    }
    field = next(field for field, value in written.items() if value)
    percent = ", ".join(map(str, dict.fromkeys(able)))
    effect = f"beside {whole} replicas of {facts.primary.name} the canary gets {percent} %"
    warning = SpecWarning(f"spec.analysis.{field}", shown(written[field]), effect)
    return replace(situation, facts=replace(facts, warnings=(*facts.warnings, warning)))
