"""What commands about the past share: their options, their reports, and what a Canary asks of its store."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import Any

import click

from analysis.asking import Providers
from analysis.engine import analyse
from analysis.judges import compares, counts
from analysis.model import Metric, Report
from analysis.past import Past
from analysis.providers import KEPT_BY
from canary.api.metrics import MetricSpec
from canary.cli.common import DurationParam
from canary.cli.connection import with_plugins, with_router
from canary.cli.documents import as_json
from canary.cli.ending import Failed
from canary.cli.questions import AskedCanary, templates_of, traits_of
from canary.cli.screen import Screen
from canary.cli.stores import with_stores
from canary.cli.templates import KnownTemplates, stored_templates
from canary.cluster.cluster import Cluster
from canary.controller.canaries import CanaryRecord
from canary.controller.queries import QueryBuilder, Stores
from canary.controller.secrets import SecretReader
from canary.core.needs import Analyse
from canary.simulation.release import Rehearsal, ReleaseResult, ReleaseSetting
from canary.simulation.traffic import ServiceTraffic
from canary.views.blocks import Block


class SideAsked(StrEnum):
    """Which workload the queries are about."""

    CANARY = "canary"
    PRIMARY = "primary"


class MomentParam(click.ParamType[datetime]):
    """A moment in ISO 8601; without a zone it is in UTC."""

    name = "moment"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Read a moment."""
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no moment; write it like 2026-03-01T14:00:00Z", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class PastAsked:
    """Which time is asked about, of which side, and where the values are."""

    since: timedelta
    """How long before its end the time begins, where `start` is not given."""
    start: datetime | None
    end: datetime | None
    side: SideAsked
    stores: Stores
    router: str

    def time(self, now: datetime) -> tuple[datetime, datetime]:
        """Give when the time begins and ends."""
        end = self.end or now
        return self.start or end - self.since, end


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportForm:
    """How a person wants to have a report."""

    form: str | None
    """A form for programs; None for people."""
    html: Path | None

    async def give(self, shown: Block, document: dict[str, Any], page: Callable[[], str]) -> None:
        """Print a report, and save its page where that is asked."""
        screen = Screen()
        if self.form:
            screen.lines(as_json(document))
        else:
            screen.show(shown)
        if self.html is not None:
            written = await asyncio.to_thread(page)
            await asyncio.to_thread(self.html.write_text, written, encoding="utf-8")
            Screen.aside().line(f"saved {self.html}")


_Command = Callable[..., None]


def about_the_past(*, since: str, side: SideAsked) -> Callable[[_Command], _Command]:
    """Offer the options of a command about the past, and give it them as `past` and `report`.

    `since` and `side` are what is asked about where a person names nothing else.
    """

    def offering(command: _Command) -> _Command:
        @click.option(
            "--since",
            type=DurationParam(),
            default=since,
            show_default=True,
            help="How far back, where --from is not given.",
        )
        @click.option(
            "--from", "start", type=MomentParam(), help="When to begin: 2026-03-01T14:00:00Z."
        )
        @click.option("--to", "end", type=MomentParam(), help="When to end; now when left out.")
        @click.option(
            "--side",
            type=click.Choice([each.value for each in SideAsked]),
            default=side.value,
            show_default=True,
            help="Which workload the queries are about.",
        )
        @with_stores
        @with_router
        @click.option(
            "--html", type=click.Path(dir_okay=False, path_type=Path), help="Save a report."
        )
        @click.option(
            "-o", "--output", "form", type=click.Choice(["json"]), help="A form for programs."
        )
        @with_plugins
        @wraps(command)
        def gathered(
            *,
            since: timedelta,
            start: datetime | None,
            end: datetime | None,
            side: str,
            stores: Stores,
            router: str,
            html: Path | None,
            form: str | None,
            **others: Any,
        ) -> None:
            past = PastAsked(
                since=since,
                start=start,
                end=end,
                side=SideAsked(side),
                stores=stores,
                router=router,
            )
            command(past=past, report=ReportForm(form=form, html=html), **others)

        return gathered

    return offering


