"""Of a broken object everything is read that can be: whom it is for, so that it can be deleted safely."""

import pytest

from canary.api.deliverypolicy import DeliveryPolicySpec
from canary.api.salvage import salvage, salvage_reach
from tests.api.examples import BAD_CANARIES, GONE, a_canary, patched


@pytest.mark.parametrize("name", BAD_CANARIES)
def test_whatever_is_wrong_with_it_the_target_is_found_or_nothing_is(name):
    obj = BAD_CANARIES[name].obj
    saved = salvage(obj)
    if saved is not None:
        assert saved.spec.target_ref.name == obj["spec"]["targetRef"]["name"]


def test_a_sound_canary_is_read_as_it_is():
    saved = salvage(a_canary())
    assert saved is not None
    assert saved.spec.analysis.step_weight == 10


def test_only_what_does_not_decode_is_left_out():
    saved = salvage(
        patched(
            a_canary(),
            {
                "analysis/interval": "soon",
                "analysis/metrics": [{"name": 1}, {"name": "kept", "query": "up"}, {"name": 2}],
                "service/targetPort": [80],
                "revertOnDeletion": True,
            },
        )
    )
    assert saved is not None
    assert [metric.name for metric in saved.spec.analysis.metrics] == ["kept"]
    assert saved.spec.service.port == 9898
    assert saved.spec.analysis.max_weight == 50
    assert saved.spec.reverts_on_deletion


@pytest.mark.parametrize(
    "changes",
    [{"targetRef": GONE}, {"targetRef": "podinfo"}, {"targetRef/kind": 7}],
    ids=["no target", "a name only", "a kind that is none"],
)
def test_without_what_names_the_target_there_is_nothing_to_save(changes):
    assert salvage(patched(a_canary(), changes)) is None


@pytest.mark.parametrize("analysis", [GONE, 7, None, {"metrics": 7, "threshold": "many"}])
def test_a_deletion_needs_no_analysis(analysis):
    saved = salvage(patched(a_canary(), {"analysis": analysis}))
    assert saved is not None
    assert saved.spec.analysis.metrics == ()


@pytest.mark.parametrize("document", [{}, {"spec": 7}, {"kind": "Deployment"}])
def test_what_is_no_canary_is_nothing(document):
    assert salvage(document) is None


@pytest.mark.parametrize(
    ("spec", "reach"),
    [
        (None, {}),
        ("no object", {}),
        ({"stop": 1, "namespaces": ["shop"]}, {"namespaces": ["shop"]}),
        ({"namespaces": ["Shop!"], "selector": {}}, {"selector": {}}),
        ({"namespaces": ["shop"], "selector": 1}, {"namespaces": ["shop"]}),
    ],
)
def test_whom_a_broken_policy_binds_is_read_as_far_as_it_can_be(spec, reach):
    assert salvage_reach({"spec": spec}) == DeliveryPolicySpec.model_validate(reach)
