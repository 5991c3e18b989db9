"""Managed routes: what holds of every rule that tidegate splits in a route that its user keeps."""

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canary.api.canary import Canary
from canary.api.kinds import Manifest
from canary.api.service import GitOps
from canary.api.traffic import HttpMatch
from canary.core.traffic import Traffic
from canary.objects.ownership import GITOPS_ANNOTATIONS
from canary.routers import Router, router_for
from tests.routers.builders import a_canary, a_cluster, left_to_write, rendered, restored
from tests.routers.managing import (
    backend,
    connections,
    destination,
    gateway_route,
    lacking,
    managing,
    route_in,
    users_routes,
    virtual_service,
)
from tests.sampling import examples

RECORD = "tidegate.dev/managed-routes.podinfo"
HTTP = ("http apex", "http sides", "HTTPRoute apex", "HTTPRoute sides", "GRPCRoute sides")
every_route = pytest.mark.parametrize(
    ("canary", "route"), [pytest.param(*each[1:], id=each[0]) for each in users_routes()]
)
every_http_route = pytest.mark.parametrize(
    ("canary", "route"),
    [pytest.param(*each[1:], id=each[0]) for each in users_routes() if each[0] in HTTP],
)
few = settings(max_examples=examples(8))
BETA = HttpMatch.model_validate({"headers": {"x-beta": {"exact": "1"}}})
OTHERS = HttpMatch.model_validate({"headers": {"x-staff": {"exact": "1"}}})


def made(canary: Canary, route: Manifest, traffic: Traffic) -> Manifest:
    """Give the user's route as it is written for some traffic."""
    router = router_for(str(canary.spec.provider))
    return route_in(rendered(router, canary, a_cluster(router, canary, [route]), traffic))


def given_back(canary: Canary, route: Manifest) -> Manifest:
    """Give the user's route as it is written when the Canary goes."""
    router = router_for(str(canary.spec.provider))
    back = restored(router, canary, a_cluster(router, canary, [route]))
    assert not [key for key in back.remove if key.name == "shop"]
    return route_in(back.write)


def named_rules(route: Manifest) -> dict[str, Manifest]:
    """Give the rules of a route that have names."""
    spec = route["spec"]
    return {rule["name"]: rule for rule in spec.get("http") or spec["rules"] if "name" in rule}


def beside_weights(route: Manifest) -> Any:
    """Give a route without what of it is tidegate's: weights, and which side a backend is."""
    copy = deepcopy(route)
    copy["metadata"]["annotations"] = {"note": copy["metadata"]["annotations"]["note"]}
    text = json.dumps(copy["spec"], sort_keys=True)
    spec = json.loads(
        text.replace("podinfo-primary", "podinfo").replace("podinfo-canary", "podinfo")
    )
    for place in ("http", "tcp", "tls", "rules"):
        for rule in spec.get(place, ()):
            backends = rule.get("route") or rule.get("backendRefs") or []
            if "podinfo" in str(backends):
                for each in backends:
                    each.pop("weight", None)
                backends[1:] = []
    return copy | {"spec": spec}


