"""When a decision is followed by no other: its own writes leave nothing to decide.

After a write the Canary is otherwise decided again at once, as the write may allow the next step.
While pods must come up first, or the next analysis is not due, it allows nothing: their events wake
the Canary, or the clock does.
"""

from canary.api.status import Phase, Stage
from canary.core.situation import Situation


def settled(situation: Situation) -> bool:
    """Tell whether only time, or what is not written here, can change what was decided."""
    status, facts = situation.status, situation.facts
    if facts.deleting or facts.commands or facts.drifts or facts.by_replicas or _leaves(situation):
        return False
    match status.phase, situation.stage:
        case Phase.PROGRESSING, Stage.FILLING:
            return _is_parked(situation)
        case Phase.PROGRESSING, Stage.ANALYSING:
            return _awaits_analysis(situation)
        case Phase.PROMOTING, Stage.UPDATING:
            return _will_roll(situation)
        case _:
            return False


def _leaves(situation: Situation) -> bool:
    """Tell whether anything is left under former names: it goes in writes that follow each other."""
    return bool(situation.status.former_names)


def _is_parked(situation: Situation) -> bool:
    """Tell whether the canary is still to be given its first pods."""
    target = situation.facts.target
    return target is not None and not target.replicas and not situation.begun


def _awaits_analysis(situation: Situation) -> bool:
    """Tell whether the traffic is that of the step, no other step is bound, and both sides serve."""
    run = situation.current_run
    due = run.next_analysis_at
    moves = situation.above_step or situation.below_step or run.next_step is not None
    ready = situation.target_ready and situation.primary_ready
    return ready and not moves and due is not None and situation.now < due


def _will_roll(situation: Situation) -> bool:
    """Tell whether the primary is still to be given the revision, so that its pods are replaced."""
    primary = situation.facts.primary
    if primary is None or primary.strategy.at_once:
        return False
    return primary.revision != situation.status.last_applied_spec
