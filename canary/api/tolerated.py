"""What Flagger's users write, and that is accepted but ignored or changed: each with a warning.

What would change who gets the traffic, or whether a gate holds, is refused instead: see `rules.py`.
What a router ignores is said by the router.
"""

from collections.abc import Iterator

from analysis.durations import format_duration
from canary.api.analysis_spec import Analysis, SameSite, SessionAffinity
from canary.api.canary import USUAL_AUTOSCALER, Canary, CanarySpec
from canary.api.fields import go_duration
from canary.api.people import LONGEST_CALL, LONGEST_REPEATS
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
    yield from _cookies(canary.spec.analysis.session_affinity)
    yield from _unverified(canary.spec.analysis)
    yield from _metrics(canary.spec.analysis)
    yield from _hooks(canary.spec.analysis)
    yield from _scaler_queries(canary.spec)


def _durations(analysis: object) -> Iterator[SpecWarning]:
    for field, written in durations_written(analysis):
        if (read := go_duration(written)) != written:
            effect = f"read as {read}, which is how to write it"
            yield SpecWarning(f"spec.analysis.{field}", shown(written), effect)


def durations_written(analysis: object) -> Iterator[tuple[str, str]]:
    """Give every duration of an analysis as raw JSON: the field below it, and what is written."""
    yield "interval", text(analysis, "interval")
    yield from _durations_listed(analysis)
    for index, step in enumerate(items(part(analysis, "steps"))):
        yield f"steps[{index}].duration", text(step, "duration")
        for field, written in _durations_listed(step):
            yield f"steps[{index}].{field}", written


def _durations_listed(owner: object) -> Iterator[tuple[str, str]]:
    for listed, field in (
        ("metrics", "interval"),
        ("webhooks", "timeout"),
        ("webhooks", "deadline"),
    ):
        for index, each in enumerate(items(part(owner, listed))):
            yield f"{listed}[{index}].{field}", text(each, field)


def _scaler_queries(spec: CanarySpec) -> Iterator[SpecWarning]:
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


def _cookies(affinity: SessionAffinity | None) -> Iterator[SpecWarning]:
    """Name what makes browsers drop a cookie, so that its clients do not stay."""
    if affinity is None:
        return
    place, effect = (
        "spec.analysis.sessionAffinity",
        "browsers drop such a cookie unless secure is true",
    )
    if affinity.same_site is SameSite.NONE and not affinity.secure:
        yield SpecWarning(f"{place}.sameSite", affinity.same_site, effect)
    if affinity.partitioned and not affinity.secure:
        yield SpecWarning(f"{place}.partitioned", affinity.partitioned, effect)
    for field, name in (
        ("cookieName", affinity.cookie_name),
        ("primaryCookieName", affinity.primary_cookie_name or ""),
    ):
        if name.startswith(("__Secure-", "__Host-")) and not affinity.secure:
            yield SpecWarning(f"{place}.{field}", name, effect)
        elif name.startswith("__Host-") and (affinity.domain or affinity.path != "/"):
            effect = "browsers drop such a cookie unless path is / and domain is left out"
            yield SpecWarning(f"{place}.{field}", name, effect)


def _unverified(analysis: Analysis) -> Iterator[SpecWarning]:
    """Name the steps whose share of the requests cannot be told from metrics."""
    if analysis.verify_traffic is None:
        return
    for place, matches in analysis.placed_matches():
        if matches:
            effect = "its traffic is not verified: no metric tells which requests match"
            yield SpecWarning(place, Description(f"a list of {len(matches)}"), effect)


def _metrics(analysis: Analysis) -> Iterator[SpecWarning]:
    for path, metric in analysis.placed_metrics():
        if metric.threshold is not None and metric.threshold_range is not None:
            threshold = Description(f"{metric.threshold:g}")
            yield SpecWarning(
                f"{path}.threshold", threshold, "ignored: thresholdRange is the bound"
            )
        if analysis.score is None and metric.weight != 1:
            effect = "no effect: a metric has a weight in a score; add spec.analysis.score"
            yield SpecWarning(f"{path}.weight", Description(str(metric.weight)), effect)
        source = "templateRef" if metric.template_ref else "query" if metric.query else ""
        if source and metric.name in BUILT_IN_METRICS:
            yield SpecWarning(
                f"{path}.name",
                metric.name,
                f"only its {source} is judged, and not the built-in metric of that name; to judge "
                "both, give this one another name and add the built-in one",
            )


def _hooks(analysis: Analysis) -> Iterator[SpecWarning]:
    for path, hook in analysis.placed_webhooks():
        if hook.timeout > LONGEST_CALL:
            yield SpecWarning(
                f"{path}.timeout",
                format_duration(hook.timeout),
                f"a call is given up after {format_duration(LONGEST_CALL)}",
            )
        if hook.attempts <= hook.retries:
            repeated = hook.attempts - 1
            yield SpecWarning(
                f"{path}.retries",
                Description(str(hook.retries)),
                f"a failed call is repeated {repeated} times: so many fit into "
                f"{format_duration(LONGEST_REPEATS)} with a timeout of {format_duration(hook.timeout)}",
            )
