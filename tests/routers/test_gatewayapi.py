"""What is the Gateway API's own: parents, conditions, filters, durations, and its limits."""

from dataclasses import replace
from typing import Any

import pytest

from canary.api.annotations import ACCEPTANCE
from canary.api.kinds import Manifest
from canary.api.traffic import ParentReference
from canary.core.traffic import Seen, Traffic
from canary.errors import SpecWarning
from canary.routers import router_for
from canary.routers.gatewayapi import GatewayApiRouter
from tests.routers.builders import a_canary, a_cluster, rendered, routed, spec_of


def route(percent: int = 10, **spec: Any) -> Manifest:
    return spec_of(routed(a_canary("gatewayapi", **spec), percent), "HTTPRoute")


def problem_fields(**spec: Any) -> list[str]:
    found = GatewayApiRouter().problems(a_canary("gatewayapi", **spec))
    assert all(str(problem) for problem in found)
    return [problem.field for problem in found]


def test_parents_are_written_with_every_default() -> None:
    parents = [{"name": "public"}, {"name": "podinfo", "group": "", "kind": "Service", "port": 80}]
    assert route(service={"gatewayRefs": parents})["parentRefs"] == [
        {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "public"},
        {"group": "", "kind": "Service", "name": "podinfo", "port": 80},
    ]


@pytest.mark.parametrize(
    ("hosts", "hostnames"),
    [([], None), (["*"], None), (["a.example.com", "*"], None), (["a.b"], ["a.b"])],
)
def test_every_host_is_written_as_no_host_name(
    hosts: list[str], hostnames: list[str] | None
) -> None:
    assert route(service={"hosts": hosts}).get("hostnames") == hostnames


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        (None, {"type": "PathPrefix", "value": "/"}),
        ({"exact": "/a"}, {"type": "Exact", "value": "/a"}),
        ({"prefix": "/a"}, {"type": "PathPrefix", "value": "/a"}),
        ({"regex": "/a.*"}, {"type": "RegularExpression", "value": "/a.*"}),
        ({"suffix": ".js"}, {"type": "RegularExpression", "value": r"^.*\.js$"}),
    ],
)
def test_paths_are_written_by_type(uri: dict[str, str] | None, path: dict[str, str]) -> None:
    match: dict[str, Any] = {"uri": uri} if uri else {"name": "any"}
    (rule,) = route(service={"match": [match]})["rules"]
    assert rule["matches"] == [{"path": path}]


@pytest.mark.parametrize(
    ("written", "duration"),
    [
        ("15s", "15s"),
        ("1h30m", "1h30m"),
        ("1.5s", "1s500ms"),
        ("90.5m", "1h30m30s"),
        ("10us", "1ms"),
        ("0.0s", "0s"),
        ("100000s", "27h46m40s"),
    ],
)
def test_durations_are_written_as_the_api_takes_them(written: str, duration: str) -> None:
    (rule,) = route(service={"timeout": written})["rules"]
    assert rule["timeouts"] == {"request": duration}


@pytest.mark.parametrize(
    ("retries", "written"),
    [
        ({"attempts": 3}, {"attempts": 3}),
        ({"attempts": 0, "retryOn": "5xx"}, None),
        ({"retryOn": "5xx"}, None),
        ({"attempts": 2, "retryOn": "connect-failure, refused-stream"}, {"attempts": 2}),
        (
            {"attempts": 2, "retryOn": "gateway-error,retriable-4xx,500,strange"},
            {"attempts": 2, "codes": [409, 500, 502, 503, 504]},
        ),
    ],
)
def test_retries_are_written_by_status(retries: Manifest, written: Manifest | None) -> None:
    (rule,) = route(service={"retries": retries})["rules"]
    assert rule.get("retry") == written


