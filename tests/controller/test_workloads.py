"""Changes of workloads: which of them wake a Canary."""

from typing import Any

import pytest

from canary.controller.reading import CanaryReader
from canary.controller.records import WorkloadReader
from canary.controller.workloads import matters
from canary.demo.manifests import canary, deployment
from canary.targets import target_for

READER = WorkloadReader(target_for("Deployment"))
RECORD = CanaryReader("istio").read(canary("istio"))


def a_record(**changes: Any) -> Any:
    """Read a workload in an update, of which fields of the status are given."""
    manifest = deployment("1", replicas=2)
    manifest["metadata"] |= {"uid": "u", "generation": 2, **changes.pop("metadata", {})}
    manifest["status"] = {"observedGeneration": 2, "replicas": 3, "availableReplicas": 2} | changes
    return READER.read(manifest)


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(a_record(availableReplicas=3), id="one more is ready"),
        pytest.param(a_record(replicas=4, updatedReplicas=1), id="a new one is made"),
        pytest.param(
            a_record(metadata={"annotations": {"deployment.kubernetes.io/revision": "2"}}),
            id="the roll-out has a number",
        ),
    ],
)
def test_a_change_wakes_nobody_where(after: Any):
    assert after != a_record()
    assert not matters(RECORD, a_record(), after)


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(None, id="it is gone"),
        pytest.param(a_record(availableReplicas=0), id="none serves"),
        pytest.param(a_record(metadata={"deletionTimestamp": "now"}), id="it is being deleted"),
        pytest.param(a_record(metadata={"generation": 3}), id="its spec has changed"),
    ],
)
def test_a_change_wakes_the_canary_where(after: Any):
    assert matters(RECORD, a_record(), after)
