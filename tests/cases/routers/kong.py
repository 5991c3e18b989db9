"""Kong: the HTTPRoutes of the Gateway API."""

from tests.case import RouterCase
from tests.routers.published import GATEWAY_API
from tests.routers.vocabulary import HEADERS, MATCH, METADATA

CASE = RouterCase(
    needed={"gatewayRefs": [{"name": "kong", "namespace": "kong"}]},
    canaries=(
        {
            "service": {**METADATA, "match": MATCH, "headers": HEADERS, "backendTimeout": "5s"},
            "analysis": {"match": [{"headers": {"x-c": {"exact": "1"}}}]},
        },
    ),
    foreign={"HTTPRoute": {"rules": [{"backendRefs": [{"name": "podinfo", "port": 80}]}]}},
    published=((GATEWAY_API, "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml"),),
)
