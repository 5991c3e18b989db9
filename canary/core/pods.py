"""When pods are looked at: those of a workload that does not come up tell why.

To follow the pods of a namespace costs more than all the rest of a run, and of a workload that
comes up its counts tell everything.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from canary.api.status import Phase
from canary.core import waits as why
from canary.core.facts import Workload
from canary.core.situation import Situation

PATIENCE = timedelta(seconds=5)
"""So long a workload may take to come up before its pods are looked at: that a pod stays down shows
seldom sooner, because its kubelet has to try again first."""

_COMING_UP = (why.CANARY_NOT_READY, why.PRIMARY_NOT_READY, why.PRIMARY_UPDATING)
"""Waits for a workload to come up."""
_TARGET, _PRIMARY = "target", "primary"
_JUDGED_BY_PODS: Mapping[Phase, str] = MappingProxyType(
    {
        Phase.INITIALIZING: _PRIMARY,
        Phase.PROGRESSING: _TARGET,
        Phase.WAITING_PROMOTION: _TARGET,
        Phase.PROMOTING: _PRIMARY,
    }
)
"""Phases in which a pod in trouble changes what is decided, or said, and whose pod it is."""


def pods_matter_at(situation: Situation) -> datetime | None:
    """Tell from which moment on pods matter; None while they do not."""
    whose = _JUDGED_BY_PODS.get(situation.status.phase)
    facts, wait = situation.facts, situation.status.waiting_for
    workload: Workload | None = {_TARGET: facts.target, _PRIMARY: facts.primary}.get(whose or "")
    if workload is None or workload.ready():
        return None
    if wait is None or wait.reason not in _COMING_UP:
        # Ready enough to be judged, and still not whole: a pod of it has failed since.
        return situation.now
    return wait.since + PATIENCE
