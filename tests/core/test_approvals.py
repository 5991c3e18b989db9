"""Gates that take several people: who counts, who does not, and when the gate opens."""

from typing import Any

import pytest

from canary.api.canary import CanarySpec
from canary.api.status import Approval, CanaryStatus, Hold, Phase, Wait
from canary.core import waits
from canary.core.facts import Command, Policy
from canary.core.signature import Signature
from canary.core.situation import Decision
from tests.builders import a_run, a_spec, a_status, at
from tests.core.deciding import decided
from tests.core.test_commands import given

CHECKED = Policy(verified_commands=True)
GATE = "confirm-promotion/1/3"


def gated(*webhooks: dict[str, Any]) -> CanarySpec:
    hooks = [{"name": "ok", "type": "confirm-promotion"} | each for each in webhooks]
    return a_spec(analysis={"webhooks": hooks})


def held(reason: str = waits.PROMOTION_GATE, **run: Any) -> CanaryStatus:
    hold = Hold(reason=reason, since=at(0))
    phase = Phase.WAITING_PROMOTION if reason == waits.PROMOTION_GATE else Phase.PROGRESSING
    fields = {"pre_rollout_passed": True, "analysis_passed": True, "holds": (hold,)} | run
    status = a_status(phase, weight=60, run=a_run(**fields))
    return status.but(waiting_for=Wait(reason=reason, since=at(0)))


def approval(user: str, *, gate: str = "", reason: str = "fine") -> Command:
    signature = Signature.of(user, "cli", at(50), subject=gate, reason=reason)
    return Command(verb="approve", value=str(signature))


def approve(
    spec: CanarySpec, status: CanaryStatus, command: Command, moment: float, **facts: Any
) -> Decision:
    return decided(spec, status, given(command, **({"policy": CHECKED} | facts)), at(moment))


def refusal(decision: Decision) -> str:
    record = decision.status.commands[0]
    assert not record.accepted
    return record.message


TWO = gated({"approvals": 2})


def test_a_gate_that_takes_two_people_opens_with_the_second():
    first = approve(TWO, held(), approval("alice"), 60).status
    assert first.phase is Phase.WAITING_PROMOTION
    assert first.commands[0].accepted
    assert first.run.approved_by == (Approval(gate=GATE, user="alice", at=at(60), reason="fine"),)
    assert "gate ok has 1 of 2 approvals (alice)" in first.waiting_for.message
    second = approve(TWO, first, approval("bob", reason="me too"), 61).status
    assert second.phase is Phase.PROMOTING
    assert [each.user for each in second.run.approved_by] == ["alice", "bob"]


def test_how_many_people_are_missing_is_said_before_the_first_has_approved():
    status = held().but(waiting_for=None)
    waiting = decided(TWO, status, given(policy=CHECKED), at(60)).status
    assert "gate ok has 0 of 2 approvals: annotate" in waiting.waiting_for.message


def test_a_person_counts_once():
    first = approve(TWO, held(), approval("alice"), 60).status
    again = approve(TWO, first, approval("alice", reason="once more"), 61)
    assert "alice has approved confirm-promotion already (1 of 2)" in refusal(again)
    assert again.status.run.approved_by == first.run.approved_by
    assert again.status.phase is Phase.WAITING_PROMOTION


@pytest.mark.parametrize("value", ["", "alice: fine", "bob", "@bob", "@bob via cli"])
def test_an_approval_without_a_signature_does_not_count(value):
    decision = approve(TWO, held(), Command(verb="approve", value=value), 60)
    assert "this approval has no signature" in refusal(decision)
    assert decision.status.run.approved_by == ()


def test_names_that_nobody_checks_do_not_count():
    decision = approve(TWO, held(), approval("alice"), 60, policy=Policy())
    assert "run the controller with --verified-commands" in refusal(decision)
    assert decision.status.run.approved_by == ()
    waiting = decided(TWO, held().but(waiting_for=None), given(), at(60)).status
    assert "takes 2 people" in waiting.waiting_for.message


def test_an_approval_of_an_earlier_gate_of_the_same_type_does_not_count_at_the_next():
    earlier = Approval(gate="confirm-promotion/1/2", user="alice", at=at(0))
    first = approve(TWO, held(approved_by=(earlier,)), approval("bob"), 60).status
    assert first.phase is Phase.WAITING_PROMOTION
    assert [each.user for each in first.run.approved_by] == ["bob"]


def test_an_approval_that_names_another_gate_does_not_count():
    stale = approve(TWO, held(), approval("alice", gate="confirm-promotion/1/2"), 60)
    assert "is not shut" in refusal(stale)
    assert stale.status.run.approved_by == ()
    meant = approve(TWO, held(), approval("alice", gate=GATE), 60).status
    assert [each.user for each in meant.run.approved_by] == ["alice"]


def test_one_rejection_ends_it_whoever_has_approved():
    first = approve(TWO, held(), approval("alice"), 60).status
    command = Command(verb="reject", value=str(Signature.of("bob", "cli", at(61))))
    assert approve(TWO, first, command, 61).status.phase is Phase.FAILED


def test_of_several_gates_the_one_that_takes_most_people_decides():
    spec = gated({"name": "one"}, {"name": "three", "approvals": 3})
    status = held()
    for place, user in enumerate(("alice", "bob", "carol")):
        assert status.phase is Phase.WAITING_PROMOTION
        status = approve(spec, status, approval(user), 60 + place).status
    assert status.phase is Phase.PROMOTING


def test_a_gate_that_was_opened_while_the_run_is_paused_keeps_no_further_names():
    status = approve(TWO, held(), Command(verb="pause"), 10).status
    for place, user in enumerate(("alice", "bob", "carol")):
        status = approve(TWO, status, approval(user), 60 + place).status
    assert status.waiting_for.reason == waits.PAUSED
    assert [each.user for each in status.run.approved_by] == ["alice", "bob"]
    resumed = approve(TWO, status, Command(verb="resume"), 70).status
    assert resumed.phase is Phase.PROMOTING


def test_where_the_spec_asks_for_fewer_people_meanwhile_a_person_may_say_it_again():
    three = gated({"approvals": 3})
    status = approve(three, held(), approval("alice"), 60).status
    status = approve(three, status, approval("bob"), 61).status
    opened = approve(TWO, status, approval("bob", reason="now two are enough"), 62).status
    assert opened.phase is Phase.PROMOTING
    assert [each.user for each in opened.run.approved_by] == ["alice", "bob"]


def test_approvals_that_a_hand_wrote_into_the_status_open_nothing_by_themselves():
    written = tuple(Approval(gate=GATE, user=user, at=at(0)) for user in ("x", "y", "z"))
    status = held(approved_by=written)
    waiting = decided(TWO, status, given(policy=CHECKED), at(60)).status
    assert waiting.phase is Phase.WAITING_PROMOTION
