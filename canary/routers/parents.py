"""What the parents of a route of the Gateway API say of it: each may reject it as it is.

https://gateway-api.sigs.k8s.io/reference/api-spec/main/spec/#routeparentstatus
"""

from collections.abc import Iterator
from typing import Any

from canary.api.kinds import Manifest
from canary.api.raw import items, part, text
from canary.api.traffic import ParentReference

#: The statuses that reject a route, by condition. With PartiallyInvalid some of its rules are left
#: out, or an earlier state of it is kept; Programmed is False where no proxy took it.
_REJECTS = {
    "Accepted": "False",
    "PartiallyInvalid": "True",
    "Programmed": "False",
    "ResolvedRefs": "False",
}
#: The reason of a condition that nothing was found out about yet.
_NOT_YET = "Pending"
#: What tells the parents of a route apart; the rest may be left out, or filled in.
_PARENT = ("kind", "name", "sectionName", "port")


def refusal(manifest: Manifest) -> str:
    """Say who rejects a route and why; empty where none does, or none has read it yet.

    What was said of an earlier generation, or of a former parent, does not count.
    """
    return "; ".join(dict.fromkeys(_refusals(manifest)))


def _refusals(manifest: Manifest) -> Iterator[str]:
    parents = [_parent(each) for each in items(part(manifest.get("spec"), "parentRefs"))]
    generation = part(manifest.get("metadata"), "generation")
    for said in items(part(manifest.get("status"), "parents")):
        parent = part(said, "parentRef")
        if _parent(parent) not in parents:
            continue
        for condition in items(part(said, "conditions")):
            name, status, reason = (text(condition, each) for each in ("type", "status", "reason"))
            current = part(condition, "observedGeneration") in {generation, None}
            if status and _REJECTS.get(name) == status and reason != _NOT_YET and current:
                yield (
                    f"{text(said, 'controllerName')} reports {name}={status} for parent "
                    f"{text(parent, 'name')}: {reason}: "
                    f"{text(condition, 'message')}"
                )


def _parent(reference: object) -> tuple[Any, ...]:
    return tuple(part(reference, name) for name in _PARENT)


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
