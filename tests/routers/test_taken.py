"""When a router's controller has taken an object as it is: each API tells of a generation."""

from typing import Any

import pytest

from canary.routers import router_for

PARENT = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "public"}


def conditions(type_: str, observed: object) -> dict[str, Any]:
    return {"conditions": [{"type": type_, "status": "True", "observedGeneration": observed}]}


def parents(observed: object) -> dict[str, Any]:
    said = conditions("Accepted", observed)
    return {"parents": [{"parentRef": PARENT, "controllerName": "c", **said}]}


STATUSES: dict[str, Any] = {
    "contour": lambda observed: conditions("Valid", observed),
    "apisix": lambda observed: conditions("Accepted", observed),
    "knative": lambda observed: {"observedGeneration": observed},
    "gatewayapi": parents,
    "gatewayapi-grpc": parents,
    "gatewayapi-tcp": parents,
    "gatewayapi-tls": parents,
    "kong": parents,
    "nginx+gatewayapi": parents,
}
WITHOUT = ["istio", "smi", "nginx", "nginx-f5", "alb", "traefik", "openshift", "gloo", "consul"]


def an_object(status: object, kind: str = "HTTPRoute") -> dict[str, Any]:
    return {
        "kind": kind,
        "metadata": {"name": "podinfo", "namespace": "test", "generation": 4},
        "spec": {"parentRefs": [PARENT]},
        "status": status,
    }


@pytest.mark.parametrize("provider", STATUSES)
@pytest.mark.parametrize(
    ("observed", "pending"),
    [(4, False), (3, True), (5, False), (None, False), ("3", False)],
    ids=["of this one", "of the one before", "of a later one", "of none", "of no number"],
)
def test_an_object_is_pending_while_its_status_is_of_an_earlier_generation(
    provider: str, observed: object, pending: bool
) -> None:
    router, obj = router_for(provider), an_object(STATUSES[provider](observed))
    assert router.pending(obj) is pending


@pytest.mark.parametrize("provider", STATUSES)
def test_an_object_of_which_nobody_has_spoken_is_not_pending(provider: str) -> None:
    assert not router_for(provider).pending(an_object({}))


@pytest.mark.parametrize("provider", WITHOUT)
def test_where_the_api_has_no_word_for_it_nothing_is_pending(provider: str) -> None:
    for said in (parents(3), conditions("Accepted", 3), {"observedGeneration": 3}):
        assert not router_for(provider).pending(an_object(said, router_for(provider).kinds[0].kind))


def test_of_several_routers_the_one_that_the_object_belongs_to_is_asked() -> None:
    assert not router_for("nginx+gatewayapi").pending(an_object(parents(3), "Ingress"))
