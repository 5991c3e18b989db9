"""Objects that were there before: what is kept of them while they are ours, and found again.

It is kept in an annotation of the object itself, so that it outlives every controller.
"""

import json
from collections.abc import Callable

from canary.api.annotations import ORIGINAL, PEER_ORIGINAL
from canary.api.kinds import Manifest, copy_of
from canary.objects.ownership import GITOPS_ANNOTATIONS, LAST_APPLIED, decoded
from canary.objects.places import Path, put
from canary.objects.render import annotations as owned_annotations


def original_spec(existing: Manifest, *, taken_over: Callable[[Manifest], bool]) -> Manifest:
    """Find the spec that an adopted object had before it was adopted.

    `taken_over` tells whether a spec is one that tidegate, or the peer, has written. One that
    is not was written by its owner, after the adoption too, and is what its owner wants back.
    """
    spec: Manifest = existing.get("spec") or {}
    if taken_over(spec):
        annotations = existing["metadata"].get("annotations") or {}
        for key in (ORIGINAL, PEER_ORIGINAL, LAST_APPLIED):
            recorded = _recorded(annotations.get(key))
            if recorded is not None:
                return recorded
    return copy_of(spec)


def recorded_adoption(existing: Manifest) -> tuple[Manifest, Manifest | None] | None:
    """Read what an adopted object had before, and what it was given instead, where that is kept.

    None where nothing is recorded.
    """
    annotations = existing["metadata"].get("annotations") or {}
    for key in (ORIGINAL, PEER_ORIGINAL):
        recorded = _recorded(annotations.get(key))
        if recorded is not None:
            given = (decoded(annotations[key]) or {}).get("given")
            return recorded, given if isinstance(given, dict) else None
    return None


def _recorded(text: str | None) -> Manifest | None:
    """Read a spec from an annotation: by itself, or in a whole object."""
    document = decoded(text)
    if document is not None and isinstance(document.get("spec"), dict):
        return dict(document["spec"])
    return document


_GITOPS: tuple[Path, ...] = owned_annotations(*GITOPS_ANNOTATIONS)
ADOPTION: tuple[Path, ...] = (*_GITOPS, *owned_annotations(ORIGINAL))
"""What is ours in the metadata of every adopted object."""
RELEASE: tuple[Path, ...] = (*ADOPTION, *owned_annotations(PEER_ORIGINAL))
"""What is ours in the metadata of an object that is given back, and of the peer as well."""


def adoption_marks(
    existing: Manifest,
    original: Manifest | None,
    *,
    owns: tuple[Path, ...] = (),
    shared: bool = False,
) -> dict[str, str]:
    """Give the annotations of every adopted object: what it was before, in the places that are ours.

    `original` is the spec that it had; None where none of it is ours. They also tell GitOps tools to
    leave the object alone, unless it is `shared` with them.
    """
    before = metadata_before(existing, owns)
    record: Manifest = original or {}
    if original is None:
        record = {"metadata": before}
    elif before:
        whole = original if isinstance(original.get("spec"), dict) else {"spec": original}
        record = whole | {"metadata": before}
    told = before.get("annotations", {})
    return {
        **(
            {key: told[key] for key in GITOPS_ANNOTATIONS if key in told}
            if shared
            else GITOPS_ANNOTATIONS
        ),
        ORIGINAL: json.dumps(record, sort_keys=True, separators=(",", ":")),
    }


def metadata_before(existing: Manifest, owns: tuple[Path, ...] = ()) -> dict[str, dict[str, str]]:
    """Find the labels and annotations that an object had before it was adopted.

    Only those in the places that are ours, and what it told GitOps tools: its owner wants that back.
    """
    annotations = existing["metadata"].get("annotations") or {}
    found = (decoded(annotations[ORIGINAL]) or {}) if ORIGINAL in annotations else existing
    places = tuple(path for path in (*_GITOPS, *owns) if path[0] == "metadata")
    metadata = put({}, found, places).get("metadata") or {}
    return {
        part: {key: str(value) for key, value in values.items()}
        for part, values in metadata.items()
    }