class TestEveryManagedRoute:
    @every_route
    def test_its_canary_is_taken(self, canary: Canary, route: Manifest) -> None:
        router = router_for(str(canary.spec.provider))
        assert router.problems(canary) == ()
        assert router.ignored(canary) == ()

    @every_route
    def test_reads_back_every_weight_that_it_writes(self, canary: Canary, route: Manifest) -> None:
        router, now = router_for(str(canary.spec.provider)), route
        for percent in (0, 1, 20, 99, 100, 0):
            now = made(canary, now, Traffic(weight=percent))
            seen = router.read(canary, a_cluster(router, canary, [now]))
            assert seen is not None
            assert seen.does(Traffic(weight=percent))

    @every_route
    @few
    @given(weights=st.lists(st.integers(0, 100), min_size=1, max_size=3))
    def test_everything_else_stays_byte_for_byte(
        self, canary: Canary, route: Manifest, weights: list[int]
    ) -> None:
        now = route
        for weight in weights:
            now = made(canary, now, Traffic(weight=weight))
            assert beside_weights(now) == beside_weights(route)
        assert given_back(canary, now) == route

    @every_route
    def test_is_not_written_again_as_it_is(self, canary: Canary, route: Manifest) -> None:
        router = router_for(str(canary.spec.provider))
        cluster = a_cluster(router, canary, [made(canary, route, Traffic(weight=30))])
        assert "shop" not in str(left_to_write(router, canary, cluster, Traffic(weight=30)))
        assert "shop" in str(left_to_write(router, canary, cluster, Traffic(weight=40)))

    @every_http_route
    @few
    @given(
        weight=st.integers(0, 100), matched=st.booleans(), mirror=st.just(0) | st.integers(0, 100)
    )
    def test_says_all_traffic_that_it_is_able_to_and_gives_it_back(
        self, canary: Canary, route: Manifest, weight: int, mirror: int, *, matched: bool
    ) -> None:
        traffic = Traffic(weight=weight, match=(BETA, OTHERS) if matched else (), mirror=mirror)
        router = router_for(str(canary.spec.provider))
        assert router.abilities(canary).allow(traffic)
        now = made(canary, route, traffic)
        seen = router.read(canary, a_cluster(router, canary, [now]))
        assert seen is not None
        assert seen.does(traffic)
        assert seen.matched == matched or not seen.exposes_canary()
        assert made(canary, now, traffic) == now
        assert beside_weights(made(canary, now, Traffic())) == beside_weights(route)
        assert given_back(canary, now) == route

    @every_http_route
    def test_copies_nothing_in_a_step_for_those_who_match_after_one_that_copies(
        self, canary: Canary, route: Manifest
    ) -> None:
        for_some = Traffic(weight=100, match=(BETA,))
        copied = made(canary, route, Traffic(mirror=30))
        assert made(canary, copied, for_some) == made(canary, route, for_some)

    @every_route
    def test_mends_a_changed_weight_and_names_its_place(
        self, canary: Canary, route: Manifest
    ) -> None:
        router = router_for(str(canary.spec.provider))
        before = made(canary, route, Traffic(weight=30))
        text = json.dumps(before)
        found = json.loads(
            text.replace('"weight": 70', '"weight": 100').replace('"weight": 30', '"weight": 0')
        )
        cluster = a_cluster(router, canary, [found])
        wanted = router.render(canary, cluster, Traffic(weight=30))
        (render,) = (each for each in wanted if each.key.name == "shop")  # type: ignore[union-attr]
        places = render.changes(before, found)
        assert {each[-1] for each in places} == {"weight"}
        assert render.mended(found) == before

    @every_route
    @pytest.mark.parametrize(
        "spec", [{}, {"http": 1, "rules": "x"}, {"http": [None], "rules": [{}]}]
    )
    def test_reads_any_spec_without_failing(
        self, canary: Canary, route: Manifest, spec: Manifest
    ) -> None:
        router = router_for(str(canary.spec.provider))
        odd = route | {"spec": spec}
        assert router.read(canary, a_cluster(router, canary, [odd])) is None
        assert "has no rule" in lacking(canary, odd)
        assert not restored(router, canary, a_cluster(router, canary, [odd])).write


def test_without_a_named_rule_one_must_lead_to_the_app() -> None:
    canary = managing("istio", "VirtualService")
    said = (
        "has no rule that leads to Service podinfo alone: have one lead to Service podinfo, or to"
    )
    assert said in lacking(canary, virtual_service(destination("else")))


def test_a_rule_for_connections_may_match_by_hosts_alone() -> None:
    route = connections("tls", destination("podinfo"))
    route["spec"]["tls"][1]["match"] = [{"sniHosts": ["db.example.com"]}]
    canary = managing("istio", "VirtualService", {"sniHost": "db.example.com"})
    now = made(canary, route, Traffic(weight=20))
    assert [each["weight"] for each in now["spec"]["tls"][1]["route"]] == [80, 20]


def test_routes_of_another_kind_are_anothers() -> None:
    canary = a_canary(
        "istio",
        managedRoutes=[
            {"kind": "HTTPRoute", "name": "web"},
            {"kind": "VirtualService", "name": "shop"},
        ],
    )
    assert [key.name for key in router_for("istio").objects(canary).edited] == ["shop"]


def test_a_managed_route_is_rejected_by_whoever_rejects_a_route_of_its_own() -> None:
    route = gateway_route("HTTPRoute", backend("podinfo"))
    route["metadata"]["generation"] = 1
    condition = {
        "type": "Accepted",
        "status": "False",
        "observedGeneration": 1,
        "reason": "NoMatchingParent",
        "message": "no such listener",
    }
    parent = {"name": "public", "namespace": "ingress"}
    said = {"parentRef": parent, "controllerName": "example.com/gateway", "conditions": [condition]}
    route["status"] = {"parents": [said]}
    assert "no such listener" in router_for("gatewayapi").refusal(route)


