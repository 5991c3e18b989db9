"""The controller is killed after its writes, and started again: the end is the same.

Each strategy lives undisturbed, and killed after every single write, in turn, before the answer
has come: the weighted one from its creation on, the others once they are initialised.
The weighted one is also killed when the answer has come; and once in each of many lives, after the
first write, the second, and so on, until a life ends without a kill.
"""

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from canary.demo.manifests import APP, PORT
from tests.controller.running import CANARY
from tests.hard.crashing import Due, Life, always, living, never, only
from tests.hard.worlds import HardWorld
from tests.receiver import receiving

pytestmark = [pytest.mark.story, pytest.mark.asyncio(loop_scope="session")]

METRIC = {"name": "errors", "query": "errors", "thresholdRange": {"max": 1}}
GATE = {"type": "confirm-traffic-increase", "name": "by-hand"}
GATEWAY = {"gatewayRefs": [{"group": "", "kind": "Service", "name": APP, "port": PORT}]}
INSIDERS = [{"headers": {"x-insider": {"exact": "yes"}}}]
NewWorld = Callable[[Path], HardWorld]
LANES = 3
"""So many lives are lived at a time."""


@dataclass(frozen=True, kw_only=True)
class End:
    """What a life has left behind."""

    remains: dict[str, Any]
    routed: list[int]
    events: Counter[str]
    told: dict[str, Counter[str]]


async def begin(life: Life, spec: Mapping[str, Any], analysis: Mapping[str, Any]) -> None:
    """Set a Canary up, whose deadline no number of deaths reaches."""
    await life.world.create_app()
    steps = {} if {"iterations", "steps"} & analysis.keys() else {"stepWeights": [20, 60]}
    await life.world.create_canary(
        analysis={**steps, "metrics": [METRIC], **analysis},
        progressDeadlineSeconds=24 * 3600,
        **spec,
    )
    await life.until_phase("Initialized")


async def promoted(life: Life) -> None:
    await life.world.release()
    await life.until_phase("Succeeded")


async def rolled_back(life: Life) -> None:
    await life.world.release(tag="image-pull")
    await life.until_phase("Failed")


async def cancelled(life: Life) -> None:
    await life.world.release()
    await life.until(
        lambda status: (status.get("waitingFor") or {}).get("reason") == "TrafficGate",
        "held at its gate",
    )
    await life.world.release(tag="1")
    await life.until_phase("Succeeded")


async def deleted(life: Life) -> None:
    await life.world.api.delete(CANARY, life.world.namespace, APP)
    await life.until_gone()


@dataclass(frozen=True, kw_only=True)
class Strategy:
    """A Canary, what is done to it, and the weights that its route goes through."""

    id: str
    live: Callable[[Life], Awaitable[None]]
    weights: list[int]
    spec: Mapping[str, Any]
    analysis: Mapping[str, Any]


def strategy(
    id_: str, live: Callable[[Life], Awaitable[None]], *weights: int, **spec: Any
) -> Strategy:
    analysis = spec.pop("analysis", {})
    return Strategy(id=id_, live=live, weights=list(weights), spec=spec, analysis=analysis)


WEIGHTED = strategy("steps of weights, with Istio", promoted, 0, 20, 60, 0)
STRATEGIES = [
    strategy("with SMI", promoted, 0, 20, 60, 0, provider="smi"),
    strategy(
        "with the Gateway API",
        promoted,
        *(0, 20, 60, 0),
        provider="gatewayapi",
        service={"port": PORT, "targetPort": 9898, **GATEWAY},
    ),
    strategy(
        "promotion in steps",
        promoted,
        *(0, 20, 60, 30, 0),
        analysis={"stepWeightPromotion": 30},
    ),
    strategy("A/B testing", promoted, 0, 100, 0, analysis={"iterations": 2, "match": INSIDERS}),
    strategy(
        "steps one by one",
        promoted,
        *(0, 100, 20, 50, 0),
        analysis={
            "steps": [
                {"weight": 100, "match": INSIDERS},
                {"weight": 20, "duration": "2s"},
                {"weight": 50},
            ]
        },
    ),
    strategy("blue/green", promoted, 0, 100, 0, analysis={"iterations": 2, "mirror": True}),
    strategy("without an analysis", promoted, 0, skipAnalysis=True),
    strategy("rolled back", rolled_back, 0),
    strategy("cancelled", cancelled, 0, analysis={"webhooks": [GATE]}),
    strategy("deleted", deleted, 0),
]


