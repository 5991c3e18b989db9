"""What is Istio's own: hosts, ports, protocols, and what it cannot do."""

from dataclasses import replace
from typing import Any

import pytest

from canary.api.kinds import Manifest
from canary.core.actions import Side
from canary.core.traffic import Seen
from canary.routers import router_for
from canary.routers.istio import IstioRouter
from tests.routers.builders import (
    a_canary,
    a_cluster,
    rendered,
    restored,
    routed,
    spec_of,
    the_traffic,
)


def virtual_service(percent: int = 10, **spec: Any) -> Manifest:
    return spec_of(routed(a_canary("istio", **spec), percent), "VirtualService")


def problems(**spec: Any) -> list[str]:
    return [str(problem) for problem in IstioRouter().problems(a_canary("istio", **spec))]


@pytest.mark.parametrize(
    ("service", "hosts", "gateways"),
    [
        ({}, ["podinfo"], ["mesh"]),
        ({"name": "app"}, ["app"], ["mesh"]),
        ({"hosts": ["a.example.com"]}, ["a.example.com", "podinfo"], ["mesh"]),
        ({"hosts": ["podinfo", "a.example.com"]}, ["podinfo", "a.example.com"], ["mesh"]),
        ({"hosts": ["*"], "gateways": ["public"]}, ["*"], ["public"]),
        ({"delegation": True}, None, None),
    ],
)
def test_hosts_include_the_apex_unless_they_name_it_or_all(
    service: dict[str, Any], hosts: list[str] | None, gateways: list[str] | None
) -> None:
    spec = virtual_service(service=service)
    assert (spec.get("hosts"), spec.get("gateways")) == (hosts, gateways)


@pytest.mark.parametrize(
    ("service", "named"),
    [
        ({}, False),
        ({"gateways": ["public"]}, False),
        ({"portDiscovery": True}, False),
        ({"portDiscovery": True, "gateways": ["mesh", "public"]}, False),
        ({"portDiscovery": True, "gateways": ["public", "mesh"]}, True),
        ({"portDiscovery": True, "delegation": True}, True),
    ],
)
def test_the_port_is_named_where_istio_could_not_tell_it(
    service: dict[str, Any], named: bool
) -> None:
    (route,) = virtual_service(service=service)["http"]
    for each in route["route"]:
        assert each["destination"].get("port") == ({"number": 9898} if named else None)


@pytest.mark.parametrize(
    ("route", "seen"),
    [
        ([("podinfo-primary", 60), ("podinfo-canary", 40)], Seen(weight=40)),
        ([("podinfo-primary.test.svc.cluster.local", 3), ("podinfo-canary", 1)], Seen(weight=25)),
        ([("podinfo-primary", None)], Seen(weight=0)),
        ([("podinfo-canary", 0)], Seen(weight=100)),
        ([("podinfo-primary", 0), ("podinfo-canary", 0)], None),
        ([("podinfo-primary", 10), ("podinfo-canary", "x")], None),
        ([("elsewhere", 100)], None),
        ([], None),
    ],
)
@pytest.mark.parametrize("protocol", ["http", "tcp"])
def test_weights_are_read_as_istio_reads_them(
    route: list[tuple[str, Any]], seen: Seen | None, protocol: str
) -> None:
    router, canary = IstioRouter(), a_canary("istio")
    destinations = [
        {"destination": {"host": host}} | ({} if weight is None else {"weight": weight})
        for host, weight in route
    ]
    virtual = {"kind": "VirtualService", "metadata": {"name": "podinfo"}}
    spec = {protocol: [{"redirect": {"uri": "/"}}, {"route": destinations}]}
    assert router.read(canary, a_cluster(router, canary, [virtual | {"spec": spec}])) == seen


@pytest.mark.parametrize(
    ("copies", "percent"),
    [
        ({"mirror": {"host": "podinfo-canary"}}, 100),
        ({"mirror": {"host": "podinfo-canary.test.svc"}, "mirrorPercentage": {"value": 7.5}}, 8),
        ({"mirror": {"host": "podinfo-canary"}, "mirrorPercentage": {"value": 0.1}}, 1),
        ({"mirror": {"host": "podinfo-canary"}, "mirrorPercentage": {}}, 0),
        ({"mirror": {"host": "podinfo-canary"}, "mirrorPercentage": {"value": "x"}}, 100),
        ({"mirror": {"host": "shadow"}}, 0),
        ({"mirrors": [{"destination": {"host": "podinfo-canary"}}]}, 100),
        (
            {
                "mirrors": [
                    {"destination": {"host": "shadow"}},
                    {"destination": {"host": "podinfo-canary"}, "percentage": {"value": 30}},
                ]
            },
            30,
        ),
    ],
)
def test_copies_are_read_as_istio_makes_them(copies: dict[str, Any], percent: int) -> None:
    router, canary = IstioRouter(), a_canary("istio")
    rendered = routed(canary, 20)
    spec_of(rendered, "VirtualService")["http"][0] |= copies
    seen = router.read(canary, a_cluster(router, canary, rendered))
    assert seen == Seen(weight=20, mirror=percent)


