"""`tidegate slo FILE`: gates of the service level objectives that others' tools keep in files."""

import re
from collections.abc import Iterator
from typing import Any

import click

from analysis.burn import Objective, budget_left, worst_burn
from canary.api.meta import API_VERSION
from canary.api.raw import part, text
from canary.cli.documents import as_yaml
from canary.cli.ending import Failed
from canary.cli.manifests import Document, Unreadable, documents, from_files, texts
from canary.cli.objectives import READERS, objectives
from canary.cli.screen import Screen
from canary.errors import InvalidSpec

_UNNAMEABLE = re.compile(r"[^a-z0-9]+")
_LONGEST_NAME = 200
_INDICATOR = "SLI"
_LEAST_BUDGET = 10
_HELP = """
Write MetricTemplates for the objectives of OpenSLO (SLO), Sloth (PrometheusServiceLevel) and Pyrra
(ServiceLevelObjective) in files.

Of each objective there are two: how fast its error budget burns, over 1 h and 5 min and over 6 h and
30 min, and how much of the budget is left. What to write into the Canary, or into a DeliveryPolicy
that lets no run start without it, is printed beside them, on standard error.
"""
_EXAMPLES = """\b
Examples:
  tidegate slo -f slo.yaml -n shop | kubectl apply -f -
  kubectl get prometheusservicelevels -n shop -o yaml | tidegate slo -f - -n shop
  tidegate slo -f slos/ --metrics-server http://prometheus.monitoring:9090 > templates.yaml
"""


@click.command(help=_HELP, epilog=_EXAMPLES)
@from_files
@click.option("-n", "--namespace", help="The namespace of the templates.")
@click.option(
    "--metrics-server",
    default="http://prometheus:9090",
    show_default=True,
    envvar="TIDEGATE_METRICS_SERVER",
    help="The Prometheus that counts the events.",
)
def slo(
    named: tuple[str, ...], more: tuple[str, ...], namespace: str | None, metrics_server: str
) -> None:
    """Write the gates of objectives."""
    if not named and not more:
        raise click.UsageError("name a file with objectives")
    read = tuple(_read((*named, *more)))
    screen, aside = Screen(), Screen.aside()
    for objective in read:
        for template in _templates(objective, namespace, metrics_server):
            screen.line("---")
            screen.lines(as_yaml(template))
    aside.line("add to spec.analysis.metrics of the Canary:")
    aside.lines(as_yaml({"metrics": [each for one in read for each in _metrics(one)]}))
    for objective in read:
        aside.line(
            f"or, so that no run starts while little of {objective.name} is left, to spec of a DeliveryPolicy:"
        )
        aside.lines(as_yaml(_budget(objective)))


def _read(names: tuple[str, ...]) -> Iterator[Objective]:
    """Read the objectives of files.

    Raises:
        Failed: there is none, or one cannot be a gate.
    """
    read: list[Document] = []
    for file in texts(names):
        for each in documents(file, "slo", (*READERS, _INDICATOR)):
            if isinstance(each, Unreadable):
                raise Failed(f"{each.file}:{each.line}: {each.message}")
            read.append(each)
    indicators = {
        text(part(each.obj, "metadata"), "name"): each.obj
        for each in read
        if each.kind == _INDICATOR
    }
    asked = [each for each in read if each.kind in READERS]
    for each in asked:
        try:
            yield from objectives(each.obj, indicators)
        except InvalidSpec as invalid:
            raise Failed(f"{each.file}:{each.line()}: {invalid}") from invalid
    if not asked:
        raise Failed(f"no objective is in the files: {', '.join(READERS)} are read")


def _templates(
    objective: Objective, namespace: str | None, address: str
) -> Iterator[dict[str, Any]]:
    queries = {"burn": worst_burn(objective), "budget": budget_left(objective)}
    for what, query in queries.items():
        metadata = {"name": f"{_name(objective)}-{what}"}
        yield {
            "apiVersion": API_VERSION,
            "kind": "MetricTemplate",
            "metadata": metadata | ({"namespace": namespace} if namespace else {}),
            "spec": {"provider": {"type": "prometheus", "address": address}, "query": query},
        }


def _metrics(objective: Objective) -> list[dict[str, Any]]:
    """Give what a Canary says of the templates: no events have burnt nothing."""
    bounds = {"burn": {"max": 1}, "budget": {"min": _LEAST_BUDGET}}
    return [
        {
            "name": f"{_name(objective)}-{what}",
            "templateRef": {"name": f"{_name(objective)}-{what}"},
            "thresholdRange": bound,
            "onNoData": "pass",
        }
        for what, bound in bounds.items()
    ]


def _budget(objective: Objective) -> dict[str, Any]:
    """Give what a DeliveryPolicy says of what must be left when a run starts."""
    _, left = _metrics(objective)
    return {"budget": {"metric": left}}


def _name(objective: Objective) -> str:
    """Give a name that objects may have."""
    return _UNNAMEABLE.sub("-", objective.name.lower()).strip("-")[:_LONGEST_NAME]
