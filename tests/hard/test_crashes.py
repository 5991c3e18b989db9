"""The controller is killed after its writes, and started again: the end is the same.

Each strategy lives undisturbed, and killed after every single write, in turn, before the answer
has come: the weighted one from its creation on, the others once they are initialised.
The weighted one is also killed when the answer has come; and once in each of many lives, after the
first write, the second, and so on, until a life ends without a kill.
"""

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.hard.crashing import Due, Life, always, living, never, only
from tests.hard.strategies import ELSEWHERE, STRATEGIES, WEIGHTED, Strategy
from tests.hard.worlds import ElsewhereHardWorld, HardWorld
from tests.receiver import receiving

pytestmark = [pytest.mark.story, pytest.mark.asyncio(loop_scope="session")]

NewWorld = Callable[[Path], HardWorld]
FROM_THE_BEGINNING = (WEIGHTED, ELSEWHERE)
"""Those that are killed while their Canary is set up, too."""
LANES = 3
"""So many lives are lived at a time."""


@dataclass(frozen=True, kw_only=True)
class End:
    """What a life has left behind."""

    remains: dict[str, Any]
    routed: list[int]
    events: Counter[str]
    told: dict[str, Counter[str]]


async def lived(
    world: HardWorld, strategy: Strategy, due: Due, *, seen: bool = False, like: End | None = None
) -> tuple[End, int, int]:
    """Live a life; give what it left behind, how many writes landed, and how often it was killed.

    With a life to be like, wait until what is left is as there.
    """
    await asyncio.to_thread(world.directory.mkdir, parents=True)
    async with world, receiving() as receiver, living(world, receiver, due=due, seen=seen) as life:
        if strategy not in FROM_THE_BEGINNING:
            life.killer.due = never
        await strategy.begin(life)
        before = 0 if strategy in FROM_THE_BEGINNING else len(life.killer.writes)
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


@pytest.mark.acceptance("A11")
@pytest.mark.parametrize(
    ("strategy", "seen"),
    [
        pytest.param(WEIGHTED, True, id=f"{WEIGHTED.id}, when the answer has come"),
        pytest.param(WEIGHTED, False, id=WEIGHTED.id),
        *(
            pytest.param(each, False, id=each.id, marks=pytest.mark.embedded)
            for each in (ELSEWHERE, *STRATEGIES)
        ),
    ],
)
async def test_killed_after_every_write_it_comes_to_the_same_end(
    strategy: Strategy, seen: bool, new_world: NewWorld, tmp_path: Path
) -> None:
    new_world = ElsewhereHardWorld if strategy.elsewhere else new_world
    undisturbed, _, _ = await lived(new_world(tmp_path / "undisturbed"), strategy, never)
    assert without_repeats(undisturbed.routed) == strategy.weights
    assert strategy.leaves in str(undisturbed.remains)
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
