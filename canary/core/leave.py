"""Leave: what a step of a run needs besides its own verdict.

A run wishes to start, to advance, or to promote, and asks for leave each time. Everything that may
withhold it is a row of `RULES`, and nothing else withholds a step. Rows are asked in their order:
the first that withholds is what people read, and no later one is asked.

A rollback, a cancellation and a deletion need no leave. Whether a canary, a route or a primary is
ready is no question of leave: see `run.py`, `look.py` and `promotion.py`.

Long because each reason is a row of one table, beside the way in which a run waits for it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from types import MappingProxyType

from canary.api.people import WebhookType
from canary.api.status import Phase, Severity, Stage
from canary.core import waits as why
from canary.core.asking import asked_again_at
from canary.core.budget import ask_budgets
from canary.core.dependency import ask_dependencies
from canary.core.ending import roll_back
from canary.core.fleet_wave import ask_wave
from canary.core.gates import ask_gate, shut
from canary.core.group import ask_group, show_passed
from canary.core.hooks import GATES
from canary.core.phases import IDLE
from canary.core.plan import Gate
from canary.core.queue import ask_queue
from canary.core.references import unjudgeable
from canary.core.situation import Situation, timed_out
from canary.core.stop import ask_readable, ask_stop
from canary.core.subsets import ask_label
from canary.core.windows import ask_windows
from canary.core.wishes import Granted, Leave, Wish, Withheld


class Stop(StrEnum):
    """What stands still while a rule withholds leave."""

    STEP = "step"
    """The step; the analysis goes on."""
    LOOKS = "looks"
    """Hooks and metrics are not asked either; pods that fail still end the run."""
    ALL = "all"
    """Everything, but for a deletion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveRule:
    """One reason to withhold leave."""

    wishes: frozenset[Wish]
    judge: Callable[[Wish, Situation], Leave]
    wait: Callable[[Situation, Withheld], Situation]
    """How the run waits, and what it says."""
    stops: Stop = Stop.STEP
    of_fleet: bool = False
    """Whether it lies outside of the run: it is asked before any hook is called, and a newer revision
    asks for it again."""


def leave(wish: Wish, situation: Situation) -> Leave:
    """Tell whether a run may do what it wishes, or ask what is missing to tell."""
    return _ask(wish, situation, RULES.values())


def leave_of_fleet(wish: Wish, situation: Situation) -> Leave:
    """Tell whether what lies outside of a run lets it do what it wishes."""
    return _ask(wish, situation, [rule for rule in RULES.values() if rule.of_fleet])


def _ask(wish: Wish, situation: Situation, rules: Iterable[LeaveRule]) -> Leave:
    for rule in rules:
        if wish in rule.wishes:
            answer = rule.judge(wish, situation)
            if not isinstance(answer, Granted):
                return answer
    return Granted()


def _whatever(judge: Callable[[Situation], Leave]) -> Callable[[Wish, Situation], Leave]:
    """Judge in the same way whatever is wished."""
    return lambda _, situation: judge(situation)


def withhold(situation: Situation, withheld: Withheld) -> Situation:
    """Wait for leave."""
    return RULES[withheld.reason].wait(situation, withheld)


def stopped(situation: Situation, stops: Stop) -> Withheld | None:
    """Tell what makes more than a step stand still; None where nothing does."""
    rules = (rule for rule in RULES.values() if rule.stops is stops)
    answers = (rule.judge(Wish.ADVANCE, situation) for rule in rules)
    return next((answer for answer in answers if isinstance(answer, Withheld)), None)


def lifted(situation: Situation, stage: Stage, since: datetime) -> Situation:
    """Go on after a stop: the time since then counts for no clock."""
    going_on = situation.stand_still(since)
    return going_on.go_on() if going_on.stage is stage else going_on


# --- suspend and pause ---


def _suspended(situation: Situation) -> Leave:
    if not situation.spec.suspend:
        return Granted()
    return Withheld(reason=why.SUSPENDED, message="waiting until spec.suspend is false")


def _suspend(situation: Situation, withheld: Withheld) -> Situation:
    held = _wait(situation, withheld)
    if situation.stage is Stage.SUSPENDED:
        return held
    return held.tell("Suspended", "The Canary is suspended; traffic stays as it is")


def unsuspended(situation: Situation) -> Situation:
    """Go on where the Canary is no longer suspended."""
    stage = situation.status.stage
    if stage is None or stage.name is not Stage.SUSPENDED:
        return situation
    return lifted(situation, stage.name, stage.since).tell("Resumed", "The Canary is resumed")


