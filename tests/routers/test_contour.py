"""What is Contour's own: paths, retries, even splits, precedence, and what it says of an HTTPProxy."""

from typing import Any

import pytest

from canary.api.kinds import Manifest
from canary.core.traffic import Seen
from canary.routers.contour import ContourRouter
from tests.routers.builders import a_canary, a_cluster, routed, spec_of


def routes(percent: int = 10, **spec: Any) -> list[Manifest]:
    return list(spec_of(routed(a_canary("contour", **spec), percent), "HTTPProxy")["routes"])


def problems(**spec: Any) -> dict[str, str]:
    found = ContourRouter().problems(a_canary("contour", **spec))
    return {problem.field: str(problem) for problem in found}


def seen(*services: Manifest) -> Seen | None:
    return ContourRouter().seen(a_canary("contour"), {"routes": [{"services": list(services)}]})


PRIMARY, CANARY = {"name": "podinfo-primary"}, {"name": "podinfo-canary"}


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        (None, {"prefix": "/"}),
        ({"exact": "/a"}, {"exact": "/a"}),
        ({"prefix": "/a"}, {"prefix": "/a"}),
        ({"regex": "/a.*"}, {"regex": "/a.*"}),
        ({"suffix": ".js"}, {"regex": r"/?.*\.js"}),
    ],
)
def test_a_path_is_written_as_contour_takes_it(uri: object, path: Manifest) -> None:
    (route,) = routes(service={"match": [{"uri": uri} if uri else {"name": "any"}]})
    assert route["conditions"] == [path]


def test_every_header_is_a_condition_beside_one_path() -> None:
    headers = {"x-b": {"prefix": "1"}, "x-a": {"exact": "2"}}
    (route,) = routes(service={"match": [{"headers": headers, "method": {"exact": "PUT"}}]})
    assert route["conditions"] == [
        {"prefix": "/"},
        {"header": {"name": ":method", "exact": "PUT"}},
        {"header": {"name": "x-a", "exact": "2"}},
        {"header": {"name": "x-b", "regex": "1.*"}},
    ]


@pytest.mark.parametrize(
    ("retries", "written"),
    [
        ({}, {"count": 1}),
        ({"attempts": 0}, {"count": -1}),
        ({"attempts": 4, "perTryTimeout": "1s"}, {"count": 4, "perTryTimeout": "1s"}),
        (
            {"retryOn": "5xx, 409"},
            {
                "count": 1,
                "retriableStatusCodes": [409],
                "retryOn": ["5xx", "retriable-status-codes"],
            },
        ),
    ],
)
def test_retries_are_written_as_contour_counts_them(retries: Manifest, written: Manifest) -> None:
    (route,) = routes(service={"retries": retries})
    assert route["retryPolicy"] == written


def test_no_time_limit_is_not_contours_default() -> None:
    (route,) = routes(service={"timeout": "0s"})
    assert route["timeoutPolicy"] == {"response": "infinity"}


def test_a_reason_to_retry_that_contour_does_not_know_is_refused() -> None:
    found = problems(service={"retries": {"retryOn": "5xx,sometimes"}})
    assert "Contour does not know sometimes" in found["spec.service.retries.retryOn"]


@pytest.mark.parametrize(
    ("route", "analysis", "refused"),
    [
        ({"headers": {"X-A": {"prefix": "a"}}}, {"headers": {"x-a": {"exact": "ab"}}}, True),
        ({"headers": {"x-a": {"prefix": "a"}}}, {"headers": {"x-b": {"exact": "ab"}}}, False),
        ({"queryParams": {"q": {"prefix": "a"}}}, {"queryParams": {"q": {"exact": "ab"}}}, True),
        ({"method": {"prefix": "P"}}, {"method": {"exact": "PUT"}}, True),
        ({"uri": {"prefix": "/a"}}, {"uri": {"prefix": "/a/b"}}, False),
        ({"headers": {"x-a": {"exact": "a"}}}, {"headers": {"x-a": {"exact": "a"}}}, False),
    ],
)
def test_a_condition_that_contour_would_not_prefer_is_refused(
    route: Manifest, analysis: Manifest, refused: bool
) -> None:
    found = problems(service={"match": [route]}, analysis={"match": [analysis]})
    assert list(found) == (["spec.analysis.match[0]"] if refused else [])


