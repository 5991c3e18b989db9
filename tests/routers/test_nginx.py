"""The Ingress beside the user's: what it takes over, how it says who matches, how it is read back."""

from dataclasses import replace
from typing import Any

import pytest

from canary.api.canary import Canary
from canary.api.kinds import Manifest
from canary.core.traffic import Seen, Traffic
from canary.objects.render import Lacking
from canary.routers import router_for
from tests.cases.routers.nginx import AB, PREFIX, ingress, reference
from tests.routers.builders import a_canary, a_cluster, rendered, the_traffic

ROUTER = router_for("nginx")


def matching(*headers: dict[str, dict[str, str]]) -> Canary:
    return a_canary("nginx", analysis={**AB, "match": [{"headers": each} for each in headers]})


def chosen(canary: Canary, weight: int) -> dict[str, str]:
    """Give the annotations that say who reaches the canary."""
    cluster = a_cluster(ROUTER, canary)
    (made,) = rendered(ROUTER, canary, cluster, the_traffic(canary, weight))
    return {
        name.removeprefix(f"{PREFIX}/"): value
        for name, value in made["metadata"]["annotations"].items()
        if name.startswith(f"{PREFIX}/canary")
    }


def beside(users: Manifest, traffic: Traffic = Traffic(), prefix: str = PREFIX) -> Manifest:  # noqa: B008 - frozen
    """Render the Ingress beside one of the user's."""
    canary = a_canary("nginx", ingressRef=reference(users["metadata"]["name"]))
    cluster = a_cluster(ROUTER, canary)
    existing = {ROUTER.objects(canary).read[0]: users}
    wanted = ROUTER.render(
        canary, replace(cluster, existing=existing, ingress_prefix=prefix), traffic
    )
    assert not isinstance(wanted, Lacking)
    return wanted[0].mended(None)


def test_only_the_hosts_and_paths_that_lead_to_the_app_are_taken_over() -> None:
    users = ingress("web")
    users["spec"]["rules"] += [
        {"host": "bare.example.com"},
        {"host": "docs.example.com", "http": {}},
    ]
    (rule,) = beside(users)["spec"]["rules"]
    assert rule["host"] == "web.example.com"
    assert [
        (path["path"], path["backend"]["service"]["name"]) for path in rule["http"]["paths"]
    ] == [("/", "podinfo-canary")]


@pytest.mark.parametrize("prefix", [PREFIX, "mse.ingress.kubernetes.io"])
@pytest.mark.parametrize(
    ("value", "is_canary"), [("true", True), ("True", True), ("1", True), ("false", False)]
)
def test_beside_an_ingress_that_is_a_canary_itself_there_is_none(
    prefix: str, value: str, is_canary: bool
) -> None:
    users, canary = ingress("web"), a_canary("nginx")
    users["metadata"]["annotations"][f"{prefix}/canary"] = value
    existing = {ROUTER.objects(canary).read[0]: users}
    cluster = replace(a_cluster(ROUTER, canary), existing=existing, ingress_prefix=prefix)
    made = ROUTER.render(canary, cluster, Traffic())
    assert isinstance(made, Lacking) is is_canary
    if isinstance(made, Lacking):
        assert str(made).startswith(f"Ingress test/web is a canary itself, by {prefix}/canary: ")


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({"ingressClassName": "internal"}, {"ingressClassName": "internal"}),
        (
            {
                "rules": [],
                "defaultBackend": {"service": {"name": "podinfo", "port": {"name": "http"}}},
            },
            {
                "defaultBackend": {
                    "service": {"name": "podinfo-canary", "port": {"name": "http"}},
                }
            },
        ),
    ],
)
def test_the_class_and_the_default_backend_are_taken_over(
    changes: dict[str, Any], kept: dict[str, Any]
) -> None:
    spec = beside(ingress("web", **changes))["spec"]
    assert spec.items() >= kept.items()


def test_annotations_that_act_on_pods_are_taken_over_and_those_that_act_on_routes_are_not() -> None:
    annotations = beside(ingress("web"))["metadata"]["annotations"]
    assert annotations[f"{PREFIX}/load-balance"] == "ewma"
    assert annotations["kubernetes.io/ingress.class"] == "nginx"
    assert f"{PREFIX}/rewrite-target" not in annotations


