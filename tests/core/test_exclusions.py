"""The rule that a Contested message gives for the GitOps tool that it names."""

import pytest

from canary.core.exclusions import exclusion
from canary.core.facts import Drift

WEIGHT = "spec.http[0].route[0].weight"


def changed(by: str, *fields: str) -> Drift:
    return Drift(
        kind="VirtualService", name="shop", fields=fields or (WEIGHT,), changed_by=by, version="7"
    )


@pytest.mark.parametrize(
    ("tool", "rule"),
    [
        (
            "argocd-controller",
            (
                "in Argo CD's Application set RespectIgnoreDifferences=true and ignoreDifferences: "
                "[{group: '*', kind: VirtualService, name: shop, jsonPointers: [/spec/http]}]"
            ),
        ),
        (
            "kustomize-controller",
            (
                "in Flux annotate VirtualService shop in Git with "
                "kustomize.toolkit.fluxcd.io/reconcile: disabled, or take the field out of Git"
            ),
        ),
        (
            "helm-controller",
            (
                "in Flux's HelmRelease set driftDetection.ignore: "
                "[{paths: [/spec/http], target: {kind: VirtualService, name: shop}}]"
            ),
        ),
        ("kubectl-edit", ""),
        ("", ""),
    ],
)
def test_each_tool_is_given_its_own(tool: str, rule: str) -> None:
    assert exclusion(changed(tool)) == rule


def test_what_a_tool_deletes_is_not_excluded() -> None:
    deleted = Drift(kind="Service", name="shop", changed_by="argocd-controller", version="7")
    assert exclusion(deleted) == ""


def test_places_are_pointers_each_once_and_not_too_many() -> None:
    fields = (
        "metadata.annotations['tidegate.dev/original~1']",
        "spec.selector.app",
        "spec.ports[0].port",
        "spec.ports[1].port",
        "spec.ports[1]['port']",
        "spec.type",
    )
    pointers = "[/metadata/annotations/tidegate.dev~1original~01, /spec/selector/app, /spec/ports]"
    assert f"jsonPointers: {pointers}" in exclusion(changed("argocd-controller", *fields))
