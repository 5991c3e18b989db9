"""What the controller of StatefulSets does with pods and revisions: order, partition, broken pods.

Where no kubelet runs, the tests say that pods are ready.
"""

from typing import Any

import pytest

from tests.conformance.conftest import MERGE_PATCH, eventually

SETS = "apps/v1/statefulsets"
LONG_AGO = "2026-01-01T00:00:00Z"
REVISION = "controller-revision-hash"


def template(tag: str) -> dict[str, Any]:
    return {
        "metadata": {"labels": {"app": "web"}},
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "app", "image": f"app:{tag}"}],
        },
    }


class StatefulSet:
    """A StatefulSet of three pods, in a namespace of its own; those with `broken` never serve."""

    def __init__(self, api: Any, *, broken: str = "", **spec: Any) -> None:
        self.api = api
        self.broken = broken
        api.create(
            SETS,
            {
                "metadata": {"name": "web"},
                "spec": {
                    "replicas": 3,
                    "serviceName": "web",
                    "selector": {"matchLabels": {"app": "web"}},
                    "template": template("1"),
                    **spec,
                },
            },
        )

    def change(self, **spec: Any) -> None:
        response = self.api.patch(self.api.path(SETS, "web"), MERGE_PATCH, {"spec": spec})
        assert response.status_code == 200, response.text

    def hold(self, partition: int) -> None:
        self.change(updateStrategy={"rollingUpdate": {"partition": partition}})

    @property
    def status(self) -> dict[str, Any]:
        return self.api.read(SETS, "web")["status"]

    def pods(self) -> dict[str, Any]:
        found = self.api.get(self.api.path("pods")).json()["items"]
        return {
            each["metadata"]["name"]: each
            for each in found
            if "deletionTimestamp" not in each["metadata"]
        }

    def serve(self) -> None:
        """Say that the pods are ready, but for the broken ones."""
        for name, pod in self.pods().items():
            conditions = (pod.get("status") or {}).get("conditions") or ()
            ready = {"type": "Ready", "status": "True", "lastTransitionTime": LONG_AGO}
            known = any((each["type"], each["status"]) == ("Ready", "True") for each in conditions)
            if known or pod["spec"]["containers"][0]["image"] == f"app:{self.broken}":
                continue
            status = {"phase": "Running", "conditions": [ready]}
            path = f"{self.api.path('pods', name)}/status"
            # It may have gone meanwhile.
            self.api.patch(path, MERGE_PATCH, {"status": status})

    def uid(self, name: str) -> str:
        pod = self.pods().get(name)
        return pod["metadata"]["uid"] if pod else ""

    def tags(self) -> list[str]:
        pods = self.pods()
        return [
            pods[name]["spec"]["containers"][0]["image"].rpartition(":")[2] for name in sorted(pods)
        ]

    def until(self, *tags: str, available: int = 3, **counts: int) -> dict[str, Any]:
        """Wait until the pods run these and are counted so in the status, which it gives.

        The status follows the pods.
        """
        counts["availableReplicas"] = available

        def so() -> Any:
            self.serve()
            status = self.status
            counted = all(status.get(name, 0) == count for name, count in counts.items())
            return counted and self.tags() == list(tags) and status

        return eventually(so, f"pods of {tags}, {available} available")


def test_pods_have_ordinals_and_the_name_of_their_revision(api):
    web = StatefulSet(api)
    status = web.until("1", "1", "1", replicas=3, currentReplicas=3, updatedReplicas=3)
    assert status["currentRevision"] == status["updateRevision"]
    for ordinal in range(3):
        labels = web.pods()[f"web-{ordinal}"]["metadata"]["labels"]
        assert labels[REVISION] == status["currentRevision"]
        assert labels["apps.kubernetes.io/pod-index"] == str(ordinal)
        assert labels["statefulset.kubernetes.io/pod-name"] == f"web-{ordinal}"
    revision = api.read("apps/v1/controllerrevisions", status["currentRevision"])
    assert revision["data"]["spec"]["template"]["$patch"] == "replace"
    assert revision["metadata"]["ownerReferences"][0]["kind"] == "StatefulSet"


def test_a_partition_holds_the_ordinals_below_it(api):
    web = StatefulSet(api)
    first = web.until("1", "1", "1")["currentRevision"]
    web.hold(2)
    web.change(template=template("2"))
    status = web.until("1", "1", "2", currentReplicas=2, updatedReplicas=1)
    assert status["currentRevision"] == first != status["updateRevision"]
    # A pod that goes comes back with the revision of its ordinal.
    before = web.pods()["web-0"]["metadata"]["uid"]
    api.delete(api.path("pods", "web-0"))
    eventually(lambda: web.uid("web-0") not in {"", before}, "web-0 is another pod")
    web.until("1", "1", "2")
    web.hold(0)
    # All are counted as current when the update is complete.
    status = web.until("2", "2", "2", currentReplicas=3, updatedReplicas=3)
    assert status["currentRevision"] == status["updateRevision"] != first


def test_a_partition_beyond_every_ordinal_starts_no_pod_of_a_new_template(api):
    web = StatefulSet(api)
    web.until("1", "1", "1")
    web.hold(2**31 - 1)
    web.change(template=template("2"))
    eventually(lambda: web.status["updateRevision"] != web.status["currentRevision"], "it is seen")
    web.change(replicas=4)
    web.until("1", "1", "1", "1", available=4)
    web.change(replicas=2)
    web.until("1", "1", available=2)


def test_a_partition_that_is_raised_takes_no_pod_back_until_it_is_deleted(api):
    web = StatefulSet(api)
    web.until("1", "1", "1")
    web.hold(1)
    web.change(template=template("2"))
    web.until("1", "2", "2")
    web.hold(3)
    eventually(lambda: web.status["observedGeneration"] == 4, "it is seen")
    assert web.tags() == ["1", "2", "2"]
    api.delete(api.path("pods", "web-2"))
    web.until("1", "2", "1")


def test_a_template_that_comes_back_has_its_former_revision(api):
    web = StatefulSet(api)
    first = web.until("1", "1", "1")["currentRevision"]
    web.hold(3)
    web.change(template=template("2"))
    eventually(lambda: web.status["updateRevision"] != first, "another revision")
    web.change(template=template("1"))
    eventually(lambda: web.status["updateRevision"] == first, "the former one")


@pytest.mark.parametrize(("policy", "mended"), [("OrderedReady", False), ("Parallel", True)])
def test_a_broken_pod_stops_what_is_ordered_until_it_is_deleted(api, policy, mended):
    web = StatefulSet(api, broken="2", podManagementPolicy=policy)
    web.until("1", "1", "1")
    broken = template("2")
    broken["metadata"]["annotations"] = {"tidegate.dev/simulate": "never-ready"}
    broken["spec"]["nodeSelector"] = {"conformance": "no-such-node"}
    web.change(template=broken)
    web.until("1", "1", "2", available=2)
    sound = template("1")
    sound["metadata"]["annotations"] = sound["spec"]["nodeSelector"] = None
    web.change(template=sound)
    eventually(lambda: web.status["observedGeneration"] == 3, "it is seen")
    if not mended:
        assert web.tags() == ["1", "1", "2"]
        api.delete(api.path("pods", "web-2"))
    web.until("1", "1", "1")