def test_a_route_that_is_not_there_is_waited_for_by_name() -> None:
    canary = managing("istio", "VirtualService", {"name": "api"})
    assert lacking(canary).startswith(
        "VirtualService test/shop does not exist: create it with a rule"
    )
    router = router_for("istio")
    assert router.read(canary, a_cluster(router, canary)) is None
    assert not restored(router, canary, a_cluster(router, canary)).write


class TestRulesFromOthersLosses:
    """Each of these was a loss of somebody's traffic or rules elsewhere."""

    def test_1_only_named_rules_are_touched_and_of_none_named_the_only_one(self) -> None:
        both = virtual_service(destination("podinfo"))
        both["spec"]["http"].append({"name": "web", "route": [destination("podinfo")]})
        named = managing("istio", "VirtualService", {"name": "api"})
        rules = named_rules(made(named, both, Traffic(weight=20)))
        assert rules["web"] == named_rules(both)["web"]
        unnamed = managing("istio", "VirtualService")
        assert "has several rules that lead to the app: api, web" in lacking(unnamed, both)
        only = made(unnamed, virtual_service(destination("podinfo")), Traffic(weight=20))
        assert [each["weight"] for each in named_rules(only)["api"]["route"]] == [80, 20]
        # It stays the one, though another leads there later.
        only["spec"]["http"].append({"name": "web", "route": [destination("podinfo")]})
        assert lacking(unnamed, only) == ""

    def test_2_every_other_rule_filter_match_and_unknown_field_stays(self) -> None:
        canary = managing("gatewayapi", "HTTPRoute", {"name": "api"})
        route = gateway_route(
            "HTTPRoute", backend("podinfo", future={"field": [1]}), sessionPersistence={"x": 1}
        )
        now = made(canary, route, Traffic(weight=20, match=(BETA,), mirror=10))
        rules = named_rules(now)
        assert rules["static"] == named_rules(route)["static"]
        assert {"sessionPersistence", "filters", "matches"} <= rules["api"].keys()
        assert all(each["future"] == {"field": [1]} for each in rules["api"]["backendRefs"])
        assert given_back(canary, now) == route

    def test_3_a_rule_for_requests_that_match_stands_above_each_source_with_its_filters(
        self,
    ) -> None:
        two = virtual_service(destination("podinfo"), match=[{"uri": {"prefix": "/api"}}])
        two["spec"]["http"].insert(
            0, {"name": "web", "rewrite": {"uri": "/"}, "route": [destination("podinfo")]}
        )
        canary = managing("istio", "VirtualService", {"name": "api"}, {"name": "web"})
        now = two
        for _ in range(2):
            now = made(canary, now, Traffic(weight=50, match=(BETA,)))
        names = [each.get("name") for each in now["spec"]["http"]]
        assert names == [
            "web.tidegate.podinfo",
            "web",
            "static",
            None,
            "api.tidegate.podinfo",
            "api",
            "late",
        ]
        rules = named_rules(now)
        web, api = rules["web.tidegate.podinfo"], rules["api.tidegate.podinfo"]
        assert (web["rewrite"], web["match"]) == (
            {"uri": "/"},
            [{"headers": {"x-beta": {"exact": "1"}}}],
        )
        assert (api["timeout"], api["match"]) == (
            "3s",
            [{"uri": {"prefix": "/api"}, "headers": {"x-beta": {"exact": "1"}}}],
        )
        assert [each["weight"] for each in api["route"]] == [50, 50]
        assert [each["weight"] for each in rules["api"]["route"]] == [100, 0]

    def test_4_inserted_rules_are_found_by_name_and_none_is_left_behind(self) -> None:
        route = virtual_service(destination("podinfo"))
        canary = managing("istio", "VirtualService", {"name": "api"})
        matched = made(canary, route, Traffic(weight=100, match=(BETA,)))
        # One that was edited by hand is written as it must be, and goes with the run.
        named_rules(matched)["api.tidegate.podinfo"]["match"] = []
        again = made(canary, matched, Traffic(weight=100, match=(BETA,)))
        assert again == made(canary, route, Traffic(weight=100, match=(BETA,)))
        assert "api.tidegate.podinfo" not in named_rules(made(canary, matched, Traffic()))
        assert given_back(canary, matched) == route

    @every_http_route
    def test_4_one_whose_source_is_gone_goes_with_the_next_write_and_keeps_the_canary_until_then(
        self, canary: Canary, route: Manifest
    ) -> None:
        kind, router = route["kind"], router_for(str(canary.spec.provider))
        matched, without = (
            made(canary, route, Traffic(weight=weight, match=(BETA,))) for weight in (100, 0)
        )
        renamed = deepcopy(matched)
        named_rules(renamed)["api"]["name"] = "shop"
        for each in (matched, without):
            rules = each["spec"]["http" if kind == "VirtualService" else "rules"]
            rules[:] = [rule for rule in rules if rule.get("name") != "api"]
        assert router.read(canary, a_cluster(router, canary, [without])) is None
        assert "has no rule api" in lacking(canary, matched)
        seen = router.read(canary, a_cluster(router, canary, [matched]))
        assert seen is not None
        assert seen.exposes_canary()
        assert "api.tidegate.podinfo" not in named_rules(given_back(canary, matched))

        other = managing(str(canary.spec.provider), kind, {"name": "shop"})
        found = router.read(other, a_cluster(router, other, [renamed]))
        assert found is not None
        assert found.exposes_canary()
        assert named_rules(made(other, renamed, Traffic())).keys() == {
            each.replace("api", "shop") for each in named_rules(route)
        }

    def test_5_order_decides_in_a_virtual_service_and_the_inserted_rule_is_asked_first(
        self,
    ) -> None:
        for canary, route in (
            (
                managing("istio", "VirtualService", {"name": "api"}),
                virtual_service(destination("podinfo")),
            ),
            (
                managing("gatewayapi", "HTTPRoute", {"name": "api"}),
                gateway_route("HTTPRoute", backend("podinfo")),
            ),
        ):
            names = [*named_rules(made(canary, route, Traffic(weight=100, match=(BETA,))))]
            assert names.index("api.tidegate.podinfo") == names.index("api") - 1

    def test_6_more_rules_or_conditions_than_a_route_may_have_are_refused_before_the_write(
        self,
    ) -> None:
        canary = managing(
            "gatewayapi",
            "HTTPRoute",
            {"name": "api"},
            analysis={
                "match": [{"headers": {"x-beta": {"exact": "1"}}}],
                "iterations": 1,
                "stepWeight": None,
            },
        )
        full = gateway_route("HTTPRoute", backend("podinfo"))
        full["spec"]["rules"] += [{"backendRefs": [backend("x", 1)]}] * 13
        assert "would have 17 rules" in lacking(canary, full)
        wide = gateway_route("HTTPRoute", backend("podinfo"))
        wide["spec"]["rules"][0]["matches"] = [
            {"path": {"type": "Exact", "value": f"/{n}"}} for n in range(127)
        ]
        assert "would have 129 conditions" in lacking(canary, wide)

    def test_7_a_rule_or_backend_that_is_gone_holds_the_weight_and_is_never_made_again(
        self,
    ) -> None:
        canary = managing("istio", "VirtualService", {"name": "api"})
        route = made(canary, virtual_service(destination("podinfo")), Traffic(weight=20))
        edited = deepcopy(route)
        named_rules(edited)["api"] |= {"timeout": "9s", "fault": {"abort": {}}}
        mended = made(canary, edited, Traffic(weight=20))
        assert named_rules(mended)["api"]["timeout"] == "9s"
        for gone, said in (
            ([], "leads to no Service"),
            ([destination("podinfo-primary")], "leads to one side alone"),
            ([destination("else")], "leads to else"),
            ([destination("podinfo.other")], "leads to another service"),
        ):
            broken = deepcopy(route)
            named_rules(broken)["api"]["route"] = gone
            assert f"has a rule api that {said}" in lacking(canary, broken)
        route["spec"]["http"] = [
            each for each in route["spec"]["http"] if each.get("name") != "api"
        ]
        assert "has no rule api" in lacking(canary, route)
        router = router_for("istio")
        assert router.read(canary, a_cluster(router, canary, [route])) is None
        back = given_back(canary, route)
        assert (back["spec"], RECORD in back["metadata"]["annotations"]) == (route["spec"], False)

    def test_8_gitops_tools_leave_the_route_alone_while_it_differs_from_its_users(self) -> None:
        canary = managing("istio", "VirtualService", {"name": "api"})
        sides = virtual_service(
            destination("podinfo-primary", 100), destination("podinfo-canary", 0)
        )
        sides["metadata"]["annotations"]["kustomize.toolkit.fluxcd.io/reconcile"] = "enabled"
        rest = made(canary, sides, Traffic())
        assert rest["spec"] == sides["spec"]
        assert (
            rest["metadata"]["annotations"].keys() - {RECORD}
            == sides["metadata"]["annotations"].keys()
        )
        run = made(canary, rest, Traffic(weight=20))
        assert run["metadata"]["annotations"].items() >= GITOPS_ANNOTATIONS.items()
        assert made(canary, run, Traffic()) == rest
        # Where its user's leads to the apex, it differs at all times.
        apex = made(canary, virtual_service(destination("podinfo")), Traffic())
        assert apex["metadata"]["annotations"].items() >= GITOPS_ANNOTATIONS.items()
        service = canary.spec.service.but(gitops=GitOps.SHARED)
        shared = canary.but(spec=canary.spec.but(service=service))
        told = made(shared, virtual_service(destination("podinfo")), Traffic(weight=20))
        assert told["metadata"]["annotations"].keys() == {"note", RECORD}

    def test_9_weights_return_as_recorded_and_the_rest_as_it_is_now(self) -> None:
        canary = managing("gatewayapi", "HTTPRoute", {"name": "api"})
        route = gateway_route("HTTPRoute", backend("podinfo-canary"), backend("podinfo-primary", 7))
        run = made(canary, route, Traffic(weight=20, mirror=50))
        named_rules(run)["api"]["timeouts"] = {"request": "5s"}
        run["spec"]["hostnames"] = ["new.example.com"]
        back = given_back(canary, run)
        assert back["spec"]["hostnames"] == ["new.example.com"]
        api = named_rules(back)["api"]
        assert api == named_rules(route)["api"] | {"timeouts": {"request": "5s"}}

    def test_10_several_canaries_manage_rules_of_one_route_each_with_its_own_record(self) -> None:
        web = a_canary(
            "istio",
            service={"name": "web"},
            managedRoutes=[{"kind": "VirtualService", "name": "shop", "rules": [{"name": "late"}]}],
        )
        web = web.but(metadata=web.metadata.model_copy(update={"name": "web"}))
        api = managing("istio", "VirtualService", {"name": "api"})
        route = virtual_service(destination("podinfo"))
        named_rules(route)["late"]["route"] = [destination("web")]
        one = made(api, route, Traffic(weight=20))
        two = made(web, one, Traffic(weight=50))
        assert {RECORD, "tidegate.dev/managed-routes.web"} <= two["metadata"]["annotations"].keys()
        assert made(api, two, Traffic(weight=20)) == two
        # The first that goes leaves the other's, and what it tells GitOps tools.
        left = given_back(api, two)
        assert left["metadata"]["annotations"].items() >= GITOPS_ANNOTATIONS.items()
        assert given_back(web, left) == route
        assert given_back(api, given_back(web, two)) == route
        same = web.but(spec=web.spec.but(managed_routes=api.spec.managed_routes))
        assert "has a rule api that is managed by Canary podinfo" in lacking(same, one)

    def test_11_rules_that_delegate_or_redirect_are_refused_and_connections_go_by_port_or_sni(
        self,
    ) -> None:
        canary = managing("istio", "VirtualService", {"name": "api"})
        delegating = virtual_service()
        named_rules(delegating)["api"] |= {"delegate": {"name": "other"}}
        del named_rules(delegating)["api"]["route"]
        assert "has a rule api that leads to no Service" in lacking(canary, delegating)
        twice = connections("tcp", destination("podinfo"))
        twice["spec"]["tcp"].append({"match": [{"port": 3306, "gateways": ["x"]}], "route": []})
        by_port = managing("istio", "VirtualService", {"port": 3306})
        assert "has several rules port 3306" in lacking(by_port, twice)


