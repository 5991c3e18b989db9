"""The programs that tests of a real control plane run."""

import os
from pathlib import Path

import pytest

from tests.testbed.build import found_programs, provide_programs
from tests.testbed.control_plane import NAMES


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
