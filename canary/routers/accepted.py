"""What the conditions in an object's status say of it, as Kubernetes' conventions have them.

https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md
"""

from collections.abc import Iterator

from canary.api.kinds import Manifest
from canary.api.raw import items, part, text


def outdated(manifest: Manifest, condition: str) -> bool:
    """Tell whether a condition speaks of an earlier generation of its object."""
    return any(
        text(said, "type") == condition and of_earlier(said, manifest)
        for said in items(part(manifest.get("status"), "conditions"))
    )


def of_earlier(said: object, manifest: Manifest) -> bool:
    """Tell whether a status, or a condition, says that it is of an earlier generation."""
    observed = part(said, "observedGeneration")
    generation = part(manifest.get("metadata"), "generation")
    return isinstance(observed, int) and isinstance(generation, int) and observed < generation


def rejection(manifest: Manifest, condition: str, by: str) -> str:
    """Say why a condition is False; empty where it is not, or was so of an earlier generation."""
    return next(_rejections(manifest, condition, by), "")


def _rejections(manifest: Manifest, condition: str, by: str) -> Iterator[str]:
    generation = part(manifest.get("metadata"), "generation")
    for said in items(part(manifest.get("status"), "conditions")):
        current = part(said, "observedGeneration") in {generation, None}
        if text(said, "type") == condition and text(said, "status") == "False" and current:
            # Some list what is wrong, and only count in the message.
            listed = "; ".join(text(each, "message") for each in items(part(said, "errors")))
            why = listed or text(said, "message")
            yield f"{by} reports {condition}=False: {text(said, 'reason')}: {why}"
