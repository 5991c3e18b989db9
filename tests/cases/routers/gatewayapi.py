"""The Gateway API: HTTPRoutes."""

from tests.case import RouterCase
from tests.routers.published import GATEWAY_API
from tests.routers.vocabulary import AFFINITY, CORS, HEADERS, MATCH, METADATA

CASE = RouterCase(
    needed={"gatewayRefs": [{"name": "public", "namespace": "ingress"}]},
    canaries=(
        {
            "service": {
                **METADATA,
                "gatewayRefs": [
                    {"name": "public", "namespace": "ingress", "sectionName": "https", "port": 443},
                    {"name": "podinfo", "group": "core", "kind": "Service", "port": 9898},
                ],
                "hosts": ["app.example.com", "*.example.org"],
                "match": MATCH,
                "rewrite": {"uri": "/", "authority": "inner"},
                "timeout": "1.5s",
                "backendTimeout": "500ms",
                "headers": HEADERS,
                "corsPolicy": {**CORS, "allowOrigins": [{"exact": "https://example.org"}]},
            }
        },
        {
            "service": {
                "match": [{"uri": {"prefix": "/api"}}],
                "rewrite": {"uri": "/", "type": "ReplacePrefixMatch"},
                "timeout": "0s",
                "backendTimeout": "10us",
                "corsPolicy": {"allowOrigin": ["*"]},
            }
        },
        {"service": {"hosts": ["*"], "rewrite": {}, "headers": {}}},
        {
            "service": {"match": MATCH},
            "analysis": {"match": [{"headers": {"x-c": {"exact": "1"}}}]},
        },
        {"analysis": {"match": [{"headers": {"x-canary": {"exact": "1"}}}]}},
        {
            "service": {
                "mirror": [
                    {"backendRef": {"name": "shadow", "port": 80}},
                    {
                        "backendRef": {
                            "name": "other",
                            "namespace": "logs",
                            "group": "core",
                            "port": 1,
                        }
                    },
                ]
            },
            "analysis": {"mirror": True},
        },
        {"service": {"headers": HEADERS}, "analysis": {"mirror": True, "mirrorWeight": 10}},
        {"analysis": {"sessionAffinity": AFFINITY}},
        {
            "service": {"match": MATCH[1:], "headers": HEADERS},
            "analysis": {
                "match": [{"headers": {"x-canary": {"exact": "1"}}}],
                "sessionAffinity": {"cookieName": "stick"},
            },
        },
    ),
    foreign={
        "HTTPRoute": {
            "hostnames": ["old.example.com"],
            "rules": [{"backendRefs": [{"name": "podinfo", "port": 80}]}],
        }
    },
    published=((GATEWAY_API, "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml"),),
    mesh={"gatewayRefs": [{"group": "", "kind": "Service", "name": "podinfo"}]},
)
