"""What Envoy is told, for each way in which objects can say it."""

from typing import Any

import pytest

from tests.embedded.mesh_objects import (
    ROUTES,
    a_service,
    a_virtual_service,
    an_http_route,
    an_object,
    endpoints,
)
from tidegate_embedded.mesh.routes import Resources, render

SERVICES = tuple(a_service(name) for name in ("podinfo", "podinfo-primary", "podinfo-canary"))
APEX = "podinfo.test.svc.cluster.local"


def cluster(name: str, port: int = 9898) -> str:
    return f"outbound|{port}||{name}.test.svc.cluster.local"


def host(resources: Resources, name: str) -> dict[str, Any]:
    return next(each for each in resources.routes["virtual_hosts"] if each["name"] == name)


def route(*objects: dict[str, Any], of: str = APEX) -> dict[str, Any]:
    return host(render((*SERVICES, *objects)), of)["routes"][0]


def shares(written: dict[str, Any]) -> dict[str, int]:
    weighted = written["route"]["weighted_clusters"]["clusters"]
    return {each["name"]: each["weight"] for each in weighted}


class TestWhereRequestsGo:
    def test_a_service_that_no_route_claims_gets_its_own_requests(self):
        assert route()["route"]["cluster"] == cluster("podinfo")

    @pytest.mark.parametrize("router", ROUTES)
    def test_a_route_splits_by_its_weights(self, router):
        written = shares(route(ROUTES[router](80, 20)))
        total = sum(written.values())
        assert {name: 100 * weight / total for name, weight in written.items()} == {
            cluster("podinfo-primary"): 80,
            cluster("podinfo-canary"): 20,
        }

    def test_weights_may_be_quantities(self):
        split = an_object(
            "TrafficSplit",
            "podinfo",
            {
                "service": "podinfo",
                "backends": [
                    {"service": "podinfo-primary", "weight": "1"},
                    {"service": "podinfo-canary", "weight": "500m"},
                ],
            },
        )
        assert list(shares(route(split)).values()) == [1000, 500]

    @pytest.mark.parametrize("router", ROUTES)
    def test_without_any_weight_there_is_an_answer_and_no_pod_is_asked(self, router):
        assert route(ROUTES[router](0, 0))["direct_response"] == {"status": 503}

    def test_a_single_destination_gets_everything_whatever_its_weight(self):
        item = a_virtual_service(0, 0)
        del item["spec"]["http"][0]["route"][1]
        assert route(item)["route"]["cluster"] == cluster("podinfo-primary")

    def test_a_destination_may_name_its_port(self):
        item = a_virtual_service(80, 20)
        for each in item["spec"]["http"][0]["route"]:
            each["destination"]["port"] = {"number": 80}
        assert list(shares(route(item))) == [
            cluster("podinfo-primary", 80),
            cluster("podinfo-canary", 80),
        ]

    def test_a_subset_has_the_endpoints_whose_pods_have_its_labels(self):
        item = a_virtual_service(80, 20)
        for each, name in zip(item["spec"]["http"][0]["route"], ("one", "other"), strict=True):
            each["destination"] = {"host": "podinfo", "subset": name}
        subsets = [{"name": name, "labels": {"side": name}} for name in ("one", "other")]
        rule = an_object("DestinationRule", "any", {"host": "podinfo", "subsets": subsets})
        pods = [an_object("Pod", name) for name in ("one", "other", "none")]
        for pod in pods:
            pod["metadata"]["labels"] = {"side": pod["metadata"]["name"]}
        slices = endpoints("podinfo", "10.0.0.1", "10.0.0.2", "10.0.0.3")
        for each, pod in zip(slices["endpoints"], pods, strict=True):
            each["targetRef"] = {"kind": "Pod", "name": pod["metadata"]["name"]}
        resources = render((a_service("podinfo"), item, rule, slices, *pods))
        assert resources.unsupported == ()
        host_name = "podinfo.test.svc.cluster.local"
        one, other = (f"outbound|9898|{name}|{host_name}" for name in ("one", "other"))
        assert shares(host(resources, APEX)["routes"][0]) == {one: 80, other: 20}
        assert {one, other} < resources.clusters.keys()
        found = {
            name: [
                endpoint["endpoint"]["address"]["socket_address"]["address"]
                for group in each["endpoints"]
                for endpoint in group["lb_endpoints"]
            ]
            for name, each in resources.endpoints.items()
        }
        assert found == {
            one: ["10.0.0.1"],
            other: ["10.0.0.2"],
            cluster("podinfo"): ["10.0.0.1", "10.0.0.2", "10.0.0.3"],
        }

    def test_the_oldest_of_two_that_claim_a_host_comes_first(self):
        old, new = a_virtual_service(100, 0), a_virtual_service(0, 100)
        old["metadata"] |= {"name": "b", "creationTimestamp": "2026-01-01T00:00:00Z"}
        new["metadata"] |= {"name": "a", "creationTimestamp": "2026-01-02T00:00:00Z"}
        assert shares(route(new, old))[cluster("podinfo-primary")] == 100


