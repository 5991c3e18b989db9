"""Sides behind one service: no request is led to a side whose pods lack the label that it selects by."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from canary.api.status import CanaryStatus, FormerNames, Names, Phase, Stage, StageRecord
from canary.core import waits
from canary.core.actions import (
    EnsurePrimary,
    EnsureServices,
    GiveBack,
    RestoreRoutes,
    RouteTraffic,
    Side,
)
from canary.core.facts import Facts, Former, Policy, Revision
from canary.core.situation import Decision
from canary.core.subsets import leads_to_both
from canary.core.traffic import Seen, Traffic
from tests.builders import (
    NEW,
    OLD,
    T0,
    a_primary,
    a_run,
    a_spec,
    a_status,
    a_workload,
    at,
    some_facts,
)
from tests.core.deciding import decided, message, reason

LABEL = "tidegate.dev/service: podinfo"
PROVIDER = "istio:subsets"
BARE = a_workload(lacking=LABEL)
FORMER = Former(service="podinfo", provider=PROVIDER, routes=True, by_subsets=True)


def subsets(**fields: Any) -> Facts:
    """Build facts of a Canary at rest whose router tells the sides apart behind one service."""
    rest = {"by_subsets": True, "provider": PROVIDER, "routed": Seen()}
    return some_facts(**(rest | fields))


def fresh(**fields: Any) -> Facts:
    """Build the same of one that was never seen before."""
    return subsets(**({"target": a_workload(), "primary": None, "routed": None} | fields))


def in_run(**fields: Any) -> Facts:
    return subsets(**({"target": a_workload(), "revision": Revision(id=NEW)} | fields))


def actions(decision: Decision, *kinds: type) -> list[Any]:
    return [each for each in decision.actions if isinstance(each, kinds)]


class TestInitialising:
    def test_nothing_is_made_of_a_target_without_the_label_and_its_user_is_told_once(self) -> None:
        held = decided(a_spec(), CanaryStatus(), fresh(target=BARE), at(0))
        assert (held.status.phase, reason(held)) == (Phase.INITIALIZING, waits.LABEL_MISSING)
        assert message(held) == (
            f"the pod template of podinfo lacks the label {LABEL}, by which the apex service selects "
            f"the pods of both sides: add it there, or name another router than {PROVIDER}"
        )
        assert not actions(held, EnsurePrimary, EnsureServices, RouteTraffic)
        later = decided(a_spec(), held.status, fresh(target=BARE), at(1))
        told = [each.reason for each in later.status.notices]
        assert told.count(waits.LABEL_MISSING) == 1
        assert not later.status.last_applied_spec
        given = decided(a_spec(), later.status, fresh(), at(2))
        assert EnsurePrimary(revision=OLD, replicas=2) in given.actions

    def test_a_primary_that_is_there_stays_as_it_is_meanwhile(self) -> None:
        status = a_status(Phase.INITIALIZING, last_promoted_spec="")
        held = decided(a_spec(), status, fresh(target=BARE, primary=a_primary()), at(0))
        assert reason(held) == waits.LABEL_MISSING
        assert held.status.last_applied_spec == OLD
        assert EnsureServices(apex=None) in held.actions

    @pytest.mark.parametrize(
        ("routed", "revision"),
        [
            pytest.param(None, NEW, id="it has no clients, and is given the label"),
            pytest.param(Seen(), OLD, id="it has clients, and keeps what they meet"),
        ],
    )
    def test_a_primary_without_the_label_is_given_it_unless_clients_would_meet_what_is_new(
        self, routed: Seen | None, revision: str
    ) -> None:
        facts = fresh(primary=a_primary(lacking=LABEL), revision=Revision(id=NEW), routed=routed)
        decision = decided(a_spec(), CanaryStatus(), facts, at(0))
        assert decision.status.last_applied_spec == revision
        assert not any(each.shared for each in actions(decision, EnsureServices))

    def test_the_service_leads_to_both_when_the_primary_is_ready_and_the_route_follows(
        self,
    ) -> None:
        status = a_status(Phase.INITIALIZING, last_promoted_spec="")
        short = fresh(primary=a_primary(available=1))
        assert EnsureServices(apex=None) in decided(a_spec(), status, short, at(60)).actions
        ready = fresh(primary=a_primary())
        known = decided(a_spec(), status, ready, at(60))
        assert (reason(known), known.wake_at) == (waits.PROPAGATING, at(61))
        assert EnsureServices(apex=None, shared=True) in known.actions
        assert not actions(known, RouteTraffic)
        still = decided(a_spec(), known.status, ready, at(69))
        assert (reason(still), still.wake_at) == (waits.PROPAGATING, at(70))
        routing = decided(a_spec(), still.status, ready, at(70))
        assert reason(routing) == waits.ROUTING
        assert EnsureServices(apex=Side.PRIMARY, shared=True) in routing.actions
        assert RouteTraffic(traffic=Traffic()) in routing.actions
        # Clients that are on their way arrive, whatever the target has lost by then.
        lost = decided(a_spec(), routing.status, replace(ready, target=BARE), at(71))
        assert reason(lost) == waits.ROUTING


class TestARun:
    @pytest.mark.parametrize(
        ("sides", "said"),
        [
            pytest.param({"target": BARE}, "the pod template of podinfo lacks", id="the target"),
            pytest.param(
                {"primary": a_primary(lacking=LABEL)},
                "promote a revision with the label, and then name istio:subsets",
                id="the primary",
            ),
        ],
    )
    def test_does_not_begin_while_a_side_lacks_the_label(
        self, sides: dict[str, Any], said: str
    ) -> None:
        held = decided(a_spec(), a_status(), in_run(**sides), at(0))
        assert (held.status.phase, reason(held)) == (Phase.WAITING, waits.LABEL_MISSING)
        assert said in message(held)
        assert RouteTraffic(traffic=Traffic()) in held.actions
        again = decided(a_spec(), held.status, in_run(**sides), at(60))
        told = [each.reason for each in again.status.notices]
        assert told.count(waits.LABEL_MISSING) == 1
        assert decided(a_spec(), again.status, in_run(), at(61)).status.phase is Phase.PROGRESSING

    def test_gives_all_traffic_back_when_its_next_revision_lacks_the_label(self) -> None:
        status = a_status(Phase.PROGRESSING, weight=40)
        facts = in_run(target=BARE, revision=Revision(id="1-newest"), routed=Seen(weight=40))
        held = decided(a_spec(), status, facts, at(0))
        assert (held.status.phase, reason(held)) == (Phase.WAITING, waits.LABEL_MISSING)
        assert held.status.canary_weight == 0
        assert RouteTraffic(traffic=Traffic()) in held.actions

    def test_whose_primary_has_lost_the_label_leads_no_request_to_its_canary(self) -> None:
        status = a_status(Phase.PROGRESSING, weight=40)
        facts = in_run(primary=a_primary(lacking=LABEL), routed=Seen(weight=40))
        decision = decided(a_spec(), status, facts, at(0))
        assert decision.status.canary_weight == 0
        assert RouteTraffic(traffic=Traffic()) in decision.actions
        assert EnsureServices(apex=Side.PRIMARY) in decision.actions
        assert "the pods of podinfo-primary lack the label" in message(decision)
        assert any(
            "the primary serves all traffic" in each.message for each in decision.status.notices
        )

    def test_without_a_primary_begins_as_its_target_is_all_that_can_serve(self) -> None:
        decision = decided(a_spec(), a_status(), in_run(primary=None, target=BARE), at(0))
        assert decision.status.phase is Phase.PROGRESSING
        assert not any(each.traffic.weight for each in actions(decision, RouteTraffic))


def test_at_rest_it_is_said_that_no_run_could_begin() -> None:
    decision = decided(a_spec(), a_status(), subsets(primary=a_primary(lacking=LABEL)), at(0))
    assert (decision.status.phase, reason(decision)) == (Phase.SUCCEEDED, waits.LABEL_MISSING)


@pytest.mark.parametrize(
    ("leads", "fields"),
    [
        pytest.param(True, {}, id="both sides have the label"),
        pytest.param(False, {"by_subsets": False}, id="the sides have services"),
        pytest.param(
            True, {"by_subsets": False, "former": (FORMER,)}, id="a former route is by subsets"
        ),
        pytest.param(
            False,
            {"by_subsets": False, "former": (replace(FORMER, routes=False),)},
            id="which is gone",
        ),
        pytest.param(True, {"primary": None}, id="the primary is gone"),
        pytest.param(False, {"primary": a_primary(lacking=LABEL)}, id="the primary lacks it"),
        pytest.param(False, {"primary": a_primary(total=3)}, id="an old pod may lack it"),
        pytest.param(
            True,
            {"primary": a_primary(total=3), "status": a_status(Phase.PROMOTING, weight=60)},
            id="the canary has traffic, so that the old ones have it",
        ),
        pytest.param(
            False, {"status": a_status(Phase.INITIALIZING)}, id="the primary is not ready yet"
        ),
        pytest.param(
            True,
            {
                "status": a_status(
                    Phase.INITIALIZING, stage=StageRecord(name=Stage.PROPAGATING, since=T0)
                )
            },
            id="proxies learn of it",
        ),
    ],
)
def test_the_apex_service_leads_to_both_sides_where_no_request_is_lost_by_it(
    leads: bool, fields: dict[str, Any]
) -> None:
    usual = {"status": a_status(), "primary": a_primary(), "former": (), "by_subsets": True}
    case = usual | fields
    status, primary, former = case["status"], case["primary"], case["former"]
    assert leads_to_both(status, primary, former, by_subsets=case["by_subsets"]) is leads


def test_the_route_goes_before_the_service_leads_to_the_target_and_before_its_rule() -> None:
    target = {"target": a_workload(), "deleting": True}
    first = decided(a_spec(), a_status(), subsets(**target), at(0))
    assert first.actions == (RestoreRoutes(alone=True),)
    gone = subsets(**target, routed=None)
    followed = decided(a_spec(), first.status, gone, at(1))
    assert followed.actions == (RestoreRoutes(alone=True),)
    due = decided(a_spec(), followed.status, gone, at(10))
    assert due.actions == (EnsureServices(apex=Side.TARGET), RestoreRoutes())
    back = decided(a_spec(), due.status, replace(gone, restored=True), at(11))
    assert reason(back) == waits.DRAINING


def test_a_route_of_its_user_that_leads_to_the_sides_is_waited_for_until_the_deadline() -> None:
    status = a_status(Phase.TERMINATING, stage=StageRecord(name=Stage.RESTORING, since=T0))
    facts = subsets(target=a_workload(), deleting=True)
    before = decided(a_spec(), status, facts, at(599))
    assert actions(before, RestoreRoutes) == [RestoreRoutes(alone=True)]
    late = decided(a_spec(), status, facts, at(600))
    assert late.actions == (EnsureServices(apex=Side.TARGET), RestoreRoutes())
    # One that cannot be written is a route that leads on to the subsets.
    held = decided(a_spec(), status, replace(facts, obstacle="no rights"), at(600))
    assert actions(held, RestoreRoutes) == [RestoreRoutes(alone=True)]


def test_of_one_that_never_served_everything_is_given_back_at_once() -> None:
    facts = subsets(target=a_workload(), primary=None, routed=None, deleting=True)
    decision = decided(a_spec(), a_status(last_promoted_spec=""), facts, at(0))
    assert decision.actions == (EnsureServices(apex=Side.TARGET), RestoreRoutes())


@pytest.mark.parametrize(("before", "after"), [("istio", PROVIDER), (PROVIDER, "istio")])
def test_between_two_ways_to_the_sides_proxies_learn_of_the_new_one_and_follow_it(
    before: str, after: str
) -> None:
    names = Names(
        kind="Deployment",
        target="podinfo",
        primary="podinfo-primary",
        service="podinfo",
        provider=before,
    )
    facts = subsets(
        by_subsets=after == PROVIDER, provider=after, policy=Policy(drain=timedelta(seconds=10))
    )
    status = a_status(names=names)
    # What the former route was is not read yet.
    first = decided(a_spec(), status, facts, at(0))
    left = Former(
        service="podinfo",
        provider=before,
        routes=True,
        services=True,
        by_subsets=before == PROVIDER,
    )
    seen = replace(facts, former=(left,))
    learning = decided(a_spec(), first.status, seen, at(9))
    assert not actions(first, RouteTraffic) + actions(learning, RouteTraffic)
    assert all(each.shared for each in actions(learning, EnsureServices))
    assert learning.wake_at == at(10)
    routed = decided(a_spec(), learning.status, seen, at(10))
    assert actions(routed, RouteTraffic) == [RouteTraffic(traffic=Traffic())]
    assert (actions(routed, GiveBack), routed.wake_at) == ([], at(20))
    due = decided(a_spec(), routed.status, seen, at(20))
    assert [each.services for each in actions(due, GiveBack)] == [False]


def test_of_a_service_with_another_name_the_route_comes_at_once() -> None:
    former = FormerNames(service="shop", provider="istio", since=T0)
    left = Former(service="shop", provider="istio", routes=True)
    status = a_status(former_names=(former,), run=a_run())
    decision = decided(a_spec(), status, subsets(former=(left,)), at(1))
    assert RouteTraffic(traffic=Traffic()) in decision.actions
