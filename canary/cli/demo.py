"""`tidegate demo`: a real canary on this machine, without a cluster."""

import asyncio
import shutil
import sys
from pathlib import Path

import click

from canary.cli.ending import Failed
from canary.demo.fleet import tell_of_fleet
from canary.demo.manifests import ROUTERS
from canary.demo.story import tell
from tidegate_embedded.process import ProgramFailed


@click.command
@click.option(
    "--router",
    type=click.Choice(ROUTERS),
    default=ROUTERS[0],
    show_default=True,
    help="Whose objects split the traffic.",
)
@click.option(
    "--metrics",
    type=click.Choice(["auto", "prometheus", "scrape"]),
    default="auto",
    show_default=True,
    help="What the gate asks: a Prometheus on the PATH, or the proxy itself.",
)
@click.option("--keep", is_flag=True, help="Leave everything running, for kubectl.")
@click.option(
    "--dashboard", is_flag=True, help="Print an address at which a browser shows it as well."
)
@click.option(
    "--clusters",
    type=click.IntRange(1, 5),
    default=1,
    show_default=True,
    help="With more than one, releases reach them in waves.",
)
def demo(router: str, metrics: str, *, keep: bool, dashboard: bool, clusters: int) -> None:
    """Watch a good release promoted and a bad one rolled back, with real requests."""
    if metrics == "auto":
        metrics = "prometheus" if shutil.which("prometheus") else "scrape"
    if clusters > 1 and (keep or dashboard):
        flag = "--keep" if keep else "--dashboard"
        raise click.UsageError(f"{flag}: it is about one cluster: leave --clusters out")
    try:
        if clusters > 1:
            work = tell_of_fleet(clusters=clusters, router=router, metrics=metrics)
        else:
            work = tell(
                router=router, metrics=metrics, keep=keep, program=_program(), dashboard=dashboard
            )
        endings, stats = asyncio.run(work)
    except KeyboardInterrupt:
        return
    except ProgramFailed as failed:
        raise Failed(str(failed)) from failed
    if stats.lost or not all(ending.as_expected for ending in endings):
        raise Failed("the story did not end as it should")


def _program() -> str:
    """Give how this program is called from anywhere: by name where the PATH leads to it."""
    called = Path(sys.argv[0]).resolve()
    found = shutil.which(called.name)
    return called.name if found and Path(found).resolve() == called else str(called)
