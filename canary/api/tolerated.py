"""What Flagger's users write, and that is accepted but ignored or changed: each with a warning.

What would change who gets the traffic, or whether a gate holds, is refused instead: see `rules.py`
and `unsupported.py`. What a router ignores is said by the router.
"""

from collections.abc import Iterator

from analysis.durations import format_duration
from canary.api.analysis_spec import Analysis
from canary.api.canary import USUAL_AUTOSCALER, Canary, CanarySpec
from canary.api.fields import go_duration
from canary.api.people import LONGEST_CALL
from canary.api.raw import items, part, text
from canary.api.rules import BUILT_IN_METRICS
from canary.api.shown import Description, shown
from canary.errors import SpecWarning

_FULL = 100
_MAX_WEIGHT = "spec.analysis.maxWeight"


def tolerated(canary: Canary, spec: object) -> Iterator[SpecWarning]:
    """Name every field that is accepted but ignored or changed, whatever the router.

    `spec` is that of the Canary as raw JSON: the model does not know how a duration was spelled.
    """
    yield from _durations(part(spec, "analysis"))
    yield from _weights(canary.spec.analysis)
    yield from _mirror(canary.spec.analysis)
    yield from _metrics(canary.spec.analysis)
    yield from _hooks(canary.spec.analysis)
    yield from _references(canary.spec)


def _durations(analysis: object) -> Iterator[SpecWarning]:
    durations = [("interval", text(analysis, "interval"))]
    for listed, field in (
        ("metrics", "interval"),
        ("webhooks", "timeout"),
        ("webhooks", "deadline"),
    ):
        for index, each in enumerate(items(part(analysis, listed))):
            durations.append((f"{listed}[{index}].{field}", text(each, field)))
    for field, written in durations:
        if (read := go_duration(written)) != written:
            effect = f"read as {read}, which is how to write it"
            yield SpecWarning(f"spec.analysis.{field}", shown(written), effect)


def _references(spec: CanarySpec) -> Iterator[SpecWarning]:
    for name, (reference, routers) in {
        "ingressRef": (spec.ingress_ref, "nginx and skipper"),
        "routeRef": (spec.route_ref, "apisix"),
        "upstreamRef": (spec.upstream_ref, "gloo"),
    }.items():
        if spec.provider and reference is not None:
            effect = f"{spec.provider} ignores it: it is for {routers}"
            yield SpecWarning(f"spec.{name}", shown(reference), effect)
    scaler = spec.autoscaler_ref
    hpa = scaler is not None and scaler.kind == USUAL_AUTOSCALER
    if scaler is not None and hpa and scaler.primary_scaler_queries:
        yield SpecWarning(
            "spec.autoscalerRef.primaryScalerQueries",
            shown(scaler.primary_scaler_queries),
            "a HorizontalPodAutoscaler has no queries: the primary scales on the target's metrics",
        )


def _weights(analysis: Analysis) -> Iterator[SpecWarning]:
    if "max_weight" not in analysis.model_fields_set:
        return
    most, step = analysis.max_weight, analysis.step_weight
    if analysis.step_weights:
        if analysis.step_weights[-1] != most:
            effect = f"ignored: stepWeights end at {analysis.step_weights[-1]} %"
            yield SpecWarning(_MAX_WEIGHT, most, effect)
    elif step and not most:
        yield SpecWarning(_MAX_WEIGHT, most, f"counts as {_FULL}")
    elif step and (last := min(-(-most // step) * step, _FULL)) > most:
        yield SpecWarning(
            _MAX_WEIGHT, most, f"the last step of {step} % goes above it, to {last} %"
        )


def _mirror(analysis: Analysis) -> Iterator[SpecWarning]:
    if not analysis.mirror:
        return
    if analysis.match and analysis.iterations:
        effect = "ignored: A/B testing sends requests to the canary, and no copies"
        yield SpecWarning("spec.analysis.mirror", analysis.mirror, effect)
    elif analysis.mirror_weight == 0:
        effect = "nothing is mirrored; leave it out to mirror every request"
        yield SpecWarning("spec.analysis.mirrorWeight", analysis.mirror_weight, effect)


def _metrics(analysis: Analysis) -> Iterator[SpecWarning]:
    for index, metric in enumerate(analysis.metrics):
        if metric.threshold is not None and metric.threshold_range is not None:
            field = f"spec.analysis.metrics[{index}].threshold"
            threshold = Description(f"{metric.threshold:g}")
            yield SpecWarning(field, threshold, "ignored: thresholdRange is the bound")
        source = "templateRef" if metric.template_ref else "query" if metric.query else ""
        if source and metric.name in BUILT_IN_METRICS:
            yield SpecWarning(
                f"spec.analysis.metrics[{index}].name",
                metric.name,
                f"only its {source} is judged, and not the built-in metric of that name; to judge "
                "both, give this one another name and add the built-in one",
            )


def _hooks(analysis: Analysis) -> Iterator[SpecWarning]:
    for index, hook in enumerate(analysis.webhooks):
        if hook.timeout > LONGEST_CALL:
            yield SpecWarning(
                f"spec.analysis.webhooks[{index}].timeout",
                format_duration(hook.timeout),
                f"a call is given up after {format_duration(LONGEST_CALL)}",
            )
