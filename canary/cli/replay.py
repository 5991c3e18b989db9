"""`tidegate replay CANARY`: what each check of a gate would have said in the past."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from analysis.replaying import replay as judged_again
from canary.cli.bygone import (
    MomentParam,
    SideAsked,
    past_gate,
    reading_the_past,
    rehearsal_of,
    relived,
)
from canary.cli.chart import Drawn, save_png
from canary.cli.connection import (
    DurationParam,
    Place,
    canary_command,
    with_metrics_server,
    with_plugins,
    with_router,
)
from canary.cli.documents import as_json
from canary.cli.ending import Failed
from canary.cli.questions import of_file, record_of, stored_canary
from canary.cli.screen import Screen
from canary.cluster.cluster import Cluster
from canary.controller.canaries import CanaryRecord
from canary.controller.queries import Stores
from canary.errors import InvalidSpec
from canary.views.replayed import ReplayView, metrics_then, replay_document, replay_shown

_MOST_ANALYSES = 10_000


@click.command
@click.option(
    "-f", "--filename", "names", multiple=True, metavar="FILE", help="Judge by the Canary in files."
)
@click.option(
    "--since",
    type=DurationParam(),
    default="1h",
    show_default=True,
    help="How far back, where --from is not given.",
)
@click.option("--from", "start", type=MomentParam(), help="When to begin: 2026-03-01T14:00:00Z.")
@click.option("--to", "end", type=MomentParam(), help="When to end; now when left out.")
@click.option(
    "--run",
    type=click.IntRange(min=1),
    help="Judge the time of a past run: 1 is the last one, as in tidegate history.",
)
@click.option(
    "--side",
    type=click.Choice([each.value for each in SideAsked]),
    default=SideAsked.CANARY.value,
    show_default=True,
    help="Which workload the queries are about.",
)
@with_metrics_server
@with_router
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Save a report.")
@click.option("--png", type=click.Path(dir_okay=False, path_type=Path), help="Save a picture.")
@click.option("-o", "--output", "form", type=click.Choice(["json"]), help="A form for programs.")
@with_plugins
@canary_command
async def replay(
    cluster: Cluster,
    place: Place,
    *,
    names: tuple[str, ...],
    since: timedelta,
    start: datetime | None,
    end: datetime | None,
    run: int | None,
    side: str,
    metrics_server: str,
    router: str,
    html: Path | None,
    png: Path | None,
    form: str | None,
) -> None:
    """Judge a past time again: what each check of a gate would have said, and what of a release.

    Values are read from Prometheus. With -f a gate is judged that the cluster does not have yet.
    Exit codes: 0 it was judged, 1 no metric could be.
    """
    asked = await stored_canary(cluster, place)
    if run is not None:
        start, end = _time_of_run(record_of(asked, router), run)
    end = end or datetime.now(UTC)
    begin = start or end - since
    if names:
        asked = of_file(names, place, "replay")
    record = record_of(asked, router)
    if record.problems:
        raise InvalidSpec(record.problems)
    gate = await past_gate(
        cluster,
        asked,
        record,
        side=SideAsked(side),
        stores=Stores(address=metrics_server),
        router=router,
    )
    interval = record.canary.spec.analysis.interval
    moments = tuple(_moments(begin, end, interval))
    async with reading_the_past(gate.metrics, begin, end, interval) as past:
        looks = await judged_again(gate.metrics, moments, past, begin)
        release = await relived(rehearsal_of(record, end - begin), begin, gate, past)
        drawn = [
            Drawn(
                name=each.name, unit=each.unit, bound=each.threshold_range, points=past.points(each)
            )
            for each in gate.metrics
        ]
    view = ReplayView(
        canary=str(record.key),
        side=side,
        start=begin,
        end=end,
        interval=interval,
        metrics=tuple(metrics_then(gate.metrics, looks)),
        release=release,
        left_out=gate.left_out,
    )
    await _show(view, drawn, html, png, form)


async def _show(
    view: ReplayView, drawn: list[Drawn], html: Path | None, png: Path | None, form: str | None
) -> None:
    screen = Screen()
    if form:
        screen.lines(as_json(replay_document(view)))
    else:
        screen.show(replay_shown(view))
    aside = Screen.aside()
    if html is not None:
        # Its templates are loaded where a report is asked for.
        from canary.dashboard.reports import replay_report

        await asyncio.to_thread(html.write_text, replay_report(view), encoding="utf-8")
        aside.line(f"saved {html}")
    if png is not None:
        save_png(drawn, png, view.canary)
        aside.line(f"saved {png}")
    if not view.metrics:
        raise Failed("no metric could be judged")


def _time_of_run(record: CanaryRecord, number: int) -> tuple[datetime, datetime]:
    """Give when a past run began and ended.

    Raises:
        Failed: the status does not remember it.
    """
    history = record.status.history
    run = history[number - 1] if number <= len(history) else None
    if run is None or run.started_at is None:
        raise Failed(
            f"--run {number}: the status remembers {len(history)} runs; write --from, --to"
        )
    return run.started_at, run.started_at + timedelta(seconds=run.duration_seconds)


def _moments(start: datetime, end: datetime, interval: timedelta) -> Iterator[datetime]:
    """Give the moments of the analyses between two moments, the first one interval after the start.

    Raises:
        Failed: there are none, or too many.
    """
    number = (end - start) // interval
    if number < 1:
        raise Failed(
            f"no analysis fits between {start:%Y-%m-%d %H:%M:%S} and {end:%Y-%m-%d %H:%M:%S}: "
            f"write a longer time than analysis.interval, {interval.total_seconds():g} s"
        )
    if number > _MOST_ANALYSES:
        raise Failed(
            f"{number:,} analyses are too many: write a time of {_MOST_ANALYSES:,} at most"
        )
    return (start + count * interval for count in range(1, number + 1))