class TestHosts:
    def test_a_service_answers_to_each_of_its_names(self):
        assert host(render(SERVICES), APEX)["domains"] == [
            "podinfo",
            "podinfo.test",
            "podinfo.test.svc",
            APEX,
        ]

    def test_a_short_name_that_two_namespaces_have_is_nobodys(self):
        other = a_service("podinfo")
        other["metadata"]["namespace"] = "other"
        resources = render((*SERVICES, other))
        assert "podinfo" not in host(resources, APEX)["domains"]

    def test_a_host_beside_the_services_gets_the_same_routes(self):
        item = a_virtual_service(80, 20)
        item["spec"]["hosts"].append("app.example.com")
        assert shares(route(item, of="app.example.com")) == shares(route(item))

    def test_no_host_is_claimed_twice_when_a_gateway_uses_a_services_name(self):
        item = an_http_route(
            80, 20, spec={"parentRefs": [{"name": "public"}], "hostnames": ["podinfo.test"]}
        )
        hosts = render((*SERVICES, item)).routes["virtual_hosts"]
        domains = [domain for each in hosts for domain in each["domains"]]
        assert len(domains) == len(set(domains))
        assert shares(host(render((*SERVICES, item)), APEX)["routes"][0])

    def test_a_route_of_a_gateway_without_hosts_answers_to_all_that_nobody_has(self):
        item = an_http_route(80, 20, spec={"parentRefs": [{"name": "public"}]})
        assert shares(route(item, of="*"))
        assert route(item)["route"]["cluster"] == cluster("podinfo")

    def test_an_unknown_host_is_told_so(self):
        assert route(of="unknown")["direct_response"]["status"] == 404


class TestConditions:
    def test_any_of_the_conditions_is_enough(self):
        item = a_virtual_service(
            80, 20, match=[{"uri": {"exact": "/a"}}, {"uri": {"prefix": "/b"}}]
        )
        written = host(render((*SERVICES, item)), APEX)["routes"]
        assert [each["match"] for each in written] == [{"path": "/a"}, {"prefix": "/b"}]

    def test_conditions_on_the_caller_never_hold(self):
        item = a_virtual_service(80, 20, match=[{"sourceLabels": {"app": "web"}}])
        hosts = [each["name"] for each in render((*SERVICES, item)).routes["virtual_hosts"]]
        assert APEX not in hosts

    def test_what_the_gateway_api_prefers_comes_first(self):
        item = an_http_route(80, 20)
        paths = (
            ("PathPrefix", "/"),
            ("PathPrefix", "/long"),
            ("Exact", "/x"),
            ("PathPrefix", "/l"),
        )
        item["spec"]["rules"][0]["matches"] = [
            {"path": {"type": kind, "value": value}} for kind, value in paths
        ]
        written = host(render((*SERVICES, item)), APEX)["routes"]
        assert [next(iter(each["match"].values())) for each in written] == [
            "/x",
            "/long",
            "/l",
            "/",
        ]


class TestEndpoints:
    def addresses(self, *objects: dict[str, Any]) -> list[str]:
        assigned = render((*SERVICES, *objects)).endpoints[cluster("podinfo")]
        return [
            each["endpoint"]["address"]["socket_address"]["address"]
            for group in assigned["endpoints"]
            for each in group["lb_endpoints"]
        ]

    def test_only_ready_pods_are_asked(self):
        item = endpoints("podinfo", "127.9.0.1", ending=("127.9.0.2",), unready=("127.9.0.3",))
        assert self.addresses(item) == ["127.9.0.1"]

    def test_where_none_is_ready_those_that_end_but_serve_are_asked(self):
        item = endpoints("podinfo", ending=("127.9.0.2",), unready=("127.9.0.3",))
        assert self.addresses(item) == ["127.9.0.2"]

    def test_a_service_without_pods_has_a_cluster_without_endpoints(self):
        assert self.addresses() == []


