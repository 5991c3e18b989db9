"""The router `ingress`, with the Ingress of its user."""

from tests.case import RouterCase
from tests.routers.vocabulary import METADATA

SPEC = {
    "ingressClassName": "nginx",
    "rules": [
        {
            "host": "app.example.com",
            "http": {
                "paths": [
                    {
                        "path": "/",
                        "pathType": "Prefix",
                        "backend": {"service": {"name": "podinfo", "port": {"number": 9898}}},
                    }
                ]
            },
        }
    ],
}

CASE = RouterCase(
    canaries=({"service": METADATA},),
    foreign={"Ingress": {"defaultBackend": {"service": {"name": "old", "port": {"number": 80}}}}},
    read=(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": "podinfo", "namespace": "test"},
            "spec": SPEC,
        },
    ),
    annotations=frozenset(
        {"nginx.ingress.kubernetes.io/canary", "nginx.ingress.kubernetes.io/canary-weight"}
    ),
)
