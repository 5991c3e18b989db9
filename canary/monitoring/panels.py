"""Grafana's panels, in the classic JSON model that files, sidecars and its operator take.

Only what our dashboards use. Sizes are in cells: a dashboard is 24 wide.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

SCHEMA_VERSION = 39
WIDTH = 24
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_ROW_HEIGHT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelQuery:
    """An expression, and what its series are called."""

    expression: str
    legend: str = ""
    instant: bool = False
    """Whether only the last value counts, as in a table."""

    def target(self, ref: str) -> dict[str, Any]:
        """Write it as a panel's target."""
        return {
            "refId": ref,
            "datasource": _SOURCE,
            "expr": self.expression,
            "legendFormat": self.legend,
            "instant": self.instant,
            "range": not self.instant,
            **({"format": "table"} if self.instant else {}),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class GrafanaPanel:
    """A panel; `options` and `custom` are what its kind knows beside the rest."""

    title: str
    queries: tuple[PanelQuery, ...]
    kind: str = "timeseries"
    width: int = 8
    height: int = 7
    unit: str = "short"
    text: str = ""
    """What it shows, behind the title's question mark."""
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    custom: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    mappings: tuple[Mapping[str, Any], ...] = ()
    transformations: tuple[Mapping[str, Any], ...] = ()

    def render(self, number: int, x: int, y: int) -> dict[str, Any]:
        """Write it as JSON has it, at a place."""
        refs = (chr(ord("A") + place) for place in range(len(self.queries)))
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.text,
            "datasource": _SOURCE,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "fieldConfig": {
                "defaults": {
                    "unit": self.unit,
                    "custom": dict(self.custom),
                    "mappings": [dict(each) for each in self.mappings],
                },
                "overrides": [],
            },
            "options": dict(self.options),
            "targets": [query.target(ref) for query, ref in zip(self.queries, refs, strict=True)],
            "transformations": [dict(each) for each in self.transformations],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelRow:
    """A heading, and the panels below it."""

    title: str
    panels: tuple[GrafanaPanel, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PickedVariable:
    """What a reader picks: a label's values, among those that a selector leaves."""

    name: str
    selector: str
    label: str
    several: bool = False

    def render(self) -> dict[str, Any]:
        """Write it as JSON has it."""
        query = f"label_values({self.selector}, {self.label})"
        return {
            "type": "query",
            "name": self.name,
            "label": self.name.replace("_", " "),
            "datasource": _SOURCE,
            "query": {"query": query, "refId": self.name},
            "definition": query,
            "refresh": 2,
            "sort": 1,
            "multi": self.several,
            "includeAll": self.several,
            "allValue": ".*" if self.several else None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeMark:
    """Something that is drawn as a line through every panel of time."""

    name: str
    expression: str
    text: str
    color: str

    def render(self) -> dict[str, Any]:
        """Write it as JSON has it."""
        return {
            "name": self.name,
            "enable": True,
            "datasource": _SOURCE,
            "expr": self.expression,
            "titleFormat": self.text,
            "iconColor": self.color,
            "step": "15s",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class GrafanaDashboard:
    """A dashboard, known by its name in files and addresses."""

    name: str
    title: str
    rows: tuple[PanelRow, ...]
    variables: tuple[PickedVariable, ...] = ()
    marks: tuple[TimeMark, ...] = ()
    since: str = "now-6h"

    @property
    def expressions(self) -> tuple[str, ...]:
        """Every query in it."""
        panels = [panel for row in self.rows for panel in row.panels]
        return (
            *(query.expression for panel in panels for query in panel.queries),
            *(mark.expression for mark in self.marks),
        )

    def render(self) -> dict[str, Any]:
        """Write it as JSON has it."""
        source = {"type": "datasource", "name": "datasource", "query": "prometheus"}
        return {
            "uid": f"tidegate-{self.name}",
            "title": f"tidegate / {self.title}",
            "tags": ["tidegate"],
            "schemaVersion": SCHEMA_VERSION,
            "editable": True,
            "graphTooltip": 1,
            "refresh": "30s",
            "time": {"from": self.since, "to": "now"},
            "timezone": "browser",
            "templating": {"list": [source, *(each.render() for each in self.variables)]},
            "annotations": {"list": [each.render() for each in self.marks]},
            "links": [
                {
                    "type": "dashboards",
                    "tags": ["tidegate"],
                    "title": "tidegate",
                    "asDropdown": True,
                    "keepTime": True,
                }
            ],
            "panels": list(_placed(self.rows)),
        }


RATE = "[$__rate_interval]"
"""The span that Grafana finds right for a rate, whatever the span that is shown."""
STACKED: Mapping[str, Any] = MappingProxyType({"stacking": {"mode": "normal"}, "fillOpacity": 30})
NAMESPACES = PickedVariable(
    name="namespace", selector="tidegate_canary_phase", label="namespace", several=True
)


def summed(expression: str, *labels: str) -> str:
    """Add series up, by labels."""
    return f"sum by ({', '.join(labels)}) ({expression})"


def _placed(rows: Sequence[PanelRow]) -> Iterable[dict[str, Any]]:
    """Put panels beside each other while they fit, and number everything."""
    number, y = 0, 0
    for row in rows:
        number += 1
        yield {
            "id": number,
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "gridPos": {"x": 0, "y": y, "w": WIDTH, "h": _ROW_HEIGHT},
            "panels": [],
        }
        y += _ROW_HEIGHT
        x = tallest = 0
        for panel in row.panels:
            if x + panel.width > WIDTH:
                x, y, tallest = 0, y + tallest, 0
            number += 1
            yield panel.render(number, x, y)
            x, tallest = x + panel.width, max(tallest, panel.height)
        y += tallest
