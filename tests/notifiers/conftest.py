"""A receiver to write to, and the cases of every notifier."""

from collections.abc import AsyncIterator

import pytest

from tests.receiver import Receiver, receiving


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as server:
        yield server
