"""A cluster that attacks are tried in, and a receiver that must not, or may, be reached."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.controller.running import World
from tests.receiver import Receiver, receiving


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as world:
        yield world


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as server:
        yield server
