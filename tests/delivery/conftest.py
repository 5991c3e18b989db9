"""The real control plane, for what is installed on one."""

from tests.testbed.conftest import control_plane

__all__ = ["control_plane"]
