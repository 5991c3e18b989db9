"""`tidegate backtest CANARY`: what a gate would have made of many past times, and another of the same."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from analysis.past import Past
from canary.cli.bygone import (
    MomentParam,
    PastGate,
    SideAsked,
    past_gate,
    reading_the_past,
    rehearsal_of,
    relived,
)
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
from canary.cli.questions import AskedCanary, of_file, record_of, stored_canary
from canary.cli.screen import Screen
from canary.cluster.cluster import Cluster
from canary.controller.queries import Stores
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
    "--since",
    type=DurationParam(),
    default="168h",
    show_default=True,
    help="How far back, where --from is not given.",
)
@click.option("--from", "start", type=MomentParam(), help="When to begin: 2026-03-01T14:00:00Z.")
@click.option("--to", "end", type=MomentParam(), help="When to end; now when left out.")
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
@click.option(
    "--side",
    type=click.Choice([each.value for each in SideAsked]),
    default=SideAsked.PRIMARY.value,
    show_default=True,
    help="Which workload the queries are about.",
)
@with_metrics_server
@with_router
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Save a report.")
@click.option("-o", "--output", "form", type=click.Choice(["json"]), help="A form for programs.")
@with_plugins
@canary_command
async def backtest(
    cluster: Cluster,
    place: Place,
    *,
    against: tuple[str, ...],
    since: timedelta,
    start: datetime | None,
    end: datetime | None,
    every: timedelta,
    within: timedelta,
    side: str,
    metrics_server: str,
    router: str,
    html: Path | None,
    form: str | None,
) -> None:
    """Release in many past times, and count what the gate would have made of them.

    The values of the primary are judged as if they were a canary's: where nothing was wrong, each
    rollback is a false one. With --against the ends by both gates are counted in one table.
    """
    end = end or datetime.now(UTC)
    moments = tuple(_moments(start or end - since, end - within, every))
    asked = [await stored_canary(cluster, place)]
    if against:
        asked.append(of_file(against, place, "backtest"))
    gates = [
        await _gate(cluster, each, SideAsked(side), Stores(address=metrics_server), router)
        for each in asked
    ]
    step = min(_FINEST, *(each.record.canary.spec.analysis.interval for each in gates))
    metrics = tuple(metric for each in gates for metric in each.metrics)
    async with reading_the_past(metrics, moments[0], end, step) as past:
        ends = [await _released(each, moments, within, past) for each in gates]
    releases = tuple(
        PastRelease(at=at, present=by_gate[0], other=by_gate[1] if against else None)
        for at, *by_gate in zip(moments, *ends, strict=True)
    )
    tested = Backtest(
        canary=str(place),
        side=side,
        every=every,
        within=within,
        releases=releases,
        left_out=tuple(dict.fromkeys(reason for each in gates for reason in each.left_out)),
    )
    screen = Screen()
    if form:
        screen.lines(as_json(backtest_document(tested)))
    else:
        screen.show(backtest_shown(tested))
    if html is not None:
        # Its templates are loaded where a report is asked for.
        from canary.dashboard.reports import backtest_report

        await asyncio.to_thread(html.write_text, backtest_report(tested), encoding="utf-8")
        Screen.aside().line(f"saved {html}")


async def _gate(
    cluster: Cluster, asked: AskedCanary, side: SideAsked, stores: Stores, router: str
) -> PastGate:
    """Prepare a gate to be asked about the past.

    Raises:
        InvalidSpec: the Canary cannot be acted on.
        Failed: none of its metrics can be judged.
    """
    record = record_of(asked, router)
    if record.problems:
        raise InvalidSpec(record.problems)
    gate = await past_gate(cluster, asked, record, side=side, stores=stores, router=router)
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
