"""The ConfigMaps and Secrets that a pod template refers to, and the primary's copies of them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from json import dumps
from typing import Any

from canary.api.annotations import TRACKING
from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest, ObjectKey, copy_of
from canary.objects.render import Render, whole
from canary.objects.taking import made
from canary.resources.metadata import included

#: Other types (service account tokens, image pull secrets, bootstrap tokens) are not the app's.
TRACKED_SECRET_TYPES = frozenset(
    {"Opaque", "kubernetes.io/basic-auth", "kubernetes.io/ssh-auth", "kubernetes.io/tls"}
)

#: 64 bits tell two contents of one object apart.
_DIGITS = 16
_NAME_DIGITS = 12
_NAME_LENGTH = 253


class ConfigKind(StrEnum):
    """The kinds of configuration that pods refer to by name."""

    CONFIG_MAP = "ConfigMap"
    SECRET = "Secret"  # noqa: S105 - the kind, not a value


@dataclass(frozen=True, slots=True, order=True)
class ConfigReference:
    """A ConfigMap or Secret that a pod template refers to."""

    kind: ConfigKind
    name: str
    optional: bool = False
    """Whether pods start without it; only if every reference to it says so."""

    @property
    def key(self) -> str:
        """How a status names it: `configmap/NAME`, `secret/NAME`."""
        return f"{self.kind.lower()}/{self.name}"


def references(template: Manifest) -> tuple[ConfigReference, ...]:
    """List what a pod template refers to, each once, sorted."""
    optional: dict[tuple[ConfigKind, str], bool] = {}
    for slot in _slots(template):
        where = (slot.kind, slot.name)
        optional[where] = optional.get(where, True) and slot.optional
    return tuple(sorted(ConfigReference(*where, each) for where, each in optional.items()))


def tracked(obj: Manifest) -> bool:
    """Tell whether a ConfigMap or Secret is tracked, and copied for the primary."""
    annotations = obj["metadata"].get("annotations") or {}
    if any(annotations.get(key, "").startswith("disable") for key in TRACKING):
        return False
    return obj.get("kind") != ConfigKind.SECRET or obj.get("type", "Opaque") in TRACKED_SECRET_TYPES


def checksum(obj: Manifest) -> str:
    """Compute the checksum of a ConfigMap's or Secret's content, text and binary."""
    content = {part: obj.get(part) or {} for part in ("data", "binaryData")}
    text = dumps(content, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode("ascii")).hexdigest()[:_DIGITS]


def copy_name(canary: str, original: ConfigReference, content: str) -> str:
    """Name a Canary's copy of a config with a content, given by its checksum.

    Valid as the name of any object: at most 253 characters, with an end of its own for each Canary,
    config and content.
    """
    whole = f"{canary}/{original.key}/{content}"
    digest = sha256(whole.encode()).hexdigest()[:_NAME_DIGITS]
    stem = f"{original.name}-{canary}"[: _NAME_LENGTH - _NAME_DIGITS - 1].rstrip("-.")
    return f"{stem}-{digest}"


def config_copy(
    canary: Canary,
    obj: Manifest,
    *,
    kind: Kind,
    name: str,
    include_label_prefixes: Iterable[str] = (),
) -> Render:
    """Give the primary's copy of a ConfigMap or Secret, whose content cannot change."""
    prefixes = tuple(include_label_prefixes)
    content = ("type", "data", "binaryData")
    body = {"immutable": True} | {
        part: copy_of(obj[part]) for part in content if obj.get(part) is not None
    }
    return made(
        canary,
        ObjectKey(kind=kind, namespace=canary.metadata.namespace, name=name),
        body,
        owns=whole(body),
        found=None,
        labels=included(obj["metadata"].get("labels"), prefixes),
        annotations=included(obj["metadata"].get("annotations"), prefixes),
        controller=False,
    )


def rename_references(template: Manifest, names: Mapping[str, str]) -> Manifest:
    """Copy a pod template, with other names for what it refers to: new names by key."""
    renamed = copy_of(template)
    for slot in _slots(renamed):
        slot.holder[slot.field] = names.get(ConfigReference(slot.kind, slot.name).key, slot.name)
    return renamed


@dataclass(frozen=True, slots=True)
class _Slot:
    """A place in a template that holds the name of a ConfigMap or Secret."""

    kind: ConfigKind
    holder: dict[str, Any]
    field: str

    @property
    def name(self) -> str:
        return str(self.holder[self.field])

    @property
    def optional(self) -> bool:
        return bool(self.holder.get("optional"))


def _slots(template: Manifest) -> Iterator[_Slot]:
    spec = template.get("spec") or {}
    yield from _volume_slots(spec)
    for containers in ("initContainers", "containers", "ephemeralContainers"):
        for container in spec.get(containers) or ():
            yield from _container_slots(container)


def _volume_slots(spec: Manifest) -> Iterator[_Slot]:
    for volume in spec.get("volumes") or ():
        yield from _slot(ConfigKind.CONFIG_MAP, volume.get("configMap"))
        yield from _slot(ConfigKind.SECRET, volume.get("secret"), "secretName")
        for source in (volume.get("projected") or {}).get("sources") or ():
            yield from _slot(ConfigKind.CONFIG_MAP, source.get("configMap"))
            yield from _slot(ConfigKind.SECRET, source.get("secret"))


def _container_slots(container: Manifest) -> Iterator[_Slot]:
    for variable in container.get("env") or ():
        source = variable.get("valueFrom") or {}
        yield from _slot(ConfigKind.CONFIG_MAP, source.get("configMapKeyRef"))
        yield from _slot(ConfigKind.SECRET, source.get("secretKeyRef"))
    for source in container.get("envFrom") or ():
        yield from _slot(ConfigKind.CONFIG_MAP, source.get("configMapRef"))
        yield from _slot(ConfigKind.SECRET, source.get("secretRef"))


def _slot(kind: ConfigKind, holder: dict[str, Any] | None, field: str = "name") -> Iterator[_Slot]:
    # A reference may lack its name: the API server takes it as empty, and finds nothing.
    if holder and holder.get(field):
        yield _Slot(kind, holder, field)
