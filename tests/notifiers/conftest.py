"""A receiver to write to, and the cases of every notifier."""

from collections.abc import AsyncIterator

import pytest

from tests.receiver import Receiver, receiving


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as server:
        yield server


@pytest.fixture(scope="session")
def update_golden(request: pytest.FixtureRequest) -> bool:
    # pytest knows the option only where the directory that defines it is on the command line.
    return bool(request.config.getoption("--update-golden", default=False))
