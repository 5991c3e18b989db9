"""What a GitOps tool that applies a target must leave alone, said before it undoes a run.

Tools mark what they apply. Of what they undo later `canary.core.exclusions` says more.
https://argo-cd.readthedocs.io/en/stable/user-guide/resource_tracking/
https://fluxcd.io/flux/components/kustomize/kustomizations/#prune
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from canary.api.kinds import Manifest

Rule = Callable[[str, str, str], str]
"""Writes what must be left alone of a target: its kind, its name, and the field that is written, if any."""


def rule_for(target: Manifest, *, keeps: bool) -> str:
    """Give the rule for the tool that applies a target; empty where none is known, or none needed.

    `keeps` says that the target stays the primary, which is paused rather than scaled.
    """
    metadata = target["metadata"]
    scaled = "spec.replicas" if "replicas" in target["spec"] else ""
    field = "spec.paused" if keeps else scaled
    for (place, mark), write in _RULES.items():
        if mark in (metadata.get(place) or {}):
            return write(target["kind"], metadata["name"], field)
    return ""


def _argo_cd(kind: str, name: str, _field: str) -> str:
    return (
        f"Argo CD applies {kind} {name}, and may undo what tidegate writes: in its Application set "
        "RespectIgnoreDifferences=true and "
        "ignoreDifferences: [{group: '*', kind: '*', managedFieldsManagers: [tidegate]}]"
    )


def _kustomize(kind: str, name: str, field: str) -> str:
    if not field:
        return ""
    return f"Flux applies {kind} {name}: leave {field} out of Git, because tidegate writes it"


def _helm(kind: str, name: str, field: str) -> str:
    if not field:
        return ""
    pointer = f"/{field.replace('.', '/')}"
    return (
        f"Flux applies {kind} {name}: leave {field} out of the chart, because tidegate writes it, or "
        f"set driftDetection.ignore: [{{paths: [{pointer}], target: {{kind: {kind}, name: {name}}}}}] "
        "in the HelmRelease"
    )


_RULES: Mapping[tuple[str, str], Rule] = MappingProxyType(
    {
        ("annotations", "argocd.argoproj.io/tracking-id"): _argo_cd,
        ("labels", "argocd.argoproj.io/instance"): _argo_cd,
        ("labels", "kustomize.toolkit.fluxcd.io/name"): _kustomize,
        ("labels", "helm.toolkit.fluxcd.io/name"): _helm,
    }
)
"""By where a tool leaves which mark."""