@pytest.mark.parametrize(
    ("service", "timeouts"),
    [
        ({}, {"backendRequest": "2s"}),
        ({"backendTimeout": "1s"}, {"backendRequest": "1s"}),
        ({"timeout": "5s"}, {"request": "5s", "backendRequest": "2s"}),
        ({"timeout": "1s"}, {"request": "1s"}),
        ({"timeout": "0s"}, {"request": "0s", "backendRequest": "2s"}),
    ],
)
def test_the_time_limit_of_an_attempt_is_that_of_a_call(
    service: Manifest, timeouts: Manifest
) -> None:
    asked = {"retries": {"attempts": 3, "perTryTimeout": "2s"}}
    (rule,) = route(service=asked | service)["rules"]
    assert rule["timeouts"] == timeouts


def test_retries_are_left_out_with_a_warning_where_the_crd_has_none() -> None:
    canary = a_canary("gatewayapi", service={"retries": {"attempts": 3, "retryOn": "strange"}})
    router = GatewayApiRouter()
    (field,) = router.required_fields(canary)
    assert field.path == ("spec", "rules", "retry")
    assert isinstance(field.problem, SpecWarning)
    cluster = replace(a_cluster(router, canary), missing=frozenset({field.path}))
    (made,) = rendered(router, canary, cluster, Traffic())
    assert "retry" not in made["spec"]["rules"][0]
    (warning,) = router.ignored(canary)
    assert (warning.field, warning.value) == ("spec.service.retries.retryOn", "strange")


def test_cors_is_left_to_the_app_where_the_installed_crd_has_none() -> None:
    router = GatewayApiRouter()
    canary = a_canary("gatewayapi", service={"corsPolicy": {"allowOrigin": ["https://a"]}})
    (field,) = router.required_fields(canary)
    assert isinstance(field.problem, SpecWarning)
    cluster = a_cluster(router, canary)
    for missing, filters in ((frozenset(), ["CORS"]), (frozenset({field.path}), [])):
        (made,) = rendered(router, canary, replace(cluster, missing=missing), Traffic())
        (rule,) = made["spec"]["rules"]
        assert [each["type"] for each in rule.get("filters", ())] == filters


def test_one_parent_that_is_enough_is_written_onto_the_route_and_taken_back() -> None:
    canary = a_canary("gatewayapi", service={"acceptance": "Any"})
    made = routed(canary, 10)
    assert made[0]["metadata"]["annotations"][ACCEPTANCE] == "Any"
    (again,) = routed(a_canary("gatewayapi", service={"acceptance": "All"}), 10, made)
    assert ACCEPTANCE not in again["metadata"]["annotations"]


@pytest.mark.parametrize(
    ("policy", "cors"),
    [
        ({}, {"maxAge": 5}),
        ({"maxAge": "10ms"}, {"maxAge": 1}),
        ({"maxAge": "2m"}, {"maxAge": 120}),
        (
            {"allowOrigin": ["https://a", "https://a"], "allowOrigins": [{"exact": "https://b"}]},
            {"allowOrigins": ["https://a", "https://b"], "maxAge": 5},
        ),
        (
            {"allowOrigins": [{"prefix": "https://"}, {"exact": "https://b"}, {"regex": ".*"}]},
            {"allowOrigins": ["https://b"], "maxAge": 5},
        ),
        (
            {"allowMethods": ["GET", "GET"], "allowCredentials": True},
            {"allowMethods": ["GET"], "allowCredentials": True, "maxAge": 5},
        ),
    ],
)
def test_cors_is_written_with_every_default_and_nothing_twice(
    policy: dict[str, Any], cors: dict[str, Any]
) -> None:
    (rule,) = route(service={"corsPolicy": policy})["rules"]
    assert rule["filters"] == [{"type": "CORS", "cors": cors}]


