"""TCPRoutes and TLSRoutes: weights of connections, parents and hosts."""

from typing import Any

import pytest

from canary.core.traffic import Seen, Traffic
from canary.routers import router_for
from tests.routers.builders import a_canary, a_cluster, rendered


@pytest.mark.parametrize("provider", ["gatewayapi-tcp", "gatewayapi-tls"])
def test_a_route_needs_a_parent(provider: str) -> None:
    canary = a_canary(provider).but()
    service = canary.spec.service.but(gateway_refs=())
    (problem,) = router_for(provider).problems(canary.but(spec=canary.spec.but(service=service)))
    assert problem.field == "spec.service.gatewayRefs"


@pytest.mark.parametrize("hosts", [[], ["*"]])
def test_a_tls_route_needs_the_hosts_that_clients_name(hosts: list[str]) -> None:
    canary = a_canary("gatewayapi-tls", service={"hosts": hosts})
    (problem,) = router_for("gatewayapi-tls").problems(canary)
    assert (problem.field, problem.remedy) == (
        "spec.service.hosts",
        "write the hosts that clients name in the TLS handshake: a TLSRoute needs them",
    )


@pytest.mark.parametrize(
    ("backends", "seen"),
    [
        ([{"name": "podinfo-primary"}, {"name": "podinfo-canary"}], Seen(weight=50)),
        ([{"name": "podinfo-primary", "weight": 1}], Seen()),
        ([{"name": "podinfo", "weight": 1}], None),
    ],
)
def test_a_backend_without_a_weight_counts_as_one(
    backends: list[dict[str, Any]], seen: Seen | None
) -> None:
    router, canary = router_for("gatewayapi-tcp"), a_canary("gatewayapi-tcp")
    made = rendered(router, canary, a_cluster(router, canary), Traffic())
    edited = [each | {"spec": {"rules": [{"backendRefs": backends}]}} for each in made]
    assert router.read(canary, a_cluster(router, canary, edited)) == seen


@pytest.mark.parametrize("provider", ["gatewayapi-tcp", "gatewayapi-tls"])
def test_a_parent_that_rejects_the_route_is_named(provider: str) -> None:
    parent = {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "public"}
    condition = {"type": "Accepted", "status": "False", "reason": "Pending", "message": "soon"}
    said = {"parentRef": parent, "controllerName": "c", "conditions": [condition]}
    route = {
        "metadata": {"name": "a"},
        "spec": {"parentRefs": [parent]},
        "status": {"parents": [said]},
    }
    assert router_for(provider).refusal(route) == ""
    condition["reason"] = "NotAllowedByListeners"
    assert router_for(provider).refusal(route) == (
        "c reports Accepted=False for parent public: NotAllowedByListeners: soon"
    )
