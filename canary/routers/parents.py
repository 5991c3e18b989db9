"""What the parents of a route of the Gateway API say of it: each may reject it as it is.

https://gateway-api.sigs.k8s.io/reference/api-spec/main/spec/#routeparentstatus
"""

from collections.abc import Iterator
from typing import Any

from canary.api.kinds import Manifest
from canary.api.raw import items, part, text

_CONDITIONS = ("Accepted", "ResolvedRefs")
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
            refused = text(condition, "status") == "False" and text(condition, "type")
            current = part(condition, "observedGeneration") in {generation, None}
            if refused in _CONDITIONS and current:
                yield (
                    f"{text(said, 'controllerName')} reports {refused}=False for parent "
                    f"{text(parent, 'name')}: {text(condition, 'reason')}: "
                    f"{text(condition, 'message')}"
                )


def _parent(reference: object) -> tuple[Any, ...]:
    return tuple(part(reference, name) for name in _PARENT)