class TestARuleWithoutAName:
    def test_is_split_where_it_is_the_only_one(self) -> None:
        canary = managing("istio", "VirtualService")
        route = virtual_service(destination("podinfo"), name="", match=[{"uri": {"prefix": "/a"}}])
        del route["spec"]["http"][2]["name"]
        now = made(canary, route, Traffic(weight=20))
        assert [each["weight"] for each in now["spec"]["http"][2]["route"]] == [80, 20]
        assert made(canary, now, Traffic(weight=20)) == now
        assert given_back(canary, now) == route

    def test_takes_no_rule_above_it(self) -> None:
        canary = managing(
            "istio",
            "VirtualService",
            analysis={
                "match": [{"headers": {"x-beta": {"exact": "1"}}}],
                "iterations": 1,
                "stepWeight": None,
            },
        )
        route = virtual_service(destination("podinfo"))
        del route["spec"]["http"][2]["name"]
        assert "has a rule without a name that is like another" in lacking(canary, route)
        route["spec"]["http"][2]["match"] = [{"uri": {"prefix": "/a"}}]
        assert "has a rule without a name that has no name: give it one" in lacking(canary, route)


class TestWhatCannotBeSaid:
    def test_a_condition_on_a_field_that_the_rule_has_a_condition_on(self) -> None:
        match = [{"uri": {"prefix": "/b"}, "headers": {"x-beta": {"exact": "1"}}}]
        asked = {"match": match, "iterations": 1, "stepWeight": None}
        istio = managing("istio", "VirtualService", {"name": "api"}, analysis=asked)
        for theirs in (
            [{"uri": {"prefix": "/a"}}],
            [{"headers": {"x-beta": {"exact": "2"}}}],
        ):
            route = virtual_service(destination("podinfo"), match=theirs)
            assert "has a condition on the same field as match" in lacking(istio, route)
        gateway = managing("gatewayapi", "HTTPRoute", {"name": "api"}, analysis=asked)
        for of_rule in (
            [{"path": {"type": "Exact", "value": "/a"}}],
            [{"headers": [{"name": "X-Beta", "value": "2"}]}],
        ):
            route = gateway_route("HTTPRoute", backend("podinfo"), matches=of_rule)
            assert "has a condition on the same field as match" in lacking(gateway, route)

    def test_conditions_on_other_fields_are_joined(self) -> None:
        match = HttpMatch.model_validate(
            {"name": "beta", "uri": {"prefix": "/b"}, "headers": {"x-beta": {"exact": "1"}}}
        )
        traffic = Traffic(weight=100, match=(match,))
        route = virtual_service(
            destination("podinfo"), match=[{"name": "a", "headers": {"x-b": {"exact": "1"}}}]
        )
        now = made(managing("istio", "VirtualService", {"name": "api"}), route, traffic)
        assert named_rules(now)["api.tidegate.podinfo"]["match"] == [
            {
                "name": "a-beta",
                "uri": {"prefix": "/b"},
                "headers": {"x-b": {"exact": "1"}, "x-beta": {"exact": "1"}},
            }
        ]
        theirs = [
            {
                "headers": [{"name": "x-b", "value": "1"}],
                "path": {"type": "PathPrefix", "value": "/"},
            }
        ]
        http = gateway_route("HTTPRoute", backend("podinfo"), matches=theirs)
        now = made(managing("gatewayapi", "HTTPRoute", {"name": "api"}), http, traffic)
        assert named_rules(now)["api.tidegate.podinfo"]["matches"] == [
            {
                "headers": [
                    {"name": "x-b", "value": "1"},
                    {"name": "x-beta", "type": "Exact", "value": "1"},
                ],
                "path": {"type": "PathPrefix", "value": "/b"},
            }
        ]

    def test_copies_beside_those_of_the_user(self) -> None:
        asked = {"mirror": True}
        canary = managing("istio", "VirtualService", {"name": "api"}, analysis=asked)
        for theirs in (
            {"mirror": {"host": "shadow"}},
            {"mirrors": [{"destination": {"host": "x"}}]},
        ):
            route = virtual_service(destination("podinfo"), **theirs)
            assert "has a rule api that copies its requests already" in lacking(canary, route)
            weights = made(
                managing("istio", "VirtualService", {"name": "api"}), route, Traffic(weight=5)
            )
            assert theirs.items() <= named_rules(weights)["api"].items()

    @pytest.mark.parametrize(
        ("canary", "field"),
        [
            (managing("nginx", "HTTPRoute"), "spec.managedRoutes"),
            (managing("kong", "HTTPRoute"), "spec.managedRoutes"),
            (managing("istio", "HTTPRoute"), "spec.managedRoutes"),
            (managing("gatewayapi", "HTTPRoute", {"port": 80}), "spec.managedRoutes[0].rules[0]"),
            (
                managing("istio", "VirtualService", {"port": 80}, analysis={"mirror": True}),
                "spec.analysis.mirror",
            ),
            (
                managing(
                    "istio", "VirtualService", analysis={"sessionAffinity": {"cookieName": "x"}}
                ),
                "spec.analysis.sessionAffinity",
            ),
            (
                managing("istio", "VirtualService", service={"match": [{"port": 1}]}),
                "spec.service.match",
            ),
            (
                a_canary(
                    "istio",
                    managedRoutes=[
                        {"kind": "VirtualService", "name": "a"},
                        {"kind": "HTTPRoute", "name": "b"},
                    ],
                ),
                "spec.managedRoutes[1].kind",
            ),
        ],
    )
    def test_is_refused_with_its_place(self, canary: Canary, field: str) -> None:
        router = router_for(str(canary.spec.provider))
        assert field in [each.field for each in router.problems(canary)]

    def test_where_it_says_nothing_of_the_traffic_it_is_ignored_with_a_warning(self) -> None:
        canary = managing("istio", "VirtualService", service={"hosts": ["x"], "timeout": "1s"})
        warnings = [each.field for each in router_for("istio").ignored(canary)]
        assert warnings == ["spec.service.timeout", "spec.service.hosts"]
        assert router_for("istio").problems(canary) == ()


