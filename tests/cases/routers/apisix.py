"""APISIX: an ApisixRoute beside the user's."""

from tests.case import RouterCase
from tests.routers.published import OURS
from tests.routers.vocabulary import MATCH, METADATA

USERS = {
    "apiVersion": "apisix.apache.org/v2",
    "kind": "ApisixRoute",
    "metadata": {"name": "shop", "namespace": "test"},
    "spec": {
        "ingressClassName": "apisix",
        "http": [
            {
                "name": "app",
                "match": {
                    "hosts": ["app.example.com"],
                    "paths": ["/*"],
                    "exprs": [
                        {"subject": {"scope": "Query", "name": "v"}, "op": "Equal", "value": "2"}
                    ],
                },
                "timeout": {"read": "15s"},
                "plugins": [
                    {"name": "proxy-mirror", "enable": False},
                    {"name": "cors", "enable": True},
                ],
                "backends": [{"serviceName": "podinfo", "servicePort": 9898}],
            },
            {
                "name": "internal",
                "priority": 5,
                "match": {"paths": ["/internal/*"]},
                "backends": [{"serviceName": "podinfo", "servicePort": "http"}],
            },
            {
                "name": "docs",
                "match": {"paths": ["/docs/*"]},
                "backends": [{"serviceName": "docs", "servicePort": 80}],
            },
        ],
    },
}
CASE = RouterCase(
    spec={
        "routeRef": {"apiVersion": "apisix.apache.org/v2", "kind": "ApisixRoute", "name": "shop"}
    },
    canaries=(
        {"service": METADATA, "analysis": {"match": MATCH, "mirror": True, "mirrorWeight": 10}},
    ),
    foreign={
        "ApisixRoute": {
            "http": [{"name": "old", "backends": [{"serviceName": "old", "servicePort": 80}]}]
        }
    },
    read=(USERS,),
    published=((OURS, "apisix.apache.org_apisixroutes.yaml"),),
)
