"""What the replicas run against: the embedded world."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.controller.running import World
from tests.hard.replicas import Stage


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as world:
        yield world


@pytest.fixture
def stage(world: World) -> Stage:
    return Stage(
        api=world.api,
        kubeconfig=world.kubeconfig,
        directory=world.directory,
        audit=lambda: world.server.audit,
    )
