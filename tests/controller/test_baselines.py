"""What is found of a baseline: ours by its service, or of others who have its names."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from canary.api.kinds import SERVICE, Manifest, ObjectKey
from canary.api.status import CanaryStatus
from canary.controller.baselines import find_baseline
from canary.controller.canaries import CanaryRecord
from canary.controller.reading import CanaryReader
from canary.controller.records import Packed, WorkloadReader, WorkloadRecord, pack
from canary.controller.store import Store
from canary.demo.manifests import canary, deployment
from canary.targets import target_for

METRIC = {"name": "request-success-rate", "judge": "sequential", "compareWith": "baseline"}
BASELINE = "podinfo-baseline"
SERVED = {"apiVersion": "v1", "kind": "Service", "name": BASELINE, "uid": "s"}
OTHERS = {"apiVersion": "shop/v1", "kind": "App", "name": "shop", "uid": "a"}
OURS = {"apiVersion": "tidegate.dev/v1beta1", "kind": "Canary", "name": "podinfo", "uid": "c"}


class Cluster:
    """A store with a workload and a service of these names, if they have owners."""

    def __init__(self, workload: Manifest | None, service: Manifest | None, **metadata: Any):
        found = deployment("1.0", namespace="demo")
        found["metadata"] |= {"name": BASELINE, "uid": "u", "generation": 1, **metadata}
        found["metadata"]["ownerReferences"] = [workload]
        self._workload = WorkloadReader(target_for("Deployment")).read(found) if workload else None
        named = {"name": BASELINE, "namespace": "demo", "resourceVersion": "1"}
        led = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": named | {"ownerReferences": [service]},
        }
        self._service = pack(led) if service else None

    def workload(self, _record: CanaryRecord, name: str) -> WorkloadRecord | None:
        assert name == BASELINE
        return self._workload

    def packed(self, key: ObjectKey) -> Packed | None:
        assert (key.kind, key.name) == (SERVICE, BASELINE)
        return self._service

    def manifest(self, key: ObjectKey) -> Manifest | None:
        found = self.packed(key)
        return found.manifest if found else None


def a_record(**spec: Any) -> CanaryRecord:
    asked = canary("istio", namespace="demo", **spec)
    found = CanaryReader("istio").read(asked)
    assert isinstance(found, CanaryRecord)
    return found


COMPARED = a_record(analysis={"stepWeights": [20], "metrics": [METRIC]})


def found_in(workload: Manifest | None, service: Manifest | None, **metadata: Any):
    return find_baseline(cast(Store, Cluster(workload, service, **metadata)), COMPARED)


def test_a_workload_is_ours_by_the_service_that_owns_it():
    found = found_in(SERVED, OURS)
    assert found.workload is not None
    assert found.service is not None
    assert not found.taken


def test_one_that_is_being_deleted_is_none_and_nobody_elses():
    found = found_in(SERVED, OURS, deletionTimestamp="2026-01-01T00:00:00Z")
    assert (found.workload, found.taken) == (None, "")


@pytest.mark.parametrize(
    ("workload", "service", "taken"),
    [
        pytest.param(OTHERS, None, ["Deployment demo/podinfo-baseline"], id="the workload"),
        pytest.param(None, OTHERS, ["Service demo/podinfo-baseline"], id="the service"),
        pytest.param(OTHERS, OTHERS, ["Deployment demo/podinfo-baseline", "Service demo/podinfo-baseline"], id="both"),
        pytest.param(None, None, [], id="neither"),
    ],
)  # fmt: skip
def test_what_is_anothers_is_left_alone_and_named(workload, service, taken):
    found = found_in(workload, service)
    assert (found.workload, found.service) == (None, None)
    said = found.taken.split("; ") if found.taken else []
    assert [each.split(" exists already")[0] for each in said] == taken
    assert all("or remove compareWith: baseline" in each for each in said)


def test_it_is_looked_for_while_a_spec_asks_for_it_or_a_status_remembers_it():
    plain = a_record()
    assert plain.baseline_places == ()
    assert find_baseline(cast(Store, Cluster(SERVED, OURS)), plain).workload is None
    remembered = CanaryStatus(baseline_since=datetime(2026, 1, 1, tzinfo=UTC))
    assert replace(plain, status=remembered).baseline_places == COMPARED.baseline_places
    assert [each.name for each in COMPARED.baseline_places] == [BASELINE, BASELINE]
