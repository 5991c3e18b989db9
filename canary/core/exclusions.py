"""What to write into a GitOps tool so that it leaves alone what tidegate writes, ready to paste.

Tools are known by the names under which the API server records their writes.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from canary.core.facts import Drift

#: More places than this are not listed.
_MOST = 3


def exclusion(drift: Drift) -> str:
    """Give the rule for the tool that made a change; empty where it is none that is known."""
    write = _RULES.get(drift.changed_by)
    return write(drift) if write is not None and drift.fields else ""


def _argo_cd(drift: Drift) -> str:
    pointers = ", ".join(_pointers(drift.fields))
    return (
        "in Argo CD's Application set RespectIgnoreDifferences=true and ignoreDifferences: "
        f"[{{group: '*', kind: {drift.kind}, name: {drift.name}, jsonPointers: [{pointers}]}}]"
    )


def _kustomize(drift: Drift) -> str:
    return (
        f"in Flux annotate {drift.kind} {drift.name} in Git with "
        "kustomize.toolkit.fluxcd.io/reconcile: disabled, or take the field out of Git"
    )


def _helm(drift: Drift) -> str:
    pointers = ", ".join(_pointers(drift.fields))
    return (
        "in Flux's HelmRelease set driftDetection.ignore: "
        f"[{{paths: [{pointers}], target: {{kind: {drift.kind}, name: {drift.name}}}}}]"
    )


def _pointers(fields: Sequence[str]) -> list[str]:
    """Write places as JSON pointers; a place inside a list stands for the whole list."""
    pointers = (_pointer(each) for each in fields)
    return list(dict.fromkeys(pointers))[:_MOST]


def _pointer(place: str) -> str:
    names, _, brackets = place.partition("[")
    # In the brackets is a key, such as an annotation's, or a number in a list.
    keys = brackets.split("'")[1:2] if brackets.startswith("'") else []
    steps = [*filter(None, names.split(".")), *keys]
    return "".join(f"/{each.replace('~', '~0').replace('/', '~1')}" for each in steps)


_RULES: Mapping[str, Callable[[Drift], str]] = MappingProxyType(
    {
        "argocd-controller": _argo_cd,
        "kustomize-controller": _kustomize,
        "helm-controller": _helm,
    }
)
