"""The router that comes with a divided workload: nothing but its partition is written."""

from typing import Any

import pytest

from canary.api.kinds import STATEFUL_SET, Manifest, ObjectKey
from canary.core.traffic import Seen, Traffic
from canary.objects.render import Lacking
from canary.routers import ClusterState
from canary.routers.partition import HELD, PartitionRouter
from canary.targets.statefulset import StatefulSetTarget
from tests.cases.targets.statefulset import CASE
from tests.resources.builders import a_canary

ROUTER = PartitionRouter(STATEFUL_SET, StatefulSetTarget().divided)
CANARY = a_canary()
KEY = ObjectKey(kind=STATEFUL_SET, namespace="test", name="podinfo")


def cluster(**spec: Any) -> ClusterState:
    manifest = CASE.written | {"spec": CASE.written["spec"] | spec, "status": CASE.running}
    return ClusterState(existing={KEY: manifest}, served={})


def rendered(weight: int, state: ClusterState | None = None) -> Manifest:
    state = state or cluster()
    found = ROUTER.render(CANARY, state, Traffic(weight=weight))
    assert isinstance(found, tuple)
    (render,) = found
    assert render.key == KEY
    return render.mended(state.existing[KEY])


def partition(manifest: Manifest) -> object:
    return manifest["spec"]["updateStrategy"]["rollingUpdate"]["partition"]


@pytest.mark.parametrize(("weight", "held"), [(0, HELD), (20, 2), (60, 1), (99, 1), (100, 0)])
def test_a_weight_is_a_partition_and_none_holds_every_pod(weight: int, held: int):
    assert partition(rendered(weight)) == held


def test_all_else_stays_as_its_user_wrote_it():
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 3, "maxUnavailable": 2}}
    written = rendered(20, cluster(updateStrategy=strategy))
    rolling = written["spec"].pop("updateStrategy")["rollingUpdate"]
    assert rolling == {"partition": 2, "maxUnavailable": 2}
    kept = {key: value for key, value in CASE.written["spec"].items() if key != "updateStrategy"}
    assert written["spec"] == kept


def test_a_strategy_that_was_left_out_gets_a_partition():
    assert partition(rendered(20, cluster(updateStrategy=None))) == 2


def test_one_that_is_missing_or_replaces_no_pod_by_itself_is_named_with_the_remedy():
    nothing = ClusterState(existing={}, served={})
    missing = ROUTER.render(CANARY, nothing, Traffic())
    assert isinstance(missing, Lacking)
    assert str(missing) == "StatefulSet test/podinfo does not exist: create it"
    by_hand = ROUTER.render(CANARY, cluster(updateStrategy={"type": "OnDelete"}), Traffic())
    assert str(by_hand) == (
        "StatefulSet test/podinfo has spec.updateStrategy.type OnDelete: set it to RollingUpdate, "
        "which has the partition that divides its pods"
    )


def test_what_the_pods_do_is_read_from_the_status():
    assert ROUTER.read(CANARY, cluster()) == Seen(weight=33, keeps_canary=True)
    assert ROUTER.read(CANARY, ClusterState(existing={}, served={})) is None


def test_what_is_given_back_is_the_partition():
    (back,) = ROUTER.restore(CANARY, cluster()).write
    assert partition(back.mended(cluster().existing[KEY])) == 0
    assert ROUTER.restore(CANARY, ClusterState(existing={}, served={})).write == ()


def test_it_says_weights_and_writes_the_workload_alone():
    assert ROUTER.kinds == (STATEFUL_SET,) == ROUTER.writes
    assert ROUTER.objects(CANARY).all == (KEY,)
    assert ROUTER.abilities(CANARY).splits
    assert not ROUTER.abilities(CANARY).matches