@pytest.mark.parametrize(
    ("rewrite", "written"),
    [
        ({"uri": "/new"}, {"path": {"type": "ReplaceFullPath", "replaceFullPath": "/new"}}),
        ({"authority": "inner"}, {"hostname": "inner"}),
        (
            {"uri": "/", "type": "ReplacePrefixMatch"},
            {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}},
        ),
    ],
)
def test_rewrites_are_written_by_type(rewrite: dict[str, Any], written: dict[str, Any]) -> None:
    (rule,) = route(service={"rewrite": rewrite})["rules"]
    assert rule["filters"] == [{"type": "URLRewrite", "urlRewrite": written}]


A_HEADER = {"headers": {"x-a": {"exact": "1"}}}
PREFIX = {"uri": "/", "type": "ReplacePrefixMatch"}
ANALYSED = {"match": [{"headers": {"x-a": {"exact": "1"}}}, {"headers": {"x-b": {"exact": "1"}}}]}


@pytest.mark.parametrize(
    ("spec", "fields"),
    [
        (
            {"service": {"match": [{"scheme": {"exact": "https"}, "port": 80}]}},
            ["spec.service.match[0].scheme", "spec.service.match[0].port"],
        ),
        (
            {"analysis": {"match": [{"sourceLabels": {"app": "web"}}]}},
            ["spec.analysis.match[0].sourceLabels"],
        ),
        (
            {
                "service": {
                    "match": [{"ignoreUriCase": True, "withoutHeaders": {"a": {"exact": "1"}}}]
                }
            },
            ["spec.service.match[0].withoutHeaders", "spec.service.match[0].ignoreUriCase"],
        ),
        (
            {"service": {"match": [{"method": {"regex": "GET|POST"}}]}},
            ["spec.service.match[0].method"],
        ),
        (
            {"service": {"match": [{"uri": {"prefix": "api"}}, {"uri": {"exact": ""}}]}},
            ["spec.service.match[0].uri.prefix", "spec.service.match[1].uri.exact"],
        ),
        (
            {"service": {"match": [{"headers": {"x-a": {"exact": ""}}}]}},
            ["spec.service.match[0]"],
        ),
        (
            {"service": {"match": [A_HEADER] * 33}, "analysis": {"match": [A_HEADER] * 2}},
            ["spec.analysis.match"],
        ),
        (
            {"service": {"match": [A_HEADER] * 64}, "analysis": {"match": [A_HEADER]}},
            ["spec.analysis.match"],
        ),
        ({"service": {"match": [A_HEADER] * 63}, "analysis": {"match": [A_HEADER]}}, []),
        ({"service": {"match": [A_HEADER] * 64}}, []),
        (
            {"service": {"mirror": [{"backendRef": {"name": "shadow"}}]}},
            ["spec.service.mirror[0].backendRef.port"],
        ),
        (
            {"service": {"mirror": [{"backendRef": {"name": "podinfo-canary", "port": 80}}]}},
            ["spec.service.mirror[0].backendRef.name"],
        ),
        (
            {"service": {"mirror": [{"backendRef": {"kind": "Pool", "name": "shadow"}}]}},
            [],
        ),
        ({"service": {"rewrite": PREFIX}}, []),
        ({"service": {"rewrite": PREFIX, "match": [{"uri": {"prefix": "/a"}}]}}, []),
        (
            {"service": {"rewrite": PREFIX, "match": [{"uri": {"exact": "/a"}}]}},
            ["spec.service.rewrite.type"],
        ),
        (
            {"service": {"rewrite": PREFIX}, "analysis": ANALYSED},
            ["spec.service.rewrite.type"],
        ),
        (
            {"service": {"timeout": "1s", "backendTimeout": "1m"}},
            ["spec.service.backendTimeout"],
        ),
        ({"service": {"timeout": "0s", "backendTimeout": "1m"}}, []),
    ],
)
def test_what_an_http_route_cannot_say_is_named(spec: dict[str, Any], fields: list[str]) -> None:
    assert problem_fields(**spec) == fields


