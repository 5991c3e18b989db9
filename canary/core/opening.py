"""Openings: whether a DeliveryPolicy lets runs start now, why not, and when that changes next.

It is what the policy says of every Canary alike: by its stop, and by its windows that cover a start.
What hangs on the run is said in the status of its Canary: its budget, its place in line, the time that
it needs before a window closes, and its turn after an opening.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from canary.api.deliverypolicy import Covered, PolicyStop
from canary.api.policy_status import DeliveryPolicyStatus
from canary.core.calendar import HORIZON, closes_at, frost, opens_at
from canary.core.facts import BindingPolicy
from canary.core.grants import Claim, Line, decide_grants


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """Whether runs may start by a policy."""

    open: bool = True
    reason: str = ""
    next_change: datetime | None = None
    look_at: datetime | None = None
    """Until when nothing changes by itself; None where nothing ever does."""


def opening(policy: BindingPolicy, now: datetime) -> Opening:
    """Tell whether a policy lets runs start now."""
    if policy.spec.stop is not None:
        return Opening(open=False, reason=_stopped(policy.spec.stop))
    windows = [each for each in policy.spec.windows if Covered.START in each.covers]
    if not windows:
        return Opening()
    opens = opens_at(windows, policy.zone, now)
    is_open = opens == now
    changes = closes_at(windows, policy.zone, now) if is_open else opens
    return Opening(
        open=is_open,
        reason="" if is_open else frost(windows, policy.zone, now),
        next_change=changes,
        look_at=changes or now + HORIZON,
    )


def decide_policy(
    policy: BindingPolicy, claims: Iterable[Claim], now: datetime
) -> tuple[Line, Opening]:
    """Decide the status of a policy: whether runs may start by it, and which have a place."""
    line = decide_grants(policy.name, policy.spec.max_concurrent, policy.status, claims)
    said = opening(policy, now)
    status = DeliveryPolicyStatus(
        open=said.open,
        reason=said.reason,
        next_change=said.next_change,
        running=line.status.running,
        granted=line.status.granted,
        queued=line.status.queued,
    )
    return replace(line, status=status), said


def _stopped(stop: PolicyStop) -> str:
    """Say who has stopped, and why."""
    by = f" by {stop.by}" if stop.by else ""
    return f"stopped{by}: {stop.reason}"
