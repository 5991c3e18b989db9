"""The situation a decision is made in, and the verbs that build the decision.

A situation is frozen: every verb returns another one. What a run does lives in the modules of its
phases; which words people read lives in `conditions.py` and `waits.py`.
Long because the verbs are methods of one frozen value, and each is a few lines.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

from canary.api.canary import CanarySpec
from canary.api.status import (
    OF_CLUSTER,
    CanaryStatus,
    CommandRecord,
    Hold,
    Outcome,
    Phase,
    Run,
    RunRecord,
    Severity,
    Stage,
    StageRecord,
    run_id,
)
from canary.core.actions import Action
from canary.core.facts import Facts
from canary.core.images import images_told, named
from canary.core.limits import undecided_later
from canary.core.needs import Need
from canary.core.notices import notice, with_notice
from canary.core.phases import IDLE, STAGES, TIMED, legal
from canary.core.plan import Plan, Step, plan
from canary.core.signature import Signature
from canary.core.spending import budgets_spent
from canary.core.telling import said
from canary.core.traffic import Traffic, intended, some_take_part
from canary.core.waits import DRAINING, stage_of
from canary.core.weights import FULL

STEPPING = frozenset({Phase.WAITING, Phase.PROGRESSING, Phase.WAITING_PROMOTION})
"""Phases of a run in which the canary's weight is that of a step, which is come back to."""

