"""The Gateway API: GRPCRoutes."""

from tests.case import RouterCase
from tests.routers.published import GATEWAY_API
from tests.routers.vocabulary import HEADERS, METADATA

CASE = RouterCase(
    needed={"gatewayRefs": [{"name": "public", "namespace": "ingress"}]},
    canaries=(
        {
            "service": {
                **METADATA,
                "hosts": ["grpc.example.com"],
                "match": [
                    {"uri": {"prefix": "/podinfo.EchoService/"}},
                    {
                        "name": "ping",
                        "uri": {"exact": "/podinfo.Status/Ping"},
                        "headers": {"x-b": {"exact": "1"}, "X-A": {"prefix": "beta"}},
                    },
                ],
                "headers": HEADERS,
                "mirror": [{"backendRef": {"name": "shadow", "port": 80}}],
            }
        },
        {
            "service": {"match": [{"uri": {"prefix": "/"}}]},
            "analysis": {
                "match": [{"headers": {"x-canary": {"exact": "1"}}}],
                "mirror": True,
                "mirrorWeight": 10,
            },
        },
    ),
    foreign={
        "GRPCRoute": {
            "hostnames": ["old.example.com"],
            "rules": [{"backendRefs": [{"name": "podinfo", "port": 80}]}],
        }
    },
    published=((GATEWAY_API, "config/crd/standard/gateway.networking.k8s.io_grpcroutes.yaml"),),
)
