"""Objects that are made, adopted and given back: what is wanted of each, with the marks of it."""

from collections.abc import Callable, Iterable, Mapping

from canary.api.canary import Canary
from canary.api.kinds import Manifest, ObjectKey
from canary.objects.adoption import ADOPTION, RELEASE, adoption_marks, metadata_before
from canary.objects.ownership import own_marks
from canary.objects.places import Path
from canary.objects.render import Render

Recognise = Callable[[Manifest], bool]
"""Tell whether a spec is one that tidegate, or the peer, has written for this Canary."""


def made(
    canary: Canary,
    key: ObjectKey,
    body: Manifest,
    *,
    owns: tuple[Path, ...],
    found: Manifest | None,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    controller: bool = True,
    ports: Iterable[str] = (),
    version: str = "",
) -> Render:
    """Want an object of our own, with a body such as its spec; it goes with its Canary."""
    marks, places = own_marks(
        canary,
        labels=labels,
        annotations=annotations,
        existing=found,
        controller=controller,
        ports=ports,
    )
    return Render(key=key, manifest=_manifest(key, version, marks, body), owns=(*places, *owns))


def adopted_as(
    canary: Canary,
    key: ObjectKey,
    body: Manifest,
    *,
    owns: tuple[Path, ...],
    found: Manifest,
    original: Manifest | None = None,
    annotations: Mapping[str, str] | None = None,
    version: str = "",
) -> Render:
    """Want places of an object that was there before; what stood in them is kept for its owner.

    `original` is the spec that it had, where some of that is ours.
    """
    shared = canary.spec.service.shared_with_gitops
    marks = adoption_marks(found, original, owns=owns, shared=shared)
    metadata = {"annotations": {**(annotations or {}), **marks}}
    manifest = _manifest(key, version, metadata, body)
    return Render(key=key, manifest=manifest, owns=(*ADOPTION, *owns))


def released(
    key: ObjectKey,
    original: Manifest | None,
    *,
    owns: tuple[Path, ...],
    found: Manifest,
    version: str = "",
) -> Render:
    """Want an adopted object as its owner does, without a mark of the adoption.

    Only what is ours is put back; a field of its spec that has got lost comes back as well.
    """
    spec = found.get("spec") or {}
    lost = tuple(("spec", name) for name in original or () if name not in spec)
    body = {} if original is None else {"spec": original}
    return Render(
        key=key,
        manifest=_manifest(key, version, metadata_before(found, owns), body),
        owns=tuple(dict.fromkeys((*RELEASE, *owns, *lost))),
    )


def _manifest(key: ObjectKey, version: str, metadata: Manifest, body: Manifest) -> Manifest:
    return {
        "apiVersion": key.kind.api_version(version or key.kind.versions[0]),
        "kind": key.kind.kind,
        "metadata": {"name": key.name, "namespace": key.namespace, **metadata},
        **body,
    }
