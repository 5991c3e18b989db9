"""The Gateway API: TCPRoutes."""

from tests.case import RouterCase
from tests.routers.published import GATEWAY_API
from tests.routers.vocabulary import METADATA

CASE = RouterCase(
    needed={"gatewayRefs": [{"name": "public", "namespace": "ingress"}]},
    canaries=(
        {"service": {**METADATA, "gatewayRefs": [{"name": "public", "sectionName": "tcp"}]}},
    ),
    foreign={
        "TCPRoute": {
            "rules": [{"backendRefs": [{"name": "podinfo", "port": 80}]}],
        }
    },
    published=((GATEWAY_API, "config/crd/standard/gateway.networking.k8s.io_tcproutes.yaml"),),
)
