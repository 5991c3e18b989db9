"""Names that change: the new objects come up first, then what was made before is given back."""

from dataclasses import replace
from datetime import timedelta

import pytest

from canary.api.canary import CanarySpec
from canary.api.status import CanaryStatus, FormerNames, Names, Phase
from canary.core import waits
from canary.core.actions import GiveBack, RouteFormer, RouteTraffic, ScaleTarget
from canary.core.facts import Facts, Former, Policy, Revision, UpdateStrategy
from canary.core.names import FORMER_KEPT
from canary.core.situation import Decision
from canary.core.traffic import Seen, Traffic
from tests.builders import NEW, a_run, a_spec, a_status, a_workload, at, some_facts
from tests.core.deciding import decided, message, reason

DRAIN = timedelta(seconds=10)
POLICY = Policy(drain=DRAIN)
OLD = Names(
    kind="Deployment",
    target="podinfo",
    primary="podinfo-primary",
    service="podinfo",
    provider="istio",
)
MOVED = a_spec(service={"port": 80, "name": "shop"})
ROUTED = some_facts(provider="istio", routed=Seen(), policy=POLICY)
LEFT = Former(service="podinfo", provider="istio", routes=True, services=True, apex=True)


def given_back(decision: Decision) -> list[GiveBack]:
    return [each for each in decision.actions if isinstance(each, GiveBack)]


def moved(facts: Facts = ROUTED, spec: CanarySpec = MOVED) -> Decision:
    return decided(spec, a_status(names=OLD), facts, at(0))


def former(status: CanaryStatus) -> list[tuple[str, str]]:
    return [(each.service, each.provider) for each in status.former_names]


def test_the_names_that_everything_is_made_under_are_remembered() -> None:
    decision = decided(a_spec(), a_status(names=None), ROUTED, at(0))
    assert decision.status.names == OLD
    assert decision.status.former_names == ()
    assert not decision.status.notices


def test_the_kind_is_remembered_once_a_workload_of_it_is_seen() -> None:
    status = a_status(Phase.INITIALIZING, names=None, last_promoted_spec="")
    early = decided(a_spec(), status, replace(ROUTED, target=None, primary=None), at(0))
    assert early.status.names == OLD.but(kind="")
    seen = decided(a_spec(), early.status, replace(ROUTED, primary=None), at(1))
    assert seen.status.names == OLD


def test_what_was_made_under_another_service_name_is_remembered_and_told_once() -> None:
    decision = moved()
    assert decision.status.names == OLD.but(service="shop")
    assert former(decision.status) == [("podinfo", "istio")]
    assert [each.reason for each in decision.status.notices] == ["NamesChanged"]
    assert "from service podinfo by istio to service shop" in decision.status.notices[0].message
    again = decided(MOVED, decision.status, replace(ROUTED, former=(LEFT,)), at(1))
    assert [each.reason for each in again.status.notices] == ["NamesChanged"]


def test_a_router_that_changes_leaves_a_route_as_well() -> None:
    decision = moved(replace(ROUTED, provider="gatewayapi:v1"), a_spec())
    assert former(decision.status) == [("podinfo", "istio")]
    assert decision.status.names == OLD.but(provider="gatewayapi:v1")


def test_a_user_s_object_that_changes_leaves_a_route_that_goes_when_the_new_one_serves() -> None:
    facts = replace(ROUTED, provider="nginx", routed_by=("ingressRef/shop",))
    web = OLD.but(provider="nginx", references=("ingressRef/web",))
    first = decided(a_spec(), a_status(names=web), facts, at(0))
    assert first.status.names == web.but(references=("ingressRef/shop",))
    assert [each.references for each in first.status.former_names] == [("ingressRef/web",)]
    assert "podinfo by nginx through ingressRef/web" in first.status.notices[0].message
    left = Former(
        service="podinfo",
        provider="nginx",
        references=("ingressRef/web",),
        routes=True,
        routed=Seen(weight=20),
    )
    route = replace(facts, former=(left,))
    moved = decided(a_spec(), first.status, route, at(1))
    back = RouteFormer(
        service="podinfo", provider="nginx", references=("ingressRef/web",), traffic=Traffic()
    )
    assert back in moved.actions
    due = decided(a_spec(), moved.status, route, at(10))
    assert [each.references for each in given_back(due)] == [("ingressRef/web",)]
    gone = replace(facts, former=(replace(left, routes=False, routed=None),))
    assert decided(a_spec(), due.status, gone, at(11)).status.former_names == ()


