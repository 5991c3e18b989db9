"""Routes and Services that somebody else changes: put back, told once, and never a storm."""

from dataclasses import replace
from typing import Any

import pytest

from canary.api.status import CanaryStatus, Phase, Repair
from canary.core.actions import EnsureAutoscaler, EnsurePrimary, EnsureServices, RouteTraffic
from canary.core.decide import decide
from canary.core.drift import EPISODE
from canary.core.facts import Drift
from canary.core.needs import AskHooks
from canary.core.situation import Decision
from canary.core.traffic import Seen
from canary.core.upkeep import PAUSE, REPAIRS_KEPT
from canary.core.waits import CONTESTED
from tests.builders import a_spec, a_status, a_workload, at, some_facts
from tests.core.deciding import asked_for, decided, up

SECONDS = PAUSE.total_seconds()
WEIGHT = "spec.http[0].route[0].weight"
ROUTE = "VirtualService/podinfo"


def a_drift(version: str = "7", **fields: Any) -> Drift:
    route = {"kind": "VirtualService", "name": "podinfo", "fields": (WEIGHT,)}
    return Drift(**(route | {"changed_by": "argocd", "version": version} | fields))


def decide_at(seconds: float, status: CanaryStatus, *drifts: Drift) -> Decision:
    return decided(a_spec(), status, some_facts(drifts=drifts, routed=Seen()), at(seconds))


def told(decision: Decision) -> list[str]:
    return [each.reason for each in decision.status.notices]


def left(decision: Decision) -> tuple[frozenset[str], frozenset[str]]:
    """Give what is left alone of the services, and of the route."""
    (services,) = [each for each in decision.actions if isinstance(each, EnsureServices)]
    (route,) = [each for each in decision.actions if isinstance(each, RouteTraffic)]
    return services.left, route.left


NOTHING: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())
ALONE = (frozenset({ROUTE}), frozenset({ROUTE}))


@pytest.mark.parametrize(
    ("drift", "reason", "message"),
    [
        (
            a_drift(),
            "RouteChanged",
            f"argocd changed {WEIGHT} of VirtualService podinfo; it is put back",
        ),
        (
            a_drift(kind="Service", fields=("spec.selector.app",)),
            "ServiceChanged",
            "argocd changed spec.selector.app of Service podinfo; it is put back",
        ),
        (
            a_drift(fields=("a", "b", "c", "d"), changed_by=""),
            "RouteChanged",
            "someone changed a, b, c and 1 more of VirtualService podinfo; it is put back",
        ),
        (
            a_drift(fields=(), changed_by=""),
            "RouteChanged",
            "someone deleted VirtualService podinfo; it is made again",
        ),
    ],
    ids=["route", "service", "many fields", "deleted"],
)
def test_a_change_is_put_back_at_once_and_told_with_who_and_what(drift, reason, message):
    decision = decide_at(0, a_status(), drift)
    (notice,) = decision.status.notices
    assert (notice.reason, notice.message, notice.alert) == (reason, message, True)
    assert left(decision) == NOTHING
    # The write has not come through yet.
    again = decide_at(3, decision.status, drift)
    assert (told(again), left(again)) == ([reason], NOTHING)
    ready = again.status.condition("Ready")
    assert ready is not None
    assert ready.status == "True"


def fought(seconds: float = 1) -> Decision:
    """Decide about a route that was changed again so long after it was put back."""
    first = decide_at(0, a_status(), a_drift("7"))
    back = decide_at(0.5, first.status)
    return decide_at(seconds, back.status, a_drift("9"))


def test_who_changes_it_again_soon_contests_it_and_it_is_left_alone_for_a_while():
    second = fought()
    assert told(second) == ["RouteChanged", CONTESTED]
    assert second.status.notices[1].message == (
        f"argocd keeps changing {WEIGHT} of VirtualService podinfo: stop it, or exclude that "
        "there; it is put back at most every 10 s"
    )
    assert left(second) == ALONE
    third = decide_at(2, second.status, a_drift("10"))
    assert (told(third), left(third)) == (["RouteChanged", CONTESTED], ALONE)
    assert decide_at(3, third.status, a_drift("10")).wake_at == at(SECONDS)


