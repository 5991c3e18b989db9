"""What is a GRPCRoute's own: conditions on services and methods."""

from typing import Any

import pytest

from canary.api.kinds import Manifest
from canary.routers.grpcroute import GrpcRouter
from tests.routers.builders import a_canary, routed, spec_of


def route(percent: int = 10, **spec: Any) -> Manifest:
    return spec_of(routed(a_canary("gatewayapi-grpc", **spec), percent), "GRPCRoute")


@pytest.mark.parametrize(
    ("uri", "written"),
    [
        ({"exact": "/a.B/C"}, {"method": {"type": "Exact", "service": "a.B", "method": "C"}}),
        ({"prefix": "/a.B/"}, {"method": {"type": "Exact", "service": "a.B"}}),
    ],
)
def test_a_path_is_written_as_a_service_and_a_method(
    uri: dict[str, str], written: Manifest
) -> None:
    (rule,) = route(service={"match": [{"uri": uri}]})["rules"]
    assert rule["matches"] == [written]


@pytest.mark.parametrize("service", [{}, {"match": [{"uri": {"prefix": "/"}}]}])
def test_a_rule_for_all_calls_has_no_conditions(service: Manifest) -> None:
    assert route(20, service=service)["rules"] == [
        {
            "backendRefs": [
                {"group": "", "kind": "Service", "name": f"podinfo-{side}", "port": 9898} | weight
                for side, weight in (("primary", {"weight": 80}), ("canary", {"weight": 20}))
            ]
        }
    ]


@pytest.mark.parametrize(
    "uri",
    [
        {"exact": "/a.B/"},
        {"exact": "/"},
        {"prefix": "/a.B/C"},
        {"prefix": "/a"},
        {"prefix": "/a-b/"},
        {"prefix": "a"},
    ],
)
def test_a_path_that_is_no_service_or_method_is_refused(uri: dict[str, str]) -> None:
    (how,) = uri
    canary = a_canary("gatewayapi-grpc", service={"match": [{"uri": uri}]})
    problems = GrpcRouter().problems(canary)
    assert {each.field for each in problems} == {f"spec.service.match[0].uri.{how}"}


def test_what_a_grpc_route_does_not_say_is_not_written() -> None:
    asked = {"timeout": "5s", "rewrite": {"uri": "/"}, "corsPolicy": {}, "retries": {"attempts": 2}}
    assert route(service=asked) == route()
    ignored = GrpcRouter().ignored(a_canary("gatewayapi-grpc", service=asked))
    assert {each.field for each in ignored} == {
        "spec.service.timeout",
        "spec.service.rewrite",
        "spec.service.corsPolicy",
        "spec.service.retries",
    }
