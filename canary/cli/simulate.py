"""`tidegate simulate CANARY.yaml`: how often a gate would be wrong, and how long it would take."""

import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import click

from canary.cli.common import DurationParam
from canary.cli.connection import (
    with_plugins,
    with_router,
)
from canary.cli.documents import as_json
from canary.cli.ending import Failed
from canary.cli.ends_chart import EndsPanel, save_ends_png
from canary.cli.manifests import from_files
from canary.cli.questions import in_files, read_documents, record_of, traits_of
from canary.cli.scenarios import AS_GOOD, PERCENT, MeaningParam, Regression, RegressionParam
from canary.cli.screen import Screen
from canary.controller.canaries import CanaryRecord
from canary.errors import InvalidSpec
from canary.simulation.answering import Meaning, Meanings
from canary.simulation.release import Rehearsal, ReleaseSetting
from canary.simulation.summary import Simulated, summarised
from canary.simulation.traffic import ServiceTraffic
from canary.views.simulated import Simulation, simulation_document, simulation_shown

_HELP = """
Release a Canary of a file many times in a calculated world, with the controller's own decisions and
judges, and show how many good releases are rolled back, and after how long bad ones are.

No cluster and no metrics store is asked, and no time passes. The same seed gives the same result.
"""
_EXAMPLES = """\b
Examples:
  tidegate simulate canary.yaml --requests 600 --errors 0.5
  tidegate simulate canary.yaml --regression 2 --regression 20% --runs 1000
  tidegate simulate canary.yaml --metric request-duration=250~40 -o json
  tidegate simulate canary.yaml --html report.html --png report.png
"""


@click.command(help=_HELP, epilog=_EXAMPLES)
@from_files
@click.option("-n", "--namespace", default="", help="The namespace of Canaries that name none.")
@with_router
@click.option(
    "--requests",
    type=click.FloatRange(min=0, min_open=True),
    default=600,
    show_default=True,
    help="Requests a minute that clients send to the service.",
)
@click.option(
    "--errors",
    type=click.FloatRange(0, PERCENT),
    default=0.5,
    show_default=True,
    help="Percent of them that fail where nothing is wrong.",
)
@click.option(
    "--regression",
    "regressions",
    type=RegressionParam(),
    multiple=True,
    default=("2", "10"),
    show_default=True,
    help="How many times as often a bad revision fails, or in how many percent: 4, 20%. May be "
    "repeated.",
)
@click.option(
    "--metric",
    "meanings",
    type=MeaningParam(),
    multiple=True,
    metavar="NAME=MEANING",
    help="What a metric measures: success or errors, for a percentage of requests, or MEAN~DEVIATION "
    "for anything else. May be repeated.",
)
@click.option(
    "--matching",
    type=click.FloatRange(0, PERCENT),
    default=10,
    show_default=True,
    help="Percent of the requests that satisfy a match.",
)
@click.option(
    "--load",
    type=click.FloatRange(min=0),
    default=0,
    show_default=True,
    help="Requests a minute that a load test sends to the canary.",
)
@click.option(
    "--replicas", type=click.IntRange(min=1), default=2, show_default=True, help="Of the target."
)
@click.option(
    "--starting",
    type=DurationParam(),
    default="15s",
    show_default=True,
    help="How long pods take to be ready.",
)
@click.option(
    "--within",
    type=DurationParam(),
    default="1h",
    show_default=True,
    help="After which time a release that has not ended is given up.",
)
@click.option(
    "--runs",
    type=click.IntRange(1, 100_000),
    default=200,
    show_default=True,
    help="How many releases of each kind.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Where chance begins.")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Save a report.")
@click.option("--png", type=click.Path(dir_okay=False, path_type=Path), help="Save a picture.")
@click.option("-o", "--output", "form", type=click.Choice(["json"]), help="A form for programs.")
@with_plugins
def simulate(
    named: tuple[str, ...],
    more: tuple[str, ...],
    *,
    namespace: str,
    router: str,
    requests: float,
    errors: float,
    regressions: tuple[Regression, ...],
    meanings: tuple[tuple[str, Meaning], ...],
    matching: float,
    load: float,
    replicas: int,
    starting: timedelta,
    within: timedelta,
    runs: int,
    seed: int,
    html: Path | None,
    png: Path | None,
    form: str | None,
) -> None:
    """Show how often a gate would be wrong."""
    if not named and not more:
        raise click.UsageError("name a file with a Canary")
    traffic = ServiceTraffic(
        per_minute=requests,
        errors=errors / PERCENT,
        matching=matching / PERCENT,
        load=load,
    )
    simulations = [
        _simulated(
            record,
            ReleaseSetting(
                spec=record.canary.spec,
                router=traits_of(record),
                traffic=traffic,
                replicas=replicas,
                starting=starting,
                horizon=within,
                meanings=Meanings(said=dict(meanings)),
            ),
            regressions,
            runs=runs,
            seed=seed,
        )
        for record in _canaries((*named, *more), namespace, router)
    ]
    screen = Screen()
    if form:
        screen.lines(as_json({"simulations": [simulation_document(each) for each in simulations]}))
    else:
        for each in simulations:
            screen.show(simulation_shown(each))
    if html is not None:
        html.write_text(_page(simulations), encoding="utf-8")
        Screen.aside().line(f"saved {html}")
    if png is not None:
        save_ends_png([_panel(each) for each in simulations], png, "releases rolled back, by time")
        Screen.aside().line(f"saved {png}")


def _page(simulations: list[Simulation]) -> str:
    # Its templates are loaded where a report is asked for.
    from canary.dashboard.reports import simulation_report

    return simulation_report(simulations)


def _panel(simulation: Simulation) -> EndsPanel:
    return EndsPanel(
        title=simulation.canary,
        ends=tuple(each.ends for each in simulation.scenarios),
        horizon=simulation.setting.horizon,
    )


def _canaries(names: tuple[str, ...], namespace: str, router: str) -> Iterator[CanaryRecord]:
    """Read the Canaries of files.

    Raises:
        Failed: there is none, or a file cannot be read.
        InvalidSpec: one cannot be acted on.
    """
    read = tuple(read_documents(names, "simulate"))
    for asked in in_files(read, namespace or "default", None):
        record = record_of(asked, router)
        if record.problems:
            raise InvalidSpec(record.problems)
        yield record


def _simulated(
    record: CanaryRecord,
    setting: ReleaseSetting,
    regressions: tuple[Regression, ...],
    *,
    runs: int,
    seed: int,
) -> Simulation:
    """Release good revisions, and bad ones of each kind.

    Raises:
        Failed: nothing can be released.
    """
    try:
        rehearsal = Rehearsal(setting)
    except ValueError as error:
        raise Failed(f"{record.key}: it cannot be simulated: {error}") from error

    def released(regression: Regression) -> Simulated:
        # Each kind begins at the seed: one more regression changes nothing of the others.
        chance = random.Random(seed).random  # noqa: S311 - a simulation, which is no secret
        failing = regression.failing(setting.traffic.errors)
        results = [rehearsal.release(failing, chance) for _ in range(runs)]
        return summarised(regression.label, failing, results)

    return Simulation(
        canary=str(record.key),
        setting=setting,
        seed=seed,
        runs=runs,
        healthy=released(AS_GOOD),
        regressed=tuple(map(released, regressions)),
    )
