"""The Service Mesh Interface: TrafficSplits."""

from tests.case import RouterCase
from tests.routers.published import SMI
from tests.routers.vocabulary import METADATA

CASE = RouterCase(
    canaries=({"service": {**METADATA, "hosts": ["app.example.com"]}},),
    foreign={
        "TrafficSplit": {"service": "podinfo", "backends": [{"service": "podinfo", "weight": 1}]}
    },
    published=((SMI, "crds/split.yaml"),),
)
