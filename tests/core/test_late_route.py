"""A route that could not be written yet: what has had no traffic is neither judged nor passed by."""

from datetime import timedelta

from analysis.model import Verdict
from canary.api.people import WebhookType
from canary.api.status import Hold, Outcome, Phase
from canary.core import waits
from canary.core.actions import RouteTraffic
from canary.core.traffic import Seen, Traffic
from tests.builders import NEW, a_primary, a_run, a_spec, a_status, at
from tests.core.deciding import decided, message, reason, up

AT_20 = a_status(Phase.PROGRESSING, weight=20)


def test_a_step_whose_route_is_not_written_is_not_judged_and_not_skipped():
    asked = []
    held = decided(a_spec(), AT_20, up(routed=Seen()), at(60), Verdict.PASS, asked=asked)
    assert (held.status.canary_weight, reason(held), asked) == (20, waits.ROUTING, [])
    assert RouteTraffic(traffic=Traffic(weight=20)) in held.actions
    again = decided(a_spec(), held.status, up(routed=Seen()), at(80))
    assert (again.status, again.wake_at) == (held.status, at(90))
    told = decided(a_spec(), held.status, up(routed=Seen()), at(90))
    assert decided(a_spec(), told.status, up(routed=Seen()), at(91)).wake_at == at(660)


def test_once_it_is_written_a_whole_interval_of_traffic_is_judged():
    held = decided(a_spec(), AT_20, up(routed=Seen()), at(60))
    routed = up(routed=Seen(weight=20))
    asked = []
    come = decided(a_spec(), held.status, routed, at(90), asked=asked)
    assert (come.status.canary_weight, reason(come), asked) == (20, waits.ANALYSIS_DUE, [])
    due = come.status.run.next_analysis_at
    assert due == at(90) + a_spec().analysis.interval
    moved = decided(a_spec(), come.status, routed, due)
    assert moved.status.canary_weight > 20


def test_proxies_that_follow_late_have_their_time_before_a_step_is_judged():
    late = timedelta(seconds=90)
    held = decided(a_spec(), AT_20, up(routed=Seen()), at(60))
    come = decided(a_spec(), held.status, up(routed=Seen(weight=20), settling=late), at(90))
    assert come.status.run.next_analysis_at == at(180)
    moved = decided(a_spec(), come.status, up(routed=Seen(weight=20), settling=late), at(180))
    assert moved.status.canary_weight > 20
    assert moved.status.run.next_analysis_at == at(270)


def test_a_route_that_cannot_be_written_in_time_ends_the_run():
    facts = up(routed=Seen(), obstacle="the gateway is locked")
    held = decided(a_spec(), AT_20, facts, at(60))
    ended = decided(a_spec(), held.status, facts, at(660))
    assert (ended.status.phase, ended.status.canary_weight) == (Phase.FAILED, 0)
    (run, *_) = ended.status.history
    assert (run.outcome, run.reason) == (Outcome.ROLLED_BACK, waits.ROUTING)
    assert "the gateway is locked" in run.message


def test_without_its_route_the_canary_is_not_judged_while_none_can_be_made():
    gone = up(routed=None, obstacle="VirtualService shop has no rule api: name one that is there")
    asked = []
    held = decided(a_spec(), AT_20, gone, at(60), Verdict.PASS, asked=asked)
    assert (held.status.canary_weight, reason(held), asked) == (20, waits.ROUTING, [])
    assert "has no rule api" in message(held)
    ended = decided(a_spec(), held.status, gone, at(660))
    assert (ended.status.history[0].outcome, ended.status.canary_weight) == (Outcome.ROLLED_BACK, 0)
    back = decided(a_spec(), held.status, up(routed=Seen(weight=20)), at(90), asked=asked)
    assert (reason(back), asked) == (waits.ANALYSIS_DUE, [])


def test_a_canary_that_is_meant_to_have_no_traffic_is_judged_without_a_route():
    spec = a_spec(analysis={"iterations": 2})
    run = a_run(pre_rollout_passed=True, step=1, next_analysis_at=at(60))
    beside = a_status(Phase.PROGRESSING, run=run)
    gone = up(routed=None, obstacle="the gateway is locked")
    assert decided(spec, beside, gone, at(60)).status.run.passes == 1


def test_a_step_back_to_the_primary_is_not_skipped_either():
    spec = a_spec(analysis={"stepWeightPromotion": 40})
    status = a_status(Phase.PROMOTING, weight=30)
    late = up(primary=a_primary(NEW), routed=Seen(weight=60))
    held = decided(spec, status, late, at(60))
    assert (held.status.phase, held.status.canary_weight) == (Phase.PROMOTING, 30)
    assert RouteTraffic(traffic=Traffic(weight=30)) in held.actions
    # However long that takes, it costs no further write, which a controller that dies after each
    # write would make instead of the route's.
    assert decided(spec, held.status, late, at(80)).status == held.status
    routed = up(primary=a_primary(NEW), routed=Seen(weight=30))
    came = decided(spec, held.status, routed, at(81))
    assert (came.status.canary_weight, reason(came)) == (30, waits.TRAFFIC_RETURNING)
    gone_on = decided(spec, came.status, routed, came.status.run.next_analysis_at)
    assert gone_on.status.phase is Phase.FINALISING


def test_a_gate_that_is_opened_by_hand_lets_nothing_pass_before_its_route_is_written():
    gate = {"type": "confirm-traffic-increase", "name": "by-hand"}
    spec = a_spec(analysis={"webhooks": [gate]})
    run = a_run(
        analysis_passed=True,
        approvals=(WebhookType.CONFIRM_TRAFFIC_INCREASE,),
        holds=(Hold(reason=waits.TRAFFIC_GATE, since=at(0)),),
    )
    status = a_status(Phase.PROGRESSING, weight=20, run=run)
    held = decided(spec, status, up(routed=Seen()), at(60))
    assert (held.status.canary_weight, reason(held)) == (20, waits.ROUTING)
    moved = decided(spec, held.status, up(routed=Seen(weight=20)), at(61))
    assert moved.status.canary_weight > 20