def test_a_controller_may_read_annotations_of_another_prefix() -> None:
    annotations = beside(ingress("web"), Traffic(weight=5), "alb.ingress.kubernetes.io")[
        "metadata"
    ]["annotations"]
    assert annotations["alb.ingress.kubernetes.io/canary-weight"] == "5"
    assert not [name for name in annotations if name.startswith(PREFIX)]


@pytest.mark.parametrize("weight", [0, 1, 50, 100])
def test_a_weight_is_one_annotation_and_the_canary_is_always_marked(weight: int) -> None:
    assert chosen(a_canary("nginx"), weight) == {"canary": "true", "canary-weight": str(weight)}


@pytest.mark.parametrize(
    ("headers", "written"),
    [
        ({"x-canary": {"exact": "insider"}}, {"by-header": "x-canary", "by-header-value": "insider"}),
        ({"x-user": {"exact": "a+b"}}, {"by-header": "x-user", "by-header-pattern": "^(?:a\\+b)$"}),
        ({"x-user": {"prefix": "qa-"}}, {"by-header": "x-user", "by-header-pattern": "^(?:qa\\-.*)$"}),
        ({"x-user": {"suffix": ".de"}}, {"by-header": "x-user", "by-header-pattern": "^(?:.*\\.de)$"}),
        ({"x-user": {"regex": "a|b"}}, {"by-header": "x-user", "by-header-pattern": "^(?:a|b)$"}),
        ({"cookie": {"exact": "canary"}}, {"by-cookie": "canary"}),
        ({"cookie": {"regex": ".*x=1.*"}}, {"by-header": "cookie", "by-header-pattern": "^(?:.*x=1.*)$"}),
    ],
)  # fmt: skip
def test_a_condition_is_a_header_or_a_cookie_and_reaches_only_those_that_match(
    headers: dict[str, dict[str, str]], written: dict[str, str]
) -> None:
    canary = matching(headers)
    assert ROUTER.problems(canary) == ()
    said = {f"canary-{name}": value for name, value in written.items()}
    assert chosen(canary, 100) == {"canary": "true", "canary-weight": "0", **said}
    assert chosen(canary, 0) == {"canary": "true", "canary-weight": "0"}


@pytest.mark.parametrize(
    ("match", "field", "remedy"),
    [
        (
            [{"headers": {"x-a": {"exact": "1"}, "x-b": {"exact": "1"}}}],
            "spec.analysis.match[0].headers",
            "name exactly one header",
        ),
        ([{"name": "all"}], "spec.analysis.match[0].headers", "name exactly one header"),
        (
            [{"headers": {"x-a": {"exact": "1"}}}, {"headers": {"x-b": {"exact": "1"}}}],
            "spec.analysis.match[1].headers.x-b",
            "keep one condition",
        ),
        (
            [{"headers": {"cookie": {"exact": "a"}}}, {"headers": {"cookie": {"exact": "b"}}}],
            "spec.analysis.match[1].headers.cookie",
            "keep one condition",
        ),
        (
            [{"headers": {"cookie": {"regex": "^(.*?;)?(canary=always)(;.*)?$"}}}],
            "spec.analysis.match[0].headers.cookie",
            "ingress-nginx ignores a condition with other characters",
        ),
        (
            [{"headers": {"cookie": {"exact": ""}}}],
            "spec.analysis.match[0].headers.cookie",
            "ingress-nginx ignores",
        ),
        ([{"uri": {"prefix": "/api"}}], "spec.analysis.match[0].uri", "remove it: the annotations"),
    ],
)
def test_conditions_that_an_ingress_cannot_say_are_refused_by_name(
    match: list[dict[str, Any]], field: str, remedy: str
) -> None:
    (problem,) = ROUTER.problems(a_canary("nginx", analysis={**AB, "match": match}))
    assert problem.field == field
    assert remedy in problem.remedy


