"""Windows: when the policies that bind a Canary let a run start, advance or be promoted.

A run that would not come to its end before what it needs is closed does not start. Where no time is
long enough for it, it starts all the same, and goes on in the next one.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import blake2b

from canary.api.deliverypolicy import Covered, PolicyWindow
from canary.core import waits as why
from canary.core.calendar import frost, gaps, opens_at, spans
from canary.core.facts import BindingPolicy
from canary.core.situation import Situation
from canary.core.wishes import Granted, Wish, Withheld

_COVERED = {
    Wish.START: Covered.START,
    Wish.ADVANCE: Covered.ADVANCE,
    Wish.PROMOTE: Covered.PROMOTE,
}
_RUNWAY = timedelta(days=35)
"""How far is looked for a time that is long enough for a run."""
_FRACTIONS = 2**64


def ask_windows(wish: Wish, situation: Situation) -> Granted | Withheld:
    """Withhold a step while a window is closed that covers it.

    A way back waits for no window, and neither does a run that a person expedites.
    """
    if situation.current_run.known_good or situation.current_run.expedited:
        return Granted()
    for policy in situation.facts.policies:
        if withheld := next(_answers(wish, situation, policy), None):
            return withheld
    return Granted()


def _answers(wish: Wish, situation: Situation, policy: BindingPolicy) -> Iterator[Withheld]:
    """Give what withholds a step by the windows of one policy, the plainest reason first."""
    covering = [each for each in policy.spec.windows if _COVERED[wish] in each.covers]
    if closed := _closed(covering, policy, situation.now):
        yield closed
    if wish is Wish.START:
        yield from _late(situation, policy)
        yield from _crowded(situation, policy, covering)


def _closed(windows: list[PolicyWindow], policy: BindingPolicy, now: datetime) -> Withheld | None:
    opens = opens_at(windows, policy.zone, now)
    if opens == now:
        return None
    frozen = frost(windows, policy.zone, now)
    return _frozen(policy, f"{frozen} of DeliveryPolicy {policy.name}", opens)


def _late(situation: Situation, policy: BindingPolicy) -> Iterator[Withheld]:
    """Withhold the start of a run that would come upon a closed window before its end."""
    windows = [each for each in policy.spec.windows if {*each.covers} - {Covered.START}]
    takes, now = _takes(situation), situation.now
    if not windows or not takes or not spans(windows, policy.zone, now, now + takes):
        return
    until = now + _RUNWAY
    closed = spans(windows, policy.zone, now, until)
    free = next((each for each in gaps(closed, now, until) if each.end - each.start >= takes), None)
    if free is not None and free.start > now:
        minutes = -(-takes // timedelta(minutes=1))
        message = (
            f"the run takes {minutes} min or more, and DeliveryPolicy {policy.name} closes before "
            "it would end"
        )
        yield _frozen(policy, message, free.start)


def _takes(situation: Situation) -> timedelta:
    """Give the shortest time that a run can take."""
    interval, settling = situation.spec.analysis.interval, situation.facts.settling
    if situation.skips_steps:
        return settling
    # Proxies learn of the pods, and then of each step before its first analysis.
    first = max(interval, settling)
    analysed = ((each.lasts, first + (each.passes - 1) * interval) for each in situation.plan.steps)
    return sum(map(max, analysed), settling)


def _crowded(
    situation: Situation, policy: BindingPolicy, windows: list[PolicyWindow]
) -> Iterator[Withheld]:
    """Withhold the start of a run that has waited for an opening until its turn has come."""
    spread, now = policy.spec.spread, situation.now
    if spread is None or not windows:
        return
    closed = spans(windows, policy.zone, now - spread, now)
    opened = closed[-1].end if closed else None
    if opened is None or situation.current_run.started_at >= opened:
        return
    turn = opened + spread * _fraction(situation.facts.uid)
    if now < turn:
        message = (
            f"waiting for its turn: DeliveryPolicy {policy.name} spreads starts after an opening"
        )
        yield Withheld(reason=why.FROZEN, message=message, opens_at=turn)


def _fraction(uid: str) -> float:
    """Give each Canary a place of its own between 0 and 1, always the same."""
    return int.from_bytes(blake2b(uid.encode(), digest_size=8).digest(), "big") / _FRACTIONS


def _frozen(policy: BindingPolicy, message: str, opens: datetime | None) -> Withheld:
    if opens is None:
        return Withheld(
            reason=why.FROZEN, message=f"{message}, which opens at no time that is known"
        )
    local = opens.astimezone(policy.zone)
    message = f"{message} until {local:%a %Y-%m-%d %H:%M} {policy.spec.time_zone}"
    return Withheld(reason=why.FROZEN, message=message, opens_at=opens)
