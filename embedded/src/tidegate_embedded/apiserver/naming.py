"""Rules for names, labels and other metadata that hold for objects of every kind."""

import re
from collections.abc import Iterator, Sequence

from tidegate_embedded.apiserver import errors
from tidegate_embedded.apiserver.errors import Cause
from tidegate_embedded.apiserver.resources import Resource
from tidegate_embedded.apiserver.values import Object

ANNOTATIONS_BYTES = 256 * 1024

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")

LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and"
    " must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex"
    " used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or"
    " '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used"
    " for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or"
    " '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',"
    "  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
KEY_RULE = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end"
    " with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for"
    " validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)


def metadata_causes(item: Object, resource: Resource) -> Iterator[Cause]:
    """Yield everything that is wrong with an object's metadata."""
    metadata = item["metadata"]
    yield from _name_causes(metadata.get("name", ""), resource)
    yield from label_causes(metadata.get("labels"), "metadata.labels")
    annotations = metadata.get("annotations") or {}
    for key in annotations:
        if not is_qualified(key.lower()):
            yield errors.invalid_value("metadata.annotations", key, KEY_RULE)
    size = sum(len(key.encode()) + len(str(text).encode()) for key, text in annotations.items())
    if size > ANNOTATIONS_BYTES:
        yield Cause(
            errors.TOO_LONG,
            "metadata.annotations",
            f"Too long: may not be more than {ANNOTATIONS_BYTES} bytes",
        )
    yield from _owner_causes(metadata.get("ownerReferences") or ())


def _name_causes(name: str, resource: Resource) -> Iterator[Cause]:
    where = "metadata.name"
    if not name:
        yield errors.required(where, "name or generateName is required")
        return
    if resource.group == "rbac.authorization.k8s.io":
        if name in {".", ".."} or "/" in name or "%" in name:
            yield errors.invalid_value(where, name, "may not contain '/' or '%'")
        return
    if not resource.group and resource.kind in {"Namespace", "Service"}:
        rule, pattern, length = LABEL_RULE, LABEL, 63
    else:
        rule, pattern, length = SUBDOMAIN_RULE, SUBDOMAIN, 253
    if len(name) > length:
        yield errors.invalid_value(where, name, f"must be no more than {length} characters")
    if not pattern.fullmatch(name):
        yield errors.invalid_value(where, name, rule)


def is_qualified(key: str) -> bool:
    """Tell whether a label's or annotation's key is well formed."""
    prefix, slash, name = key.rpartition("/")
    if slash and (len(prefix) > 253 or not SUBDOMAIN.fullmatch(prefix)):
        return False
    return len(name) <= 63 and _QUALIFIED.fullmatch(name) is not None


def label_causes(labels: Object | None, where: str) -> Iterator[Cause]:
    """Yield every malformed label."""
    for key, value in (labels or {}).items():
        if not is_qualified(key):
            yield errors.invalid_value(where, key, KEY_RULE)
        if len(value) > 63:
            yield errors.invalid_value(where, value, "must be no more than 63 bytes")
        if not _LABEL_VALUE.fullmatch(value):
            yield errors.invalid_value(where, value, VALUE_RULE)


def _owner_causes(owners: Sequence[Object]) -> Iterator[Cause]:
    where = "metadata.ownerReferences"
    for index, owner in enumerate(owners):
        for field in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(field):
                yield errors.invalid_value(
                    f"{where}[{index}].{field}" if field != "apiVersion" else f"{where}.{field}",
                    owner.get(field, ""),
                    f"{field} must not be empty"
                    if field != "apiVersion"
                    else "version must not be empty",
                )
    if sum(bool(owner.get("controller")) for owner in owners) > 1:
        yield errors.invalid_value(
            where, owners, "Only one reference can have Controller set to true"
        )
