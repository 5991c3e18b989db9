"""The built-in metrics: their query templates for each router, units, and older thresholds.

The templates are files, `queries/ROUTER/METRIC.PROVIDER`, so that they can be read, compared and
checked by other tools. What a judge counts of each side is in the language of counts: `requests` and
`errors`, such as `queries/ROUTER/errors.counts` for Prometheus, and of how long requests take `timed`
and `within`. Rendering them is the business of `template.py`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from math import inf

from analysis.errors import QueryError
from analysis.model import Bounds, Signal, plain_number

SUCCESS_RATE = "request-success-rate"
DURATION = "request-duration"

#: The file of the queries that count requests, which are no metric of their own.
REQUESTS = "requests"
#: The file of the queries that count failed requests.
_ERRORS = "errors"
#: The files of the queries that count requests by how long they take: all, and those within a time.
_TIMED, _WITHIN = "timed", "within"
#: The percentage of the requests that a bound on durations is about.
_PERCENTILE = 99

#: The built-in metrics and the units of their values.
UNITS = {SUCCESS_RATE: "%", DURATION: "ms"}

#: The endings of query files, by the provider that they are written for.
_ENDINGS = {"prometheus": "promql", "scrape": "scrape"}
#: The same for queries in the language of counts.
_COUNT_ENDINGS = {"prometheus": "counts", "scrape": "scrape"}

#: Routers whose traffic is counted as another's, by the ending of the query files: by its proxies,
#: or by the pods themselves.
_SAME_AS = {
    "promql": {"kubernetes": "gatewayapi", "smi": "istio"},
    "counts": {"kubernetes": "gatewayapi", "smi": "istio"},
    "scrape": {"smi": "istio"},
}

_AT_PODS = "that counts at the canary's pods, or in a mesh"
#: Routers whose proxies have no measure of the canary for a query that is built in, such as those
#: that count the requests of both sides in one series; and what measures it.
_UNMEASURED = {
    "alb": (
        "the load balancer counts in CloudWatch",
        "of provider cloudwatch, for the target group of the canary's Service",
    ),
    "kong": ("Kong counts both sides of a route together", _AT_PODS),
}

#: Routers whose proxies tell workloads apart by their kind, and the kinds that they know.
_KINDS = dict.fromkeys(("linkerd", "osm"), ("Deployment", "DaemonSet", "StatefulSet"))

_COUNT_REMEDY = "use the judge threshold, or give it a templateRef whose template has counts"
_ANYWHERE = Bounds()


def builtin(metric: str, router: str, provider: str = "prometheus", kind: str = "") -> str:
    """Read the query template of a built-in metric.

    `router` may carry a variant behind a colon (`smi:v1alpha2`), which changes no query. Of several
    (`gatewayapi+istio`) the first one counts. `kind` is that of the target, where it is known.

    Raises:
        QueryError: there is no such metric, or not for this router, provider and kind; lists what is.
    """
    if metric not in UNITS:
        raise QueryError(
            f"metric {metric!r} is not built in; give it a templateRef or a query, or use one of: "
            f"{', '.join(UNITS)}"
        )
    asked, name = f"metric {metric!r}", _name(router)
    if provider in _ENDINGS and name in _UNMEASURED:
        fault, instead = _UNMEASURED[name]
        raise QueryError(
            f"{asked} is not built in for router {name!r}: {fault}; give it a templateRef or a query "
            f"{instead}"
        )
    remedy = "give it a templateRef or a query"
    _check_kind(asked, router, kind, remedy)
    return _template(metric, asked, router, provider, remedy=remedy)


def request_count(router: str, provider: str = "prometheus", kind: str = "") -> str:
    """Read the query template of how many requests one side has had.

    `target` and `service` in it are that side's workload and Service.

    Raises:
        QueryError: it is not known for this router, provider and kind; lists for what it is.
    """
    asked = "the number of requests of each side"
    _check_kind(asked, router, kind, "remove verifyTraffic")
    return _template(REQUESTS, asked, router, provider, remedy="remove verifyTraffic")


@dataclass(frozen=True, slots=True, kw_only=True)
class CountQueries:
    """What a judge that counts asks of one side."""

    queries: Mapping[Signal, str]
    """Templates, by what they count."""
    bounds: Bounds
    """Where the percentage of good requests must lie."""
    good: str = ""
    """What makes a request a good one, as in `within 500 ms`; empty where it need not be said."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """What `variables` stand for in the templates."""


def built_in_counts(
    metric: str,
    router: str,
    provider: str = "prometheus",
    bounds: Bounds = _ANYWHERE,
    kind: str = "",
) -> CountQueries:
    """Read the query templates of what a built-in metric counts of one side.

    `bounds` are those of the metric's value, such as of a duration.

    Raises:
        QueryError: it is not known for this metric, router, provider and kind, and lists for what it
            is; or the bounds cannot be counted.
    """
    if metric not in _COUNTS:
        raise QueryError(
            f"metric {metric!r} is not built in as counts; {_COUNT_REMEDY}. Built in as counts: "
            f"{', '.join(_COUNTS)}"
        )
    _check_kind(f"metric {metric!r} as counts", router, kind, _COUNT_REMEDY)
    return _COUNTS[metric](router, provider, bounds)


def _failed(router: str, provider: str, bounds: Bounds) -> CountQueries:
    files = {Signal.REQUESTS: REQUESTS, Signal.BAD: _ERRORS}
    return CountQueries(
        queries=_count_templates(SUCCESS_RATE, files, router, provider), bounds=bounds
    )


def _slow(router: str, provider: str, bounds: Bounds) -> CountQueries:
    """Count the requests that took longer than the most that 99 of 100 may take."""
    most = bounds.max
    if most is None or not 0 < most < inf or bounds.min is not None:
        raise QueryError(
            f"metric {DURATION!r}: thresholdRange: a judge that counts asks how many requests took "
            "longer than max; write max alone, one of the edges of the router's histogram in ms, "
            "such as 500"
        )
    files = {Signal.REQUESTS: _TIMED, Signal.GOOD: _WITHIN}
    return CountQueries(
        queries=_count_templates(DURATION, files, router, provider),
        bounds=Bounds(min=_PERCENTILE),
        good=f"within {plain_number(most)} {UNITS[DURATION]}",
        variables={
            "milliseconds": plain_number(most),
            "seconds": plain_number(most / 1000),
        },
    )


_COUNTS: Mapping[str, Callable[[str, str, Bounds], CountQueries]] = {
    SUCCESS_RATE: _failed,
    DURATION: _slow,
}


def _count_templates(
    metric: str, files: Mapping[Signal, str], router: str, provider: str
) -> Mapping[Signal, str]:
    asked = f"metric {metric!r} as counts"
    return {
        signal: _template(
            file, asked, router, provider, remedy=_COUNT_REMEDY, endings=_COUNT_ENDINGS
        )
        for signal, file in files.items()
    }


def counts_requests(router: str) -> bool:
    """Tell whether the requests of both sides are counted for a router, by any provider.

    Of several for any of them.
    """
    return any(
        (_SAME_AS[ending].get(name, name), REQUESTS) in _templates(ending)
        for ending in _ENDINGS.values()
        for name in map(_name, router.split("+"))
    )


def request_counts(router: str, provider: str = "prometheus", kind: str = "") -> dict[str, str]:
    """Read the query templates of how many requests one side has had, by the router that counts them.

    Those of several that count none are left out.

    Raises:
        QueryError: it is known for none of the routers.
    """
    found: dict[str, str] = {}
    errors: list[QueryError] = []
    for each in router.split("+"):
        try:
            found[_name(each)] = request_count(each, provider, kind)
        except QueryError as error:
            errors.append(error)
    if not found:
        raise errors[0]
    return found


def _check_kind(asked: str, router: str, kind: str, remedy: str) -> None:
    """Refuse a kind of target that the router's proxies do not know."""
    name = _name(router)
    if kind and kind not in _KINDS.get(name, (kind,)):
        raise QueryError(
            f"{asked} is not built in for router {name!r} and a target of kind {kind}; {remedy}. "
            f"Its proxies count the requests of each {', '.join(_KINDS[name])}"
        )


