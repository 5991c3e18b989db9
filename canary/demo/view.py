"""The live view of a Canary in the terminal, and plain lines where there is no terminal.

`render` and `lines` are pure; `View` is what repeats them. What is shown is put together in
`snapshot.py`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import AsyncExitStack
from datetime import datetime

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from canary.api.status import MetricStatus, Phase
from canary.controller.logs import printable
from canary.demo.opening import Opened, end_task
from canary.demo.snapshot import Happening, Snapshot

_BAR_WIDTH = 30
_REFRESH_SECONDS = 0.2
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


def render(snapshot: Snapshot) -> RenderableType:
    """Draw a snapshot."""
    parts: list[RenderableType] = [_heading(snapshot), Text(), _weights(snapshot)]
    if snapshot.plan:
        parts += [Text(), _plan(snapshot)]
    parts += [Text(), _checks(snapshot), Text(), _waiting(snapshot)]
    if snapshot.load is not None:
        parts += [Text(), _load(snapshot)]
    if snapshot.events:
        parts += [Text(), *(_event(each) for each in snapshot.events)]
    title = f"Canary {snapshot.namespace}/{snapshot.name}"
    return Panel(Group(*parts), title=title, title_align="left", padding=(0, 1))


def _heading(snapshot: Snapshot) -> Text:
    status = snapshot.status
    phase = status.phase or "New"
    text = Text.assemble((printable(str(phase)), _PHASE_STYLES.get(status.phase, _RUNNING_STYLE)))
    if snapshot.router:
        text.append(f"   router {snapshot.router}", "dim")
    if status.last_applied_spec:
        text.append(f"   revision {printable(status.last_applied_spec)}", "dim")
    if snapshot.threshold:
        style = "red" if status.failed_checks else "dim"
        text.append(f"   failed checks {status.failed_checks} of {snapshot.threshold}", style)
    return text


def _weights(snapshot: Snapshot) -> Table:
    """Compare the canary's weight that is asked for with the one that is measured."""
    table = Table.grid(padding=(0, 2))
    rows: list[tuple[str, float | None, str]] = [
        ("asked for", float(snapshot.status.canary_weight), "")
    ]
    if snapshot.load is not None:
        window = snapshot.load.window
        rows.append(("measured", window.canary_share, f"{window.rate:.0f} requests/s"))
    for name, share, note in rows:
        if share is None:
            table.add_row(name, Text("no requests yet", "dim"), "", Text(note, "dim"))
            continue
        shown = f"primary {100 - share:3.0f} %   canary {share:3.0f} %"
        table.add_row(name, _bar(share), shown, Text(note, "dim"))
    return table


def _bar(canary: float) -> Text:
    """Draw both sides; a side that gets anything gets at least one cell."""
    cells = round(_BAR_WIDTH * canary / 100)
    if 0 < canary < 100:
        cells = min(max(cells, 1), _BAR_WIDTH - 1)
    return Text.assemble(("█" * (_BAR_WIDTH - cells), _PRIMARY_STYLE), ("▒" * cells, _CANARY_STYLE))


def _plan(snapshot: Snapshot) -> Text:
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


def _checks(snapshot: Snapshot) -> RenderableType:
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


def _waiting(snapshot: Snapshot) -> Text:
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


def _load(snapshot: Snapshot) -> Text:
    load = snapshot.load
    assert load is not None
    text = Text(f"requests   {load.requests}")
    text.append(f"   failed {load.failed}", "red" if load.failed else "dim")
    text.append(f"   unanswered by any pod {load.lost}", "red" if load.lost else "dim")
    if load.window.p99_ms is not None:
        text.append(f"   p99 {load.window.p99_ms:.0f} ms", "dim")
    counted = [
        f"{side} {counters.total} ({counters.failed} failed)"
        for side, counters in (("primary", snapshot.primary), ("canary", snapshot.canary))
        if counters is not None
    ]
    if counted:
        text.append(f"\nin Envoy   {', '.join(counted)}", "dim")
    return text


def _event(event: Happening) -> Text:
    style = "yellow" if event.warning else ""
    return Text.assemble(
        (f"{_clock(event.at)}  ", "dim"),
        (f"{printable(event.reason)}  ", style or "cyan"),
        printable(event.message),
    )


# ----------------------------------------------------------------------------------- plain lines


def lines(before: Snapshot | None, after: Snapshot) -> Iterable[str]:
    """Tell what has changed between two snapshots, one change a line."""
    clock = _clock(after.now)
    return [
        f"{clock}  {after.namespace}/{after.name}  {printable(each)}"
        for each in _changes(before, after)
    ]


def _changes(before: Snapshot | None, after: Snapshot) -> Iterator[str]:
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


def _measured(snapshot: Snapshot) -> str:
    share = snapshot.load.window.canary_share if snapshot.load else None
    return "" if share is None else f", measured share of the canary {share:.0f} %"


def _value(metric: MetricStatus) -> str:
    return "no value" if metric.value is None else f"{metric.value:.4g}"


def _since(snapshot: Snapshot, moment: datetime) -> str:
    return f"{max(0, round((snapshot.now - moment).total_seconds()))} s"


def _clock(moment: datetime) -> str:
    return f"{moment:%H:%M:%S}"


# ------------------------------------------------------------------------------------- the view

Source = Callable[[], Awaitable[Snapshot | None]]
"""Takes a snapshot; None while there is nothing to show."""


class View(Opened):
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
        self._last: Snapshot | None = None

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
