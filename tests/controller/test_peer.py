"""Objects of `flagger.app`, served as they are: their CRD keeps no field that it does not name."""

from typing import Any

import pytest

from canary.controller.canaries import canary_kind
from canary.demo.embedded import CRD
from tests.controller.running import DEMO, World, until
from tests.controller.test_controller import METRIC, sample
from tests.receiver import receiving

PEER = canary_kind("flagger.app")
NUMBER, TEXT = {"type": "number"}, {"type": "string"}
CONDITION = {
    "type": "object",
    "required": ["type", "status", "reason"],
    "properties": dict.fromkeys(
        ("lastTransitionTime", "lastUpdateTime", "message", "reason", "status", "type"), TEXT
    ),
}
STATUS = {
    "type": "object",
    "properties": {
        "phase": {
            "type": "string",
            "enum": [
                *("", "Initializing", "Initialized", "Waiting", "Progressing"),
                *("WaitingPromotion", "Promoting", "Finalising", "Succeeded", "Failed"),
                *("Terminating", "Terminated"),
            ],
        },
        "trackedConfigs": {"type": "object", "additionalProperties": TEXT},
        "canaryWeight": NUMBER,
        "failedChecks": NUMBER,
        "iterations": NUMBER,
        "lastAppliedSpec": TEXT,
        "lastPromotedSpec": TEXT,
        "lastTransitionTime": {"type": "string", "format": "date-time"},
        "conditions": {"type": "array", "items": CONDITION},
    },
}
ANYTHING = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def peer_crd() -> dict[str, Any]:
    """Give a CRD that keeps of a status what the peer's keeps."""
    schema = {"type": "object", "properties": {"spec": ANYTHING, "status": STATUS}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "canaries.flagger.app"},
        "spec": {
            "group": "flagger.app",
            "scope": "Namespaced",
            "names": {
                "plural": "canaries",
                "singular": "canary",
                "kind": "Canary",
                "listKind": "CanaryList",
            },
            "versions": [
                {
                    "name": "v1beta1",
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }


@pytest.fixture
async def peers(world: World) -> World:
    await world.api.create(peer_crd(), CRD)
    await world.create_app()
    return world


GROUPS = {"api_groups": ("tidegate.dev", "flagger.app")}


async def test_are_promoted(peers: World):
    async with peers.running_controller(**GROUPS):
        await peers.create_canary(kind=PEER)
        await peers.until_phase("Initialized", kind=PEER)
        await peers.release()
        status = await peers.until_phase("Succeeded", kind=PEER)
        assert status["lastAppliedSpec"] == status["lastPromotedSpec"]
        assert set(status) <= set(STATUS["properties"])
        assert await peers.weight() == 0


async def test_are_rolled_back(peers: World):
    async with receiving() as store:
        store.answers(sample(9))
        async with peers.running_controller(**GROUPS, metrics_server=store.url):
            await peers.create_canary(kind=PEER, analysis={"metrics": [METRIC]})
            await peers.until_phase("Initialized", kind=PEER)
            await peers.release()
            status = await peers.until_phase("Failed", kind=PEER)
            assert status["lastAppliedSpec"] != status["lastPromotedSpec"]
            promoted = next(each for each in status["conditions"] if each["type"] == "Promoted")
            assert promoted["status"] == "False"


async def test_go_on_where_the_last_process_left_them(peers: World):
    async with peers.running_controller(**GROUPS):
        await peers.create_canary(kind=PEER, analysis={"interval": "2s"})
        await peers.until_phase("Initialized", kind=PEER)
        await peers.release()

        async def begun() -> bool:
            return (await peers.status(kind=PEER)).get("canaryWeight") == 50

        await until(begun, "the first step")
    seen = set()
    async with peers.running_controller(**GROUPS):

        async def ended() -> bool:
            status = await peers.status(kind=PEER)
            seen.add(status.get("phase"))
            return status["phase"] == "Succeeded"

        await until(ended, "promoted")
    assert "Initializing" not in seen


async def test_are_left_alone_where_their_group_is_not_served(peers: World):
    async with peers.running_controller() as controller:
        await peers.create_canary(kind=PEER)
        await until(lambda: not controller.obstacles(), "ready")
        await peers.create_app("other")
        await peers.create_canary("other")
        await peers.until_phase("Initialized", name="other")
        assert await peers.status(kind=PEER) == {}


async def test_yield_to_an_older_canary_of_the_same_target(peers: World):
    async with peers.running_controller(**GROUPS):
        await peers.create_canary(kind=PEER)
        await peers.until_phase("Initialized", kind=PEER)
        await peers.create_canary(metadata={"name": "podinfo"})
        message = await peers.until_condition("Invalid", "True")
        assert "delete one of the two Canaries" in message
        await peers.api.delete(PEER, DEMO, "podinfo")
        await peers.until_phase("Initialized")