class TestHowRequestsGo:
    def test_without_a_time_limit_there_is_none_and_nothing_is_repeated(self):
        how = route(a_virtual_service(80, 20))["route"]
        assert how["timeout"] == "0.000s"
        assert "retry_policy" not in how

    def test_time_limit_and_retries_are_those_of_the_route(self):
        retries = {"attempts": 2, "perTryTimeout": "500ms", "retryOn": "5xx"}
        how = route(a_virtual_service(80, 20, timeout="1m30s", retries=retries))["route"]
        assert how["timeout"] == "90.000s"
        assert how["retry_policy"] == {
            "num_retries": 2,
            "retry_on": "5xx",
            "per_try_timeout": "0.500s",
        }

    def test_the_tighter_time_limit_of_the_gateway_api_holds(self):
        item = an_http_route(80, 20, timeouts={"request": "10s", "backendRequest": "2s"})
        assert route(item)["route"]["timeout"] == "2.000s"

    def test_a_destination_rule_chooses_the_balancing(self):
        rule = an_object(
            "DestinationRule",
            "podinfo-canary",
            {
                "host": "podinfo-canary",
                "trafficPolicy": {"loadBalancer": {"simple": "ROUND_ROBIN"}},
            },
        )
        written = render((*SERVICES, rule)).clusters
        assert written[cluster("podinfo-canary")]["lb_policy"] == "ROUND_ROBIN"
        assert written[cluster("podinfo-primary")]["lb_policy"] == "LEAST_REQUEST"


def a_mirror(**how: Any) -> dict[str, Any]:
    backend = {"name": "podinfo-canary", "port": 9898}
    return {"type": "RequestMirror", "requestMirror": {"backendRef": backend, **how}}


CANARY_HOST = {"host": "podinfo-canary"}


class TestCopies:
    @pytest.mark.parametrize(
        ("item", "parts"),
        [
            (a_virtual_service(100, 0), []),
            (a_virtual_service(100, 0, mirror=CANARY_HOST), [1_000_000]),
            (a_virtual_service(100, 0, mirror=CANARY_HOST, mirrorPercentage={}), []),
            (
                a_virtual_service(100, 0, mirror=CANARY_HOST, mirrorPercentage={"value": 0.1}),
                [1_000],
            ),
            (a_virtual_service(100, 0, mirrors=[{"destination": CANARY_HOST}]), [1_000_000]),
            (an_http_route(100, 0, filters=[a_mirror()]), [1_000_000]),
            (an_http_route(100, 0, filters=[a_mirror(percent=25)]), [250_000]),
            (an_http_route(100, 0, filters=[a_mirror(percent=0)]), []),
            (
                an_http_route(
                    100, 0, filters=[a_mirror(fraction={"numerator": 1, "denominator": 1000})]
                ),
                [1_000],
            ),
        ],
    )
    def test_are_as_many_as_the_route_says_and_all_where_it_does_not_say(self, item, parts):
        policies = route(item)["route"].get("request_mirror_policies", ())
        assert [each["cluster"] for each in policies] == [cluster("podinfo-canary")] * len(parts)
        fractions = [each["runtime_fraction"]["default_value"] for each in policies]
        assert fractions == [{"numerator": each, "denominator": "MILLION"} for each in parts]


class TestWhatIsNotSupported:
    @pytest.mark.parametrize(
        ("item", "named"),
        [
            (a_virtual_service(80, 20, fault={}), "VirtualService test/podinfo: http[0].fault"),
            (
                an_http_route(80, 20, filters=[{"type": "RequestRedirect"}]),
                "HTTPRoute test/podinfo: rules[0].filters.RequestRedirect",
            ),
            (
                an_object("DestinationRule", "x", {"host": "x", "trafficPolicy": {"tls": {}}}),
                "DestinationRule test/x: trafficPolicy.tls",
            ),
            (
                an_object("TrafficSplit", "x", {"service": "x", "matches": [{}]}),
                "TrafficSplit test/x: spec.matches",
            ),
        ],
    )
    def test_it_is_named(self, item, named):
        assert named in render((*SERVICES, item)).unsupported

    def test_what_is_supported_is_not(self):
        objects = (a_virtual_service(80, 20), an_http_route(80, 20))
        assert render((*SERVICES, *objects)).unsupported == ()

    def test_the_order_of_the_objects_changes_nothing(self):
        objects = (*SERVICES, a_virtual_service(80, 20), endpoints("podinfo", "127.9.0.1"))
        assert render(objects) == render(tuple(reversed(objects)))
