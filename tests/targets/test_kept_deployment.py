"""A Deployment that is kept: what its canary has of it, and what is refused."""

import pytest

from canary.api.annotations import REVISION
from canary.api.kinds import Manifest
from canary.resources.names import kept_selectors
from canary.targets import Promotion
from canary.targets.deployment import DeploymentTarget, KeptDeployment
from tests.resources.builders import LABEL, OWNER, a_canary, a_deployment

KEPT = KeptDeployment()
CANARY = a_canary(keepTarget=True)


def beside(
    target: Manifest, existing: Manifest | None = None, replicas: int | None = 0
) -> Manifest:
    promotion = Promotion(
        revision="1-abc", selector_label=LABEL, configs={}, replicas=replicas, existing=existing
    )
    return KEPT.canary(CANARY, target, promotion).mended(existing)


def test_its_canary_has_its_template_under_a_name_and_a_label_of_its_own() -> None:
    target = a_deployment(paused=True, replicas=4, minReadySeconds=5)
    canary = beside(target)
    assert canary["metadata"]["name"] == "podinfo-canary"
    assert canary["metadata"]["annotations"][REVISION] == "1-abc"
    assert canary["metadata"]["ownerReferences"] == [OWNER]
    spec = canary["spec"]
    assert spec["selector"] == {"matchLabels": {"app": "podinfo-canary"}}
    assert spec["template"]["metadata"]["labels"]["app"] == "podinfo-canary"
    assert spec["template"]["spec"] == target["spec"]["template"]["spec"]
    assert (spec["replicas"], spec["minReadySeconds"]) == (0, 5)
    assert "paused" not in spec


def test_its_canary_keeps_its_pods_and_its_selector_with_another_template() -> None:
    before = beside(a_deployment(labels={"app": "podinfo", "tier": "web"}))
    before["spec"]["replicas"] = 3
    after = beside(a_deployment(container={"image": "podinfo:2"}), before, replicas=None)
    assert after["spec"]["replicas"] == 3
    assert after["spec"]["selector"]["matchLabels"] == {"app": "podinfo-canary", "tier": "web"}
    assert after["spec"]["template"]["metadata"]["labels"]["tier"] == "web"
    assert after["spec"]["template"]["spec"]["containers"][0]["image"] == "podinfo:2"


def test_it_is_held_by_its_pause_which_is_left_out_otherwise() -> None:
    assert KEPT.held(now=False, wanted=True) == {"spec": {"paused": True}}
    assert KEPT.held(now=True, wanted=False) == {"spec": {"paused": None}}
    assert KEPT.held(now=True, wanted=True) is None
    assert KEPT.counts(a_deployment(paused=True)).paused
    assert not KEPT.counts(a_deployment()).paused


def test_it_gets_no_primary_beside_it() -> None:
    promotion = Promotion(revision="1-abc", selector_label=LABEL, configs={})
    with pytest.raises(NotImplementedError):
        KEPT.promoted(CANARY, a_deployment(), promotion)


def test_it_is_read_as_any_deployment_and_kept_once() -> None:
    assert (KEPT.keeps, DeploymentTarget().keeps) == (True, False)
    assert DeploymentTarget().keeping().keeps
    assert KEPT.keeping().keeps


def test_each_service_leads_to_one_side_by_all_of_its_labels() -> None:
    target = a_deployment(labels={"app": "podinfo", "tier": "web"})
    found = kept_selectors(target, LABEL)
    assert found.primary == {"app": "podinfo", "tier": "web"}
    assert found.target == {"app": "podinfo-canary", "tier": "web"}
    # The labels that a canary selects by are as old as the canary.
    older = beside(a_deployment())
    assert kept_selectors(target, LABEL, older).target == {"app": "podinfo-canary"}


def test_what_is_given_back_leads_to_its_own_pods_on_each_side() -> None:
    found = kept_selectors(a_deployment(), LABEL).given_back
    assert found.primary == found.target == {"app": "podinfo"}
