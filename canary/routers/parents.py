"""What the parents of a route of the Gateway API say of it: each may reject it as it is.

https://gateway-api.sigs.k8s.io/reference/api-spec/main/spec/#routeparentstatus
"""

from collections.abc import Iterator
from typing import Any

from canary.api.annotations import ACCEPTANCE
from canary.api.canary import Canary
from canary.api.kinds import Manifest
from canary.api.raw import items, part, text
from canary.api.rules import GATEWAY_API_HAS_PARENT
from canary.api.service import Acceptance
from canary.api.traffic import ParentReference
from canary.errors import Problem
from canary.objects.places import Path
from canary.objects.render import annotations, fields
from canary.routers.accepted import of_earlier

#: The statuses that reject a route, by condition. With PartiallyInvalid some of its rules are left
#: out, or an earlier state of it is kept; Programmed is False where no proxy took it.
_REJECTS = {
    "Accepted": "False",
    "PartiallyInvalid": "True",
    "Programmed": "False",
    "ResolvedRefs": "False",
}
#: The reasons of a condition that nothing was found out about yet.
_NOT_YET = {"Pending", "Unknown"}
_Parent = tuple[Any, ...]
OWNED: tuple[Path, ...] = (
    *fields("parentRefs", "hostnames", "rules"),
    *annotations(ACCEPTANCE),
)
"""The places of a route that are tidegate's."""
#: What tells the parents of a route apart, with their namespace; the rest may be left out, or
#: filled in.
_PARENT = ("kind", "name", "sectionName", "port")


def acceptance(canary: Canary) -> dict[str, str]:
    """Write onto a route that one parent is enough, for those who read its status."""
    any_ = canary.spec.service.acceptance is Acceptance.ANY
    return {ACCEPTANCE: Acceptance.ANY} if any_ else {}


def parent_problems(canary: Canary) -> Iterator[Problem]:
    """Tell of a route without a parent."""
    if not canary.spec.service.gateway_refs:
        yield Problem("spec.service.gatewayRefs", None, GATEWAY_API_HAS_PARENT.remedy)


def refusal(manifest: Manifest) -> str:
    """Say who rejects a route and why; empty where none does, or none has read it yet.

    What was said of an earlier generation, or of a former parent, does not count. Where one parent
    is enough, a route is rejected that all of them reject.
    """
    namespace = _namespace(manifest)
    references = items(part(manifest.get("spec"), "parentRefs"))
    parents = tuple(dict.fromkeys(_parent(each, namespace) for each in references))
    refusals = tuple(_refusals(manifest, parents))
    given = part(manifest.get("metadata"), "annotations")
    enough = text(given, ACCEPTANCE) == Acceptance.ANY
    if enough and len({parent for parent, _ in refusals}) < len(parents):
        return ""
    return "; ".join(dict.fromkeys(said for _, said in refusals))


def pending(manifest: Manifest) -> bool:
    """Tell whether a parent has spoken of an earlier generation, and not of this one yet.

    Where one parent is enough, whether all that have spoken have not.
    """
    namespace = _namespace(manifest)
    references = items(part(manifest.get("spec"), "parentRefs"))
    parents = {_parent(each, namespace) for each in references}
    late = [
        of_earlier(condition, manifest)
        for said in items(part(manifest.get("status"), "parents"))
        if _parent(part(said, "parentRef"), namespace) in parents
        for condition in items(part(said, "conditions"))
        if text(condition, "type") == "Accepted"
    ]
    given = part(manifest.get("metadata"), "annotations")
    enough = text(given, ACCEPTANCE) == Acceptance.ANY
    return bool(late) and (all(late) if enough else any(late))


def _refusals(manifest: Manifest, parents: tuple[_Parent, ...]) -> Iterator[tuple[_Parent, str]]:
    """Go through what rejects a route: the parent, and its controller's words."""
    generation, namespace = part(manifest.get("metadata"), "generation"), _namespace(manifest)
    for said in items(part(manifest.get("status"), "parents")):
        parent = _parent(reference := part(said, "parentRef"), namespace)
        if parent not in parents:
            continue
        for condition in items(part(said, "conditions")):
            name, status, reason = (text(condition, each) for each in ("type", "status", "reason"))
            current = part(condition, "observedGeneration") in {generation, None}
            if status and _REJECTS.get(name) == status and reason not in _NOT_YET and current:
                says = (
                    f"{text(said, 'controllerName')} reports {name}={status} for parent "
                    f"{_named(reference, namespace)}: {reason}: {text(condition, 'message')}"
                )
                yield parent, says


def _namespace(manifest: Manifest) -> str:
    return text(manifest.get("metadata"), "namespace")


def _parent(reference: object, namespace: str) -> _Parent:
    """Tell which parent a reference means; without a namespace it is one of the route's."""
    within = text(reference, "namespace") or namespace
    return (within, *(part(reference, name) for name in _PARENT))


def _named(reference: object, namespace: str) -> str:
    """Name a parent, with its namespace where that is not the route's."""
    within, name = text(reference, "namespace"), text(reference, "name")
    return f"{within}/{name}" if within not in {"", namespace} else name


def parent_reference(reference: ParentReference) -> Manifest:
    """Write a parent, with every default of the API."""
    parent: Manifest = {
        "group": "" if reference.group == "core" else reference.group,
        "kind": reference.kind,
        "name": reference.name,
    }
    if reference.namespace:
        parent["namespace"] = reference.namespace
    if reference.section_name:
        parent["sectionName"] = reference.section_name
    if reference.port:
        parent["port"] = reference.port
    return parent
