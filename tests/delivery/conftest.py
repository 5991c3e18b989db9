"""The real control plane, for what is installed on one."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.testbed.conftest import programs
from tests.testbed.control_plane import ControlPlane
from tests.testbed.istiod import install_crds


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def control_plane(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ControlPlane]:
    """Start one with Istio's kinds, on which pods are ready as soon as they have a node."""
    logs = tmp_path_factory.mktemp("control-plane")
    async with ControlPlane(programs(), logs=logs, pods="reported") as plane:
        async with plane.client() as client:
            await install_crds(client)
        yield plane
