"""Shares behind one selector: what is recorded of the weight, and what an edit of it does."""

import json
from typing import Any

import pytest

from canary.api.annotations import ORIGINAL, WRITTEN
from canary.api.kinds import Manifest
from canary.core.traffic import Seen, Traffic
from canary.routers import router_for
from tests.routers.builders import a_canary, a_cluster
from tests.routers.builders import rendered as written

ROUTER = router_for("kubernetes:replicas")
CANARY = a_canary("kubernetes:replicas")
THEIRS: Manifest = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "podinfo", "namespace": "test"},
    "spec": {"selector": {"app": "podinfo"}, "ports": [{"port": 80}]},
}


def rendered(weight: int, *existing: Manifest) -> Manifest:
    cluster = a_cluster(ROUTER, CANARY, existing)
    (service,) = written(ROUTER, CANARY, cluster, Traffic(weight=weight))
    return service


def read(service: Manifest) -> Seen | None:
    return ROUTER.read(CANARY, a_cluster(ROUTER, CANARY, [service]))


@pytest.mark.parametrize(("existing", "place"), [((), WRITTEN), ((THEIRS,), ORIGINAL)])
def test_the_weight_is_recorded_while_both_sides_are_selected_and_no_longer(
    existing: tuple[Manifest, ...], place: str
) -> None:
    shared = rendered(20, *existing)
    assert shared["spec"]["selector"] == {"tidegate.dev/service": "podinfo"}
    assert json.loads(shared["metadata"]["annotations"][place])["weight"] == 20
    assert read(shared) == Seen(weight=20)
    back = rendered(0, shared)
    assert back["spec"]["selector"] == {"app": "podinfo-primary"}
    assert "weight" not in json.loads(back["metadata"]["annotations"][place])


@pytest.mark.parametrize("weight", [None, "20", True, 0, 100, 1000, -1])
def test_a_weight_that_was_edited_is_no_weight(weight: Any) -> None:
    shared = rendered(20)
    record = json.dumps({"weight": weight})
    shared["metadata"]["annotations"] |= {WRITTEN: record}
    assert read(shared) is None


def test_sides_without_a_label_in_common_share_nothing() -> None:
    cluster = a_cluster(router_for("istio"), CANARY)
    assert ROUTER.render(CANARY, cluster, Traffic(weight=20)) == ()
