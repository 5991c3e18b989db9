"""The story that `make demo` tells: a good release is promoted, a bad one is rolled back.

What is seen on the way is drawn by `picture.py`; the world in which it happens is in `world.py`.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

from rich.console import Console
from rich.markup import escape

from canary.cli.who import user_of
from canary.controller.logs import printable
from canary.dashboard.process import on_laptop
from canary.demo.embedded import EmbeddedWorld
from canary.demo.live import LiveView
from canary.demo.manifests import APP, NAMESPACE
from canary.demo.snapshot import DemoSnapshot
from tidegate_embedded.load import Load
from tidegate_embedded.outcomes import LoadStats

GOOD, BAD = "6.1.0", "6.2.0"
BAD_ERROR_RATE = "0.25"
LIMIT_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a release of the story ended, and how it should have."""

    title: str
    expected: str
    outcome: str
    message: str
    seconds: float

    @property
    def as_expected(self) -> bool:
        """Whether the release ended as it should."""
        return self.outcome == self.expected


async def tell(
    *, router: str, metrics: str, keep: bool, program: str, dashboard: bool = False
) -> tuple[tuple[Ending, ...], LoadStats]:
    """Tell the story, and how its releases ended; with the dashboard it can be watched there, too."""
    console = Console()
    console.print(
        f"[bold]tidegate demo[/]  router {router}, metrics by {metrics}; "
        "everything runs on this machine, on loopback addresses"
    )
    started = monotonic()
    async with EmbeddedWorld(router=router, metrics=metrics) as world, AsyncExitStack() as beside:
        console.print(f"API server {world.server.url}  Envoy {world.mesh.url}")
        if dashboard:
            laptop = await beside.enter_async_context(
                on_laptop(world.api, user=await user_of(world.api), key_seconds=LIMIT_SECONDS)
            )
            console.print(f"dashboard {laptop.invitation()}", highlight=False, soft_wrap=True)
        await world.create_app("6.0.0")
        await world.start_controller()
        await world.create_canary()
        async with (
            world.traffic() as load,
            LiveView(partial(_snapshot, world, load), console=console),
        ):
            await world.until_phase("Initialized", seconds=LIMIT_SECONDS)
            good = await _release(world, "a good release", GOOD, "Promoted")
            bad = await _release(
                world, "a bad release", BAD, "RolledBack", ERROR_RATE=BAD_ERROR_RATE
            )
            # The last picture and the summary are of the same requests.
            await load.stop()
            stats = load.stats()
        summarise(console, (good, bad), stats, monotonic() - started)
        if keep:
            console.rule("still running")
            text = still_running(
                program=program,
                kubeconfig=world.kubeconfig,
                url=world.mesh.url,
                log=world.controller_log,
            )
            console.print(text, highlight=False, soft_wrap=True, markup=False)
            async with world.traffic():
                await asyncio.Event().wait()
    return (good, bad), stats


async def _release(
    world: EmbeddedWorld, title: str, tag: str, expected: str, **behaviour: str
) -> Ending:
    """Release a version, and wait for its run's end."""
    started = monotonic()
    runs = len((await world.status()).get("history") or ())
    await world.release(tag, **behaviour)
    newest: Mapping[str, Any] = {}

    async def ended() -> bool:
        nonlocal newest
        history: Sequence[Mapping[str, Any]] = (await world.status()).get("history") or ()
        if len(history) == runs:
            return False
        newest = history[0]
        # People see the event, which comes a moment later.
        return any(each.get("reason") == newest["outcome"] for each in await world.events())

    await world.until(ended, f"the end of {title}", seconds=LIMIT_SECONDS)
    return Ending(
        title=f"{title} ({tag})",
        expected=expected,
        outcome=newest["outcome"],
        message=newest["message"],
        seconds=monotonic() - started,
    )


async def _snapshot(world: EmbeddedWorld, load: Load) -> DemoSnapshot:
    return DemoSnapshot.of(
        await world.canary(),
        now=datetime.now().astimezone(),
        load=load.stats(),
        events=await world.events(),
    )


def summarise(
    console: Console, endings: tuple[Ending, ...], stats: LoadStats, seconds: float
) -> None:
    """Say how the releases ended, and what came of the requests."""
    console.rule("what happened")
    for ending in endings:
        mark = "[green]✔[/]" if ending.as_expected else "[red]✘[/]"
        console.print(
            f"{mark} {ending.title}: [bold]{ending.outcome}[/] after {ending.seconds:.0f} s. "
            f"{escape(printable(ending.message))}",
            highlight=False,
        )
    console.print(
        f"{stats.requests} requests, {stats.failed} answered with an error by the bad release, "
        f"{stats.lost} lost; {seconds:.0f} s in all",
        highlight=False,
    )


def still_running(*, program: str, kubeconfig: Path, url: str, log: Path) -> str:
    """Tell what to type in other terminals; `program` is how `tidegate` is called there."""
    return (
        "In another terminal, watch the Canary:\n"
        f"  export KUBECONFIG={kubeconfig}\n"
        f"  {program} status {APP} --namespace {NAMESPACE} --watch\n"
        "In a third, repair the bad release: it is released again, and promoted\n"
        f"  export KUBECONFIG={kubeconfig}\n"
        f"  kubectl --namespace {NAMESPACE} set env deployment/{APP} ERROR_RATE-\n"
        "Also:\n"
        f"  kubectl --namespace {NAMESPACE} get canaries,deployments,pods\n"
        f"  curl --header 'Host: {APP}.{NAMESPACE}.svc.cluster.local' {url}/\n"
        f"tidegate logs to {log}\n"
        "Ctrl-C ends everything."
    )
