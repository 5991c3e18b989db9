"""The MetricTemplates that a Canary names, read beforehand."""

from contextlib import suppress

from canary.api.metrics import MetricSpec
from canary.api.metrictemplate import MetricTemplate
from canary.api.validation import parse_metric_template
from canary.cli.connection import Place
from canary.cluster.cluster import Cluster
from canary.controller.templates import metric_template_kind
from canary.errors import NotFound


class KnownTemplates:
    """The templates that were found, by namespace and name."""

    def __init__(self, found: dict[tuple[str, str], MetricTemplate]) -> None:
        self._found = found

    def metric_template(self, _group: str, namespace: str, name: str) -> MetricTemplate:
        """Find a template."""
        try:
            return self._found[namespace, name]
        except KeyError:
            raise NotFound(f"MetricTemplate {namespace}/{name} does not exist") from None


async def stored_templates(
    cluster: Cluster, place: Place, metrics: tuple[MetricSpec, ...]
) -> dict[tuple[str, str], MetricTemplate]:
    """Read the templates that metrics name and that the cluster has."""
    kind = metric_template_kind(place.group)
    found: dict[tuple[str, str], MetricTemplate] = {}
    for metric in metrics:
        if metric.template_ref is None:
            continue
        key = (metric.template_ref.namespace or place.namespace, metric.template_ref.name)
        if key not in found:
            # What is missing is reported with the metric that needs it.
            with suppress(NotFound):
                found[key] = parse_metric_template(await cluster.read(kind, *key))
    return found
