"""Commands by annotation: carried out once, recorded with who and why, and only where they mean
something.
"""

from dataclasses import replace
from typing import Any

import pytest

from canary.api.annotations import VERBS
from canary.api.status import CanaryStatus, CommandRecord, Hold, Pause, Phase, Wait
from canary.core import waits
from canary.core.actions import ClearCommands
from canary.core.facts import Command, Facts, Policy, Revision
from canary.core.signature import Signature
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
        CommandRecord(verb="abort", value="bob: wrong image", reason="bob: wrong image", at=at(60)),
    )
    assert ClearCommands(verbs=("abort",)) in decision.actions
    assert decision.status.history[0].message == "Aborted by annotation: bob: wrong image"
    assert told(decision) == ["RolledBack", "CommandAccepted"]


@pytest.mark.parametrize("policed", [True, False])
def test_who_signed_a_command_is_verified_where_nobody_signs_for_another(policed):
    signed = Command(verb="pause", value=str(Signature.of("bob", "cli", at(50), reason="lunch")))
    unsigned = Command(verb="pause", value="bob: lunch")
    policy = Policy(verified_commands=policed)
    for command, user, tool, reason, verified in (
        (signed, "bob", "cli", "lunch", policed),
        (unsigned, "", "", "bob: lunch", False),
    ):
        facts = given(command, policy=policy)
        (record,) = decided(a_spec(), in_run(), facts, at(60)).status.commands
        assert (record.user, record.tool, record.reason) == (user, tool, reason)
        assert record.verified is verified


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
    "skip": {"in a run", "paused"},
    # There is a policy to pass in none of them.
    "expedite": set(),
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
    facts = given(verb, revision=Revision(id=revision), primary=a_primary(available=1))
    decision = decided(GATED, STATES[state], facts, at(60))
    accepted = decision.status.commands[0].accepted
    assert accepted is (state in ANYWHERE[verb])
    assert ("CommandAccepted" if accepted else "CommandRefused") in told(decision)


def test_a_refusal_says_where_it_was_given():
    decision = decided(a_spec(), a_status(), given("approve", revision=Revision(id=OLD)), at(60))
    assert decision.status.notices[0].message == (
        "approve by annotation was refused: no gate is shut (phase Succeeded)"
    )
    waiting = in_run(waiting_for=Wait(reason=waits.ANALYSIS_DUE, since=at(0)))
    refused = decided(a_spec(), waiting, given("approve"), at(60)).status.commands[0]
    assert refused.message == "no gate is shut (phase Progressing, waiting for AnalysisDue)"


def test_who_gave_a_command_is_told_without_its_form():
    value = "@alice@example.com via cli at 2026-01-01T00:00:00Z: wrong image"
    decision = decided(a_spec(), in_run(), given(Command(verb="abort", value=value)), at(60))
    assert decision.status.history[0].message == "Aborted by alice@example.com: wrong image"
    assert decision.status.notices[-1].message == "abort by alice@example.com: wrong image"


def test_the_history_names_who_had_a_hand_in_a_run():
    status = in_run()
    for seconds, verb in enumerate(("pause", "resume", "pause", "pause", "resume", "abort")):
        command = Command(verb=verb, value=f"@user{seconds} via cli at 2026-01-01T00:00:00Z")
        status = decided(a_spec(), status, given(command), at(seconds)).status
    # The second pause of a paused run is refused, and has no hand in it.
    assert status.history[0].commands == (
        "pause by user0",
        "resume by user1",
        "pause by user2",
        "resume by user4",
        "abort by user5",
    )


def test_the_record_of_a_run_names_the_last_five_commands():
    status = in_run()
    for seconds in range(8):
        verb = "resume" if seconds % 2 else "pause"
        command = Command(verb=verb, value=f"@user{seconds} via cli at 2026-01-01T00:00:00Z")
        status = decided(a_spec(), status, given(command), at(seconds)).status
    assert len(status.run.commands) == 5
    assert status.run.commands[-1] == "resume by user7"


