"""What the GatewayClass of a Gateway lists: what it lacks is refused, or warned of."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from canary.api.kinds import GATEWAY, GATEWAY_CLASS, Kind
from canary.cluster.cluster import Cluster
from canary.cluster.gateways import ASKED_AGAIN, GatewayFeatures, Gateways
from canary.demo.embedded import CRD
from canary.errors import Unreachable
from tests.controller.faults import Proxy, answer, reset
from tests.controller.running import World

MIRROR, TIMEOUT = "HTTPRouteRequestMirror", "HTTPRouteRequestTimeout"
OPEN = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def a_definition(kind: Kind) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"spec": OPEN, "status": OPEN}}
    version = {
        "name": kind.versions[0],
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": kind.resource},
        "spec": {
            "group": kind.group,
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "names": {"kind": kind.kind, "plural": kind.plural},
            "versions": [version],
        },
    }


def an_object(kind: Kind, name: str, namespace: str = "", **parts: Any) -> dict[str, Any]:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    version = kind.api_version(kind.versions[0])
    return {"apiVersion": version, "kind": kind.kind, "metadata": metadata, **parts}


async def define(cluster: Cluster) -> None:
    for kind in (GATEWAY, GATEWAY_CLASS):
        await cluster.create(a_definition(kind), CRD)


async def make(cluster: Cluster, namespace: str, features: Iterable[Any]) -> None:
    spec = {"gatewayClassName": "fast"}
    status = {"supportedFeatures": list(features)}
    await cluster.create(an_object(GATEWAY, "public", namespace, spec=spec), GATEWAY)
    await cluster.create(an_object(GATEWAY_CLASS, "fast", status=status), GATEWAY_CLASS)


@pytest.mark.parametrize("listed", [[{"name": MIRROR}, {"other": 1}], [MIRROR]])
async def test_a_gateway_has_the_features_that_its_class_lists(
    cluster: Cluster, listed: list[Any]
) -> None:
    await define(cluster)
    await make(cluster, "default", listed)
    gateways = Gateways(cluster, lambda: 0.0)
    assert gateways.known("default", "public") == GatewayFeatures()
    found = await gateways.ask("default", "public")
    assert found == GatewayFeatures(gateway_class="fast", listed=frozenset({MIRROR}))
    assert gateways.known("default", "public") == found
    assert found.lacks(TIMEOUT)
    assert not found.lacks(MIRROR)


async def test_a_gateway_is_asked_about_again_after_a_while(cluster: Cluster, proxy: Proxy) -> None:
    now = 0.0
    gateways = Gateways(cluster, lambda: now)
    await define(cluster)
    assert (await gateways.ask("default", "public")).listed == frozenset()
    await make(cluster, "default", [{"name": MIRROR}])
    now = ASKED_AGAIN.total_seconds() - 1
    asked = len(proxy.asked("GET /apis"))
    assert (await gateways.ask("default", "public")).listed == frozenset()
    assert len(proxy.asked("GET /apis")) == asked
    now += 1
    assert (await gateways.ask("default", "public")).listed == {MIRROR}


async def test_no_feature_lacks_where_the_kinds_are_not_installed_or_may_not_be_read(
    cluster: Cluster, proxy: Proxy
) -> None:
    assert not (await Gateways(cluster, lambda: 0.0).ask("default", "public")).lacks(MIRROR)
    await define(cluster)
    await make(cluster, "default", [{"name": TIMEOUT}])
    proxy.meet(
        "GET /apis/gateway.networking.k8s.io/v1/gatewayclasses",
        answer(403, {"message": "forbidden"}),
        always=True,
    )
    assert not (await Gateways(cluster, lambda: 0.0).ask("default", "public")).lacks(MIRROR)


async def test_a_server_that_cannot_be_reached_is_asked_later(
    cluster: Cluster, proxy: Proxy
) -> None:
    await define(cluster)
    for kind in (GATEWAY, GATEWAY_CLASS):
        assert await cluster.discover(kind)
    proxy.meet("GET /apis/gateway.networking.k8s.io/v1/namespaces", reset, always=True)
    with pytest.raises(Unreachable):
        await Gateways(cluster, lambda: 0.0).ask("default", "public")


def routed(**service: Any) -> Mapping[str, Any]:
    refs = [{"name": "public"}, {"name": "podinfo", "kind": "Service", "group": "core"}]
    return {"port": 80, "targetPort": 9898, "gatewayRefs": refs, **service}


async def test_a_canary_that_asks_for_copies_that_its_gateway_does_not_make_is_invalid(
    world: World,
) -> None:
    for kind in (GATEWAY, GATEWAY_CLASS):
        await world.api.create(a_definition(kind), CRD)
    spec, status = {"gatewayClassName": "fast"}, {"supportedFeatures": [{"name": TIMEOUT}]}
    await world.api.create(an_object(GATEWAY, "public", world.namespace, spec=spec), GATEWAY)
    await world.api.create(an_object(GATEWAY_CLASS, "fast", status=status), GATEWAY_CLASS)
    await world.create_app()
    async with world.running_controller():
        await world.create_canary(
            provider="gatewayapi",
            service=routed(timeout="5s"),
            analysis={"mirror": True},
        )
        message = await world.until_condition("Invalid", "True")
    assert "spec.analysis.mirror: true: remove it, name a Gateway of another class, or" in message
    assert f"GatewayClass fast does not list {MIRROR}: the canary would get no copies" in message
    assert "timeout" not in message


async def test_a_canary_is_warned_of_an_ornament_that_its_gateway_does_not_have(
    world: World,
) -> None:
    for kind in (GATEWAY, GATEWAY_CLASS):
        await world.api.create(a_definition(kind), CRD)
    spec, status = {"gatewayClassName": "fast"}, {"supportedFeatures": [{"name": MIRROR}]}
    await world.api.create(an_object(GATEWAY, "public", world.namespace, spec=spec), GATEWAY)
    await world.api.create(an_object(GATEWAY_CLASS, "fast", status=status), GATEWAY_CLASS)
    await world.create_app()
    async with world.running_controller():
        await world.create_canary(provider="gatewayapi", service=routed(timeout="5s"))
        message = await world.until_condition("SpecWarnings", "True")
    assert f"spec.service.timeout: '5s': GatewayClass fast does not list {TIMEOUT}: " in message
