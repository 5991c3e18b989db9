"""Traffic that leaves the canary late: its pods have the same time from then on.

A run may end while its route cannot be written. Clients stay with the canary until it can, which may
be long after the drain that began with the decision.
"""

from canary.api.status import Phase
from canary.core.phases import IDLE
from canary.core.situation import Situation


def drain_anew(situation: Situation) -> Situation:
    """Begin the drain again while traffic that was taken from the canary still reaches it.

    Once a drain, so that a route that cannot be written costs no more writes of the status.
    """
    status, facts = situation.status, situation.facts
    ended = status.phase in IDLE | {Phase.WAITING} and not status.canary_weight
    pods = facts.target is not None and facts.target.replicas > 0
    began = status.step_started_at
    over = began is None or situation.now >= began + situation.drain_time
    if not (ended and pods and over and situation.drain_time):
        return situation
    routes = (facts.routed, *(former.routed for former in facts.former))
    if any(seen is not None and seen.exposes_canary() for seen in routes):
        return situation.but(step_started_at=situation.now)
    return situation
