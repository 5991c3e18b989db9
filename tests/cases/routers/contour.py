"""Contour: HTTPProxies."""

from tests.case import RouterCase
from tests.routers.published import CONTOUR
from tests.routers.vocabulary import MATCH, METADATA

CASE = RouterCase(
    canaries=(
        {
            "service": {
                **METADATA,
                "match": MATCH,
                "timeout": "1m30s",
                "retries": {
                    "attempts": 3,
                    "perTryTimeout": "500ms",
                    "retryOn": "gateway-error, connect-failure,503",
                },
            }
        },
        {
            "service": {"retries": {"retryOn": "503,retriable-status-codes"}, "match": MATCH},
            "analysis": {"match": [{"headers": {"x-c": {"exact": "1"}}}]},
        },
        {
            "service": {"timeout": "0s", "retries": {"attempts": 0}},
            "analysis": {
                "mirror": True,
                "mirrorWeight": 10,
                "match": [{"uri": {"suffix": ".css"}}, {"headers": {"x-c": {"prefix": "a"}}}],
            },
        },
    ),
    foreign={
        "HTTPProxy": {
            "routes": [{"conditions": [{"prefix": "/"}], "services": [{"name": "old", "port": 80}]}]
        }
    },
    published=((CONTOUR, "examples/contour/01-crds.yaml"),),
)
