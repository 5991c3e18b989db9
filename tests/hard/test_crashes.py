"""The controller is killed after its writes, and started again: the end is the same.

Each strategy lives undisturbed, and killed after every single write, in turn, before the answer
has come: the weighted one from its creation on, the others once they are initialised.
The weighted one is also killed when the answer has come; and once in each of many lives, after the
first write, the second, and so on, until a life ends without a kill.
"""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
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
SETTLED_SECONDS = 300.0
"""What two lives have left is the same by then, or never."""


@dataclass(frozen=True, kw_only=True)
class End:
    """What a life has left behind."""

    remains: dict[str, Any]
    routed: list[int]
    events: Counter[str]
    told: dict[str, Counter[str]]


class Lived:
    """A life that has come to its end, and what it leaves behind."""

    def __init__(self, life: Life, *, before: int) -> None:
        self.life = life
        self.kept: End | None = None
        self._before = before

    @property
    def writes(self) -> int:
        """How many writes have landed since kills were due."""
        return len(self.life.killer.writes) - self._before

    @property
    def kills(self) -> int:
        """How often the controller was killed."""
        return self.life.controller.kills

    async def end(self) -> End:
        """Tell what is left now, or was left when its world went."""
        if self.kept is not None:
            return self.kept
        return End(
            remains=await self.life.remains(),
            routed=await self.life.routed(),
            events=await self.life.events(),
            told=self.life.told(),
        )


@asynccontextmanager
async def lived(
    world: HardWorld, strategy: Strategy, due: Due, *, seen: bool = False
) -> AsyncIterator[Lived]:
    """Live a life; its world is there as long as the context is open.

    What follows from the end goes on meanwhile: a target is parked, and what was owned is collected.
    """
    await asyncio.to_thread(world.directory.mkdir, parents=True)
    async with world, receiving() as receiver, living(world, receiver, due=due, seen=seen) as life:
        if strategy not in FROM_THE_BEGINNING:
            life.killer.due = never
        await strategy.begin(life)
        before = 0 if strategy in FROM_THE_BEGINNING else len(life.killer.writes)
        life.killer.due = due
        await strategy.live(life)
        lived = Lived(life, before=before)
        yield lived
        life.controller.check()
        lived.kept = await lived.end()


def without_repeats(weights: list[int]) -> list[int]:
    return [weight for weight, _ in itertools.groupby(weights)]


async def same(found: Lived, wanted: Lived, what: str) -> None:
    """Wait until both lives have left the same, and claim it."""
    deadline = asyncio.get_running_loop().time() + SETTLED_SECONDS
    while True:
        left, meant = await found.end(), await wanted.end()
        if left == meant or asyncio.get_running_loop().time() > deadline:
            break
        await asyncio.sleep(0.1)
    assert left.routed == meant.routed, what
    assert left.remains == meant.remains, what
    assert left.events == meant.events, what
    assert left.told == meant.told, what


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
    first = new_world(tmp_path / "undisturbed")
    async with AsyncExitStack() as stack:
        undisturbed = await stack.enter_async_context(lived(first, strategy, never))
        if first.alone:
            await stack.aclose()
        second = new_world(tmp_path / "killed")
        async with lived(second, strategy, always, seen=seen) as killed:
            await same(killed, undisturbed, f"{killed.kills} kills")
            # The last one may be under way.
            assert killed.kills >= killed.writes - 1 > 1
        end = await undisturbed.end()
        assert without_repeats(end.routed) == strategy.weights
        assert strategy.leaves in str(end.remains)


@pytest.mark.embedded
async def test_killed_once_after_any_one_write_it_comes_to_the_same_end(
    new_world: NewWorld, tmp_path: Path
) -> None:
    numbers = itertools.count(1)
    endings: dict[int, int] = {}

    async def lane(undisturbed: Lived) -> None:
        while True:
            number = next(numbers)
            async with lived(new_world(tmp_path / f"{number}"), WEIGHTED, only(number)) as killed:
                await same(killed, undisturbed, f"killed after write {number}")
                endings[number] = killed.kills
            if endings[number] == 0:
                return

    async with (
        lived(new_world(tmp_path / "undisturbed"), WEIGHTED, never) as undisturbed,
        asyncio.TaskGroup() as group,
    ):
        for _ in range(LANES):
            group.create_task(lane(undisturbed))
    assert sorted(endings) == list(range(1, len(endings) + 1))
    assert sum(endings.values()) == len(endings) - LANES >= 15
