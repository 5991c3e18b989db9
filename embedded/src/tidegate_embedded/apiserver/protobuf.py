"""Bodies in protobuf, as `kubectl create` and other typed Go clients send them.

Only what `kubectl create` makes is known here; anything else is refused as an unknown format, never
read in part. Answers are always JSON. Field numbers are those of the `generated.proto` files of
k8s.io/api and k8s.io/apimachinery.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from tidegate_embedded.apiserver import errors
from tidegate_embedded.apiserver.values import Object

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

#: An "integer" is optional; a "count" is always written, and its zero means nothing.
Scalar = Literal["text", "bytes", "integer", "count", "truth", "ignored"]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message: its JSON name, and a scalar or the name of a message."""

    name: str
    type: str = "text"
    repeated: bool = False
    map: bool = False


def _map(name: str, values: Scalar = "text") -> Field:
    return Field(name, values, map=True)


#: An empty message, or one that the API server sets itself.
_IGNORED = "ignored"
_METADATA = Field("metadata", "ObjectMeta")

MESSAGES: dict[str, dict[int, Field]] = {
    "ConfigMap": {
        1: _METADATA,
        2: _map("data"),
        3: _map("binaryData", "bytes"),
        4: Field("immutable", "truth"),
    },
    "Container": {
        1: Field("name"),
        2: Field("image"),
        3: Field("command", repeated=True),
        4: Field("args", repeated=True),
        5: Field("workingDir"),
        6: Field("ports", "ContainerPort", repeated=True),
        7: Field("env", "EnvVar", repeated=True),
        8: Field("resources", "Empty"),
        13: Field("terminationMessagePath"),
        14: Field("imagePullPolicy"),
        16: Field("stdin", "truth"),
        17: Field("stdinOnce", "truth"),
        18: Field("tty", "truth"),
        20: Field("terminationMessagePolicy"),
    },
    "ContainerPort": {
        1: Field("name"),
        2: Field("hostPort", "count"),
        3: Field("containerPort", "count"),
        4: Field("protocol"),
        5: Field("hostIP"),
    },
    "DeleteOptions": {
        1: Field("gracePeriodSeconds", "integer"),
        2: Field("preconditions", "Preconditions"),
        3: Field("orphanDependents", "truth"),
        4: Field("propagationPolicy"),
        5: Field("dryRun", repeated=True),
        6: Field("ignoreStoreReadErrorWithClusterBreakingPotential", "truth"),
    },
    "Deployment": {1: _METADATA, 2: Field("spec", "DeploymentSpec"), 3: Field("status", _IGNORED)},
    "DeploymentSpec": {
        1: Field("replicas", "integer"),
        2: Field("selector", "LabelSelector"),
        3: Field("template", "PodTemplateSpec"),
        4: Field("strategy", "Empty"),
        5: Field("minReadySeconds", "count"),
        6: Field("revisionHistoryLimit", "integer"),
        7: Field("paused", "truth"),
        9: Field("progressDeadlineSeconds", "integer"),
    },
    "Empty": {},
    "EnvVar": {1: Field("name"), 2: Field("value")},
    "LabelSelector": {1: _map("matchLabels")},
    "Namespace": {1: _METADATA, 2: Field("spec", _IGNORED), 3: Field("status", _IGNORED)},
    "NonResourceAttributes": {1: Field("path"), 2: Field("verb")},
    "ObjectMeta": {
        1: Field("name"),
        2: Field("generateName"),
        3: Field("namespace"),
        4: Field("selfLink"),
        5: Field("uid"),
        6: Field("resourceVersion"),
        7: Field("generation", "count"),
        8: Field("creationTimestamp", _IGNORED),
        9: Field("deletionTimestamp", _IGNORED),
        10: Field("deletionGracePeriodSeconds", "integer"),
        11: _map("labels"),
        12: _map("annotations"),
        13: Field("ownerReferences", "OwnerReference", repeated=True),
        14: Field("finalizers", repeated=True),
        17: Field("managedFields", _IGNORED),
    },
    "OwnerReference": {
        1: Field("kind"),
        3: Field("name"),
        4: Field("uid"),
        5: Field("apiVersion"),
        6: Field("controller", "truth"),
        7: Field("blockOwnerDeletion", "truth"),
    },
    "PodSpec": {
        2: Field("containers", "Container", repeated=True),
        3: Field("restartPolicy"),
        4: Field("terminationGracePeriodSeconds", "integer"),
        6: Field("dnsPolicy"),
        7: _map("nodeSelector"),
        8: Field("serviceAccountName"),
        9: Field("serviceAccount"),
        10: Field("nodeName"),
        11: Field("hostNetwork", "truth"),
        12: Field("hostPID", "truth"),
        13: Field("hostIPC", "truth"),
        14: Field("securityContext", "Empty"),
        16: Field("hostname"),
        17: Field("subdomain"),
        19: Field("schedulerName"),
        24: Field("priorityClassName"),
    },
    "PodTemplateSpec": {1: _METADATA, 2: Field("spec", "PodSpec")},
    "Preconditions": {1: Field("uid"), 2: Field("resourceVersion")},
    "ResourceAttributes": {
        number: Field(name)
        for number, name in enumerate(
            ("namespace", "verb", "group", "version", "resource", "subresource", "name"), start=1
        )
    },
    "Secret": {
        1: _METADATA,
        2: _map("data", "bytes"),
        3: Field("type"),
        4: _map("stringData"),
        5: Field("immutable", "truth"),
    },
    "SelfSubjectAccessReview": {
        1: _METADATA,
        2: Field("spec", "SelfSubjectAccessReviewSpec"),
        3: Field("status", _IGNORED),
    },
    "SelfSubjectAccessReviewSpec": {
        1: Field("resourceAttributes", "ResourceAttributes"),
        2: Field("nonResourceAttributes", "NonResourceAttributes"),
    },
    "ServiceAccount": {1: _METADATA, 4: Field("automountServiceAccountToken", "truth")},
    "TypeMeta": {1: Field("apiVersion"), 2: Field("kind")},
    "Unknown": {
        1: Field("typeMeta", "TypeMeta"),
        2: Field("raw", "bytes"),
        3: Field("contentEncoding"),
        4: Field("contentType"),
    },
}


