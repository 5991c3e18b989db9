"""What holds for every kind of autoscaler."""

from copy import deepcopy
from typing import Any

import pytest

from canary.api.canary import Canary
from canary.api.kinds import Manifest
from canary.scalers import SCALERS, Scaler, installed_scaler
from tests.case import ScalerCase, case_of
from tests.resources.builders import OWNER, a_canary
from tests.targets.test_compliance import merged

pytestmark = pytest.mark.parametrize("kind", SCALERS.names())


def written(kind: str) -> Manifest:
    case: ScalerCase = case_of(SCALERS, kind)
    return case.written


def scaler(kind: str) -> Scaler:
    found = installed_scaler(kind)
    assert found is not None
    return found


def referring(kind: str, **more: Any) -> Canary:
    source = written(kind)
    reference = {"apiVersion": source["apiVersion"], "kind": kind, "name": "scaler"}
    return a_canary(autoscalerRef=reference | more)


def primary(kind: str, *, minimum: int = 0, existing: Manifest | None = None, **more: Any) -> Any:
    canary = referring(kind, **more)
    wanted = scaler(kind).primary(canary, written(kind), minimum=minimum, existing=existing)
    return wanted.mended(existing)


def bounds(kind: str, manifest: Manifest) -> tuple[int, int | None]:
    return scaler(kind).minimum(manifest), scaler(kind).maximum(manifest)


def test_is_found_by_the_name_of_its_kind(kind: str):
    assert scaler(kind).kind.kind == kind
    assert installed_scaler(f"{kind}s") is None


def test_declares_the_kinds_that_it_reads_and_writes(kind: str):
    assert (scaler(kind).writes, scaler(kind).reads) == ((scaler(kind).kind,), ())


def test_the_copy_scales_the_primary_and_belongs_to_the_canary(kind: str):
    before = deepcopy(written(kind))
    copy = primary(kind)
    assert before == written(kind)
    assert copy["kind"] == kind
    assert copy["metadata"]["name"] == "scaler-primary"
    assert copy["metadata"]["ownerReferences"] == [OWNER]
    assert copy["spec"]["scaleTargetRef"] == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": "podinfo-primary",
    }
    assert bounds(kind, copy) == (2, 4)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"minReplicas": 3}, (3, 4)),
        ({"maxReplicas": 9}, (2, 9)),
        ({"minReplicas": 1, "maxReplicas": 1}, (1, 1)),
    ],
)
def test_the_bounds_of_the_copy_may_differ(
    kind: str, given: dict[str, int], expected: tuple[int, int]
):
    assert bounds(kind, primary(kind, primaryScalerReplicas=given)) == expected


@pytest.mark.parametrize(("minimum", "expected"), [(0, (2, 4)), (3, (3, 4)), (9, (4, 4))])
def test_the_copy_goes_no_lower_than_it_may_during_a_run(
    kind: str, minimum: int, expected: tuple[int, int]
):
    assert bounds(kind, primary(kind, minimum=minimum)) == expected


def test_a_copy_that_is_rendered_again_is_the_same(kind: str):
    once = primary(kind)
    assert primary(kind, existing=once) == once


@pytest.mark.parametrize(
    ("given", "expected"), [({"minReplicas": 9}, (9, 9)), ({"maxReplicas": 1}, (1, 1))]
)
def test_a_bound_of_the_copy_that_is_given_moves_the_other_one_where_it_would_be_refused(
    kind: str, given: dict[str, int], expected: tuple[int, int]
):
    assert bounds(kind, primary(kind, primaryScalerReplicas=given)) == expected


def test_it_says_whether_it_takes_the_pods_of_what_has_nothing_to_do(kind: str):
    assert not scaler(kind).rests(written(kind))
    assert not scaler(kind).rests(primary(kind, primaryScalerReplicas={"minReplicas": 1}))


def test_a_change_of_the_users_reaches_the_copy_and_one_of_the_copy_is_undone(kind: str):
    once = primary(kind)
    edited = deepcopy(once)
    edited["spec"] |= {"added": True}
    changed = written(kind) | {"spec": written(kind)["spec"] | {"behavior": {"x": 1}}}
    wanted = scaler(kind).primary(referring(kind), changed, minimum=0, existing=edited)
    assert wanted.differs(once)
    assert wanted.mended(edited)["spec"] == once["spec"] | {"behavior": {"x": 1}}


@pytest.mark.parametrize("replicas", [0, 3])
def test_pausing_and_resuming_leave_it_as_it_was_and_reach_no_copy(kind: str, replicas: int):
    source = written(kind)
    pause = scaler(kind).paused(source, replicas=replicas)
    assert (pause is not None) == scaler(kind).pauses
    paused = source if pause is None else merged(source, pause)
    assert scaler(kind).paused(paused, replicas=replicas) is None
    copy = scaler(kind).primary(referring(kind), paused, minimum=0, existing=None)
    assert copy.mended(None) == primary(kind)
    resume = scaler(kind).paused(paused, replicas=None)
    assert (paused if resume is None else merged(paused, resume)) == source
    assert scaler(kind).paused(source, replicas=None) is None


@pytest.mark.parametrize(("before", "after"), [(0, 3), (3, 0), (3, 4)])
def test_it_is_kept_at_another_number_as_it_is_kept_there_at_once(
    kind: str, before: int, after: int
):
    def kept(source: Manifest, replicas: int) -> Manifest:
        patch = scaler(kind).paused(source, replicas=replicas)
        return source if patch is None else merged(source, patch)

    assert kept(kept(written(kind), before), after) == kept(written(kind), after)