def test_origins_that_are_not_exact_are_not_allowed_and_that_is_told() -> None:
    origins = [{"prefix": "https://"}, {"regex": ".*"}]
    service = {"corsPolicy": {"allowOrigins": origins, "maxAge": "2m"}}
    assert problem_fields(service=service) == []
    ignored = GatewayApiRouter().ignored(a_canary("gatewayapi", service=service))
    assert [str(each) for each in ignored] == [
        f"spec.service.corsPolicy.allowOrigins[{index}]: {value!r}: an HTTPRoute takes exact origins "
        "only, so these are not allowed: write exact, or a wildcard such as https://*.example.com "
        "in allowOrigin"
        for index, value in enumerate(("https://", ".*"))
    ]
    (rule,) = route(service=service)["rules"]
    assert "filters" not in rule, "a filter without origins would speak of all or none"


def test_origins_that_are_exact_are_allowed_without_a_warning() -> None:
    service = {"corsPolicy": {"allowOrigins": [{"exact": "https://example.org"}]}}
    assert GatewayApiRouter().ignored(a_canary("gatewayapi", service=service)) == ()


@pytest.mark.parametrize(
    ("mirror", "percent"),
    [
        ({"backendRef": {"name": "podinfo-canary"}}, 100),
        ({"backendRef": {"name": "podinfo-canary"}, "percent": 7}, 7),
        ({"backendRef": {"name": "podinfo-canary"}, "percent": 0}, 0),
        ({"backendRef": {"name": "podinfo-canary"}, "percent": "many"}, 100),
        ({"backendRef": {"name": "podinfo-canary"}, "fraction": {"numerator": 5}}, 5),
        (
            {
                "backendRef": {"name": "podinfo-canary"},
                "fraction": {"numerator": 1, "denominator": 1000},
            },
            1,
        ),
        ({"backendRef": {"name": "shadow"}, "percent": 7}, 0),
        (None, 0),
    ],
)
def test_copies_are_read_as_the_api_means_them(mirror: object, percent: int) -> None:
    canary = a_canary("gatewayapi")
    (rendered,) = routed(canary, 20)
    (rule,) = rendered["spec"]["rules"]
    rule["filters"] = [{"type": "RequestMirror", "requestMirror": mirror}]
    cluster = a_cluster(GatewayApiRouter(), canary, [rendered])
    assert GatewayApiRouter().read(canary, cluster) == Seen(weight=20, mirror=percent)


@pytest.mark.parametrize(
    ("spec", "fields"),
    [
        ({"analysis": {"mirror": True}}, []),
        ({"analysis": {"mirror": True, "mirrorWeight": 100}}, []),
        ({"analysis": {"mirrorWeight": 10}}, []),
        ({"analysis": {"mirror": True, "mirrorWeight": 10}}, ["spec.analysis.mirrorWeight"]),
        (
            {"analysis": {"steps": [{"mirror": 10}, {"mirror": 100}, {"weight": 10}]}},
            ["spec.analysis.steps[0].mirror"],
        ),
        ({"service": {"timeout": "1s"}}, ["spec.service.timeout"]),
        ({"service": {"backendTimeout": "1s"}}, ["spec.service.backendTimeout"]),
    ],
)
def test_names_the_fields_that_an_older_release_of_the_api_would_drop(
    spec: dict[str, Any], fields: list[str]
) -> None:
    required = GatewayApiRouter().required_fields(a_canary("gatewayapi", **spec))
    assert [each.problem.field for each in required] == fields


@pytest.mark.parametrize(
    ("backends", "seen"),
    [
        ([{"name": "podinfo-primary"}, {"name": "podinfo-canary"}], Seen(weight=50)),
        ([{"name": "podinfo-primary", "weight": 1000}, {"name": "podinfo-canary"}], Seen(weight=1)),
        ([{"name": "podinfo-canary"}, {"name": "podinfo-primary", "weight": 0}], Seen(weight=100)),
        ([{"name": "podinfo"}], None),
    ],
)
def test_weights_are_read_as_the_api_reads_them(
    backends: list[dict[str, Any]], seen: Seen | None
) -> None:
    router, canary = GatewayApiRouter(), a_canary("gatewayapi")
    existing = {"kind": "HTTPRoute", "metadata": {"name": "podinfo"}}
    spec = {"rules": [{"filters": []}, {"backendRefs": backends}]}
    cluster = a_cluster(router, canary, [existing | {"spec": spec}])
    assert router.read(canary, cluster) == seen


