"""What a baseline takes: to be made as large as the canary, to go, and to be led to by nothing left."""

from collections.abc import Iterator

from canary.core.actions import (
    Action,
    EnsureBaseline,
    HoldFinalizer,
    LeaveBehind,
    RemoveBaseline,
    RouteTraffic,
)
from canary.core.baseline import baseline_mark, baseline_may_go, baseline_stands
from canary.core.scale import canary_size
from canary.core.situation import Situation


def settle_baseline(situation: Situation) -> Iterator[Action]:
    """Have a baseline as large as the canary, or none."""
    if baseline_stands(situation):
        target = situation.facts.target
        replicas = max(canary_size(situation) or 0, target.replicas if target else 0)
        yield EnsureBaseline(revision=baseline_mark(situation), replicas=replicas)
    elif baseline_may_go(situation):
        yield RemoveBaseline()


def leave_behind(situation: Situation, *, released: bool) -> Iterator[Action]:
    """Leave all that serves; a baseline goes with its Canary, so no request may be led to it."""
    routed = situation.facts.routed
    if released:
        yield HoldFinalizer(present=False)
        return
    if routed is not None and routed.baseline:
        yield RouteTraffic(traffic=situation.intended)
    yield LeaveBehind()
