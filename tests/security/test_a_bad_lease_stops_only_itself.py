"""S16: whatever stands on a Lease that is marked as a controller's, it is read, or says nothing."""

import json
from random import Random
from typing import Any

import orjson
import pytest

from canary.api.annotations import SCOPE
from canary.api.meta import GROUP, PEER_GROUP
from canary.controller.others import OtherControllers
from canary.replicas.leases import LEASE
from canary.replicas.presence import LABEL, Scope, controllers
from tests.controller.running import World
from tests.sampling import seeds
from tests.security.mutants import mutated_bytes, mutated_json

MUTANTS = 100
SOUND = {
    "version": "1.0",
    "groups": [GROUP, PEER_GROUP],
    "namespaces": ["shop", "pay"],
    "selector": "tier in (one, two),!tidegate.dev/controller",
}


def mutants(seed: int) -> list[str]:
    chance = Random(seed)
    return [
        mutated_bytes(chance, orjson.dumps(SOUND)).decode(errors="replace")
        if chance.random() < 0.3
        else json.dumps(mutated_json(chance, SOUND), default=str)
        for _ in range(MUTANTS)
    ]


def a_lease(number: int, scope: str) -> dict[str, Any]:
    metadata = {
        "name": f"tidegate-{number}",
        "namespace": "default",
        "labels": {LABEL: "tidegate"},
        "annotations": {SCOPE: scope},
    }
    spec = {
        "holderIdentity": "pod-1",
        "renewTime": "2026-01-01T00:00:00.000000Z",
        "leaseDurationSeconds": 15,
    }
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata} | {
        "spec": spec
    }


@pytest.mark.parametrize("seed", seeds(10))
async def test_the_leases_of_strangers_are_read_whatever_they_say_they_serve(
    world: World, seed: int
):
    longest = orjson.dumps({**SOUND, "selector": ",(" * 50_000}).decode()
    for number, text in enumerate((*mutants(seed), longest)):
        await world.api.create(a_lease(number, text), LEASE)
    found = await controllers(world.api)
    assert len(found) == MUTANTS + 1
    ours = Scope(version="1", groups=frozenset({GROUP}), namespaces=frozenset())
    for each in found:
        assert each.scope.serves(GROUP, "shop", {"tier": "one"}) in {True, False}
        assert each.scope.overlaps(ours) in {True, False}
    await OtherControllers(world.api, lease="default/tidegate", scope=ours).look()
