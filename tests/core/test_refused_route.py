"""A route that whoever routes by it refuses: no weight is moved that nobody would follow."""

from typing import Any

import pytest

from canary.api.status import CanaryStatus, Outcome, Pause, Phase, Stage
from canary.core import waits
from canary.core.actions import RouteTraffic, ScaleTarget
from canary.core.facts import Facts
from canary.core.traffic import Seen, Traffic
from tests.builders import NEW, a_primary, a_run, a_spec, a_status, a_workload, at, some_facts
from tests.core.deciding import decided, reason, up

SAID = "example.com/gateway reports Accepted=False for parent public: NoMatchingParent"


def refused(**fields: Any) -> Facts:
    return up(refusal=SAID, **fields)


def in_run(weight: int = 20, **fields: Any) -> CanaryStatus:
    return a_status(Phase.PROGRESSING, weight=weight, **fields)


@pytest.mark.parametrize("weight", [0, 20], ids=["before the first step", "at a step"])
def test_holds_the_weight_and_says_why(weight):
    routed = Seen(weight=weight)
    held = decided(a_spec(), in_run(weight), refused(routed=routed), at(60))
    assert (held.status.canary_weight, reason(held)) == (weight, waits.ROUTE_REFUSED)
    assert held.status.waiting_for.message == f"waiting for the route to be accepted: {SAID}"
    assert held.status.condition("Stalled").status == "True"
    assert RouteTraffic(traffic=Traffic(weight=weight)) in held.actions
    again = decided(a_spec(), held.status, refused(routed=routed), at(61))
    assert (again.status, again.wake_at) == (held.status, at(360))
    assert [notice.reason for notice in again.status.notices] == ["RouteRefused"]


def test_is_an_alert_once_where_it_lasts():
    spec, held = a_spec(), decided(a_spec(), in_run(), refused(), at(60))
    early = decided(spec, held.status, refused(), at(359))
    assert [each.alert for each in early.status.notices] == [False]
    late = decided(spec, early.status, refused(), at(360))
    (_, alert) = late.status.notices
    assert (alert.reason, alert.alert, alert.severity) == ("RouteRefused", True, "warn")
    assert alert.message == f"Still holding after 5m: waiting for the route to be accepted: {SAID}"
    again = decided(spec, late.status, refused(), at(400))
    assert (len(again.status.notices), again.wake_at) == (2, at(660))
    taken = decided(spec, again.status, up(), at(401))
    assert taken.status.stage.name is not Stage.REFUSED


def test_asks_nobody_meanwhile():
    asked = []
    decided(a_spec(), in_run(), refused(), at(60), asked=asked)
    assert asked == []


def test_goes_on_as_soon_as_the_route_is_taken():
    held = decided(a_spec(), in_run(), refused(), at(60))
    moved = decided(a_spec(), held.status, up(), at(61))
    assert moved.status.canary_weight > 20
    assert reason(moved) == waits.ANALYSIS_DUE


def test_is_rolled_back_at_the_deadline_with_what_was_said():
    held = decided(a_spec(), in_run(), refused(), at(60))
    late = decided(a_spec(), held.status, refused(), at(660))
    assert (late.status.phase, late.status.canary_weight) == (Phase.FAILED, 0)
    assert late.status.history[0].outcome == Outcome.ROLLED_BACK
    assert late.status.history[0].reason == "RouteRefused"
    assert late.status.history[0].message == (
        f"Timed out waiting for the route to be accepted: {SAID}"
    )
    assert RouteTraffic(traffic=Traffic()) in late.actions


def test_a_person_who_has_paused_the_run_is_heard_first():
    paused = in_run(paused=Pause(since=at(0), by="alice"))
    assert reason(decided(a_spec(), paused, refused(), at(60))) == waits.PAUSED


@pytest.mark.parametrize(("facts", "parked"), [(refused, False), (up, True)])
def test_the_target_of_a_failed_run_keeps_its_pods_until_the_route_is_taken(facts, parked):
    """Proxies that refuse the route go on as they were told before."""
    status = a_status(Phase.FAILED)
    decision = decided(a_spec(), status, facts(routed=Seen()), at(60))
    assert (ScaleTarget(replicas=0) in decision.actions) is parked


def test_the_canary_is_not_drained_before_the_route_to_the_promoted_primary_is_taken():
    status = a_status(Phase.FINALISING, last_promoted_spec=NEW, run=a_run(), last_applied_spec=NEW)
    primary = a_primary(NEW)
    held = decided(a_spec(), status, refused(primary=primary, routed=Seen()), at(60))
    assert (held.status.phase, reason(held)) == (Phase.FINALISING, waits.ROUTING)
    assert SAID in held.status.waiting_for.message
    drained = decided(a_spec(), held.status, up(primary=primary, routed=Seen()), at(61))
    assert reason(drained) == waits.DRAINING


def test_the_target_serves_on_until_the_first_route_is_taken():
    facts = {"target": a_workload(), "primary": a_primary(), "routed": Seen()}
    held = decided(a_spec(), CanaryStatus(), some_facts(refusal=SAID, **facts), at(0))
    assert (held.status.phase, reason(held)) == (Phase.INITIALIZING, waits.ROUTING)
    assert SAID in held.status.waiting_for.message
    assert not any(isinstance(action, ScaleTarget) for action in held.actions)
    draining = decided(a_spec(), held.status, some_facts(**facts), at(1))
    assert reason(draining) == waits.DRAINING