_WITHOUT_STEP = IDLE | {Phase.NEW, Phase.INITIALIZING, Phase.FINALISING}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was decided: what to remember, what to make true, when to look again."""

    status: CanaryStatus
    actions: tuple[Action, ...] = ()
    wake_at: datetime | None = None
    """When time alone may change the decision; None while only a new fact can."""
    settled: bool = False
    """Whether its own writes leave nothing to decide: nothing but time and others can."""
    pods_matter: bool = False
    """Whether the pods of the workloads must be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is missing to decide, and what must be true until it is there."""

    need: Need[object]
    meanwhile: tuple[Action, ...] = ()
    """What the status asks for as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Spec, status and facts at a moment, with the status as decided so far."""

    spec: CanarySpec
    status: CanaryStatus
    facts: Facts
    now: datetime
    plan: Plan
    """The steps of a run, as the spec asks for them."""

    @classmethod
    def of(cls, spec: CanarySpec, status: CanaryStatus, facts: Facts, now: datetime) -> Self:
        """Make the situation to begin a decision in."""
        return cls(spec=spec, status=status, facts=facts, now=now, plan=plan(spec.analysis))

    def but(self, **changes: object) -> Self:
        """Change the status."""
        status = self.status.but(**changes)
        return self if status is self.status else replace(self, status=status)

    def enter(self, phase: Phase) -> Self:
        """Change the phase, and end what was waited for in the old one."""
        if not legal(self.status.phase, phase):
            message = f"{self.status.phase or 'New'} cannot be followed by {phase}"
            raise AssertionError(message)
        if phase is self.status.phase:
            return self
        return self.but(phase=phase, stage=None, last_transition_time=self.now, waiting_for=None)

    # --- traffic ---

    @property
    def intended(self) -> Traffic:
        """The traffic that the status intends."""
        return intended(self.spec, self.status)

    @property
    def step(self) -> Step | None:
        """The step that the run is at; None before the first one, and outside of a run."""
        run = self.status.run
        if run is None or self.status.phase in _WITHOUT_STEP:
            return None
        return self.plan.step(run.step)

    @property
    def next_number(self) -> int:
        """The number of the step that the run goes on with; after the last it is the promotion."""
        run = self.current_run
        return run.step + 1 if run.next_step is None else run.next_step

    @property
    def next_step(self) -> Step | None:
        """The step that the run goes on with; None where it is promoted."""
        return self.plan.step(self.next_number)

    @property
    def steps_ended(self) -> tuple[Step, ...]:
        """The steps that end when the run goes on: its own, and those that it skips; none on a way back."""
        return self.plan.steps[max(self.current_run.step - 1, 0) : self.next_number - 1]

    @property
    def steps_begun(self) -> tuple[Step, ...]:
        """The steps that begin when the run goes on, with those that it skips.

        A way back begins one where the canary gets more traffic than it has.
        """
        run, following = self.current_run, self.next_step
        if self.next_number > run.step or following is None:
            return self.plan.steps[run.step : self.next_number]
        more = following.exceeds(self.step_weight, matched=run.matched)
        return (following,) if more else ()

    @property
    def skips_steps(self) -> bool:
        """Whether the new revision is promoted as soon as it is ready."""
        run = self.status.run
        known = run is not None and run.known_good
        return self.spec.skip_analysis or known or self.serves_already

    @property
    def serves_already(self) -> bool:
        """Whether every pod of a target that has the primary runs the revision of the run already."""
        primary, run = self.facts.primary, self.status.run
        if primary is None or run is None or primary.moving:
            return False
        within = self.facts.kept or self.facts.ordinals is not None
        return within and primary.revision == self.status.last_applied_spec != ""

    def step_to(self, weight: int) -> Self:
        """Intend a weight of all traffic for the canary, and come back to no other."""
        return self.carry(weight, step=weight)

    def take_step(self, number: int) -> Self:
        """Intend the traffic of a step of the plan, by its number.

        Traffic that the canary has for want of the primary stays on it until the primary is ready.
        """
        step, kept, above = self.plan.steps[number - 1], self.status.canary_weight, self.above_step
        taken = self.with_run(
            plan=self.plan.digest,
            plan_so_far=self.plan.digest_to(number),
            step=number,
            step_since=self.now,
            lasts_since=None,
            analysed_since=self.current_run.analysed_since or self.now,
            matched=step.matched,
            requests=step.requests,
            passes=0,
            next_step=None,
        )
        if not above:
            return taken.resume(step.weight)
        return taken.carry(kept if step.matched else max(step.weight, kept), step=step.weight)

    def resume(self, weight: int) -> Self:
        """Intend a weight as the step has it: among its requests, with its copies."""
        step = self.step or Step()
        return self._intend(weight, weight, mirror=step.mirror, matched=step.matched)

    def carry(self, weight: int, *, step: int | None = None) -> Self:
        """Intend a weight of the traffic that is split now, which need not be that of the step."""
        at_step = self._at_step(weight) if step is None else step
        return self._intend(weight, at_step, mirror=0, matched=self.status.weights.matched)

    def carry_all(self, *, step: int | None = None) -> Self:
        """Intend all traffic for the canary, also the requests that do not match."""
        at_step = self._at_step(FULL) if step is None else step
        return self._intend(FULL, at_step, mirror=0, matched=False)

    def keep_traffic(self) -> Self:
        """Intend the traffic that is intended already, wherever a status says something else of it."""
        status, weight = self.status, self.status.canary_weight
        mirror = status.weights.mirror if self.step else 0
        matched = some_take_part(self.spec, status)
        return self._intend(weight, self._at_step(weight), mirror=mirror, matched=matched)

    def _at_step(self, weight: int) -> int:
        """Give the weight to come back to where another one is carried."""
        return weight if self.status.phase is Phase.PROMOTING else self.step_weight

    def _intend(self, weight: int, at_step: int, *, mirror: int, matched: bool) -> Self:
        before, plan = self.status.weights, self.plan
        weights = before.but(
            primary=FULL - weight, canary=weight, mirror=mirror, matched=matched and weight > 0
        )
        moved = weights != before or weight != self.status.canary_weight
        if self.facts.policy.one_of_several or weights.scope:
            # That it is said, or is no longer, moves nothing.
            scope = OF_CLUSTER if self.facts.policy.one_of_several else None
            weights = weights.but(scope=scope)
        carrying = self.but(
            canary_weight=weight,
            weights=weights,
            step=self._step_number(weight),
            steps=len(plan.steps),
            step_started_at=self.now if moved else self.status.step_started_at,
        )
        if self.status.run is None:
            return carrying
        return carrying.with_run(step_weight=None if at_step == weight else at_step)

    def _step_number(self, weight: int) -> int:
        """Give the number of the step for people: in a promotion it falls with the weight."""
        run, phase = self.status.run, self.status.phase
        if phase is Phase.PROMOTING:
            return self.plan.reached(weight)
        return run.step if run is not None and phase in STEPPING else 0

    @property
    def step_weight(self) -> int:
        """The canary's weight at this step, whatever it carries while a side cannot serve."""
        status = self.status
        if status.phase in _WITHOUT_STEP:
            return 0
        if status.run is None or status.run.step_weight is None:
            return status.canary_weight
        return status.run.step_weight

    @property
    def begun(self) -> bool:
        """Whether the run has taken a step, or traffic: from then on the canary is judged."""
        return self.step is not None or self.step_weight > 0

    @property
    def carries_all(self) -> bool:
        """Whether every request is meant for the canary."""
        return self.status.canary_weight == FULL and not self.status.weights.matched

    def share(self, weight: int) -> str:
        """Say of which requests a weight is, for people."""
        of = "requests that match" if self.status.weights.matched else "traffic"
        return f"{weight} % of the {of}"

    @property
    def above_step(self) -> bool:
        """Whether the canary carries more than its step has, for want of the primary."""
        step = self.step
        wider = step is not None and step.matched and not self.status.weights.matched
        weight = self.status.canary_weight
        return weight > self.step_weight or (wider and weight > 0)

    @property
    def below_step(self) -> bool:
        """Whether the canary carries less than its step has, for want of the canary."""
        mirror = self.step.mirror if self.step else 0
        less = self.status.canary_weight < self.step_weight or self.status.weights.mirror < mirror
        return less and not self.above_step

    # --- waiting ---

    @property
    def stage(self) -> Stage | None:
        """How far the phase has come."""
        return self.status.stage.name if self.status.stage else None

    def at(
        self, stage: Stage | None, *, since: datetime | None = None, until: datetime | None = None
    ) -> Self:
        """Be at a stage of the phase; its clock goes on while it is the same."""
        if not STAGES[self.status.phase].legal(self.stage, stage):
            message = (
                f"{self.status.phase or 'New'}: {self.stage or 'no stage'} cannot be followed by "
                f"{stage or 'no stage'}"
            )
            raise AssertionError(message)
        if stage is None:
            return self.but(stage=None)
        record = self.status.stage
        if record is None or record.name is not stage:
            record = StageRecord(name=stage, since=self.now)
        return self.but(stage=record.but(since=since or record.since, until=until))

    def wait(
        self,
        reason: str,
        message: str,
        limit: timedelta | None = None,
        *,
        since: datetime | None = None,
    ) -> Self:
        """Wait for something at its stage, within a limit from the beginning of the stage."""
        stage = stage_of(reason, self.status.phase)
        waiting = self.at(stage, since=since)
        if waiting.status.stage is None or limit is None:
            return waiting.say(reason, message, since=since)
        ends = waiting.status.stage.since + limit
        deadline, until = (None, ends) if stage in TIMED else (ends, None)
        timed = waiting.at(stage, until=ends)
        return timed.say(reason, message, since=since, deadline=deadline, until=until)

    def say(
        self,
        reason: str,
        message: str,
        *,
        since: datetime | None = None,
        deadline: datetime | None = None,
        until: datetime | None = None,
    ) -> Self:
        """Say what is waited for, wherever the phase is."""
        return replace(
            self,
            status=said(
                self.status, reason, message, self.now, since=since, deadline=deadline, until=until
            ),
        )

    def await_leave(
        self, reason: str, message: str, limit: timedelta | None, *, opens_at: datetime | None
    ) -> Self:
        """Wait for what time may bring by itself, and no longer than a limit from its hold on.

        The stage ends with whichever comes first.
        """
        since = next(each.since for each in self.current_run.holds if each.reason == reason)
        deadline = None if limit is None else since + limit
        stage = stage_of(reason, self.status.phase)
        waiting = self.at(stage, until=earliest((opens_at, deadline)))
        said_so = said(waiting.status, reason, message, self.now, deadline=deadline, until=opens_at)
        return replace(waiting, status=said_so)

    def go_on(self) -> Self:
        """Wait for nothing."""
        return self.at(None).but(waiting_for=None)

    def progress(self, reason: str, message: str) -> Self:
        """Wait for something within the progress deadline, and say what stands in its way."""
        return self.wait(reason, self.obstructed(message), self.progress_deadline)

    def insist(self, reason: str, message: str, *, blocked: str) -> Self:
        """Wait for something that can't be given up; who waits too long calls for help, once."""
        said = self.obstructed(message)
        if self._called_for_help(stage_of(reason, self.status.phase)):
            return self.wait(blocked, said)
        waiting = self.progress(reason, message)
        stage = waiting.status.stage
        if stage is None or not waiting.overdue:
            return waiting
        told = waiting.tell(blocked, timed_out(said), Severity.ERROR, alert=True)
        return told.but(stage=stage.but(help_at=self.now)).wait(blocked, said)

    def _called_for_help(self, stage: Stage | None) -> bool:
        record = self.status.stage
        return record is not None and record.name is stage and record.help_at is not None

    def drain(self, message: str) -> Self:
        """Give what is in flight on a side that has lost its traffic its time to end."""
        return self.wait(DRAINING, message, self.drain_time)

    def untaken(self, message: str) -> str:
        """Add to what is waited for of the route that its controller has not taken it yet."""
        routed = self.facts.routed
        pending = routed is not None and routed.pending
        return f"{message}: its controller has not taken it yet" if pending else message

    def obstructed(self, message: str) -> str:
        """Add what stands in the way to what is waited for."""
        return f"{message}: {self.facts.obstacle}" if self.facts.obstacle else message

    def hold(self, reason: str, message: str, limit: timedelta) -> Self:
        """Wait for something whose clock goes on whatever else is waited for meanwhile."""
        holding = self.note_hold(reason)
        since = next(each.since for each in holding.current_run.holds if each.reason == reason)
        return holding.wait(reason, message, limit, since=since)

    def note_hold(self, reason: str) -> Self:
        """Note that something holds the run, where it is not noted yet."""
        if self.held_by(reason):
            return self
        return self.with_run(holds=(*self.current_run.holds, Hold(reason=reason, since=self.now)))

    def look_again(self, at: datetime | None = None) -> Self:
        """Have the run looked at when an interval has passed, or at a moment.

        Not before proxies follow the traffic of the step.
        """
        moved = self.status.step_started_at or self.now
        due = self.now + self.spec.analysis.interval
        next_one = at or max(due, moved + self.facts.settling)
        return self.with_run(looks=self.current_run.looks + 1, next_analysis_at=next_one)

    def look_no_later(self, moment: datetime) -> Self:
        """Have the run looked at by a moment, where it is not before."""
        return self.with_run(next_analysis_at=earliest((self.current_run.next_analysis_at, moment)))

    def end_holds(self, *reasons: str) -> Self:
        """End holds, whether there are any or not."""
        kept = tuple(hold for hold in self.current_run.holds if hold.reason not in reasons)
        return self.with_run(holds=kept)

    def stop_clocks(self, since: datetime) -> Self:
        """Stop the clocks of what holds the run for the time that has passed since then."""
        if self.status.run is None:
            return self
        moved = undecided_later(self.status, lambda began: self._later(began, since) - began)
        return replace(self, status=moved).with_run(
            holds=tuple(
                hold.but(since=self._later(hold.since, since)) for hold in self.status.run.holds
            )
        )

    def stand_still(self, since: datetime) -> Self:
        """Have the time that has passed since then count neither for a hold nor for the step."""
        stopped, run = self.stop_clocks(since), self.status.run
        began = run.lasting_since if run is not None else None
        return stopped.with_run(lasts_since=self._later(began, since)) if began else stopped

    def _later(self, moment: datetime, since: datetime) -> datetime:
        return moment + (self.now - max(since, moment))

    def held_by(self, reason: str) -> bool:
        """Tell whether this holds the run."""
        run = self.status.run
        return run is not None and any(hold.reason == reason for hold in run.holds)

    @property
    def overdue(self) -> bool:
        """Whether the stage has come to its end; no deadline passes while nothing can be seen."""
        stage = self.status.stage
        if stage is None or stage.until is None:
            return False
        return (self.now if stage.name in TIMED else self.clock) >= stage.until

    @property
    def clock(self) -> datetime:
        """The time that counts for deadlines: it stands still while nothing can be seen."""
        away_since = self.facts.away_since
        return min(self.now, away_since) if away_since else self.now

    @property
    def progress_deadline(self) -> timedelta:
        """How long anything but a gate may take."""
        return timedelta(seconds=self.spec.progress_deadline_seconds)

    @property
    def hold_timeout(self) -> timedelta:
        """How long anything but a gate or a person may hold a run."""
        return self.spec.analysis.hold_timeout or self.progress_deadline

    # --- health ---

    @property
    def target_ready(self) -> bool:
        """Whether the target can take any weight."""
        target, threshold = self.facts.target, self.spec.analysis.canary_ready_threshold
        return target is not None and target.ready(threshold) and not self.facts.cut_off

    @property
    def primary_ready(self) -> bool:
        """Whether the primary can take all traffic."""
        primary = self.facts.primary
        return primary is not None and primary.ready(self.spec.analysis.primary_ready_threshold)

    @property
    def primary_smaller(self) -> bool:
        """Whether the primary has fewer replicas than it needs to take over from the target."""
        primary, target = self.facts.primary, self.facts.target
        least = max(target.replicas, 1) if target else 1
        most = self.facts.autoscaler_maximum or least
        return primary is not None and primary.replicas < min(least, most)

    @property
    def primary_sleeps(self) -> bool:
        """Whether the primary's autoscaler has taken all of its pods, as there is nothing to do."""
        primary = self.facts.primary
        return primary is not None and self.facts.primary_rests and not primary.replicas

    @property
    def primary_wakes(self) -> bool:
        """Whether a primary that may sleep has no ready pod, and nothing shows that it gets none."""
        primary = self.facts.primary
        if primary is None or primary.serves or not self.facts.primary_rests:
            return False
        return primary.failing is None and not primary.given_up

    @property
    def target_serves(self) -> bool:
        """Whether the target has a ready pod, which requests can be led to."""
        target = self.facts.target
        return target is not None and target.serves and not self.facts.cut_off

    @property
    def primary_serves(self) -> bool:
        """Whether the primary has a ready pod."""
        return self.facts.primary is not None and self.facts.primary.serves

    @property
    def canary_alone(self) -> bool:
        """Whether the target has a ready pod and the primary has none."""
        return self.target_serves and not self.primary_serves

    @property
    def drained(self) -> bool:
        """Whether the canary may lose its pods: what was in flight on it has had its time to end."""
        until = self.drained_at
        return until is None or self.now >= until

    @property
    def drained_at(self) -> datetime | None:
        """When the canary may lose its pods; between runs not before `scaleDownDelay` is over."""
        status, delay = self.status, self.spec.analysis.scale_down_delay
        moved = status.step_started_at
        drained = None if moved is None else moved + self.drain_time
        ended = status.last_transition_time if status.phase in IDLE else None
        if not delay or ended is None:
            return drained
        return max(ended + delay, drained or ended)

    @property
    def propagated_at(self) -> datetime:
        """When proxies know of services that were made as the phase began."""
        began = self.status.last_transition_time or self.now
        return began + self.drain_time

    @property
    def drain_time(self) -> timedelta:
        """How long after a change pods keep what they had: proxies follow, and requests end."""
        return self.facts.settling + self.facts.policy.drain

    # --- telling and recording ---

    @property
    def target_name(self) -> str:
        """The target's name, for people."""
        return self.spec.target_ref.name

    @property
    def canary_name(self) -> str:
        """The name of the workload with the canary's pods, for people."""
        return self.spec.canary_name

    @property
    def revision_name(self) -> str:
        """The revision that everything speaks of, with its images, for people."""
        return named(self.status.last_applied_spec, self.status.applied_images)

    def tell(
        self,
        reason: str,
        message: str,
        severity: Severity = Severity.INFO,
        *,
        alert: bool = False,
        hook: str = "",
        event: bool = True,
    ) -> Self:
        """Leave a notice to be delivered after the decision.

        Without an event of its own it is for hooks and chat, and the event of a later notice says
        what it says.
        """
        told = notice(
            self.status,
            reason,
            message,
            severity,
            self.now,
            alert=alert,
            hook=hook,
            event=event,
            taken=self.facts.delivered,
        )
        return replace(self, status=with_notice(self.status, told))

    def without_event(self, reason: str) -> Self:
        """Leave it to another event of this decision to say what the notice for a reason says."""
        return self.but(
            notices=tuple(
                each.but(event=False) if each.reason == reason and each.at == self.now else each
                for each in self.status.notices
            )
        )

    def with_run(self, **changes: object) -> Self:
        """Change the record of the run under way."""
        return self.but(run=self.current_run.but(**changes))

    @property
    def current_run(self) -> Run:
        """The record of the run under way; a fresh one where a status has lost it."""
        revision = self.status.last_applied_spec
        return self.status.run or Run(
            id=run_id(self.status.runs, revision), revision=revision, started_at=self.now
        )

    def close_run(self, outcome: Outcome, reason: str, message: str) -> Self:
        """Move the run under way into the history."""
        run = self.status.run
        started = run.started_at if run else self.now
        record = RunRecord(
            revision=self.status.last_applied_spec,
            images=images_told(self.status),
            outcome=outcome,
            reason=reason,
            message=message,
            started_at=started,
            duration_seconds=int((self.now - started).total_seconds()),
            commands=run.commands if run else (),
            trace_parent=run.trace_parent if run else "",
            record=run.record if run else "",
            analysed_since=run.analysed_since if run else None,
            budgets_spent=budgets_spent(self.spec, self.status) if run else (),
        )
        kept = (record, *self.status.history)[: self.facts.policy.history]
        return self.but(run=None, paused=None, history=kept)

    def note_command(self, verb: str, value: str, *, refusal: str = "") -> Self:
        """Record a command as done; one whose annotation is still there is never forgotten."""
        signature = Signature.read(value)
        done = CommandRecord(
            verb=verb,
            value=value,
            user=signature.user,
            tool=signature.tool,
            reason=signature.reason,
            verified=self.facts.policy.verified_commands and bool(signature.user),
            at=self.now,
            accepted=not refusal,
            message=refusal,
        )
        records = (done, *self.status.commands)
        kept = tuple(
            record
            for place, record in enumerate(records)
            if place < self.facts.policy.history or not record.cleared
        )
        return self.but(commands=kept)


Turn = Situation | Need[object]
"""Where a decision has got to, or what is missing to go on."""


def timed_out(message: str) -> str:
    """Say of something that was waited for, as a wait says it, that it did not come in time."""
    return f"Timed out {message}" if message.startswith("waiting ") else f"Timed out: {message}"


def earliest(moments: Iterable[datetime | None]) -> datetime | None:
    """Pick the earliest of the moments that are set."""
    return min((moment for moment in moments if moment is not None), default=None)
