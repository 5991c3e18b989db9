"""Service level objectives in files: of OpenSLO, Sloth and Pyrra."""

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from analysis.burn import Objective, Query, share_of
from analysis.durations import parse_duration
from canary.api.kinds import Manifest
from canary.api.raw import items, part, text
from canary.errors import InvalidSpec, Problem

_PERCENT = 100
_WINDOW = re.compile(r"\{\{-?\s*\.window\s*-?\}\}")
_PLUGIN_REMEDY = (
    "write sli.raw with the errorRatioQuery that the plug-in makes: `sloth generate` prints it as the "
    "expression of slo:sli_error:ratio_rate5m, with 5m for {{.window}}"
)
_DAYS = re.compile(r"[1-9]\d{0,3}[dhw]")


Indicators = Mapping[str, Manifest]
"""OpenSLO's SLIs, by their names: objectives may refer to them."""


def objectives(manifest: Manifest, indicators: Indicators) -> Iterator[Objective]:
    """Read the objectives of an object.

    Raises:
        InvalidSpec: one has no share of bad events that Prometheus could be asked for.
    """
    yield from READERS[str(manifest.get("kind"))](manifest, indicators)


def _sloth(manifest: Manifest, _: Indicators) -> Iterator[Objective]:
    """Read a PrometheusServiceLevel: `sli.events` or `sli.raw`, with `{{.window}}` in its queries."""
    spec = part(manifest, "spec")
    for index, slo in enumerate(items(part(spec, "slos"))):
        place = f"spec.slos[{index}]"
        events, raw, plugin = (part(part(slo, "sli"), each) for each in ("events", "raw", "plugin"))
        if plugin is not None:
            raise _refused(f"{place}.sli.plugin.id", _PLUGIN_REMEDY, text(plugin, "id"))
        if events is None and raw is not None:
            where = f"{place}.sli.raw.errorRatioQuery"
            bad, total = share_of(_templated(where, text(raw, "errorRatioQuery")))
        else:
            bad = _templated(f"{place}.sli.events.errorQuery", text(events, "errorQuery"))
            total = _templated(f"{place}.sli.events.totalQuery", text(events, "totalQuery"))
        yield Objective(
            name=f"{text(spec, 'service')}-{text(slo, 'name')}",
            target=_target(f"{place}.objective", part(slo, "objective")),
            bad=bad,
            total=total,
        )


def _pyrra(manifest: Manifest, _: Indicators) -> Iterator[Objective]:
    """Read a ServiceLevelObjective, whose indicator names selectors."""
    spec = part(manifest, "spec")
    ratio, latency, native, gauge = (
        part(part(spec, "indicator"), each)
        for each in ("ratio", "latency", "latencyNative", "bool_gauge")
    )
    total: Query
    if ratio is not None:
        total = _increase("spec.indicator.ratio.total.metric", text(part(ratio, "total"), "metric"))
        bad = _increase("spec.indicator.ratio.errors.metric", text(part(ratio, "errors"), "metric"))
    elif latency is not None:
        place = "spec.indicator.latency"
        total = _increase(f"{place}.total.metric", text(part(latency, "total"), "metric"))
        good = _increase(f"{place}.success.metric", text(part(latency, "success"), "metric"))
        bad = _rest(total, good)
    elif native is not None:
        total, bad = _native("spec.indicator.latencyNative", native)
    elif gauge is not None:
        metric = _selector("spec.indicator.bool_gauge.metric", text(gauge, "metric"))
        total = _over_time("count", metric)
        bad = _rest(total, _over_time("sum", metric))
    else:
        raise _refused(
            "spec.indicator", "write a ratio, a latency, a latencyNative or a bool_gauge"
        )
    yield Objective(
        name=_name(manifest),
        target=_target("spec.target", part(spec, "target")),
        bad=bad,
        total=total,
        period=_period("spec.window", text(spec, "window") or "28d"),
    )


def _native(place: str, indicator: object) -> tuple[Query, Query]:
    """Count by a native histogram: all requests, and those that took longer than a time."""
    histogram = _increase(f"{place}.total.metric", text(part(indicator, "total"), "metric"))
    written = text(indicator, "latency")
    try:
        limit = parse_duration(written)
    except ValueError as error:
        raise _refused(f"{place}.latency", "write a time such as 200ms or 1s", written) from error

    def total(window: str) -> str:
        return f"histogram_count(sum({histogram(window)}))"

    def good(window: str) -> str:
        within = f"histogram_fraction(0, {limit:g}, sum({histogram(window)}))"
        return f"{within} * {total(window)}"

    return total, _rest(total, good)


