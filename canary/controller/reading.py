"""Reading Canaries: packed for the caches, and parsed for as long as they are worked on.

Long because everything goes on under the names and in the way in which it came up, whatever a spec
says later, and each of these ways is refused in words of its own.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Self, TypedDict

from canary.api.annotations import ACCEPT_RISK, PREFIX, VERBS, unknown_annotations
from canary.api.canary import Canary
from canary.api.kinds import Manifest
from canary.api.meta import PEER_GROUP
from canary.api.namespaces import OPEN, Boundary
from canary.api.peer import read_peer_status
from canary.api.raw import part
from canary.api.shown import shown
from canary.api.status import CanaryStatus, Names, read_status
from canary.controller.canaries import (
    AnyCanary,
    BrokenCanary,
    CanaryKey,
    CanaryObject,
    CanaryRecord,
    KnownCanary,
)
from canary.controller.specs import ReadSpec, SpecReader, routing
from canary.controller.standings import standing_of
from canary.core.facts import Command
from canary.core.phases import IDLE
from canary.core.signature import LONGEST
from canary.errors import Problem, SpecWarning
from canary.objects.packing import packed, unpacked
from canary.settings import Settings
from canary.settings.selection import ALL, LabelSelection
from canary.targets import Target, installed_target, target_for

MOST_AT_REST = 64
"""So many Canaries at rest stay parsed for a while: their run may just have ended."""


class _Read(TypedDict):
    """What is read of every Canary."""

    key: CanaryKey
    uid: str
    created: str
    resource_version: str
    generation: int
    deleting: bool
    finalizers: tuple[str, ...]
    status: CanaryStatus
    problems: tuple[Problem, ...]
    content: bytes


class CanaryReader:
    """Reads Canaries, and parses a spec only when its generation has changed.

    What was parsed of a Canary is dropped some time after it came to rest.
    """

    def __init__(
        self, default_router: str, boundary: Boundary = OPEN, selection: LabelSelection = ALL
    ) -> None:
        self._default_router = default_router
        self._selection = selection
        self.boundary = boundary
        """Which namespaces an object may refer to."""
        self._specs = SpecReader(default_router, boundary)
        self._parsed: dict[str, ReadSpec] = {}
        self._sound: dict[str, ReadSpec] = {}
        """The last sound specs of Canaries whose newest ones are not."""
        self._records: dict[str, tuple[bytes, AnyCanary]] = {}
        self._at_rest: OrderedDict[str, None] = OrderedDict()

    @classmethod
    def under(cls, settings: Settings) -> Self:
        """Make the reader of a controller with some settings."""
        boundary = Boundary(
            closed=settings.no_cross_namespace_refs, shared=settings.shared_namespaces
        )
        return cls(settings.router, boundary, settings.selection)

    def takes(self, manifest: Manifest) -> bool:
        """Tell whether a Canary is this controller's to act on, by its labels."""
        labels = part(manifest.get("metadata"), "labels")
        return self._selection.takes(labels if isinstance(labels, Mapping) else {})

    def keep(self, manifest: Manifest) -> KnownCanary:
        """Pack an object for the caches, whatever it holds."""
        content = _content(manifest)
        record = self._read(manifest, content)
        claim = record.claim
        labels = manifest["metadata"].get("labels") if claim.underway else None
        taken = self.takes(manifest)
        if not taken:
            # Of a Canary that another controller acts on, no more than this is asked.
            self.forget(record)
        return KnownCanary(
            key=record.key,
            uid=record.uid,
            peer=record.peer,
            target_kind=record.target_kind,
            claim=claim if claim.underway else None,
            labels=labels or {},
            standing=standing_of(record) if taken else None,
            taken=taken,
            content=content,
        )

    def recall(self, known: KnownCanary) -> AnyCanary:
        """Make the record of what was packed."""
        remembered = self._records.get(known.uid)
        if remembered is not None and remembered[0] == known.content:
            return remembered[1]
        return self._read(unpacked(known.content), known.content)

    def read(self, manifest: Manifest) -> AnyCanary:
        """Make the record of an object, whatever it holds."""
        return self._read(manifest, _content(manifest))

    def _read(self, manifest: Manifest, content: bytes) -> AnyCanary:
        uid = manifest["metadata"].get("uid", "")
        remembered = self._records.get(uid)
        if remembered is not None and remembered[0] == content:
            record = remembered[1]
        else:
            record = self._record(manifest, content)
        if uid:
            self._records[uid] = content, record
            self._rest(record)
        return record

    def _rest(self, record: CanaryObject) -> None:
        """Keep what is busy parsed, and what has come to rest last."""
        self._at_rest.pop(record.uid, None)
        if record.status.phase in IDLE:
            self._at_rest[record.uid] = None
        if len(self._at_rest) > MOST_AT_REST:
            oldest, _ = self._at_rest.popitem(last=False)
            self._drop(oldest)

    def _record(self, manifest: Manifest, content: bytes) -> AnyCanary:
        metadata = manifest["metadata"]
        group = str(manifest["apiVersion"]).partition("/")[0]
        uid, generation = metadata.get("uid", ""), metadata.get("generation", 0)
        before = self._parsed.get(uid)
        parsed = before
        if parsed is None or parsed.generation != generation or not generation:
            parsed = self._specs.read(manifest)
            # One of a file has no uid: what is kept under none would be any other's.
            if uid:
                self._parsed[uid] = parsed
                self._remember_sound(uid, before, parsed)
        annotations = metadata.get("annotations") or {}
        acted_on = self._sound.get(uid, parsed) if parsed.problems else parsed
        canary, status = acted_on.canary, _status(group, manifest.get("status"))
        workload, problems = acted_on.workload, parsed.problems
        if canary is not None and status.names is not None:
            if workload is None or not workload.holds_primary:
                canary = _with_primary(canary, status.names)
            if status.names.kind not in {"", canary.spec.target_ref.kind}:
                problems = (*problems, _other_kind(canary, status.names.kind))
                canary, workload = _with_kind(canary, status.names.kind)
            if workload is not None and _is_kept(status.names) is not workload.keeps:
                held = _as_held(canary, workload, status.names)
                if held is not workload:
                    problems = (*problems, _otherwise_kept(canary))
                    spec = canary.spec.with_target_kept(kept=held.keeps)
                    canary, workload = canary.model_copy(update={"spec": spec}), held
            keeps_name = workload is not None and (
                workload.serves or workload.divides or workload.keeps
            )
            if keeps_name and status.last_promoted_spec:
                renamed = _renamed(canary, status.names.target)
                if renamed is not None:
                    problems = (*problems, renamed)
                    canary = _with_target(canary, status.names.target)
        read: _Read = {
            "key": CanaryKey(group, metadata.get("namespace", ""), metadata["name"]),
            "uid": uid,
            "created": metadata.get("creationTimestamp", ""),
            "resource_version": metadata.get("resourceVersion", ""),
            "generation": generation,
            "deleting": "deletionTimestamp" in metadata,
            "finalizers": tuple(metadata.get("finalizers") or ()),
            "status": status,
            "problems": problems,
            "content": content,
        }
        if canary is None:
            return BrokenCanary(**read)
        return CanaryRecord(
            **read,
            labels=metadata.get("labels") or {},
            commands=_commands(annotations),
            accepted_risks=_accepted_risks(annotations),
            canary=canary,
            router=routing(workload, acted_on.router),
            workload=workload,
            scaler=acted_on.scaler,
            provider=canary.spec.provider or self._default_router,
            warnings=(*acted_on.warnings, *unknown_annotations(annotations)),
            unguided=bool(parsed.problems) and acted_on is parsed,
        )

    def _remember_sound(self, uid: str, before: ReadSpec | None, parsed: ReadSpec) -> None:
        """Keep what was sound before: a run under way goes on by it."""
        if not parsed.problems:
            self._sound.pop(uid, None)
        elif before is not None and not before.problems and before.canary is not None:
            self._sound[uid] = before

    def problems(self, manifest: Manifest) -> tuple[Problem, ...]:
        """Name everything that is wrong with an object, without keeping anything of it."""
        return self._specs.read(manifest).problems

    def warnings(self, manifest: Manifest) -> tuple[SpecWarning, ...]:
        """Name what of an object is accepted but ignored or changed."""
        annotations = part(manifest.get("metadata"), "annotations")
        known = annotations if isinstance(annotations, Mapping) else {}
        return (*self._specs.read(manifest).warnings, *unknown_annotations(known))

    def forget(self, record: CanaryObject | KnownCanary) -> None:
        """Drop what was parsed of a Canary that is gone."""
        self._at_rest.pop(record.uid, None)
        self._drop(record.uid)

    def _drop(self, uid: str) -> None:
        self._parsed.pop(uid, None)
        self._sound.pop(uid, None)
        self._records.pop(uid, None)


