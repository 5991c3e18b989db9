"""What repeats the demonstration's picture, or its lines where there is no terminal."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from rich.console import Console
from rich.live import Live

from canary.demo.journal import lines
from canary.demo.picture import render
from canary.demo.snapshot import DemoSnapshot
from tidegate_embedded.opening import Opened, end_task

_REFRESH_SECONDS = 0.2

Source = Callable[[], Awaitable[DemoSnapshot | None]]
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
        self._last: DemoSnapshot | None = None

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
