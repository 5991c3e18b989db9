"""Canaries that between them ask for everything a router can do, by router."""

from typing import Any

from canary.api.canary import Canary
from tests.routers.builders import a_canary

METADATA = {"apex": {"labels": {"team": "pay"}, "annotations": {"note": "für alle"}}}
MATCH: list[dict[str, Any]] = [
    {
        "name": "beta",
        "uri": {"prefix": "/api"},
        "method": {"exact": "GET"},
        "headers": {"x-b": {"exact": "1"}, "X-A": {"regex": ".*beta.*"}, "cookie": {"suffix": "z"}},
        "queryParams": {"v": {"exact": "2"}, "a": {"prefix": "x"}},
    },
    {"uri": {"regex": "/v[0-9]+/.*"}},
]
MESH_MATCH: dict[str, Any] = {
    "scheme": {"exact": "https"},
    "authority": {"prefix": "app."},
    "withoutHeaders": {"x-internal": {"exact": "1"}},
    "sourceLabels": {"app": "web", "tier": "front"},
    "sourceNamespace": "shop",
    "gateways": ["mesh"],
    "port": 9898,
    "uri": {"exact": "/Buy"},
    "ignoreUriCase": True,
}
HEADERS = {
    "request": {"add": {"x-b": "2", "x-a": "1"}, "set": {"x-c": "3"}, "remove": ["x-d"]},
    "response": {"set": {"x-f": "4", "x-e": "5"}},
}
CORS = {
    "allowOrigin": ["https://example.com"],
    "allowMethods": ["GET", "POST"],
    "allowHeaders": ["x-one"],
    "exposeHeaders": ["x-two"],
    "allowCredentials": False,
    "maxAge": "24h",
}

_ISTIO: tuple[dict[str, Any], ...] = (
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
    {"service": {"match": MATCH}, "analysis": {"match": [{"headers": {"x-c": {"exact": "1"}}}]}},
    {"analysis": {"match": [{"headers": {"x-canary": {"exact": "1"}}}]}},
    {
        "service": {"gateways": ["public"], "portDiscovery": True, "match": MATCH[1:]},
        "analysis": {"mirror": True, "mirrorWeight": 10},
    },
)
_GATEWAY_API: tuple[dict[str, Any], ...] = (
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
    {"service": {"match": MATCH}, "analysis": {"match": [{"headers": {"x-c": {"exact": "1"}}}]}},
    {"analysis": {"match": [{"headers": {"x-canary": {"exact": "1"}}}]}},
    {
        "service": {
            "mirror": [
                {"backendRef": {"name": "shadow", "port": 80}},
                {"backendRef": {"name": "other", "namespace": "logs", "group": "core", "port": 1}},
            ]
        },
        "analysis": {"mirror": True},
    },
    {"service": {"headers": HEADERS}, "analysis": {"mirror": True, "mirrorWeight": 10}},
)
_SMI: tuple[dict[str, Any], ...] = ({"service": {**METADATA, "hosts": ["app.example.com"]}},)

_KUBERNETES: tuple[dict[str, Any], ...] = (
    {"service": {**METADATA, "portDiscovery": True, "trafficDistribution": "PreferClose"}},
    {"analysis": {"stepWeight": None, "iterations": 3}},
)

_CASES = {
    "istio": _ISTIO,
    "gatewayapi": _GATEWAY_API,
    "smi": _SMI,
    "linkerd": _SMI,
    "kubernetes": _KUBERNETES,
}


def canaries(provider: str) -> tuple[Canary, ...]:
    """Give the plain Canary, which every router must take, and those made for this one."""
    cases = _CASES.get(provider.partition(":")[0], ())
    return (a_canary(provider), *(a_canary(provider, **case) for case in cases))
