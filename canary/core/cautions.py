"""What of a Canary's metrics is accepted although a judge will see little in a run."""

from collections.abc import Iterator
from datetime import timedelta

from analysis.judges.cautions import cautions
from analysis.model import ProviderSpec
from canary.api.canary import CanarySpec
from canary.api.measured import measured
from canary.api.metrics import MetricSpec
from canary.api.shown import Description
from canary.core.plan import Step, plan
from canary.errors import SpecWarning


def little_seen(spec: CanarySpec) -> Iterator[SpecWarning]:
    """Name the fields by which a judge sees little, as the judge says it."""
    if spec.skip_analysis:
        return
    analysis = spec.analysis
    steps = plan(analysis).steps
    for path, asked in analysis.placed_metrics():
        if asked.shadow:
            continue
        metric = measured(asked, analysis, asks=(), provider=ProviderSpec(type=""))
        for each in cautions(metric, _analyses(asked, steps, analysis.interval)):
            value = Description(each.value) if each.value else None
            yield SpecWarning(f"{path}.{each.field}", value, each.effect)


def _analyses(metric: MetricSpec, steps: tuple[Step, ...], interval: timedelta) -> int:
    """Count the analyses of a metric in a run at the least: of its own steps, or of all."""
    at = [each for each in steps if metric in each.metrics] or steps
    return sum(1 if each.early else max(each.passes, each.lasts // interval) for each in at)
