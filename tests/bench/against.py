"""What a run costs beside what it cost at another commit, in one call and in turns.

    make bench BENCH_ARGS="--parts against --against main~20"

The other commit is checked out beside this one and runs with this environment's packages and this
tree's CRDs. API requests and function calls are counted; CPU is the sum of both orders, so that what
the machine does beside is in both figures.
"""

import asyncio
import subprocess
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.bench.figures import Figure
from tests.bench.places import PLACES, Place
from tests.bench.process import Process, Tree
from tests.bench.runs import initialise, settled
from tests.bench.store import a_store

ROOT = Path(__file__).parents[2]
NOW = "this tree"
QUIET_SECONDS = 3.0
"""What follows the end of a run is its own as well."""
MOST: Mapping[str, float] = {"API requests": 1.0, "function calls": 1.05, "CPU": 1.1}
"""What each figure may be of what it was. Events come when they do, so not all are to the number."""


async def measure(directory: Path, world: str, ref: str, canaries: int) -> list[Figure]:
    """Let both trees release the same Canaries: before and now, now and before, then counted."""
    spent: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    async with checked_out(directory / "before", ref) as before:
        trees = {ref: before, NOW: ROOT}
        for turn, (name, counted) in enumerate(_turns(ref)):
            place = directory / f"turn-{turn}"
            await asyncio.to_thread(place.mkdir)
            file = place / "calls" if counted else None
            found = await _cost(place, world, Tree(root=trees[name], calls=file), canaries)
            told = ", ".join(f"{value:.1f} {what}" for what, value in found.items())
            print(f"  {name}: {told} a run", flush=True)
            for what, value in found.items():
                spent[what][name] += value
    return [_figure(what, spent[what][NOW], spent[what][ref], ref) for what in MOST]


def _turns(ref: str) -> Sequence[tuple[str, bool]]:
    """Give who runs in each turn, and whether its function calls are counted."""
    orders = (ref, NOW, NOW, ref)
    return [*((name, False) for name in orders), *((name, True) for name in (ref, NOW))]


def _figure(what: str, now: float, before: float, ref: str) -> Figure:
    ratio, most = now / before, MOST[what]
    return Figure(
        name=f"{what} of a run, this tree / {ref}",
        value=f"{ratio:.2f}",
        target=f"≤ {most:g}",
        # What is counted twice is compared as it is shown.
        reached=round(ratio, 2) <= most,
    )


@asynccontextmanager
async def checked_out(directory: Path, ref: str) -> AsyncIterator[Path]:
    """Check a commit out beside this one, for as long as it is measured."""
    await _git("worktree", "add", "--quiet", "--detach", str(directory), ref)
    try:
        yield directory
    finally:
        await _git("worktree", "remove", "--force", str(directory))


async def _git(*arguments: str) -> None:
    command = ("git", "-C", str(ROOT), *arguments)
    await asyncio.to_thread(subprocess.run, command, check=True)


async def _cost(directory: Path, world: str, tree: Tree, canaries: int) -> dict[str, float]:
    """Release Canaries by the controller of a tree; give what each run has cost."""
    names = [f"app-{number:03}" for number in range(canaries)]
    async with (
        PLACES[world](directory) as place,
        a_store() as store,
        place.controller(store, tree=tree) as process,
    ):
        await initialise(place.world, *names)
        await asyncio.sleep(QUIET_SECONDS)
        mark, cpu, calls = place.mark, process.cpu_seconds, await _calls(process, tree)
        for name in names:
            await place.world.release(name, "2")
        await settled(place.world, names, "Succeeded")
        await asyncio.sleep(QUIET_SECONDS)
        if tree.calls is not None:
            return {"function calls": (await _calls(process, tree) - calls) / canaries}
        return {
            "API requests": _asked(place, mark) / canaries,
            "CPU": (process.cpu_seconds - cpu) * 1000 / canaries,
        }


def _asked(place: Place, mark: int) -> int:
    return sum(each.verb != "watch" for each in place.requests(mark))


async def _calls(process: Process, tree: Tree) -> int:
    return await process.calls(tree.calls) if tree.calls is not None else 0
