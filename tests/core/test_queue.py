"""The queue: a run starts with a place of every policy that limits how many run at once."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from canary.api.policy_status import DeliveryPolicyStatus, Grant
from canary.api.status import CanaryStatus, Outcome, Phase
from canary.core import waits
from canary.core.facts import BindingPolicy, Command, Revision
from canary.core.grants import Claim
from canary.core.leave import FLEET, PATIENCE
from canary.core.needs import Need
from canary.core.peers import CanaryName
from canary.core.situation import Decision
from tests.builders import OLD, a_dependency, a_peer, a_policy, a_run, a_spec, a_status, at
from tests.core.deciding import decided, message, reason, up

UID = "me"


def limiting(
    limit: int = 1,
    *running: str,
    name: str = "shop/limit",
    run: int = 1,
    before: str | None = None,
    stuck: str = "",
) -> BindingPolicy:
    """Build a policy that has granted places, each to the Canary of a UID."""
    grants = tuple(Grant(canary=f"shop/{each}", uid=each, run=run) for each in running)
    return BindingPolicy(
        name=name,
        spec=a_policy(maxConcurrent=limit).spec,
        status=DeliveryPolicyStatus(running=grants),
        before=before,
        under_way=tuple(f"shop/{each}" for each in running),
        stuck=stuck,
    )


def asked(
    status: CanaryStatus, *policies: BindingPolicy, now: datetime | None = None, **facts: Any
) -> Decision:
    spec = facts.pop("spec", a_spec())
    return decided(spec, status, up(uid=UID, policies=policies, **facts), now or at(60))


def waiting(**fields: Any) -> CanaryStatus:
    return a_status(Phase.WAITING, runs=1, run=a_run(**fields))


def in_line(policy: str) -> CanaryStatus:
    return asked(waiting(), limiting(name=policy)).status


def claim(status: CanaryStatus, **spec: Any) -> Claim:
    return Claim.of(CanaryName("shop", UID), UID, status, a_spec(**spec))


def test_a_run_without_a_place_waits_and_starts_when_it_has_one():
    held = asked(a_status(runs=0), limiting())
    assert (held.status.phase, reason(held)) == (Phase.WAITING, waits.QUEUED)
    assert message(held) == ("waiting for a place: DeliveryPolicy shop/limit allows 1 run at once")
    assert (held.status.runs, held.status.canary_weight) == (1, 0)
    started = asked(held.status, limiting(1, UID))
    assert started.status.phase is Phase.PROGRESSING
    assert started.status.run is not None
    assert (started.status.run.queue, started.status.run.holds[0].reason) == (
        "",
        waits.CANARY_NOT_READY,
    )


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (limiting(2, "a", "b"), "allows 2 runs at once"),
        (limiting(2, "a", "b", before="shop/cart"), "allows 2 runs at once; next after shop/cart"),
        (limiting(before=""), "allows 1 run at once; next in line"),
        (limiting(1, "a", before=""), "at once; next in line; under way: shop/a"),
        (
            limiting(5, *"abcde", before=""),
            "allows 5 runs at once; next in line; under way: shop/a, shop/b, shop/c and 2 more",
        ),
        (
            limiting(before="shop/cart", stuck="403 Forbidden"),
            "allows 1 run at once, but its status cannot be written: 403 Forbidden",
        ),
    ],
)
def test_a_run_in_line_says_who_is_before_it(policy, said):
    assert message(asked(waiting(), policy)).endswith(said)


@pytest.mark.parametrize("run", [0, 2])
def test_a_place_of_another_run_of_the_canary_is_none(run):
    assert reason(asked(waiting(), limiting(1, UID, run=run))) == waits.QUEUED


def test_a_newer_revision_during_a_run_asks_anew():
    status = a_status(Phase.PROGRESSING, weight=20, runs=1)
    held = asked(status, limiting(1, UID), revision=Revision(id="newer"))
    assert (held.status.phase, reason(held)) == (Phase.WAITING, waits.QUEUED)
    assert (held.status.runs, held.status.canary_weight) == (2, 0)


def test_a_run_under_way_and_one_at_rest_need_no_place():
    running = asked(a_status(Phase.PROGRESSING, weight=20), limiting())
    assert reason(running) == waits.ANALYSIS_DUE
    assert reason(asked(a_status(Phase.SUCCEEDED), limiting(), revision=Revision(id=OLD))) == ""


def test_a_way_back_waits_in_no_line():
    assert asked(waiting(known_good=True), limiting()).status.phase is Phase.PROGRESSING


def test_a_run_that_a_person_promotes_waits_for_its_place():
    held = asked(waiting(), limiting(), commands=(Command(verb="promote", value="@alice"),))
    assert reason(held) == waits.QUEUED


def test_the_last_policy_is_asked_first_so_no_team_has_places_that_it_cannot_use():
    cluster, team = limiting(5, name="ops/all"), limiting(1, "a", name="shop/team")
    held = asked(waiting(), cluster, team)
    assert "DeliveryPolicy shop/team" in message(held)
    assert held.status.run is not None
    assert held.status.run.queue == "shop/team"
    held = asked(held.status, cluster, limiting(1, UID, name="shop/team"))
    assert "DeliveryPolicy ops/all" in message(held)
    assert held.status.run is not None
    assert held.status.run.queue == "ops/all"
    done = asked(held.status, limiting(5, UID, name="ops/all"), limiting(1, UID, name="shop/team"))
    assert done.status.phase is Phase.PROGRESSING


def test_a_run_waits_for_what_it_depends_on_outside_of_the_line():
    dependency = a_dependency(a_peer("db"))
    held = asked(waiting(), limiting(), dependencies=(dependency,))
    assert reason(held) == waits.DEPENDENCY
    assert claim(held.status).asks == ""


def test_no_hook_is_called_for_a_run_in_line_and_no_gate_has_its_clock():
    needs: list[Need] = []
    hook = {"name": "gate", "type": "confirm-rollout", "url": "http://hooks.example/"}
    spec = a_spec(analysis={"webhooks": [hook]})
    held = decided(spec, waiting(), up(uid=UID, policies=(limiting(),)), at(60), asked=needs)
    assert (reason(held), needs) == (waits.QUEUED, [])
    assert held.status.run is not None
    assert [each.reason for each in held.status.run.holds] == [waits.QUEUED]


def test_a_line_has_no_other_deadline_than_patience():
    spec = a_spec(analysis={"holdTimeout": "10m"})
    status = asked(waiting(), limiting(), spec=spec).status
    late = asked(status, limiting(), spec=spec, now=at(60) + PATIENCE - timedelta(minutes=1))
    assert reason(late) == waits.QUEUED
    ended = asked(late.status, limiting(), spec=spec, now=at(60) + PATIENCE)
    assert ended.status.phase is Phase.FAILED
    record = ended.status.history[0]
    assert (record.outcome, record.reason) == (Outcome.ROLLED_BACK, waits.QUEUED)


def test_the_line_is_the_last_rule_of_the_fleet_that_keeps_a_run_from_starting():
    assert FLEET.index(waits.QUEUED) > FLEET.index(waits.DEPENDENCY)
    assert FLEET.index(waits.QUEUED) == FLEET.index(waits.GROUP) - 1


class TestAClaim:
    """What a policy reads of a Canary."""

    def test_asks_of_the_policy_in_whose_line_it_waits(self):
        status = in_line("shop/limit")
        found = claim(status, priority=7)
        assert (found.asks, found.run, found.underway, found.started) == (
            "shop/limit",
            1,
            True,
            False,
        )
        assert found.priority == 7
        assert status.run is not None
        assert found.since == status.run.started_at

    @pytest.mark.parametrize(
        "held",
        [
            {"policies": (a_policy(stop={"reason": "INC-1"}), limiting())},
            {"policies": (limiting(),), "spec": a_spec(suspend=True)},
        ],
    )
    def test_asks_for_nothing_while_something_else_holds_the_start(self, held):
        policies = held["policies"]
        spec = held.get("spec", a_spec())
        status = asked(in_line("shop/limit"), *policies, spec=spec).status
        assert (claim(status).asks, claim(status).underway) == ("", True)

    def test_asks_for_nothing_while_the_run_is_paused(self):
        pause = Command(verb="pause", value="@alice")
        status = asked(in_line("shop/limit"), limiting(), commands=(pause,)).status
        assert claim(status).asks == ""

    def test_asks_for_nothing_while_its_spec_is_invalid(self):
        status = in_line("shop/limit")
        assert claim(status.but(state="Invalid")).asks == ""
        assert Claim.of(CanaryName("shop", UID), UID, status, None).asks == ""

    def test_of_a_run_that_has_started_and_of_none(self):
        found = claim(a_status(Phase.PROGRESSING, runs=3))
        assert (found.run, found.underway, found.started, found.asks) == (3, True, True, "")
        found = claim(a_status(Phase.FAILED, runs=3))
        assert (found.run, found.underway, found.started, found.place) == (3, False, False, UID)

    def test_asks_of_a_policy_whose_name_is_as_long_as_kubernetes_has_them(self):
        name = f"{'n' * 63}/{'p' * 253}"
        assert claim(in_line(name)).asks == name

    def test_of_those_that_go_together_is_for_one_place(self):
        status = a_status(Phase.WAITING, release="r2")
        assert claim(status, group={"name": "checkout"}).place == ("shop", "checkout", "r2")
        assert claim(a_status(Phase.WAITING), group={"name": "checkout"}).place == UID
        assert claim(status).place == UID
