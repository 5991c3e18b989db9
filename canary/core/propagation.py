"""Proxies learn of pods as they learn of routes, and some of them late.

Rule: a side whose pods have come up in a run gets no traffic that it did not have before its proxies
have had their time to learn of these pods, from the decision on that finds all of them ready.
"""

from canary.api.status import Stage
from canary.core import waits as why
from canary.core.situation import Situation

_COMING_UP = frozenset({Stage.FILLING, Stage.UPDATING})
"""The stages in which the pods of a side come up."""


def known(situation: Situation) -> bool:
    """Tell whether no proxy is waited for that has yet to learn of pods."""
    if not situation.facts.settling or situation.stage not in _COMING_UP | {Stage.PROPAGATING}:
        return True
    return situation.stage is Stage.PROPAGATING and situation.overdue


def learning(situation: Situation, whose: str) -> Situation | None:
    """Wait until proxies know of pods that are ready; None where they do.

    `whose` says which pods.
    """
    if known(situation):
        return None
    message = f"waiting for proxies to learn of {whose}"
    return situation.wait(why.PROPAGATING, message, situation.facts.settling)