def test_references_that_an_earlier_release_did_not_remember_are_those_of_the_spec() -> None:
    facts = replace(ROUTED, provider="nginx", routed_by=("ingressRef/web",))
    decision = decided(a_spec(), a_status(names=OLD.but(provider="nginx")), facts, at(0))
    assert decision.status.names == OLD.but(provider="nginx", references=("ingressRef/web",))
    assert decision.status.former_names == ()


def test_a_route_of_its_own_is_left_for_managed_rules_of_the_users() -> None:
    facts = replace(ROUTED, routed_by=("managedRoutes/VirtualService/shop",))
    decision = decided(a_spec(), a_status(names=OLD), facts, at(0))
    assert former(decision.status) == [("podinfo", "istio")]
    assert "to service podinfo by istio through managedRoutes" in str(decision.status.notices[0])


def test_the_former_route_goes_when_the_new_one_serves_and_its_services_when_it_has_drained() -> (
    None
):
    facts = replace(ROUTED, former=(LEFT,))
    first = moved(replace(facts, routed=None))
    assert given_back(first) == []
    assert RouteTraffic(traffic=Traffic()) in first.actions
    early = decided(MOVED, first.status, facts, at(9))
    assert given_back(early) == []
    assert decided(MOVED, early.status, facts, at(9)).wake_at == at(10)
    due = decided(MOVED, early.status, facts, at(10))
    routes = GiveBack(service="podinfo", provider="istio", services=False)
    assert given_back(due) == [routes]
    gone = replace(facts, former=(replace(LEFT, routes=False),))
    restored = decided(MOVED, due.status, gone, at(11))
    assert restored.status.former_names[0].restored_at == at(11)
    assert given_back(restored) == []
    assert decided(MOVED, restored.status, gone, at(12)).wake_at == at(21)
    drained = decided(MOVED, restored.status, gone, at(21))
    assert given_back(drained) == [replace(routes, services=True)]


def test_a_former_apex_service_is_remembered_as_long_as_it_exists() -> None:
    names = FormerNames(service="podinfo", provider="istio", since=at(0), restored_at=at(11))
    status = a_status(names=OLD.but(service="shop"), former_names=(names,))
    apex = Former(service="podinfo", provider="istio", apex=True)
    kept = decided(MOVED, status, replace(ROUTED, former=(apex,)), at(100))
    assert kept.status.former_names == (names,)
    assert given_back(kept) == []
    assert decided(MOVED, kept.status, replace(ROUTED, former=(apex,)), at(100)).wake_at is None
    gone = replace(ROUTED, former=(Former(service="podinfo", provider="istio"),))
    assert decided(MOVED, kept.status, gone, at(101)).status.former_names == ()


def test_nothing_is_given_back_while_the_new_route_does_not_serve() -> None:
    names = FormerNames(service="podinfo", provider="istio", since=at(0))
    status = a_status(names=OLD.but(service="shop"), former_names=(names,))
    facts = replace(ROUTED, former=(LEFT,))
    for held in (
        replace(facts, routed=None),
        replace(facts, routed=Seen(weight=50)),
        replace(facts, refusal="no such gateway"),
        replace(facts, taken="Service test/shop-primary exists already"),
    ):
        assert given_back(decided(MOVED, status, held, at(100))) == []
    assert given_back(decided(MOVED, status, facts, at(100)))


def test_a_first_route_under_new_names_waits_until_they_are_free() -> None:
    names = FormerNames(service="podinfo", provider="istio", since=at(0))
    status = a_status(names=OLD.but(service="shop"), former_names=(names,))
    taken = replace(ROUTED, routed=None, taken="Service test/shop-primary exists already")
    actions = decided(MOVED, status, taken, at(1)).actions
    assert not any(isinstance(each, RouteTraffic) for each in actions)


