"""A spec that has become invalid: told, and no run is frozen by it.

A run goes on by the last spec that was sound. Where that one is no longer known, because the
controller was restarted since, the run can no longer be judged: it is given the progress deadline,
and rolled back.
"""

from canary.api.status import Phase, Severity
from canary.core import waits as why
from canary.core.conditions import INVALID, problems_known, problems_told
from canary.core.ending import roll_back
from canary.core.situation import Situation, timed_out

_JUDGED = frozenset({Phase.WAITING, Phase.PROGRESSING, Phase.WAITING_PROMOTION})
"""The phases in which a run needs its spec to go on; later ones only carry out what was decided."""


def tell_invalid(situation: Situation) -> Situation:
    """Tell once what is wrong with a spec beside which an older one is acted on."""
    if not situation.facts.problems:
        return situation
    message = problems_told(situation.facts)
    if problems_known(situation.status, message):
        return situation
    return situation.tell(INVALID, message, Severity.ERROR, alert=True)


def without_spec(situation: Situation) -> Situation | None:
    """Give a run that cannot be judged its deadline, then roll it back; None for any other."""
    if not situation.facts.unguided or situation.status.phase not in _JUDGED:
        return None
    message = "waiting for a valid spec: the one that the run began with is no longer known"
    held = situation.hold(why.SPEC_INVALID, message, situation.hold_timeout)
    if not held.overdue:
        return held
    return roll_back(held, INVALID, timed_out(message))
