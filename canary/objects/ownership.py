"""What marks an object as written by tidegate.

An object is either *own* (created by tidegate, controlled by its Canary, removed with it) or
*adopted* (it was there before: only its spec is taken over, and the spec it had is kept in an
annotation until it is put back).
Which objects there are, and what their specs say, does not belong here.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from canary.api.annotations import ORIGINAL, PEER_ORIGINAL, PREFIX, WRITTEN
from canary.api.canary import Canary
from canary.api.kinds import Manifest, ObjectKey
from canary.api.meta import API_VERSIONS
from canary.objects.places import Path, put
from canary.objects.render import Render, entries, written
from canary.objects.render import annotations as owned_annotations
from canary.objects.render import labels as owned_labels

#: On the pods of both sides, given by their user: the apex service, which may select them by it.
SHARED_LABEL = f"{PREFIX}service"
MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGER = "tidegate"

#: How an owner is named that is a Canary.
CANARY = "Canary "

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

#: Keep GitOps tools from undoing what is written on every step: Flux's kustomize-controller and
#: helm-controller read these, on the object as it is in the cluster.
GITOPS_ANNOTATIONS: Mapping[str, str] = {
    "kustomize.toolkit.fluxcd.io/reconcile": "disabled",
    "helm.toolkit.fluxcd.io/driftDetection": "disabled",
}

#: Keys that every own object has, in every release.
_CONSTANT = frozenset({MANAGED_BY, *GITOPS_ANNOTATIONS})


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


class CanaryOwner(NamedTuple):
    """A Canary that an object names as its owner; it may be gone by now."""

    group: str
    name: str
    uid: str


def canary_owners(obj: Manifest) -> tuple[CanaryOwner, ...]:
    """Name the Canaries that own an object."""
    return tuple(
        CanaryOwner(
            group=str(each.get("apiVersion")).partition("/")[0],
            name=str(each.get("name")),
            uid=str(each.get("uid")),
        )
        for each in obj["metadata"].get("ownerReferences") or ()
        if refers_to_canary(each)
    )


def refers_to_canary(reference: Mapping[str, Any]) -> bool:
    """Tell whether an owner reference names a Canary, whichever."""
    return reference.get("kind") == "Canary" and reference.get("apiVersion") in API_VERSIONS


def owned(canary: Canary, obj: Manifest) -> bool:
    """Tell whether an object is this Canary's own, be it that it has lost its owner."""
    references = obj["metadata"].get("ownerReferences") or ()
    if not references:
        return ownerless(owners(obj)) and not adopted(obj)
    return any(reference.get("uid") == canary.metadata.uid for reference in references)


def owners(obj: Manifest) -> tuple[str, ...]:
    """Name who owns an object: its owners by kind and name, and the one that its label names."""
    metadata = obj["metadata"]
    named = tuple(
        f"{CANARY}{each.get('name')}"
        if refers_to_canary(each)
        else f"{each.get('kind')}.{each.get('apiVersion')} {each.get('name')}"
        for each in metadata.get("ownerReferences") or ()
    )
    manager = (metadata.get("labels") or {}).get(MANAGED_BY)
    if manager is None or (manager == MANAGER and named):
        return named
    return (*named, str(manager))


def ours(canary: Canary, owners: Iterable[str]) -> bool:
    """Tell whether a Canary of this name is among the owners of an object."""
    return f"{CANARY}{canary.metadata.name}" in owners


def ownerless(owners: tuple[str, ...]) -> bool:
    """Tell whether an object that tidegate has made has lost its owner references."""
    return owners == (MANAGER,)


def of_any_canary(owners: tuple[str, ...]) -> bool:
    """Tell whether an object is a Canary's, whichever, or was and has lost its owner."""
    return ownerless(owners) or any(each.startswith(CANARY) for each in owners)


def ours_or_ownerless(canary: Canary, owners: tuple[str, ...]) -> bool:
    """Tell whether an object is a Canary's of this name, or was and has lost its owner."""
    return ours(canary, owners) or ownerless(owners)


