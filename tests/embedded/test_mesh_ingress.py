"""Ingresses with the canary annotations of ingress-nginx, as Envoy's routes."""

from typing import Any

import pytest

from tests.embedded.mesh_objects import PORT, a_service, an_object
from tidegate_embedded.mesh import render

PREFIX = "nginx.ingress.kubernetes.io"
PRIMARY = f"outbound|{PORT}||podinfo.test.svc.cluster.local"
CANARY = f"outbound|{PORT}||podinfo-canary.test.svc.cluster.local"


def an_ingress(name: str, service: str, port: Any, path: str = "/", **said: str) -> dict[str, Any]:
    backend = {"service": {"name": service, "port": port}}
    paths = [
        {"path": path, "pathType": "Prefix", "backend": backend},
        {"path": "/odd", "backend": {"resource": {"name": "bucket"}}},
    ]
    rules = [{"host": "app.example.com", "http": {"paths": paths}}, {"host": "bare.example.com"}]
    item = an_object("Ingress", name, {"rules": rules})
    item["metadata"]["annotations"] = {
        f"{PREFIX}/{key.replace('_', '-')}": value for key, value in said.items()
    } | {"note": "hand-made"}
    return item


def routes(*ingresses: dict[str, Any]) -> list[dict[str, Any]]:
    """Give the routes of the host, with where each leads: a cluster, or weights."""
    services = [a_service("podinfo"), a_service("podinfo-canary")]
    hosts = render([*services, *ingresses]).routes["virtual_hosts"]
    (found,) = [each["routes"] for each in hosts if each["name"] == "app.example.com"]
    return list(found)


def led(route: dict[str, Any]) -> Any:
    action = route["route"]
    if "cluster" in action:
        return action["cluster"]
    return {each["name"]: each["weight"] for each in action["weighted_clusters"]["clusters"]}


BASE = an_ingress("web", "podinfo", {"name": f"p{PORT}"})


def test_without_a_canary_a_path_leads_to_its_service() -> None:
    assert [led(each) for each in routes(BASE)] == [PRIMARY]


@pytest.mark.parametrize("weight", [0, 20, 100])
def test_a_canary_gets_its_weight(weight: int) -> None:
    canary = an_ingress(
        "web-canary", "podinfo-canary", {"number": PORT}, canary="true", canary_weight=str(weight)
    )
    (route,) = routes(BASE, canary)
    assert led(route) == {PRIMARY: 100 - weight, CANARY: weight}


@pytest.mark.parametrize(
    ("said", "conditions"),
    [
        (
            {"canary_by_header": "x-a", "canary_by_header_value": "1"},
            [("x-a", {"exact": "1"}, CANARY)],
        ),
        (
            {"canary_by_header": "x-a", "canary_by_header_pattern": "^(?:a|b)$"},
            [("x-a", {"safe_regex": {"regex": ".*(?:^(?:a|b)$).*"}}, CANARY)],
        ),
        (
            {"canary_by_header": "x-a"},
            [("x-a", {"exact": "always"}, CANARY), ("x-a", {"exact": "never"}, PRIMARY)],
        ),
        (
            {"canary_by_cookie": "c"},
            [
                ("cookie", {"safe_regex": {"regex": "(.*; *)?c=always(;.*)?"}}, CANARY),
                ("cookie", {"safe_regex": {"regex": "(.*; *)?c=never(;.*)?"}}, PRIMARY),
            ],
        ),
    ],
)
def test_a_header_or_a_cookie_goes_before_the_weight(
    said: dict[str, str], conditions: list[tuple[str, dict[str, Any], str]]
) -> None:
    canary = an_ingress("web-canary", "podinfo-canary", {"number": PORT}, canary="true", **said)
    *first, last = routes(BASE, canary)
    found = [(*each["match"]["headers"][0].values(), led(each)) for each in first]
    assert found == conditions
    assert led(last) == {PRIMARY: 100, CANARY: 0}


def test_the_longest_path_goes_first() -> None:
    found = routes(BASE, an_ingress("api", "podinfo-canary", {}, path="/api/"))
    assert [each["match"] for each in found] == [
        {"path_separated_prefix": "/api"},
        {"prefix": "/"},
    ]


def test_annotations_that_are_not_read_are_named() -> None:
    item = an_ingress("web", "podinfo", {}, rewrite_target="/")
    assert render([a_service("podinfo"), item]).unsupported == ("Ingress test/web: rewrite-target",)
