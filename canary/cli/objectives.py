"""Service level objectives in files: of OpenSLO, Sloth and Pyrra."""

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from analysis.burn import Objective, Query
from canary.api.kinds import Manifest
from canary.api.raw import items, part, text
from canary.errors import InvalidSpec, Problem

_PERCENT = 100
_WINDOW = re.compile(r"\{\{-?\s*\.window\s*-?\}\}")
_DAYS = re.compile(r"[1-9]\d{0,3}[dhw]")


def objectives(manifest: Manifest) -> Iterator[Objective]:
    """Read the objectives of an object.

    Raises:
        InvalidSpec: one has no counts of events that Prometheus could be asked for.
    """
    yield from READERS[str(manifest.get("kind"))](manifest)


def _sloth(manifest: Manifest) -> Iterator[Objective]:
    """Read a PrometheusServiceLevel: `sli.events`, with `{{.window}}` in its queries."""
    spec = part(manifest, "spec")
    for index, slo in enumerate(items(part(spec, "slos"))):
        place = f"spec.slos[{index}]"
        events = part(part(slo, "sli"), "events")
        yield Objective(
            name=f"{text(spec, 'service')}-{text(slo, 'name')}",
            target=_target(f"{place}.objective", part(slo, "objective")),
            bad=_templated(f"{place}.sli.events.errorQuery", text(events, "errorQuery")),
            total=_templated(f"{place}.sli.events.totalQuery", text(events, "totalQuery")),
        )


def _pyrra(manifest: Manifest) -> Iterator[Objective]:
    """Read a ServiceLevelObjective: `indicator.ratio` or `indicator.latency`, of selectors."""
    spec = part(manifest, "spec")
    ratio, latency = (part(part(spec, "indicator"), each) for each in ("ratio", "latency"))
    total: Query
    if ratio is not None:
        total = _increase("spec.indicator.ratio.total.metric", text(part(ratio, "total"), "metric"))
        bad = _increase("spec.indicator.ratio.errors.metric", text(part(ratio, "errors"), "metric"))
    elif latency is not None:
        place = "spec.indicator.latency"
        total = _increase(f"{place}.total.metric", text(part(latency, "total"), "metric"))
        good = _increase(f"{place}.success.metric", text(part(latency, "success"), "metric"))
        bad = _rest(total, good)
    else:
        raise _refused("spec.indicator", "write a ratio or a latency: others count no events")
    yield Objective(
        name=_name(manifest),
        target=_target("spec.target", part(spec, "target")),
        bad=bad,
        total=total,
        period=_period("spec.window", text(spec, "window") or "28d"),
    )


def _openslo(manifest: Manifest) -> Iterator[Objective]:
    """Read an SLO: a ratio of counters in Prometheus, with one objective that counts occurrences."""
    spec = part(manifest, "spec")
    if text(spec, "budgetingMethod") not in {"", "Occurrences"}:
        raise _refused("spec.budgetingMethod", "write Occurrences: time slices count no events")
    listed = items(part(spec, "objectives"))
    if len(listed) != 1:
        raise _refused("spec.objectives", "write one objective: several have no budget in common")
    if part(spec, "indicator") is None:
        raise _refused("spec.indicator", "write the indicator inline: references are not followed")
    ratio = part(part(part(spec, "indicator"), "spec"), "ratioMetric")
    place = "spec.indicator.spec.ratioMetric"
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


READERS: Mapping[str, Callable[[Manifest], Iterator[Objective]]] = MappingProxyType(
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
    if not selector or any(each in selector for each in "()[]"):
        raise _refused(place, "write the selector of a counter, without a function", selector)
    return lambda window: f"increase({selector}[{window}])"


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
