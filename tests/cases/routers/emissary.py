"""Emissary: Mappings, with the one of their user."""

from tests.case import RouterCase
from tests.routers.published import OURS
from tests.routers.vocabulary import METADATA

CASE = RouterCase(
    canaries=({"service": METADATA},),
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
