"""Kuma: MeshHTTPRoutes."""

from tests.case import RouterCase
from tests.routers.published import OURS
from tests.routers.vocabulary import MATCH, METADATA

CASE = RouterCase(
    canaries=(
        {
            "service": {**METADATA, "match": MATCH},
            "analysis": {
                "match": [{"headers": {"x-c": {"exact": "1"}}}],
                "mirror": True,
                "mirrorWeight": 10,
            },
        },
    ),
    foreign={"MeshHTTPRoute": {"targetRef": {"kind": "Mesh"}, "to": []}},
    published=((OURS, "kuma.io_meshhttproutes.yaml"),),
)
