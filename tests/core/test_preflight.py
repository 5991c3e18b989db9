"""What is at risk around a target holds a new Canary, and warns of one that serves already."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from canary.api.status import CanaryStatus, Phase, Preflight, RiskStatus
from canary.core.actions import EnsurePrimary, RouteTraffic
from canary.core.facts import Facts, Revision, Risk, Survey
from canary.core.preflight import AGAIN, preflight_due
from tests.builders import OLD, T0, a_spec, a_status, a_workload, some_facts
from tests.core.deciding import decided, reason

SPEC = a_spec()
RISK = Risk(
    kind="AuthorizationPolicy", name="shop", reason="SelectorsLost", message="said so", holds=True
)
WARNING = replace(RISK, kind="DestinationRule", reason="PolicyIgnored", holds=False)


def found(*risks: Risk, **fields: Any) -> Facts:
    """Give facts of a target that serves without a primary, with risks around it."""
    new: dict[str, Any] = {"target": a_workload(), "primary": None, "revision": Revision(id=OLD)}
    new |= {"survey": Survey(risks=risks)}
    return some_facts(**(new | fields))


def test_a_new_canary_is_held_before_anything_is_made():
    decision = decided(SPEC, CanaryStatus(), found(RISK), T0)
    assert reason(decision) == "SelectorsLost"
    wait = decision.status.waiting_for
    assert wait is not None
    assert wait.deadline is None
    assert "tidegate.dev/accept-risk: AuthorizationPolicy/shop" in wait.message
    assert not any(isinstance(each, EnsurePrimary | RouteTraffic) for each in decision.actions)
    assert {each.type: each.status for each in decision.status.conditions}["Stalled"] == "True"
    assert [(each.reason, each.alert) for each in decision.status.notices] == [
        ("SelectorsLost", True)
    ]


def test_it_goes_on_when_the_risk_is_accepted_or_gone():
    held = decided(SPEC, CanaryStatus(), found(RISK), T0).status
    accepted = found(survey=None, accepted_risks=frozenset({"AuthorizationPolicy/shop"}))
    for facts in (accepted, found()):
        decision = decided(SPEC, held, facts, T0 + timedelta(seconds=1))
        assert reason(decision) == "PrimaryUpdating"
        at_risk = decision.status.condition("AtRisk")
        assert at_risk is not None
        assert at_risk.status == "False"
        assert any(isinstance(each, EnsurePrimary) for each in decision.actions)


def test_it_is_told_once_and_looked_at_again_while_it_holds():
    held = decided(SPEC, CanaryStatus(), found(RISK), T0).status
    later = T0 + AGAIN
    assert not preflight_due(held, 1, later - timedelta(seconds=1))
    assert preflight_due(held, 1, later)
    assert preflight_due(held, 2, T0)
    assert preflight_due(held, 1, T0 - timedelta(hours=1)), "a moment that is still to come"
    again = decided(SPEC, held, found(RISK), later)
    assert len(again.status.notices) == 1
    settled = decided(SPEC, again.status, found(RISK, survey=None), later)
    assert settled.wake_at == later + AGAIN


def test_one_that_failed_to_initialise_is_held_with_nothing_pinned():
    status = a_status(Phase.FAILED, last_promoted_spec="", last_applied_spec=OLD)
    decision = decided(SPEC, status, found(RISK), T0)
    assert reason(decision) == "SelectorsLost"
    assert not any(isinstance(each, EnsurePrimary) for each in decision.actions)


@pytest.mark.parametrize("phase", [Phase.NEW, Phase.SUCCEEDED])
def test_where_a_primary_serves_already_it_is_only_warned(phase):
    status = CanaryStatus() if phase is Phase.NEW else a_status(phase)
    facts = some_facts(survey=Survey(risks=(RISK,)))
    decision = decided(SPEC, status, facts, T0)
    at_risk = decision.status.condition("AtRisk")
    assert at_risk is not None
    assert (at_risk.status, at_risk.reason, at_risk.message) == (
        "True",
        "SelectorsLost",
        "said so",
    )
    assert reason(decision) != "SelectorsLost"
    assert "SelectorsLost" in {each.reason for each in decision.status.notices}


def test_what_only_warns_holds_nobody():
    decision = decided(SPEC, CanaryStatus(), found(WARNING), T0)
    assert reason(decision) == "PrimaryUpdating"
    assert decision.status.condition("AtRisk") is not None


def test_a_target_without_risks_has_no_condition_and_is_asked_once():
    decision = decided(SPEC, CanaryStatus(), found(), T0)
    assert decision.status.condition("AtRisk") is None
    assert not preflight_due(decision.status, 1, T0 + 100 * AGAIN)


def test_what_is_kept_of_them_is_bounded():
    many = [replace(RISK, name=str(number) * 50, message="x" * 9999) for number in range(99)]
    facts = found(survey=Survey(risks=tuple(many), traffic_policy="y" * 9999))
    status = decided(SPEC, CanaryStatus(), facts, T0).status
    assert status.preflight is not None
    assert len(status.preflight.model_dump_json()) < 12_000
    assert len(status.model_dump_json()) < 60_000


def test_a_hold_that_was_edited_into_the_status_ends():
    edited = RiskStatus(object="A/b", reason="Odd", holds=True)
    status = CanaryStatus(preflight=Preflight(generation=1, at=T0, risks=(edited,)))
    assert reason(decided(SPEC, status, found(survey=None), T0)) == "PrimaryUpdating"


def test_who_applies_the_target_is_told_once_and_holds_nothing():
    facts = found(survey=Survey(gitops="Argo CD applies it"))
    first = decided(SPEC, CanaryStatus(), facts, T0)
    (told,) = [each for each in first.status.notices if each.reason == "UnderGitOps"]
    assert (told.message, told.alert) == ("Argo CD applies it", False)
    assert first.status.condition("AtRisk") is None
    assert reason(first) == "PrimaryUpdating"
    again = decided(SPEC, first.status.but(notices=()), facts, T0 + timedelta(seconds=1))
    assert "UnderGitOps" not in [each.reason for each in again.status.notices]
