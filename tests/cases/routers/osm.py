"""Open Service Mesh: the TrafficSplits of the Service Mesh Interface."""

from tests.cases.routers.smi import CASE

__all__ = ["CASE"]
