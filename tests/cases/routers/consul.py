"""Consul: ServiceSplitters, with ServiceResolvers and ServiceRouters."""

from tests.case import RouterCase
from tests.routers.published import OURS
from tests.routers.vocabulary import AFFINITY, HEADERS, MATCH, METADATA

CASE = RouterCase(
    canaries=(
        {
            "service": {
                **METADATA,
                "timeout": "1m30s",
                "retries": {"attempts": 3, "retryOn": "gateway-error,429"},
                "headers": HEADERS,
            },
            "analysis": {"match": MATCH},
        },
        {"analysis": {"sessionAffinity": AFFINITY}},
        {
            "service": {"headers": HEADERS, "retries": {"attempts": 0}},
            "analysis": {
                "match": [{"headers": {"x-canary": {"exact": "1"}}}],
                "sessionAffinity": {"cookieName": "stick"},
            },
        },
    ),
    foreign={
        "ServiceRouter": {
            "routes": [
                {
                    "match": {"http": {"pathPrefix": "/old"}},
                    "destination": {"service": "podinfo-old"},
                }
            ]
        },
        "ServiceResolver": {
            "connectTimeout": "3s",
            "subsets": {"v1": {"filter": 'Service.Meta.version == "1"'}},
        },
        "ServiceSplitter": {"splits": [{"serviceSubset": "v1", "weight": 100}]},
    },
    published=(
        (OURS, "consul.hashicorp.com_servicerouters.yaml"),
        (OURS, "consul.hashicorp.com_serviceresolvers.yaml"),
        (OURS, "consul.hashicorp.com_servicesplitters.yaml"),
    ),
)