def test_a_canary_that_names_no_parent_is_refused_also_where_it_names_no_provider() -> None:
    """The controller's own `--router gatewayapi` is what routes it."""
    canary = a_canary("gatewayapi")
    service = canary.spec.service.but(gateway_refs=())
    bare = canary.but(spec=canary.spec.but(provider=None, service=service))
    (problem,) = GatewayApiRouter().problems(bare)
    assert problem.field == "spec.service.gatewayRefs"
    assert "name at least one Gateway" in problem.remedy


@pytest.mark.parametrize(
    ("of_service", "of_analysis", "refused"),
    [
        (25, 0, []),
        (26, 0, ["spec.analysis.sessionAffinity"]),
        (1, 42, []),
        (1, 43, ["spec.analysis.sessionAffinity"]),
    ],
)
def test_conditions_that_every_cookie_repeats_are_counted(
    of_service: int, of_analysis: int, refused: list[str]
) -> None:
    service, analysis = (
        [{"headers": {f"x-{kind}": {"exact": str(each)}}} for each in range(count)]
        for kind, count in (("service", of_service), ("analysis", of_analysis))
    )
    affinity = {"cookieName": "stick", "primaryCookieName": "stay"}
    assert (
        problem_fields(
            service={"match": service}, analysis={"match": analysis, "sessionAffinity": affinity}
        )
        == refused
    )