@pytest.mark.parametrize(
    ("analysis", "field"),
    [
        ({"stepWeight": 10}, "spec.analysis.match"),
        ({**AB, "stepWeightPromotion": 10}, "spec.analysis.stepWeightPromotion"),
        ({**AB, "stepWeightRollback": 10}, "spec.analysis.stepWeightRollback"),
    ],
)
def test_a_share_of_the_requests_that_match_is_refused(
    analysis: dict[str, Any], field: str
) -> None:
    match = [{"headers": {"x-a": {"exact": "1"}}}]
    (problem,) = ROUTER.problems(a_canary("nginx", analysis={"match": match, **analysis}))
    assert problem.field == field
    assert "nginx sends all requests that match to the canary, or none" in problem.remedy


def test_a_step_that_asks_for_a_share_of_the_requests_that_match_is_refused() -> None:
    match = [{"headers": {"x-a": {"exact": "1"}}}]
    steps = [{"weight": 50, "match": match}, {"weight": 100, "match": match}, {"weight": 50}]
    (problem,) = ROUTER.problems(a_canary("nginx", analysis={"stepWeight": None, "steps": steps}))
    assert problem.field == "spec.analysis.steps[0].weight"


def test_a_canary_must_name_an_ingress() -> None:
    (problem,) = ROUTER.problems(a_canary("nginx", ingressRef=None))
    assert (problem.field, problem.remedy) == (
        "spec.ingressRef",
        "name the object that leads to Service podinfo",
    )


def test_an_ingress_that_does_not_lead_to_the_app_is_waited_for() -> None:
    canary = a_canary("nginx", service={"name": "shop"})
    wanted = ROUTER.render(canary, a_cluster(ROUTER, canary), Traffic())
    assert str(wanted) == (
        "Ingress test/web does not lead to Service shop: name this Service in the backend of a "
        "path, or name another Ingress"
    )


@pytest.mark.parametrize(
    ("annotations", "seen"),
    [
        ({"canary": "true", "canary-weight": "50", "canary-weight-total": "1000"}, Seen(weight=5)),
        ({"canary": "true", "canary-weight": "1", "canary-weight-total": "1000"}, Seen(weight=1)),
        ({"canary": "true", "canary-weight": "20", "canary-weight-total": "10"}, Seen(weight=20)),
        ({"canary": "true", "canary-weight": "200"}, Seen(weight=100)),
        ({"canary": "true", "canary-weight": "many"}, None),
        ({"canary": "true"}, None),
        ({"canary": "false", "canary-weight": "50"}, None),
        ({"canary": "true", "canary-by-cookie": "c"}, Seen(weight=100, matched=True)),
    ],
)
def test_annotations_are_read_as_the_controller_reads_them(
    annotations: dict[str, str], seen: Seen | None
) -> None:
    canary = a_canary("nginx")
    (made,) = rendered(ROUTER, canary, a_cluster(ROUTER, canary), Traffic())
    made["metadata"]["annotations"] = {
        f"{PREFIX}/{name}": value for name, value in annotations.items()
    }
    assert ROUTER.read(canary, a_cluster(ROUTER, canary, [made])) == seen


def test_ingresses_that_differ_give_the_canary_the_most_and_carry_no_step() -> None:
    canary = a_canary("nginx", ingressRefs=[reference("admin")])
    cluster = a_cluster(ROUTER, canary)
    web, _ = rendered(ROUTER, canary, cluster, Traffic(weight=30))
    _, admin = rendered(ROUTER, canary, cluster, Traffic(weight=10))
    seen = ROUTER.read(canary, a_cluster(ROUTER, canary, [web, admin]))
    assert seen == Seen(weight=30, uneven=True)
    assert not seen.carries(Traffic(weight=10))
    assert seen.exposes_canary()
    alone = ROUTER.read(canary, a_cluster(ROUTER, canary, [admin]))
    assert alone == Seen(weight=10, uneven=True)


def test_where_the_ingress_says_how_requests_come_in_hosts_and_gateways_are_ignored() -> None:
    canary = a_canary("nginx", service={"hosts": ["app.example.com"], "gateways": ["public"]})
    assert ROUTER.problems(canary) == ()
    assert [str(each) for each in ROUTER.ignored(canary)] == [
        "spec.service.gateways: a list of 1: nginx ignores it: the Ingress says how requests come in",
        "spec.service.hosts: a list of 1: nginx ignores it: the Ingress says how requests come in",
    ]
