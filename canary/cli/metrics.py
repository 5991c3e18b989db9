"""`tidegate metrics CANARY`: what its gate would have seen, each metric with its bound."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from analysis.errors import AnalysisError
from analysis.model import Metric, Signal
from analysis.providers.history import History
from canary.api.validation import parse_canary
from canary.cli.chart import MARGIN, Drawn, draw, save_png
from canary.cli.common import DurationParam
from canary.cli.connection import Place, with_plugins, with_router
from canary.cli.ending import Failed
from canary.cli.finding import read_canary
from canary.cli.naming import reading_command
from canary.cli.screen import Screen
from canary.cli.stores import with_stores
from canary.cli.templates import KnownTemplates, stored_templates
from canary.cluster.cluster import Cluster
from canary.controller.canaries import BrokenCanary
from canary.controller.queries import QueryBuilder, Stores
from canary.controller.reading import CanaryReader
from canary.controller.secrets import SecretReader
from canary.errors import InvalidSpec

_CHART_WIDTH = 72
POINTS = 240
"""How many values of a metric are asked for."""


@click.command
@click.option(
    "--since", type=DurationParam(), default="1h", show_default=True, help="How far back."
)
@with_stores
@with_router
@click.option("--png", type=click.Path(dir_okay=False, path_type=Path), help="Save a picture.")
@with_plugins
@reading_command
async def metrics(
    cluster: Cluster,
    place: Place,
    *,
    since: timedelta,
    stores: Stores,
    router: str,
    png: Path | None,
) -> None:
    """Draw each metric of a Canary over time, with its bound.

    Ends with exit code 1 where none of them could be read.
    """
    manifest = await read_canary(cluster, place)
    record = CanaryReader(router).read(manifest)
    if isinstance(record, BrokenCanary):
        raise InvalidSpec(record.problems)
    analysis = parse_canary(manifest).spec.analysis
    specs = tuple(each for _, each in analysis.placed_metrics())
    templates = await stored_templates(cluster, place, specs)
    builder = QueryBuilder(
        templates=KnownTemplates(templates),
        secrets=SecretReader(cluster, lambda: 0.0),
        stores=stores,
        default_router=router,
        api_server=cluster.credentials,
    )
    asked, unasked = await builder.build(record, specs)
    screen = Screen()
    for check in unasked:
        screen.line(check.message)
    end = datetime.now(UTC)
    read = await asyncio.gather(*(_read(metric, end - since, end) for metric in asked))
    drawn = [each for each in read if isinstance(each, Drawn)]
    for result in read:
        lines = (
            [result]
            if isinstance(result, str)
            else draw(result, width=min(_CHART_WIDTH, screen.width - MARGIN))
        )
        for line in lines:
            screen.line(line)
    if png is not None:
        save_png(drawn, png, str(place))
        screen.line(f"saved {png}")
    if not drawn and (read or unasked):
        raise Failed("no metric could be read")


async def _read(metric: Metric, start: datetime, end: datetime) -> Drawn | str:
    """Read a metric's history; a sentence where there is none to be had."""
    if metric.asks[0].signal is not Signal.VALUE:
        return f"{metric.name}: judge {metric.judge} counts requests, and has no value over time"
    if metric.provider.type != "prometheus":
        return f"{metric.name}: the provider {metric.provider.type} keeps no history"
    step = max((end - start) / POINTS, timedelta(seconds=1))
    try:
        series = await History(metric.provider).read(metric.query, start, end, step)
    except AnalysisError as error:
        return f"{metric.name}: {error}"
    return Drawn(
        name=metric.name, unit=metric.unit, bound=metric.threshold_range, points=series.points
    )
