"""Measure the controller against the figures to reach.

    make bench BENCH_ARGS="--world control-plane --parts runs --write"

The controller is a process of its own; the API server's audit log says what it asks.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.bench import (
    against,
    beside,
    board,
    commands,
    envoy,
    fleets,
    foretold,
    hub,
    judging,
    line,
    namespaces,
    runs,
    shared,
    soak,
    telling,
)
from tests.bench.figures import Figure, machine, table, write_section
from tests.bench.places import PLACES
from tests.controller.running import World

PARTS = ("runs", "telling", "rest", "crowd", "stop", "hostile")
SHARED, NAMESPACES, SOAK, HUB, LINE = "shared", "namespaces", "soak", "hub", "line"
BESIDE, BOARD, JUDGING, AGAINST = "beside-flagger", "dashboard", "judging", "against"
COMMANDS, ENVOY = "commands", "envoy"
APART = {BESIDE, BOARD, COMMANDS, ENVOY, JUDGING, AGAINST, SOAK}
_HOW_MANY = {
    "runs": "canaries",
    "telling": "told",
    AGAINST: "canaries",
    BESIDE: "beside",
    BOARD: "on_dashboard",
    COMMANDS: "on_dashboard",
    SOAK: "soaked",
    LINE: "queued",
}


async def main(options: argparse.Namespace) -> int:
    """Measure, print, and write where that is asked for."""
    figures: dict[str, list[Figure]] = {}
    with tempfile.TemporaryDirectory(prefix="tidegate-bench-") as directory:
        if BESIDE in options.parts:
            figures[BESIDE] = await beside.measure(Path(directory), options.beside)
        if BOARD in options.parts:
            figures[BOARD] = await board.measure(Path(directory), options.on_dashboard)
        if COMMANDS in options.parts:
            figures[COMMANDS] = await commands.measure(Path(directory), options.on_dashboard)
        if ENVOY in options.parts:
            figures[ENVOY] = await envoy.measure(
                Path(directory), options.routes, options.routed_seconds
            )
        if JUDGING in options.parts:
            figures[JUDGING] = [*foretold.measure(), *await judging.measure(Path(directory))]
        if SOAK in options.parts:
            asked = soak.Soak(
                minutes=options.minutes,
                canaries=options.soaked,
                hostile=options.hostile,
                runs_a_minute=options.runs_a_minute,
            )
            figures[SOAK] = await soak.measure(Path(directory), asked)
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
        elif {"rest", NAMESPACES} & {*parts}:
            await runs.prepare(place)
        if "telling" in parts:
            figures["telling"] = await telling.measure(place, options.told)
        if LINE in parts:
            figures[LINE] = await line.measure(place, options.queued)
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
            if "stop" in parts:
                figures["stop"] = await fleets.stopped(world, options.in_runs)
            if SHARED in parts:
                figures[SHARED] = await shared.measure(
                    world, options.in_shared_runs, options.shared_interval
                )
            if NAMESPACES in parts:
                figures[NAMESPACES] = await namespaces.measure(
                    world, options.namespaces, options.window
                )
            if HUB in parts:
                figures[HUB] = await hub.measure(
                    world, options.members, options.planned, options.window
                )
            if "hostile" in parts:
                figures["hostile"] = await fleets.beside_a_hostile(world, options.in_runs)
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--world", choices=PLACES, default="embedded")
    parser.add_argument(
        "--parts",
        nargs="+",
        choices=(
            *PARTS,
            LINE,
            SHARED,
            NAMESPACES,
            HUB,
            SOAK,
            BESIDE,
            BOARD,
            COMMANDS,
            ENVOY,
            JUDGING,
            AGAINST,
        ),
        default=PARTS,
        help="runs; how soon their ends are told; fleets that rest; a fleet that is all in runs; how "
        "soon all of it is stopped; a tenant that starves others; runs that wait in line; runs that replicas share; a fleet in "
        "many namespaces; the waves of many clusters; an hour of churn and troubles (these in the embedded world); CPU beside Flagger's (on the control plane); the dashboard, and "
        "the command line (in the embedded world); how soon Envoy has a route (on the control plane); what simulations show, judging and asking; what a run costs beside another commit",
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
    parser.add_argument(
        "--on-dashboard", type=int, default=5000, help="a fleet in the browser, and in a list"
    )
    parser.add_argument(
        "--in-shared-runs", type=int, default=3000, help="a fleet in runs over three replicas"
    )
    parser.add_argument(
        "--shared-interval", type=float, default=60.0, help="seconds between its analyses"
    )
    parser.add_argument("--queued", type=int, default=500, help="releases that wait in line")
    parser.add_argument("--namespaces", type=int, default=1000, help="each with a Canary at rest")
    parser.add_argument("--members", type=int, default=50, help="simulated clusters of a hub")
    parser.add_argument("--planned", type=int, default=200, help="Canaries of its plan")
    parser.add_argument("--minutes", type=float, default=60.0, help="of churn and troubles")
    parser.add_argument("--soaked", type=int, default=1000, help="Canaries there at once meanwhile")
    parser.add_argument("--runs-a-minute", type=float, default=60.0, help="of all of them")
    parser.add_argument(
        "--hostile", type=int, default=100, help="Canaries beside them whose queries hang"
    )
    parser.add_argument("--routes", type=int, default=50, help="that are written in turn")
    parser.add_argument("--routed-seconds", type=int, default=60, help="at each pace")
    parser.add_argument("--against", metavar="REF", help="the commit of the part `against`")
    parser.add_argument("--write", action="store_true", help="update docs/benchmarks.md")
    asked = parser.parse_args()
    for part in {BESIDE, ENVOY} & {*asked.parts}:
        if asked.world != "control-plane":
            parser.error(f"{part} is measured with --world control-plane")
    for part in {BOARD, COMMANDS} & {*asked.parts}:
        if asked.world != "embedded":
            parser.error(f"{part} is measured with --world embedded")
    if (AGAINST in asked.parts) != (asked.against is not None):
        parser.error(f"--parts {AGAINST} and --against REF go together")
    sys.exit(asyncio.run(main(asked)))
