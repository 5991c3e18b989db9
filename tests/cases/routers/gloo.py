"""Gloo: RouteTables."""

from tests.case import RouterCase
from tests.routers.published import OURS
from tests.routers.vocabulary import AFFINITY, MATCH, METADATA

CASE = RouterCase(
    canaries=(
        {
            "service": {
                **METADATA,
                "match": MATCH,
                "timeout": "1m0.5s",
                "retries": {"attempts": 3, "perTryTimeout": "500ms", "retryOn": "5xx"},
            },
            "analysis": {"match": [{"headers": {"x-c": {"exact": "1"}}}]},
        },
        {
            "service": {"retries": {}},
            "analysis": {"match": MATCH, "mirror": True, "mirrorWeight": 10},
        },
        {"analysis": {"sessionAffinity": AFFINITY}},
        {
            "service": {"match": [{"uri": {"prefix": "/a"}}, {"method": {"exact": "GET"}}]},
            "analysis": {
                "match": [{"headers": {"x-canary": {"exact": "1"}}}],
                "sessionAffinity": {"cookieName": "stick"},
            },
        },
    ),
    foreign={"RouteTable": {"routes": [{"matchers": [{"prefix": "/"}]}]}},
    published=((OURS, "gateway.solo.io_routetables.yaml"),),
)