def _paused(situation: Situation) -> Leave:
    paused = situation.status.paused
    if paused is None:
        return Granted()
    by = f" {paused.by}" if paused.by else ""
    return Withheld(reason=why.PAUSED, message=f"the run is paused{by}; resume it to go on")


# --- references ---


def judgeable(situation: Situation) -> Granted | Withheld:
    """Withhold the start of a run that could not be judged.

    Without a primary the new revision is all that can serve.
    """
    reason = unjudgeable(situation)
    if not reason or situation.facts.primary is None:
        return Granted()
    return Withheld(
        reason=why.REFERENCE_BROKEN,
        message=f"no run is started while it could not be judged: {reason}",
        until=asked_again_at(situation, WebhookType.CONFIRM_ROLLOUT),
    )


def _hold_start(situation: Situation, withheld: Withheld) -> Situation:
    held = _wait(situation, withheld)
    if situation.status.phase is Phase.WAITING:
        held = held.hold(withheld.reason, withheld.message, situation.hold_timeout)
    if held.overdue:
        return roll_back(held, withheld.reason, timed_out(withheld.message))
    if situation.stage is Stage.HELD:
        return held
    reason = unjudgeable(situation)
    message = f"The new revision of {situation.target_name} is not started: {reason}"
    return held.tell("RunHeld", message, Severity.WARN, alert=True)


# --- waiting ---


def _wait(situation: Situation, withheld: Withheld) -> Situation:
    held, due = situation.wait(withheld.reason, withheld.message), _due(situation)
    if withheld.until is None or due > situation.now or situation.status.phase in IDLE:
        return held
    return held.look_again(withheld.until)


def stand_by(situation: Situation, withheld: Withheld) -> Situation:
    """Wait for a rule of the fleet. The gates are asked after it, so their clocks begin then.

    It is given up after `holdTimeout` where that is written, and otherwise after a long time.
    """
    return _stand_by(thawed(situation).end_holds(*GATES), withheld, _patience(situation))


def _stand_in_line(situation: Situation, withheld: Withheld) -> Situation:
    """Wait for a place; whatever keeps others from their end has a deadline of its own."""
    return _stand_by(thawed(situation).end_holds(*GATES), withheld, PATIENCE)


def _stand_for_wave(situation: Situation, withheld: Withheld) -> Situation:
    """Wait for a wave; what the clusters before it take is no time of this run."""
    return _stand_by(thawed(situation).end_holds(*GATES), withheld, WAVE_PATIENCE)


def _stand_by(situation: Situation, withheld: Withheld, limit: timedelta | None) -> Situation:
    waits_for_wave = withheld.reason == why.FLEET_WAVE
    noted = situation.note_hold(withheld.reason).with_run(
        queue=withheld.line, awaits_wave=waits_for_wave
    )
    held = _wait(noted, withheld)
    waiting = held.await_leave(withheld.reason, withheld.message, limit, opens_at=withheld.opens_at)
    if not waiting.overdue:
        return waiting
    return roll_back(waiting, withheld.reason, timed_out(withheld.message))


def _stand_still(situation: Situation, withheld: Withheld) -> Situation:
    """Wait for the end of a stop, which has no deadline; told once. No other clock goes on."""
    waiting = _stand_by(situation, withheld, None)
    return waiting if situation.held_by(why.STOPPED) else _told(waiting, withheld, Severity.INFO)


def _freeze(situation: Situation, withheld: Withheld) -> Situation:
    """Wait for a window; no other clock goes on, and it has an end where the calendar has none."""
    limit = _patience(situation) if withheld.opens_at is None else None
    return _stand_by(situation, withheld, limit)


def _patience(situation: Situation) -> timedelta:
    return situation.spec.analysis.hold_timeout or PATIENCE


def thawed(situation: Situation) -> Situation:
    """End a stop and a frost: what waited before has waited no longer for them."""
    for hold in situation.current_run.holds:
        if hold.reason in _STILL:
            situation = situation.stop_clocks(hold.since).end_holds(hold.reason)
    return situation


def _shut(situation: Situation, withheld: Withheld) -> Situation:
    """Wait at a gate, which a stop or a window may have kept from being asked."""
    return shut(thawed(situation), withheld)


def _stand_by_unread(situation: Situation, withheld: Withheld) -> Situation:
    """Wait for a policy to be readable; told once."""
    waiting = stand_by(situation, withheld)
    first = not situation.held_by(withheld.reason) and not waiting.overdue
    return _told(waiting, withheld, Severity.WARN) if first else waiting


