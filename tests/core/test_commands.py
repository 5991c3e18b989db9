"""Commands by annotation: carried out once, recorded with who and why, and only where they mean
something.
"""

from dataclasses import replace
from typing import Any

import pytest

from canary.api.status import CanaryStatus, CommandRecord, Hold, Pause, Phase, Wait
from canary.core import waits
from canary.core.actions import ClearCommands
from canary.core.commands import VERBS
from canary.core.facts import Command, Facts, Policy, Revision
from canary.core.situation import Decision
from tests.builders import NEW, OLD, a_primary, a_run, a_spec, a_status, a_workload, at, some_facts
from tests.core.deciding import decided

GATE = a_run(pre_rollout_passed=True, holds=(Hold(reason=waits.PROMOTION_GATE, since=at(0)),))
AT_THE_GATE = a_status(Phase.WAITING_PROMOTION, weight=60, run=GATE).but(
    waiting_for=Wait(reason=waits.PROMOTION_GATE, since=at(0))
)
GATED = a_spec(analysis={"webhooks": [{"name": "ok", "type": "confirm-promotion"}]})
EARLY = a_run(pre_rollout_passed=True, next_analysis_at=at(70))


def given(*commands: Command | str, **fields: Any) -> Facts:
    each = (Command(verb=given) if isinstance(given, str) else given for given in commands)
    rest = {"target": a_workload(), "revision": Revision(id=NEW), "commands": tuple(each)}
    return some_facts(**(rest | fields))


def told(decision: Decision) -> list[str]:
    return [notice.reason for notice in decision.status.notices]


def in_run(**fields: Any) -> CanaryStatus:
    return a_status(Phase.PROGRESSING, weight=20, **({"run": EARLY} | fields))


def test_a_command_is_recorded_and_its_annotation_cleared():
    command = Command(verb="abort", value="bob: wrong image")
    decision = decided(a_spec(), in_run(), given(command), at(60))
    assert decision.status.commands == (
        CommandRecord(verb="abort", value="bob: wrong image", at=at(60)),
    )
    assert ClearCommands(verbs=("abort",)) in decision.actions
    assert decision.status.history[0].message == "Aborted by command: bob: wrong image"
    assert told(decision) == ["RolledBack", "CommandAccepted"]


def test_a_command_whose_annotation_is_still_there_is_not_carried_out_again():
    status = decided(a_spec(), in_run(), given("pause"), at(60)).status
    again = decided(a_spec(), status, given("pause"), at(61))
    assert again.status == status
    assert ClearCommands(verbs=("pause",)) in again.actions


def test_once_it_is_cleared_it_may_be_given_again():
    status = decided(a_spec(), in_run(), given("pause"), at(60)).status
    cleared = decided(a_spec(), status, given(), at(61))
    assert [record.cleared for record in cleared.status.commands] == [True]
    assert told(decided(a_spec(), cleared.status, given("pause"), at(62)))[-1] == "CommandRefused"


def test_a_record_that_is_still_open_outlasts_the_history():
    facts = replace(given(*VERBS), policy=Policy(history=1))
    status = a_status()
    for seconds in range(3):
        status = decided(
            a_spec(), status, replace(facts, revision=Revision(id=OLD)), at(seconds)
        ).status
    assert {record.verb for record in status.commands} == set(VERBS)


