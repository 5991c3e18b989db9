"""Which routes of others take the requests that a Canary's route is for."""

from typing import Any

import pytest

from canary.api.kinds import Manifest
from canary.resources.names import SelectorLabel
from canary.resources.preflight import survey, surveyed_kinds
from canary.resources.rival_routes import HTTP_ROUTE, VIRTUAL_SERVICE, rival_routes
from tests.resources.surrounded import a_canary

HOST = "shop.example.com"
PUBLIC = {"name": "public", "namespace": "ingress"}
TO_ALL: list[dict[str, Any]] = [{"route": [{"destination": {"host": "shop"}}]}]
BY_PATH = [{"match": [{"uri": {"prefix": "/cart"}}]}]
PATH = {"path": {"type": "PathPrefix", "value": "/cart"}}
EVERY_PATH = {"path": {"type": "PathPrefix", "value": "/"}}


def a_route(spec: Any, name: str = "other", **metadata: Any) -> Manifest:
    return {"metadata": {"name": name, "namespace": "prod", **metadata}, "spec": spec}


@pytest.mark.parametrize(
    ("service", "spec", "rival"),
    [
        ({}, {"hosts": ["shop"], "http": TO_ALL}, True),
        ({}, {"hosts": ["shop.prod"], "http": BY_PATH}, True),
        ({}, {"hosts": ["shop.prod.svc.cluster.local"], "gateways": ["mesh", "a/b"]}, True),
        ({}, {"hosts": ["cart"], "http": TO_ALL}, False),
        ({}, {"hosts": ["shop"], "gateways": ["ingress/public"], "http": TO_ALL}, False),
        (
            {"hosts": [HOST], "gateways": ["ingress/public"]},
            {"hosts": [HOST], "gateways": ["ingress/public"], "http": TO_ALL},
            True,
        ),
        (
            {"hosts": [HOST], "gateways": ["ingress/public"]},
            {"hosts": [HOST], "gateways": ["ingress/public"], "http": BY_PATH},
            False,
        ),
        (
            {
                "hosts": [HOST],
                "gateways": ["ingress/public"],
                "match": [{"uri": {"prefix": "/shop"}}],
            },
            {"hosts": [HOST], "gateways": ["ingress/public"], "http": TO_ALL},
            False,
        ),
        (
            {"hosts": [HOST], "gateways": ["ingress/public"], "match": [{"uri": {"prefix": "/"}}]},
            {"hosts": [HOST], "gateways": ["ingress/public"], "http": TO_ALL},
            True,
        ),
        ({"delegation": True}, {"hosts": ["shop"], "http": TO_ALL}, False),
        ({}, "edited by hand", False),
    ],
    ids=[
        "the same host in the mesh",
        "by another spelling, and whatever the paths",
        "in the mesh as well",
        "another host",
        "at a gateway, where the Canary's is of the mesh",
        "all requests of a host at a gateway",
        "some paths of it",
        "all that no path of the Canary's takes",
        "all, which a condition says too",
        "the Canary's has no hosts",
        "no object",
    ],
)
def test_a_virtual_service_for_the_same_requests_is_a_rival(
    service: dict[str, Any], spec: Any, rival: bool
) -> None:
    found = {VIRTUAL_SERVICE: (a_route(spec),)}
    assert [*rival_routes(a_canary(service), ("istio",), found)] == (
        [(VIRTUAL_SERVICE, "other")] if rival else []
    )


@pytest.mark.parametrize(
    ("service", "spec", "rival"),
    [
        ({"hosts": [HOST]}, {"hostnames": [HOST], "rules": [{"matches": [EVERY_PATH]}]}, True),
        ({"hosts": [HOST]}, {"hostnames": [HOST], "rules": [{"backendRefs": []}]}, True),
        ({"hosts": [HOST]}, {"hostnames": [HOST], "rules": [{"matches": [PATH]}]}, False),
        ({"hosts": [HOST]}, {"hostnames": ["cart.example.com"], "rules": [{}]}, False),
        ({"hosts": [HOST]}, {"rules": [{}]}, False),
        ({}, {"hostnames": [HOST], "rules": [{}]}, False),
        ({"hosts": ["*"]}, {"rules": [{}]}, True),
        (
            {"hosts": [HOST], "match": [{"uri": {"prefix": "/shop"}}]},
            {"hostnames": [HOST], "rules": [{}]},
            False,
        ),
        ({"hosts": [HOST]}, {"parentRefs": [{"name": "inner"}], "hostnames": [HOST]}, False),
        (
            {"hosts": [HOST]},
            {"parentRefs": [{"name": "inner"}], "hostnames": [HOST], "rules": [{}]},
            False,
        ),
    ],
    ids=[
        "all requests of the host",
        "as the API leaves it out",
        "some paths of it",
        "another host",
        "all hosts, which the Canary's comes before",
        "a host, which comes before the Canary's",
        "all hosts, as the Canary's",
        "all that no path of the Canary's takes",
        "no rule",
        "at another Gateway",
    ],
)
def test_an_http_route_for_the_same_requests_is_a_rival(
    service: dict[str, Any], spec: dict[str, Any], rival: bool
) -> None:
    canary = a_canary({"gatewayRefs": [PUBLIC], **service})
    found = {HTTP_ROUTE: (a_route({"parentRefs": [PUBLIC], **spec}),)}
    assert [*rival_routes(canary, ("gatewayapi",), found)] == (
        [(HTTP_ROUTE, "other")] if rival else []
    )


def test_the_canarys_own_routes_and_those_that_it_manages_are_none() -> None:
    spec = {"hosts": ["shop"], "http": TO_ALL}
    owner = {"apiVersion": "tidegate.dev/v1beta1", "kind": "Canary", "name": "shop", "uid": "u"}
    own = (a_route(spec, "shop"), a_route(spec, "former", ownerReferences=[owner]))
    assert [*rival_routes(a_canary({}), ("istio",), {VIRTUAL_SERVICE: own})] == []
    managed = {"managedRoutes": [{"kind": "VirtualService", "name": "other"}]}
    others = {VIRTUAL_SERVICE: (a_route(spec),)}
    assert [*rival_routes(a_canary({}, **managed), ("istio",), others)] == []
    assert [*rival_routes(a_canary({}), ("linkerd",), others)] == []


def test_a_rival_holds_a_new_canary_and_says_what_to_do() -> None:
    target = {"metadata": {"name": "shop"}, "spec": {"selector": {}, "template": {}}}
    found = {VIRTUAL_SERVICE: (a_route({"hosts": ["shop"], "http": TO_ALL}),)}
    (risk,) = survey(a_canary({}), ("istio",), target, SelectorLabel("app", "shop"), found).risks
    assert (str(risk), risk.reason, risk.holds) == (
        "VirtualService/other",
        "WeightsIgnored",
        True,
    )
    assert risk.message == (
        "VirtualService other takes the same requests as VirtualService shop, and which of the two "
        "they go by is chance: delete it, or have tidegate split its rules with spec.managedRoutes"
    )
    assert VIRTUAL_SERVICE in surveyed_kinds(("istio",))
    assert HTTP_ROUTE in surveyed_kinds(("gatewayapi",))
