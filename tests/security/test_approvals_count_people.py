"""S11: a gate that takes two people is not opened by one, whatever is written into an approval."""

import pytest

from canary.api.status import Phase
from canary.core.facts import Command, Policy
from canary.core.signature import LONGEST
from tests.core.test_approvals import TWO, approval, approve, held, refusal
from tests.security.hostile import HOSTILE

FORGED = {
    "a user's name and nothing more": "@bob",
    "two names in one": "@alice via cli at x @bob via cli at x",
    "a name behind a blank": " @bob via cli at 2026-01-01T00:00:00Z",
    "no name": "@ via cli at 2026-01-01T00:00:00Z",
    "no tool": "@bob via at 2026-01-01T00:00:00Z",
    "no time": "@bob via cli at ",
}


@pytest.mark.parametrize("text", [*FORGED.values(), *HOSTILE.values()], ids=[*FORGED, *HOSTILE])
def test_an_approval_whose_signature_cannot_be_read_opens_nothing(text: str) -> None:
    first = approve(TWO, held(), approval("alice"), 60).status
    second = approve(TWO, first, Command(verb="approve", value=text[:LONGEST]), 61)
    assert second.status.phase is Phase.WAITING_PROMOTION
    assert [each.user for each in second.status.run.approved_by] == ["alice"]
    assert refusal(second)


def test_whatever_stands_behind_the_name_makes_no_other_person_of_it() -> None:
    status = approve(TWO, held(), approval("alice"), 60).status
    for place, reason in enumerate(("@bob via cli at 2026-01-01T00:00:00Z", " for x: y", "")):
        decision = approve(TWO, status, approval("alice", reason=reason), 61 + place)
        assert "alice has approved confirm-promotion already" in refusal(decision)
        status = decision.status
    assert status.phase is Phase.WAITING_PROMOTION


def test_an_approval_of_a_gate_that_is_over_opens_no_later_one() -> None:
    first = approve(TWO, held(), approval("alice"), 60).status
    stale = approve(TWO, first, approval("bob", gate="confirm-promotion/1/2"), 61)
    assert "is not shut" in refusal(stale)
    assert stale.status.phase is Phase.WAITING_PROMOTION


@pytest.mark.parametrize("users", [("alice", "bob"), ("bob", "alice", "carol")])
def test_names_count_only_where_the_api_server_checks_them(users: tuple[str, ...]) -> None:
    status = held()
    for place, user in enumerate(users):
        decision = approve(TWO, status, approval(user), 60 + place, policy=Policy())
        assert "--verified-commands" in refusal(decision)
        status = decision.status
    assert status.phase is Phase.WAITING_PROMOTION
