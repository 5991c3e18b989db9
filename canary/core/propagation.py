"""Proxies learn of pods as they learn of routes, and some of them late.

Rule: a side whose pods have come up in a run gets no traffic that it did not have before its proxies
have had their time to learn of these pods, from the decision on that finds all of them ready.
Rule 2: a primary that has lost all of its pods and comes back gets none of its traffic before that
either. A run goes on meanwhile, so that it notes since when; at rest the stage tells.
Rule 3: a rollback, and a canary that cannot serve, wait for no proxy.
"""

from datetime import datetime

from canary.api.status import Stage
from canary.core import waits as why
from canary.core.situation import STEPPING, Situation

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


def returning(situation: Situation) -> bool:
    """Tell whether proxies know a primary that can have back what the canary carries for it.

    One that has some of the traffic is known to them.
    """
    if not situation.facts.settling or not situation.carries_all:
        return True
    if situation.status.phase not in STEPPING:
        return situation.stage is Stage.PROPAGATING and situation.overdue
    knows_at = primary_known_at(situation)
    return knows_at is not None and situation.now >= knows_at


def await_primary(situation: Situation) -> Situation:
    """Wait at rest until proxies know a primary that has come back."""
    message = f"waiting for proxies to learn of the pods of {situation.spec.primary_name}"
    return situation.wait(why.PROPAGATING, message, situation.facts.settling)


def note_returning(situation: Situation, *, comes_back: bool) -> Situation:
    """Note in a run since when the primary can have its traffic back, from its last loss on."""
    if comes_back and situation.status.phase in STEPPING:
        return situation.note_hold(why.PROPAGATING)
    return situation.end_holds(why.PROPAGATING) if situation.held_by(why.PROPAGATING) else situation


def primary_known_at(situation: Situation) -> datetime | None:
    """Tell when proxies know a primary that has come back in a run; None where none is waited for."""
    run = situation.status.run
    holds = run.holds if run else ()
    since = next((hold.since for hold in holds if hold.reason == why.PROPAGATING), None)
    return None if since is None else since + situation.facts.settling