def _stand_by_alerted(situation: Situation, withheld: Withheld) -> Situation:
    """Wait for what needs a person; told once, to those who get alerts as well."""
    waiting = stand_by(situation, withheld)
    if situation.held_by(withheld.reason) or waiting.overdue:
        return waiting
    return waiting.tell(withheld.reason, withheld.message, Severity.WARN, alert=True)


def _told(waiting: Situation, withheld: Withheld, severity: Severity) -> Situation:
    return waiting.tell(withheld.reason, withheld.message, severity)


def _stand_by_group(situation: Situation, withheld: Withheld) -> Situation:
    return show_passed(stand_by(situation, withheld))


def _due(situation: Situation) -> datetime:
    return situation.current_run.next_analysis_at or situation.now


_ALL = frozenset(Wish)
_STEPS = _ALL - {Wish.JOIN}

_STILL = frozenset({why.STOPPED, why.FROZEN})
"""What a run waits for while no clock goes on."""

PATIENCE = timedelta(days=7)
"""How long a run waits for a rule of the fleet, where `holdTimeout` is not written."""

WAVE_PATIENCE = timedelta(days=14)
"""How long a run waits for its wave, whatever `holdTimeout` says."""

RULES: Mapping[str, LeaveRule] = MappingProxyType(
    {
        why.SUSPENDED: LeaveRule(
            wishes=_ALL, judge=_whatever(_suspended), wait=_suspend, stops=Stop.ALL
        ),
        why.PAUSED: LeaveRule(wishes=_ALL, judge=_whatever(_paused), wait=_wait, stops=Stop.LOOKS),
        why.STOPPED: LeaveRule(
            wishes=_STEPS, judge=_whatever(ask_stop), wait=_stand_still, of_fleet=True
        ),
        why.POLICY_UNREADABLE: LeaveRule(
            wishes=_STEPS, judge=_whatever(ask_readable), wait=_stand_by_unread, of_fleet=True
        ),
        why.FROZEN: LeaveRule(wishes=_STEPS, judge=ask_windows, wait=_freeze, of_fleet=True),
        why.LABEL_MISSING: LeaveRule(
            wishes=frozenset({Wish.START}),
            judge=_whatever(ask_label),
            wait=_stand_by_alerted,
            of_fleet=True,
        ),
        why.DEPENDENCY: LeaveRule(
            wishes=frozenset({Wish.START}),
            judge=_whatever(ask_dependencies),
            wait=stand_by,
            of_fleet=True,
        ),
        why.FLEET_WAVE: LeaveRule(
            wishes=frozenset({Wish.START}),
            judge=_whatever(ask_wave),
            wait=_stand_for_wave,
            of_fleet=True,
        ),
        why.BUDGET_SPENT: LeaveRule(
            wishes=frozenset({Wish.START}),
            judge=_whatever(ask_budgets),
            wait=_stand_by_alerted,
            of_fleet=True,
        ),
        why.QUEUED: LeaveRule(
            wishes=frozenset({Wish.START}),
            judge=_whatever(ask_queue),
            wait=_stand_in_line,
            of_fleet=True,
        ),
        why.ROLLOUT_GATE: LeaveRule(
            wishes=frozenset({Wish.START}),
            judge=_whatever(partial(ask_gate, why.ROLLOUT_GATE)),
            wait=_shut,
        ),
        why.TRAFFIC_GATE: LeaveRule(
            wishes=frozenset({Wish.ADVANCE}),
            judge=_whatever(partial(ask_gate, why.TRAFFIC_GATE, asked_at=Gate.TRAFFIC)),
            wait=_shut,
        ),
        why.PROMOTION_GATE: LeaveRule(
            wishes=frozenset({Wish.PROMOTE}),
            judge=_whatever(partial(ask_gate, why.PROMOTION_GATE, asked_at=Gate.PROMOTION)),
            wait=_shut,
        ),
        why.REFERENCE_BROKEN: LeaveRule(
            wishes=frozenset({Wish.START}), judge=_whatever(judgeable), wait=_hold_start
        ),
        why.GROUP: LeaveRule(
            wishes=frozenset({Wish.JOIN}),
            judge=_whatever(ask_group),
            wait=_stand_by_group,
            of_fleet=True,
        ),
    }
)
"""What may withhold leave, by what the run then waits for, in the order in which it is asked."""

FLEET = tuple(reason for reason, rule in RULES.items() if rule.of_fleet)
"""What a run waits for at a rule of the fleet."""