ANYWHERE = {
    "approve": {"at the gate"},
    "reject": {"at the gate"},
    "abort": {"waiting", "in a run", "paused", "at the gate"},
    "pause": {"waiting", "in a run", "at the gate"},
    "resume": {"paused"},
    "retry": {"failed", "not initialised"},
    "promote": {"waiting", "in a run", "paused", "at the gate"},
}
STATES = {
    "idle": a_status(),
    "waiting": a_status(Phase.WAITING, run=a_run(next_analysis_at=at(70))),
    "in a run": in_run(),
    "paused": in_run(paused=Pause(since=at(0))),
    "at the gate": AT_THE_GATE,
    "promoting": a_status(Phase.PROMOTING, weight=60),
    "failed": a_status(Phase.FAILED),
    "not initialised": a_status(Phase.FAILED, last_promoted_spec=""),
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("verb", VERBS)
def test_a_command_is_accepted_only_where_it_means_something(verb, state):
    revision = OLD if state == "idle" else NEW
    facts = given(verb, revision=Revision(id=revision), primary=a_primary(available=0))
    decision = decided(GATED, STATES[state], facts, at(60))
    accepted = decision.status.commands[0].accepted
    assert accepted is (state in ANYWHERE[verb])
    assert ("CommandAccepted" if accepted else "CommandRefused") in told(decision)


def test_a_refusal_says_where_it_was_given():
    decision = decided(a_spec(), a_status(), given("approve", revision=Revision(id=OLD)), at(60))
    assert decision.status.notices[0].message == (
        "approve is not possible in phase Succeeded; it was ignored"
    )
    waiting = in_run(waiting_for=Wait(reason=waits.ANALYSIS_DUE, since=at(0)))
    assert "while waiting for AnalysisDue" in (
        decided(a_spec(), waiting, given("approve"), at(60)).status.notices[0].message
    )


def test_a_rejection_rolls_back():
    decision = decided(GATED, AT_THE_GATE, given(Command(verb="reject", value="eve")), at(60))
    assert decision.status.history[0].reason == "Rejected"


def test_who_aborts_and_promotes_at_once_aborts():
    decision = decided(a_spec(), in_run(), given("promote", "abort"), at(60))
    assert decision.status.phase is Phase.FAILED
    assert ClearCommands(verbs=("abort",)) in decision.actions
    next_one = decided(a_spec(), decision.status, given("promote"), at(61))
    assert told(next_one)[-1] == "CommandRefused"


def test_a_promotion_by_command_skips_the_steps_and_the_gates():
    decision = decided(GATED, in_run(paused=Pause(since=at(0))), given("promote"), at(60))
    assert decision.status.phase is Phase.PROMOTING
    assert decision.status.paused is None


def test_a_run_that_waits_is_promoted_when_its_canary_is_ready():
    spec = a_spec(analysis={"webhooks": [{"name": "go", "type": "confirm-rollout"}]})
    started = decided(spec, a_status(Phase.WAITING), given("promote"), at(60))
    assert started.status.phase is Phase.PROGRESSING
    assert decided(spec, started.status, given(), at(61)).status.phase is Phase.PROMOTING


def test_a_pause_holds_a_run_and_a_resumption_lets_it_go_on():
    paused = decided(a_spec(), in_run(), given(Command(verb="pause", value="alice")), at(60))
    assert paused.status.waiting_for.reason == waits.PAUSED
    held = decided(a_spec(), paused.status, given(), at(3600))
    assert held.status.canary_weight == 20
    assert decided(a_spec(), held.status, given(), at(3601)).wake_at is None
    resumed = decided(a_spec(), held.status, given("resume"), at(3602))
    assert (resumed.status.paused, resumed.status.canary_weight) == (None, 40)


def test_a_run_that_waits_for_something_else_is_resumed_too():
    status = in_run(paused=Pause(since=at(0)), waiting_for=None)
    assert decided(a_spec(), status, given("resume"), at(60)).status.paused is None


def test_a_pause_is_no_fault_of_whoever_was_to_open_a_gate():
    paused = decided(GATED, AT_THE_GATE, given("pause"), at(100))
    assert paused.status.waiting_for.reason == waits.PAUSED
    resumed = decided(GATED, paused.status, given("resume"), at(1100))
    assert resumed.status.waiting_for.since == at(1000)


def test_a_gate_is_approved_while_the_run_is_paused_and_passed_afterwards():
    paused = decided(
        GATED, AT_THE_GATE.but(run=GATE.but(analysis_passed=True)), given("pause"), at(10)
    )
    approved = decided(GATED, paused.status, given("approve"), at(20))
    assert approved.status.phase is Phase.WAITING_PROMOTION
    assert decided(GATED, approved.status, given("resume"), at(30)).status.phase is Phase.PROMOTING


def test_a_failed_revision_is_retried_without_touching_the_target():
    decision = decided(a_spec(), a_status(Phase.FAILED, failed_checks=2), given("retry"), at(60))
    assert (decision.status.phase, decision.status.failed_checks) == (Phase.PROGRESSING, 0)
    assert decision.status.run.id == f"2-{NEW}"


def test_a_retry_asks_the_first_gate():
    spec = a_spec(
        analysis={
            "webhooks": [{"name": "go", "type": "confirm-rollout", "url": "http://g.example"}]
        }
    )
    asked: list[Any] = []
    decided(spec, a_status(Phase.FAILED), given("retry"), at(60), asked=asked)
    assert [need.type for need in asked] == ["confirm-rollout"]


@pytest.mark.parametrize("revision", [None, Revision(id=OLD)], ids=["unknown", "promoted"])
def test_there_is_no_retry_of_a_revision_that_is_unknown_or_promoted(revision):
    decision = decided(a_spec(), a_status(Phase.FAILED), given("retry", revision=revision), at(60))
    assert not decision.status.commands[0].accepted


def test_the_commands_of_a_suspended_canary_wait_for_it():
    spec = a_spec(suspend=True)
    decision = decided(spec, in_run(), given("abort"), at(60))
    assert decision.status.commands == ()
    assert decision.actions == ()
    resumed = decided(a_spec(), decision.status, given("abort"), at(61))
    assert resumed.status.history[0].reason == "Aborted"
