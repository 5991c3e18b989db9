"""Measure the controller against the figures to reach.

    make bench BENCH_ARGS="--world control-plane --parts runs --write"

The controller is a process of its own; the API server's audit log says what it asks.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.bench import against, beside, board, fleets, judging, runs, telling
from tests.bench.figures import Figure, machine, table, write_section
from tests.bench.places import PLACES
from tests.controller.running import World

PARTS = ("runs", "telling", "rest", "crowd", "hostile")
BESIDE, BOARD, JUDGING, AGAINST = "beside-flagger", "dashboard", "judging", "against"
APART = {BESIDE, BOARD, JUDGING, AGAINST}
_HOW_MANY = {
    "runs": "canaries",
    "telling": "told",
    AGAINST: "canaries",
    BESIDE: "beside",
    BOARD: "on_dashboard",
}


async def main(options: argparse.Namespace) -> int:
    """Measure, print, and write where that is asked for."""
    figures: dict[str, list[Figure]] = {}
    with tempfile.TemporaryDirectory(prefix="tidegate-bench-") as directory:
        if BESIDE in options.parts:
            figures[BESIDE] = await beside.measure(Path(directory), options.beside)
        if BOARD in options.parts:
            figures[BOARD] = await board.measure(Path(directory), options.on_dashboard)
        if JUDGING in options.parts:
            figures[JUDGING] = await judging.measure(Path(directory))
        if AGAINST in options.parts:
            figures[AGAINST] = await against.measure(
                Path(directory), options.world, options.against, options.canaries
            )
        if {*options.parts} - APART:
            figures |= await in_one_place(options, Path(directory))
    for part, measured in figures.items():
        how_many = getattr(options, _HOW_MANY[part]) if part in _HOW_MANY else 0
        with_how_many = f" with {how_many} Canaries" if how_many else ""
        text = f"Measured{with_how_many} on {machine()}.\n\n{table(measured)}"
        print(f"\n{text}")
        if options.write and part != AGAINST:
            write_section(f"{options.world} {part}", text)
    return 0 if all(each.reached for part in figures.values() for each in part) else 1


async def in_one_place(options: argparse.Namespace, directory: Path) -> dict[str, list[Figure]]:
    """Measure what needs a controller in one world."""
    figures: dict[str, list[Figure]] = {}
    async with PLACES[options.world](directory) as place:
        world, parts = place.world, options.parts
        if "runs" in parts:
            figures["runs"] = await runs.measure(place, options.canaries, options.window)
        elif "rest" in parts:
            await runs.prepare(place)
        if "telling" in parts:
            figures["telling"] = await telling.measure(place, options.told)
        # Fleets are put into the storage of an API server, which only the embedded one allows.
        if isinstance(world, World):
            if "rest" in parts:
                figures["rest"] = [
                    figure
                    for count in options.at_rest
                    for figure in await fleets.at_rest(world, count, options.window)
                ]
            if "crowd" in parts:
                figures["crowd"] = await fleets.in_runs(world, options.in_runs)
            if "hostile" in parts:
                figures["hostile"] = await fleets.beside_a_hostile(world, options.in_runs)
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--world", choices=PLACES, default="embedded")
    parser.add_argument(
        "--parts",
        nargs="+",
        choices=(*PARTS, BESIDE, BOARD, JUDGING, AGAINST),
        default=PARTS,
        help="runs; how soon their ends are told; fleets that rest; a fleet that is all in runs; a "
        "tenant that starves others (these in the embedded world); CPU beside Flagger's (on the control plane); the dashboard (in the "
        "embedded world); judging and asking; what a run costs beside another commit",
    )
    parser.add_argument("--canaries", type=int, default=100)
    parser.add_argument("--told", type=int, default=40, help="runs whose ends are told")
    parser.add_argument("--window", type=float, default=30.0, help="seconds of idleness")
    parser.add_argument(
        "--at-rest",
        type=int,
        nargs="*",
        default=[100, 1000, 5000],
        help="fleets with nothing to do",
    )
    parser.add_argument("--in-runs", type=int, default=1000, help="a fleet that is all in runs")
    parser.add_argument("--beside", type=int, default=40, help="Canaries of each beside Flagger")
    parser.add_argument("--on-dashboard", type=int, default=5000, help="a fleet in the browser")
    parser.add_argument("--against", metavar="REF", help="the commit of the part `against`")
    parser.add_argument("--write", action="store_true", help="update docs/benchmarks.md")
    asked = parser.parse_args()
    if BESIDE in asked.parts and asked.world != "control-plane":
        parser.error(f"{BESIDE} is measured with --world control-plane")
    if BOARD in asked.parts and asked.world != "embedded":
        parser.error(f"{BOARD} is measured with --world embedded")
    if (AGAINST in asked.parts) != (asked.against is not None):
        parser.error(f"--parts {AGAINST} and --against REF go together")
    sys.exit(asyncio.run(main(asked)))
