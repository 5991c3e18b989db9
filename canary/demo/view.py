"""The live view of a Canary in the terminal, and plain lines where there is no terminal.

`render` and `lines` are pure; `LiveView` is what repeats them. What is shown is put together in
`snapshot.py`.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.measure import Measurement
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from canary.api.status import MetricStatus, Phase
from canary.controller.logs import printable
from canary.demo.snapshot import CanaryView, Happening
from tidegate_embedded.load import LoadStats
from tidegate_embedded.opening import Opened, end_task

_BAR_WIDTHS = 10, 60
_REFRESH_SECONDS = 0.2
_FRAME_LINES = 4
"""The frame, the empty line above the events, and the line that the cursor stays on."""
_MARKS = {"pass": ("✔", "green"), "fail": ("✘", "red"), "inconclusive": ("?", "yellow")}
_PHASE_STYLES = {
    Phase.SUCCEEDED: "bold green",
    Phase.INITIALIZED: "bold green",
    Phase.FAILED: "bold red",
    Phase.PROMOTING: "bold cyan",
    Phase.FINALISING: "bold cyan",
}
_RUNNING_STYLE = "bold yellow"
_PRIMARY_STYLE, _CANARY_STYLE = "blue", "yellow"


# ----------------------------------------------------------------------------------- the picture


def render(snapshot: CanaryView) -> RenderableType:
    """Draw a snapshot."""
    title = f"Canary {snapshot.namespace}/{snapshot.name}"
    return Panel(_Picture(snapshot), title=title, title_align="left", padding=(0, 1))


@dataclass(frozen=True, slots=True)
class _Picture:
    """A snapshot as large as the terminal is: the oldest events make room."""

    snapshot: CanaryView

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        parts = Group(*_parts(self.snapshot))
        yield parts
        room = console.height - _FRAME_LINES - len(console.render_lines(parts, options))
        shown: list[RenderableType] = []
        for event in map(_event, reversed(self.snapshot.events)):
            room -= len(console.render_lines(event, options))
            if room < 0 and shown:
                break
            shown.insert(0, event)
        yield Group(*(Text(), *shown) if shown else ())


def _parts(snapshot: CanaryView) -> Iterator[RenderableType]:
    yield _heading(snapshot)
    yield Text()
    yield _weights(snapshot)
    if snapshot.plan:
        yield _plan(snapshot)
    if snapshot.load is not None:
        yield _load(snapshot.load)
    yield Text()
    yield _checks(snapshot)
    yield Text()
    yield _waiting(snapshot)


def _heading(snapshot: CanaryView) -> Text:
    status = snapshot.status
    phase = status.phase or "New"
    text = Text.assemble((printable(str(phase)), _PHASE_STYLES.get(status.phase, _RUNNING_STYLE)))
    if snapshot.threshold:
        style = "red" if status.failed_checks else "dim"
        text.append(f"   failed checks {status.failed_checks} of {snapshot.threshold}", style)
    if status.last_applied_spec:
        text.append(f"   revision {printable(status.last_applied_spec)}", "dim")
    if snapshot.router:
        text.append(f"   router {printable(snapshot.router)}", "dim")
    # One line: what does not fit is known from the Canary.
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def _weights(snapshot: CanaryView) -> Table:
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


def _plan(snapshot: CanaryView) -> Text:
    """Show the steps of a run: those behind, the one it is at, and those ahead."""
    weight = snapshot.status.canary_weight
    text = Text("steps      ")
    for index, step in enumerate((*snapshot.plan, None)):
        if index:
            text.append(" → ", "dim")
        if step is None:
            text.append("promote", "dim")
        elif step == weight:
            text.append(f"[{step}]", _RUNNING_STYLE)
        else:
            text.append(str(step), "green" if step < weight else "dim")
    return text


def _checks(snapshot: CanaryView) -> RenderableType:
    if not snapshot.status.metrics:
        return Text("no checks yet", "dim")
    table = Table.grid(padding=(0, 2))
    for metric in snapshot.status.metrics:
        mark, style = _MARKS.get(metric.verdict, ("·", "dim"))
        table.add_row(
            Text(mark, style),
            Text(printable(metric.name)),
            Text(_value(metric), style),
            Text(printable(metric.bound), "dim"),
            Text(printable(metric.verdict), style),
            Text(printable(metric.message) if metric.verdict != "pass" else "", "dim"),
        )
    return table


def _waiting(snapshot: CanaryView) -> Text:
    status = snapshot.status
    if status.paused is not None:
        return Text.assemble(
            ("paused ", _RUNNING_STYLE),
            f"by {printable(status.paused.by) or 'somebody'} for {_since(snapshot, status.paused.since)}",
        )
    wait = status.waiting_for
    if wait is None:
        return Text("waiting for nothing", "dim")
    text = Text.assemble(
        "waiting for ",
        (printable(wait.reason), _RUNNING_STYLE),
        f" for {_since(snapshot, wait.since)}",
    )
    if wait.deadline is not None:
        left = max(0, round((wait.deadline - snapshot.now).total_seconds()))
        text.append(f", at most {left} s more")
    if wait.message:
        text.append(f": {printable(wait.message)}", "dim")
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


def _event(event: Happening) -> Text:
    style = "yellow" if event.warning else ""
    return Text.assemble(
        (f"{_clock(event.at)}  ", "dim"),
        (f"{printable(event.reason)}  ", style or "cyan"),
        printable(event.message),
    )


# ----------------------------------------------------------------------------------- plain lines


def lines(before: CanaryView | None, after: CanaryView) -> Iterable[str]:
    """Tell what has changed between two snapshots, one change a line."""
    clock = _clock(after.now)
    return [
        f"{clock}  {after.namespace}/{after.name}  {printable(each)}"
        for each in _changes(before, after)
    ]


def _changes(before: CanaryView | None, after: CanaryView) -> Iterator[str]:
    old, new = before.status if before else None, after.status
    if old is None or old.phase != new.phase:
        yield f"phase {new.phase or 'New'}"
    if old is None or old.canary_weight != new.canary_weight:
        step = f" (step {new.step} of {new.steps})" if new.step else ""
        yield f"weights primary {100 - new.canary_weight} canary {new.canary_weight}{step}"
    judged = {metric.name: metric.at for metric in old.metrics} if old else {}
    for metric in new.metrics:
        if metric.name not in judged or metric.at != judged[metric.name]:
            yield f"check {_check(metric)}{_measured(after)}"
    if old is not None and new.failed_checks > old.failed_checks:
        yield f"failed checks {new.failed_checks} of {after.threshold}"
    wait = new.waiting_for
    if wait is not None and (old is None or _reason(old.waiting_for) != wait.reason):
        yield f"waiting for {wait.reason}{f': {wait.message}' if wait.message else ''}"
    known = {event.id for event in before.events} if before else set()
    for event in after.events:
        if event.id not in known:
            yield f"event {event.reason}: {event.message}"
    lost = before.load.lost if before and before.load else 0
    if after.load is not None and after.load.lost > lost:
        trouble = after.load.failures[-1].trouble if after.load.failures else "for no known reason"
        yield f"requests unanswered by any pod {after.load.lost}: {trouble}"


def _reason(wait: object) -> str:
    return getattr(wait, "reason", "")


def _check(metric: MetricStatus) -> str:
    bound = f" ({metric.bound})" if metric.bound else ""
    why = f": {metric.message}" if metric.message and metric.verdict != "pass" else ""
    return f"{metric.name} {_value(metric)}{bound} {metric.verdict}{why}"


def _measured(snapshot: CanaryView) -> str:
    share = snapshot.load.window.canary_share if snapshot.load else None
    return "" if share is None else f", measured share of the canary {share:.0f} %"


def _value(metric: MetricStatus) -> str:
    return "no value" if metric.value is None else f"{metric.value:.4g}"


def _since(snapshot: CanaryView, moment: datetime) -> str:
    return f"{max(0, round((snapshot.now - moment).total_seconds()))} s"


def _clock(moment: datetime) -> str:
    return f"{moment:%H:%M:%S}"


# ------------------------------------------------------------------------------------- the view

Source = Callable[[], Awaitable[CanaryView | None]]
"""Takes a snapshot; None while there is nothing to show."""


class LiveView(Opened):
    """Shows snapshots from a source while the context is open, the last one at its end too."""

    def __init__(
        self,
        source: Source,
        *,
        console: Console | None = None,
        refresh_seconds: float = _REFRESH_SECONDS,
    ) -> None:
        self._source = source
        self._console = console or Console()
        self._refresh_seconds = refresh_seconds
        self._live: Live | None = None
        self._last: CanaryView | None = None

    async def _open(self, context: AsyncExitStack) -> None:
        if self._console.is_terminal:
            live = Live(console=self._console, auto_refresh=False, transient=False)
            self._live = context.enter_context(live)
        await self._show()
        context.push_async_callback(self._show)
        task = asyncio.create_task(self._repeat(), name="view")
        context.push_async_callback(end_task, task)

    def say(self, text: str) -> None:
        """Print a line of the story, above the picture where there is one."""
        self._console.print(text)

    async def _repeat(self) -> None:
        while True:
            await asyncio.sleep(self._refresh_seconds)
            await self._show()

    async def _show(self) -> None:
        snapshot = await self._source()
        if snapshot is None:
            return
        if self._live is not None:
            self._live.update(render(snapshot), refresh=True)
        else:
            for line in lines(self._last, snapshot):
                self._console.print(line, markup=False, highlight=False, soft_wrap=True)
        self._last = snapshot