def _with_primary(canary: Canary, names: Names) -> Canary:
    """Let a Canary know its primary by the name that it came up under."""
    spec = canary.spec.with_primary(names.primary)
    return canary if spec is canary.spec else canary.model_copy(update={"spec": spec})


def _with_kind(canary: Canary, kind: str) -> tuple[Canary, Target | None]:
    """Give a Canary with the kind of target that everything was made for, and that kind's target."""
    spec = canary.spec.with_kind(kind).with_primary(canary.spec.primary_name)
    return canary.model_copy(update={"spec": spec}), installed_target(kind)


def _is_kept(names: Names) -> bool:
    """Tell whether the primary came up as the target itself."""
    return names.primary == names.target != ""


def _as_held(canary: Canary, workload: Target, names: Names) -> Target:
    """Give what reads the target as it was when its primary came up: kept, or not."""
    kept = workload.keeping()
    if kept is None or not names.primary:
        return workload
    target = canary.spec.target_ref
    return kept if _is_kept(names) else target_for(target.kind, target.api_version)


def _otherwise_kept(canary: Canary) -> Problem:
    kept = canary.spec.keep_target
    return Problem(
        "spec.keepTarget",
        value=kept,
        remedy=f"set it back to {str(not kept).lower()}, or delete the Canary and create it again: "
        "the primary is either the target itself or a copy of it",
    )


