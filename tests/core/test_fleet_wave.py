"""The wave: a run starts with the grant of its plan, and what is reported of a Canary to it."""

from datetime import timedelta
from typing import Any

import pytest

from canary.api.fleet_status import FleetCanary, FleetGrant
from canary.api.fleetreport import FleetState
from canary.api.status import INVALID_STATE, CanaryStatus, Outcome, Phase, RunRecord
from canary.core import waits
from canary.core.facts import Command, Image, PlanSeen, Revision
from canary.core.fleet_report import fleet_release, reported
from canary.core.images import recorded
from canary.core.leave import FLEET, WAVE_PATIENCE
from canary.core.peers import CanaryName
from canary.core.situation import Decision
from tests.builders import NEW, OLD, a_policy, a_run, a_spec, a_status, a_workload, at
from tests.core.deciding import decided, message, reason, up

SPEC = a_spec(fleet={"plan": "releases/shop"})
UID = "me"
CART = CanaryName("shop", "cart")


def granting(*, run: int = 1, **fields: Any) -> PlanSeen:
    """Build the plan that has granted a run of this Canary."""
    grant = FleetGrant(
        **({"cluster": "eu-1", "uid": UID, "release": "r2", "wave": "first", "at": at(0)} | fields),
        run=run,
    )
    return planned(release="r2", grants=(grant,))


def planned(*, away: str = "", **entry: Any) -> PlanSeen:
    return PlanSeen(cluster="eu-1", entry=FleetCanary(canary=str(CART), **entry), away=away)


def asked(status: CanaryStatus, plan: PlanSeen | None, now: float = 60, **facts: Any) -> Decision:
    target = facts.pop("target", a_workload(release="r2"))
    spec = facts.pop("spec", SPEC)
    return decided(spec, status, up(uid=UID, plan=plan, target=target, **facts), at(now))


def waiting(**fields: Any) -> CanaryStatus:
    return a_status(Phase.WAITING, runs=1, release="r2", run=a_run(**fields))


def test_a_run_waits_for_its_wave_and_starts_with_its_grant_which_it_keeps():
    held = asked(a_status(runs=0), planned(release="r2", message="wave first waits for test"))
    assert (held.status.phase, reason(held)) == (Phase.WAITING, waits.FLEET_WAVE)
    assert message(held) == "waiting for FleetPlan releases/shop: wave first waits for test"
    assert (held.status.runs, held.status.canary_weight) == (1, 0)
    started = asked(held.status, granting())
    assert started.status.phase is Phase.PROGRESSING
    assert started.status.run is not None
    assert started.status.run.wave == "first"
    # The hub is not needed from here on.
    on = asked(started.status, planned(away="refused"))
    assert (on.status.phase, reason(on)) != (Phase.WAITING, waits.FLEET_WAVE)


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (None, "this controller has no hub: give it --fleet-kubeconfig, or remove spec.fleet"),
        (PlanSeen(cluster="eu-1", exists=False), "there is none of that name on the hub"),
        (PlanSeen(cluster="eu-1"), "the coordinator has not seen this Canary yet"),
        (planned(release="r2"), "the coordinator has not decided yet"),
        (planned(), "release r2 is not the one that it rolls out"),
        (planned(release="r3"), "is not the one that it rolls out; the newest is r3"),
        (planned(release="r2", away="connection refused"), "cannot be asked: connection refused"),
        (granting(run=2), "the coordinator has not decided yet"),
        (granting(uid="another"), "the coordinator has not decided yet"),
        (granting(cluster="us-1"), "the coordinator has not decided yet"),
        (granting(release="r1"), "the coordinator has not decided yet"),
    ],
)
def test_no_plan_no_grant_of_this_very_run_and_no_hub_are_no_leave(plan, said):
    held = asked(waiting(), plan)
    assert (held.status.phase, reason(held)) == (Phase.WAITING, waits.FLEET_WAVE)
    assert said in message(held)


def test_a_grant_that_was_known_before_the_hub_went_away_is_none():
    seen = granting()
    away = PlanSeen(cluster=seen.cluster, entry=seen.entry, away="connection refused")
    assert reason(asked(waiting(), away)) == waits.FLEET_WAVE


def test_a_run_whose_release_cannot_be_told_waits():
    held = asked(
        a_status(Phase.WAITING, runs=1, run=a_run()), planned(release="r2"), target=a_workload()
    )
    assert "the release is not known" in message(held)


def test_a_canary_without_a_plan_starts_without_one():
    assert asked(waiting(), None, spec=a_spec()).status.phase is Phase.PROGRESSING


