"""Openings: what the status of a DeliveryPolicy says of whether runs may start, and until when."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from canary.api.deliverypolicy import DeliveryPolicySpec
from canary.api.policy_status import DeliveryPolicyStatus, Grant, read_policy_status
from canary.core.calendar import HORIZON
from canary.core.facts import BindingPolicy
from canary.core.opening import Opening, decide_policy, opening
from tests.core.test_grants import a_claim

ZONE = ZoneInfo("Europe/Berlin")
"""An hour before UTC in January; the eighth of it was a Thursday."""
NOON = datetime(2026, 1, 8, 11, tzinfo=UTC)
OFFICE = {"name": "office", "kind": "Allow", "from": "08:00", "to": "16:00"}
LUNCH = {"name": "lunch", "kind": "Deny", "from": "12:00", "to": "13:00"}
MONDAYS = {**OFFICE, "name": "mondays", "days": ["Mon"]}
ALWAYS = {"name": "always", "kind": "Allow", "from": "00:00", "to": "00:00"}
NEVER = {**ALWAYS, "name": "never", "kind": "Deny"}
PAST = {"name": "past", "kind": "Deny", "since": "2025-12-20T00:00", "until": "2026-01-03T00:00"}
FAR = {"name": "far", "kind": "Deny", "since": "2027-06-01T00:00", "until": "2027-06-02T00:00"}
NO_PROMOTION = {**LUNCH, "covers": ["Advance", "Promote"]}
STOP = {"reason": "INC-4711"}


def at_hour(hour: int, day: int = 8) -> datetime:
    return datetime(2026, 1, day, hour, tzinfo=ZONE).astimezone(UTC)


def a_policy(
    *windows: dict[str, Any], status: DeliveryPolicyStatus | None = None, **spec: Any
) -> BindingPolicy:
    if windows:
        spec |= {"windows": windows, "timeZone": "Europe/Berlin"}
    return BindingPolicy(
        name="ops/limit",
        spec=DeliveryPolicySpec.model_validate(spec),
        zone=ZONE,
        status=status or DeliveryPolicyStatus(),
    )


def closed(reason: str, until: datetime | None = None, look_at: datetime | None = None) -> Opening:
    return Opening(open=False, reason=reason, next_change=until, look_at=look_at or until)


def is_open(until: datetime) -> Opening:
    return Opening(next_change=until, look_at=until)


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        pytest.param(a_policy(), Opening(), id="nothing closes it"),
        pytest.param(a_policy(maxConcurrent=1), Opening(), id="a limit is no closing"),
        pytest.param(a_policy(stop=STOP), closed("stopped: INC-4711"), id="a stop"),
        pytest.param(
            a_policy(stop={**STOP, "by": "alice"}),
            closed("stopped by alice: INC-4711"),
            id="a stop says who",
        ),
        pytest.param(
            a_policy(LUNCH, stop=STOP),
            closed("stopped: INC-4711"),
            id="a stop outlasts what its windows do",
        ),
        pytest.param(a_policy(OFFICE), is_open(at_hour(16)), id="open until a window ends"),
        pytest.param(
            a_policy(LUNCH), closed("frozen in window lunch", at_hour(13)), id="a window denies"
        ),
        pytest.param(
            a_policy(OFFICE, LUNCH),
            closed("frozen in window lunch", at_hour(13)),
            id="what denies beats what allows",
        ),
        pytest.param(
            a_policy(MONDAYS),
            closed("frozen outside of every window", at_hour(8, day=12)),
            id="none allows",
        ),
        pytest.param(
            a_policy(NO_PROMOTION), Opening(), id="a window for promotions lets runs start"
        ),
        pytest.param(
            a_policy(PAST), Opening(look_at=NOON + HORIZON), id="a window that has been and gone"
        ),
        pytest.param(
            a_policy(ALWAYS), Opening(look_at=NOON + HORIZON), id="a window that never ends"
        ),
        pytest.param(
            a_policy(NEVER),
            closed("frozen in window never", look_at=NOON + HORIZON),
            id="a window that never opens",
        ),
        pytest.param(
            a_policy(FAR), Opening(look_at=NOON + HORIZON), id="a window beyond what is looked at"
        ),
    ],
)
def test_a_policy_says_whether_runs_may_start_why_not_and_when_that_changes(policy, said):
    assert opening(policy, NOON) == said


@pytest.mark.parametrize("windows", [(OFFICE,), (LUNCH,), (OFFICE, LUNCH), (MONDAYS,), (FAR,)])
def test_what_is_said_holds_until_it_is_looked_at_again_and_changes_then_where_it_said_so(windows):
    policy, now = a_policy(*windows), NOON
    for _ in range(8):
        said = opening(policy, now)
        assert said.look_at is not None
        assert opening(policy, said.look_at - timedelta(minutes=1)).open is said.open
        if said.next_change is not None:
            assert said.next_change == said.look_at
            assert opening(policy, said.look_at).open is not said.open
        now = said.look_at


def test_the_status_has_the_opening_beside_the_places_and_is_read_back_as_it_was_written():
    line, said = decide_policy(a_policy(LUNCH, maxConcurrent=1), [a_claim("a"), a_claim("b")], NOON)
    assert line.status == DeliveryPolicyStatus(
        open=False,
        reason="frozen in window lunch",
        next_change=at_hour(13),
        running=(Grant(canary="shop/a", uid="a", run=1),),
        granted=1,
        queued=1,
    )
    assert said.look_at == at_hour(13)
    assert [each.uid for each in line.waiting] == ["b"]
    written = line.status.model_dump(mode="json", by_alias=True)
    assert written["nextChange"] == "2026-01-08T12:00:00.000000Z"
    assert read_policy_status(written) == line.status


def test_the_longest_stop_is_said_as_it_is_read_back():
    stop = {"reason": "r" * 256, "by": "b" * 253}
    line, _ = decide_policy(a_policy(stop=stop), [], NOON)
    assert read_policy_status(line.status.model_dump(mode="json", by_alias=True)) == line.status


def test_a_policy_that_closes_nothing_has_nothing_to_say():
    for spec in ({}, {"maxConcurrent": 3}, {"expedite": "Refused"}):
        line, said = decide_policy(a_policy(**spec), [], NOON)
        assert (line.status, said.look_at) == (DeliveryPolicyStatus(), None)
