"""What is the Gateway API's own: parents, conditions, filters, durations, and its limits."""

from dataclasses import replace
from typing import Any

import pytest

from canary.api.annotations import ACCEPTANCE
from canary.api.kinds import Manifest
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
    made = spec_of(rendered(router, canary, cluster, Traffic()), "HTTPRoute")
    assert "retry" not in made["rules"][0]
    (warning,) = router.ignored(canary)
    assert (warning.field, warning.value) == ("spec.service.retries.retryOn", "strange")


def test_cors_is_left_to_the_app_where_the_installed_crd_has_none() -> None:
    router = GatewayApiRouter()
    canary = a_canary("gatewayapi", service={"corsPolicy": {"allowOrigin": ["https://a"]}})
    (field,) = router.required_fields(canary)
    assert isinstance(field.problem, SpecWarning)
    cluster = a_cluster(router, canary)
    for missing, filters in ((frozenset(), ["CORS"]), (frozenset({field.path}), [])):
        made = rendered(router, canary, replace(cluster, missing=missing), Traffic())
        (rule,) = spec_of(made, "HTTPRoute")["rules"]
        assert [each["type"] for each in rule.get("filters", ())] == filters


def test_one_parent_that_is_enough_is_written_onto_the_route_and_taken_back() -> None:
    canary = a_canary("gatewayapi", service={"acceptance": "Any"})
    made = routed(canary, 10)
    assert [each["metadata"]["annotations"][ACCEPTANCE] for each in made] == ["Any", "Any"]
    for again in routed(a_canary("gatewayapi", service={"acceptance": "All"}), 10, made):
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
    *_, made = routed(canary, 20)
    (rule,) = made["spec"]["rules"]
    rule["filters"] = [{"type": "RequestMirror", "requestMirror": mirror}]
    cluster = a_cluster(GatewayApiRouter(), canary, [made])
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


