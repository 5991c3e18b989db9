"""A metric of a spec as the analysis engine takes it, once it is known what to ask and where."""

from collections.abc import Iterable

from analysis.judges import counts
from analysis.model import Ask, Metric, NoDataPolicy, ProviderSpec
from canary.api.analysis_spec import Analysis
from canary.api.metrics import MetricSpec


def measured(
    spec: MetricSpec,
    analysis: Analysis,
    *,
    asks: tuple[Ask, ...],
    provider: ProviderSpec,
    unit: str = "",
    asked_by: str = "",
) -> Metric:
    """Give a metric of an analysis with its questions, and the store that answers them."""
    return Metric(
        name=spec.name,
        asks=asks,
        provider=provider,
        # What is counted goes back to the last analysis.
        interval=max(spec.interval, analysis.interval) if counts(spec.judge) else spec.interval,
        threshold_range=spec.bounds,
        on_no_data=NoDataPolicy(spec.on_no_data),
        on_error=NoDataPolicy(spec.on_error),
        unit=unit,
        judge=spec.judge,
        options=tuple(sorted(spec.judge_options.items())),
        peers=_peers(spec, (each for _, each in analysis.placed_metrics())),
        min_requests=spec.min_requests,
        on_inconclusive=NoDataPolicy(spec.on_inconclusive),
        warm_up=spec.warm_up,
        critical=spec.critical,
        shadow=spec.shadow,
        asked_by=asked_by,
    )


def _peers(spec: MetricSpec, all_of_run: Iterable[MetricSpec]) -> int:
    """Count the metrics that share their judge's chance of a false rollback; a critical one has its own."""
    of_judge = (each for each in all_of_run if each.judge == spec.judge)
    sharing = [each for each in of_judge if not (each.shadow or each.critical)]
    return 1 if spec.critical else max(1, len(sharing))
