"""Parts of pages that are made from the tables of plug-ins, and from files."""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from analysis.builtin import UNITS, built_in_counts, builtin, request_count
from analysis.durations import format_duration
from analysis.errors import PLUGIN_NOUNS, QueryError
from analysis.judges import JUDGES
from analysis.model import Bounds
from analysis.plugins import PluginTable
from analysis.providers import PROVIDERS
from analysis.providers.store import OPTIONS, StoreProvider
from canary.monitoring.alerts import ALERTS
from canary.monitoring.catalogue import CATALOGUE
from canary.notifiers import NOTIFIERS
from canary.notifiers.settings import written
from canary.routers import ROUTERS, router_for
from canary.scalers import SCALERS
from canary.targets import TARGETS
from tests.docs import platform
from tests.docs.pages import DOCS, ROOT

PAGES = (
    ROOT / "README.md",
    *(
        DOCS / f"{name}.md"
        for name in ("beside", "gates", "judges", "metrics", "monitoring", "plugins", "routers")
    ),
)
#: Each family, and the field that names its plug-ins.
FAMILIES: tuple[tuple[PluginTable[Any], str], ...] = (
    (ROUTERS, "`spec.provider` of a Canary"),
    (TARGETS, "`spec.targetRef.kind` of a Canary"),
    (SCALERS, "`spec.autoscalerRef.kind` of a Canary"),
    (PROVIDERS, "`spec.provider.type` of a MetricTemplate"),
    (NOTIFIERS, "`spec.type` of an AlertProvider"),
    (JUDGES, "`judge` of a metric"),
)
_MADE = re.compile(
    r"(?P<head><!-- made: (?P<what>\S+) -->\n).*?(?P<tail><!-- end -->\n)", re.DOTALL
)
#: The stores whose language can count.
_COUNTING = ("prometheus", "scrape")
_LANGUAGES = {".py": "python", ".toml": "toml"}


def made(page: Path) -> str:
    """Give a page with its parts made again."""

    def part(found: re.Match[str]) -> str:
        return f"{found['head']}{_part(found['what'])}{found['tail']}"

    return _MADE.sub(part, page.read_text(encoding="utf-8"))


def _part(what: str) -> str:
    if what in _TABLES:
        return "".join(f"| {' | '.join(row)} |\n" for row in _TABLES[what]())
    source = ROOT / what
    return f"```{_LANGUAGES[source.suffix]}\n{source.read_text(encoding='utf-8')}```\n"


def _families() -> Iterator[tuple[str, ...]]:
    yield "family", "named by", "entry points", "built in"
    yield ("---",) * 4
    for table, field in FAMILIES:
        yield PLUGIN_NOUNS[table.group], field, f"`{table.group}`", _names(table)


def _settings() -> Iterator[tuple[str, ...]]:
    """Say what can be chosen of receivers, what holds without a choice, and what it does."""
    yield "`type`", "setting", "values", "what it does"
    yield ("---",) * 4
    for name in NOTIFIERS.names():
        for each in getattr(NOTIFIERS.load(name), "settings", ()):
            values = ", ".join(f"`{written(value)}`" for value in each.values)
            yield f"`{name}`", f"`{each.name}`", values, each.text


def _built_in() -> Iterator[tuple[str, ...]]:
    yield "named in a manifest", "built in"
    yield ("---",) * 2
    for table, _ in FAMILIES:
        yield PLUGIN_NOUNS[table.group], _names(table)


def _routers() -> Iterator[tuple[str, ...]]:
    yield "router", "what it does", "writes"
    yield ("---",) * 3
    for name in ROUTERS.names():
        summary = (ROUTERS.load(name).__doc__ or "").splitlines()[0]
        kinds = ", ".join(f"`{kind.kind}`" for kind in router_for(name).writes)
        yield f"`{name}`", summary, kinds


def _platform() -> Iterator[tuple[str, ...]]:
    yield "what", "what tidegate does", "more"
    yield ("---",) * 3
    for row in platform.ROWS:
        yield row.what, row.does, row.link


def _stores() -> Iterator[tuple[str, ...]]:
    """Say what each store that answers queries over HTTP must know, and what it can be told."""
    yield "type", "address", "keys of the Secret", "options", "settle"
    yield ("---",) * 5
    for name in PROVIDERS.names():
        provider: Any = PROVIDERS.load(name)
        if issubclass(provider, StoreProvider):
            keys = (
                f"**`{k}`**" if k in provider.required else f"`{k}`" for k in provider.secret_keys
            )
            options = sorted(set(provider.options) - set(OPTIONS))
            yield (
                f"`{name}`",
                f"`{provider.home}`" if provider.home else "must be given",
                ", ".join(keys),
                ", ".join(f"`{each}`" for each in options),
                format_duration(provider.settle),
            )


def _queries() -> Iterator[tuple[str, ...]]:
    """Say which series the built-in metrics are computed from; alike routers share a row."""
    yield "routers", *(f"`{metric}`" for metric in UNITS)
    yield ("---",) * (1 + len(UNITS))
    alike: dict[tuple[str, ...], list[str]] = {}
    for name in ROUTERS.names():
        with suppress(QueryError):
            series = tuple(_series(builtin(metric, name)) for metric in UNITS)
            alike.setdefault(series, []).append(f"`{name}`")
    for series, names in alike.items():
        yield ", ".join(names), *series


def _verified() -> Iterator[tuple[str, ...]]:
    """Say for which routers the requests of both sides are counted, by store."""
    yield "store", "routers"
    yield ("---",) * 2
    for store in _COUNTING:
        yield f"`{store}`", _counted(partial(request_count, provider=store))


def _judged() -> Iterator[tuple[str, ...]]:
    """Say for which routers judges count what the built-in metrics are about, by store."""
    yield "store", *(f"`{metric}`" for metric in UNITS)
    yield ("---",) * (1 + len(UNITS))
    for store in _COUNTING:
        counts = partial(built_in_counts, provider=store, bounds=Bounds(max=500))
        yield f"`{store}`", *(_counted(partial(counts, metric)) for metric in UNITS)


def _counted(counts: Callable[[str], object]) -> str:
    """Name the routers for which something is counted."""
    found = []
    for name in ROUTERS.names():
        with suppress(QueryError):
            counts(name)
            found.append(f"`{name}`")
    return ", ".join(found)


def _series(query: str) -> str:
    code = "\n".join(line for line in query.splitlines() if not line.startswith("#"))
    return ", ".join(f"`{name}`" for name in dict.fromkeys(re.findall(r"([a-z_:]+)\{(?!\{)", code)))


def _alerts() -> Iterator[tuple[str, ...]]:
    yield "alert", "severity", "means"
    yield ("---",) * 3
    for alert in ALERTS:
        means = re.sub(r"{{ \$labels\.(\w+) }}", r"*\1*", alert.summary)
        yield f"[{alert.name}](runbooks/{alert.name}.md)", alert.severity, means


def _own_metrics() -> Iterator[tuple[str, ...]]:
    yield "metric", "type", "labels", "is"
    yield ("---",) * 4
    for metric in CATALOGUE:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        yield f"`{metric.name}`", metric.sort.value, labels, metric.text


def _names(table: PluginTable[Any]) -> str:
    return ", ".join(f"`{name}`" for name in table.names())


_TABLES = {
    "alerts": _alerts,
    "families": _families,
    "built-in": _built_in,
    "routers": _routers,
    "own-metrics": _own_metrics,
    "platform": _platform,
    "judged": _judged,
    "queries": _queries,
    "receiver-settings": _settings,
    "stores": _stores,
    "verified": _verified,
}
