"""A status as it could have come about: what a hand, a lost clock or an old version left is mended.

Everything else in the core relies on what is established here. A status that tidegate wrote itself
comes out as it went in.
"""

from dataclasses import replace
from datetime import datetime

from canary.api.status import Phase, Run, StageRecord
from canary.core.phases import IDLE, RUNNING, STAGES
from canary.core.situation import Situation
from canary.core.telling import not_after, stage_said
from canary.core.weights import FULL


def repaired(situation: Situation) -> Situation:
    """Mend a status."""
    status, now = situation.status, situation.now
    mended = replace(situation, status=not_after(status, now)).but(
        phase=_phase(situation),
        last_transition_time=_not_after(status.last_transition_time, now),
        step_started_at=_not_after(status.step_started_at, now),
        stage=_stage(situation),
        run=_run(situation),
        paused=status.paused.but(since=min(status.paused.since, now)) if status.paused else None,
    )
    # A status may say two things about traffic; the weight is what counts.
    # A Canary that is being deleted does not begin again, and keeps it.
    begins = mended.status.phase is Phase.INITIALIZING and not situation.facts.deleting
    alone = mended.status.phase is Phase.NEW or (begins and situation.facts.routed is None)
    # What another router has split is switched as a whole by one that can't.
    weights = (status.canary_weight, mended.step_weight)
    shared = not situation.facts.splits and any(0 < each < FULL for each in weights)
    return mended.step_to(0) if alone or shared else mended.keep_traffic()


def _phase(situation: Situation) -> Phase:
    """Begin from what is there where the phase can't be gone on from.

    That is a phase that follows a promotion where none is recorded, and Terminating without a
    deletion.
    """
    status = situation.status
    phase = status.phase
    promoted = bool(status.last_promoted_spec)
    lost = phase in (IDLE | RUNNING) - {Phase.FAILED} and not promoted
    undeleted = phase is Phase.TERMINATING and not situation.facts.deleting
    return Phase.NEW if lost or undeleted else phase


def _run(situation: Situation) -> Run | None:
    run, now = situation.status.run, situation.now
    if run is None:
        return None
    due, latest = (
        run.next_analysis_at,
        max(situation.spec.analysis.interval, situation.facts.settling),
    )
    return run.but(
        started_at=min(run.started_at, now),
        next_analysis_at=due and min(due, now + latest),
        step_since=_not_after(run.step_since, now),
        lasts_since=_not_after(run.lasts_since, now),
        next_step=_next_step(situation, run),
        holds=tuple(hold.but(since=min(hold.since, now)) for hold in run.holds),
    )


def _next_step(situation: Situation, run: Run) -> int | None:
    """Give the step that the run goes on with by command, where the plan has it."""
    known = run.next_step is not None and run.next_step <= len(situation.plan.steps) + 1
    return run.next_step if known and run.next_step != run.step else None


def _stage(situation: Situation) -> StageRecord | None:
    """Give the stage, or what a status of a release that recorded none says of it."""
    status, now = situation.status, situation.now
    known = status.stage or stage_said(status)
    if known is None or known.name not in STAGES[_phase(situation)]:
        return None
    return known.but(since=min(known.since, now), help_at=_not_after(known.help_at, now))


def _not_after(moment: datetime | None, now: datetime) -> datetime | None:
    return moment and min(moment, now)
