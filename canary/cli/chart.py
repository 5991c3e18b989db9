"""Drawing a metric over time: as lines of text for a terminal, and as a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from analysis.model import ThresholdRange
from canary.errors import CanaryError

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_BOUND = "╌"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A metric, the values it had, and where they must lie."""

    name: str
    unit: str
    bound: ThresholdRange
    points: tuple[tuple[datetime, float], ...]


def draw(metric: Drawn, *, width: int = 72, height: int = 8) -> list[str]:
    """Draw columns of values, the latest at the right, with the bounds as dashed lines."""
    if not metric.points:
        return [f"{metric.name}: no values"]
    columns = _columns([value for _, value in metric.points], width)
    bounds = [each for each in (metric.bound.min, metric.bound.max) if each is not None]
    low, high = min(*columns, *bounds, 0.0), max(*columns, *bounds)
    span = (high - low) or 1.0
    dashed = {round((each - low) / span * (height - 1)) for each in bounds}
    lines = [f"{metric.name}{f' ({metric.unit})' if metric.unit else ''}: {metric.bound.text}"]
    for row in reversed(range(height)):
        cells = (_cell((value - low) / span * height - row) for value in columns)
        text = "".join(_BOUND if cell == " " and row in dashed else cell for cell in cells)
        label = f"{low + span * row / max(height - 1, 1):>10.4g}"
        lines.append(f"{label} ┤{text}")
    first, last = metric.points[0][0], metric.points[-1][0]
    lines.append(f"{'':>10} └ {first:%H:%M:%S} … {last:%H:%M:%S}")
    return lines


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
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise CanaryError(
            "--png: matplotlib is not installed; install it with: pip install 'tidegate[charts]'"
        ) from error
    figure = Figure(figsize=(10, 3 * max(len(metrics), 1)), layout="constrained")
    figure.suptitle(title)
    panels = figure.subplots(max(len(metrics), 1), 1, squeeze=False)
    for panel, metric in zip(panels[:, 0], metrics, strict=False):
        panel.plot([moment for moment, _ in metric.points], [value for _, value in metric.points])
        for bound in (metric.bound.min, metric.bound.max):
            if bound is not None:
                panel.axhline(bound, color="tab:red", linestyle="--")
        panel.set_title(f"{metric.name}: {metric.bound.text}", loc="left", fontsize="medium")
        panel.set_ylabel(metric.unit)
        panel.grid(visible=True, alpha=0.3)
    figure.savefig(path)
