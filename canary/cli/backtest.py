"""`tidegate backtest CANARY`: what a gate would have made of many past times, and another of the same."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from analysis.past import Past
from canary.cli.bygone import (
    PastAsked,
    PastGate,
    ReportForm,
    SideAsked,
    about_the_past,
    past_gate,
    reading_the_past,
    rehearsal_of,
    relived,
)
from canary.cli.common import DurationParam
from canary.cli.connection import Place
from canary.cli.ending import Failed
from canary.cli.ends_chart import EndsPanel, save_ends_png
from canary.cli.naming import reading_command
from canary.cli.questions import AskedCanary, of_file, record_of, stored_canary
from canary.cli.screen import Screen
from canary.cluster.cluster import Cluster
from canary.errors import InvalidSpec
from canary.simulation.release import ReleaseResult
from canary.views.backtested import Backtest, PastRelease, backtest_document, backtest_shown

_MOST_RELEASES = 2_000
_FINEST = timedelta(minutes=1)
"""A range is read no finer than this, for it may be weeks."""


@click.command
@click.option(
    "--against",
    multiple=True,
    metavar="FILE",
    help="Compare with the Canary of the same name in files.",
)
@click.option(
    "--every",
    type=DurationParam(),
    default="1h",
    show_default=True,
    help="The time from one release to the next.",
)
@click.option(
    "--within",
    type=DurationParam(),
    default="1h",
    show_default=True,
    help="After which time a release that has not ended is given up.",
)
@click.option("--png", type=click.Path(dir_okay=False, path_type=Path), help="Save a picture.")
@about_the_past(since="168h", side=SideAsked.PRIMARY)
@reading_command
async def backtest(
    cluster: Cluster,
    place: Place,
    *,
    against: tuple[str, ...],
    every: timedelta,
    within: timedelta,
    png: Path | None,
    past: PastAsked,
    report: ReportForm,
) -> None:
    """Release in many past times, and count what the gate would have made of them.

    The values of the primary are judged as if they were a canary's: where nothing was wrong, each
    rollback is a false one. With --against the ends by both gates are counted in one table.
    """
    start, end = past.time(datetime.now(UTC))
    moments = tuple(_moments(start, end - within, every))
    asked = [await stored_canary(cluster, place)]
    if against:
        asked.append(of_file(against, place, "backtest"))
    gates = [await _gate(cluster, each, past) for each in asked]
    step = min(_FINEST, *(each.record.canary.spec.analysis.interval for each in gates))
    metrics = tuple(metric for each in gates for metric in each.metrics)
    async with reading_the_past(metrics, moments[0], end, step) as values:
        ends = [await _released(each, moments, within, values) for each in gates]
    releases = tuple(
        PastRelease(at=at, present=by_gate[0], other=by_gate[1] if against else None)
        for at, *by_gate in zip(moments, *ends, strict=True)
    )
    tested = Backtest(
        canary=str(place),
        side=past.side,
        every=every,
        within=within,
        releases=releases,
        left_out=tuple(dict.fromkeys(reason for each in gates for reason in each.left_out)),
    )
    await report.give(backtest_shown(tested), backtest_document(tested), lambda: _page(tested))
    if png is not None:
        panel = EndsPanel(title=tested.canary, ends=tested.ends, horizon=within)
        save_ends_png([panel], png, "past releases rolled back, by time")
        Screen.aside().line(f"saved {png}")


def _page(tested: Backtest) -> str:
    # Its templates are loaded where a report is asked for.
    from canary.dashboard.reports import backtest_report

    return backtest_report(tested)


async def _gate(cluster: Cluster, asked: AskedCanary, past: PastAsked) -> PastGate:
    """Prepare a gate to be asked about the past.

    Raises:
        InvalidSpec: the Canary cannot be acted on.
        Failed: none of its metrics can be judged.
    """
    record = record_of(asked, past.router)
    if record.problems:
        raise InvalidSpec(record.problems)
    gate = await past_gate(cluster, asked, record, past)
    if not gate.metrics:
        reasons = "; ".join(gate.left_out) or "spec.analysis.metrics is empty"
        raise Failed(f"no metric of {asked.place} can be judged: {reasons}")
    return gate


async def _released(
    gate: PastGate, moments: tuple[datetime, ...], within: timedelta, past: Past
) -> list[ReleaseResult]:
    rehearsal = rehearsal_of(gate.record, within)
    return [await relived(rehearsal, at, gate, past) for at in moments]


def _moments(start: datetime, last: datetime, every: timedelta) -> Iterator[datetime]:
    """Give the moments at which releases begin.

    Raises:
        Failed: there are none, or too many.
    """
    number = (last - start) // every + 1 if every else 0
    if number < 1:
        raise Failed("no release fits into the time: write a longer --since, or a shorter --within")
    if number > _MOST_RELEASES:
        raise Failed(
            f"{number:,} releases are too many: write {_MOST_RELEASES:,} at most (--every)"
        )
    return (start + count * every for count in range(number))
