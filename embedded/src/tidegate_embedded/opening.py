"""What is opened by `async with`, step by step: a step that fails gives back what those before took.

What is opened, and in which order, belongs to its owner.
"""

import asyncio
from abc import ABC, abstractmethod
from contextlib import AsyncExitStack
from typing import Self


class Opened(ABC):
    """Something with parts that are taken one after the other, and given back the other way."""

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as context:
            await self._open(context)
            self._context = context.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._context.aclose()

    @abstractmethod
    async def _open(self, context: AsyncExitStack) -> None:
        """Take each part, and leave in the context how it is given back."""


async def end_task(task: asyncio.Task[None]) -> None:
    """End a task that never ends by itself; raise what it failed with."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled() and (error := task.exception()) is not None:
        raise error
