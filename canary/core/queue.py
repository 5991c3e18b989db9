"""The queue: a run starts when every policy that limits how many run at once has granted it a place.

The policies are asked from the last one to the first, always in the same order: a team's own limit
comes before that of the whole cluster, so no team has places of the cluster that it cannot use.
"""

from canary.core import waits as why
from canary.core.facts import BindingPolicy
from canary.core.situation import Situation
from canary.core.wishes import Granted, Withheld

_NAMED = 3
"""How many of the Canaries that have the places are named."""


def ask_queue(situation: Situation) -> Granted | Withheld:
    """Withhold the start of a run that has no place yet.

    A way back waits in no line, and neither does a run that a person expedites.
    """
    if situation.current_run.known_good or situation.current_run.expedited:
        return Granted()
    uid, run = situation.facts.uid, situation.status.runs
    for policy in reversed(situation.facts.policies):
        if policy.spec.max_concurrent is not None and not policy.status.grants(uid, run):
            return Withheld(reason=why.QUEUED, message=_message(policy), line=policy.name)
    return Granted()


def _message(policy: BindingPolicy) -> str:
    limit = policy.spec.max_concurrent
    runs = "1 run" if limit == 1 else f"{limit} runs"
    message = f"waiting for a place: DeliveryPolicy {policy.name} allows {runs} at once"
    if policy.stuck:
        return f"{message}, but its status cannot be written: {policy.stuck}"
    if policy.before is None:
        return message
    if policy.before:
        return f"{message}; next after {policy.before}"
    names = policy.under_way
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    under_way = f"; under way: {', '.join(names[:_NAMED])}{more}" if names else ""
    return f"{message}; next in line{under_way}"
