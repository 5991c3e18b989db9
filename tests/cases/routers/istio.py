"""Istio: VirtualServices and DestinationRules."""

from tests.case import RouterCase
from tests.routers.published import ISTIO
from tests.routers.vocabulary import AFFINITY, CORS, HEADERS, MATCH, MESH_MATCH, METADATA

CASE = RouterCase(
    canaries=(
        {
            "service": {
                **METADATA,
                "gateways": ["public", "mesh"],
                "hosts": ["app.example.com"],
                "match": [*MATCH, MESH_MATCH],
                "rewrite": {"uri": "/", "authority": "inner"},
                "timeout": "1m30s",
                "retries": {"attempts": 3, "perTryTimeout": "1s", "retryOn": "gateway-error"},
                "headers": HEADERS,
                "corsPolicy": {**CORS, "allowOrigins": [{"suffix": ".example.com"}]},
                "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}},
                "portDiscovery": True,
            }
        },
        {"service": {"delegation": True, "portDiscovery": True, "corsPolicy": {"maxAge": "1h"}}},
        {"service": {"hosts": ["*"], "rewrite": {}, "headers": {}}},
        {"service": {"appProtocol": "TCP", "match": [{"port": 9898, "gateways": ["mesh"]}]}},
        {"service": {"appProtocol": "tcp"}},
        {
            "service": {"match": MATCH},
            "analysis": {"match": [{"headers": {"x-c": {"exact": "1"}}}]},
        },
        {"analysis": {"match": [{"headers": {"x-canary": {"exact": "1"}}}]}},
        {
            "service": {"gateways": ["public"], "portDiscovery": True, "match": MATCH[1:]},
            "analysis": {"mirror": True, "mirrorWeight": 10},
        },
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
        "VirtualService": {
            "hosts": ["podinfo"],
            "exportTo": ["."],
            "http": [
                {"match": [{"uri": {"prefix": "/old"}}], "redirect": {"uri": "/new"}},
                {"route": [{"destination": {"host": "podinfo", "subset": "v1"}}]},
            ],
        },
        "DestinationRule": {
            "host": "podinfo",
            "subsets": [{"name": "v1", "labels": {"app": "podinfo"}}],
        },
    },
    published=((ISTIO, "manifests/charts/base/files/crd-all.gen.yaml"),),
    mesh={},
)
