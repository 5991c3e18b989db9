"""The transition table: every change in it happens for a reason, and no other one does."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from analysis.model import Verdict
from canary.api.canary import CanarySpec
from canary.api.status import CanaryStatus, Outcome, Phase, RunRecord, Wait
from canary.core import waits
from canary.core.facts import Command, Facts, Revision
from canary.core.phases import (
    IDLE,
    RUNNING,
    TRANSITIONS,
    legal,
)
from canary.core.situation import Situation
from canary.core.traffic import Seen
from tests.builders import (
    NEW,
    OLD,
    a_dependency,
    a_primary,
    a_spec,
    a_status,
    a_workload,
    at,
    some_facts,
)
from tests.core.deciding import decided

UP = {"target": a_workload(), "revision": Revision(id=NEW)}
BACK = {"target": a_workload(), "revision": Revision(id=OLD)}
NEWER_WAITS = UP | {"revision": Revision(id="1-newer"), "dependencies": (a_dependency(None),)}
GATED = a_spec(
    analysis={
        "webhooks": [
            {"name": "go", "type": "confirm-rollout"},
            {"name": "ok", "type": "confirm-promotion"},
        ]
    }
)
LATE = at(3600)


def command(verb: str) -> dict[str, Any]:
    return {"commands": (Command(verb=verb),)}


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change of phase, and what makes it."""

    before: CanaryStatus
    after: Phase
    facts: Mapping[str, Any] = field(default_factory=dict)
    spec: CanarySpec = field(default_factory=a_spec)
    verdict: Verdict = Verdict.PASS
    now: Any = LATE


