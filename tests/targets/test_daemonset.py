"""DaemonSets: parked by a node selector, replaced node by node, the same on every node."""

from copy import deepcopy
from typing import Any

import pytest

from canary.api.kinds import Manifest
from canary.core.facts import Amount, UpdateStrategy
from canary.targets import Promotion
from canary.targets.daemonset import PARKED, PARKED_BY_PEER, DaemonSetTarget
from tests.cases.targets.daemonset import CASE
from tests.resources.builders import LABEL, a_canary
from tests.targets.workloads import TEMPLATE

TARGET = DaemonSetTarget()


def a_daemon_set(selector: dict[str, str] | None = None, **spec: Any) -> Manifest:
    manifest = deepcopy(CASE.written) | {"status": CASE.running}
    manifest["spec"] |= spec
    if selector is not None:
        manifest["spec"]["template"]["spec"]["nodeSelector"] = selector
    return manifest


def test_a_selector_of_its_users_stays_when_it_is_parked_and_when_it_runs_again():
    parked = a_daemon_set({"disk": "ssd", PARKED: "true"})
    assert TARGET.counts(parked).replicas == 0
    assert TARGET.written(parked)["spec"]["nodeSelector"] == {"disk": "ssd"}
    assert TARGET.scaled(0, 1) == {
        "spec": {"template": {"spec": {"nodeSelector": {PARKED: None, PARKED_BY_PEER: None}}}}
    }


def test_one_that_flagger_has_parked_is_parked_and_at_the_revision_that_its_user_wrote():
    parked = a_daemon_set({PARKED_BY_PEER: "true"})
    assert TARGET.counts(parked).replicas == 0
    assert TARGET.written(parked) == TEMPLATE


def test_an_empty_selector_that_parking_leaves_behind_is_no_new_revision():
    assert TARGET.written(a_daemon_set({})) == TEMPLATE


def test_one_that_just_runs_again_wants_a_pod_before_its_nodes_are_counted():
    fresh = a_daemon_set() | {"status": {"desiredNumberScheduled": 0}}
    assert TARGET.counts(fresh).replicas == 1


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ({}, UpdateStrategy(max_unavailable=Amount(1), max_surge=Amount(0), rounds_up=True)),
        (
            {"rollingUpdate": {"maxUnavailable": "60%", "maxSurge": 0}},
            UpdateStrategy(
                max_unavailable=Amount(60, percent=True), max_surge=Amount(0), rounds_up=True
            ),
        ),
    ],
    ids=["none", "a percentage"],
)
def test_how_its_pods_are_replaced_is_read(written: Any, read: UpdateStrategy):
    assert TARGET.strategy(a_daemon_set(updateStrategy=written)) == read


@pytest.mark.parametrize(
    ("unavailable", "nodes", "none"),
    [("60%", 1, True), ("60%", 2, True), ("60%", 3, False), (1, 1, True), (1, 2, False)],
)
def test_an_update_leaves_none_where_all_nodes_may_be_unavailable_at_once(
    unavailable: int | str, nodes: int, none: bool
):
    rolling = {"rollingUpdate": {"maxUnavailable": unavailable, "maxSurge": 0}}
    assert TARGET.strategy(a_daemon_set(updateStrategy=rolling)).leaves_none(nodes) == none


@pytest.mark.parametrize(
    ("written", "primary"),
    [
        (
            {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        ),
        (
            {"type": "OnDelete"},
            {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
        ),
    ],
    ids=["RollingUpdate", "OnDelete"],
)
def test_the_pods_of_its_primary_are_replaced_by_a_promotion(written: Any, primary: Any):
    promotion = Promotion(revision="1-abc", selector_label=LABEL, configs={})
    source = a_daemon_set(updateStrategy=written, minReadySeconds=5)
    spec = TARGET.promoted(a_canary(), source, promotion).manifest["spec"]
    assert spec["updateStrategy"] == primary
    assert spec["minReadySeconds"] == 5
    assert "replicas" not in spec


def test_its_newest_template_has_the_number_that_its_pods_have():
    manifest = a_daemon_set()
    assert TARGET.rollout(manifest) == ""
    manifest["metadata"]["annotations"] = {"deprecated.daemonset.template.generation": "4"}
    assert TARGET.rollout(manifest) == "4"
