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

#: Those that have pods, which are counted, parked and told apart, and those that serve themselves.
WITH_PODS = [kind for kind in TARGETS.names() if not target_for(kind).serves]
#: Those whose primary is a workload of its own, and those whose pods are primary and canary.
BESIDE = [kind for kind in WITH_PODS if not target_for(kind).divides]
DIVIDED = [kind for kind in TARGETS.names() if target_for(kind).divides]
SERVING = [kind for kind in TARGETS.names() if target_for(kind).serves]
SERVING_BESIDE = [kind for kind in SERVING if not target_for(kind).holds_primary]
HOLDING = [kind for kind in SERVING if target_for(kind).holds_primary]

of_every_kind = pytest.mark.parametrize("kind", TARGETS.names())
with_pods = pytest.mark.parametrize("kind", WITH_PODS)
with_a_primary_beside = pytest.mark.parametrize("kind", BESIDE)
with_a_primary = pytest.mark.parametrize("kind", [*BESIDE, *SERVING])
divided = pytest.mark.parametrize("kind", DIVIDED)
serving = pytest.mark.parametrize("kind", SERVING)
serving_beside = pytest.mark.parametrize("kind", SERVING_BESIDE)
holding = pytest.mark.parametrize("kind", HOLDING)


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
    target = target_for(kind)
    wanted = target.promoted(a_canary(), source, promotion)
    assert wanted is not None
    return wanted.mended(source if target.holds_primary else promotion.existing)


@of_every_kind
def test_is_found_by_the_name_of_its_kind(kind: str):
    target = target_for(kind)
    assert target.kind.kind == kind.partition(".")[0]
    (version, *_) = target.kind.versions
    assert target_for(target.kind.kind, target.kind.api_version(version)).kind == target.kind
    assert installed_target(kind) is not None
    assert installed_target(f"{kind}s") is None


@of_every_kind
def test_it_is_held_and_has_a_canary_beside_it_only_where_it_can_be_kept(kind: str):
    target, source = target_for(kind), case(kind).written
    assert not target.keeps
    promotion = Promotion(revision="1-abc", selector_label=LABEL, configs={})
    assert target.canary(a_canary(), source, promotion) is None
    assert target.held(now=False, wanted=True) is None
    kept = target.keeping()
    if kept is None:
        return
    assert kept.keeps
    assert kept.kind == target.kind
    assert kept.canary(a_canary(keepTarget=True), source, promotion) is not None
    assert kept.held(now=False, wanted=True) is not None


@of_every_kind
def test_declares_the_kinds_that_it_reads_and_writes(kind: str):
    target = target_for(kind)
    # The router of one that holds its primary has the rights to the same object.
    assert target.writes == (() if target.holds_primary else (target.kind,))
    assert {*target.reads, target.history} == {*target.beside, target.history}


@with_a_primary_beside
def test_counts_its_pods(kind: str):
    assert target_for(kind).counts(running(kind))[:4] == (3, 3, 2, 1)
    assert target_for(kind).counts(case(kind).written | {"status": None})[1:4] == (0, 0, 0)


@with_a_primary_beside
def test_is_parked_by_no_replicas_and_runs_again_as_its_user_wrote_it(kind: str):
    target = target_for(kind)
    parked = scaled(kind, running(kind), 0)
    assert target.counts(parked).replicas == 0
    assert scaled(kind, parked, 0) == parked
    assert scaled(kind, parked, 3) == running(kind)


@with_a_primary_beside
def test_is_scaled_if_it_says_so_and_runs_as_many_pods_as_the_cluster_decides_otherwise(kind: str):
    target = target_for(kind)
    more = target.counts(scaled(kind, running(kind), 5)).replicas
    assert more == (5 if target.scales else 3)


@with_a_primary_beside
def test_to_park_it_is_no_new_revision(kind: str):
    target = target_for(kind)
    written, parked = (
        HASHING.template_digest(target.written(each))
        for each in (running(kind), scaled(kind, running(kind), 0))
    )
    assert written == parked
    assert target.written(running(kind)) == TEMPLATE


@with_pods
def test_its_history_has_the_template_as_its_user_wrote_it(kind: str):
    remembered = case(kind).remembered
    assert remembered is not None
    assert target_for(kind).remembered(remembered) == TEMPLATE


@with_pods
def test_its_pods_belong_to_it_and_to_no_other_kind(kind: str):
    pod = case(kind).pod
    assert pod is not None
    for other in TARGETS.names():
        member = target_for(other).member(pod)
        assert (member is not None) == (other == kind)
    found = target_for(kind).member(pod)
    assert found is not None
    assert found.workload == "podinfo"
    assert found.version


@of_every_kind
def test_a_pod_without_an_owner_belongs_to_none(kind: str):
    assert target_for(kind).member({"metadata": {"name": "x"}}) is None


@with_a_primary_beside
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