def test_the_first_route_to_the_canary_tells_the_weights() -> None:
    router, canary = IstioRouter(), a_canary("istio", analysis={"match": [{"port": 1}]})
    rendered = routed(canary, 30)
    spec = spec_of(rendered, "VirtualService")
    spec["http"].reverse()
    assert router.read(canary, a_cluster(router, canary, rendered)) == Seen(weight=30, matched=True)


@pytest.mark.parametrize(
    ("spec", "fields"),
    [
        ({"service": {"retries": {"attempts": 0}}}, []),
        ({"service": {"retries": {"perTryTimeout": "1s"}}}, ["spec.service.retries.attempts"]),
        (
            {"service": {"retries": {"attempts": 0, "retryOn": "5xx"}}},
            ["spec.service.retries.attempts"],
        ),
        (
            {"service": {"appProtocol": "tcp", "match": [{"port": 1}, {"uri": {"exact": "/"}}]}},
            ["spec.service.match[1].uri"],
        ),
        (
            {"service": {"appProtocol": "TCP"}, "analysis": {"match": [{"port": 1}]}},
            ["spec.analysis.match"],
        ),
    ],
)
def test_what_istio_would_refuse_or_route_otherwise_is_named(
    spec: dict[str, Any], fields: list[str]
) -> None:
    found = problems(**spec)
    assert [each.partition(":")[0] for each in found] == fields


def test_connections_have_no_ornaments_of_requests_and_that_is_told() -> None:
    service = {"appProtocol": "tcp", "timeout": "1s", "retries": {"attempts": 1}}
    assert problems(service=service) == []
    assert [str(each) for each in IstioRouter().ignored(a_canary("istio", service=service))] == [
        (
            "spec.service.timeout: '1s': istio with appProtocol tcp ignores it: the route sets no time "
            "limit"
        ),
        (
            "spec.service.retries: an object: istio with appProtocol tcp ignores it: the route does not "
            "retry requests"
        ),
    ]


def test_connections_are_matched_without_what_only_requests_have() -> None:
    match = {"port": 1, "sourceLabels": {"app": "web"}, "sourceNamespace": "shop", "name": "x"}
    spec = virtual_service(service={"appProtocol": "tcp", "match": [match]})
    assert "http" not in spec
    assert spec["tcp"][0]["match"] == [
        {"port": 1, "sourceLabels": {"app": "web"}, "sourceNamespace": "shop"}
    ]


def test_a_traffic_policy_is_on_both_sides() -> None:
    policy = {"connectionPool": {"http": {"maxRetries": 3}}}
    rendered = routed(a_canary("istio", service={"trafficPolicy": policy}), 0)
    assert [obj["spec"] for obj in rendered[:2]] == [
        {"host": "podinfo-primary", "trafficPolicy": policy},
        {"host": "podinfo-canary", "trafficPolicy": policy},
    ]


def test_subsets_of_pods_that_are_unknown_stay_as_they_are() -> None:
    canary = a_canary("istio:subsets")
    router, before = router_for("istio:subsets"), routed(canary, 10)
    cluster = a_cluster(router, canary, before)
    known = {Side.PRIMARY: {"app": "new"}}
    after = rendered(router, canary, replace(cluster, pods=known), the_traffic(canary, 0))
    assert [each["labels"] for each in spec_of(after, "DestinationRule")["subsets"]] == [
        {"app": "new"},
        {"app": "podinfo"},
    ]


def test_with_subsets_no_rules_are_managed() -> None:
    assert IstioRouter("subsets").rules is None


@pytest.mark.parametrize("kind", ["VirtualService", "DestinationRule"])
def test_what_an_adopted_object_says_of_other_things_is_kept(kind: str) -> None:
    router, canary = IstioRouter(), a_canary("istio")
    theirs = {"exportTo": ["."], "tls": [], "host": "podinfo", "trafficPolicy": {}}
    found = tuple(
        {
            "apiVersion": key.kind.api_version("v1"),
            "kind": key.kind.kind,
            "metadata": {"name": key.name, "namespace": key.namespace},
            "spec": theirs if kind == key.kind.kind else {},
        }
        for key in router.objects(canary).all
    )
    cluster = a_cluster(router, canary, found)
    for percent in (10, 40):
        adopted = rendered(router, canary, cluster, the_traffic(canary, percent))
        assert spec_of(adopted, kind)["exportTo"] == ["."]
        assert ("trafficPolicy" in spec_of(adopted, kind)) == (kind == "VirtualService")
        cluster = a_cluster(router, canary, adopted)
    back = restored(router, canary, cluster).write
    assert spec_of(back, kind) == theirs


def test_who_stays_only_by_rules_without_a_split_is_seen() -> None:
    canary = a_canary("istio", analysis={"sessionAffinity": {"cookieName": "stick"}})
    router = IstioRouter()
    made = rendered(router, canary, a_cluster(router, canary), the_traffic(canary, 40))
    del made[-1]["spec"]["http"][1:]
    assert router.read(canary, a_cluster(router, canary, made)) == Seen(keeps_canary=True)
