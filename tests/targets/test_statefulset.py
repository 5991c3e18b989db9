"""StatefulSets: how their pods are divided, and which of them must be deleted for that."""

from typing import Any

import pytest

from canary.api.kinds import Manifest
from canary.targets.statefulset import StatefulSetTarget
from tests.cases.targets.statefulset import CASE
from tests.resources.builders import a_canary
from tests.targets.workloads import owned

TARGET = StatefulSetTarget()
OLD, NEW, OTHER = "podinfo-1", "podinfo-2", "podinfo-3"


def a_stateful_set(partition: int | None = 1, *, spec: Any = None, **status: Any) -> Manifest:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": partition}}
    return CASE.written | {
        "spec": CASE.written["spec"] | {"updateStrategy": strategy} | (spec or {}),
        "status": {**(CASE.running or {}), "availableReplicas": 3, **status},
    }


def a_pod(ordinal: int, revision: str, *, ready: bool = True, ending: bool = False) -> Manifest:
    pod = owned("StatefulSet", "podinfo", {"controller-revision-hash": revision})
    pod["metadata"]["name"] = f"podinfo-{ordinal}"
    if ending:
        pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    conditions = [{"type": "Ready", "status": str(ready)}]
    return pod | {"status": {"conditions": [{"type": "Initialized"}, *conditions]}}


def strays(manifest: Manifest, *pods: Manifest) -> tuple[str, ...]:
    return TARGET.strays(manifest, pods)


def test_one_that_runs_its_template_everywhere_has_no_canary():
    found = TARGET.divided(a_stateful_set(currentRevision=NEW, updatedReplicas=3))
    assert (found.there, found.ready, found.serving, found.newest) == (0, 0, NEW, NEW)
    assert not found.strays


def test_a_template_that_its_controller_has_not_seen_yet_has_no_name():
    manifest = a_stateful_set()
    manifest["metadata"] = manifest["metadata"] | {"generation": 2}
    assert TARGET.divided(manifest).newest == ""
    same = a_stateful_set(currentRevision=NEW)
    same["metadata"] = same["metadata"] | {"generation": 2}
    assert TARGET.divided(same).newest == ""


def test_one_that_was_just_created_counts_nothing():
    found = TARGET.divided(CASE.written)
    assert (found.pods, found.there, found.newest, found.strays) == (3, 0, "", False)


def test_pods_that_are_not_ready_count_as_the_canarys():
    assert TARGET.divided(a_stateful_set(availableReplicas=2)).ready == 1
    assert TARGET.divided(a_stateful_set(availableReplicas=0)).ready == 0


@pytest.mark.parametrize(
    ("manifest", "found"),
    [
        (a_stateful_set(), False),
        # The partition was raised: its controller takes none of its pods back.
        (a_stateful_set(3), True),
        # Another template came, and the pods of the one before stay where they are held.
        (a_stateful_set(3, updatedReplicas=0), True),
        # The template came back to the serving one.
        (a_stateful_set(3, currentRevision=NEW), True),
        (a_stateful_set(0, currentRevision=NEW), False),
        # A broken pod stands in the way of an update in order.
        (a_stateful_set(0, availableReplicas=2), True),
        (a_stateful_set(availableReplicas=2), False),
    ],
)
def test_pods_that_only_go_when_they_are_deleted_are_noticed(manifest: Manifest, found: bool):
    assert TARGET.divided(manifest).strays is found


def test_of_those_that_must_go_the_broken_ones_go_first_and_all_at_once():
    pods = a_pod(0, OLD), a_pod(1, NEW, ready=False), a_pod(2, NEW, ready=False)
    assert strays(a_stateful_set(3), *pods) == ("podinfo-1", "podinfo-2")
    mixed = a_pod(0, OLD), a_pod(1, NEW), a_pod(2, NEW, ready=False)
    assert strays(a_stateful_set(3), *mixed) == ("podinfo-2",)


