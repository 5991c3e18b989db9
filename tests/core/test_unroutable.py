"""Routes that nobody can turn: nothing moves, nothing is scaled, and no clock goes on."""

from dataclasses import replace

import pytest

from canary.api.status import Phase, Stage, StageRecord
from canary.core import waits as why
from canary.core.actions import ClearCommands
from canary.core.facts import Command, Revision
from canary.core.traffic import Seen
from tests.builders import a_run, a_spec, a_status, a_workload, at, broken_metric, some_facts
from tests.core.deciding import decided, message, reason, up

AWAY = "the API server at routes:6443 refuses connections"
WHOSE = "VirtualService shop/cart belongs to Canary shop/cart of cluster us-1: delete that Canary"
UNTURNED = [{"routes_away": AWAY}, {"contested": WHOSE}]
"""The two ways in which a route cannot be turned."""

phases = pytest.mark.parametrize("phase", [each for each in Phase if each is not Phase.NEW])
unturned = pytest.mark.parametrize("facts", UNTURNED, ids=["away", "contested"])


def in_step(**fields):
    run = a_run(pre_rollout_passed=True, step=1, next_analysis_at=at(60))
    return a_status(Phase.PROGRESSING, weight=20, run=run, step_started_at=at(0)).but(**fields)


@unturned
@phases
def test_nothing_moves_and_nothing_is_written_in_any_phase(phase, facts):
    before = a_status(phase, weight=0 if phase is Phase.INITIALIZING else 20, run=a_run())
    newer = up(
        revision=Revision(id="1-newer"),
        target=a_workload(available=0),
        deleting=phase is Phase.TERMINATING,
        **facts,
    )
    decision = decided(a_spec(), before, newer, at(3600))
    assert decision.status.phase is phase
    assert decision.status.weights == before.weights
    assert not decision.actions


@unturned
def test_a_canary_that_is_deleted_gives_nothing_back_that_it_could_not(facts):
    decision = decided(a_spec(), a_status(Phase.SUCCEEDED), up(deleting=True, **facts), at(60))
    assert decision.status.phase is Phase.SUCCEEDED
    assert not decision.actions


def test_it_says_what_it_waits_for_and_calls_for_help_once_when_that_takes_too_long():
    spec, facts = a_spec(), up(routed=Seen(weight=20), routes_away=AWAY)
    early = decided(spec, in_step(), facts, at(60))
    assert (reason(early), early.wake_at) == (why.ROUTING, at(61))
    assert message(early) == f"waiting for the cluster of the routes: {AWAY}"
    later = decided(spec, early.status, facts, at(120))
    assert (reason(later), later.status.stage.since) == (why.ROUTING, at(60))
    late = decided(spec, later.status, facts, at(660))
    assert reason(late) == why.ROUTING_BLOCKED
    (told,) = [each for each in late.status.notices if each.reason == why.ROUTING_BLOCKED]
    assert told.alert
    still = decided(spec, late.status, facts, at(720))
    assert reason(still) == why.ROUTING_BLOCKED
    assert [n.reason for n in still.status.notices].count(why.ROUTING_BLOCKED) == 1


def test_another_owners_route_is_told_of_once_and_names_the_owner():
    spec, facts = a_spec(), up(routed=Seen(weight=20), contested=WHOSE)
    first = decided(spec, in_step(), facts, at(60))
    assert (reason(first), message(first)) == (why.ROUTE_CONTESTED, WHOSE)
    second = decided(spec, first.status, facts, at(120))
    assert [n.reason for n in second.status.notices].count(why.ROUTE_CONTESTED) == 1


def test_a_run_goes_on_where_it_was_and_has_lost_no_time():
    held = in_step(
        run=a_run(pre_rollout_passed=True, step=1, next_analysis_at=at(60), lasting_since=at(0))
    )
    away = decided(a_spec(), held, up(routed=Seen(weight=20), routes_away=AWAY), at(60)).status
    back = decided(a_spec(), away, up(routed=Seen(weight=20)), at(3660)).status
    assert back.stage is None or back.stage.name is not Stage.UNROUTABLE
    assert back.phase is Phase.PROGRESSING
    assert back.run.lasting_since >= at(3600)


def test_a_rollback_that_cannot_be_routed_is_routed_when_it_can_be():
    rolled_back = a_status(Phase.FAILED, last_applied_spec="1-bad")
    spec, exposed = a_spec(), {"revision": Revision(id="1-bad"), "routed": Seen(weight=20)}
    away = decided(spec, rolled_back, up(**exposed, routes_away=AWAY), at(60))
    assert not away.actions
    assert reason(away) == why.ROUTING
    back = decided(spec, away.status, up(**exposed), at(3600))
    names = [type(each).__name__ for each in back.actions]
    assert "RouteTraffic" in names
    assert "ScaleTarget" not in names


def test_one_at_rest_has_nothing_to_turn_and_is_not_written():
    rests = a_status(Phase.SUCCEEDED)
    resting = decided(a_spec(), rests, some_facts(), at(60)).status
    away = decided(a_spec(), resting, some_facts(routes_away=AWAY), at(61))
    assert away.status == resting
    assert not away.actions


def test_commands_that_are_done_are_cleared_all_the_same():
    command = Command(verb="pause", value="x")
    paused = decided(a_spec(), in_step(), up(routed=Seen(weight=20), commands=(command,)), at(30))
    away = up(routed=Seen(weight=20), commands=(command,), routes_away=AWAY)
    assert decided(a_spec(), paused.status, away, at(31)).actions == (
        ClearCommands(verbs=("pause",)),
    )


def test_a_stage_of_another_cluster_that_is_there_again_is_left_in_every_phase():
    for phase in Phase:
        if phase in {Phase.NEW, Phase.TERMINATING}:
            continue
        stage = StageRecord(name=Stage.UNROUTABLE, since=at(0))
        before = a_status(phase, run=a_run()).but(stage=stage)
        facts = replace(up(), references=(broken_metric(),))
        after = decided(a_spec(), before, facts, at(60)).status
        assert after.stage is None or after.stage.name is not Stage.UNROUTABLE, phase