def parsed(body: bytes) -> Object:
    """Parse an object in Kubernetes' protobuf envelope; raises a 415 for what is not known here."""
    if not body.startswith(_MAGIC):
        raise errors.bad_request("provided data does not appear to be a protobuf message")
    envelope = _message("Unknown", body[len(_MAGIC) :], keep_bytes=True)
    identity = envelope.get("typeMeta", {})
    kind = identity.get("kind", "")
    if kind not in MESSAGES:
        raise errors.unsupported_media_type(["application/json", "application/yaml"])
    return {**identity, **_message(kind, envelope.get("raw", b""))}


def _message(name: str, data: bytes, *, keep_bytes: bool = False) -> Object:
    known = MESSAGES[name]
    message: Object = {}
    for number, value in _fields(data):
        field = known.get(number)
        if field is None and not value:
            continue
        if field is None:
            raise errors.unsupported_media_type(["application/json", "application/yaml"])
        if field.type == _IGNORED:
            continue
        if field.map:
            key, item = _entry(field, value)
            message.setdefault(field.name, {})[key] = item
            continue
        read = value if keep_bytes and field.type == "bytes" else _value(field, value)
        if field.repeated:
            message.setdefault(field.name, []).append("" if read is None else read)
        elif read is not None:
            message[field.name] = read
    return message


def _entry(field: Field, data: Any) -> tuple[str, Any]:
    entry = dict(_fields(data))
    return entry.get(1, b"").decode(), _value(field, entry.get(2, b"")) or ""


def _value(field: Field, value: Any) -> Any:
    """Read a value; None for empty ones, which Go writes of fields that are not pointers."""
    match field.type:
        case "text":
            return value.decode() or None
        case "bytes":
            return base64.b64encode(value).decode()
        case "count":
            return value or None
        case "integer":
            return value - 2**64 if value >= 2**63 else value
        case "truth":
            return bool(value) or None
        case nested:
            return _message(nested, value) or None


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Yield the number and raw value of each field of a message; raises a 400."""
    position = 0
    try:
        while position < len(data):
            tag, position = _varint(data, position)
            number, wire = tag >> 3, tag & 7
            if wire == _VARINT:
                value, position = _varint(data, position)
                yield number, value
            elif wire == _BYTES:
                length, position = _varint(data, position)
                if position + length > len(data):
                    raise IndexError(position)
                yield number, data[position : position + length]
                position += length
            elif wire in {_FIXED64, _FIXED32}:
                width = 8 if wire == _FIXED64 else 4
                yield number, int.from_bytes(data[position : position + width], "little")
                position += width
            else:
                raise IndexError(position)
    except IndexError as error:
        raise errors.bad_request("the protobuf message is malformed") from error


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