@dataclass(frozen=True, slots=True, kw_only=True)
class PastGate:
    """The metrics of a Canary, ready to be asked about the past."""

    record: CanaryRecord
    built: tuple[tuple[MetricSpec, Metric], ...]
    left_out: tuple[str, ...]
    """The metrics that cannot be asked, each with why."""

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """All that can be asked."""
        return tuple(metric for _, metric in self.built)

    def of(self, specs: Iterable[MetricSpec]) -> tuple[Metric, ...]:
        """Give the metrics of an analysis that can be asked."""
        asked = tuple(specs)
        return tuple(metric for spec, metric in self.built if spec in asked)


async def past_gate(
    cluster: Cluster, asked: AskedCanary, record: CanaryRecord, past: PastAsked
) -> PastGate:
    """Build the metrics of a Canary, with queries about one side."""
    side = past.side
    specs = tuple(each for _, each in record.canary.spec.analysis.placed_metrics())
    stored = await stored_templates(cluster, asked.place, specs)
    builder = QueryBuilder(
        templates=KnownTemplates({**stored, **templates_of(asked)}),
        secrets=SecretReader(cluster, lambda: 0.0),
        stores=past.stores,
        default_router=past.router,
        api_server=cluster.credentials,
    )
    about = record if side is SideAsked.CANARY else _of_primary(record)
    built: list[tuple[MetricSpec, Metric]] = []
    left_out: list[str] = []
    for spec in specs:
        if side is SideAsked.PRIMARY and (counts(spec.judge) or compares(spec.judge)):
            left_out.append(
                f"{spec.name}: judge {spec.judge} compares the canary with the primary, and --side "
                "primary asks about one side"
            )
            continue
        metrics, unasked = await builder.build(about, (spec,))
        left_out += (each.message for each in unasked)
        for metric in metrics:
            if metric.provider.type in KEPT_BY:
                built.append((spec, metric))
            else:
                kept = f"the provider {metric.provider.type} keeps no past that can be read"
                left_out.append(f"{metric.name}: {kept}")
    return PastGate(record=record, built=tuple(built), left_out=tuple(left_out))


def _of_primary(record: CanaryRecord) -> CanaryRecord:
    """Have the queries of a Canary ask about its primary."""
    spec = record.canary.spec
    target = spec.target_ref.model_copy(update={"name": spec.primary_name})
    canary = record.canary.model_copy(
        update={"spec": spec.model_copy(update={"target_ref": target, "keep_target": False})}
    )
    return replace(record, canary=canary)


@asynccontextmanager
async def reading_the_past(
    metrics: tuple[Metric, ...], start: datetime, end: datetime, step: timedelta
) -> AsyncIterator[Past]:
    """Read the values of metrics over a range, and answer questions about moments in it."""
    async with Providers() as providers:
        past = Past(providers, step)
        await past.read(metrics, start, end)
        yield past


async def relived(rehearsal: Rehearsal, at: datetime, gate: PastGate, past: Past) -> ReleaseResult:
    """Release at a moment of the past: the decisions run in a thread, which waits for each verdict."""
    loop = asyncio.get_running_loop()

    async def report(need: Analyse, now: datetime) -> Report:
        metrics = [replace(each, since=need.since) for each in gate.of(need.metrics)]
        memories = {name: dict(memory) for name, memory in need.memories}
        return await analyse(metrics, past, now, memories=memories)

    def judge(need: Analyse, now: datetime) -> Report:
        return asyncio.run_coroutine_threadsafe(report(need, now), loop).result()

    return await asyncio.to_thread(rehearsal.relive, at, judge)


def rehearsal_of(record: CanaryRecord, horizon: timedelta) -> Rehearsal:
    """Prepare to release a Canary in the past.

    Raises:
        Failed: nothing can be released.
    """
    setting = ReleaseSetting(
        spec=record.canary.spec,
        router=traits_of(record),
        traffic=ServiceTraffic(per_minute=0, errors=0),
        replicas=2,
        starting=timedelta(0),
        horizon=horizon,
    )
    try:
        return Rehearsal(setting)
    except ValueError as error:
        raise Failed(f"{record.key}: it cannot be released: {error}") from error