@with_a_primary_beside
def test_the_pods_of_its_primary_spread_and_avoid_each_other_as_those_of_the_target_do(kind: str):
    def spread(value: str) -> Manifest:
        selector = {"matchLabels": {"app": value}, "matchExpressions": [_among(value)]}
        term = {"topologyKey": "zone", "labelSelector": selector}
        rules = {
            "requiredDuringSchedulingIgnoredDuringExecution": [term],
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 1, "podAffinityTerm": term}
            ],
        }
        return {
            "affinity": {"podAffinity": rules, "podAntiAffinity": rules},
            "topologySpreadConstraints": [{"maxSkew": 1, **term}],
        }

    source = deepcopy(case(kind).written)
    source["spec"]["template"]["spec"] |= spread("podinfo")
    written = target_for(kind).written(promoted(kind, source))["spec"]
    assert {key: written[key] for key in spread("")} == spread("podinfo-primary")


def _among(value: str) -> Manifest:
    return {"key": "app", "operator": "In", "values": ["other", value]}


@with_a_primary
def test_a_primary_that_is_rendered_again_is_the_same(kind: str):
    once = promoted(kind, case(kind).written, replicas=3)
    assert promoted(kind, case(kind).written, existing=once) == once


@with_a_primary
def test_what_it_is_given_stays_as_it_was(kind: str):
    target, source = target_for(kind), running(kind) if case(kind).running else case(kind).written
    before = deepcopy((source, case(kind).remembered))
    promoted(kind, source)
    target.written(source)
    target.remembered(case(kind).remembered or source)
    assert (source, case(kind).remembered) == before


@serving
def test_one_that_serves_is_ready_at_once_and_neither_parked_nor_scaled(kind: str):
    target, written = target_for(kind), case(kind).written
    assert target.counts(written)[:4] == (1, 1, 1, 1)
    assert not target.scales
    assert [target.scaled(1, replicas) for replicas in (0, 1, 3)] == [None] * 3
    assert not target.strategy(written).leaves_none(1)


@serving_beside
def test_one_that_serves_has_a_primary_and_a_canary_that_lead_where_it_leads(kind: str):
    target, written = target_for(kind), case(kind).written
    primary = promoted(kind, written)
    assert primary["metadata"]["name"] == "podinfo-primary"
    assert primary["metadata"]["annotations"][REVISION] == "1-abc"
    (canary,) = (each.mended(None) for each in target.services(a_canary(), {"podinfo": written}))
    assert canary["metadata"]["name"] == "podinfo-canary"
    assert (
        canary["metadata"]["ownerReferences"] == [OWNER] == primary["metadata"]["ownerReferences"]
    )
    assert target.written(primary) == target.written(canary) == target.written(written)
    assert target.services(a_canary(), {}) == ()


@with_a_primary_beside
def test_one_with_pods_makes_no_service_by_itself_and_refuses_no_canary(kind: str):
    assert target_for(kind).services(a_canary(), {"podinfo": case(kind).written}) == ()
    assert target_for(kind).problems(a_canary()) == ()


@divided
def test_one_that_is_divided_is_neither_parked_nor_scaled_and_has_no_primary_beside_it(kind: str):
    target, source = target_for(kind), running(kind)
    assert target.counts(source)[:4] == (1, 1, 1, 1)
    assert not target.scales
    assert [target.scaled(1, replicas) for replicas in (0, 1, 3)] == [None] * 3
    assert target.strategy(source).in_place
    assert target.services(a_canary(), {"podinfo": source}) == ()
    with pytest.raises(NotImplementedError):
        promoted(kind, source)


@divided
def test_how_the_pods_of_one_that_is_divided_run_is_told_by_its_status(kind: str):
    found = target_for(kind).divided(running(kind))
    assert found is not None
    assert (found.pods, found.beyond, found.there, found.ready) == (3, 2, 2, 1)
    assert found.serving != found.newest != ""
    assert not found.strays


@with_a_primary
def test_one_with_a_primary_beside_it_is_not_divided(kind: str):
    target = target_for(kind)
    assert target.divided(case(kind).written) is None
    assert target.strays(case(kind).written, ()) == ()


@holding
def test_one_that_holds_its_primary_is_given_it_and_nothing_else_of_it_changes(kind: str):
    target, written = target_for(kind), case(kind).written
    after = promoted(kind, written)
    assert target.written(after) == target.written(written)
    assert after["metadata"]["name"] == written["metadata"]["name"]
    assert target.primary(a_canary(), written) is None
    primary = target.primary(a_canary(), after | {"status": written["status"]})
    assert primary is not None
    assert primary["metadata"]["annotations"][REVISION] == "1-abc"
    assert primary["metadata"]["ownerReferences"] == [OWNER]
    assert target.counts(primary)[:4] == (1, 1, 1, 1)
    assert primary["metadata"]["uid"] != written["metadata"].get("uid")


@pytest.mark.parametrize("kind", [each for each in TARGETS.names() if each not in HOLDING])
def test_one_whose_primary_is_an_object_of_its_own_holds_none(kind: str):
    assert target_for(kind).primary(a_canary(), case(kind).written) is None