def _other_kind(canary: Canary, kind: str) -> Problem:
    return Problem(
        "spec.targetRef.kind",
        shown(canary.spec.target_ref.kind),
        f"set it back to {kind}, or delete the Canary and create it again: a target cannot become "
        "one of another kind",
    )


def _with_target(canary: Canary, name: str) -> Canary:
    """Give a Canary with the target that serves under its own name."""
    target = canary.spec.target_ref.model_copy(update={"name": name})
    service = canary.spec.service.model_copy(update={"name": None})
    spec = canary.spec.model_copy(update={"target_ref": target, "service": service})
    return canary.model_copy(update={"spec": spec})


def _renamed(canary: Canary, name: str) -> Problem | None:
    """Refuse another name of a target that serves: clients would go on to call the former one."""
    target = canary.spec.target_ref
    if name in {"", target.name}:
        return None
    return Problem(
        "spec.targetRef.name",
        shown(target.name),
        f"set it back to {name}, or delete the Canary and create it again: a target of kind "
        f"{target.kind} keeps its name",
    )


def _content(manifest: Manifest) -> bytes:
    metadata = manifest["metadata"]
    if "managedFields" in metadata:
        kept = {key: value for key, value in metadata.items() if key != "managedFields"}
        manifest = manifest | {"metadata": kept}
    return packed(manifest)


def _status(group: str, raw: object) -> CanaryStatus:
    return read_peer_status(raw) if group == PEER_GROUP else read_status(raw)


def _accepted_risks(annotations: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(str(annotations.get(ACCEPT_RISK, "")).replace(",", " ").split())


def _commands(annotations: Mapping[str, Any]) -> tuple[Command, ...]:
    return tuple(
        Command(verb=verb, value=str(annotations[PREFIX + verb])[:LONGEST])
        for verb in VERBS
        if PREFIX + verb in annotations
    )
