"""The decision: one pure function from spec, status, facts and time to what happens next.

Rule 1: a decision is complete. It names everything that must be true of the cluster, so that
carrying it out again changes nothing, and a crash at any point loses nothing.
Rule 2: a question is asked only when the decision depends on its answer; until that is there,
what the status says is kept true.
Rule 3: nothing here raises, whatever a hand-edited status says.
Rule 4: weights are intended in the status before they are routed; they move only towards a side
that can serve.
Rule 5: what is promoted is the revision that was analysed, and no other.
Rule 6: what is decided is settled soon: where nothing changes, deciding again changes nothing.

What each phase does is in a module of its own: `initialisation`, `idle`, `run`, `look`,
`promotion`, `ending`, `termination`.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType

from canary.api.canary import CanarySpec
from canary.api.status import CanaryStatus, Phase, Severity
from canary.core import waits as why
from canary.core.actions import HoldFinalizer
from canary.core.autoscaling import note_autoscaler
from canary.core.baseline import baseline_kept_until, share_with_baseline
from canary.core.capacity import remember_size
from canary.core.commands import close_records, obey
from canary.core.conditions import INVALID, conditions, invalid, problems_known
from canary.core.cookies import cookies_at, keep_cookies
from canary.core.derived import with_derived
from canary.core.desired import desired
from canary.core.drift import note_template, note_template_in_time, undo_due_at
from canary.core.facts import Facts
from canary.core.idle import failed, noted_at, rest
from canary.core.initialisation import initialise
from canary.core.invalid import tell_invalid, without_spec
from canary.core.lasting_holds import refusal_alert_at
from canary.core.late_drain import drain_anew
from canary.core.leave import Stop, stopped, unsuspended, withhold
from canary.core.names import given_back_at, note_names
from canary.core.notices import forgotten_alone, notice, with_threads
from canary.core.outages import without_outages
from canary.core.parts import back_due
from canary.core.phases import IDLE, RUNNING
from canary.core.placement import place
from canary.core.pods import pods_matter_at
from canary.core.preflight import note_survey, preflight_at
from canary.core.promotion import bring_up, finalising, update
from canary.core.propagation import primary_known_at
from canary.core.references import references_at, tell_references
from canary.core.repair import repaired
from canary.core.replan import replan
from canary.core.resumed import forget_checks
from canary.core.revision import current_revision, note_images, note_place, note_release
from canary.core.run import follow_revision, progressing, waiting
from canary.core.scale import warn_of_scale
from canary.core.settled import settled
from canary.core.shares import note_shares, warn_of_shares
from canary.core.situation import Decision, Question, Situation, Turn, earliest
from canary.core.telling import lasting_at, reason_said, tell_waits
from canary.core.termination import leads_back_at, terminate
from canary.core.tolerance import tell_warnings
from canary.core.unroutable import routable_again, without_routes
from canary.core.unseen import seen_again, without_sight
from canary.core.upkeep import undo_at_once, undo_drifts, upkeep_at
from canary.errors import Problem, SpecWarning

__all__ = ["SOON", "Decision", "current_revision", "decide", "obstructed", "refuse"]

SOON = timedelta(seconds=1)
"""When a Canary is decided again after its status has changed: it may allow the next one, and
no event may come to say so."""

AWAY = timedelta(seconds=5)
"""Delay before a wait with a deadline is checked again during an outage."""


def decide(
    spec: CanarySpec, status: CanaryStatus, facts: Facts, now: datetime
) -> Decision | Question:
    """Decide what happens next, or ask for the one fact that is missing to decide."""
    situation = Situation.of(spec, status, facts, now)
    settled = remember_size(replan(without_outages(repaired(situation))))
    turn = _turn(_noted(warn_of_scale(warn_of_shares(settled))))
    if isinstance(turn, Situation):
        return _conclude(turn, status)
    return Question(need=turn, meanwhile=desired(situation))


def _noted(situation: Situation) -> Situation:
    """Note what was found, and tell what is new of it."""
    seen = note_autoscaler(note_template_in_time(note_release(note_images(note_survey(situation)))))
    return tell_references(tell_warnings(tell_invalid(note_names(seen))))


def refuse(
    status: CanaryStatus,
    problems: tuple[Problem, ...],
    *,
    generation: int,
    deleting: bool,
    delivered: frozenset[str],
    now: datetime,
    wake_at: datetime | None = None,
) -> Decision:
    """Decide about a Canary whose spec can't be acted on: say why, and leave everything as it is.

    `wake_at` is when it may be acted on without a change of its own.

    Of a Canary that is being deleted so little can be read that there is nothing to give back.
    """
    ours = invalid(status, generation, now, problems)
    after = next(each for each in ours if each.type == INVALID)
    notices = tuple(each for each in status.notices if each.id not in delivered)
    if not problems_known(status, after.message):
        notices = (
            *notices,
            notice(
                status, INVALID, after.message, Severity.ERROR, now, alert=True, taken=delivered
            ),
        )
    return Decision(
        status=status.but(
            conditions=ours, observed_generation=generation, notices=notices, state=INVALID
        ),
        actions=(HoldFinalizer(present=False),) if deleting else (),
        wake_at=wake_at,
    )


def obstructed(
    spec: CanarySpec,
    status: CanaryStatus,
    obstacle: str,
    *,
    generation: int,
    warnings: tuple[SpecWarning, ...],
    now: datetime,
) -> Decision:
    """Decide about a Canary of which what it needs can't be known: say so, and do nothing.

    The weights, the phase and what is waited for stay as they are: nothing is known that could
    change them. The conditions say what stands in the way, and an event where it lasts and nothing
    else is waited for.
    """
    facts = Facts(generation=generation, warnings=warnings)
    situation = tell_warnings(Situation.of(spec, status, facts, now))
    waiting = situation.say(why.OBSTACLE, obstacle)
    said: dict[str, object] = {
        "conditions": conditions(waiting),
        "observed_generation": generation,
    }
    if status.phase in RUNNING or reason_said(status) not in {"", why.OBSTACLE}:
        return Decision(status=situation.status.but(**said))
    told = tell_waits(waiting.status, status, now, overdue=False, delivered=frozenset()).but(**said)
    return Decision(status=told, wake_at=lasting_at(told))


def _turn(situation: Situation) -> Turn:
    if standing := without_routes(situation):
        return standing
    situation = routable_again(situation)
    if situation.facts.deleting:
        return terminate(place(situation))
    if still := stopped(situation, Stop.ALL):
        return withhold(close_records(situation), still)
    resumed = seen_again(unsuspended(situation))
    if resumed.facts.unseen:
        return _proceed(resumed)
    placed = undo_drifts(place(resumed))
    turn = _proceed(placed)
    # Traffic leaves a side that cannot serve before anything is asked that takes its time, and what
    # others have changed is put back.
    return turn if isinstance(turn, Situation) or placed is resumed else placed


def _proceed(situation: Situation) -> Turn:
    obeyed = obey(situation)
    if not isinstance(obeyed, Situation) or obeyed.status.phase is not situation.status.phase:
        return obeyed
    unknown = without_spec(obeyed) or without_sight(obeyed)
    return unknown or _PHASES[obeyed.status.phase](obeyed)


def _promoting(situation: Situation) -> Turn:
    primary = situation.facts.primary
    if primary is not None and primary.revision == situation.status.last_applied_spec:
        return bring_up(situation, primary)
    return follow_revision(situation) or update(situation)


def _conclude(situation: Situation, before: CanaryStatus) -> Decision:
    if situation.status.canary_weight != before.canary_weight:
        situation = undo_at_once(situation)
    reported = tell_waits(
        situation.status,
        before,
        situation.now,
        overdue=situation.overdue,
        delivered=situation.facts.delivered,
    )
    told_of = drain_anew(replace(situation, status=reported))
    if told_of.facts.deleting or not stopped(told_of, Stop.ALL):
        told_of = share_with_baseline(told_of)
    concluded = with_derived(forget_checks(keep_cookies(note_shares(told_of))))
    told = {each.id for each in concluded.status.notices} <= situation.facts.delivered
    if told and forgotten_alone(concluded.status):
        concluded = _forget_delivered(concluded)
    changed = concluded.status != before
    if changed:
        # What is not worth a write of its own goes with the next one.
        concluded = _forget_delivered(note_template(note_place(concluded)))
    pods_at, actions = pods_matter_at(concluded), desired(concluded)
    rests = changed and settled(concluded, actions)
    # Notices allow nothing; a change of phase is followed by another decision in any case.
    moved = concluded.status.but(notices=before.notices) != before
    soon = moved and not (rests and concluded.status.phase is before.phase)
    return Decision(
        status=concluded.status,
        actions=actions,
        wake_at=situation.now + SOON if soon else _wake_at(concluded, pods_at),
        settled=rests,
        pods_matter=pods_at is not None and pods_at <= situation.now,
    )


def _wake_at(situation: Situation, pods_at: datetime | None) -> datetime | None:
    """Tell when time alone may change the decision."""
    status, stage, run = situation.status, situation.status.stage, situation.status.run
    if stopped(situation, Stop.ALL) and not situation.facts.deleting:
        return None
    looking = run is not None and status.phase in RUNNING and not stopped(situation, Stop.LOOKS)
    away = situation.facts.away_since is not None
    parking = status.phase in IDLE | {Phase.WAITING}
    return earliest(
        moment
        for moment in (
            stage.until if stage else None,
            # The deadline may have passed when what is away comes back.
            situation.now + AWAY if away and stage and stage.until else None,
            situation.now + AWAY if situation.facts.routes_away and stage else None,
            lasting_at(status),
            refusal_alert_at(situation),
            run.next_analysis_at if run and looking else None,
            preflight_at(status),
            *given_back_at(situation),
            leads_back_at(situation),
            references_at(situation),
            primary_known_at(situation),
            situation.drained_at if parking else None,
            noted_at(situation),
            undo_due_at(situation) if parking else None,
            upkeep_at(situation),
            cookies_at(status),
            back_due(situation),
            baseline_kept_until(situation),
            pods_at,
        )
        if moment is not None and moment > situation.now
    )


def _forget_delivered(situation: Situation) -> Situation:
    delivered = situation.facts.delivered
    kept = tuple(each for each in situation.status.notices if each.id not in delivered)
    status = with_threads(situation.status, situation.facts.threads)
    return replace(situation, status=status.but(notices=kept))


_PHASES: Mapping[Phase, Callable[[Situation], Turn]] = MappingProxyType(
    {
        Phase.NEW: initialise,
        Phase.INITIALIZING: initialise,
        Phase.INITIALIZED: rest,
        Phase.WAITING: waiting,
        Phase.PROGRESSING: progressing,
        Phase.WAITING_PROMOTION: progressing,
        Phase.PROMOTING: _promoting,
        Phase.FINALISING: finalising,
        Phase.SUCCEEDED: rest,
        Phase.FAILED: failed,
    }
)
"""What each phase does. Terminating is not among them: it is left by nothing, and `repaired` takes
a Canary out of it that is not being deleted."""
