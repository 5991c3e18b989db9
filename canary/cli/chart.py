"""Drawing a metric over time: as lines of text for a terminal, and as a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from analysis.model import Bounds
from canary.errors import CanaryError

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_BOUND = "╌"
MARGIN = 12
"""How many columns of a chart are left of its values."""
_WHOLE = frozenset(" █")
_MARGIN = 0.75
"""How far what is shown reaches beyond values and bounds, in rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A metric, the values it had, and where they must lie."""

    name: str
    unit: str
    bound: Bounds
    points: tuple[tuple[datetime, float], ...]


def draw(metric: Drawn, *, width: int = 72, height: int = 8) -> list[str]:
    """Draw columns of values, the latest at the right, with the bounds as dashed lines.

    What is shown reaches from the lowest to the highest of values and bounds, and a little beyond:
    from 0 on, a success rate would look the same at 99.9 % and at 98 %.
    """
    if not metric.points:
        return [f"{metric.name}: no values"]
    columns = _columns([value for _, value in metric.points], width)
    bounds = [each for each in (metric.bound.min, metric.bound.max) if each is not None]
    low, span = _extent([*columns, *bounds], height)
    dashed = {int((each - low) / span * height) for each in bounds}
    lines = [f"{metric.name}{f' ({metric.unit})' if metric.unit else ''}: {metric.bound.text}"]
    for row in reversed(range(height)):
        cells = (_cell((value - low) / span * height - row) for value in columns)
        # The line goes on through what is higher than it.
        text = "".join(_BOUND if cell in _WHOLE and row in dashed else cell for cell in cells)
        label = f"{low + span * row / height:>10.6g}"
        lines.append(f"{label} ┤{text}")
    first, last = metric.points[0][0], metric.points[-1][0]
    lines.append(f"{'':>10} └ {first:%H:%M:%S} … {last:%H:%M:%S}")
    return lines


def _extent(shown: Sequence[float], height: int) -> tuple[float, float]:
    """Give the lowest value that a chart reaches to, and how far it reaches from there."""
    low, high = min(shown), max(shown)
    margin = ((high - low) or abs(high) or 1.0) * _MARGIN / max(height - 2 * _MARGIN, 1)
    return low - margin, high - low + 2 * margin


def _columns(values: Sequence[float], width: int) -> list[float]:
    """Put values into at most `width` columns, each the mean of its share."""
    count = min(width, len(values))
    edges = [index * len(values) // count for index in range(count + 1)]
    return [sum(values[start:end]) / (end - start) for start, end in pairwise(edges)]


def _cell(filled: float) -> str:
    return _EIGHTHS[max(0, min(8, round(filled * 8)))]


def save_png(metrics: Sequence[Drawn], path: Path, title: str) -> None:
    """Save one picture with a panel for each metric.

    Raises:
        CanaryError: matplotlib is not installed.
    """
    figure, panels = panels_of(len(metrics), title)
    for panel, metric in zip(panels, metrics, strict=False):
        panel.plot([moment for moment, _ in metric.points], [value for _, value in metric.points])
        for bound in (metric.bound.min, metric.bound.max):
            if bound is not None:
                panel.axhline(bound, color="tab:red", linestyle="--")
        name_panel(panel, f"{metric.name}: {metric.bound.text}", metric.unit)
    figure.savefig(path)


def panels_of(number: int, title: str) -> tuple[Any, Sequence[Any]]:
    """Make a figure with so many panels, one below the other, and at least one.

    Raises:
        CanaryError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise CanaryError(
            "--png: matplotlib is not installed; install it with: pip install 'tidegate[charts]'"
        ) from error
    rows = max(number, 1)
    figure = Figure(figsize=(10, 3 * rows), layout="constrained")
    # No name is mathematics, whatever dollar signs it has.
    figure.suptitle(title, parse_math=False)
    return figure, list(figure.subplots(rows, 1, squeeze=False)[:, 0])


def name_panel(panel: Any, title: str, unit: str) -> None:
    """Write what a panel shows, and in which unit."""
    panel.set_title(title, loc="left", fontsize="medium", parse_math=False)
    panel.set_ylabel(unit, parse_math=False)
    panel.grid(visible=True, alpha=0.3)
