"""Knative: the traffic block of the user's Service, which is the target as well."""

from typing import Any

from canary.api.annotations import READY_REVISION
from tests.case import RouterCase

SERVING = "knative.dev/serving@v0.51.0"
#: As its CRD gives it back.
PORT = {"containerPort": 9898, "protocol": "TCP"}


def spec() -> dict[str, Any]:
    """Write the spec of a Service as its user does."""
    container = {"image": "example.com/podinfo:2", "ports": [PORT]}
    return {"template": {"spec": {"containers": [container]}}}


def service(**annotations: str) -> dict[str, Any]:
    """Write a Service whose second Revision is ready."""
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {
            "name": "podinfo",
            "namespace": "test",
            "labels": {"team": "shop"},
            "annotations": {"serving.knative.dev/creator": "alice", **annotations},
            "ownerReferences": [],
        },
        "spec": spec(),
        "status": {
            "observedGeneration": 3,
            "latestCreatedRevisionName": "podinfo-00002",
            "latestReadyRevisionName": "podinfo-00002",
            "conditions": [{"type": "ConfigurationsReady", "status": "True"}],
        },
    }


CASE = RouterCase(
    spec={
        "targetRef": {
            "apiVersion": "serving.knative.dev/v1",
            "kind": "Service",
            "name": "podinfo",
        }
    },
    foreign={"Service": spec()},
    read=(service(**{"tidegate.dev/primary-revision": "podinfo-00001"}),),
    annotations=frozenset({READY_REVISION}),
    edits=True,
    released=True,
    published=((SERVING, "config/core/300-resources/service.yaml"),),
)