def _openslo(manifest: Manifest, indicators: Indicators) -> Iterator[Objective]:
    """Read an SLO: a ratio of counters in Prometheus, with one objective that counts occurrences."""
    spec = part(manifest, "spec")
    if text(spec, "budgetingMethod") not in {"", "Occurrences"}:
        raise _refused("spec.budgetingMethod", "write Occurrences: time slices count no events")
    listed = items(part(spec, "objectives"))
    if len(listed) != 1:
        raise _refused("spec.objectives", "write one objective: several have no budget in common")
    indicator, place = part(spec, "indicator"), "spec.indicator.spec.ratioMetric"
    if indicator is None:
        named = text(spec, "indicatorRef")
        if (indicator := indicators.get(named)) is None:
            remedy = "write an indicator, or give the SLI of this name beside it with -f"
            raise _refused("spec.indicatorRef", remedy, named)
        place = f"spec.ratioMetric of the SLI {named}"
    ratio = part(part(indicator, "spec"), "ratioMetric")
    if part(ratio, "counter") is not True:
        raise _refused(f"{place}.counter", "write true: rates cannot be summed over a window")
    total = _source(f"{place}.total", part(ratio, "total"))
    if part(ratio, "bad") is not None:
        bad = _source(f"{place}.bad", part(ratio, "bad"))
    else:
        bad = _rest(total, _source(f"{place}.good", part(ratio, "good")))
    window = next(iter(items(part(spec, "timeWindow"))), None)
    yield Objective(
        name=_name(manifest),
        target=_openslo_target(listed[0]),
        bad=bad,
        total=total,
        period=_period("spec.timeWindow[0].duration", text(window, "duration") or "30d"),
    )


READERS: Mapping[str, Callable[[Manifest, Indicators], Iterator[Objective]]] = MappingProxyType(
    {"PrometheusServiceLevel": _sloth, "ServiceLevelObjective": _pyrra, "SLO": _openslo}
)
"""How objects are read, by their kind."""


def _openslo_target(objective: object) -> float:
    percent = part(objective, "targetPercent")
    if percent is not None:
        return _target("spec.objectives[0].targetPercent", percent)
    target = part(objective, "target")
    number = target * _PERCENT if isinstance(target, int | float) else target
    return _target("spec.objectives[0].target", number)


def _source(place: str, metric: object) -> Query:
    source = part(metric, "metricSource")
    if (kind := text(source, "type")).lower() not in {"", "prometheus"}:
        raise _refused(f"{place}.metricSource.type", "write Prometheus", kind)
    return _increase(
        f"{place}.metricSource.spec.query", text(part(source, "spec"), "query").strip()
    )


def _increase(place: str, selector: str) -> Query:
    """Count by a counter's selector."""
    counter = _selector(place, selector)
    return lambda window: f"increase({counter}[{window}])"


def _over_time(function: str, selector: str) -> Query:
    """Add up the samples of a gauge, or count them."""
    return lambda window: f"{function}_over_time({selector}[{window}])"


def _selector(place: str, selector: str) -> str:
    if not selector or any(each in selector for each in "()[]"):
        raise _refused(place, "write the selector of a counter, without a function", selector)
    return selector


def _rest(total: Query, good: Query) -> Query:
    """Count what was not good, and all where no good event has a series; labels may differ."""

    def bad(window: str) -> str:
        whole = f"sum({total(window)})"
        return f"{whole} - (sum({good(window)}) or 0 * {whole})"

    return bad


def _templated(place: str, query: str) -> Query:
    if not _WINDOW.search(query):
        raise _refused(place, "write a query with {{.window}}, as sli.events has it", query)
    return lambda window: _WINDOW.sub(window, query).strip()


def _target(place: str, percent: object) -> float:
    """Read a percentage, as a number or as text."""
    try:
        number = float(str(percent))
    except ValueError:
        number = 0.0
    if not 0 < number < _PERCENT:
        raise _refused(place, "write a percentage above 0 and below 100, such as 99.9", percent)
    return number / _PERCENT


def _period(place: str, written: str) -> str:
    if not _DAYS.fullmatch(written):
        raise _refused(place, "write a time such as 30d or 4w", written)
    return written


def _name(manifest: Manifest) -> str:
    return text(part(manifest, "metadata"), "name")


def _refused(place: str, remedy: str, value: object = None) -> InvalidSpec:
    return InvalidSpec((Problem(place, value, remedy),))