def _template(
    file: str,
    asked: str,
    router: str,
    provider: str,
    *,
    remedy: str,
    endings: Mapping[str, str] = _ENDINGS,
) -> str:
    if provider not in endings:
        raise QueryError(
            f"{asked} is not built in for provider {provider!r}; {remedy}, "
            f"or use one of the providers: {', '.join(endings)}"
        )
    name = _name(router)
    templates, same = _templates(endings[provider]), _SAME_AS[endings[provider]]
    key = (same.get(name, name), file)
    if key not in templates:
        known = {folder for folder, each in templates if each == file}
        known |= {alias for alias, folder in same.items() if folder in known}
        raise QueryError(
            f"{asked} is not built in for router {name!r} with provider {provider!r}; "
            f"{remedy}. Built in for: {', '.join(sorted(known))}"
        )
    return templates[key]


def unit(metric: str) -> str:
    """Give the unit of a built-in metric; other metrics have none that is known."""
    return UNITS.get(metric, "")


def legacy_range(metric: str, threshold: float) -> Bounds:
    """Read the older `threshold`: the least success rate, the most of everything else."""
    if metric == SUCCESS_RATE:
        return Bounds(min=threshold)
    return Bounds(max=threshold)


def _name(router: str) -> str:
    """Take the name of the first router, without its variant."""
    return router.partition("+")[0].partition(":")[0]


@cache
def _templates(ending: str) -> dict[tuple[str, str], str]:
    """Read all query files of one kind, by router and metric."""
    return {
        (folder.name, file.name.removesuffix(f".{ending}")): file.read_text(encoding="utf-8")
        for folder in (files("analysis") / "queries").iterdir()
        if folder.is_dir()
        for file in folder.iterdir()
        if file.name.endswith(f".{ending}")
    }
