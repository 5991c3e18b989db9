"""AWS Load Balancer Controller: an annotation of the user's Ingress."""

from typing import Any

from tests.case import RouterCase
from tests.cases.routers.nginx import reference

ACTION = "alb.ingress.kubernetes.io/actions.podinfo"


def spec() -> dict[str, Any]:
    """Write the spec of an Ingress whose action for the app stands in an annotation."""
    backend = {"service": {"name": "podinfo", "port": {"name": "use-annotation"}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    return {
        "ingressClassName": "alb",
        "rules": [{"host": "app.example.com", "http": {"paths": [path]}}],
    }


def ingress(name: str) -> dict[str, Any]:
    """Write an Ingress of the user's."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {
            "name": name,
            "namespace": "test",
            "labels": {"team": "shop"},
            "annotations": {"alb.ingress.kubernetes.io/target-type": "ip"},
            "ownerReferences": [],
        },
        "spec": spec(),
    }


CASE = RouterCase(
    spec={"ingressRef": reference("web")},
    canaries=({"ingressRefs": [reference("admin")]},),
    foreign={"Ingress": spec()},
    read=(ingress("web"), ingress("admin")),
    edits=True,
    annotations=frozenset({ACTION}),
)
