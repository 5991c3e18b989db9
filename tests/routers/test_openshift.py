"""What is OpenShift's own: one host, cookies, backends without a weight, and who admits a Route."""

from typing import Any

import pytest

from canary.api.kinds import Manifest
from canary.core.traffic import Seen
from canary.routers.openshift import OpenShiftRouter
from tests.routers.builders import a_canary, routed

COOKIES = "haproxy.router.openshift.io/disable_cookies"
THEIRS: Manifest = {
    "apiVersion": "route.openshift.io/v1",
    "kind": "Route",
    "metadata": {"name": "podinfo", "namespace": "test"},
    "spec": {
        "host": "shop.example.com",
        "port": {"targetPort": "web"},
        "tls": {"termination": "edge"},
        "to": {"kind": "Service", "name": "podinfo"},
    },
}


def route(percent: int = 10, *, existing: tuple[Manifest, ...] = (), **spec: Any) -> Manifest:
    (made,) = routed(a_canary("openshift", **spec), percent, existing)
    return made


def test_host_and_port_of_the_users_route_stay() -> None:
    spec = route(existing=(THEIRS,), service={"hosts": ["other.example.com"]})["spec"]
    kept = ("host", "port", "tls")
    assert {name: spec[name] for name in kept} == {name: THEIRS["spec"][name] for name in kept}
    assert spec["to"] == {"kind": "Service", "name": "podinfo-primary", "weight": 90}


def test_an_own_route_has_the_host_and_the_port_of_the_canary_and_follows_them() -> None:
    before = route(service={"hosts": ["old.example.com"]})
    spec = route(existing=(before,), service={"hosts": ["new.example.com"], "portName": "web"})[
        "spec"
    ]
    assert (spec["host"], spec["port"]) == ("new.example.com", {"targetPort": "web"})


@pytest.mark.parametrize("hosts", [["a.example.com", "b.example.com"], ["*"]])
def test_more_than_one_host_is_refused(hosts: list[str]) -> None:
    (problem,) = OpenShiftRouter().problems(a_canary("openshift", service={"hosts": hosts}))
    assert problem.field == "spec.service.hosts"
    assert "write one host" in str(problem)


@pytest.mark.parametrize(
    ("apex", "value"),
    [(None, "true"), ({"annotations": {COOKIES: "false"}}, "false"), ({"labels": {}}, "true")],
)
def test_cookies_hold_nobody_at_a_side_unless_the_canary_says_so(
    apex: Manifest | None, value: str
) -> None:
    made = route(service={"apex": apex} if apex else {})
    assert made["metadata"]["annotations"][COOKIES] == value


@pytest.mark.parametrize(
    ("spec", "seen"),
    [
        ({"to": {"name": "podinfo-primary"}}, Seen()),
        (
            {"to": {"name": "podinfo-primary"}, "alternateBackends": [{"name": "podinfo-canary"}]},
            Seen(weight=50),
        ),
        ({"to": {"name": "podinfo-canary", "weight": 0}}, None),
        ({"to": {"name": "podinfo"}}, None),
    ],
)
def test_backends_are_read_as_the_api_completes_them(spec: Manifest, seen: Seen | None) -> None:
    assert OpenShiftRouter().seen(a_canary("openshift"), spec) == seen


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (
            "False",
            "router default reports Admitted=False: HostAlreadyClaimed: shop owns the host",
        ),
        ("True", ""),
    ],
)
def test_a_router_that_does_not_admit_the_route_is_named(status: str, says: str) -> None:
    condition = {
        "type": "Admitted",
        "status": status,
        "reason": "HostAlreadyClaimed",
        "message": "shop owns the host",
    }
    ingress = [{"routerName": "default", "conditions": [condition, {"type": "Other"}]}]
    assert OpenShiftRouter().refusal({"status": {"ingress": ingress}}) == says
