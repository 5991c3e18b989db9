"""What holds for every kind of workload."""

from copy import deepcopy
from typing import Any

import pytest

from canary.api.annotations import REVISION
from canary.api.kinds import Manifest
from canary.resources.revision import HASHING
from canary.targets import TARGETS, Promotion, installed_target, target_for
from tests.case import TargetCase, case_of
from tests.resources.builders import LABEL, OWNER, a_canary
from tests.targets.workloads import TEMPLATE

pytestmark = pytest.mark.parametrize("kind", TARGETS.names())


def merged(manifest: Manifest, patch: Any) -> Manifest:
    """Apply a merge patch, as the API server does: a map that ends up empty is left out."""
    result = deepcopy(manifest)
    for key, value in patch.items():
        if isinstance(value, dict):
            inside = merged(result.get(key) or {}, value)
            result.pop(key, None)
            if inside:
                result[key] = inside
        elif value is None:
            result.pop(key, None)
        else:
            result[key] = value
    return result


def case(kind: str) -> TargetCase:
    found: TargetCase = case_of(TARGETS, kind)
    return found


def running(kind: str) -> Manifest:
    return case(kind).written | {"status": case(kind).running}


def scaled(kind: str, manifest: Manifest, replicas: int) -> Manifest:
    target = target_for(kind)
    patch = target.scaled(target.counts(manifest).replicas, replicas)
    return manifest if patch is None else merged(manifest, patch)


def promoted(kind: str, source: Manifest, **more: Any) -> Manifest:
    promotion = Promotion(revision="1-abc", selector_label=LABEL, configs={}, **more)
    wanted = target_for(kind).promoted(a_canary(), source, promotion)
    return wanted.mended(promotion.existing)


def test_is_found_by_the_name_of_its_kind(kind: str):
    assert target_for(kind).kind.kind == kind
    assert installed_target(kind) is not None
    assert installed_target(f"{kind}s") is None


def test_declares_the_kinds_that_it_reads_and_writes(kind: str):
    target = target_for(kind)
    assert target.writes == (target.kind,)
    assert set(target.reads) == {*target.beside, target.history}


def test_counts_its_pods(kind: str):
    assert target_for(kind).counts(running(kind))[:4] == (3, 3, 2, 1)
    assert target_for(kind).counts(case(kind).written | {"status": None})[1:4] == (0, 0, 0)


def test_is_parked_by_no_replicas_and_runs_again_as_its_user_wrote_it(kind: str):
    target = target_for(kind)
    parked = scaled(kind, running(kind), 0)
    assert target.counts(parked).replicas == 0
    assert scaled(kind, parked, 0) == parked
    assert scaled(kind, parked, 3) == running(kind)


def test_is_scaled_if_it_says_so_and_runs_as_many_pods_as_the_cluster_decides_otherwise(kind: str):
    target = target_for(kind)
    more = target.counts(scaled(kind, running(kind), 5)).replicas
    assert more == (5 if target.scales else 3)


def test_to_park_it_is_no_new_revision(kind: str):
    target = target_for(kind)
    written, parked = (
        HASHING.template_digest(target.written(each))
        for each in (running(kind), scaled(kind, running(kind), 0))
    )
    assert written == parked
    assert target.written(running(kind)) == TEMPLATE


def test_its_history_has_the_template_as_its_user_wrote_it(kind: str):
    assert target_for(kind).remembered(case(kind).remembered) == TEMPLATE


def test_its_pods_belong_to_it_and_to_no_other_kind(kind: str):
    for other in TARGETS.names():
        member = target_for(other).member(case(kind).pod)
        assert (member is not None) == (other == kind)
    found = target_for(kind).member(case(kind).pod)
    assert found is not None
    assert found.workload == "podinfo"
    assert found.version


def test_a_pod_without_an_owner_belongs_to_none(kind: str):
    assert target_for(kind).member({"metadata": {"name": "x"}}) is None


def test_its_primary_has_the_analysed_template_and_runs(kind: str):
    target = target_for(kind)
    primary = promoted(kind, case(kind).written, replicas=3)
    assert primary["kind"] == kind
    assert primary["metadata"]["name"] == "podinfo-primary"
    assert primary["metadata"]["annotations"][REVISION] == "1-abc"
    assert primary["metadata"]["ownerReferences"] == [OWNER]
    assert primary["spec"]["selector"] == {"matchLabels": {"app": "podinfo-primary"}}
    assert target.written(primary)["spec"] == TEMPLATE["spec"]
    assert target.counts(primary).replicas > 0


def test_a_primary_that_is_rendered_again_is_the_same(kind: str):
    once = promoted(kind, case(kind).written, replicas=3)
    assert promoted(kind, case(kind).written, existing=once) == once


def test_what_it_is_given_stays_as_it_was(kind: str):
    target, source = target_for(kind), running(kind)
    before = deepcopy((source, case(kind).remembered))
    promoted(kind, source)
    target.written(source)
    target.remembered(case(kind).remembered)
    assert (source, case(kind).remembered) == before
