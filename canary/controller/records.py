"""What the caches keep of each kind: typed records, trimmed to what decisions and writes use.

A record is made once, when its object changes. Objects that tidegate writes whole are kept packed;
no value of a Secret is ever kept.
Long because each kind of record is made here, from the same few pieces.
"""

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from sys import intern
from typing import Any, NamedTuple

from canary.api.annotations import COMMITS, COMMITTED_AT, RELEASE, REVISION, TRACEPARENT
from canary.api.kinds import Kind, Manifest
from canary.controller.memo import Memo
from canary.core.facts import Image, UpdateStrategy
from canary.core.ordinals import Divided
from canary.objects.ownership import (
    CANARY,
    MANAGED_BY,
    MANAGER,
    CanaryOwner,
    canary_owners,
    of_any_canary,
    ownerless,
    owners,
)
from canary.objects.packing import packed, unpacked
from canary.resources.configs import ConfigReference, references
from canary.resources.revision import HASHING, Hashing
from canary.resources.services import services_outline
from canary.targets import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A whole object, packed, without what is the API server's own bookkeeping."""

    content: bytes
    resource_version: str
    status: bytes = b""
    """Its status, packed, for those that read it; no part of what is compared with what is wanted."""
    refusal: str = ""
    """Who rejects it as it is, and why."""
    pending: bool = False
    """Whether who has taken an earlier state of it has yet to take this one."""
    owners: tuple[str, ...] = ()
    """Who owns it, for people."""
    changed_by: str = ""
    """Who has written it last; empty where that is tidegate, or unknown."""

    @property
    def of_tidegate(self) -> bool:
        """Whether a Canary owns it, or tidegate made it and it has lost its owner."""
        return of_any_canary(self.owners)

    @property
    def manifest(self) -> Manifest:
        """Decode the object; each call gives a new copy."""
        document = unpacked(self.content)
        document["metadata"]["resourceVersion"] = self.resource_version
        if self.status:
            document["status"] = unpacked(self.status)
        return document


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptSide:
    """A side of a kept target, read from the target and from the canary beside it."""

    moving: bool = False
    """Whether its controller may give its pods another template at any moment."""
    scales: bool = True
    """Whether the number of its pods is tidegate's to say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadRecord:
    """A workload: its counts, and digests of what the user wrote."""

    kind: Kind
    name: str
    uid: str
    generation: int
    observed_generation: int
    replicas: int
    total: int
    updated: int
    available: int
    deadline_exceeded: bool
    revision: str
    """The revision that tidegate made it from; empty on a target."""
    template: str
    """Digest of the pod template."""
    images: tuple[Image, ...]
    release: str
    commit: str
    committed_at: str
    traceparent: str
    rollout: str
    """Its newest rollout."""
    references: tuple[ConfigReference, ...]
    changed_by: str
    """Who else than tidegate has written into its pod template last."""
    strategy: UpdateStrategy
    """How its pods are replaced when the template changes."""
    owners: tuple[str, ...]
    """Who owns it, for people."""
    canaries: tuple[CanaryOwner, ...]
    """The Canaries among its owners."""
    leaving: bool
    outline: bytes
    """What services are made from, as JSON: the selector, the labels of its pods, their ports.

    Empty for one that serves itself, and for one that needs no services but its user's.
    """
    divided: Divided | None = None
    """How its pods are divided, where primary and canary are pods of it."""
    paused: bool = False
    """Whether its controller leaves the template of its pods as it is."""
    side: KeptSide | None = None
    """Which side of a kept target it is shown as; None for a workload as it is."""
    whole: bytes = field(default=b"", compare=False)
    """The object, packed, of what tidegate made: its next revision is rendered from it."""

    @property
    def settled(self) -> bool:
        """Whether no pod of an earlier template is left, nor one of this one missing."""
        seen = self.observed_generation >= self.generation
        return seen and self.updated >= self.replicas and self.total <= self.updated

    @property
    def pods_known(self) -> bool:
        """Whether pods of its rollout are those that it speaks of.

        What is beside a kept target has pods of its own, whatever is written to the target.
        """
        return self.side is not None or self.observed_generation >= self.generation

    def belongs_to(self, canary_uid: str) -> bool:
        """Tell whether it lives as long as a Canary: that owns it, and it is not being deleted."""
        return not self.leaving and any(each.uid == canary_uid for each in self.canaries)

    def stays_with(self, canary_uid: str) -> bool:
        """Tell whether it goes with no other Canary than that one, be it that it has no owner."""
        return self.belongs_to(canary_uid) or (ownerless(self.owners) and not self.leaving)

    @property
    def services_outline(self) -> Manifest:
        """Decode the outline."""
        return unpacked(self.outline)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigRecord:
    """A ConfigMap or Secret, of whose content nothing is kept but the version."""

    name: str
    resource_version: str
    owners: tuple[str, ...] = ()
    """Who owns it, for people."""
    copy_of: tuple[str, ...] = ()
    """The Canaries whose primaries' copy it is; none for the user's own."""


def pack(
    manifest: Manifest,
    refusal: Callable[[Manifest], str] | None = None,
    pending: Callable[[Manifest], bool] | None = None,
    *,
    with_status: bool = False,
) -> Packed:
    """Keep an object whole, packed; its status is kept where that is asked for.

    `refusal` and `pending` read it in any case.
    """
    return Packed(
        content=packed(_without_bookkeeping(manifest, "managedFields", "resourceVersion")),
        resource_version=metadata_of(manifest).get("resourceVersion", ""),
        status=packed(manifest.get("status") or {}) if with_status else b"",
        refusal=refusal(manifest) if refusal else "",
        pending=pending is not None and pending(manifest),
        owners=_owners(manifest),
        changed_by=_last_writer(manifest["metadata"]),
    )


def _owners(manifest: Manifest) -> tuple[str, ...]:
    """Name the owners of an object, each kept once: a Canary owns half a dozen."""
    return tuple(map(intern, owners(manifest)))


def pack_workload(manifest: Manifest) -> bytes:
    """Keep a workload whole, at its version."""
    return packed(_without_bookkeeping(manifest, "managedFields"))


def _without_bookkeeping(manifest: Manifest, *fields: str) -> Manifest:
    """Copy an object without its status and fields of its metadata."""
    metadata = {key: value for key, value in manifest["metadata"].items() if key not in fields}
    kept = {key: value for key, value in manifest.items() if key not in {"metadata", "status"}}
    return kept | {"metadata": metadata}


class WorkloadReader:
    """Trims the workloads of one kind; what their specs say is read once for each generation."""

    def __init__(self, target: Target, hashing: Hashing = HASHING) -> None:
        self._target = target
        self._hashing = hashing
        self._outlines: Memo[_Outline] = Memo()

    def read(self, manifest: Manifest) -> WorkloadRecord:
        """Trim a workload."""
        metadata, status = metadata_of(manifest), manifest.get("status") or {}
        annotations = metadata.get("annotations") or {}
        counts, outline = self._target.counts(manifest), self._outline(manifest)
        revision = annotations.get(REVISION, "")
        generation, observed = metadata.get("generation", 0), status.get("observedGeneration", 0)
        divided = self._target.divided(manifest)
        if self._target.serves or divided is not None:
            # A Service has no generations, or its counts say what its controller has seen. Of a
            # divided workload a partition moves them, and `divided` says what its controller has seen.
            generation = observed = zlib.crc32(outline.template.encode())
        return WorkloadRecord(
            kind=self._target.kind,
            name=metadata["name"],
            uid=metadata.get("uid", ""),
            generation=generation,
            observed_generation=observed,
            replicas=counts.replicas,
            total=counts.total,
            updated=counts.updated,
            available=counts.available,
            deadline_exceeded=counts.deadline_exceeded,
            revision=revision,
            template=outline.template,
            images=outline.images,
            release=intern(str(annotations.get(RELEASE, ""))),
            commit=next((str(annotations[each]) for each in COMMITS if each in annotations), ""),
            committed_at=str(annotations.get(COMMITTED_AT, "")),
            traceparent=str(annotations.get(TRACEPARENT, "")),
            rollout=self._target.rollout(manifest),
            references=outline.references,
            changed_by=outline.changed_by,
            strategy=outline.strategy,
            owners=_owners(manifest),
            canaries=canary_owners(manifest),
            leaving="deletionTimestamp" in metadata,
            outline=outline.services,
            divided=divided,
            paused=counts.paused,
            whole=pack_workload(manifest) if revision else b"",
        )

    def _outline(self, manifest: Manifest) -> "_Outline":
        metadata = metadata_of(manifest)
        uid, generation = metadata.get("uid", ""), metadata.get("generation", 0)
        known = self._outlines.recall(uid, (generation,)) if uid and generation else None
        if known is None:
            template = self._target.written(manifest)
            alone = self._target.serves or self._target.divides
            known = _Outline(
                template=self._hashing.template_digest(template),
                images=tuple(_images(template.get("spec") or {})),
                # Configs of pods that get no copies of them are their user's alone.
                references=() if alone else references(template),
                changed_by=_changed_by(metadata),
                strategy=self._target.strategy(manifest),
                services=b"" if alone else packed(services_outline(manifest)),
            )
            if uid:
                self._outlines.keep(uid, (generation,), known)
        return known


class _Outline(NamedTuple):
    """What is kept of a workload's spec."""

    template: str
    images: tuple[Image, ...]
    references: tuple[ConfigReference, ...]
    changed_by: str
    strategy: UpdateStrategy
    services: bytes