def test_rules_no_longer_named_are_given_back_with_the_next_write() -> None:
    route = virtual_service(destination("podinfo"))
    named_rules(route)["late"]["route"] = [destination("podinfo")]
    both = managing("istio", "VirtualService", {"name": "api"}, {"name": "late"})
    one = managing("istio", "VirtualService", {"name": "api"})
    now = made(one, made(both, route, Traffic(weight=20)), Traffic(weight=20))
    assert named_rules(now)["late"] == named_rules(route)["late"]
    assert json.loads(now["metadata"]["annotations"][RECORD])["rules"].keys() == {"api"}


@pytest.mark.parametrize(
    ("before", "provider", "kind", "rule"),
    [
        (virtual_service(destination("podinfo")), "istio", "VirtualService", {"name": "shop"}),
        (
            gateway_route("HTTPRoute", backend("podinfo")),
            "gatewayapi",
            "HTTPRoute",
            {"name": "shop"},
        ),
        (connections("tcp", destination("podinfo")), "istio", "VirtualService", {"port": 3307}),
    ],
    ids=["a name", "a name of an HTTPRoute", "a port"],
)
class TestARuleThatIsRenamedInARun:
    def renamed(self, route: Manifest) -> Manifest:
        """Give a route with the rule under its new name."""
        return json.loads(
            json.dumps(route).replace('"name": "api"', '"name": "shop"').replace("3306", "3307")
        )

    def in_a_run(self, before: Manifest, provider: str, kind: str) -> Manifest:
        """Give the route as its user renames the rule under the weights of a run."""
        rule = {"port": 3306} if "tcp" in before["spec"] else {"name": "api"}
        run = made(managing(provider, kind, rule), before, Traffic(weight=20))
        spec = self.renamed(run["spec"])
        return run | {"spec": spec}

    def test_is_given_back_as_its_user_had_it_where_the_canary_names_the_new_one(
        self, before: Manifest, provider: str, kind: str, rule: dict[str, Any]
    ) -> None:
        canary = managing(provider, kind, rule)
        goes_on = made(canary, self.in_a_run(before, provider, kind), Traffic(weight=60))
        assert given_back(canary, goes_on) == self.renamed(before)

    def test_is_given_back_as_its_user_had_it_where_the_canary_names_the_old_one(
        self, before: Manifest, provider: str, kind: str, rule: dict[str, Any]
    ) -> None:
        named = {"port": 3306} if "port" in rule else {"name": "api"}
        canary = managing(provider, kind, named)
        assert given_back(canary, self.in_a_run(before, provider, kind)) == self.renamed(before)

    def test_is_not_guessed_where_two_rules_could_be_it(
        self, before: Manifest, provider: str, kind: str, rule: dict[str, Any]
    ) -> None:
        run = self.in_a_run(before, provider, kind)
        for place in ("http", "rules", "tcp"):
            rules = run["spec"].get(place, [])
            twin = [json.loads(json.dumps(each)) for each in rules if "podinfo-canary" in str(each)]
            for each in twin:
                each["name"] = "twin"
            rules.extend(twin)
        back = given_back(managing(provider, kind, rule), run)
        assert "podinfo-canary" in str(back["spec"])


