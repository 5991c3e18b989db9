"""Showing something until Ctrl-C, as it changes."""

import asyncio
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from canary.cli.screen import Screen
from canary.errors import Unreachable
from canary.views.blocks import Block, Styled

_LOOK_SECONDS = 1.0
_ENDINGS = (signal.SIGTERM, signal.SIGHUP)
_SIGNALLED = 128
"""What a shell adds to the number of the signal that has ended a command."""


async def watch(look: Callable[[], Awaitable[Block]]) -> None:
    """Show what a look sees, and again whenever that has changed; Ctrl-C is its good end.

    An API server that does not answer is asked again, once it has answered at all. SIGTERM and
    SIGHUP end it as well, with the code of the signal, and the terminal is left as it was.
    """
    seen = await look()
    with until_interrupted(), Screen().painting() as paint:
        paint(seen)
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                seen = await look()
            except Unreachable as error:
                paint((*seen, (Styled(f"{error.reason}; retrying", "yellow"),)))
            else:
                paint(seen)


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
