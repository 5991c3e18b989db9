"""What the caches keep: a pod's trouble, and what is left out."""

from typing import Any

import pytest

from canary.controller.pods import member_record, pod_record
from canary.controller.records import WorkloadReader, config_record, pack
from canary.core.facts import Amount, Image, UpdateStrategy
from canary.demo.manifests import deployment
from canary.targets import target_for

DEPLOYMENTS, DAEMON_SETS = target_for("Deployment"), target_for("DaemonSet")
OWNER = {"kind": "ReplicaSet", "name": "podinfo-abc", "controller": True}


def a_pod(*statuses: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": "podinfo-abc-1",
            "namespace": "demo",
            "labels": {"pod-template-hash": "abc"},
            "ownerReferences": [OWNER],
            **metadata,
        },
        "status": {"containerStatuses": list(statuses)},
    }


def waiting(why: str, said: str = "", **last: Any) -> dict[str, Any]:
    status: dict[str, Any] = {"name": "app", "state": {"waiting": {"reason": why}}}
    if said:
        status["state"]["waiting"]["message"] = said
    if last:
        status["lastState"] = {"terminated": last}
    return status


RUNNING = {"name": "sidecar", "state": {"running": {}}}

TROUBLE = {
    "a crash loop": (
        a_pod(waiting("CrashLoopBackOff", "back-off 10s", exitCode=3, reason="Error")),
        ("CrashLoopBackOff", "back-off 10s; exit code 3"),
    ),
    "a crash loop with a last word": (
        a_pod(waiting("CrashLoopBackOff", exitCode=1, message="no database")),
        ("CrashLoopBackOff", "no database; exit code 1"),
    ),
    "out of memory": (
        a_pod(waiting("CrashLoopBackOff", exitCode=137, reason="OOMKilled")),
        ("OOMKilled", "exit code 137"),
    ),
    "an image that is pulled again and again": (
        a_pod(waiting("ImagePullBackOff", "no such image")),
        ("ImagePullBackOff", "no such image"),
    ),
    "a name that is no image's": (a_pod(waiting("InvalidImageName")), ("InvalidImageName", "")),
    "an image that is never pulled": (
        a_pod(waiting("ErrImageNeverPull")),
        ("ErrImageNeverPull", ""),
    ),
    "trouble beside a container that runs": (
        a_pod(RUNNING, waiting("CrashLoopBackOff")),
        ("CrashLoopBackOff", ""),
    ),
    "an init container": (
        a_pod() | {"status": {"initContainerStatuses": [waiting("CrashLoopBackOff")]}},
        ("CrashLoopBackOff", ""),
    ),
}

NONE = {
    "a pod that runs": a_pod(RUNNING),
    "a pod that begins": a_pod(waiting("ContainerCreating")),
    "the first failure of a pull": a_pod(waiting("ErrImagePull", "timeout")),
    "a config that is created a moment later": a_pod(waiting("CreateContainerConfigError")),
    "a restart that is not yet a loop": a_pod(
        {"name": "app", "state": {"running": {}}, "lastState": {"terminated": {"exitCode": 1}}}
    ),
    "a pod that is being deleted": a_pod(
        waiting("CrashLoopBackOff"), deletionTimestamp="2026-01-01T00:00:00Z"
    ),
    "a pod of nobody": a_pod(waiting("CrashLoopBackOff"), ownerReferences=[]),
    "a pod of a job": a_pod(waiting("CrashLoopBackOff"), ownerReferences=[OWNER | {"kind": "Job"}]),
    "a pod without a status": a_pod() | {"status": None},
}


@pytest.mark.parametrize("case", TROUBLE)
def test_is_trouble(case: str):
    pod, (reason, message) = TROUBLE[case]
    record = pod_record([DEPLOYMENTS], pod)
    assert record is not None
    assert record.workload == "podinfo"
    assert (record.trouble.reason, record.trouble.message) == (reason, message)


@pytest.mark.parametrize("case", NONE)
def test_is_no_trouble(case: str):
    assert pod_record([DEPLOYMENTS], NONE[case]) is None


def test_of_a_message_the_beginning_is_kept():
    record = pod_record([DEPLOYMENTS], a_pod(waiting("CrashLoopBackOff", "x" * 10_000)))
    assert record is not None
    assert len(record.trouble.message) == 300


def test_the_trouble_of_a_pod_is_that_of_its_own_kind_of_workload():
    pod = a_pod(
        waiting("CrashLoopBackOff"),
        labels={"pod-template-generation": "4"},
        ownerReferences=[{"kind": "DaemonSet", "name": "podinfo", "controller": True}],
    )
    record = pod_record([DEPLOYMENTS, DAEMON_SETS], pod)
    assert record is not None
    assert (record.kind.kind, record.workload, record.version) == ("DaemonSet", "podinfo", "4")


def test_a_replica_set_of_nobody_is_not_kept():
    assert member_record([DEPLOYMENTS], {"metadata": {"name": "a"}}) is None


def test_of_a_secret_only_the_version_is_kept():
    secret = {"metadata": {"name": "a", "resourceVersion": "7"}, "data": {"password": "aHVudGVy"}}
    assert "aHVudGVy" not in repr(config_record(secret))


