"""The VirtualServerRoute: splits, conditions and what the controller says of it."""

from typing import Any

import pytest

from canary.core.traffic import Seen, Traffic
from canary.routers import router_for
from tests.routers.builders import a_canary, a_cluster, rendered, spec_of, the_traffic

ROUTER = router_for("nginx-f5")
CANARY = a_canary("nginx-f5")


def matching(**headers: dict[str, str]) -> Any:
    named = {name.replace("_", "-"): condition for name, condition in headers.items()}
    return a_canary("nginx-f5", analysis={"match": [{"headers": named}]})


@pytest.mark.parametrize("weight", [0, 20, 100])
def test_there_are_always_two_splits_of_100_in_all(weight: int) -> None:
    made = rendered(ROUTER, CANARY, a_cluster(ROUTER, CANARY), Traffic(weight=weight))
    (route,) = spec_of(made, "VirtualServerRoute")["subroutes"]
    assert [each["weight"] for each in route["splits"]] == [100 - weight, weight]


@pytest.mark.parametrize(
    ("condition", "value"),
    [
        ({"exact": "a.b"}, "~^(?:a\\.b)$"),
        ({"prefix": "a"}, "~^(?:a.*)$"),
        ({"suffix": "a"}, "~^(?:.*a)$"),
        ({"regex": "a|b"}, "~^(?:a|b)$"),
        ({"regex": "(?=b)."}, "~^(?:(?=b).)$"),
    ],
)
def test_conditions_are_for_the_whole_text_and_tell_upper_from_lower_case(
    condition: dict[str, str], value: str
) -> None:
    canary = matching(x_a=condition)
    made = rendered(ROUTER, canary, a_cluster(ROUTER, canary), the_traffic(canary, 20))
    (route,) = spec_of(made, "VirtualServerRoute")["subroutes"]
    assert route["matches"][0]["conditions"] == [{"header": "x-a", "value": value}]
    assert route["action"] == {"pass": "podinfo-primary"}


def test_headers_query_parameters_and_the_method_are_conditions_of_one_match() -> None:
    match = {
        "method": {"exact": "GET"},
        "headers": {"x-a": {"exact": "1"}},
        "queryParams": {"version": {"exact": "2"}},
    }
    canary = a_canary("nginx-f5", analysis={"match": [match]})
    assert ROUTER.problems(canary) == ()
    made = rendered(ROUTER, canary, a_cluster(ROUTER, canary), the_traffic(canary, 20))
    (route,) = spec_of(made, "VirtualServerRoute")["subroutes"]
    assert route["matches"][0]["conditions"] == [
        {"header": "x-a", "value": "~^(?:1)$"},
        {"argument": "version", "value": "~^(?:2)$"},
        {"variable": "$request_method", "value": "~^(?:GET)$"},
    ]


@pytest.mark.parametrize(
    ("match", "field"),
    [
        ([{"queryParams": {"a-b": {"exact": "1"}}}], "spec.analysis.match[0].queryParams.a-b"),
        ([{"method": {"regex": 'G"'}}], "spec.analysis.match[0].method"),
        ([{"name": "all"}], "spec.analysis.match[0].headers"),
        ([{"headers": {"x_a": {"exact": "1"}}}], "spec.analysis.match[0].headers.x_a"),
        ([{"headers": {"x-a": {"exact": 'say "hi"'}}}], "spec.analysis.match[0].headers.x-a"),
        ([{"uri": {"prefix": "/api"}}], "spec.analysis.match[0].uri"),
        ([{"headers": {"x-a": {"regex": "a("}}}], "spec.analysis.match[0]"),
        ([{"method": {"regex": "(?s:G)"}}], "spec.analysis.match[0]"),
    ],
)
def test_conditions_that_do_not_fit_are_refused_by_name(match: Any, field: str) -> None:
    (problem,) = ROUTER.problems(a_canary("nginx-f5", analysis={"match": match}))
    assert problem.field == field


@pytest.mark.parametrize("hosts", [[], ["*"], ["a.example.com", "b.example.com"]])
def test_there_is_one_host(hosts: list[str]) -> None:
    (problem,) = ROUTER.problems(a_canary("nginx-f5", service={"hosts": hosts}))
    assert problem.field == "spec.service.hosts"


UPSTREAMS = [
    {"name": "p", "service": "podinfo-primary", "port": 1},
    {"name": "c", "service": "podinfo-canary", "port": 1},
]