def test_what_its_user_writes_anew_is_what_comes_back() -> None:
    canary = managing("istio", "VirtualService", {"name": "api"})
    run = made(canary, virtual_service(destination("podinfo")), Traffic(weight=20))
    named_rules(run)["api"]["route"] = [destination("podinfo", 33)]
    again = made(canary, run, Traffic(weight=20))
    assert [each["weight"] for each in named_rules(again)["api"]["route"]] == [80, 20]
    assert named_rules(given_back(canary, again))["api"]["route"] == [destination("podinfo", 33)]


@pytest.mark.parametrize(
    "record", ["", "[]", "{}", '{"canary":"podinfo","rules":[]}', '{"canary":1,"rules":{}}']
)
def test_a_broken_record_counts_as_none(record: str) -> None:
    canary = managing("istio", "VirtualService", {"name": "api"})
    route = virtual_service(destination("podinfo"))
    route["metadata"]["annotations"][RECORD] = record
    assert json.loads(made(canary, route, Traffic())["metadata"]["annotations"][RECORD])["rules"]
    route["metadata"]["annotations"]["tidegate.dev/managed-routes.other"] = record
    assert lacking(canary, route) == ""


def test_the_record_of_a_long_name_fits_an_annotation() -> None:
    canary = managing("istio", "VirtualService", {"name": "api"})
    long = canary.but(metadata=canary.metadata.model_copy(update={"name": "a" * 60}))
    now = made(long, virtual_service(destination("podinfo")), Traffic(weight=20))
    (name,) = (each for each in now["metadata"]["annotations"] if "managed-routes" in each)
    assert len(name.partition("/")[2]) <= 63
    assert given_back(long, now) == virtual_service(destination("podinfo"))


