"""Fields that the installed CRDs do not have: the API server drops what is written there."""

from typing import Any

import pytest

from canary.api.kinds import Kind
from canary.cluster.cluster import Cluster
from canary.cluster.schemas import CHECKED_AGAIN, Schemas, has_field
from canary.demo.embedded import CRD
from canary.errors import Unreachable
from tests.controller.faults import Proxy, answer, reset
from tests.controller.running import World
from tests.controller.test_cluster import DEFINITION, WIDGET, a_definition

HTTP_ROUTE = Kind(
    group="gateway.networking.k8s.io", versions=("v1",), kind="HTTPRoute", plural="httproutes"
)
SIZES = ("spec", "parts", "size")


def schema(*, sized: bool) -> dict[str, Any]:
    part = {"name": {"type": "string"}} | ({"size": {"type": "integer"}} if sized else {})
    parts = {"type": "array", "items": {"type": "object", "properties": part}}
    return {
        "type": "object",
        "properties": {
            "spec": {"type": "object", "properties": {"parts": parts}},
            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        },
    }


async def define(cluster: Cluster, *, sized: bool) -> None:
    definition = a_definition("v1")
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"] = schema(sized=sized)
    await cluster.create(definition, DEFINITION)


async def redefine(cluster: Cluster, *, sized: bool) -> None:
    versions = a_definition("v1")["spec"]["versions"]
    versions[0]["schema"]["openAPIV3Schema"] = schema(sized=sized)
    await cluster.merge_patch(
        DEFINITION, "", "widgets.example.org", {"spec": {"versions": versions}}
    )


@pytest.mark.parametrize(
    ("field", "there"),
    [
        (("spec",), True),
        (("spec", "parts"), True),
        (("spec", "parts", "name"), True),
        (SIZES, False),
        (("spec", "whole"), False),
        (("status", "anything"), True),
        (("spec", "parts", "name", "deeper"), True),
    ],
)
def test_a_field_is_there_where_the_schema_names_it_or_keeps_all(
    field: tuple[str, ...], *, there: bool
) -> None:
    assert has_field(schema(sized=False), field) is there


async def test_a_field_that_is_missing_is_looked_for_again_when_its_crd_may_be_upgraded(
    cluster: Cluster, proxy: Proxy
) -> None:
    now = 1000.0
    schemas = Schemas(cluster, lambda: now)
    assert not await schemas.lacks(WIDGET, SIZES), "no CRD, no field to lack"
    now += 3600
    await define(cluster, sized=False)
    assert await schemas.lacks(WIDGET, SIZES)
    assert schemas.missing([WIDGET]) == {SIZES}
    assert schemas.missing([DEFINITION]) == frozenset()
    await redefine(cluster, sized=True)
    assert await schemas.lacks(WIDGET, SIZES)
    now += CHECKED_AGAIN.total_seconds()
    assert not await schemas.lacks(WIDGET, SIZES)
    assert schemas.missing([WIDGET]) == frozenset()
    asked = len(proxy.asked("GET /openapi"))
    now += CHECKED_AGAIN.total_seconds()
    assert not await schemas.lacks(WIDGET, SIZES)
    assert len(proxy.asked("GET /openapi")) == asked, "what is there is not asked for each minute"


async def test_no_field_is_missing_where_the_schema_may_not_be_read(
    cluster: Cluster, proxy: Proxy
) -> None:
    await define(cluster, sized=False)
    proxy.meet("GET /openapi", answer(403, {"message": "forbidden"}), always=True)
    assert not await Schemas(cluster, lambda: 0.0).lacks(WIDGET, SIZES)


async def test_a_server_that_cannot_be_reached_is_asked_later(
    cluster: Cluster, proxy: Proxy
) -> None:
    await define(cluster, sized=False)
    assert await cluster.discover(WIDGET)
    proxy.meet("GET /openapi", reset, always=True)
    with pytest.raises(Unreachable):
        await Schemas(cluster, lambda: 0.0).lacks(WIDGET, SIZES)


def anything(type_: str) -> dict[str, Any]:
    any_object = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {"type": type_, "items": any_object}


async def test_a_canary_that_asks_for_what_its_crd_would_drop_is_invalid(world: World) -> None:
    crd = await world.api.read(CRD, "", "httproutes.gateway.networking.k8s.io")
    rule = {"type": "object", "properties": {"matches": anything("array")}}
    rules = {"type": "array", "items": rule}
    spec = {"type": "object", "properties": {"rules": rules}}
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"] = {
        "type": "object",
        "properties": {"spec": spec},
    }
    await world.api.replace(crd, CRD)
    await world.create_app()
    async with world.running_controller():
        await world.create_canary(
            provider="gatewayapi",
            service={
                "port": 80,
                "targetPort": 9898,
                "gatewayRefs": [{"name": "public"}],
                "timeout": "5s",
            },
        )
        message = await world.until_condition("Invalid", "True")
    assert "spec.service.timeout: '5s': install the CRDs of Gateway API 1.2 or later" in message
    assert await world.read(HTTP_ROUTE, "podinfo") is None
