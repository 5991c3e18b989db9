"""The picture and the lines, repeated as things change."""

import asyncio
from io import StringIO

import pytest
from rich.console import Console

from canary.api.status import Phase
from canary.demo.live import LiveView
from canary.demo.snapshot import DemoSnapshot
from tests.demo.snapshots import a_snapshot, progressing


class TestLiveView:
    async def shown(self, *, terminal: bool) -> str:
        snapshots = [
            None,
            a_snapshot(),
            a_snapshot(progressing(phase=Phase.PROMOTING)),
            a_snapshot(progressing(phase=Phase.FINALISING)),
        ]
        asked, through = 0, asyncio.Event()

        async def source() -> DemoSnapshot | None:
            nonlocal asked
            asked += 1
            if asked >= len(snapshots):
                through.set()
            return snapshots[min(asked, len(snapshots)) - 1]

        output = StringIO()
        console = Console(file=output, force_terminal=terminal, color_system=None, width=100)
        async with LiveView(source, console=console, refresh_seconds=0.001):
            await asyncio.wait_for(through.wait(), 180)
        return output.getvalue()

    async def test_without_a_terminal_every_change_is_a_line(self):
        output = await self.shown(terminal=False)
        phases = [line.split()[-1] for line in output.splitlines() if "phase" in line]
        assert phases == ["Progressing", "Promoting", "Finalising"]
        assert "╭" not in output

    async def test_in_a_terminal_the_last_picture_stays(self):
        output = await self.shown(terminal=True)
        assert "Finalising" in output.rpartition("╭")[2]

    async def test_a_source_that_fails_is_not_hidden(self):
        failed = asyncio.Event()

        async def source() -> DemoSnapshot | None:
            if shown:
                failed.set()
                raise RuntimeError("no source")
            return None

        shown = False
        view = LiveView(source, console=Console(file=StringIO()), refresh_seconds=0.001)
        await view.__aenter__()
        shown = True
        await asyncio.wait_for(failed.wait(), 180)
        with pytest.raises(RuntimeError, match="no source"):
            await view.__aexit__(None, None, None)