@pytest.mark.parametrize(
    ("route", "seen"),
    [
        ({"action": {"pass": "c"}}, Seen(weight=100)),
        (
            {"splits": [{"weight": 90, "action": {"pass": "p"}}, {"weight": 10, "action": {"pass": "c"}}]},
            Seen(weight=10),
        ),
        ({"action": {"pass": "nowhere"}}, None),
        ({"action": {"redirect": {}}}, None),
    ],
)  # fmt: skip
def test_a_route_is_read_by_the_services_of_its_upstreams(route: Any, seen: Seen | None) -> None:
    made = rendered(ROUTER, CANARY, a_cluster(ROUTER, CANARY), Traffic())
    edited = [each | {"spec": {"upstreams": UPSTREAMS, "subroutes": [route]}} for each in made]
    assert ROUTER.read(CANARY, a_cluster(ROUTER, CANARY, edited)) == seen


def test_a_route_that_is_invalid_is_rejected_and_one_with_a_warning_is_not() -> None:
    status = {"state": "Invalid", "reason": "Rejected", "message": "no VirtualServer"}
    words = "the controller reports Invalid: Rejected: no VirtualServer"
    assert ROUTER.refusal({"status": status}) == words
    assert ROUTER.refusal({"status": status | {"state": "Warning"}}) == ""
    assert ROUTER.refusal({"status": status | {"state": "Valid"}}) == ""


@pytest.mark.parametrize("reason", ["Ignored", "NoVirtualServerFound"])
def test_a_route_to_which_no_virtual_server_leads_says_so(reason: str) -> None:
    status = {"state": "Warning", "reason": reason, "message": "VirtualServer doesn't exist"}
    words = f"the controller reports Warning: {reason}: VirtualServer doesn't exist"
    assert ROUTER.refusal({"status": status}) == words


def kept(percent: int, **affinity: Any) -> Any:
    asked = {"cookieName": "stick", "primaryCookieName": "old"} | affinity
    canary = a_canary("nginx-f5", analysis={"sessionAffinity": asked})
    made = rendered(ROUTER, canary, a_cluster(ROUTER, canary), the_traffic(canary, percent))
    (route,) = spec_of(made, "VirtualServerRoute")["subroutes"]
    return route


def test_the_answers_of_a_side_set_its_cookie_beside_those_of_the_app() -> None:
    primary, canary = (each["action"]["proxy"] for each in kept(10)["splits"])
    for proxy, service, cookie in (
        (primary, "podinfo-primary", "old"),
        (canary, "podinfo-canary", "stick"),
    ):
        assert proxy["upstream"] == service
        (added,) = proxy["responseHeaders"]["add"]
        assert (added["name"], added["always"]) == ("Set-Cookie", True)
        assert added["value"].startswith(f"{cookie}=1-")


def test_who_has_the_cookie_of_a_side_is_passed_to_it_before_requests_are_split() -> None:
    canary, primary = kept(10)["matches"]
    for match, service, cookie in (
        (canary, "podinfo-canary", "stick"),
        (primary, "podinfo-primary", "old"),
    ):
        (condition,) = match["conditions"]
        assert condition["header"] == "cookie"
        assert f"{cookie}=1-" in condition["value"]
        assert match["action"] == {"pass": service}


def test_a_cookie_that_is_taken_back_expires_with_the_answers_of_the_primary() -> None:
    route = kept(0)
    for match in route["matches"]:
        proxy = match["action"]["proxy"]
        assert proxy["upstream"] == "podinfo-primary"
        assert "Max-Age=0" in proxy["responseHeaders"]["add"][0]["value"]
    assert [each["action"] for each in route["splits"]] == [
        {"pass": "podinfo-primary"},
        {"pass": "podinfo-canary"},
    ]


@pytest.mark.parametrize(
    ("field", "value"),
    [("cookieName", "a$b"), ("primaryCookieName", "a$b"), ("path", "/$a"), ("path", "/a\\b")],
)
def test_what_the_controller_takes_into_no_header_is_refused(field: str, value: str) -> None:
    affinity = {"cookieName": "stick", field: value}
    canary = a_canary("nginx-f5", analysis={"sessionAffinity": affinity})
    assert [problem.field for problem in ROUTER.problems(canary)] == [
        f"spec.analysis.sessionAffinity.{field}"
    ]
