"""What not every implementation of the Gateway API does, and what a Canary is told without it."""

from typing import Any

import pytest

from canary.api.annotations import ASSUME_FEATURES
from canary.api.kinds import GATEWAY, GATEWAY_CLASS
from canary.errors import Problem, SpecWarning
from canary.routers import RequiredFeature, router_for
from tests.routers.builders import a_canary

BY_HEADER = {"match": [{"headers": {"x-canary": {"exact": "1"}}}], "iterations": 5}


def required(provider: str = "gatewayapi", **spec: Any) -> tuple[RequiredFeature, ...]:
    return router_for(provider).required_features(a_canary(provider, **spec))


def test_weights_and_conditions_on_headers_are_done_by_all() -> None:
    assert required() == ()
    assert required(analysis=BY_HEADER) == ()


@pytest.mark.parametrize(
    ("spec", "features"),
    [
        (
            {"analysis": {"mirror": True}},
            [("HTTPRouteRequestMirror", "spec.analysis.mirror")],
        ),
        (
            {"analysis": {"mirror": True, "mirrorWeight": 10}},
            [
                ("HTTPRouteRequestMirror", "spec.analysis.mirrorWeight"),
                ("HTTPRouteRequestPercentageMirror", "spec.analysis.mirrorWeight"),
            ],
        ),
        (
            {"analysis": {"stepWeight": None, "steps": [{"mirror": 100}, {"weight": 10}]}},
            [("HTTPRouteRequestMirror", "spec.analysis.steps[0].mirror")],
        ),
        (
            {"analysis": {"sessionAffinity": {"cookieName": "stick"}}},
            [
                ("HTTPRouteResponseHeaderModification", "spec.analysis.sessionAffinity"),
                ("HTTPRouteBackendRequestHeaderModification", "spec.analysis.sessionAffinity"),
            ],
        ),
        (
            {
                "service": {"match": [{"method": {"exact": "GET"}}]},
                "analysis": {"match": [{"queryParams": {"v": {"exact": "2"}}}], "iterations": 5},
            },
            [
                ("HTTPRouteMethodMatching", "spec.service.match[0].method"),
                ("HTTPRouteQueryParamMatching", "spec.analysis.match[0].queryParams"),
            ],
        ),
    ],
)
def test_what_decides_who_reaches_the_canary_is_refused_without_its_feature(
    spec: dict[str, Any], features: list[tuple[str, str]]
) -> None:
    found = required(**spec)
    assert [(each.feature, each.field) for each in found] == features
    for each in found:
        problem = each.missing("gke-l7")
        assert isinstance(problem, Problem)
        assert f"GatewayClass gke-l7 does not list {each.feature}: " in problem.remedy
        assert f"annotate the Canary with {ASSUME_FEATURES}: {each.feature} if" in problem.remedy


#: What haproxy-ingress 0.17 reports of the features that a Canary may need.
HAPROXY_INGRESS = {"HTTPRouteResponseHeaderModification", "HTTPRouteCORS"}


@pytest.mark.parametrize(
    ("spec", "lacking"),
    [
        ({}, set()),
        ({"analysis": BY_HEADER}, set()),
        ({"service": {"corsPolicy": {"allowOrigin": ["https://example.com"]}}}, set()),
        ({"analysis": {"mirror": True}}, {"HTTPRouteRequestMirror"}),
        (
            {"analysis": {"match": [{"method": {"exact": "GET"}}], "iterations": 5}},
            {"HTTPRouteMethodMatching"},
        ),
        (
            {"analysis": {"sessionAffinity": {"cookieName": "stick"}}},
            {"HTTPRouteBackendRequestHeaderModification"},
        ),
    ],
)
def test_haproxy_ingress_does_weights_and_headers_by_the_gateway_api_and_no_more(
    spec: dict[str, Any], lacking: set[str]
) -> None:
    assert {each.feature for each in required(**spec)} - HAPROXY_INGRESS == lacking


COPY = {"backendRef": {"name": "shadow", "port": 80}}


@pytest.mark.parametrize(
    ("service", "features"),
    [
        ({"timeout": "5s"}, [("HTTPRouteRequestTimeout", "timeout")]),
        ({"backendTimeout": "5s"}, [("HTTPRouteBackendTimeout", "backendTimeout")]),
        (
            {"retries": {"attempts": 2, "perTryTimeout": "1s"}},
            [
                ("HTTPRouteBackendTimeout", "retries.perTryTimeout"),
                ("HTTPRouteRetry", "retries"),
            ],
        ),
        ({"retries": {"attempts": 0}}, []),
        ({"corsPolicy": {"allowOrigin": ["https://a"]}}, [("HTTPRouteCORS", "corsPolicy")]),
        (
            {"headers": {"response": {"set": {"x-a": "1"}}}},
            [("HTTPRouteResponseHeaderModification", "headers.response")],
        ),
        ({"headers": {"request": {"set": {"x-a": "1"}}}}, []),
        (
            {"rewrite": {"uri": "/", "authority": "inner"}, "match": [{"uri": {"prefix": "/a"}}]},
            [
                ("HTTPRoutePathRewrite", "rewrite.uri"),
                ("HTTPRouteHostRewrite", "rewrite.authority"),
            ],
        ),
        ({"mirror": [COPY]}, [("HTTPRouteRequestMirror", "mirror")]),
        (
            {"mirror": [COPY, {"backendRef": {"name": "other", "port": 80}}]},
            [("HTTPRouteRequestMirror", "mirror"), ("HTTPRouteRequestMultipleMirrors", "mirror")],
        ),
    ],
)
def test_an_ornament_is_warned_of_without_its_feature(
    service: dict[str, Any], features: list[tuple[str, str]]
) -> None:
    found = required(service=service)
    assert [(each.feature, each.field) for each in found] == [
        (feature, f"spec.service.{field}") for feature, field in features
    ]
    for each in found:
        warning = each.missing("gke-l7")
        assert isinstance(warning, SpecWarning)
        assert warning.effect.startswith(f"GatewayClass gke-l7 does not list {each.feature}: ")


def test_a_person_vouches_for_features_that_are_not_listed() -> None:
    canary = a_canary("gatewayapi", analysis={"mirror": True, "mirrorWeight": 10})
    vouched = {ASSUME_FEATURES: "HTTPRouteRequestPercentageMirror, HTTPRouteRetry"}
    metadata = canary.metadata.model_copy(update={"annotations": vouched})
    found = router_for("gatewayapi").required_features(canary.but(metadata=metadata))
    assert [each.feature for each in found] == ["HTTPRouteRequestMirror"]


def test_only_an_httproute_of_tidegates_asks_for_features() -> None:
    route = {"kind": "HTTPRoute", "name": "shop", "rules": [{"name": "api"}]}
    mirrored = {"analysis": {"mirror": True}}
    assert required("gatewayapi", managedRoutes=[route], **mirrored) == ()
    assert required("gatewayapi-grpc", **mirrored) == ()
    assert required("istio", **mirrored) == ()
    assert [each.feature for each in required("gatewayapi+istio", **mirrored)] == [
        "HTTPRouteRequestMirror"
    ]


@pytest.mark.parametrize(
    ("provider", "kinds"),
    [
        ("istio", ()),
        ("gatewayapi", (GATEWAY, GATEWAY_CLASS)),
        ("gatewayapi+istio", (GATEWAY, GATEWAY_CLASS)),
    ],
)
def test_gateways_are_asked_about_for_httproutes(provider: str, kinds: tuple[Any, ...]) -> None:
    assert router_for(provider).asks == kinds
