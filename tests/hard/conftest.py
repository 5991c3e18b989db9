"""The worlds that hard tests run in: the embedded one, or with `--world control-plane` a real one.

The tests of a session share the real one, each in a namespace of its own.
"""

from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from tests.conftest import CONTROL_PLANE, world_of
from tests.hard.plane import PlaneWorld, SharedPlane, a_shared_plane
from tests.hard.worlds import EmbeddedHardWorld, HardWorld


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out on the real control plane what the embedded world has to show alone."""
    if world_of(config) == CONTROL_PLANE:
        alone = [item for item in items if item.get_closest_marker("embedded")]
        config.hook.pytest_deselected(items=alone)
        items[:] = [item for item in items if item not in alone]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_plane(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[SharedPlane | None]:
    """Start what all tests on a real control plane share."""
    if world_of(pytestconfig) != CONTROL_PLANE:
        yield None
        return
    async with a_shared_plane(tmp_path_factory.mktemp("plane")) as shared:
        yield shared


@pytest.fixture
def new_world(shared_plane: SharedPlane | None) -> Callable[[Path], HardWorld]:
    """Make a world that keeps its files in a folder."""
    return EmbeddedHardWorld if shared_plane is None else partial(PlaneWorld, shared_plane)


@pytest_asyncio.fixture(loop_scope="session")
async def world(new_world: Callable[[Path], HardWorld], tmp_path: Path) -> AsyncIterator[HardWorld]:
    async with new_world(tmp_path) as world:
        yield world