def test_those_that_serve_go_one_at_a_time_from_the_highest_while_all_are_ready():
    pods = a_pod(0, OLD), a_pod(1, NEW), a_pod(2, NEW)
    assert strays(a_stateful_set(3), *pods) == ("podinfo-2",)
    coming = a_pod(0, OLD), a_pod(1, NEW), a_pod(2, OLD, ready=False)
    assert strays(a_stateful_set(3), *coming) == ()
    ending = a_pod(0, OLD), a_pod(1, NEW), a_pod(2, NEW, ending=True)
    assert strays(a_stateful_set(3), *ending) == ()
    assert strays(a_stateful_set(3), *pods[:2]) == ()
    back = a_pod(0, OLD), a_pod(1, NEW), a_pod(2, OLD)
    assert strays(a_stateful_set(3), *back) == ("podinfo-1",)


def test_a_pod_of_a_template_between_the_two_goes_as_well():
    pods = a_pod(0, OLD), a_pod(1, OLD), a_pod(2, OTHER)
    assert strays(a_stateful_set(3), *pods) == ("podinfo-2",)


def test_a_broken_pod_that_an_update_waits_for_goes_and_a_sound_one_is_left_to_its_controller():
    stuck = a_pod(0, OLD), a_pod(1, OLD, ready=False), a_pod(2, NEW)
    assert strays(a_stateful_set(0), *stuck) == ("podinfo-1",)
    assert strays(a_stateful_set(0), a_pod(0, OLD), a_pod(1, OLD), a_pod(2, NEW)) == ()


def test_ordinals_may_begin_with_another_number():
    shifted = a_stateful_set(2, spec={"ordinals": {"start": 5}})
    assert strays(shifted, a_pod(5, OLD), a_pod(6, OLD), a_pod(7, NEW)) == ()
    assert strays(shifted, a_pod(5, OLD), a_pod(6, NEW), a_pod(7, NEW)) == ("podinfo-6",)


def test_pods_of_others_are_left_alone():
    other = a_pod(2, NEW)
    other["metadata"]["ownerReferences"] = [
        {"kind": "StatefulSet", "name": "podinfo", "uid": "u", "controller": True}
    ]
    assert strays(a_stateful_set(3), a_pod(0, OLD), a_pod(1, OLD), other) == ()


def test_its_newest_rollout_is_its_newest_revision():
    assert TARGET.rollout(a_stateful_set()) == NEW
    assert TARGET.rollout(CASE.written) == ""


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"analysis": {"iterations": 3, "stepWeight": None}}, "spec.analysis.iterations"),
        ({"analysis": {"stepWeightPromotion": 10, "stepWeight": 20, "maxWeight": 60}}, "spec.analysis.stepWeightPromotion"),
        ({"analysis": {"stepWeight": 20, "maxWeight": 60, "verifyTraffic": {"tolerance": 5}}}, "spec.analysis.verifyTraffic"),
        (
            {"analysis": {"stepWeight": 20, "maxWeight": 60, "metrics": [{"name": "request-success-rate"}]}},
            "spec.analysis.metrics[0].name",
        ),
        ({"analysis": {"stepWeight": 50, "maxWeight": None}}, "spec.analysis.maxWeight"),
        ({"analysis": {"stepWeight": None, "stepWeights": [50, 100]}}, "spec.analysis.stepWeights"),
        (
            {"analysis": {"stepWeight": None, "steps": [{"weight": 50}, {"weight": 100}]}},
            "spec.analysis.steps[1].weight",
        ),
        (
            {
                "analysis": {"stepWeight": 20, "maxWeight": 60},
                "autoscalerRef": {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": "x"},
            },
            "spec.autoscalerRef",
        ),
    ],
)  # fmt: skip
def test_what_would_need_other_pods_or_another_way_back_is_refused(spec: Any, field: str):
    assert [each.field for each in TARGET.problems(a_canary(**spec))] == [field]


@pytest.mark.parametrize(
    "spec",
    [
        {"analysis": {"stepWeight": 20, "maxWeight": 60}},
        {"analysis": {"stepWeight": None, "stepWeights": [50, 99]}},
        {"skipAnalysis": True},
        {
            "analysis": {
                "stepWeight": 20,
                "maxWeight": 60,
                "metrics": [{"name": "errors", "query": "up"}],
            }
        },
    ],
)
def test_steps_that_leave_a_pod_behind_are_taken(spec: Any):
    assert TARGET.problems(a_canary(**spec)) == ()
