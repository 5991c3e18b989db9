"""Routes that cannot be turned: their cluster is away, or they carry another owner's mark.

Where traffic goes is not known then, or not ours to say. So nothing is decided: what was intended
stays in the status, no weight moves, and no pod is started or stopped, on either side. No clock of
the run goes on meanwhile. A command, a failed pod, a deletion count when the routes are there again.
"""

from canary.api.status import Severity, Stage
from canary.core import waits as why
from canary.core.leave import lifted
from canary.core.phases import IDLE
from canary.core.situation import Situation, timed_out


def unroutable(situation: Situation) -> bool:
    """Tell whether the routes cannot be turned."""
    return bool(situation.facts.routes_away or situation.facts.contested)


def without_routes(situation: Situation) -> Situation | None:
    """Stand still while the routes cannot be turned; None where they can."""
    facts = situation.facts
    if not (facts.routes_away or facts.contested):
        return None
    if _rests(situation):
        return situation
    if facts.contested:
        return _contested(situation)
    return _away(situation)


def routable_again(situation: Situation) -> Situation:
    """Go on where the routes can be turned again."""
    stage = situation.status.stage
    if stage is None or stage.name is not Stage.UNROUTABLE:
        return situation
    return lifted(situation, stage.name, stage.since)


def _rests(situation: Situation) -> bool:
    """Tell whether there is nothing to turn: it is not worth a write, of a thousand Canaries."""
    status, facts = situation.status, situation.facts
    if status.phase not in IDLE or facts.deleting or situation.stage is Stage.UNROUTABLE:
        return False
    changed = facts.revision is not None and facts.revision.id != status.last_applied_spec
    turned = facts.routed is None or facts.routed.does(situation.intended)
    return turned and not changed and not facts.contested


def _contested(situation: Situation) -> Situation:
    told = situation.stage is Stage.UNROUTABLE
    held = situation.wait(why.ROUTE_CONTESTED, situation.facts.contested)
    if told:
        return held
    return held.tell(why.ROUTE_CONTESTED, situation.facts.contested, Severity.ERROR, alert=True)


def _away(situation: Situation) -> Situation:
    """Wait for the cluster of the routes, and call for help, once, where it takes too long."""
    message = f"waiting for the cluster of the routes: {situation.facts.routes_away}"
    held = situation.at(Stage.UNROUTABLE)
    record = held.status.stage
    assert record is not None
    if record.help_at is not None:
        return held.say(why.ROUTING_BLOCKED, message)
    if situation.now < record.since + situation.progress_deadline:
        return held.say(why.ROUTING, message)
    called = held.tell(why.ROUTING_BLOCKED, timed_out(message), Severity.ERROR, alert=True)
    return called.but(stage=record.but(help_at=situation.now)).say(why.ROUTING_BLOCKED, message)