CHANGES = {
    "a new Canary sets its primary up": Change(
        before=CanaryStatus(), after=Phase.INITIALIZING, facts={"primary": None, **BACK}
    ),
    "a primary that serves and is routed to is initialised": Change(
        before=a_status(
            Phase.INITIALIZING,
            last_promoted_spec="",
            last_applied_spec=OLD,
            waiting_for=Wait(reason=waits.DRAINING, since=at(0)),
        ),
        after=Phase.INITIALIZED,
        facts={"routed": Seen(), **BACK},
    ),
    "a primary that does not come up in time fails": Change(
        before=a_status(
            Phase.INITIALIZING,
            last_promoted_spec="",
            last_applied_spec=OLD,
            waiting_for=Wait(reason=waits.PRIMARY_NOT_READY, since=at(0)),
        ),
        after=Phase.FAILED,
        facts={"primary": a_primary(available=0), **BACK},
    ),
    "the first new revision waits at its gate": Change(
        before=a_status(Phase.INITIALIZED), after=Phase.WAITING, facts=UP, spec=GATED
    ),
    "the first new revision begins a run": Change(
        before=a_status(Phase.INITIALIZED), after=Phase.PROGRESSING, facts=UP
    ),
    "a gate that opens lets the run begin": Change(
        before=a_status(Phase.WAITING), after=Phase.PROGRESSING, facts=UP
    ),
    "a return to the promoted revision ends the wait": Change(
        before=a_status(Phase.WAITING), after=Phase.SUCCEEDED, facts=BACK, spec=GATED
    ),
    "a run that waits is aborted": Change(
        before=a_status(Phase.WAITING), after=Phase.FAILED, facts={**UP, **command("abort")}
    ),
    "a newer revision during a run waits for what it depends on": Change(
        before=a_status(Phase.PROGRESSING, weight=20), after=Phase.WAITING, facts=NEWER_WAITS
    ),
    "a newer revision at the promotion gate waits for what it depends on": Change(
        before=a_status(Phase.WAITING_PROMOTION, weight=60), after=Phase.WAITING, facts=NEWER_WAITS
    ),
    "a newer revision before the primary is written waits for what it depends on": Change(
        before=a_status(Phase.PROMOTING, weight=60), after=Phase.WAITING, facts=NEWER_WAITS
    ),
    "the last step passes and its gate is shut": Change(
        before=a_status(Phase.PROGRESSING, weight=60),
        after=Phase.WAITING_PROMOTION,
        facts=UP,
        spec=GATED,
    ),
    "the last step passes": Change(
        before=a_status(Phase.PROGRESSING, weight=60), after=Phase.PROMOTING, facts=UP
    ),
    "a return to the promoted revision ends the run": Change(
        before=a_status(Phase.PROGRESSING, weight=20), after=Phase.SUCCEEDED, facts=BACK
    ),
    "a failed check at the threshold rolls back": Change(
        before=a_status(Phase.PROGRESSING, weight=20, failed_checks=1),
        after=Phase.FAILED,
        facts=UP,
        verdict=Verdict.FAIL,
    ),
    "a plan that grew at the promotion gate goes on": Change(
        before=a_status(Phase.WAITING_PROMOTION, weight=40), after=Phase.PROGRESSING, facts=UP
    ),
    "a promotion gate that opens promotes": Change(
        before=a_status(Phase.WAITING_PROMOTION, weight=60), after=Phase.PROMOTING, facts=UP
    ),
    "a return to the promoted revision ends the wait for the promotion": Change(
        before=a_status(Phase.WAITING_PROMOTION, weight=60), after=Phase.SUCCEEDED, facts=BACK
    ),
    "an analysis at the promotion gate rolls back": Change(
        before=a_status(Phase.WAITING_PROMOTION, weight=60, failed_checks=1),
        after=Phase.FAILED,
        facts=UP,
        spec=GATED,
        verdict=Verdict.FAIL,
    ),
    "a newer revision before the primary is written restarts the run": Change(
        before=a_status(Phase.PROMOTING, weight=60),
        after=Phase.PROGRESSING,
        facts=UP | {"revision": Revision(id="1-newer")},
    ),
    "a primary that is ready with the analysed revision gets its traffic": Change(
        before=a_status(Phase.PROMOTING, weight=60),
        after=Phase.FINALISING,
        facts=UP | {"primary": a_primary(NEW)},
    ),
    "a return to the promoted revision before the primary is written ends the promotion": Change(
        before=a_status(Phase.PROMOTING, weight=60), after=Phase.SUCCEEDED, facts=BACK
    ),
    "a primary that Kubernetes gave up on fails the promotion": Change(
        before=a_status(Phase.PROMOTING, weight=60),
        after=Phase.FAILED,
        facts=UP | {"primary": a_primary(NEW, available=0, deadline_exceeded=True)},
    ),
    "a canary that is drained ends the run": Change(
        before=a_status(
            Phase.FINALISING,
            last_promoted_spec=NEW,
            waiting_for=Wait(reason=waits.DRAINING, since=at(0)),
        ),
        after=Phase.SUCCEEDED,
        facts=UP | {"primary": a_primary(NEW), "routed": Seen()},
    ),
    "a new revision waits at its gate": Change(
        before=a_status(), after=Phase.WAITING, facts=UP, spec=GATED
    ),
    "a new revision begins a run": Change(before=a_status(), after=Phase.PROGRESSING, facts=UP),
    "an initialisation that failed is retried": Change(
        before=a_status(Phase.FAILED, last_promoted_spec=""),
        after=Phase.INITIALIZING,
        facts=UP | {"primary": a_primary(NEW, available=0)} | command("retry"),
    ),
    "a failed revision that is retried waits at its gate": Change(
        before=a_status(Phase.FAILED),
        after=Phase.WAITING,
        facts={**UP, **command("retry")},
        spec=GATED,
    ),
    "a failed revision is retried": Change(
        before=a_status(Phase.FAILED), after=Phase.PROGRESSING, facts={**UP, **command("retry")}
    ),
    "a primary that comes up after its promotion failed gets its traffic": Change(
        before=a_status(
            Phase.FAILED,
            weight=100,
            history=(RunRecord(revision=NEW, outcome=Outcome.PROMOTION_FAILED),),
        ),
        after=Phase.FINALISING,
        facts=UP | {"primary": a_primary(NEW)},
    ),
    "a failed revision that is reverted is over": Change(
        before=a_status(Phase.FAILED), after=Phase.SUCCEEDED, facts=BACK
    ),
} | {
    f"a deletion is begun in phase {phase or 'New'}": Change(
        before=a_status(phase), after=Phase.TERMINATING, facts={"deleting": True}
    )
    for phase in Phase
    if phase is not Phase.TERMINATING
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_phase_happens_when(name):
    change = CHANGES[name]
    decision = decided(
        change.spec, change.before, some_facts(**change.facts), change.now, change.verdict
    )
    assert decision.status.phase is change.after
    assert decision.status.last_transition_time == change.now
    assert decision.wake_at == change.now + timedelta(seconds=1)


def test_every_change_in_the_table_is_made_by_something_above_and_no_other_is():
    made = {(change.before.phase, change.after) for change in CHANGES.values()}
    table = {(before, after) for before, followers in TRANSITIONS.items() for after in followers}
    assert made == table


@pytest.mark.parametrize("after", Phase)
@pytest.mark.parametrize("before", Phase)
def test_a_change_that_is_not_in_the_table_can_not_be_made(before, after):
    situation = Situation.of(a_spec(), a_status(before), Facts(), LATE)
    if legal(before, after):
        assert situation.enter(after).status.phase is after
    else:
        with pytest.raises(AssertionError, match=f"cannot be followed by {after}"):
            situation.enter(after)


def test_staying_is_no_transition():
    situation = Situation.of(a_spec(), a_status(), Facts(), LATE)
    assert situation.enter(Phase.SUCCEEDED) is situation


def test_every_phase_but_the_last_can_be_left():
    assert {phase for phase, followers in TRANSITIONS.items() if not followers} == {
        Phase.TERMINATING
    }
    assert not IDLE & RUNNING


def test_every_wait_has_a_meaning():
    reasons = {
        value for name, value in vars(waits).items() if name.isupper() and isinstance(value, str)
    }
    assert waits.MEANINGS.keys() == reasons
    assert reasons >= waits.WRONG | waits.LASTING
