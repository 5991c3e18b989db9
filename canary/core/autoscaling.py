"""The autoscaler of which the primary has a copy: remembered, so that the copy goes with it."""

from canary.core.situation import Situation


def note_autoscaler(situation: Situation) -> Situation:
    """Remember the autoscaler that is copied; a former one until its copy is gone."""
    reference, known = situation.spec.autoscaler_ref, situation.status.autoscaler
    name = reference.remembered if reference else ""
    if known == name or (known and situation.facts.autoscaler_left):
        return situation
    return situation.but(autoscaler=name)


def former_autoscaler(situation: Situation) -> str:
    """Name the autoscaler that the Canary names no longer, and whose copy is still remembered."""
    reference, known = situation.spec.autoscaler_ref, situation.status.autoscaler
    return "" if reference is not None and known == reference.remembered else known
