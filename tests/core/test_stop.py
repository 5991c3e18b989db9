"""A stop: nothing goes on while a DeliveryPolicy says so, and whatever goes back does."""

from typing import Any

import pytest

from analysis.model import Verdict
from canary.api.status import CanaryStatus, Outcome, Phase, Stage, StageRecord
from canary.core import waits
from canary.core.actions import EnsurePrimary, EnsureServices, RouteTraffic
from canary.core.facts import Command, Revision
from canary.core.needs import Need
from canary.core.situation import Decision
from tests.builders import (
    NEW,
    OLD,
    a_policy,
    a_primary,
    a_run,
    a_spec,
    a_status,
    at,
    some_facts,
)
from tests.core.deciding import decided, message, reason, up

INCIDENT = {"reason": "INC-4711", "by": "alice"}
HELD = a_policy(stop=INCIDENT)
ROLLED_BACK = a_policy(stop={**INCIDENT, "mode": "RollBack"})
UNREADABLE = a_policy(unreadable="waiting for DeliveryPolicy ops/stop to be corrected")
ALL_HOOKS = ("confirm-rollout", "pre-rollout", "confirm-traffic-increase", "confirm-promotion")


def hooked(**fields: Any) -> Any:
    hooks = [{"name": each, "type": each, "url": "http://hooks.example/"} for each in ALL_HOOKS]
    return a_spec(analysis={"webhooks": hooks}, **fields)


def stopped(status: CanaryStatus, policy: Any = HELD, **fields: Any) -> Decision:
    spec = fields.pop("spec", a_spec())
    return decided(spec, status, up(policies=(policy,), **fields), at(60))


def in_run(weight: int = 20, **fields: Any) -> CanaryStatus:
    return a_status(Phase.PROGRESSING, weight=weight, **fields)


@pytest.mark.parametrize(
    ("before", "phase"),
    [
        (a_status(), Phase.WAITING),
        (a_status(Phase.WAITING), Phase.WAITING),
        (in_run(0), Phase.PROGRESSING),
        (in_run(), Phase.PROGRESSING),
        (in_run(60), Phase.PROGRESSING),
    ],
)
def test_while_stopped_no_run_starts_gets_more_traffic_or_is_promoted_and_it_says_who_and_why(
    before, phase
):
    kept = stopped(before)
    assert (kept.status.phase, kept.status.canary_weight) == (phase, before.canary_weight)
    assert reason(kept) == waits.STOPPED
    assert message(kept) == "stopped by alice with DeliveryPolicy ops/stop: INC-4711"
    free = decided(a_spec(), kept.status, up(), at(120))
    assert free.status.phase is not phase or free.status.canary_weight > before.canary_weight


@pytest.mark.parametrize("before", [a_status(), a_status(Phase.WAITING), in_run(0)])
def test_no_hook_is_called_for_what_is_stopped(before):
    asked: list[Need] = []
    kept = decided(hooked(), before, up(policies=(HELD,)), at(60), asked=asked)
    assert (reason(kept), asked) == (waits.STOPPED, [])


def test_a_stopped_run_is_judged_on_and_rolled_back_as_ever():
    kept = stopped(in_run())
    assert kept.wake_at is not None
    bad = in_run(failed_checks=4)
    failing = decided(a_spec(), bad, up(policies=(HELD,)), at(60), Verdict.FAIL)
    assert failing.status.history[0].outcome == Outcome.ROLLED_BACK


def test_a_stop_is_told_once_and_has_no_deadline():
    kept = stopped(in_run())
    assert [each.reason for each in kept.status.notices] == ["Stopped"]
    wait = kept.status.waiting_for
    assert wait is not None
    assert wait.deadline is None
    years = decided(a_spec(), kept.status, up(policies=(HELD,)), at(10**8))
    assert (years.status.phase, reason(years)) == (Phase.PROGRESSING, waits.STOPPED)
    assert [each.reason for each in years.status.notices] == ["Stopped"]


def test_neither_a_person_who_promotes_nor_a_way_back_passes_a_stop():
    run = a_run(full_promotion=True, pre_rollout_passed=True)
    assert reason(stopped(in_run(run=run))) == waits.STOPPED
    known = a_run(known_good=True)
    assert reason(stopped(a_status(Phase.WAITING, run=known))) == waits.STOPPED


@pytest.mark.parametrize("policy", [HELD, UNREADABLE])
@pytest.mark.parametrize("verb", ["promote", "skip", "expedite"])
def test_a_command_that_could_only_act_after_the_stop_is_refused_and_says_who_stops_it(
    policy, verb
):
    limit = a_policy(name="shop/limit", maxConcurrent=1)
    status = in_run()
    command = Command(verb=verb, value="@bob")
    refused = decided(a_spec(), status, up(policies=(policy, limit), commands=(command,)), at(60))
    (record,) = refused.status.commands
    assert (record.verb, record.accepted) == (verb, False)
    assert record.message.startswith(message(refused))
    run = refused.status.run
    assert run is not None
    assert (run.full_promotion, run.expedited, run.next_step) == (False, "", None)


@pytest.mark.parametrize("policy", [HELD, ROLLED_BACK, UNREADABLE])
def test_a_return_to_the_promoted_revision_an_abort_and_a_deletion_pass_a_stop(policy):
    back = stopped(in_run(), policy, revision=Revision(id=OLD))
    assert (back.status.phase, back.status.canary_weight) == (Phase.SUCCEEDED, 0)
    aborted = stopped(
        in_run(), a_policy(stop=INCIDENT), commands=(Command(verb="abort", value="@bob"),)
    )
    assert aborted.status.phase is Phase.FAILED
    assert stopped(in_run(), policy, deleting=True).status.phase is Phase.TERMINATING


