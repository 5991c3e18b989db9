"""Showing something as it changes, until its run has ended or Ctrl-C."""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from canary.cli.documents import as_json
from canary.cli.screen import Screen
from canary.errors import Unreachable
from canary.views.blocks import Block, Styled

_LOOK_SECONDS = 1.0
_ENDINGS = (signal.SIGTERM, signal.SIGHUP)
_SIGNALLED = 128
"""What a shell adds to the number of the signal that has ended a command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Glimpse:
    """What a look at something has seen."""

    whole: Block
    """What a terminal shows."""
    lines: Block
    """What is printed elsewhere, each line once."""
    document: dict[str, Any]
    running: bool
    """Whether a run is under way."""


Look = Callable[[], Awaitable[Glimpse]]


async def watch(look: Look) -> None:
    """Show what a look sees, and again whenever that has changed, until its run has ended.

    Ctrl-C is a good end as well. An API server that does not answer is asked again, once it has
    answered at all. SIGTERM and SIGHUP end it too, with the code of the signal, and the terminal is
    left as it was.
    """
    first, screen = await look(), Screen()
    with until_interrupted(), screen.painting() as paint:
        async for seen, trouble in _until_its_end(look, first):
            block = seen.whole if screen.repaints else seen.lines
            paint((*block, (Styled(f"{trouble}; retrying", "yellow"),)) if trouble else block)


async def watch_documents(look: Look) -> None:
    """Print what a look sees as a document on a line, and again whenever that has changed."""
    first, printed = await look(), ""
    with until_interrupted():
        async for seen, trouble in _until_its_end(look, first):
            (line,) = as_json(seen.document)
            if trouble:
                Screen.aside().line(f"{trouble}; retrying")
            elif line != printed:
                Screen().line(line)
                printed = line


async def _until_its_end(look: Look, seen: Glimpse) -> AsyncIterator[tuple[Glimpse, str]]:
    """Look until a run that was seen has ended; give why a sight is an old one, too."""
    yield seen, ""
    began = seen.running
    while seen.running or not began:
        await asyncio.sleep(_LOOK_SECONDS)
        try:
            seen = await look()
        except Unreachable as error:
            yield seen, error.reason
        else:
            yield seen, ""
        began = began or seen.running


@contextmanager
def until_interrupted() -> Iterator[None]:
    """Do something without an end: Ctrl-C is its good one, SIGTERM and SIGHUP have their codes."""
    ended: list[signal.Signals] = []
    try:
        with _cancelled_by_signals(ended):
            yield
    except asyncio.CancelledError:
        # asyncio has cancelled the command because of Ctrl-C, where it was no other signal.
        if ended:
            raise SystemExit(_SIGNALLED + ended[0]) from None


@contextmanager
def _cancelled_by_signals(ended: list[signal.Signals]) -> Iterator[None]:
    """Have signals that would end the process at once cancel the command, and note which came."""
    loop, command = asyncio.get_running_loop(), asyncio.current_task()
    assert command is not None

    def end(received: signal.Signals) -> None:
        ended.append(received)
        command.cancel()

    # Only the main thread receives signals; the command may run in another one.
    endings = _ENDINGS if threading.current_thread() is threading.main_thread() else ()
    for each in endings:
        loop.add_signal_handler(each, end, each)
    try:
        yield
    finally:
        for each in endings:
            loop.remove_signal_handler(each)
