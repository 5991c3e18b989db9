"""Drawing how simulated releases end: which share had been rolled back by when, as a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from canary.cli.chart import name_panel, panels_of
from canary.simulation.summary import Ends

_MINUTE = 60.0
_PERCENT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class EndsPanel:
    """The releases of one Canary, by what was released or by which gate judged it."""

    title: str
    ends: tuple[Ends, ...]
    horizon: timedelta


def save_ends_png(drawn: Sequence[EndsPanel], path: Path, title: str) -> None:
    """Save one picture with a panel for each Canary.

    Raises:
        CanaryError: matplotlib is not installed.
    """
    figure, panels = panels_of(len(drawn), title)
    for panel, each in zip(panels, drawn, strict=True):
        horizon = each.horizon.total_seconds()
        for ends in each.ends:
            steps = (*ends.shares(ends.rolled_back), (horizon, len(ends.rolled_back) / ends.of))
            (line,) = panel.step(
                [seconds / _MINUTE for seconds, _ in steps],
                [share * _PERCENT for _, share in steps],
                where="post",
            )
            line.set_label(ends.label)
        panel.set_xlim(0, horizon / _MINUTE)
        panel.set_ylim(-2, _PERCENT + 2)
        panel.set_xlabel("minutes")
        name_panel(panel, each.title, "rolled back, %")
        panel.legend(loc="center right", fontsize="small")
    figure.savefig(path)
