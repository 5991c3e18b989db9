"""`tidegate replay CANARY`: what each check of a gate would have said in the past."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from analysis.replaying import replay as judged_again
from canary.cli.bygone import (
    PastAsked,
    ReportForm,
    SideAsked,
    about_the_past,
    past_gate,
    reading_the_past,
    rehearsal_of,
    relived,
)
from canary.cli.chart import Drawn, save_png
from canary.cli.connection import Place
from canary.cli.ending import Failed
from canary.cli.naming import reading_command
from canary.cli.questions import of_file, record_of, stored_canary
from canary.cli.screen import Screen
from canary.cluster.cluster import Cluster
from canary.controller.canaries import CanaryRecord
from canary.errors import InvalidSpec
from canary.views.replayed import ReplayView, metrics_then, replay_document, replay_shown

_MOST_ANALYSES = 10_000


@click.command
@click.option(
    "-f", "--filename", "names", multiple=True, metavar="FILE", help="Judge by the Canary in files."
)
@click.option(
    "--run",
    type=click.IntRange(min=1),
    help="Judge the time of a past run: 1 is the last one, as in tidegate history.",
)
@click.option("--png", type=click.Path(dir_okay=False, path_type=Path), help="Save a picture.")
@about_the_past(since="1h", side=SideAsked.CANARY)
@reading_command
async def replay(
    cluster: Cluster,
    place: Place,
    *,
    names: tuple[str, ...],
    run: int | None,
    png: Path | None,
    past: PastAsked,
    report: ReportForm,
) -> None:
    """Judge a past time again: what each check of a gate would have said, and what of a release.

    Values are read from Prometheus. With -f a gate is judged that the cluster does not have yet.
    Exit codes: 0 it was judged, 1 no metric could be.
    """
    asked = await stored_canary(cluster, place)
    begin, end = (
        past.time(datetime.now(UTC))
        if run is None
        else _time_of_run(record_of(asked, past.router), run)
    )
    if names:
        asked = of_file(names, place, "replay")
    record = record_of(asked, past.router)
    if record.problems:
        raise InvalidSpec(record.problems)
    gate = await past_gate(cluster, asked, record, past)
    interval = record.canary.spec.analysis.interval
    moments = tuple(_moments(begin, end, interval))
    async with reading_the_past(gate.metrics, begin, end, interval) as values:
        looks = await judged_again(gate.metrics, moments, values, begin)
        release = await relived(rehearsal_of(record, end - begin), begin, gate, values)
        drawn = [
            Drawn(
                name=each.name,
                unit=each.unit,
                bound=each.threshold_range,
                points=values.points(each),
            )
            for each in gate.metrics
        ]
    view = ReplayView(
        canary=str(record.key),
        side=past.side,
        start=begin,
        end=end,
        interval=interval,
        metrics=tuple(metrics_then(gate.metrics, looks)),
        release=release,
        left_out=gate.left_out,
    )
    await report.give(replay_shown(view), replay_document(view), lambda: _page(view))
    if png is not None:
        save_png(drawn, png, view.canary)
        Screen.aside().line(f"saved {png}")
    if not view.metrics:
        raise Failed("no metric could be judged")


def _page(view: ReplayView) -> str:
    # Its templates are loaded where a report is asked for.
    from canary.dashboard.reports import replay_report

    return replay_report(view)


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
