"""When pods are read: those of a workload that does not come up tell why.

To follow the pods of a namespace costs more than all the rest of a run, and of a workload that
comes up its counts tell everything.
"""

from datetime import datetime, timedelta

from canary.api.status import Phase, Stage
from canary.core.facts import Workload
from canary.core.situation import Situation

PATIENCE = timedelta(seconds=5)
"""How long a workload may take to come up before its pods are read: that a pod stays down shows
seldom sooner, because its kubelet has to try again first."""

_COMING_UP = frozenset({Stage.CREATING, Stage.FILLING, Stage.UPDATING})
"""Stages in which a workload comes up."""


def pods_matter_at(situation: Situation) -> datetime | None:
    """Tell from which moment on pods matter; None while they do not."""
    workload, stage = _judged_by_pods(situation), situation.status.stage
    if situation.facts.ordinals is not None:
        return stage.since + PATIENCE if stage and _ordinals_come_up(situation) else None
    if workload is None or workload.ready():
        return None
    if stage is None or stage.name not in _COMING_UP:
        # Ready enough to be judged, and still not whole: a pod of it has failed since.
        return situation.now
    return stage.since + PATIENCE


def _ordinals_come_up(situation: Situation) -> bool:
    """Tell whether pods are still to run the newest template, which only they can tell more of."""
    runs = situation.status.phase in {Phase.PROGRESSING, Phase.WAITING_PROMOTION, Phase.PROMOTING}
    routed = situation.facts.routed
    return runs and routed is not None and not routed.carries(situation.intended)


def _judged_by_pods(situation: Situation) -> Workload | None:
    """Pick the workload of which a pod in trouble changes what is decided, or said."""
    match situation.status.phase:
        case Phase.PROGRESSING | Phase.WAITING_PROMOTION:
            return situation.facts.target
        case Phase.INITIALIZING | Phase.PROMOTING:
            return situation.facts.primary
        case _:
            return None