def test_a_retry_is_noted_in_the_run_that_it_begins():
    command = Command(verb="retry", value="@alice via cli at 2026-01-01T00:00:00Z")
    decision = decided(a_spec(), a_status(Phase.FAILED), given(command), at(60))
    assert decision.status.run.commands == ("retry by alice",)


STEPS = a_spec(analysis={"webhooks": [{"name": "ok", "type": "confirm-traffic-increase"}]})


def at_the_gate_of(weight: int) -> CanaryStatus:
    hold = Hold(reason=waits.TRAFFIC_GATE, since=at(0))
    run = a_run(pre_rollout_passed=True, analysis_passed=True, holds=(hold,))
    wait = Wait(reason=waits.TRAFFIC_GATE, since=at(0))
    return a_status(Phase.PROGRESSING, weight=weight, run=run).but(waiting_for=wait)


def approval(gate: str) -> Command:
    form = f" for {gate}" if gate else ""
    return Command(verb="approve", value=f"@alice via cli at 2026-01-01T00:00:00Z{form}: fine")


@pytest.mark.parametrize(
    ("gate", "opened"),
    [
        ("confirm-traffic-increase/1/1", True),
        ("confirm-traffic-increase", True),
        ("", True),
        ("confirm-traffic-increase/1/2", False),
        ("confirm-traffic-increase/2/1", False),
        ("confirm-promotion", False),
    ],
)
@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_an_approval_is_for_the_gate_that_it_names(verb, gate, opened):
    command = replace(approval(gate), verb=verb)
    decision = decided(STEPS, at_the_gate_of(20), given(command), at(60))
    assert decision.status.commands[0].accepted is opened
    if not opened:
        assert decision.status.canary_weight == 20
        assert decision.status.commands[0].message.startswith(
            f"the gate {gate} is not shut; shut now: confirm-traffic-increase/1/1"
        )


def test_a_second_approval_right_after_the_first_does_not_open_the_next_gate():
    """Both were given for the gate that was shown, and the first has opened it."""
    first = decided(
        STEPS, at_the_gate_of(20), given(approval("confirm-traffic-increase/1/1")), at(60)
    )
    assert first.status.canary_weight == 40
    again = approval("confirm-traffic-increase/1/1")
    next_gate = at_the_gate_of(40).but(commands=first.status.commands)
    later = replace(again, value=f"{again.value}, again")
    decision = decided(STEPS, next_gate, given(later), at(61))
    assert not decision.status.commands[0].accepted
    assert decision.status.canary_weight == 40


def test_an_approval_without_a_name_opens_the_gate_that_is_shut_when_it_is_seen_and_no_other():
    plain = Command(verb="approve", value="alice: fine")
    first = decided(STEPS, at_the_gate_of(20), given(plain), at(60))
    assert first.status.canary_weight == 40
    # Its annotation could not be cleared yet when the next gate shuts.
    next_gate = at_the_gate_of(40).but(commands=first.status.commands)
    still = decided(STEPS, next_gate, given(plain), at(61))
    assert still.status.canary_weight == 40


@pytest.mark.parametrize(
    ("verb", "status", "why"),
    [
        ("pause", in_run(paused=Pause(since=at(0))), "the run is paused already"),
        ("resume", in_run(), "nothing is paused"),
        ("abort", a_status(), "no run is under way"),
        ("promote", a_status(Phase.PROMOTING, weight=60), "the promotion has begun"),
        ("retry", a_status(), "the last run has not failed"),
    ],
)
def test_a_refusal_says_why(verb, status, why):
    facts = given(
        verb, primary=a_primary(available=0), revision=Revision(id=status.last_applied_spec)
    )
    decision = decided(a_spec(), status, facts, at(60))
    assert decision.status.commands[0].message.startswith(why)


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
