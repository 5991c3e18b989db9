"""The pods of both sides: in rows, with why one does not run."""

from typing import Any

import pytest

from canary.views.canary import ReadyView
from canary.views.pods import PodSide, PodView, pod_view, pods_block, ready_line
from tests.cli.test_status import drawn
from tests.views.fleet import NOW


def a_pod(**status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "shop-1", "creationTimestamp": "2026-01-01T08:00:00Z"},
        "spec": {"containers": [{"name": "app"}]},
        "status": {"phase": "Pending", **status},
    }


def container(state: object, **more: object) -> dict[str, Any]:
    return {"containerStatuses": [{"name": "app", "state": state, **more}]}


def waits(reason: str, message: str = "") -> dict[str, Any]:
    return container({"waiting": {"reason": reason, "message": message}})


def condition(type_: str, status: str, **more: str) -> dict[str, str]:
    return {"type": type_, "status": status, **more}


RUNS = container({"running": {}}, ready=True, restartCount=2)
UNREADY = condition("Ready", "False", message="containers with unready status: [app]")
NO_NODE = condition("PodScheduled", "False", reason="Unschedulable", message="0/3 nodes fit")


@pytest.mark.parametrize(
    ("pod", "state", "message"),
    [
        (a_pod(phase="Running", **RUNS), "Running", ""),
        (
            a_pod(**waits("ImagePullBackOff", "no such image"), conditions=[UNREADY]),
            "ImagePullBackOff",
            "container app: no such image",
        ),
        (a_pod(**waits("CrashLoopBackOff")), "CrashLoopBackOff", "container app"),
        (a_pod(conditions=[NO_NODE]), "Unschedulable", "0/3 nodes fit"),
        (a_pod(conditions=[condition("PodScheduled", "False")]), "Unschedulable", ""),
        (a_pod(phase="Failed", reason="Evicted", message="low on disk"), "Evicted", "low on disk"),
        (a_pod(**waits("ContainerCreating")), "ContainerCreating", ""),
        (
            a_pod(phase="Running", conditions=[UNREADY]),
            "Running",
            "containers with unready status: [app]",
        ),
        (
            a_pod(phase="Running", conditions=[condition("Ready", "True", message="x")]),
            "Running",
            "",
        ),
        (a_pod(phase="", conditions=["x"]), "Pending", ""),
        ({}, "Pending", ""),
    ],
)
def test_a_pod_says_in_a_word_what_it_does_and_why_it_is_not_ready(pod, state, message):
    view = pod_view(PodSide.CANARY, pod)
    assert (view.state, view.message) == (state, message)


def test_a_pod_that_ends_is_not_said_to_fail():
    pod = a_pod(**waits("CrashLoopBackOff"))
    pod["metadata"]["deletionTimestamp"] = "2026-01-01T08:30:00Z"
    view = pod_view(PodSide.PRIMARY, pod)
    assert (view.state, view.message) == ("Terminating", "")


@pytest.mark.parametrize("written", [None, "yesterday", "", {}])
def test_an_age_that_cannot_be_read_is_not_known(written):
    pod = a_pod() | {"metadata": {"name": "shop-1", "creationTimestamp": written}}
    (rows,) = pods_block([pod_view(PodSide.CANARY, pod)], NOW)
    assert rows.rows[0][-1] == "–"


def test_restarts_that_are_no_numbers_are_none():
    statuses = [{"restartCount": 3}, {"restartCount": "x"}, "x"]
    assert pod_view(PodSide.CANARY, a_pod(containerStatuses=statuses)).restarts == 3


def test_pods_are_rows_and_below_them_is_said_why_one_is_not_ready():
    pods: list[PodView] = [
        pod_view(PodSide.CANARY, a_pod(**waits("ImagePullBackOff", "no such image"))),
        pod_view(PodSide.PRIMARY, a_pod(phase="Running", **RUNS)),
    ]
    assert [line.split() for line in drawn(pods_block(pods, NOW))] == [
        ["SIDE", "POD", "READY", "STATE", "RESTARTS", "AGE"],
        ["canary", "shop-1", "0/1", "ImagePullBackOff", "0", "1h"],
        ["primary", "shop-1", "1/1", "Running", "2", "1h"],
        ["shop-1:", "container", "app:", "no", "such", "image"],
    ]


def test_that_there_are_none_is_said():
    assert drawn(pods_block((), NOW)) == ["There are no pods of either side."]


def test_a_long_message_is_cut():
    assert len(pod_view(PodSide.CANARY, a_pod(reason="Evicted", message="x" * 900)).message) == 300


def test_ready_pods_are_told_of_the_sides_that_are_known():
    primary = ReadyView(side="primary", ready=2, wanted=3)
    canary = ReadyView(side="canary", ready=0, wanted=1)
    assert ready_line([primary, canary]) == ("pods primary 2/3 ready  canary 0/1 ready",)
    assert ready_line([]) == ()
