"""A route that does not give the canary its traffic yet: what has none is neither judged nor moved on."""

from canary.core import waits as why
from canary.core.ending import roll_back
from canary.core.shares import pods_awaited
from canary.core.situation import Situation, timed_out
from canary.core.traffic import Seen


def route_lags(situation: Situation) -> bool:
    """Tell whether the canary does not have the traffic yet that must be judged.

    A route that is gone is made again with the decision, unless something stands in the way: its
    user's rule may be gone with it.
    """
    routed, obstacle = situation.facts.routed, situation.facts.obstacle
    if routed is None:
        return bool(obstacle) and not Seen().carries(situation.intended)
    return not routed.carries(situation.intended)


def await_route(situation: Situation) -> Situation:
    """Wait until the route could be written, and give the run up where it never is."""
    weight, mirror = situation.status.canary_weight, situation.status.weights.mirror
    what = f"send {situation.share(weight)}" if weight else f"mirror {mirror} % of the requests"
    route = f"waiting for the route to {what} to the canary"
    message = pods_awaited(situation) or situation.untaken(route)
    message = situation.obstructed(message)
    held = situation.wait(why.ROUTING, message, situation.hold_timeout)
    return roll_back(held, why.ROUTING, timed_out(message)) if held.overdue else held
