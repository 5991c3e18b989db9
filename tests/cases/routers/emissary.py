"""Emissary: Mappings, with the one of their user."""

from tests.case import RouterCase
from tests.cases.routers.nginx import AB
from tests.routers.published import OURS
from tests.routers.vocabulary import METADATA

CASE = RouterCase(
    canaries=(
        {"service": METADATA},
        {
            "analysis": {
                **AB,
                "match": [
                    {
                        "method": {"exact": "GET"},
                        "headers": {"x-a": {"exact": "1"}, "cookie": {"regex": "side=canary.*"}},
                        "queryParams": {"v": {"exact": "2"}, "a": {"prefix": "x"}},
                    }
                ],
            }
        },
        {"analysis": {"mirror": True, "mirrorWeight": 10}},
    ),
    foreign={"Mapping": {"hostname": "*", "prefix": "/old/", "service": "old"}},
    read=(
        {
            "apiVersion": "getambassador.io/v3alpha1",
            "kind": "Mapping",
            "metadata": {"name": "podinfo", "namespace": "test"},
            "spec": {
                "hostname": "app.example.com",
                "prefix": "/",
                "service": "podinfo:9898",
                "timeout_ms": 5000,
                "headers": {"x-tenant": "a"},
            },
        },
    ),
    published=((OURS, "getambassador.io_mappings.yaml"),),
)