def test_a_run_that_is_overtaken_asks_again():
    running = asked(waiting(), granting()).status
    newer = asked(
        running,
        granting(),
        revision=Revision(id="newer"),
        target=a_workload(release="r3", generation=2),
    )
    assert (newer.status.phase, reason(newer)) == (Phase.WAITING, waits.FLEET_WAVE)
    assert (newer.status.runs, newer.status.run.wave if newer.status.run else "") == (2, "")
    again = asked(
        running,
        planned(
            release="r3",
            grants=(
                FleetGrant(cluster="eu-1", uid=UID, run=2, release="r3", wave="rest", at=at(0)),
            ),
        ),
        revision=Revision(id="newer"),
        target=a_workload(release="r3", generation=2),
    )
    assert again.status.phase is Phase.PROGRESSING
    assert again.status.run is not None
    assert again.status.run.wave == "rest"


def test_a_person_expedites_a_run_past_the_waves_of_its_plan():
    expedite = Command(verb="expedite", value="@alice via cli: the fix")
    started = asked(waiting(), planned(release="r2", away="refused"), commands=(expedite,))
    assert started.status.phase is Phase.PROGRESSING
    told = reported(CART, UID, started.status)
    assert (told.state, "alice" in told.expedited) == (FleetState.RUNNING, True)


def test_a_run_is_given_up_after_two_weeks_and_counts_as_no_rollback():
    held = asked(waiting(), planned(release="r2")).status
    last = WAVE_PATIENCE.total_seconds()
    assert asked(held, planned(release="r2"), last).status.phase is Phase.WAITING
    over = asked(held, planned(release="r2"), last + 61)
    assert over.status.phase is Phase.FAILED
    assert over.status.history[0].reason == waits.FLEET_WAVE
    assert reported(CART, UID, over.status).state is FleetState.HELD


def test_a_wave_is_asked_for_before_a_place_in_line():
    assert FLEET.index(waits.FLEET_WAVE) < FLEET.index(waits.QUEUED)
    assert timedelta(days=14) == WAVE_PATIENCE


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (a_status(Phase.NEW), FleetState.IDLE),
        (a_status(Phase.INITIALIZING), FleetState.IDLE),
        (a_status(Phase.INITIALIZED, last_applied_spec=OLD, last_promoted_spec=OLD), "Promoted"),
        (a_status(Phase.SUCCEEDED, last_applied_spec=OLD, last_promoted_spec=OLD), "Promoted"),
        (a_status(Phase.SUCCEEDED, last_applied_spec=NEW, last_promoted_spec=OLD), "Idle"),
        (a_status(Phase.WAITING), FleetState.HELD),
        (a_status(Phase.PROGRESSING), FleetState.RUNNING),
        (a_status(Phase.WAITING_PROMOTION), FleetState.RUNNING),
        (a_status(Phase.PROMOTING), FleetState.RUNNING),
        (a_status(Phase.FINALISING), FleetState.RUNNING),
        (a_status(Phase.FAILED), FleetState.ROLLED_BACK),
        (
            a_status(
                Phase.FAILED,
                history=(
                    RunRecord(revision=NEW, outcome=Outcome.ROLLED_BACK, reason="ChecksFailed"),
                ),
            ),
            FleetState.ROLLED_BACK,
        ),
        (a_status(Phase.TERMINATING), FleetState.IDLE),
    ],
)
def test_what_is_reported_is_how_far_the_canary_has_come(status, state):
    assert reported(CART, UID, status).state == state


def test_a_run_waits_for_its_wave_and_is_held_by_anything_else():
    held = asked(waiting(), planned(release="r2")).status
    told = reported(CART, UID, held)
    assert (told.state, told.canary, told.uid, told.run) == (
        FleetState.WAITING,
        "shop/cart",
        UID,
        1,
    )
    assert told.message == ""
    assert reported(CART, UID, held.but(state=INVALID_STATE)).state is FleetState.HELD
    suspended = asked(waiting(), None, spec=a_spec(fleet={"plan": "a/b"}, suspend=True)).status
    told = reported(CART, UID, suspended)
    assert (told.state, told.message) == (
        FleetState.HELD,
        "waiting until spec.suspend is false",
    )


def test_a_release_is_what_the_target_says_or_its_images_in_any_order():
    def of(*images: str, **fields: Any) -> str:
        given = recorded(Image(f"c{place}", each) for place, each in enumerate(images))
        return fleet_release(a_status(applied_images=given, **fields))

    assert of("app:1", release="2026.48") == "2026.48"
    assert of("app:1", "proxy:2") == of("proxy:2", "app:1")
    assert len({of("app:1"), of("app:2"), of("app:1", "proxy:2"), of("app:1proxy:2")}) == 4
    assert (len(of("app:1")), of()) == (16, "")


def test_a_run_that_waits_for_something_else_in_between_is_held():
    held = asked(waiting(), planned(release="r2")).status
    assert reported(CART, UID, held).state is FleetState.WAITING
    frozen = a_policy(
        timeZone="UTC", windows=[{"name": "always", "kind": "Deny", "from": "00:00", "to": "00:00"}]
    )
    between = asked(held, planned(release="r2"), policies=(frozen,))
    assert reason(between) == waits.FROZEN
    assert reported(CART, UID, between.status).state is FleetState.HELD
    again = asked(between.status, planned(release="r2"))
    assert reported(CART, UID, again.status).state is FleetState.WAITING