def _images(pod: Mapping[str, Any]) -> Iterator[Image]:
    """Read the images of a pod template; a target and its primary share the texts."""
    for part, init in (("containers", False), ("initContainers", True)):
        for each in pod.get(part) or ():
            yield Image(intern(str(each.get("name"))), intern(str(each.get("image", ""))), init)


def _changed_by(metadata: Mapping[str, Any]) -> str:
    """Find who else than tidegate has written into a pod template last."""
    others = [
        (str(each.get("time") or ""), str(each.get("manager") or ""))
        for each in metadata.get("managedFields") or ()
        if each.get("manager") != MANAGER
        and "f:template" in ((each.get("fieldsV1") or {}).get("f:spec") or {})
    ]
    return intern(max(others)[1]) if others else ""


def _last_writer(metadata: Mapping[str, Any]) -> str:
    """Find who else than tidegate has written an object last, beside its status."""
    written = {
        str(each.get("manager") or ""): str(each.get("time") or "")
        for each in metadata.get("managedFields") or ()
        if each.get("subresource") != "status"
    }
    ours = written.pop(MANAGER, "")
    time, manager = max(((time, manager) for manager, time in written.items()), default=("", ""))
    return intern(manager) if time >= ours else ""


def config_record(manifest: Manifest) -> ConfigRecord:
    """Trim a ConfigMap or Secret, or what the API server gives of its metadata."""
    metadata = metadata_of(manifest)
    made_here = (metadata.get("labels") or {}).get(MANAGED_BY) == MANAGER
    owners = _owners(manifest)
    canaries = (each.removeprefix(CANARY) for each in owners if each.startswith(CANARY))
    return ConfigRecord(
        name=metadata["name"],
        resource_version=metadata.get("resourceVersion", ""),
        owners=owners,
        copy_of=tuple(canaries) if made_here else (),
    )


def metadata_of(manifest: Manifest) -> dict[str, Any]:
    """Give an object's metadata."""
    metadata: dict[str, Any] = manifest["metadata"]
    return metadata
