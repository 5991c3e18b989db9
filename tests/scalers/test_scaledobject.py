"""ScaledObjects of KEDA: queries about the primary, and a pause that is tidegate's own."""

from copy import deepcopy
from typing import Any

import pytest

from canary.api.kinds import Manifest
from canary.scalers.scaledobject import HELD, PAUSED, PAUSED_REPLICAS, ScaledObjectScaler
from tests.cases.scalers.scaledobject import CASE
from tests.resources.builders import a_canary

SCALER = ScaledObjectScaler()
REFERENCE = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "scaler"}


def copy_of(source: Manifest, *, minimum: int = 0, **more: Any) -> Any:
    canary = a_canary(autoscalerRef=REFERENCE | more)
    return SCALER.primary(canary, source, minimum=minimum).manifest["spec"]


def asking(query: object) -> Manifest:
    manifest = deepcopy(CASE.written)
    manifest["spec"]["triggers"][0]["metadata"]["query"] = query
    return manifest


def changed(**spec: Any) -> Manifest:
    manifest = deepcopy(CASE.written)
    manifest["spec"] |= spec
    return manifest


@pytest.mark.parametrize(
    ("written", "primary"),
    [
        ('rate(x{app="podinfo"}[1m])', 'rate(x{app="podinfo-primary"}[1m])'),
        ('rate(x{app="podinfo-canary"}[1m])', 'rate(x{app="podinfo-primary"}[1m])'),
        ('rate(x{pod=~"podinfo-.*"}[1m])', 'rate(x{pod=~"podinfo-primary-.*"}[1m])'),
        ('rate(x{pod=~"podinfo-[0-9a-z]+"}[1m])', 'rate(x{pod=~"podinfo-primary-[0-9a-z]+"}[1m])'),
        ('x{host="podinfo.shop.svc"}', 'x{host="podinfo-primary.shop.svc"}'),
        ('x{app="podinfo-primary"}', 'x{app="podinfo-primary"}'),
        ('x{app="podinfo-api"}', 'x{app="podinfo-api"}'),
        ('x{app="my-podinfo"}', 'x{app="my-podinfo"}'),
        ('podinfo_requests_total{app="a"}', 'podinfo_requests_total{app="a"}'),
        ("job:podinfo:rate5m", "job:podinfo:rate5m"),
        (7, 7),
    ],
)
def test_a_query_about_the_target_asks_about_the_primary(written: object, primary: object):
    triggers = copy_of(asking(written))["triggers"]
    assert triggers[0]["metadata"]["query"] == primary
    assert triggers[1] == CASE.written["spec"]["triggers"][1]


def test_queries_that_are_given_are_asked_by_the_name_of_their_trigger_and_others_stay():
    source = changed(
        triggers=[
            {"type": "prometheus", "name": "rps", "metadata": {"query": "x{app='podinfo'}"}},
            {"type": "prometheus", "metadata": {"query": "y{app='podinfo'}"}},
        ]
    )
    triggers = copy_of(source, primaryScalerQueries={"rps": "z"})["triggers"]
    assert [each["metadata"]["query"] for each in triggers] == ["z", "y{app='podinfo'}"]


def test_a_named_autoscaler_of_keda_gets_another_name():
    config = {"name": "podinfo-hpa", "behavior": {"scaleDown": {}}}
    spec = copy_of(changed(advanced={"horizontalPodAutoscalerConfig": config}))
    assert spec["advanced"]["horizontalPodAutoscalerConfig"] == config | {
        "name": "podinfo-hpa-primary"
    }


def test_without_bounds_those_of_keda_hold():
    bare = changed()
    del bare["spec"]["minReplicaCount"], bare["spec"]["maxReplicaCount"]
    assert (SCALER.minimum(bare), SCALER.maximum(bare)) == (0, 100)
    assert copy_of(bare, minimum=3)["minReplicaCount"] == 3
    assert "minReplicaCount" not in copy_of(bare)


def test_an_idle_primary_stays_as_large_as_a_run_needs_it():
    idle = changed(minReplicaCount=2, idleReplicaCount=0)
    assert copy_of(idle)["idleReplicaCount"] == 0
    assert "idleReplicaCount" not in copy_of(idle, minimum=3)


def test_one_without_room_below_its_primarys_bounds_has_no_idle_number():
    idle = changed(minReplicaCount=3, idleReplicaCount=1)
    assert "idleReplicaCount" not in copy_of(idle, primaryScalerReplicas={"minReplicas": 1})


@pytest.mark.parametrize(
    "spec", [{"minReplicaCount": 0}, {"minReplicaCount": 2, "idleReplicaCount": 0}]
)
def test_it_rests_at_none_by_its_fewest_replicas_or_by_its_idle_ones(spec: dict[str, int]):
    assert SCALER.rests(changed(**spec))
    assert SCALER.rests({"spec": copy_of(changed(**spec))})


@pytest.mark.parametrize(
    "own",
    [{PAUSED_REPLICAS: "3"}, {PAUSED: "true"}, {PAUSED_REPLICAS: "4", HELD: "3"}],
    ids=["kept at a number", "kept as it is", "another number than tidegate's"],
)
@pytest.mark.parametrize("replicas", [0, 3, None])
def test_what_a_person_has_paused_stays_paused(own: dict[str, str], replicas: int | None):
    manifest = changed()
    manifest["metadata"] = manifest["metadata"] | {"annotations": own}
    assert SCALER.paused(manifest, replicas=replicas) is None
