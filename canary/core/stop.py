"""A stop: a person keeps Canaries from going on, with one write of a DeliveryPolicy.

It binds every run, also one that a person promotes and one that goes back to a known good revision:
what was said to stand still stands still. A rollback, a cancellation and a deletion are no steps.

A policy that cannot be read may be a stop. It withholds the same, and nothing is rolled back for it.
"""

from canary.api.deliverypolicy import StopMode
from canary.core import waits as why
from canary.core.ending import roll_back
from canary.core.facts import BindingPolicy
from canary.core.situation import Situation
from canary.core.wishes import Granted, Withheld


def ask_stop(situation: Situation) -> Granted | Withheld:
    """Withhold every step while a policy stops this Canary."""
    for policy in situation.facts.policies:
        if policy.spec.stop is not None:
            return Withheld(reason=why.STOPPED, message=_stops(policy))
    return Granted()


def ask_readable(situation: Situation) -> Granted | Withheld:
    """Withhold every step while a policy that may stop this Canary cannot be read."""
    for policy in situation.facts.policies:
        if policy.unreadable:
            return Withheld(reason=why.POLICY_UNREADABLE, message=policy.unreadable)
    return Granted()


def hold_initialisation(situation: Situation) -> Situation | None:
    """Hold the initialisation of a Canary; None where it goes on.

    Without a primary nothing is pinned, so that nothing is made; one that is there already stays.
    """
    for ask in (ask_stop, ask_readable):
        answer = ask(situation)
        if isinstance(answer, Withheld):
            new = situation.facts.primary is None
            held = situation.but(last_applied_spec="") if new else situation
            return held.wait(answer.reason, answer.message)
    return None


def end_for_stop(situation: Situation) -> Situation | None:
    """Roll a run that has begun back where a policy says so."""
    for policy in situation.facts.policies:
        stop = policy.spec.stop
        if stop is not None and stop.mode is StopMode.ROLL_BACK:
            return roll_back(situation, why.STOPPED, _stops(policy), at_once=True)
    return None


def _stops(policy: BindingPolicy) -> str:
    stop = policy.spec.stop
    by, reason = (f" by {stop.by}" if stop and stop.by else "", stop.reason if stop else "")
    return f"stopped{by} with DeliveryPolicy {policy.name}: {reason}"