def test_a_gitops_tool_that_contests_it_is_told_what_to_write_into_it() -> None:
    first = decide_at(0, a_status(), a_drift("7", changed_by="argocd-controller"))
    second = decide_at(1, first.status, a_drift("9", changed_by="argocd-controller"))
    message = second.status.notices[1].message
    assert "jsonPointers: [/spec/http]" in message
    assert message.endswith("; it is put back at most every 10 s")


def test_what_is_contested_is_put_back_when_its_pause_is_over_without_another_word():
    status = fought().status
    for number in range(1, 6):
        due = decide_at(SECONDS * number, status, a_drift(str(10 + number)))
        assert (told(due), left(due)) == (["RouteChanged", CONTESTED], NOTHING)
        status = decide_at(SECONDS * number + 1, due.status, a_drift(str(20 + number))).status
        assert left(decide_at(SECONDS * number + 2, status, a_drift(str(20 + number)))) == ALONE


def test_who_changes_it_again_after_the_pause_contests_it_and_it_is_put_back_at_once():
    decision = fought(180)
    assert (told(decision), left(decision)) == (["RouteChanged", CONTESTED], NOTHING)


def test_who_deletes_it_again_and_again_contests_it_too():
    first = decide_at(0, a_status(), a_drift("7 deleted", fields=(), changed_by=""))
    second = decide_at(1, first.status, a_drift("9 deleted", fields=(), changed_by=""))
    assert second.status.notices[1].message.startswith(
        "someone keeps deleting VirtualService podinfo: "
    )


def test_a_canary_at_rest_whose_route_is_contested_is_not_ready_until_it_is_left_alone():
    contested = decide_at(2, fought().status, a_drift("9"))
    stalled = contested.status.condition("Stalled")
    assert stalled is not None
    assert (stalled.status, stalled.reason) == ("True", CONTESTED)
    assert "Waiting for VirtualService podinfo to be left alone" in stalled.message
    due = decide_at(SECONDS, contested.status, a_drift("9"))
    quiet = decide_at(SECONDS + 5, due.status)
    over = at(SECONDS) + EPISODE
    assert quiet.wake_at == over
    settled = decide_at((over - at(0)).total_seconds(), quiet.status)
    assert settled.status.repairs == ()
    assert settled.status.waiting_for is None
    # What happens after that is another episode.
    assert told(decide_at(700, settled.status, a_drift("50")))[-1] == "RouteChanged"


def test_each_object_has_episodes_of_its_own_and_only_a_few_are_remembered():
    service = a_drift("8", kind="Service")
    both = decide_at(0, a_status(), a_drift(), service)
    assert told(both) == ["RouteChanged", "ServiceChanged"]
    again = decide_at(1, both.status, a_drift("9"), service)
    assert left(again) == ALONE
    many = [a_drift(str(number), name=f"route-{number}") for number in range(20)]
    assert len(decide_at(0, a_status(), *many).status.repairs) == REPAIRS_KEPT


def test_a_write_that_fails_for_long_is_told_once():
    first = decide_at(0, a_status(), a_drift())
    later = decide_at(EPISODE.total_seconds() + 60, first.status, a_drift())
    assert (told(later), left(later)) == (["RouteChanged"], NOTHING)


