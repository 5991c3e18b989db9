"""The built-in metrics: their query templates for each router, units, and older thresholds.

The templates are files, `queries/ROUTER/METRIC.PROVIDER`, so that they can be read, compared and
checked by other tools. Rendering them is the business of `template.py`.
"""

from functools import cache
from importlib.resources import files

from analysis.errors import QueryError
from analysis.model import Bounds

SUCCESS_RATE = "request-success-rate"
DURATION = "request-duration"

#: The built-in metrics and the units of their values.
UNITS = {SUCCESS_RATE: "%", DURATION: "ms"}

#: The endings of query files, by the provider that they are written for.
_ENDINGS = {"prometheus": "promql", "scrape": "scrape"}

#: Routers whose traffic is counted as another's, by the ending of the query files: by its proxies,
#: or by the pods themselves.
_SAME_AS = {
    "promql": {"kubernetes": "gatewayapi", "smi": "istio"},
    "scrape": {"smi": "istio"},
}

#: Routers whose proxies count the requests of both sides in one series: that is no measure of the
#: canary.
_MIXED = {
    "apisix": "APISIX counts both sides of a route together",
    "kong": "Kong counts both sides of a route together",
}


def builtin(metric: str, router: str, provider: str = "prometheus") -> str:
    """Read the query template of a built-in metric.

    `router` may carry a variant behind a colon (`smi:v1alpha2`), which changes no query.

    Raises:
        QueryError: there is no such metric, or not for this router and provider; lists what is.
    """
    if metric not in UNITS:
        raise QueryError(
            f"metric {metric!r} is not built in; give it a templateRef or a query, or use one of: "
            f"{', '.join(UNITS)}"
        )
    if provider not in _ENDINGS:
        raise QueryError(
            f"metric {metric!r} is not built in for provider {provider!r}; give it a templateRef, "
            f"or use one of the providers: {', '.join(_ENDINGS)}"
        )
    name = router.partition(":")[0]
    templates, same = _templates(_ENDINGS[provider]), _SAME_AS[_ENDINGS[provider]]
    if name in _MIXED:
        raise QueryError(
            f"metric {metric!r} is not built in for router {name!r}: {_MIXED[name]}; give it a "
            "templateRef or a query that counts at the canary's pods, or in a mesh"
        )
    key = (same.get(name, name), metric)
    if key not in templates:
        known = {folder for folder, _ in templates}
        known |= {alias for alias, folder in same.items() if folder in known}
        raise QueryError(
            f"metric {metric!r} is not built in for router {name!r} with provider {provider!r}; "
            f"give it a templateRef or a query. Built in for: {', '.join(sorted(known))}"
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
