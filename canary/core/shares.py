"""Shares of the traffic that follow from the number of pods, where nothing else can say them.

With replicas, the primary keeps its size, and the canary gets those that a weight needs beside it.
With ordinals, the canary gets some of the pods that there are.
"""

from dataclasses import replace

from canary.api.shown import shown
from canary.api.status import Shares
from canary.core.capacity import possible_weight, share_of, size_for, whole_size
from canary.core.ordinals import ordinals_for, share_of_ordinals
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
    able = _possible(situation, weight)
    return f" ({able} % by its pods)" if _by_pods(situation) and able != weight else ""


def pods_awaited(situation: Situation) -> str:
    """Say which pods of a divided workload the canary waits for; empty for any other workload."""
    pods, name = situation.facts.ordinals, situation.target_name
    if pods is None:
        return ""
    number = ordinals_for(pods, situation.status.canary_weight)
    if not number:
        return f"waiting for a second pod of {name}: one keeps the promoted revision during a run"
    return f"waiting for {number} of the {pods} pods of {name} to run the new revision and be ready"


def note_shares(situation: Situation) -> Situation:
    """Record the share that the canary can have, and the one that its ready pods make."""
    asked = situation.status.canary_weight
    if not _by_pods(situation):
        return situation.but(shares=None)
    able = _possible(situation, asked)
    return situation.but(shares=Shares(asked=asked, possible=able, seen=_seen(situation)))


def _by_pods(situation: Situation) -> bool:
    return situation.facts.by_replicas or situation.facts.ordinals is not None


def _possible(situation: Situation, weight: int) -> int:
    pods = situation.facts.ordinals
    if pods is None:
        return possible_weight(whole_size(situation), weight)
    return share_of_ordinals(pods, ordinals_for(pods, weight))


def _seen(situation: Situation) -> int:
    facts = situation.facts
    routed, target, primary = facts.routed or Seen(), facts.target, facts.primary
    if facts.ordinals is not None:
        return share_of_ordinals(facts.ordinals, ordinals_for(facts.ordinals, routed.weight))
    if routed.weight in {0, FULL}:
        return routed.weight
    return share_of(target.available if target else 0, primary.available if primary else 0)


def warn_of_shares(situation: Situation) -> Situation:
    """Add to what the spec is warned of the weights that whole pods cannot make."""
    facts, analysis = situation.facts, situation.spec.analysis
    if not _by_pods(situation) or facts.primary is None:
        return situation
    asked = [step.weight for step in situation.plan.steps]
    able = [_possible(situation, weight) for weight in asked]
    if asked == able or situation.spec.skip_analysis:
        return situation
    written = {
        "stepWeight": analysis.step_weight,
        "stepWeights": analysis.step_weights,
        "steps": analysis.steps,
    }
    field = next(field for field, value in written.items() if value)
    percent = ", ".join(map(str, dict.fromkeys(able)))
    among = f"beside {whole_size(situation)} replicas of {facts.primary.name}"
    if facts.ordinals is not None:
        among = f"of the {facts.ordinals} pods of {facts.primary.name}"
    effect = f"{among} the canary gets {percent} %"
    warning = SpecWarning(f"spec.analysis.{field}", shown(written[field]), effect)
    return replace(situation, facts=replace(facts, warnings=(*facts.warnings, warning)))
