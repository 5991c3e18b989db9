"""The objects of the story: the app, its Canary, and the routing kinds that the world serves."""

from collections.abc import Mapping
from typing import Any

from canary.api.kinds import Manifest
from canary.api.meta import API_VERSION

NAMESPACE = "demo"
APP = "podinfo"
PORT = 80
CONTAINER_PORT = 9898
ROUTERS = ("istio", "smi", "gatewayapi")
"""The routers whose objects the embedded mesh routes by."""


def routing_crds() -> tuple[Manifest, ...]:
    """Give CRDs of the routing kinds, which keep whatever is written.

    The published CRDs belong to their projects, and are not shipped here.
    """
    kinds = (
        ("networking.istio.io", ("v1", "v1beta1"), "VirtualService", "virtualservices"),
        ("networking.istio.io", ("v1", "v1beta1"), "DestinationRule", "destinationrules"),
        (
            "split.smi-spec.io",
            ("v1alpha4", "v1alpha3", "v1alpha2", "v1alpha1"),
            "TrafficSplit",
            "trafficsplits",
        ),
        ("gateway.networking.k8s.io", ("v1",), "HTTPRoute", "httproutes"),
    )
    return tuple(_crd(*kind) for kind in kinds)


def _crd(group: str, versions: tuple[str, ...], kind: str, plural: str) -> Manifest:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {
                "plural": plural,
                "singular": kind.lower(),
                "kind": kind,
                "listKind": f"{kind}List",
            },
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": version == versions[0],
                    "schema": {"openAPIV3Schema": schema},
                    "subresources": {"status": {}},
                }
                for version in versions
            ],
        },
    }


def namespace(name: str) -> Manifest:
    """Give a namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def deployment(
    tag: str,
    *,
    name: str = APP,
    namespace: str = NAMESPACE,
    replicas: int = 2,
    behaviour: Mapping[str, str] | None = None,
) -> Manifest:
    """Give the app at a version; `behaviour` is the container's environment (`pods/server.py`)."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": pod_template(tag, name=name, behaviour=behaviour),
        },
    }


def pod_template(
    tag: str, *, name: str = APP, behaviour: Mapping[str, str] | None = None
) -> Manifest:
    """Give the app's pod template."""
    return {
        "metadata": {"labels": {"app": name}},
        "spec": {
            "terminationGracePeriodSeconds": 5,
            "containers": [
                {
                    "name": name,
                    "image": f"example.test/{name}:{tag}",
                    "ports": [{"name": "http", "containerPort": CONTAINER_PORT}],
                    "env": [
                        {"name": key, "value": value} for key, value in (behaviour or {}).items()
                    ],
                    "readinessProbe": {
                        "httpGet": {"path": "/readyz", "port": CONTAINER_PORT},
                        "periodSeconds": 1,
                    },
                }
            ],
        },
    }


def canary(
    router: str,
    *,
    name: str = APP,
    namespace: str = NAMESPACE,
    analysis: Mapping[str, Any] | None = None,
    service: Mapping[str, Any] | None = None,
    **spec: Any,
) -> Manifest:
    """Give a Canary that goes 10, 20, … 50 % and judges the built-in metrics."""
    planned = {"stepWeights", "iterations", "steps"} & (analysis or {}).keys()
    steps = {} if planned else {"stepWeight": 10, "maxWeight": 50}
    parents: dict[str, Any] = {}
    if router.partition(":")[0] == "gatewayapi":
        # A Service as the parent: the route holds for every caller of the service.
        refs = [{"group": "", "kind": "Service", "name": name, "port": PORT}]
        parents = {"gatewayRefs": refs}
    return {
        "apiVersion": API_VERSION,
        "kind": "Canary",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "provider": router,
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "service": {
                "port": PORT,
                "targetPort": CONTAINER_PORT,
                **parents,
                **(service or {}),
            },
            "analysis": {
                "interval": "3s",
                "threshold": 3,
                **steps,
                "metrics": [
                    {
                        "name": "request-success-rate",
                        "interval": "4s",
                        "thresholdRange": {"min": 99},
                    },
                    {"name": "request-duration", "interval": "4s", "thresholdRange": {"max": 250}},
                ],
                **(analysis or {}),
            },
            **spec,
        },
    }
