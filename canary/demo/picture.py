"""The picture of the demonstration: the status as `tidegate status` prints it, traffic and events."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from canary.cli.screen import Drawing
from canary.controller.logs import printable
from canary.demo.snapshot import DemoSnapshot, Happening
from canary.views.moments import moment
from canary.views.status import status_view
from tidegate_embedded.outcomes import LoadStats

_BAR_WIDTHS = 10, 60
_FRAME_LINES = 4
"""The frame, the empty line above the events, and the line that the cursor stays on."""
_STEP_STYLE = "bold yellow"
_PRIMARY_STYLE, _CANARY_STYLE = "blue", "yellow"


def render(snapshot: DemoSnapshot) -> RenderableType:
    """Draw a snapshot."""
    return Panel(_Picture(snapshot), title="tidegate status", title_align="left", padding=(0, 1))


@dataclass(frozen=True, slots=True)
class _Picture:
    """A snapshot as large as the terminal is: the oldest events make room."""

    snapshot: DemoSnapshot

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        parts = Group(*_parts(self.snapshot))
        yield parts
        room = console.height - _FRAME_LINES - len(console.render_lines(parts, options))
        shown: list[RenderableType] = []
        for happening in reversed(self.snapshot.events):
            event = _event(happening, self.snapshot.now)
            room -= len(console.render_lines(event, options))
            if room < 0 and shown:
                break
            shown.insert(0, event)
        yield Group(*(Text(), *shown) if shown else ())


def _parts(snapshot: DemoSnapshot) -> Iterator[RenderableType]:
    name = f"{snapshot.namespace}/{snapshot.name}"
    # The events say what happened before.
    yield Drawing(status_view(name, snapshot.status, snapshot.now).present)
    yield Text()
    yield _weights(snapshot)
    if snapshot.plan:
        yield _plan(snapshot)
    if snapshot.load is not None:
        yield _load(snapshot.load)


def _weights(snapshot: DemoSnapshot) -> Table:
    """Compare the canary's weight that is asked for with the one that is measured."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column()
    table.add_column(no_wrap=True)
    rows: list[tuple[str, float | None]] = [("asked for", float(snapshot.status.canary_weight))]
    if snapshot.load is not None:
        rows.append(("measured", snapshot.load.window.canary_share))
    for name, share in rows:
        if share is None:
            table.add_row(name, Text("no requests yet", "dim"), "")
            continue
        shown = f"primary {100 - share:3.0f} %   canary {share:3.0f} %"
        table.add_row(name, _Bar(share), shown)
    return table


@dataclass(frozen=True, slots=True)
class _Bar:
    """Both sides, as wide as there is room; a side that gets anything gets at least one cell."""

    canary: float
    """Its share in percent."""

    def __rich_measure__(self, _: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(*_BAR_WIDTHS).clamp(max_width=options.max_width)

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        cells = round(width * self.canary / 100)
        if 0 < self.canary < 100:
            cells = min(max(cells, 1), width - 1)
        yield Text.assemble(("█" * (width - cells), _PRIMARY_STYLE), ("▒" * cells, _CANARY_STYLE))


def _plan(snapshot: DemoSnapshot) -> Text:
    """Show the steps of a run: those behind, the one it is at, and those ahead."""
    weight = snapshot.status.canary_weight
    text = Text("steps      ")
    for index, step in enumerate((*snapshot.plan, None)):
        if index:
            text.append(" → ", "dim")
        if step is None:
            text.append("promote", "dim")
        elif step == weight:
            text.append(f"[{step}]", _STEP_STYLE)
        else:
            text.append(str(step), "green" if step < weight else "dim")
    return text


def _load(load: LoadStats) -> Text:
    """Tell what came of all requests, in sum and by the side that got them."""
    text = Text(f"requests   {load.requests}")
    text.append(f"   failed {load.failed}", "red" if load.failed else "dim")
    text.append(f"   unanswered by any pod {load.lost}", "red" if load.lost else "dim")
    text.append(f"   {load.window.rate:.0f}/s", "dim")
    if load.window.p99_ms is not None:
        text.append(f"   p99 {load.window.p99_ms:.0f} ms", "dim")
    if load.requests:
        text.append(f"\nby side    {'   '.join(_sides(load))}", "dim")
    return text


def _sides(load: LoadStats) -> Iterator[str]:
    """Tell how many requests each side got, and how many of them failed; the sum is all.

    Neither side gets those that come before traffic is split, or that find no pod.
    """
    counts, failures = Counter[str](), Counter[str]()
    for side in ("primary", "canary"):
        for cluster in (each for each in load.by_cluster if f"-{side}." in each):
            counts[side] += load.by_cluster[cluster]
            failures[side] += load.failed_by_cluster.get(cluster, 0)
    counts["neither"] = load.requests - counts.total()
    failures["neither"] = load.failed - failures.total()
    for side, count in counts.items():
        if count:
            yield f"{side} {count}{f' ({failures[side]} failed)' if failures[side] else ''}"


def _event(event: Happening, now: datetime) -> Text:
    return Text.assemble(
        (f"{moment(event.at, now)}  ", "dim"),
        (f"{printable(event.reason)}  ", "yellow" if event.warning else "cyan"),
        printable(event.message),
    )
