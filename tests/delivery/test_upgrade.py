"""Another release of the controller takes over on a real control plane: the embedded world's tests.

Real here are the fields that an API server adds to a target, and what its own controllers write.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from canary.api.schema import crds
from canary.cluster.cluster import Cluster
from canary.demo.embedded import CRD
from tests.controller.running import AnyWorld
from tests.controller.test_upgrade import (
    test_a_run_goes_on_where_it_was_and_is_promoted,
    test_going_back_to_the_older_release_starts_no_run_either,
    test_no_run_starts_though_the_target_has_moved_and_the_next_release_runs,
)
from tests.delivery.apps import connected
from tests.delivery.role import granted
from tests.hard.plane import PlaneWorld, SharedPlane
from tests.testbed.control_plane import ControlPlane
from tests.testbed.world import install

__all__ = [
    "test_a_run_goes_on_where_it_was_and_is_promoted",
    "test_going_back_to_the_older_release_starts_no_run_either",
    "test_no_run_starts_though_the_target_has_moved_and_the_next_release_runs",
]
pytestmark = pytest.mark.control_plane


async def install_what_is_missing(api: Cluster) -> None:
    """Install the CRDs where no release has brought them yet."""
    there = {each["metadata"]["name"] async for page, _ in api.pages(CRD, "") for each in page}
    await install(api, [each for each in crds().values() if each["metadata"]["name"] not in there])


@pytest.fixture
async def world(control_plane: ControlPlane, tmp_path: Path) -> AsyncIterator[AnyWorld]:
    async with connected(control_plane) as api:
        await install_what_is_missing(api)
    account = await granted(control_plane, tmp_path, release="tidegate-upgraded")
    shared = SharedPlane(plane=control_plane, controller_kubeconfig=account)
    async with PlaneWorld(shared, tmp_path) as world:
        yield world
