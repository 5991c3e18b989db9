"""What marks an object as written by tidegate, and how one that was found is given back.

An object is either *own* (created by tidegate, controlled by its Canary, removed with it) or
*adopted* (it was there before: only its spec is taken over, and the spec it had is kept in an
annotation until it is put back).
Which objects there are, and what their specs say, does not belong here.
"""

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from canary.api.canary import Canary
from canary.api.kinds import Manifest
from canary.api.meta import API_VERSIONS

MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGER = "tidegate"

#: The spec that an adopted object had, as JSON.
ORIGINAL = "tidegate.dev/original-configuration"
#: The same, left by the peer that had adopted the object before.
PEER_ORIGINAL = "flagger.kubernetes.io/original-configuration"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

#: Keep GitOps tools from undoing what is written on every step: Flux's kustomize-controller and
#: helm-controller read these.
GITOPS_ANNOTATIONS: Mapping[str, str] = {
    "kustomize.toolkit.fluxcd.io/reconcile": "disabled",
    "helm.toolkit.fluxcd.io/driftDetection": "disabled",
}


def owner_reference(canary: Canary, *, controller: bool = True) -> Manifest:
    """Refer to a Canary as an owner; the object is collected with it."""
    reference: Manifest = {
        "apiVersion": canary.api_version,
        "kind": canary.kind,
        "name": canary.metadata.name,
        "uid": canary.metadata.uid,
    }
    if controller:
        reference |= {"controller": True, "blockOwnerDeletion": True}
    return reference


def refers_to_canary(reference: Mapping[str, Any]) -> bool:
    """Tell whether an owner reference names a Canary, whichever."""
    return reference.get("kind") == "Canary" and reference.get("apiVersion") in API_VERSIONS


def owned(canary: Canary, obj: Manifest) -> bool:
    """Tell whether an object is this Canary's own."""
    references = obj["metadata"].get("ownerReferences") or ()
    return any(reference.get("uid") == canary.metadata.uid for reference in references)


def own_metadata(
    canary: Canary,
    name: str,
    *,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    existing: Manifest | None = None,
    controller: bool = True,
) -> Manifest:
    """Give the metadata of an own object; other owners and finalizers of the existing one stay.

    Its Canary controls it, unless somebody else does already: there can be only one.
    """
    found = existing["metadata"] if existing else {}
    others = [
        dict(reference)
        for reference in found.get("ownerReferences") or ()
        if reference.get("uid") != canary.metadata.uid
    ]
    controls = controller and not any(reference.get("controller") for reference in others)
    metadata: Manifest = {
        "name": name,
        "namespace": canary.metadata.namespace,
        "labels": {**(labels or {}), MANAGED_BY: MANAGER},
        "annotations": dict(annotations or {}),
        "ownerReferences": [*others, owner_reference(canary, controller=controls)],
    }
    if found.get("finalizers"):
        metadata["finalizers"] = list(found["finalizers"])
    return metadata


def written_metadata(obj: Manifest) -> Manifest:
    """Copy the metadata that people and tools write, without the API server's bookkeeping."""
    written = ("name", "namespace", "labels", "annotations", "ownerReferences", "finalizers")
    return {key: deepcopy(obj["metadata"][key]) for key in written if obj["metadata"].get(key)}


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
    return deepcopy(spec)


def _recorded(text: str | None) -> Manifest | None:
    """Read a spec from an annotation: by itself, or in a whole object."""
    try:
        document = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    if isinstance(document, dict) and isinstance(document.get("spec"), dict):
        document = document["spec"]
    return document if isinstance(document, dict) else None


def adopted_metadata(existing: Manifest, original: Manifest) -> Manifest:
    """Give the metadata of an adopted object: its own, and the spec that it had."""
    metadata = written_metadata(existing)
    recorded = json.dumps(original, sort_keys=True, separators=(",", ":"))
    metadata["annotations"] = {**metadata.get("annotations", {}), ORIGINAL: recorded}
    return metadata


def released_metadata(existing: Manifest) -> Manifest:
    """Give the metadata of an adopted object that is put back: nothing of the adoption is left."""
    metadata = written_metadata(existing)
    annotations = {
        key: value
        for key, value in metadata.pop("annotations", {}).items()
        if key not in {ORIGINAL, PEER_ORIGINAL}
    }
    return metadata | ({"annotations": annotations} if annotations else {})


def adopted(obj: Manifest) -> bool:
    """Tell whether an object carries the mark of an adoption."""
    annotations = obj["metadata"].get("annotations") or {}
    return bool({ORIGINAL, PEER_ORIGINAL} & annotations.keys())
