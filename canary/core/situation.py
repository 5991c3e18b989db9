"""The situation a decision is made in, and the verbs that build the decision.

A situation is frozen: every verb returns another one. What a run does lives in `run.py` and
`decide.py`; which words people read lives in `conditions.py`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

from canary.api.canary import CanarySpec
from canary.api.status import (
    CanaryStatus,
    CommandRecord,
    Notice,
    Outcome,
    Phase,
    Run,
    RunRecord,
    Severity,
    Wait,
    Weights,
)
from canary.core.actions import Action
from canary.core.facts import Facts
from canary.core.phases import legal
from canary.core.weights import Split, step_number, step_plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was decided: what to remember, what to make true, when to look again."""

    status: CanaryStatus
    actions: tuple[Action, ...] = ()
    wake_at: datetime | None = None
    """When time alone may change the decision; None while only a new fact can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Spec, status and facts at a moment, with the status as decided so far."""

    spec: CanarySpec
    status: CanaryStatus
    facts: Facts
    now: datetime

    def but(self, **changes: object) -> Self:
        """Change the status."""
        return replace(self, status=self.status.but(**changes))

    def enter(self, phase: Phase) -> Self:
        """Change the phase, and end what was waited for in the old one."""
        if not legal(self.status.phase, phase):
            message = f"{self.status.phase or 'New'} cannot be followed by {phase}"
            raise AssertionError(message)
        if phase is self.status.phase:
            return self
        return self.but(phase=phase, last_transition_time=self.now, waiting_for=None)

    def split(self, split: Split) -> Self:
        """Intend a split of traffic."""
        plan = step_plan(self.spec.analysis)
        moved = split.canary != self.status.canary_weight
        return self.but(
            canary_weight=split.canary,
            weights=Weights(primary=split.primary, canary=split.canary),
            step=step_number(plan, split.canary),
            steps=len(plan),
            step_started_at=self.now if moved else self.status.step_started_at,
        )

    def wait(self, reason: str, message: str, limit: timedelta | None = None) -> Self:
        """Wait for something; the clock of a wait goes on while its reason stays."""
        before = self.status.waiting_for
        since = before.since if before and before.reason == reason else self.now
        return self.but(
            waiting_for=Wait(
                reason=reason,
                message=message,
                since=since,
                deadline=since + limit if limit is not None else None,
            )
        )

    def waits_for(self, reason: str) -> bool:
        """Tell whether this is what was waited for before this decision."""
        return self.status.waiting_for is not None and self.status.waiting_for.reason == reason

    @property
    def overdue(self) -> bool:
        """Whether the wait has passed its deadline."""
        wait = self.status.waiting_for
        return wait is not None and wait.deadline is not None and self.now >= wait.deadline

    @property
    def progress_deadline(self) -> timedelta:
        """How long anything but a gate may take."""
        return timedelta(seconds=self.spec.progress_deadline_seconds)

    @property
    def drained(self) -> bool:
        """Whether what was in flight when traffic last moved has had its time to end."""
        until = self.drained_at
        return until is None or self.now >= until

    @property
    def drained_at(self) -> datetime | None:
        """When what was in flight when traffic last moved has had its time to end."""
        moved = (self.status.last_transition_time, self.status.step_started_at)
        since = max((moment for moment in moved if moment is not None), default=None)
        return None if since is None else since + self.facts.policy.drain

    def tell(
        self,
        reason: str,
        message: str,
        severity: Severity = Severity.INFO,
        *,
        alert: bool = False,
        hook: str = "",
    ) -> Self:
        """Leave a notice to be delivered after the decision."""
        told = notice(
            self.status, reason, message, severity, self.now, alert=alert, hook=hook
        )
        return self.but(notices=(*self.status.notices, told))

    def run(self, **changes: object) -> Self:
        """Change the record of the run under way."""
        return self.but(run=self.current_run.but(**changes))

    @property
    def current_run(self) -> Run:
        """The record of the run under way; a fresh one where a status has lost it."""
        revision = self.status.last_applied_spec
        return self.status.run or Run(
            id=f"{self.status.runs}-{revision}", revision=revision, started_at=self.now
        )

    def close_run(self, outcome: Outcome, reason: str, message: str) -> Self:
        """Move the run under way into the history."""
        run = self.status.run
        started = run.started_at if run else self.now
        record = RunRecord(
            revision=self.status.last_applied_spec,
            outcome=outcome,
            reason=reason,
            message=message,
            started_at=started,
            duration_seconds=max(int((self.now - started).total_seconds()), 0),
        )
        kept = (record, *self.status.history)[: self.facts.policy.history]
        return self.but(run=None, paused=None, history=kept)

    def record(self, verb: str, value: str, *, accepted: bool) -> Self:
        """Record a command as done."""
        done = CommandRecord(verb=verb, value=value, at=self.now, accepted=accepted)
        return self.but(commands=(done, *self.status.commands)[: self.facts.policy.history])


def notice(
    status: CanaryStatus,
    reason: str,
    message: str,
    severity: Severity,
    now: datetime,
    *,
    alert: bool = False,
    hook: str = "",
) -> Notice:
    """Make a notice of something that happens now."""
    same_moment = sum(1 for each in status.notices if each.at == now)
    return Notice(
        id=f"{int(now.timestamp() * 1_000_000):x}-{same_moment}",
        reason=reason,
        message=message,
        severity=severity,
        alert=alert,
        at=now,
        phase=status.phase,
        weight=status.canary_weight,
        step=status.step,
        revision=status.last_applied_spec,
        hook=hook,
    )


def earliest(moments: Iterable[datetime | None]) -> datetime | None:
    """Pick the earliest of the moments that are set."""
    return min((moment for moment in moments if moment is not None), default=None)