def test_a_run_goes_on_at_its_weight_under_the_new_names() -> None:
    run = a_run(pre_rollout_passed=True, next_analysis_at=at(60))
    status = a_status(Phase.PROGRESSING, names=OLD, weight=50, run=run)
    facts = some_facts(
        provider="istio", routed=None, revision=Revision(id=NEW), target=a_workload()
    )
    decision = decided(MOVED, status, facts, at(0))
    assert decision.status.canary_weight == 50
    assert RouteTraffic(traffic=Traffic(weight=50)) in decision.actions
    assert former(decision.status) == [("podinfo", "istio")]


def test_names_that_are_taken_up_again_are_former_ones_no_more() -> None:
    away = moved()
    back = decided(a_spec(), away.status, replace(ROUTED, former=(LEFT,)), at(1))
    assert back.status.names == OLD
    assert former(back.status) == [("shop", "istio")]


def test_no_more_than_a_few_former_names_are_remembered() -> None:
    status = a_status(names=OLD)
    for number in range(10):
        spec = a_spec(service={"port": 80, "name": f"shop-{number}"})
        status = decided(spec, status, ROUTED, at(number)).status
    assert len(status.former_names) == FORMER_KEPT


def test_another_target_is_a_new_revision_for_the_primary_that_serves() -> None:
    spec = a_spec(targetRef={"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"})
    spec = spec.with_primary("podinfo-primary")
    status = a_status(names=OLD)
    decision = decided(spec, status, replace(ROUTED), at(0))
    assert decision.status.names == OLD.but(target="shop", service="shop")
    assert "TargetChanged" in [each.reason for each in decision.status.notices]


def test_another_target_behind_the_same_service_leaves_no_former_names() -> None:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}
    spec = a_spec(targetRef=target, service={"port": 80, "name": "podinfo"})
    decision = decided(spec.with_primary("podinfo-primary"), a_status(names=OLD), ROUTED, at(0))
    assert decision.status.former_names == ()
    assert [each.reason for each in decision.status.notices][:1] == ["TargetChanged"]


def test_a_primary_that_never_was_takes_its_name_from_the_target_of_now() -> None:
    spec = a_spec(targetRef={"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"})
    spec = spec.with_primary("podinfo-primary")
    status = a_status(Phase.INITIALIZING, names=OLD, last_promoted_spec="")
    early = decided(spec, status, replace(ROUTED, primary=None), at(0))
    assert early.status.names is not None
    assert early.status.names.primary == "shop-primary"
    begun = decided(spec, status, ROUTED, at(0))
    assert begun.status.names is not None
    assert begun.status.names.primary == "podinfo-primary"


def test_a_former_route_follows_the_traffic_until_it_is_given_back() -> None:
    names = FormerNames(service="podinfo", provider="istio", since=at(0))
    status = a_status(names=OLD.but(service="shop"), former_names=(names,), step_started_at=at(0))
    halfway = replace(LEFT, routed=Seen(weight=50))
    for routed, taken in ((None, "Service test/shop-primary exists already"), (Seen(), "")):
        facts = replace(
            ROUTED, routed=routed, taken=taken, former=(halfway,), target=a_workload(replicas=2)
        )
        decision = decided(MOVED, status, facts, at(100))
        back = RouteFormer(service="podinfo", provider="istio", traffic=Traffic())
        assert back in decision.actions
        # Nobody takes pods away that requests are still sent to.
        assert ScaleTarget(replicas=0) not in decision.actions
        returned = replace(facts, former=(replace(LEFT, routed=Seen()),))
        after = decided(MOVED, status, returned, at(100))
        assert back not in after.actions
        assert ScaleTarget(replicas=0) in after.actions


@pytest.mark.parametrize("left", [Seen(mirror=40), Seen(weight=10), Seen(weight=10, mirror=40)])
def test_a_former_route_leaves_a_canary_that_is_not_ready(left: Seen) -> None:
    names = FormerNames(service="podinfo", provider="istio", since=at(0))
    status = a_status(names=OLD.but(service="shop"), former_names=(names,), step_started_at=at(0))
    facts = replace(
        ROUTED, former=(replace(LEFT, routed=left),), target=a_workload(replicas=2, available=0)
    )
    back = RouteFormer(service="podinfo", provider="istio", traffic=Traffic())
    assert back in decided(MOVED, status, facts, at(1)).actions