def test_beside_a_virtual_service_of_the_users_stand_the_destination_rules_of_both_sides() -> None:
    router: Router = router_for("istio")
    canary = managing("istio", "VirtualService", {"name": "api"})
    objects = rendered(
        router,
        canary,
        a_cluster(router, canary, [virtual_service(destination("podinfo"))]),
        Traffic(),
    )
    assert [each["kind"] for each in objects] == [
        "DestinationRule",
        "DestinationRule",
        "VirtualService",
    ]
    back = restored(router, canary, a_cluster(router, canary, objects))
    assert [key.name for key in back.remove] == ["podinfo-primary", "podinfo-canary"]


def test_each_of_several_routers_manages_the_routes_of_its_kind() -> None:
    canary = a_canary(
        "gatewayapi+istio",
        service={"gatewayRefs": [{"name": "public"}]},
        managedRoutes=[{"kind": "VirtualService", "name": "shop", "rules": [{"name": "api"}]}],
    )
    router = router_for("gatewayapi+istio")
    assert router.problems(canary) == ()
    cluster = a_cluster(router, canary, [virtual_service(destination("podinfo"))])
    objects = rendered(router, canary, cluster, Traffic(weight=20))
    assert [(each["kind"], each["metadata"]["name"]) for each in objects] == [
        ("HTTPRoute", "podinfo-known"),
        ("HTTPRoute", "podinfo"),
        ("DestinationRule", "podinfo-primary"),
        ("DestinationRule", "podinfo-canary"),
        ("VirtualService", "shop"),
    ]
    seen = router.read(canary, a_cluster(router, canary, objects))
    assert seen is not None
    assert seen.does(Traffic(weight=20))


def test_a_share_of_copies_is_left_out_where_the_crd_would_make_it_all() -> None:
    canary = managing(
        "gatewayapi", "HTTPRoute", {"name": "api"}, analysis={"mirror": True, "mirrorWeight": 10}
    )
    (required,) = router_for("gatewayapi").required_fields(canary)
    assert required.problem.field == "spec.analysis.mirrorWeight"
    plain = managing("gatewayapi", "HTTPRoute", {"name": "api"}, service={"timeout": "1s"})
    assert router_for("gatewayapi").required_fields(plain) == ()
