"""What a GitOps tool must leave alone of a target, by the marks that it leaves on what it applies."""

from typing import Any

import pytest

from canary.resources.gitops import rule_for

ARGO_CD = {"annotations": {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:prod/shop"}}
BY_LABEL = {"labels": {"argocd.argoproj.io/instance": "shop"}}
KUSTOMIZE = {"labels": {"kustomize.toolkit.fluxcd.io/name": "shop"}}
HELM = {"labels": {"helm.toolkit.fluxcd.io/name": "shop"}}
WITH_REPLICAS = {"replicas": 3}


def said(marks: Any, spec: Any = None, *, keeps: bool = False) -> str:
    target = {"kind": "Deployment", "metadata": {"name": "shop", **marks}, "spec": spec or {}}
    return rule_for(target, keeps=keeps)


@pytest.mark.parametrize("marks", [ARGO_CD, BY_LABEL], ids=["by annotation", "by label"])
@pytest.mark.parametrize("spec", [{}, WITH_REPLICAS], ids=["of any kind", "that is scaled"])
def test_argo_cd_is_given_its_one_rule(marks: Any, spec: Any):
    assert said(marks, spec) == (
        "Argo CD applies Deployment shop, and may undo what tidegate writes: in its Application set "
        "RespectIgnoreDifferences=true and "
        "ignoreDifferences: [{group: '*', kind: '*', managedFieldsManagers: [tidegate]}]"
    )


def test_flux_leaves_out_the_one_field_that_it_would_write_too():
    assert said(KUSTOMIZE, WITH_REPLICAS) == (
        "Flux applies Deployment shop: leave spec.replicas out of Git, because tidegate writes it"
    )
    assert "leave spec.paused out of Git" in said(KUSTOMIZE, WITH_REPLICAS, keeps=True)
    assert said(HELM, WITH_REPLICAS) == (
        "Flux applies Deployment shop: leave spec.replicas out of the chart, because tidegate writes "
        "it, or set driftDetection.ignore: [{paths: [/spec/replicas], target: {kind: Deployment, "
        "name: shop}}] in the HelmRelease"
    )


@pytest.mark.parametrize("marks", [KUSTOMIZE, HELM], ids=["kustomize", "helm"])
def test_flux_needs_no_rule_where_nothing_is_scaled(marks: Any):
    assert said(marks) == ""


@pytest.mark.parametrize(
    "marks",
    [{}, {"labels": {"app.kubernetes.io/managed-by": "Helm"}}, {"annotations": None}],
    ids=["no marks", "Helm by hand", "annotations that are null"],
)
def test_what_no_tool_applies_again_needs_none(marks: Any):
    assert said(marks, WITH_REPLICAS) == ""
