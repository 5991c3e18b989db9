"""Owners of objects in another cluster than their Canary: an annotation says whose an object is.

An owner reference to what is not in the cluster would have the object collected. So a reference to a
Canary becomes the mark when the object is sent, and the mark a reference when it is received. An
object that was adopted has the mark as well, from the write that takes its spec over to the one that
gives it back.
What is received with a mark, or with a reference to a Canary of that cluster, is another owner's.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from canary.api.annotations import ORIGINAL, OWNER
from canary.api.kinds import Manifest
from canary.api.meta import API_VERSION
from canary.errors import Contested
from canary.objects.ownership import CanaryOwner, canary_owners, refers_to_canary

# Anybody there may have written it, and it is shown to people.
_MARK = re.compile(r"[a-z0-9.-]{0,253}(/[A-Za-z0-9.-]{1,253}){4}")


class Home(NamedTuple):
    """The cluster that Canaries are in, with their workloads."""

    name: str
    """As people call it."""
    uid: str
    """That of its namespace kube-system: two clusters may have one name."""


class OwnerMark(NamedTuple):
    """Whose an object is."""

    cluster: str
    cluster_uid: str
    namespace: str
    name: str
    uid: str

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Read a mark; None where it is none, such as where a part could not be a name."""
        return cls(*text.split("/")) if _MARK.fullmatch(text) else None

    @property
    def text(self) -> str:
        """Write it as the annotation has it."""
        return "/".join(self)

    def of(self, home: Home) -> bool:
        """Tell whether it names a Canary of a cluster, whatever that was called before."""
        return self.cluster_uid == home.uid


def sent(obj: Manifest, home: Home, owner: CanaryOwner | None) -> Manifest:
    """Give an object as it is written into the other cluster.

    `owner` is the Canary that it is written for, which one that is adopted does not name.

    Raises:
        Contested: it is another owner's.
    """
    if whose := contested(obj):
        raise Contested(whose)
    metadata = obj["metadata"]
    named = next(iter(canary_owners(obj)), None)
    if named is None and ORIGINAL in _annotations(obj):
        named = owner
    marks = {OWNER: _mark(home, metadata["namespace"], named).text} if named else {}
    references = [
        each for each in metadata.get("ownerReferences") or () if not refers_to_canary(each)
    ]
    return _with(obj, annotations={**_annotations(obj), **marks}, references=references)


def received(obj: Manifest, home: Home) -> Manifest:
    """Give an object of the other cluster as if it were in the one of its Canary.

    One of another owner has a mark; one of ours has none, and names its Canary where that has made it.
    """
    annotations = dict(_annotations(obj))
    text, adopted = annotations.get(OWNER), ORIGINAL in annotations
    mark = OwnerMark.read(str(text)) if text is not None else None
    there = canary_owners(obj)
    if text is None:
        # It may be of a controller in that cluster, which makes no marks.
        return _with_mark(obj, _of_that_cluster(obj, there)) if there or adopted else obj
    if mark is None or there or not mark.of(home) or mark.namespace != _namespace(obj):
        return obj
    del annotations[OWNER]
    references = [*(obj["metadata"].get("ownerReferences") or ())]
    if not adopted:
        references.append(_reference(mark, references))
    return _with(obj, annotations=annotations, references=references)


def contested(obj: Manifest) -> str:
    """Say whose an object is that carries another owner's mark; empty where it carries none."""
    text = _annotations(obj).get(OWNER)
    if text is None:
        return ""
    mark, metadata = OwnerMark.read(str(text)), obj["metadata"]
    place = f"{obj.get('kind')} {metadata.get('namespace')}/{metadata.get('name')}"
    if mark is None:
        return f"{place} has an annotation {OWNER} that names no owner: correct or remove it"
    where = f"of cluster {mark.cluster}" if mark.cluster else "of the cluster that the route is in"
    return (
        f"{place} belongs to Canary {mark.namespace}/{mark.name} {where}: delete that Canary, or let "
        "one of the two have another route"
    )


def _mark(home: Home, namespace: str, owner: CanaryOwner) -> OwnerMark:
    return OwnerMark(home.name, home.uid, namespace, owner.name, owner.uid)


def _of_that_cluster(obj: Manifest, there: tuple[CanaryOwner, ...]) -> OwnerMark:
    name, uid = (there[0].name, there[0].uid) if there else (obj["metadata"]["name"], "adopted")
    return OwnerMark("", "there", _namespace(obj), name, uid)


def _reference(mark: OwnerMark, others: list[Manifest]) -> Manifest:
    """Refer to a Canary as what is made in its own cluster does (`ownership.py`)."""
    reference: Manifest = {
        "apiVersion": API_VERSION,
        "kind": "Canary",
        "name": mark.name,
        "uid": mark.uid,
    }
    if any(each.get("controller") for each in others):
        return reference
    return reference | {"controller": True, "blockOwnerDeletion": True}


def _annotations(obj: Manifest) -> Mapping[str, Any]:
    return obj["metadata"].get("annotations") or {}


def _namespace(obj: Manifest) -> str:
    return str(obj["metadata"].get("namespace", ""))


def _with_mark(obj: Manifest, mark: OwnerMark) -> Manifest:
    annotations = {**_annotations(obj), OWNER: mark.text}
    return _with(obj, annotations=annotations, references=obj["metadata"].get("ownerReferences"))


def _with(obj: Manifest, *, annotations: Mapping[str, Any], references: Any) -> Manifest:
    metadata = {
        name: value
        for name, value in obj["metadata"].items()
        if name not in {"annotations", "ownerReferences"}
    }
    if annotations:
        metadata["annotations"] = dict(annotations)
    if references:
        metadata["ownerReferences"] = references
    return {**obj, "metadata": metadata}