class TestKnownServices:
    """Proxies learn of all services from a second route, which no client meets."""

    def test_a_route_of_its_own_names_the_services_for_nobody_as_long_as_the_canary_lives(
        self,
    ) -> None:
        router = GatewayApiRouter()
        canary = a_canary("gatewayapi", service={"hosts": ["a.example"]})
        (before,) = router.beforehand(canary, a_cluster(router, canary))
        assert (before.key,) == router.objects(canary).own
        spec = before.manifest["spec"]
        match = {
            "path": {"type": "PathPrefix", "value": "/"},
            "headers": [{"name": "tidegate-known", "type": "Exact", "value": "canary-uid"}],
        }
        names = ("podinfo", "podinfo-primary", "podinfo-canary")
        assert spec["rules"] == [{"matches": [match], "backendRefs": services(*names)}]
        known, routed = rendered(router, canary, a_cluster(router, canary), Traffic())
        assert known == before.manifest
        assert routed["spec"] | {"rules": spec["rules"]} == spec
        for each in ([known], [known, routed]):
            (again,) = router.beforehand(canary, a_cluster(router, canary, each))
            assert not again.differs(known)
        assert router.read(canary, a_cluster(router, canary, [known])) is None

    def test_it_goes_with_a_route_that_goes_and_after_one_that_is_given_back(self) -> None:
        router, canary = GatewayApiRouter(), a_canary("gatewayapi")
        for found, gone in (((), ["podinfo", "podinfo-known"]), ((led("podinfo"),), [])):
            made = rendered(router, canary, a_cluster(router, canary, found), Traffic())
            back = router.restore(canary, a_cluster(router, canary, made))
            assert [key.name for key in back.remove] == gone
            left = [] if gone else ["podinfo-known"]
            assert [key.name for key in back.afterwards] == left
            assert [each.mended(made[1])["spec"] for each in back.write] == [
                each["spec"] for each in found
            ]

    def test_what_led_clients_before_stays_named_as_they_may_be_led_back(self) -> None:
        """A proxy that forgets the service before it hears of the route would fail requests."""
        router, canary = GatewayApiRouter(), a_canary("gatewayapi")
        elsewhere = {"name": "old", "namespace": "b", "port": 1}
        backends = [{"name": "podinfo", "port": 9898}, elsewhere]
        rules = [{"backendRefs": backends}, {"backendRefs": [{**backends[0], "weight": 9}]}]
        objects: tuple[Manifest, ...] = (led("podinfo", rules=rules),)
        for _ in range(3):
            objects = rendered(router, canary, a_cluster(router, canary, objects), Traffic())
            known, leading = objects
            (rule,) = known["spec"]["rules"]
            former = {"group": "", "kind": "Service", **elsewhere, "weight": 1}
            names = ("podinfo", "podinfo-primary", "podinfo-canary")
            assert rule["backendRefs"] == [*services(*names), former]
            assert services("podinfo")[0] not in leading["spec"]["rules"][0]["backendRefs"]

    def test_no_rule_names_more_than_the_api_takes(self) -> None:
        router, canary = GatewayApiRouter(), a_canary("gatewayapi")
        backends = [{"name": f"old-{each}", "port": 1} for each in range(14)]
        found = led("podinfo", rules=[{"backendRefs": backends}])
        (known,) = router.beforehand(canary, a_cluster(router, canary, [found]))
        assert [len(each["backendRefs"]) for each in known.manifest["spec"]["rules"]] == [16, 1]

    @pytest.mark.parametrize(
        ("found", "asked", "known"),
        [
            (["a.example"], ["a.example"], ["a.example"]),
            (["a.example"], ["b.example"], None),
            (None, ["a.example"], None),
            (["a.example"], ["*"], None),
        ],
    )
    def test_its_hosts_are_those_of_a_route_before_and_after_or_none(
        self, found: list[str] | None, asked: list[str], known: list[str] | None
    ) -> None:
        """A host that only it names would keep requests from a route for more hosts."""
        router, canary = GatewayApiRouter(), a_canary("gatewayapi", service={"hosts": asked})
        objects: tuple[Manifest, ...] = (led("podinfo", **({"hostnames": found} if found else {})),)
        for _ in range(2):
            objects = rendered(router, canary, a_cluster(router, canary, objects), Traffic())
            assert objects[0]["spec"].get("hostnames") == known

    def test_it_has_the_gateways_of_a_route_before_and_after_each_once(self) -> None:
        """The API takes no Gateway twice, with a listener's name and without."""
        router = GatewayApiRouter()
        refs = [{"name": "public"}, {"name": "inner", "namespace": "edge"}]
        canary = a_canary("gatewayapi", service={"gatewayRefs": refs})
        found = led("podinfo", parentRefs=[{"name": "public", "sectionName": "https"}])
        (known,) = router.beforehand(canary, a_cluster(router, canary, [found]))
        gateway = {"group": "gateway.networking.k8s.io", "kind": "Gateway"}
        assert known.manifest["spec"]["parentRefs"] == [
            {**gateway, "name": "public", "sectionName": "https"},
            {**gateway, **refs[1]},
        ]

    def test_in_a_mesh_nothing_is_named(self) -> None:
        """There a route replaces what a Service does by itself, and every Service is known."""
        router, service = (
            GatewayApiRouter(),
            {"group": "core", "kind": "Service", "name": "podinfo"},
        )
        for more, names in (([], []), ([{"name": "public"}], ["public"])):
            canary = a_canary("gatewayapi", service={"gatewayRefs": [service, *more]})
            known = router.beforehand(canary, a_cluster(router, canary))
            assert [
                parent["name"] for each in known for parent in each.manifest["spec"]["parentRefs"]
            ] == names

    def test_a_canary_whose_gateway_takes_no_second_route_has_none(self) -> None:
        router, canary = GatewayApiRouter(), a_canary("gatewayapi")
        told = {"tidegate.dev/known-route": "none"}
        metadata = canary.metadata.model_copy(update={"annotations": told})
        alone = canary.but(metadata=metadata)
        assert router.beforehand(alone, a_cluster(router, alone)) == ()
        assert len(rendered(router, alone, a_cluster(router, alone), Traffic())) == 1

    def test_it_stands_beside_each_managed_route_where_that_one_is(self) -> None:
        routes = [{"kind": "HTTPRoute", "name": name} for name in ("shop", "till", "none")]
        router, canary = router_for("gatewayapi"), a_canary("gatewayapi", managedRoutes=routes)
        inside = [{"group": "", "kind": "Service", "name": "podinfo"}]
        cluster = a_cluster(
            router,
            canary,
            [led("shop", hostnames=["a.example"]), led("till", parentRefs=inside)],
        )
        (known,) = router.beforehand(canary, cluster)
        assert known.key.name == "podinfo-known"
        assert known.manifest["spec"]["hostnames"] == ["a.example"]
        assert [each["name"] for each in known.manifest["spec"]["parentRefs"]] == ["theirs"]
        assert [key.name for key in router.objects(canary).own] == [
            "podinfo-known",
            "podinfo-known-2",
            "podinfo-known-3",
        ]
        back = router.restore(canary, a_cluster(router, canary, [known.mended(None)]))
        assert (back.remove, back.afterwards) == ((), (known.key,))

    def test_nobody_stops_a_run_by_what_is_said_of_it(self) -> None:
        router, canary = GatewayApiRouter(), a_canary("gatewayapi")
        for obj in rendered(router, canary, a_cluster(router, canary), Traffic()):
            condition = {"type": "Accepted", "status": "False", "reason": "No"}
            parent = {"parentRef": obj["spec"]["parentRefs"][0], "conditions": [condition]}
            said = router.refusal(obj | {"status": {"parents": [parent]}})
            assert bool(said) == (obj["metadata"]["name"] == "podinfo")


def led(name: str, **spec: Any) -> Manifest:
    """Make a route of the user's, which leads to the apex."""
    written = {
        "parentRefs": [{"name": "theirs"}],
        "rules": [{"backendRefs": [{"name": "podinfo", "port": 9898}]}],
    }
    return {"kind": "HTTPRoute", "metadata": {"name": name}, "spec": written | spec}


def services(*names: str) -> list[Manifest]:
    """Refer to services as each that is only named."""
    return [
        {"group": "", "kind": "Service", "name": name, "port": 9898, "weight": 1} for name in names
    ]
