"""The real control plane that a session of tests shares."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.testbed.build import found_programs, provide_programs
from tests.testbed.control_plane import NAMES, ControlPlane
from tests.testbed.users import DASHBOARD, PEOPLE, TIDEGATE


def programs(*names: str) -> dict[str, Path]:
    """Find programs, or the control plane's, where they are built; `TIDEGATE_CONTROL_PLANE=1` builds
    them.
    """
    wanted = os.environ.get("TIDEGATE_CONTROL_PLANE") == "1"
    asked = names or NAMES
    found = provide_programs(asked) if wanted else found_programs(asked)
    if found is None:
        pytest.skip("no control plane is built: make control-plane")
    return found


@pytest.fixture(scope="session")
def promtool() -> Path:
    """Find what tests rules as Prometheus evaluates them."""
    return programs("promtool")["promtool"]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def control_plane(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ControlPlane]:
    """Start one."""
    logs = tmp_path_factory.mktemp("control-plane")
    async with ControlPlane(programs(), logs=logs, users=(TIDEGATE, DASHBOARD, *PEOPLE)) as plane:
        yield plane