@pytest.mark.parametrize(
    ("match", "field"),
    [
        ({"uri": {"regex": "a.*"}}, "uri.regex"),
        ({"uri": {"prefix": "a"}}, "uri.prefix"),
        ({"headers": {"x-a": {"exact": ""}}}, "x-a"),
        ({"queryParams": {"q": {"prefix": ""}}}, "q"),
    ],
)
def test_what_would_make_an_httpproxy_invalid_is_refused(match: Manifest, field: str) -> None:
    (problem,) = problems(service={"match": [match]}).values()
    assert field in problem


@pytest.mark.parametrize(
    ("services", "expected"),
    [
        ((PRIMARY, CANARY), Seen(weight=50)),
        ((PRIMARY | {"weight": 0}, CANARY | {"weight": 0}), Seen(weight=50)),
        ((PRIMARY | {"weight": 1}, CANARY), Seen(weight=0)),
        ((CANARY,), Seen(weight=100)),
        ((PRIMARY, CANARY | {"mirror": True}), Seen(mirror=100)),
        ((PRIMARY, CANARY | {"mirror": True, "weight": 0}), Seen(mirror=100)),
        ((PRIMARY, CANARY | {"mirror": True, "weight": 7}), Seen(mirror=7)),
        ((PRIMARY, {"name": "other", "mirror": True}), Seen()),
        (({"name": "other"},), None),
    ],
)
def test_services_are_read_as_contour_shares_them(
    services: tuple[Manifest, ...], expected: Seen | None
) -> None:
    assert seen(*services) == expected


def test_its_own_class_is_an_annotation_of_the_apex() -> None:
    apex = {"annotations": {"projectcontour.io/ingress.class": "internal"}}
    for proxy in routed(a_canary("contour", service={"apex": apex}), 10):
        assert apex["annotations"].items() <= proxy["metadata"]["annotations"].items()


@pytest.mark.parametrize(
    ("generation", "status", "says"),
    [
        (
            3,
            "False",
            "Contour reports Valid=False: ErrorPresent: this HTTPProxy is not part of a chain",
        ),
        (2, "False", ""),
        (3, "True", ""),
    ],
)
def test_a_rejection_is_told_in_contours_words(generation: int, status: str, says: str) -> None:
    known, proxy = routed(a_canary("contour"), 10)
    proxy["metadata"]["generation"] = 3
    proxy["status"] = known["status"] = {
        "conditions": [
            {
                "type": "Valid",
                "status": status,
                "observedGeneration": generation,
                "reason": "ErrorPresent",
                "message": "At least one error present, see Errors for details",
                "errors": [
                    {"type": "Orphaned", "message": "this HTTPProxy is not part of a chain"}
                ],
            }
        ]
    }
    assert ContourRouter().refusal(proxy) == says
    # What no request fits may be refused without harm: virtual hosts may be for other namespaces.
    assert ContourRouter().refusal(known) == ""


def test_envoy_knows_the_services_before_the_route_names_them_by_a_route_that_fits_no_request() -> (
    None
):
    canary = a_canary("contour")
    cluster = a_cluster(ContourRouter(), canary)
    (before,) = ContourRouter().beforehand(canary, cluster)
    known, _ = routed(canary, 10)
    assert before.manifest["spec"] == known["spec"]
    (route,) = known["spec"]["routes"]
    assert [each["name"] for each in route["services"]] == [
        "podinfo",
        "podinfo-primary",
        "podinfo-canary",
    ]
    headers = [each["header"] for each in route["conditions"] if "header" in each]
    (name,) = {each["name"] for each in headers}
    (value,) = {each.get("exact") or each["notcontains"] for each in headers}
    assert headers == [{"name": name, "exact": value}, {"name": name, "notcontains": value}]
    assert known["spec"]["virtualhost"] == {"fqdn": "podinfo.test.tidegate.invalid"}