async def lived(
    world: HardWorld, strategy: Strategy, due: Due, *, seen: bool = False, like: End | None = None
) -> tuple[End, int, int]:
    """Live a life; give what it left behind, how many writes landed, and how often it was killed.

    With a life to be like, wait until what is left is as there.
    """
    await asyncio.to_thread(world.directory.mkdir, parents=True)
    async with world, receiving() as receiver, living(world, receiver, due=due, seen=seen) as life:
        if strategy is not WEIGHTED:
            life.killer.due = never
        await begin(life, strategy.spec, strategy.analysis)
        before = 0 if strategy is WEIGHTED else len(life.killer.writes)
        life.killer.due = due
        await strategy.live(life)
        end = await left_by(life)
        if like is not None:
            with_deadline = asyncio.get_running_loop().time() + 120
            while end != like and asyncio.get_running_loop().time() < with_deadline:
                await asyncio.sleep(0.1)
                end = await left_by(life)
        life.controller.check()
        return end, len(life.killer.writes) - before, life.controller.kills


async def left_by(life: Life) -> End:
    return End(
        remains=await life.remains(),
        routed=await life.routed(),
        events=await life.events(),
        told=life.told(),
    )


def without_repeats(weights: list[int]) -> list[int]:
    return [weight for weight, _ in itertools.groupby(weights)]


def same(found: End, wanted: End, what: str) -> None:
    assert found.routed == wanted.routed, what
    assert found.remains == wanted.remains, what
    assert found.events == wanted.events, what
    assert found.told == wanted.told, what


@pytest.mark.parametrize(
    ("strategy", "seen"),
    [
        pytest.param(WEIGHTED, True, id=f"{WEIGHTED.id}, when the answer has come"),
        pytest.param(WEIGHTED, False, id=WEIGHTED.id),
        *(pytest.param(each, False, id=each.id, marks=pytest.mark.embedded) for each in STRATEGIES),
    ],
)
async def test_killed_after_every_write_it_comes_to_the_same_end(
    strategy: Strategy, seen: bool, new_world: NewWorld, tmp_path: Path
) -> None:
    undisturbed, _, _ = await lived(new_world(tmp_path / "undisturbed"), strategy, never)
    assert without_repeats(undisturbed.routed) == strategy.weights
    end, writes, kills = await lived(
        new_world(tmp_path / "killed"), strategy, always, seen=seen, like=undisturbed
    )
    same(end, undisturbed, f"{kills} kills")
    # The last one may be under way.
    assert kills >= writes - 1 > 1


@pytest.mark.embedded
async def test_killed_once_after_any_one_write_it_comes_to_the_same_end(
    new_world: NewWorld, tmp_path: Path
) -> None:
    undisturbed, _, _ = await lived(new_world(tmp_path / "undisturbed"), WEIGHTED, never)
    numbers = itertools.count(1)
    endings: dict[int, int] = {}

    async def lane() -> None:
        while True:
            number = next(numbers)
            world = new_world(tmp_path / f"{number}")
            end, _, kills = await lived(world, WEIGHTED, only(number), like=undisturbed)
            same(end, undisturbed, f"killed after write {number}")
            endings[number] = kills
            if kills == 0:
                return

    async with asyncio.TaskGroup() as group:
        for _ in range(LANES):
            group.create_task(lane())
    assert sorted(endings) == list(range(1, len(endings) + 1))
    assert sum(endings.values()) == len(endings) - LANES >= 15
