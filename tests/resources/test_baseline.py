"""The baseline's workload and service: the primary's, with a label and an owner of their own."""

from typing import Any

import pytest

from canary.api.annotations import REVISION
from canary.api.kinds import DEPLOYMENT, Manifest
from canary.errors import Problem
from canary.resources.baseline import (
    baseline,
    baseline_label,
    baseline_owners,
    baseline_service,
    of_baseline,
)
from canary.resources.names import SelectorLabel
from tests.resources.builders import LABEL, OWNER, a_canary, a_deployment

PRIMARY = {"app": "podinfo-primary", "tier": "web"}
SERVICE = {"metadata": {"name": "podinfo-baseline", "uid": "service-uid"}}
OWN = SelectorLabel("app", "podinfo-baseline")


def a_primary(**changes: Any) -> Manifest:
    return a_deployment(labels=PRIMARY, **changes)


def rendered(primary: Manifest, existing: Manifest | None = None):
    return baseline(
        a_canary(),
        primary,
        kind=DEPLOYMENT,
        spec={"replicas": 3},
        revision="1-old/1-new",
        selector_label=OWN,
        service=SERVICE,
        existing=existing,
    )


def test_its_pods_are_the_primarys_under_a_label_of_their_own():
    primary = a_primary()
    render = rendered(primary)
    assert render is not None
    made = render.manifest
    assert made["metadata"]["name"] == "podinfo-baseline"
    assert made["metadata"]["annotations"][REVISION] == "1-old/1-new"
    assert made["spec"]["replicas"] == 3
    selected = {"app": "podinfo-baseline", "tier": "web"}
    assert made["spec"]["selector"] == {"matchLabels": selected}
    template = made["spec"]["template"]
    assert selected.items() <= template["metadata"]["labels"].items()
    assert template["metadata"]["annotations"][REVISION] == "1-old/1-new"
    assert template["spec"] == primary["spec"]["template"]["spec"]


def test_its_service_owns_it_and_nobody_else_does():
    render = rendered(a_primary())
    assert render is not None
    owner = {
        "apiVersion": "v1",
        "kind": "Service",
        "name": "podinfo-baseline",
        "uid": "service-uid",
    }
    assert render.manifest["metadata"]["ownerReferences"] == [owner]
    former = render.manifest | {
        "metadata": render.manifest["metadata"] | {"ownerReferences": [owner | {"uid": "former"}]}
    }
    again = rendered(a_primary(), former)
    assert again is not None
    assert again.mended(former)["metadata"]["ownerReferences"] == [owner]
    assert baseline_owners(a_canary()) == ("Service.v1 podinfo-baseline",)


@pytest.mark.parametrize(
    ("owners", "ours"),
    [
        (("Service.v1 podinfo-baseline",), True),
        (("Service.v1 former-baseline",), True),
        (("Service.v1 podinfo",), False),
        (("Deployment.apps/v1 podinfo-baseline",), False),
        (("Service.v1 podinfo-baseline", "Helm"), False),
        ((), False),
    ],
)
def test_a_baseline_is_known_by_the_service_that_owns_it_whatever_the_apex_was_called(owners, ours):
    assert of_baseline(owners) is ours


def test_a_primary_whose_pods_no_label_tells_apart_has_none():
    expressed = a_primary(selector={"matchExpressions": [{"key": "app", "operator": "Exists"}]})
    assert rendered(expressed) is None
    assert rendered(a_deployment(labels={"name": "podinfo-primary"})) is None


def test_its_service_is_the_canarys_and_leads_to_its_pods_alone():
    port = {"name": "http", "port": 80, "protocol": "TCP", "targetPort": 80}
    render = baseline_service(a_canary(), OWN, PRIMARY, [port], None)
    made = render.manifest
    assert made["metadata"]["name"] == "podinfo-baseline"
    assert made["metadata"]["ownerReferences"] == [OWNER]
    assert made["spec"] == {
        "selector": {"app": "podinfo-baseline", "tier": "web"},
        "ports": [port],
    }
    assert not render.differs(made)


def test_a_label_that_has_no_room_for_it_is_refused_with_the_length():
    assert baseline_label(LABEL) == OWN
    assert isinstance(baseline_label(SelectorLabel("app", "x" * 54)), SelectorLabel)
    problem = baseline_label(SelectorLabel("app", "x" * 55))
    assert isinstance(problem, Problem)
    assert str(problem).startswith("spec.selector.matchLabels[app]:")
    assert "shorten the value to 54 characters, or remove compareWith: baseline" in str(problem)


@pytest.mark.parametrize("kept", [False, True])
def test_a_baseline_needs_a_primary_of_its_own(kept):
    from canary.targets import installed_target, target_for

    target = target_for("Deployment")
    found = target.keeping() if kept else target
    assert found is not None
    assert found.baselines is not kept
    others = [installed_target(kind) for kind in ("DaemonSet", "StatefulSet", "Service")]
    assert not any(each is None or each.baselines for each in others)
