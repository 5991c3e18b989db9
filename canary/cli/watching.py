"""Showing something until Ctrl-C, as it changes."""

import asyncio
from collections.abc import Awaitable, Callable

from canary.cli.screen import Screen
from canary.errors import Unreachable
from canary.views.blocks import Block, Styled

_LOOK_SECONDS = 1.0


async def watch(look: Callable[[], Awaitable[Block]]) -> None:
    """Show what a look sees, and again whenever that has changed; Ctrl-C is its good end.

    An API server that does not answer is asked again, once it has answered at all.
    """
    seen = await look()
    try:
        with Screen().painting() as paint:
            paint(seen)
            while True:
                await asyncio.sleep(_LOOK_SECONDS)
                try:
                    seen = await look()
                except Unreachable as error:
                    paint((*seen, (Styled(f"{error.reason}; retrying", "yellow"),)))
                else:
                    paint(seen)
    except asyncio.CancelledError:
        # asyncio has cancelled the command because of Ctrl-C.
        return