def test_a_former_route_gives_the_canary_more_only_when_it_can_take_it() -> None:
    run = a_run(pre_rollout_passed=True, next_analysis_at=at(60))
    names = FormerNames(service="podinfo", provider="istio", since=at(0))
    status = a_status(
        Phase.PROGRESSING,
        names=OLD.but(service="shop"),
        former_names=(names,),
        weight=50,
        run=run,
    )
    more = RouteFormer(service="podinfo", provider="istio", traffic=Traffic(weight=50))
    left = (replace(LEFT, routed=Seen(weight=10)),)
    for target, asked in ((a_workload(), True), (a_workload(updated=1), False)):
        facts = some_facts(
            provider="istio",
            routed=Seen(weight=50),
            revision=Revision(id=NEW),
            target=target,
            former=left,
        )
        assert (more in decided(MOVED, status, facts, at(0)).actions) is asked


def test_a_primary_keeps_its_last_pod_while_a_former_route_leads_to_it() -> None:
    names = FormerNames(service="podinfo", provider="istio", since=at(0))
    everything = Seen(weight=100)
    status = a_status(
        Phase.PROMOTING,
        names=OLD.but(service="shop"),
        former_names=(names,),
        weight=100,
        run=a_run(),
        step_started_at=at(0),
    )
    facts = some_facts(
        provider="istio",
        routed=everything,
        revision=Revision(id=NEW),
        target=a_workload(strategy=UpdateStrategy(recreate=True)),
    )
    for former, expected in ((Seen(), "Routing"), (everything, "Draining")):
        seen = replace(facts, former=(replace(LEFT, routed=former),))
        waiting = decided(MOVED, status, seen, at(0)).status.waiting_for
        assert waiting is not None
        assert waiting.reason == expected


def test_former_names_that_a_hand_has_written_are_bounded_and_name_something() -> None:
    written = [FormerNames(service=f"s{number}", provider="x", since=at(0)) for number in range(99)]
    nothing = FormerNames(service="", provider="istio", since=at(0))
    status = a_status(names=OLD, former_names=(nothing, *written))
    kept = decided(a_spec(), status, ROUTED, at(1)).status.former_names
    assert kept == tuple(written[:FORMER_KEPT])


def test_a_former_route_that_cannot_be_read_keeps_the_targets_pods_and_is_said() -> None:
    names = FormerNames(service="podinfo", provider="istio", since=at(0))
    status = a_status(names=OLD.but(service="shop"), former_names=(names,), step_started_at=at(0))
    hidden = Former(service="podinfo", provider="istio", unknown=True, routes=True)
    facts = replace(ROUTED, former=(hidden,), target=a_workload(replicas=2))
    decision = decided(MOVED, status, facts, at(100))
    assert ScaleTarget(replicas=0) not in decision.actions
    assert former(decision.status) == [("podinfo", "istio")]
    assert reason(decision) == waits.FORMER_ROUTE_UNREADABLE
    assert "service podinfo by istio" in message(decision)
    read = replace(facts, former=(replace(hidden, unknown=False, routed=Seen()),))
    after = decided(MOVED, decision.status, read, at(101))
    assert ScaleTarget(replicas=0) in after.actions
    assert after.status.waiting_for is None


def test_the_former_route_goes_on_while_a_new_target_is_missing() -> None:
    names = FormerNames(service="podinfo", provider="istio", since=at(0))
    status = a_status(names=OLD.but(service="shop"), former_names=(names,))
    carrying = replace(LEFT, routed=Seen())
    facts = replace(ROUTED, routed=None, former=(carrying,), target=None, revision=None)
    first = decided(MOVED, a_status(names=OLD), replace(facts, former=()), at(0))
    assert not any(isinstance(each, RouteTraffic) for each in first.actions)
    missing = decided(MOVED, status, facts, at(100))
    assert reason(missing) == waits.TARGET_MISSING
    assert not any(isinstance(each, RouteTraffic) for each in missing.actions)
    assert given_back(missing) == []
    there = decided(MOVED, status, replace(facts, target=a_workload(replicas=0)), at(101))
    assert any(isinstance(each, RouteTraffic) for each in there.actions)
    # Where no former route is left, a route to what there is is better than none.
    gone = replace(facts, former=(replace(LEFT, routes=False),))
    alone = decided(MOVED, status, gone, at(100))
    assert any(isinstance(each, RouteTraffic) for each in alone.actions)
