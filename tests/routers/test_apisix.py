"""What is APISIX's own: rules that copy the user's, and are preferred to them."""

from copy import deepcopy
from typing import Any

import pytest

from canary.api.kinds import Manifest
from canary.core.traffic import Seen, Traffic
from canary.objects.render import Lacking
from canary.routers.apisix import ApisixRouter
from tests.cases.routers.apisix import USERS
from tests.routers.builders import a_canary, a_cluster, rendered, routed

ROUTER, CANARY = ApisixRouter(), a_canary("apisix")


def rules(percent: int = 20, **spec: Any) -> dict[str, Manifest]:
    (route,) = routed(a_canary("apisix", **spec), percent)
    return {rule["name"]: rule for rule in route["spec"]["http"]}


def test_every_rule_that_leads_to_the_app_is_copied_with_both_sides() -> None:
    made = rules()
    assert list(made) == ["app", "internal"]
    users = {rule["name"]: rule for rule in USERS["spec"]["http"]}
    assert {name: made["app"][name] for name in ("match", "timeout", "plugins")} == {
        name: users["app"][name] for name in ("match", "timeout", "plugins")
    }
    assert made["internal"]["backends"] == [
        {"serviceName": "podinfo-primary", "servicePort": "http", "weight": 80},
        {"serviceName": "podinfo-canary", "servicePort": "http", "weight": 20},
    ]


def test_a_copy_is_preferred_to_its_rule_and_to_nothing_that_is_preferred_to_that() -> None:
    assert {name: rule["priority"] for name, rule in rules().items()} == {"app": 1, "internal": 6}


def test_conditions_are_added_to_those_of_the_user() -> None:
    match = {
        "uri": {"prefix": "/v"},
        "method": {"exact": "GET"},
        "headers": {"X-A": {"exact": "1"}},
        "queryParams": {"q": {"suffix": "z"}},
    }
    made = rules(analysis={"match": [match, {"headers": {"x-b": {"regex": "a|b"}}}]})
    assert list(made) == [f"{name}-matched-{i}" for name in ("app", "internal") for i in (0, 1)]
    exprs = made["app-matched-0"]["match"]["exprs"]
    said = [(each["subject"]["scope"], each["subject"]["name"], each["value"]) for each in exprs]
    assert said == [
        ("Query", "v", "2"),
        ("Variable", "request_method", "GET"),
        ("Variable", "uri", "^(?:/v.*)$"),
        ("Header", "x-a", "1"),
        ("Query", "q", "^(?:.*z)$"),
    ]
    (second,) = made["internal-matched-1"]["match"]["exprs"]
    assert (second["op"], second["value"]) == ("RegexMatch", "^(?:a|b)$")


def test_copies_take_the_place_of_the_users() -> None:
    traffic = Traffic(mirror=10)
    (route,) = rendered(ROUTER, CANARY, a_cluster(ROUTER, CANARY), traffic)
    app, internal = route["spec"]["http"]
    (copies,) = internal["plugins"]
    assert [each["name"] for each in app["plugins"]] == ["cors", "proxy-mirror"]
    assert copies["config"] == {"host": "http://podinfo-canary.test.svc:9898", "sample_ratio": 0.1}


def test_without_a_rule_for_the_app_it_says_what_is_missing() -> None:
    users = deepcopy(USERS)
    users["spec"]["http"][0]["backends"].append({"serviceName": "more", "servicePort": 80})
    users["spec"]["http"][1:] = []
    cluster = a_cluster(ROUTER, CANARY, [users])
    lacking = ROUTER.render(CANARY, cluster, Traffic())
    assert isinstance(lacking, Lacking)
    assert str(lacking) == (
        "ApisixRoute test/shop has no rule for Service podinfo alone: write a rule whose only "
        "backend is Service podinfo"
    )


def test_an_own_class_is_left_out_where_the_user_has_none() -> None:
    users = deepcopy(USERS)
    del users["spec"]["ingressClassName"]
    users["spec"]["http"][0]["priority"] = "high"
    cluster = a_cluster(ROUTER, CANARY, [users])
    (route,) = rendered(ROUTER, CANARY, cluster, Traffic())
    assert route["spec"].keys() == {"http"}
    assert route["spec"]["http"][0]["priority"] == 1


@pytest.mark.parametrize(
    ("rule", "seen"),
    [
        (
            {"backends": [{"serviceName": "podinfo-primary"}, {"serviceName": "podinfo-canary"}]},
            Seen(weight=50),
        ),
        (
            {
                "name": "a-matched-0",
                "backends": [{"serviceName": "podinfo-primary"}],
                "plugins": [
                    {
                        "enable": True,
                        "config": {
                            "host": "http://podinfo-canary.test.svc:1",
                            "sample_ratio": 0.07,
                        },
                    },
                    {"enable": True, "config": {"host": "http://podinfo-canary.test.svc:1"}},
                    {"enable": False, "config": {"host": "http://podinfo-canary.test.svc:1"}},
                ],
            },
            Seen(mirror=7, matched=True),
        ),
        ({"backends": [{"serviceName": "other"}]}, None),
    ],
)
def test_rules_are_read_as_apisix_completes_them(rule: Manifest, seen: Seen | None) -> None:
    (made,) = routed(CANARY, 0)
    cluster = a_cluster(ROUTER, CANARY, [made | {"spec": {"http": [rule]}}])
    assert ROUTER.read(CANARY, cluster) == seen


def test_without_a_reference_it_has_no_objects() -> None:
    canary = CANARY.but(spec=CANARY.spec.but(route_ref=None))
    assert ROUTER.objects(canary).all == ()
    assert ROUTER.read(canary, a_cluster(ROUTER, canary)) is None
    assert [problem.field for problem in ROUTER.problems(canary)] == ["spec.routeRef"]
