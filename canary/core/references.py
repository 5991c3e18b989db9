"""References: what a Canary refers to and cannot be used is reported, and withholds the start of a run.

It is checked while the Canary is idle, so that no release is the first to find it. A run that is
under way goes on: there a metric that cannot be asked gives no verdict.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from canary.api.analysis_spec import VerifyTraffic
from canary.api.metrics import MetricPolicy, MetricSpec
from canary.api.people import Webhook
from canary.api.status import CanaryStatus, Severity, clip
from canary.core import waits as why
from canary.core.facts import BrokenReference
from canary.core.hooks import RULES, Role
from canary.core.situation import Situation

REFERENCES_RESOLVED = "ReferencesResolved"
BROKEN = why.REFERENCE_BROKEN
SENTENCE_BYTES = 320
"""The longest sentence on one reference, so that several fit into a condition."""

FIRST_AGAIN = timedelta(seconds=5)
LAST_AGAIN = timedelta(seconds=60)
"""How long it takes until a broken reference is checked again, at first and later. No event tells
of a Secret."""


def tell_references(situation: Situation) -> Situation:
    """Report once that a reference is broken, and once that none is."""
    found = situation.facts.references
    if found is None or found_broken(situation.status) == bool(found):
        return situation
    if found:
        return situation.tell(BROKEN, told(found), Severity.WARN)
    return situation.tell(REFERENCES_RESOLVED, "All that the Canary refers to can be used again")


def found_broken(status: CanaryStatus) -> bool:
    """Tell whether a reference was broken when they were last looked at."""
    known = status.condition(REFERENCES_RESOLVED)
    return known is not None and known.status == "False"


def told(broken: Iterable[BrokenReference]) -> str:
    """Say of each reference what is wrong with it and what to do."""
    return "; ".join(clip(str(each.problem), SENTENCE_BYTES) for each in broken)


def unjudgeable(situation: Situation) -> str:
    """Say why a run could not be judged; empty where it could."""
    holding = [each for each in situation.facts.references or () if _holds(situation, each)]
    return told(holding)


def references_at(situation: Situation) -> datetime | None:
    """Tell when broken references are checked again: later, the longer they have been broken."""
    known = situation.status.condition(REFERENCES_RESOLVED)
    if known is None or known.status != "False":
        return None
    since = known.last_transition_time or situation.now
    return situation.now + min(max(situation.now - since, FIRST_AGAIN), LAST_AGAIN)


def _holds(situation: Situation, broken: BrokenReference) -> bool:
    """Tell whether a run can't be judged without it: alerts are sent, and asked nothing."""
    match broken.referrer:
        case MetricSpec(on_error=policy, shadow=shadow):
            acted_on = policy is not MetricPolicy.PASS and not shadow
            return acted_on and not situation.skips_steps
        case VerifyTraffic():
            return not situation.skips_steps
        case Webhook(type=type_):
            return RULES[type_].role is not Role.LISTENER
        case _:
            return False
