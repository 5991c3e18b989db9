"""The primary's autoscaler."""

from copy import deepcopy
from typing import Any

import pytest

from canary.scalers.hpa import HorizontalPodAutoscalerScaler
from tests.resources.builders import OWNER, a_canary

SCALER: dict[str, Any] = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {
        "name": "scaler",
        "namespace": "test",
        "labels": {"team": "pay"},
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
    },
    "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"},
        "minReplicas": 2,
        "maxReplicas": 4,
        "metrics": [
            {"type": "Resource", "resource": {"name": "cpu"}},
            {"type": "ContainerResource", "containerResource": {"name": "cpu", "container": "app"}},
            {
                "type": "Object",
                "object": {"describedObject": {"kind": "Deployment", "name": "podinfo"}},
            },
            {
                "type": "Object",
                "object": {"describedObject": {"kind": "Ingress", "name": "podinfo"}},
            },
        ],
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}},
    },
    "status": {"currentReplicas": 2},
}
REFERENCE = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "scaler"}


def test_it_scales_the_primary_as_the_targets_scales_the_target() -> None:
    before = deepcopy(SCALER)
    copy = (
        HorizontalPodAutoscalerScaler().primary(a_canary(autoscalerRef=REFERENCE), SCALER).manifest
    )
    assert before == SCALER
    expected = deepcopy(SCALER["spec"])
    expected["scaleTargetRef"]["name"] = "podinfo-primary"
    expected["metrics"][2]["object"]["describedObject"]["name"] = "podinfo-primary"
    assert copy == {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {
            "name": "scaler-primary",
            "namespace": "test",
            "labels": {"app.kubernetes.io/managed-by": "tidegate"},
            "annotations": {},
            "ownerReferences": [OWNER],
        },
        "spec": expected,
    }


@pytest.mark.parametrize(
    ("replicas", "bounds"),
    [
        ({}, (2, 4)),
        ({"minReplicas": 3}, (3, 4)),
        ({"maxReplicas": 9}, (2, 9)),
        ({"minReplicas": 1, "maxReplicas": 1}, (1, 1)),
    ],
)
def test_its_bounds_may_differ(replicas: dict[str, int], bounds: tuple[int, int]) -> None:
    canary = a_canary(autoscalerRef=REFERENCE | {"primaryScalerReplicas": replicas})
    spec = HorizontalPodAutoscalerScaler().primary(canary, SCALER).manifest["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == bounds


@pytest.mark.parametrize(("minimum", "bounds"), [(0, (2, 4)), (3, (3, 4)), (9, (4, 4))])
def test_it_goes_no_lower_than_it_may_while_a_run_goes_on(
    minimum: int, bounds: tuple[int, int]
) -> None:
    spec = (
        HorizontalPodAutoscalerScaler()
        .primary(a_canary(autoscalerRef=REFERENCE), SCALER, minimum=minimum)
        .manifest["spec"]
    )
    assert (spec["minReplicas"], spec["maxReplicas"]) == bounds


def test_it_may_have_no_metrics() -> None:
    spec = {key: SCALER["spec"][key] for key in ("scaleTargetRef", "maxReplicas")}
    copy = HorizontalPodAutoscalerScaler().primary(a_canary(), SCALER | {"spec": spec}).manifest
    assert copy["spec"] == {
        "scaleTargetRef": {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": "podinfo-primary",
        },
        "maxReplicas": 4,
    }


@pytest.mark.parametrize(("fewest", "rests"), [({}, False), ({"minReplicas": 0}, True)])
def test_it_rests_at_none_only_where_it_says_so(fewest: dict[str, int], rests: bool) -> None:
    spec = {"scaleTargetRef": {}, "maxReplicas": 4} | fewest
    assert HorizontalPodAutoscalerScaler().rests({"spec": spec}) is rests
