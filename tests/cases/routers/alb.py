"""AWS Load Balancer Controller: an annotation of the user's Ingress."""

from typing import Any

from tests.case import RouterCase
from tests.cases.routers.nginx import reference

ACTION = "alb.ingress.kubernetes.io/actions.podinfo"
MATCHING = "alb.ingress.kubernetes.io/actions.podinfo-matching"
CONDITIONS = "alb.ingress.kubernetes.io/conditions.podinfo-matching"


def path_to(action: str, path_type: str = "ImplementationSpecific") -> dict[str, Any]:
    """Write a path whose action stands in an annotation."""
    backend = {"service": {"name": action, "port": {"name": "use-annotation"}}}
    return {"path": "/*", "pathType": path_type, "backend": backend}


def spec() -> dict[str, Any]:
    """Write the spec of an Ingress whose actions for the app stand in annotations."""
    paths = [path_to("podinfo-matching"), path_to("podinfo")]
    return {
        "ingressClassName": "alb",
        "rules": [{"host": "app.example.com", "http": {"paths": paths}}],
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
    canaries=(
        {"ingressRefs": [reference("admin")]},
        {
            "analysis": {
                "match": [
                    {"headers": {"cookie": {"prefix": "a="}}, "queryParams": {"v": {"exact": "2"}}}
                ]
            }
        },
    ),
    foreign={"Ingress": spec()},
    read=(ingress("web"), ingress("admin")),
    edits=True,
    annotations=frozenset({ACTION, MATCHING, CONDITIONS}),
)