def left_behind(canary: Canary, key: ObjectKey, obj: Manifest) -> Render:
    """Give an object of a Canary as it must be to stay when the Canary goes: without it as an owner."""
    uids = sorted(each.uid for each in canary_owners(obj) if each.name == canary.metadata.name)
    identity = {part: obj[part] for part in ("apiVersion", "kind")}
    owns = entries("metadata", "ownerReferences", field="uid", values=uids)
    return Render(key=key, manifest=identity, owns=owns)


def own_marks(
    canary: Canary,
    *,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    existing: Manifest | None = None,
    controller: bool = True,
    ports: Iterable[str] = (),
) -> tuple[Manifest, tuple[Path, ...]]:
    """Give what the metadata of an own object must have, and the places of it that are ours.

    Its Canary controls it, unless another object does already: there can be only one. A Canary of
    the same name that it had before owns it no longer. `ports` are recorded with the labels and
    annotations as what is tidegate's, so that what is wanted no longer is known and taken away.
    """
    found = existing["metadata"] if existing else {}
    before = written_before(existing)
    references = found.get("ownerReferences") or ()
    own = {
        str(each.get("uid"))
        for each in references
        if refers_to_canary(each) and each.get("name") == canary.metadata.name
    } | {canary.metadata.uid}
    others = [each for each in references if each.get("uid") not in own]
    controls = controller and not any(each.get("controller") for each in others)
    wanted = {"labels": dict(labels or {}), "annotations": dict(annotations or {})}
    keys = {part: sorted(values.keys() - _CONSTANT) for part, values in wanted.items()}
    record = {part: each for part, each in {**keys, "ports": list(ports)}.items() if each}
    wanted["labels"][MANAGED_BY] = MANAGER
    if record:
        wanted["annotations"][WRITTEN] = json.dumps(record, sort_keys=True, separators=(",", ":"))
    owner = owner_reference(canary, controller=controls)
    owns = (
        *entries("metadata", "ownerReferences", field="uid", values=sorted(own)),
        *owned_labels(*dict.fromkeys((*before.get("labels", ()), *wanted["labels"]))),
        *owned_annotations(
            *dict.fromkeys((*before.get("annotations", ()), *wanted["annotations"], WRITTEN))
        ),
    )
    return {**wanted, "ownerReferences": [owner]}, owns


def own_metadata(
    canary: Canary,
    name: str,
    *,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    existing: Manifest | None = None,
    controller: bool = True,
    ports: Iterable[str] = (),
) -> Manifest:
    """Give the metadata of an own object whole; what others wrote into the existing one's stays."""
    marks, owns = own_marks(
        canary,
        labels=labels,
        annotations=annotations,
        existing=existing,
        controller=controller,
        ports=ports,
    )
    found = {"metadata": written_metadata(existing)} if existing else {}
    metadata: Manifest = put(found, {"metadata": marks}, owns)["metadata"]
    return metadata | {"name": name, "namespace": canary.metadata.namespace}


def written_before(existing: Manifest | None) -> dict[str, list[str]]:
    """Read what of an own object is tidegate's; empty where nothing is recorded."""
    annotations = (existing["metadata"].get("annotations") or {}) if existing else {}
    record = decoded(annotations.get(WRITTEN)) or {}
    return {
        part: [key for key in keys if isinstance(key, str)]
        for part, keys in record.items()
        if isinstance(keys, list)
    }


def written_metadata(obj: Manifest) -> Manifest:
    """Copy the metadata that people and tools write, without the API server's bookkeeping."""
    metadata: Manifest = written({"metadata": obj.get("metadata")}).get("metadata") or {}
    return metadata


def adopted(obj: Manifest) -> bool:
    """Tell whether an object carries the mark of an adoption."""
    annotations = obj["metadata"].get("annotations") or {}
    return bool({ORIGINAL, PEER_ORIGINAL} & annotations.keys())


def decoded(text: str | None) -> Manifest | None:
    """Read a map from JSON that anybody may have edited."""
    try:
        document = json.loads(text or "")
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None