class TestBeforehand:
    """Proxies learn of the sides from a rule that no client meets."""

    def test_a_new_route_names_both_sides_for_nobody(self) -> None:
        router, canary = GatewayApiRouter(), a_canary("gatewayapi")
        (before,) = router.beforehand(canary, a_cluster(router, canary))
        (after,) = router.render(canary, a_cluster(router, canary), Traffic())
        assert before.key == after.key
        spec, routed = before.manifest["spec"], after.manifest["spec"]
        assert spec | {"rules": routed["rules"]} == routed
        (rule,) = spec["rules"]
        (match,) = rule["matches"]
        assert match["headers"] == [
            {"name": "tidegate-known", "type": "Exact", "value": canary.metadata.uid}
        ]
        assert [(each["name"], each["weight"]) for each in rule["backendRefs"]] == [
            ("podinfo-primary", 100),
            ("podinfo-canary", 0),
        ]

    def test_it_is_no_route_yet_and_is_written_once(self) -> None:
        router, canary = GatewayApiRouter(), a_canary("gatewayapi")
        (before,) = router.beforehand(canary, a_cluster(router, canary))
        cluster = a_cluster(router, canary, [before.manifest])
        assert router.read(canary, cluster) is None
        (again,) = router.beforehand(canary, cluster)
        assert not again.differs(before.manifest)
        (routed,) = router.render(canary, cluster, Traffic())
        mended = routed.mended(before.manifest)
        assert router.read(canary, a_cluster(router, canary, [mended])) == Seen()

    def test_a_route_of_the_users_keeps_its_rules_and_is_given_back_as_it_was(self) -> None:
        router, canary = GatewayApiRouter(), a_canary("gatewayapi")
        rule = {"backendRefs": [{"name": "podinfo", "port": 80}]}
        spec = {"parentRefs": [{"name": "theirs"}], "hostnames": ["a.example"], "rules": [rule]}
        users = {"kind": "HTTPRoute", "metadata": {"name": "podinfo"}, "spec": spec}
        (before,) = router.beforehand(canary, a_cluster(router, canary, [users]))
        known = before.mended(users)
        assert known["spec"] | {"rules": [rule]} == spec
        kept, added = known["spec"]["rules"]
        assert kept == rule
        assert added["matches"][0]["headers"][0]["name"] == "tidegate-known"
        cluster = a_cluster(router, canary, [known])
        assert router.read(canary, cluster) is None
        (again,) = router.beforehand(canary, cluster)
        assert not again.differs(known)
        (restored,) = router.restore(canary, cluster).write
        assert restored.mended(known)["spec"] == spec
        (routed,) = router.render(canary, cluster, Traffic())
        (restored,) = router.restore(
            canary, a_cluster(router, canary, [routed.mended(known)])
        ).write
        assert restored.mended(known)["spec"] == spec

    def test_what_led_clients_stays_named_until_they_have_come_over(self) -> None:
        """A proxy that forgets the service before it hears of the route would fail requests."""
        router, canary = GatewayApiRouter(), a_canary("gatewayapi")
        backends = [{"name": "podinfo", "port": 8080}, {"name": "old", "namespace": "b", "port": 1}]
        rules = [{"backendRefs": backends}, {"backendRefs": [{**backends[0], "weight": 9}]}]
        found = {"kind": "HTTPRoute", "metadata": {"name": "podinfo"}, "spec": {"rules": rules}}
        for _ in range(2):
            cluster = a_cluster(router, canary, [found])
            (coming,) = router.render(canary, cluster, Traffic(taking_over=True))
            found = coming.mended(found)
            leading, naming = found["spec"]["rules"]
            assert "headers" not in leading["matches"][0]
            assert naming["matches"][0]["headers"][0]["name"] == "tidegate-known"
            assert naming["backendRefs"] == [
                {"group": "", "kind": "Service", "name": "podinfo", "port": 8080, "weight": 1},
                {"group": "", "kind": "Service", **backends[1], "weight": 1},
            ]
        cluster = a_cluster(router, canary, [found])
        assert router.read(canary, cluster) == Seen()
        (come,) = router.render(canary, cluster, Traffic())
        assert come.mended(found)["spec"]["rules"] == [leading]

    def test_where_no_route_led_clients_nothing_is_named_beside_the_sides(self) -> None:
        router, canary = GatewayApiRouter(), a_canary("gatewayapi")
        (coming,) = router.render(canary, a_cluster(router, canary), Traffic(taking_over=True))
        (come,) = router.render(canary, a_cluster(router, canary), Traffic())
        assert coming == come

    def test_a_route_that_leads_to_a_side_or_is_full_stays_as_it_is(self) -> None:
        router, canary = GatewayApiRouter(), a_canary("gatewayapi")
        for service, count in (("podinfo-primary", 1), ("podinfo", 16)):
            rules = [{"backendRefs": [{"name": service, "port": 80}]}] * count
            found = {"kind": "HTTPRoute", "metadata": {"name": "podinfo"}, "spec": {"rules": rules}}
            assert router.beforehand(canary, a_cluster(router, canary, [found])) == ()

    def test_in_a_mesh_nothing_is_named(self) -> None:
        """There a route replaces what a Service does by itself, so that nobody would be led."""
        router, canary = GatewayApiRouter(), a_canary("gatewayapi")
        gateway = canary.spec.service.gateway_refs
        inside = (*gateway, ParentReference(group="core", kind="Service", name="podinfo"))
        service = canary.spec.service.but(gateway_refs=inside)
        canary = canary.but(spec=canary.spec.but(service=service))
        assert router.beforehand(canary, a_cluster(router, canary)) == ()

    def test_beside_a_managed_route_nothing_is_named(self) -> None:
        route = {"kind": "HTTPRoute", "name": "shop", "rules": [{"name": "podinfo"}]}
        canary = a_canary("gatewayapi", managedRoutes=[route])
        router = router_for("gatewayapi")
        assert router.beforehand(canary, a_cluster(router, canary)) == ()