def test_a_weight_that_is_decided_is_written_whoever_contests_the_route():
    status = a_status(
        Phase.PROGRESSING,
        weight=20,
        repairs=(Repair(object=ROUTE, undone_at=at(59), undoing="7", contested=True),),
    )
    routed = {"routed": Seen(weight=20), "drifts": (a_drift("9"),)}
    held = decided(a_spec(), status, up(**routed, target=a_workload(available=1)), at(60))
    assert left(held) == ALONE
    lost = decided(a_spec(), status, up(**routed, target=a_workload(available=0)), at(60))
    assert lost.status.canary_weight == 0
    assert left(lost) == NOTHING
    # What is not remembered any more is put back when it is decided on anew.
    forgotten = decided(
        a_spec(), status.but(repairs=()), up(**routed, target=a_workload(available=0)), at(60)
    )
    assert left(forgotten) == NOTHING


def test_a_change_is_put_back_before_a_hook_is_asked_that_takes_its_time():
    hooks = [{"name": "load", "type": "rollout", "url": "http://hooks.example/"}]
    spec = a_spec(analysis={"webhooks": hooks})
    status = a_status(Phase.PROGRESSING, weight=20)
    facts = up(routed=Seen(weight=20), drifts=(a_drift(),))
    first = decide(spec, status, facts, at(60))
    assert isinstance(first, Decision)
    assert (told(first), left(first)) == (["RouteChanged"], NOTHING)
    assert isinstance(asked_for(spec, first.status, facts, at(61)), AskHooks)


@pytest.mark.parametrize("fields", [{"deleting": True}, {}], ids=["deleted", "suspended"])
def test_what_is_given_back_or_suspended_is_nobodys_to_keep(fields):
    spec = a_spec(suspend=not fields)
    facts = some_facts(drifts=(a_drift(),), **fields)
    decision = decided(spec, a_status(), facts, at(60))
    assert "RouteChanged" not in told(decision)
    assert decision.status.repairs == ()


def test_two_who_write_against_each_other_write_a_few_times_a_minute_and_not_all_the_time():
    """Somebody changes the route at every write."""
    status, writes = a_status(), 0
    for tenth in range(600):
        decision = decide_at(tenth / 10, status, a_drift(str(writes)))
        status, writes = decision.status, writes + (not left(decision)[1])
    assert 2 <= writes <= 1 + 60 / SECONDS
    assert told(decide_at(60, status, a_drift(str(writes)))) == ["RouteChanged", CONTESTED]


def test_a_primary_that_someone_keeps_taking_the_owner_from_is_left_alone_for_a_while() -> None:
    lost = Drift(
        kind="Deployment",
        name="podinfo-primary",
        fields=("metadata.ownerReferences",),
        version="ownerless 0",
    )
    facts = some_facts(drifts=(lost,))
    first = decided(a_spec(), a_status(), facts, at(0))
    assert [each.reason for each in first.status.notices] == ["PrimaryChanged"]
    assert any(isinstance(each, EnsurePrimary) for each in first.actions)
    again = replace(facts, drifts=(replace(lost, version="ownerless 1"),))
    contested = decided(a_spec(), first.status, again, at(1))
    assert not any(isinstance(each, EnsurePrimary) for each in contested.actions)
    due = decided(a_spec(), contested.status, again, at(SECONDS))
    assert any(isinstance(each, EnsurePrimary) for each in due.actions)


def test_an_autoscaler_that_is_contested_is_left_alone_for_a_while() -> None:
    reference = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "name": "podinfo",
    }
    spec = a_spec(autoscalerRef=reference)
    edited = Drift(
        kind="HorizontalPodAutoscaler",
        name="podinfo-primary",
        fields=("spec.maxReplicas",),
        version="1",
    )
    facts = some_facts(drifts=(edited,), autoscaler_minimum=1)
    first = decided(spec, a_status(), facts, at(0))
    assert [each.reason for each in first.status.notices] == ["AutoscalerChanged"]
    assert EnsureAutoscaler() in first.actions
    again = replace(facts, drifts=(replace(edited, version="2"),))
    contested = decided(spec, first.status, again, at(1))
    left = frozenset({"HorizontalPodAutoscaler/podinfo-primary"})
    assert EnsureAutoscaler(left=left) in contested.actions
