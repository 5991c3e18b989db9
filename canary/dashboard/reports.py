"""Reports as one file: a page that needs no server, with its style and its charts inside."""

from collections.abc import Sequence
from dataclasses import replace

from canary.dashboard.charts import Chart, ends_chart, metric_chart
from canary.dashboard.pages import PageRenderer, paragraphs
from canary.dashboard.recent import SeenValue
from canary.views.backtested import Backtest, backtest_shown
from canary.views.replayed import MetricThen, ReplayView, replay_shown
from canary.views.simulated import Simulation, simulation_shown

_MOST_POINTS = 1_000
"""How many checks a chart shows; the newest of more."""


def replay_report(view: ReplayView) -> str:
    """Write the report of a time that was judged again."""
    charts = [chart for each in view.metrics if (chart := _chart(each, view)) is not None]
    return PageRenderer("").render(
        "report.html",
        title=f"{view.canary}: {view.start:%Y-%m-%d %H:%M} to {view.end:%Y-%m-%d %H:%M} UTC",
        said=paragraphs(replay_shown(view)),
        charts=charts,
    )


def backtest_report(tested: Backtest) -> str:
    """Write the report of many past releases."""
    first, last = tested.releases[0].at, tested.releases[-1].at
    return PageRenderer("").render(
        "report.html",
        title=f"{tested.canary}: {first:%Y-%m-%d} to {last:%Y-%m-%d}",
        said=paragraphs(backtest_shown(tested)),
        charts=[ends_chart(each, tested.within) for each in tested.ends],
    )


def simulation_report(simulations: Sequence[Simulation]) -> str:
    """Write the report of simulated releases, of one Canary or of several."""
    return PageRenderer("").render(
        "report.html",
        title=f"{', '.join(each.canary for each in simulations)}: simulated releases",
        said=[said for each in simulations for said in paragraphs(simulation_shown(each))],
        charts=[
            replace(chart, name=f"{each.canary}: {chart.name}") if len(simulations) > 1 else chart
            for each in simulations
            for chart in (ends_chart(one.ends, each.setting.horizon) for one in each.scenarios)
        ],
    )


def _chart(metric: MetricThen, view: ReplayView) -> Chart | None:
    """Draw the checks of a metric; None where none has a value."""
    values = [
        SeenValue(each.at, each.check.value, each.check.verdict.value)
        for each in metric.checks[-_MOST_POINTS:]
        if each.check.value is not None
    ]
    return metric_chart(metric.name, values, metric.bounds, bound=metric.bounds.text, now=view.end)
