"""What the kustomizations in some files say of the others: which of them are patches, and of what.

A patch is a part of an object, and is right or wrong only once it is in it.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from canary.api.meta import PEER_GROUP
from canary.api.raw import items, part, text
from canary.cli.manifests import Document, Text, first_document

_NAMES = frozenset({"kustomization.yaml", "kustomization.yml", "Kustomization"})
_LISTS = ("patches", "patchesJson6902", "patchesStrategicMerge")


def kustomizations(read: Iterable[Text]) -> Iterator[Document]:
    """Give the kustomizations among files; one that cannot be read says nothing."""
    for each in read:
        if Path(each.file).name in _NAMES and (document := first_document(each)) is not None:
            yield document


def patches(read: Iterable[Text]) -> frozenset[str]:
    """Name the files that are patches, as they are named among the files that were read."""
    return frozenset(
        str(Path(document.file).parent / path)
        for document in kustomizations(read)
        for name in _LISTS
        for each in items(document.obj.get(name))
        if (path := each if isinstance(each, str) else text(each, "path"))
    )


def groups(document: Document) -> Iterator[str]:
    """Give the fields of a kustomization that name Flagger's group as what a patch is for."""
    for name in _LISTS[:2]:
        for place, each in enumerate(items(document.obj.get(name))):
            if text(part(each, "target"), "group") == PEER_GROUP:
                yield f"{name}[{place}].target.group"
