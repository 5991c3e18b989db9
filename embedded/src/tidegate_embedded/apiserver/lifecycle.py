"""What the API server itself writes into objects: identity, generation, deletion.

Pure functions over objects, given the time; storing is in `objects`.
"""

import random
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from tidegate_embedded.apiserver.resources import Generation, Resource
from tidegate_embedded.apiserver.values import Object, at_path, timestamp

Propagation = Literal["Orphan", "Background", "Foreground"]

#: What generated names end in: no vowels, so that no words appear.
_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_SUFFIX_LENGTH = 5
_LONGEST_GENERATED = 63

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"

TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"
"""The annotation in which the server counts the templates of a DaemonSet."""

#: Metadata that the server decides.
_DECIDED = (
    "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation",
    "selfLink",
)  # fmt: skip
#: Metadata that no client can change.
_FIXED = (*_DECIDED, "name", "namespace", "generateName")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteOptions:
    """How a deletion is done, and of which version of the object."""

    grace_seconds: int | None = None
    propagation: Propagation | None = None
    uid: str | None = None
    resource_version: str | None = None
    dry_run: bool = False


def generated_name(prefix: str) -> str:
    """Make a name from `generateName`."""
    suffix = "".join(random.choices(_SUFFIX_LETTERS, k=_SUFFIX_LENGTH))
    return prefix[: _LONGEST_GENERATED - _SUFFIX_LENGTH] + suffix


def unborn(item: Object, resource: Resource) -> None:
    """Take from a new object, in place, what only the server decides."""
    for field in _DECIDED:
        item["metadata"].pop(field, None)
    if resource.has_status:
        item.pop("status", None)


def born(item: Object, resource: Resource, moment: datetime) -> None:
    """Give a new object, in place, what only the server decides."""
    unborn(item, resource)
    metadata = item["metadata"]
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = generated_name(metadata["generateName"])
    metadata["uid"] = str(uuid.uuid4())
    metadata["creationTimestamp"] = timestamp(moment)
    if resource.generation is not Generation.NEVER:
        metadata["generation"] = 1
    count_templates(item, None, resource)


def drop_empty(metadata: Object) -> None:
    """Remove, in place, the parts of metadata that hold nothing."""
    for field in ("labels", "annotations", "finalizers", "ownerReferences"):
        if field in metadata and not metadata[field]:
            del metadata[field]


def carried_over(new: Object, old: Object, resource: Resource, subresource: str) -> Object:
    """Return an update with what it cannot change taken from the old object."""
    if subresource == "status":
        new = _status_update(new, old, resource)
    else:
        new = dict(new)
        if resource.has_status and not subresource:
            new.pop("status", None)
            if "status" in old:
                new["status"] = old["status"]
    metadata = new["metadata"] = dict(new["metadata"])
    for field in _FIXED:
        metadata.pop(field, None)
        if field in old["metadata"]:
            metadata[field] = old["metadata"][field]
    return new


def _status_update(new: Object, old: Object, resource: Resource) -> Object:
    updated = dict(old)
    updated.pop("status", None)
    if new.get("status") is not None:
        updated["status"] = new["status"]
    if resource.custom:
        managed = new["metadata"].get("managedFields")
        updated["metadata"] = {**old["metadata"], "managedFields": managed}
    else:
        updated["metadata"] = {**new["metadata"], "labels": old["metadata"].get("labels")}
        if updated["metadata"]["labels"] is None:
            del updated["metadata"]["labels"]
    return updated


def count_templates(new: Object, old: Object | None, resource: Resource) -> None:
    """Count the templates of a DaemonSet, in place: its pods have the number of theirs."""
    if resource.kind != "DaemonSet":
        return
    before = at_path(old, "metadata", "annotations", TEMPLATE_GENERATION) if old else "0"
    template = at_path(old, "spec", "template") if old else None
    changed = at_path(new, "spec", "template") != template
    annotations = new["metadata"]["annotations"] = dict(new["metadata"].get("annotations") or {})
    annotations[TEMPLATE_GENERATION] = str(int(before) + changed)


def raise_generation(new: Object, old: Object, resource: Resource) -> None:
    """Raise the generation, in place, if what counts for it has changed."""
    if resource.generation is Generation.NEVER:
        return
    if resource.generation is Generation.SPEC:
        changed = new.get("spec") != old.get("spec")
        if resource.kind == "Deployment":
            annotations = [at_path(item, "metadata", "annotations") or {} for item in (new, old)]
            changed = changed or annotations[0] != annotations[1]
    else:
        ignored = {"metadata", "apiVersion"}
        if resource.generation is Generation.ALL_BUT_STATUS:
            ignored.add("status")
        changed = {name: part for name, part in new.items() if name not in ignored} != {
            name: part for name, part in old.items() if name not in ignored
        }
    count_templates(new, old, resource)
    if changed:
        new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1


def deletion_finalizers(finalizers: list[str], propagation: Propagation | None) -> list[str]:
    """Return an object's finalizers once its deletion was asked for in this way."""
    if propagation is None:
        return list(finalizers)
    left = [name for name in finalizers if name not in {FOREGROUND, ORPHAN}]
    if propagation == "Foreground":
        left.append(FOREGROUND)
    if propagation == "Orphan":
        left.append(ORPHAN)
    return left


def grace_seconds(item: Object, resource: Resource, asked: int | None) -> int:
    """Return how long an object may take to end; only running pods may take any time."""
    if (resource.group, resource.kind) != ("", "Pod"):
        return 0
    ended = at_path(item, "status", "phase") in {"Succeeded", "Failed"}
    if ended or not at_path(item, "spec", "nodeName"):
        return 0
    if asked is not None:
        return asked
    wanted = at_path(item, "spec", "terminationGracePeriodSeconds")
    return 30 if wanted is None else int(wanted)


def dying(item: Object, finalizers: list[str], grace: int, moment: datetime) -> Object:
    """Return an object on its way out; asked again, its grace can only get shorter."""
    metadata = dict(item["metadata"])
    if finalizers:
        metadata["finalizers"] = finalizers
    else:
        metadata.pop("finalizers", None)
    left = metadata.get("deletionGracePeriodSeconds")
    if metadata.get("deletionTimestamp") is None:
        if "generation" in metadata:
            metadata["generation"] += 1
        metadata["deletionTimestamp"] = timestamp(moment + timedelta(seconds=grace))
        metadata["deletionGracePeriodSeconds"] = grace
    elif left is not None and grace < left:
        metadata["deletionTimestamp"] = timestamp(moment + timedelta(seconds=grace))
        metadata["deletionGracePeriodSeconds"] = grace
    result = {**item, "metadata": metadata}
    if item.get("kind") == "Namespace":
        result["status"] = {**(item.get("status") or {}), "phase": "Terminating"}
    return result


def may_go(item: Object) -> bool:
    """Tell whether nothing holds an object that is being deleted."""
    metadata = item["metadata"]
    if metadata.get("deletionTimestamp") is None or metadata.get("finalizers"):
        return False
    if metadata.get("deletionGracePeriodSeconds"):
        return False
    return not (item.get("kind") == "Namespace" and at_path(item, "spec", "finalizers"))