def test_what_is_packed_comes_back_without_the_servers_bookkeeping():
    manifest = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "a", "resourceVersion": "7", "managedFields": [{"manager": "x"}]},
        "spec": {"ports": [{"port": 80}]},
        "status": {"loadBalancer": {}},
    }
    packed = pack(manifest)
    assert packed.manifest == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "a", "resourceVersion": "7"},
        "spec": {"ports": [{"port": 80}]},
    }
    packed.manifest["spec"].clear()
    assert packed.manifest["spec"]


def a_deployment(uid: str, generation: int, version: str, available: int) -> dict[str, Any]:
    """A Deployment of a version of the app, as the API server gives it."""
    manifest = deployment(version)
    manifest["metadata"] |= {"uid": uid, "generation": generation}
    return manifest | {"status": {"availableReplicas": available}}


def test_a_deployment_is_read_anew_with_each_generation_and_its_counts_with_each_event():
    reader = WorkloadReader(DEPLOYMENTS)
    first = reader.read(a_deployment("a", 1, "1", available=0))
    counted = reader.read(a_deployment("a", 1, "1", available=2))
    assert (counted.template, counted.outline) == (first.template, first.outline)
    assert (first.available, counted.available) == (0, 2)
    assert reader.read(a_deployment("a", 2, "2", available=2)).template != first.template


QUARTER = Amount(25, percent=True)


@pytest.mark.parametrize(
    ("strategy", "read"),
    [
        ({}, UpdateStrategy()),
        ({"type": "Recreate"}, UpdateStrategy(recreate=True)),
        (
            {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "100%", "maxSurge": 0}},
            UpdateStrategy(max_unavailable=Amount(100, percent=True), max_surge=Amount(0)),
        ),
        (
            {"rollingUpdate": {"maxUnavailable": 1, "maxSurge": "a few"}},
            UpdateStrategy(max_unavailable=Amount(1), max_surge=QUARTER),
        ),
    ],
    ids=["none", "Recreate", "a percentage and a number", "what is no amount"],
)
def test_how_a_deployment_replaces_its_pods_is_kept(strategy: Any, read: UpdateStrategy):
    manifest = a_deployment("a", 1, "1", available=0)
    manifest["spec"]["strategy"] = strategy
    assert WorkloadReader(DEPLOYMENTS).read(manifest).strategy == read


@pytest.mark.parametrize(("uid", "generation"), [("b", 1), ("", 1), ("a", 0), ("", 0)])
def test_what_is_known_of_one_deployment_is_said_of_no_other(uid: str, generation: int):
    reader = WorkloadReader(DEPLOYMENTS)
    for known in (("a", 1), ("", 1), ("a", 0), ("", 0)):
        reader.read(a_deployment(*known, "1", available=0))
    fresh = WorkloadReader(DEPLOYMENTS).read(a_deployment(uid, generation, "2", available=0))
    assert reader.read(a_deployment(uid, generation, "2", available=0)) == fresh


def test_a_deployment_has_the_images_of_its_containers_and_then_of_its_init_containers():
    manifest = deployment("6.1", name="podinfo", namespace="demo")
    pod = manifest["spec"]["template"]["spec"]
    pod["initContainers"] = [{"name": "migrate", "image": "migrate:1"}]
    assert WorkloadReader(DEPLOYMENTS).read(manifest).images == (
        Image("podinfo", "example.test/podinfo:6.1"),
        Image("migrate", "migrate:1", init=True),
    )
    del pod["containers"], pod["initContainers"]
    assert WorkloadReader(DEPLOYMENTS).read(manifest).images == ()


def entry(manager: str, time: str, **fields: str) -> dict[str, str]:
    return {"manager": manager, "time": f"2026-01-01T00:00:{time}Z", **fields}


@pytest.mark.parametrize(
    ("entries", "who"),
    [
        ([], ""),
        ([entry("tidegate", "05")], ""),
        (
            [entry("tidegate", "05"), entry("kubectl-edit", "07"), entry("helm", "06")],
            "kubectl-edit",
        ),
        ([entry("tidegate", "05"), entry("helm", "04")], ""),
        ([entry("tidegate", "05"), entry("helm", "05")], "helm"),
        ([entry("tidegate", "05"), entry("pilot", "09", subresource="status")], ""),
        ([entry("helm", "04")], "helm"),
    ],
)
def test_who_has_written_an_object_last_is_known_beside_its_status(entries, who):
    assert pack({"metadata": {"name": "a", "managedFields": entries}}).changed_by == who


@pytest.mark.parametrize(
    ("annotations", "commit"),
    [
        ({}, ""),
        ({"org.opencontainers.image.revision": "abc1234"}, "abc1234"),
        (
            {"org.opencontainers.image.revision": "abc1234", "tidegate.dev/commit": "def5678"},
            "def5678",
        ),
    ],
)
def test_a_workload_names_the_commit_that_its_annotations_name(
    annotations: dict[str, str], commit: str
) -> None:
    app = deployment("1", namespace="demo")
    app["metadata"]["annotations"] = annotations
    assert WorkloadReader(DEPLOYMENTS).read(app).commit == commit


def test_a_workload_says_when_its_commit_was_made() -> None:
    app = deployment("1", namespace="demo")
    app["metadata"]["annotations"] = {"tidegate.dev/committed-at": "2026-01-01T00:00:00Z"}
    assert WorkloadReader(DEPLOYMENTS).read(app).committed_at == "2026-01-01T00:00:00Z"