def test_a_promotion_that_has_begun_is_finished():
    promoting = a_status(Phase.PROMOTING, weight=100)
    for policy in (HELD, ROLLED_BACK):
        decision = stopped(promoting, policy, primary=a_primary(revision=NEW))
        assert decision.status.phase in {Phase.PROMOTING, Phase.FINALISING}
        assert decision.status.canary_weight == 0


@pytest.mark.parametrize(
    "before", [in_run(0), in_run(), a_status(Phase.WAITING_PROMOTION, weight=60)]
)
def test_a_stop_that_rolls_back_ends_every_run_that_has_begun(before):
    decision = stopped(before, ROLLED_BACK, spec=a_spec(analysis={"stepWeightRollback": 5}))
    assert (decision.status.phase, decision.status.canary_weight) == (Phase.FAILED, 0)
    last = decision.status.history[0]
    assert (last.outcome, last.reason) == (Outcome.ROLLED_BACK, "Stopped")
    assert last.message == "stopped by alice with DeliveryPolicy ops/stop: INC-4711"


def test_a_paused_run_is_rolled_back_too_and_one_that_has_not_started_waits():
    paused = stopped(in_run(paused={"by": "bob", "since": at(0)}), ROLLED_BACK)
    assert paused.status.phase is Phase.FAILED
    for before in (a_status(), a_status(Phase.WAITING)):
        waiting = stopped(before, ROLLED_BACK)
        assert (waiting.status.phase, reason(waiting)) == (Phase.WAITING, waits.STOPPED)
    # A newer revision ends the run that is under way, and does not start itself.
    newer = stopped(in_run(), ROLLED_BACK, revision=Revision(id="1-newer"))
    assert (newer.status.phase, newer.status.canary_weight) == (Phase.WAITING, 0)


def test_the_policies_are_asked_in_their_order_and_the_first_that_stops_is_shown():
    other = a_policy(name="shop/freeze", stop={"reason": "audit"})
    decision = decided(a_spec(), in_run(), up(policies=(UNREADABLE, other, HELD)), at(60))
    assert message(decision) == "stopped with DeliveryPolicy shop/freeze: audit"
    free = a_policy(selector={"matchLabels": {"tier": "one"}})
    assert stopped(in_run(), free).status.canary_weight == 40


def test_a_policy_that_cannot_be_read_withholds_every_step_and_rolls_nothing_back():
    for before in (a_status(), in_run()):
        kept = stopped(before, UNREADABLE)
        assert (reason(kept), message(kept)) == (waits.POLICY_UNREADABLE, UNREADABLE.unreadable)
        assert kept.status.canary_weight == before.canary_weight
        assert [each.severity for each in kept.status.notices] == ["warn"]
    again = decided(a_spec(), kept.status, up(policies=(UNREADABLE,)), at(120))
    assert len(again.status.notices) == 1
    week = decided(a_spec(), again.status, up(policies=(UNREADABLE,)), at(8 * 24 * 3600))
    assert week.status.history[0].reason == waits.POLICY_UNREADABLE


# --- the initialisation ---

NEW_CANARY = a_status(Phase.NEW, last_promoted_spec="", last_applied_spec="")
FOUND = {"primary": None, "routed": None}


@pytest.mark.parametrize("policy", [HELD, ROLLED_BACK, UNREADABLE])
def test_a_new_canary_is_not_initialised_while_stopped_and_nothing_is_made_for_it(policy):
    held = decided(a_spec(), NEW_CANARY, some_facts(policies=(policy,), **FOUND), at(60))
    assert (held.status.phase, held.status.stage and held.status.stage.name) == (
        Phase.INITIALIZING,
        Stage.WITHHELD,
    )
    assert reason(held) in {waits.STOPPED, waits.POLICY_UNREADABLE}
    made = (EnsurePrimary, EnsureServices, RouteTraffic)
    assert not [each for each in held.actions if isinstance(each, made)]
    free = decided(a_spec(), held.status, some_facts(**FOUND), at(61))
    assert [each for each in free.actions if isinstance(each, EnsurePrimary)]


def test_an_initialisation_that_is_held_keeps_the_primary_that_is_there():
    status = a_status(Phase.INITIALIZING, last_promoted_spec="", last_applied_spec=OLD)
    held = decided(a_spec(), status, some_facts(policies=(HELD,), routed=None), at(60))
    assert reason(held) == waits.STOPPED
    assert [each for each in held.actions if isinstance(each, EnsurePrimary)]
    assert not [each for each in held.actions if isinstance(each, RouteTraffic)]


def test_clients_that_are_on_their_way_to_the_primary_arrive_there():
    status = a_status(
        Phase.INITIALIZING,
        last_promoted_spec="",
        last_applied_spec=OLD,
        stage=StageRecord(name=Stage.ROUTING, since=at(0)),
    )
    going_on = decided(a_spec(), status, some_facts(policies=(HELD,), routed=None), at(60))
    assert reason(going_on) == waits.ROUTING


def test_the_clock_of_a_gate_does_not_run_while_stopped():
    shut = {"confirm-traffic-increase": False}
    gated = decided(hooked(), in_run(), up(), at(60), hooks=shut)
    assert reason(gated) == waits.TRAFFIC_GATE
    kept = decided(hooked(), gated.status, up(policies=(HELD,)), at(120), hooks=shut)
    assert reason(kept) == waits.STOPPED
    again = decided(hooked(), kept.status, up(), at(200), hooks=shut)
    assert again.status.run is not None
    since = {each.reason: each.since for each in again.status.run.holds}
    assert since[waits.TRAFFIC_GATE] == at(140)
