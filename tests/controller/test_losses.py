"""What the API server prunes of a route is a refusal, before any of its traffic is the canary's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from canary.api.kinds import Kind, Manifest, ObjectKey
from canary.cluster.schemas import CHECKED_AGAIN
from canary.controller.losses import Losses
from canary.demo.embedded import CRD
from canary.objects.render import Render, fields
from canary.routers import router_for
from tests.controller.running import CANARY, World, until
from tests.controller.test_refused_route import until_waiting

ROUTE = Kind(group="example.org", versions=("v1",), kind="Route", plural="routes")
KEY = ObjectKey(kind=ROUTE, namespace="test", name="web")
SENT = {"spec": {name: {"says": "so"} for name in ("first", "second", "third", "fourth", "fifth")}}
SERVICE = {"port": 80, "targetPort": 9898}


def a_render(sent: Manifest = SENT) -> Render:
    return Render(key=KEY, manifest=sent, owns=fields(*sent["spec"]))


def without(*names: str) -> Manifest:
    return {"spec": {name: said for name, said in SENT["spec"].items() if name not in names}}


def test_what_was_left_out_is_said_with_the_object_the_fields_and_what_to_do():
    losses = Losses(lambda: 0.0)
    losses.note(a_render(), without("second"))
    (said,) = losses.said([KEY])
    assert said == (
        "Route test/web: the API server has dropped spec.second, which the installed CRD "
        "routes.example.org does not have: install the CRD of a newer release, or remove from the "
        "Canary what asks for it"
    )
    losses.note(a_render(), {"spec": {"first": {}}})
    assert "dropped spec.fifth, spec.first.says, spec.fourth and 2 more, " in losses.said([KEY])[0]
    assert losses.said([ObjectKey(kind=ROUTE, namespace="test", name="other")]) == ()


def test_it_is_forgotten_once_a_write_comes_back_whole():
    losses = Losses(lambda: 0.0)
    losses.note(a_render(), without("second"))
    losses.note(a_render(), SENT)
    assert losses.said([KEY]) == ()
    assert not losses.due(KEY)


def test_it_is_tried_again_when_the_crd_may_be_a_newer_one():
    now = 100.0
    losses = Losses(lambda: now)
    assert not losses.due(KEY)
    losses.note(a_render(), without("second"))
    assert not losses.due(KEY)
    now += CHECKED_AGAIN.total_seconds()
    assert losses.due(KEY)
    losses.note(a_render(), without("second"))
    assert not losses.due(KEY)


@dataclass(frozen=True, kw_only=True)
class Old:
    """A CRD of an older release, and a Canary that asks for what it does not have."""

    provider: str
    keeps: Mapping[str, Any]
    """The fields of a spec that the CRD has, as a sample."""
    lost: str
    service: Mapping[str, Any] = field(default_factory=dict)
    analysis: Mapping[str, Any] = field(default_factory=dict)
    reason: str = "Routing"
    """What it waits for."""
    remedy: Mapping[str, Any]
    """What takes the option out of the Canary."""


DESTINATION = {
    "destination": {"host": "a", "port": {"number": 1}},
    "weight": 1,
}
REFERENCE = {"kind": "a", "name": "a", "namespace": "a", "port": 1}
OLD = (
    Old(
        provider="istio",
        keeps={"hosts": ["a"], "gateways": ["a"], "http": [{"route": [DESTINATION]}]},
        service={"retries": {"attempts": 3}},
        lost="VirtualService demo/podinfo: the API server has dropped spec.http[0].retries, ",
        remedy={"service": {"retries": None}},
    ),
    Old(
        provider="kuma",
        keeps={
            "targetRef": REFERENCE,
            "to": [
                {
                    "targetRef": REFERENCE,
                    "rules": [
                        {
                            "matches": [{"path": {"type": "a", "value": "a"}}],
                            "default": {"backendRefs": [REFERENCE | {"weight": 1}]},
                        }
                    ],
                }
            ],
        },
        service={"match": [{"headers": {"x-shop": {"exact": "a"}}}]},
        lost="MeshHTTPRoute demo/podinfo: the API server has dropped "
        "spec.to[0].rules[0].matches[0].headers, ",
        remedy={"service": {"match": None}},
    ),
    Old(
        provider="traefik",
        keeps={
            "weighted": {"services": [REFERENCE | {"weight": 1}]},
            "mirroring": REFERENCE | {"mirrors": [REFERENCE]},
        },
        analysis={"steps": [{"mirror": 10}, {"weight": 50}]},
        lost="TraefikService demo/podinfo: the API server has dropped "
        "spec.mirroring.mirrors[0].percent, ",
        reason="RouteRefused",
        remedy={"analysis": {"steps": [{"weight": 10}, {"weight": 50}]}},
    ),
)


def schema(sample: Any) -> Manifest:
    """Give the schema that keeps what a sample has, and nothing else."""
    if isinstance(sample, Mapping):
        properties = {name: schema(value) for name, value in sample.items()}
        return {"type": "object", "properties": properties}
    if isinstance(sample, list):
        return {"type": "array", "items": schema(sample[0])}
    return {"type": "integer" if isinstance(sample, int) else "string"}


async def install(world: World, kind: Kind, spec: Mapping[str, Any]) -> None:
    """Install a CRD that knows these fields of a spec, in place of one that keeps everything."""
    versions = [
        {
            "name": version,
            "served": True,
            "storage": index == 0,
            "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": schema(spec)}}},
        }
        for index, version in enumerate(kind.versions)
    ]
    name = f"{kind.plural}.{kind.group}"
    names = {"kind": kind.kind, "listKind": f"{kind.kind}List", "plural": kind.plural}
    names["singular"] = kind.kind.lower()
    crd = {
        "apiVersion": CRD.api_version("v1"),
        "kind": CRD.kind,
        "metadata": {"name": name},
        "spec": {
            "group": kind.group,
            "scope": "Namespaced",
            "names": names,
            "versions": versions,
        },
    }
    if any(
        [
            each["metadata"]["name"] == name
            async for page, _ in world.api.pages(CRD, "")
            for each in page
        ]
    ):
        await world.api.merge_patch(CRD, "", name, {"spec": {"versions": versions}})
    else:
        await world.api.create(crd, CRD)


@pytest.mark.parametrize("old", OLD, ids=lambda each: each.provider)
async def test_a_field_that_the_crd_drops_is_a_refusal_until_the_canary_does_without(
    world: World, old: Old
) -> None:
    route = router_for(old.provider).kinds[0]
    await install(world, route, old.keeps)
    await world.create_app()
    async with world.running_controller():
        await world.create_canary(
            provider=old.provider, service=SERVICE | dict(old.service), analysis=old.analysis
        )
        if old.reason == "RouteRefused":
            await world.until_phase("Initialized")
            await world.release()
        held = await until_waiting(world, old.reason)

        async def refused() -> bool:
            status = await world.status()
            return old.lost in (status.get("waitingFor") or {}).get("message", "")

        await until(refused, "the loss is named")
        assert held["canaryWeight"] == 0
        await world.patch(CANARY, "podinfo", {"spec": dict(old.remedy)})

        if old.reason == "Routing":
            await world.until_phase("Initialized")
        else:

            async def moved() -> bool:
                return (await world.status())["canaryWeight"] == 10

            await until(moved, "the canary gets its weight")
