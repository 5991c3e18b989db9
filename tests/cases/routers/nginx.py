"""ingress-nginx: an Ingress beside the user's."""

from typing import Any

from tests.case import RouterCase
from tests.routers.vocabulary import METADATA

PREFIX = "nginx.ingress.kubernetes.io"


def reference(name: str) -> dict[str, str]:
    """Name an Ingress as a Canary does."""
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": name}


def ingress(name: str, **spec: Any) -> dict[str, Any]:
    """Write an Ingress of the user's, which leads to the apex service and to another one."""
    backends = {"/": "podinfo", "/docs": "docs"}
    paths = [
        {
            "path": path,
            "pathType": "Prefix",
            "backend": {"service": {"name": service, "port": {"number": 9898}}},
        }
        for path, service in backends.items()
    ]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {
            "name": name,
            "namespace": "test",
            "annotations": {
                f"{PREFIX}/load-balance": "ewma",
                f"{PREFIX}/rewrite-target": "/",
                "kubernetes.io/ingress.class": "nginx",
            },
        },
        "spec": {
            "rules": [{"host": f"{name}.example.com", "http": {"paths": paths}}],
            "tls": [{"hosts": [f"{name}.example.com"], "secretName": name}],
            **spec,
        },
    }


AB = {"iterations": 3, "stepWeight": None}

CASE = RouterCase(
    spec={"ingressRef": reference("web")},
    canaries=(
        {"service": METADATA, "ingressRefs": [reference("admin"), reference("web")]},
        {
            "analysis": {
                **AB,
                "match": [
                    {"name": "insiders", "headers": {"X-Canary": {"exact": "insider"}}},
                    {"headers": {"cookie": {"exact": "canary"}}},
                ],
            }
        },
        {"analysis": {**AB, "match": [{"headers": {"user-agent": {"regex": ".*Firefox.*"}}}]}},
    ),
    foreign={"Ingress": {"defaultBackend": {"service": {"name": "old", "port": {"number": 80}}}}},
    read=(ingress("web"), ingress("admin", ingressClassName="nginx")),
    annotations=frozenset(
        {
            f"{PREFIX}/canary",
            f"{PREFIX}/canary-weight",
            f"{PREFIX}/load-balance",
            "kubernetes.io/ingress.class",
        }
    ),
)
