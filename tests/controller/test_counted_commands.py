"""Approvals that people give at once: each is counted, whichever is written first."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from canary.api.annotations import COUNTED, PREFIX, VERBS
from canary.api.kinds import Manifest
from canary.cluster.commands import CommandWaits, leave_command
from canary.core.signature import Signature
from canary.errors import Conflict
from tests.builders import T0
from tests.controller.running import CANARY, World, until

GATE = {"type": "confirm-promotion", "name": "two people", "approvals": 2}


@pytest.fixture
async def at_gate(tmp_path: Path) -> AsyncIterator[World]:
    """A run that two people must approve, and no controller."""
    async with World(tmp_path) as world:
        await world.create_app()
        async with world.running_controller(verified_commands=True):
            await world.create_canary(analysis={"stepWeights": [50], "webhooks": [GATE]})
            await world.until_phase("Initialized")
            await world.release()
            await world.until_phase("WaitingPromotion")
        yield world


def signed(user: str) -> str:
    return str(Signature.of(user, "cli", T0))


class Person:
    """Somebody who gives commands, and how often they have looked."""

    def __init__(self, world: World, user: str) -> None:
        self.world = world
        self.user = user
        self.looks = 0

    async def read(self) -> Manifest:
        self.looks += 1
        return await self.world.api.read(CANARY, self.world.namespace, "podinfo")

    async def gives(self, verb: str, *, seconds: float = 180.0) -> None:
        await leave_command(
            *(self.world.api, CANARY, self.world.namespace, "podinfo", verb, signed(self.user)),
            read=self.read,
            seconds=seconds,
        )


async def asked(world: World) -> dict[str, str]:
    canary = await world.api.read(CANARY, world.namespace, "podinfo")
    return canary["metadata"].get("annotations") or {}


async def test_two_approvals_before_the_controller_sees_the_first_are_both_counted(
    at_gate: World,
) -> None:
    alice, bob = (Person(at_gate, user) for user in ("alice", "bob"))
    await alice.gives("approve")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(bob.gives("approve"))
        await until(lambda: bob.looks > 1)
        assert (await asked(at_gate))[f"{PREFIX}approve"] == signed("alice")
        async with at_gate.running_controller(verified_commands=True):
            status = await at_gate.until_phase("Succeeded")
    taken = [(each["user"], each["accepted"]) for each in status["commands"]]
    assert sorted(taken) == [("alice", True), ("bob", True)]


async def test_two_approvals_at_the_same_moment_leave_one_to_wait(at_gate: World) -> None:
    people = [Person(at_gate, user) for user in ("alice", "bob", "carol")]
    async with asyncio.TaskGroup() as tasks:
        for each in people:
            tasks.create_task(each.gives("approve"))
        await until(lambda: sum(each.looks > 1 for each in people) == 2)
        async with at_gate.running_controller(verified_commands=True):
            await until(partial(_taken, at_gate, 3))
    commands = (await at_gate.status())["commands"]
    assert {each["user"] for each in commands} == {"alice", "bob", "carol"}
    # Two open the gate, and the third comes after that.
    assert sorted(each["accepted"] for each in commands) == [False, True, True]


async def _taken(world: World, number: int) -> bool:
    return len((await world.status()).get("commands", ())) >= number


async def test_one_that_is_never_taken_is_named_and_stays(at_gate: World) -> None:
    await Person(at_gate, "alice").gives("approve")
    with pytest.raises(CommandWaits) as waits:
        await Person(at_gate, "bob").gives("approve", seconds=0)
    assert str(waits.value).startswith("another approve by alice waits for the controller")
    assert (await asked(at_gate))[f"{PREFIX}approve"] == signed("alice")


async def test_a_canary_that_is_known_too_late_is_never_written(at_gate: World) -> None:
    known = await Person(at_gate, "bob").read()
    await Person(at_gate, "alice").gives("approve")

    async def late() -> Manifest:
        return known

    with pytest.raises(Conflict):
        await leave_command(
            *(at_gate.api, CANARY, at_gate.namespace, "podinfo", "approve", signed("bob")),
            read=late,
            seconds=0,
        )
    assert (await asked(at_gate))[f"{PREFIX}approve"] == signed("alice")


async def test_what_is_not_counted_waits_for_nobody(at_gate: World) -> None:
    alice, bob = (Person(at_gate, user) for user in ("alice", "bob"))
    for verb in VERBS:
        if verb not in COUNTED:
            await alice.gives(verb)
            await bob.gives(verb, seconds=0)
    assert (alice.looks, bob.looks) == (0, 0)
    assert set((await asked(at_gate)).values()) == {signed("bob")}
