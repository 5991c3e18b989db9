"""The units of what metrics measure, by the spec of a Canary as it was written."""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from analysis.builtin import unit
from canary.api.kinds import Manifest
from canary.api.raw import items, part, text

_OF_VALUES = frozenset({"", "threshold"})
"""The judges that show the value as it was measured."""
_OWN = ("query", "templateRef")
"""What makes of a metric with the name of a built-in one another one."""


def units(manifest: Manifest) -> Mapping[str, str]:
    """Give the units that are known, by the names of metrics: those of built-in ones."""
    return dict(_units(part(manifest.get("spec"), "analysis")))


def _units(analysis: Any) -> Iterator[tuple[str, str]]:
    of_steps = (items(part(each, "metrics")) for each in items(part(analysis, "steps")))
    for metric in chain(items(part(analysis, "metrics")), *of_steps):
        name = text(metric, "name")
        known = "" if any(part(metric, key) for key in _OWN) else unit(name)
        if known and text(metric, "judge") in _OF_VALUES:
            yield name, known


def with_unit(value: float | None, of: str, nothing: str = "–") -> str:
    """Write a value with its unit."""
    if value is None:
        return nothing
    return f"{value:g} {of}" if of else f"{value:g}"
