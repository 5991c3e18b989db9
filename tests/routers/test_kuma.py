"""What is Kuma's own: how a mesh names services, and how conditions are written."""

from typing import Any

import pytest

from canary.api.kinds import Manifest
from canary.core.traffic import Seen
from canary.errors import Problem
from canary.routers import router_for
from canary.routers.kuma import KumaRouter
from tests.routers.builders import a_canary, routed, spec_of


def route(provider: str = "kuma", percent: int = 10, **spec: Any) -> Manifest:
    (to,) = spec_of(routed(a_canary(provider, **spec), percent), "MeshHTTPRoute")["to"]
    return dict(to)


def test_services_are_named_as_meshservices() -> None:
    to = route()
    (rule,) = to["rules"]
    assert to["targetRef"] == {"kind": "MeshService", "name": "podinfo", "namespace": "test"}
    assert rule["default"]["backendRefs"][1] == {
        "kind": "MeshService",
        "name": "podinfo-canary",
        "namespace": "test",
        "port": 9898,
        "weight": 10,
    }


def test_services_are_named_by_tags_in_a_mesh_without_meshservices() -> None:
    to = route("kuma:tags")
    (rule,) = to["rules"]
    assert to["targetRef"] == {"kind": "MeshService", "name": "podinfo_test_svc_9898"}
    assert rule["default"]["backendRefs"] == [
        {"kind": "MeshService", "name": "podinfo-primary_test_svc_9898", "weight": 90},
        {"kind": "MeshService", "name": "podinfo-canary_test_svc_9898", "weight": 10},
    ]


def test_services_are_named_by_labels_where_a_release_takes_no_names() -> None:
    to = route("kuma:labels")
    (rule,) = to["rules"]
    labels = {"kuma.io/display-name": "podinfo", "k8s.kuma.io/namespace": "test"}
    assert to["targetRef"] == {"kind": "MeshService", "labels": labels}
    assert rule["default"]["backendRefs"][1] == {
        "kind": "MeshService",
        "labels": labels | {"kuma.io/display-name": "podinfo-canary"},
        "port": 9898,
        "weight": 10,
    }


@pytest.mark.parametrize(
    ("provider", "missing", "remedy"),
    [
        ("kuma", "name", "write kuma:labels: "),
        ("kuma:tags", "name", "write kuma:labels: "),
        ("kuma:labels", "labels", "write kuma, or kuma:tags in a mesh without MeshServices: "),
    ],
)
def test_a_release_that_names_backends_otherwise_is_refused_with_the_way_out(
    provider: str, missing: str, remedy: str
) -> None:
    (field,) = router_for(provider).required_fields(a_canary(provider))
    assert field.path[-2:] == ("backendRefs", missing)
    assert isinstance(field.problem, Problem)
    assert field.problem.field == "spec.provider"
    assert field.problem.remedy.startswith(remedy)


@pytest.mark.parametrize("provider", ["kuma", "kuma:tags", "kuma:labels"])
def test_a_release_with_trafficroutes_alone_is_refused_with_the_way_out(provider: str) -> None:
    (kind,) = router_for(provider).kinds
    assert kind.missing == (
        "meshhttproutes.kuma.io is not installed in the cluster: upgrade Kuma to 2.3 or later, which "
        "routes by it, or write another router than kuma in spec.provider, such as gatewayapi; the "
        "TrafficRoutes of earlier releases are not written"
    )


@pytest.mark.parametrize(
    ("annotations", "mesh"), [({}, "default"), ({"kuma.io/mesh": "shops"}, "shops")]
)
def test_the_mesh_is_the_one_that_the_canary_is_annotated_with(
    annotations: dict[str, str], mesh: str
) -> None:
    canary = a_canary("kuma")
    annotated = canary.but(metadata=canary.metadata.model_copy(update={"annotations": annotations}))
    (made,) = routed(annotated, 10)
    assert made["metadata"]["labels"]["kuma.io/mesh"] == mesh


@pytest.mark.parametrize(
    ("match", "written"),
    [
        ({"uri": {"prefix": "/a/"}}, {"path": {"type": "PathPrefix", "value": "/a"}}),
        ({"uri": {"prefix": "/"}}, {"path": {"type": "PathPrefix", "value": "/"}}),
        ({"uri": {"exact": "/a"}}, {"path": {"type": "Exact", "value": "/a"}}),
        (
            {"uri": {"suffix": ".js"}},
            {"path": {"type": "RegularExpression", "value": r".*\.js"}},
        ),
        (
            {"headers": {"X-A": {"prefix": "b"}}, "method": {"exact": "GET"}},
            {
                "path": {"type": "PathPrefix", "value": "/"},
                "method": "GET",
                "headers": [{"name": "x-a", "type": "Prefix", "value": "b"}],
            },
        ),
        (
            {"queryParams": {"v": {"prefix": "2"}, "a": {"exact": "1"}}},
            {
                "path": {"type": "PathPrefix", "value": "/"},
                "queryParams": [
                    {"name": "a", "type": "Exact", "value": "1"},
                    {"name": "v", "type": "RegularExpression", "value": "2.*"},
                ],
            },
        ),
    ],
)
def test_conditions_are_written_in_kumas_words(match: Manifest, written: Manifest) -> None:
    (rule,) = route(service={"match": [match]})["rules"]
    assert rule["matches"] == [written]


@pytest.mark.parametrize(
    ("default", "seen"),
    [
        (
            {"backendRefs": [{"name": "podinfo-primary"}, {"name": "podinfo-canary"}]},
            Seen(weight=50),
        ),
        ({"backendRefs": [{"name": "podinfo-canary_test_svc_80"}]}, Seen(weight=100)),
        (
            {
                "backendRefs": [{"name": "podinfo-primary"}],
                "filters": [
                    {"requestMirror": {"backendRef": {"name": "podinfo-canary"}, "percentage": 5}},
                    {"requestMirror": {"backendRef": {"name": "other"}, "percentage": 9}},
                    {"requestMirror": {"backendRef": {"name": "podinfo-canary"}}},
                ],
            },
            Seen(mirror=5),
        ),
        ({}, None),
    ],
)
def test_rules_are_read_as_kuma_shares_them(default: Manifest, seen: Seen | None) -> None:
    spec = {"to": [{"rules": [{"default": default}]}]}
    assert KumaRouter().seen(a_canary("kuma"), spec) == seen
