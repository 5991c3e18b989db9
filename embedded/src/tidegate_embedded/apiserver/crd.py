"""CustomResourceDefinitions: what is wrong with one, and the resources that it defines.

Conversion between versions changes `apiVersion` only; conversion by webhook is refused.
"""

import re
from collections.abc import Iterator

from tidegate_embedded.apiserver import errors
from tidegate_embedded.apiserver.errors import Cause
from tidegate_embedded.apiserver.expressions import rule_causes
from tidegate_embedded.apiserver.resources import Column, Generation, Registry, Resource, ScalePaths
from tidegate_embedded.apiserver.structural import with_metadata
from tidegate_embedded.apiserver.values import Object, at_path, child

KEY = ("apiextensions.k8s.io", "customresourcedefinitions")
#: Holds a definition until what it defines is gone.
CLEANUP = "customresourcecleanup.apiextensions.k8s.io"
AGE = Column(name="Age", type="date", path=".metadata.creationTimestamp")


def fill_in(definition: Object) -> None:
    """Fill in, in place, the names and the status that the API server decides."""
    spec = definition.get("spec")
    if not isinstance(spec, dict):
        return
    names = child(spec, "names")
    if names.get("kind"):
        names.setdefault("singular", names["kind"].lower())
        names.setdefault("listKind", names["kind"] + "List")


def definition_causes(definition: Object, old: Object | None) -> Iterator[Cause]:
    """Yield everything that is wrong with a definition."""
    spec = definition.get("spec") or {}
    names, versions = spec.get("names") or {}, spec.get("versions") or []
    expected = f"{names.get('plural')}.{spec.get('group')}"
    if definition["metadata"].get("name") != expected:
        yield errors.invalid_value(
            "metadata.name",
            definition["metadata"].get("name"),
            'must be spec.names.plural+"."+spec.group',
        )
    if spec.get("scope") not in {"Cluster", "Namespaced"}:
        yield errors.unsupported("spec.scope", spec.get("scope"), ["Cluster", "Namespaced"])
    stored = [version for version in versions if version.get("storage")]
    if len(stored) != 1:
        yield errors.invalid_value(
            "spec.versions",
            versions,
            "must have exactly one version marked as storage version",
        )
    for index, version in enumerate(versions):
        schema = at_path(version, "schema", "openAPIV3Schema")
        where = f"spec.versions[{index}].schema.openAPIV3Schema"
        if not isinstance(schema, dict):
            yield errors.required(where, "schemas are required")
        else:
            yield from _structure(schema, where)
            alike = all(each.get("schema") == version["schema"] for each in versions)
            yield from rule_causes(schema, "spec.validation.openAPIV3Schema" if alike else where)
    if at_path(spec, "conversion", "strategy") == "Webhook":
        yield errors.unsupported("spec.conversion.strategy", "Webhook", ["None"])
    if old is not None and at_path(old, "spec", "scope") != spec.get("scope"):
        yield errors.invalid_value("spec.scope", spec.get("scope"), "field is immutable")


def _structure(schema: Object, path: str, *, root: bool = True) -> Iterator[Cause]:
    """Yield where a schema is not structural."""
    if root and schema.get("type") != "object":
        yield errors.invalid_value(f"{path}.type", schema.get("type"), "must be object at the root")
    elif not (
        "type" in schema
        or schema.get("x-kubernetes-int-or-string")
        or schema.get("x-kubernetes-preserve-unknown-fields")
    ):
        yield errors.required(f"{path}.type", "must not be empty for specified object fields")
    if "properties" in schema and "additionalProperties" in schema:
        yield Cause(
            errors.FORBIDDEN,
            f"{path}.additionalProperties",
            "Forbidden: additionalProperties and properties are mutual exclusive",
        )
    if schema.get("uniqueItems"):
        yield Cause(
            errors.FORBIDDEN,
            f"{path}.uniqueItems",
            "Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes"
            " quadratic",
        )
    if schema.get("type") == "array" and "items" not in schema:
        yield errors.required(f"{path}.items", "must be specified")
    for name, nested in (schema.get("properties") or {}).items():
        if not (root and name in {"apiVersion", "kind", "metadata"}):
            yield from _structure(nested, f"{path}.properties[{name}]", root=False)
    for field in ("items", "additionalProperties"):
        if isinstance(schema.get(field), dict):
            yield from _structure(schema[field], f"{path}.{field}", root=False)


def resources_of(definition: Object) -> Iterator[Resource]:
    """Yield the resource of each version that a definition serves, the preferred one first."""
    spec = definition["spec"]
    names = spec["names"]
    stored = next(version["name"] for version in spec["versions"] if version.get("storage"))
    for version in sorted(
        spec["versions"], key=lambda version: version_priority(version["name"]), reverse=True
    ):
        if not version.get("served", True):
            continue
        schema = with_metadata(at_path(version, "schema", "openAPIV3Schema") or {})
        subresources = version.get("subresources") or {}
        scale = subresources.get("scale")
        yield Resource(
            group=spec["group"],
            version=version["name"],
            kind=names["kind"],
            plural=names["plural"],
            singular=names.get("singular") or names["kind"].lower(),
            namespaced=spec["scope"] == "Namespaced",
            schema=schema,
            short_names=tuple(names.get("shortNames") or ()),
            categories=tuple(names.get("categories") or ()),
            subresources=frozenset(subresources),
            scale=scale
            and ScalePaths(
                replicas=scale["specReplicasPath"],
                status_replicas=scale["statusReplicasPath"],
                selector=scale.get("labelSelectorPath"),
            ),
            columns=_columns(version),
            generation=Generation.ALL_BUT_STATUS if "status" in subresources else Generation.ALL,
            custom=True,
            unconditional_update=False,
            storage_version=stored,
            list_kind=names.get("listKind") or names["kind"] + "List",
            selectable_fields=tuple(
                field["jsonPath"].removeprefix(".")
                for field in version.get("selectableFields") or ()
            ),
            warning=_deprecation(version, spec),
        )


def _columns(version: Object) -> tuple[Column, ...]:
    listed = version.get("additionalPrinterColumns")
    if not listed:
        return (AGE,)
    return tuple(
        Column(
            name=column["name"],
            type=column["type"],
            path=column["jsonPath"],
            description=column.get("description", ""),
            priority=column.get("priority", 0),
            format=column.get("format", ""),
        )
        for column in listed
    )


def _deprecation(version: Object, spec: Object) -> str | None:
    if not version.get("deprecated"):
        return None
    said: str | None = version.get("deprecationWarning")
    if said:
        return said
    group, kind = spec["group"], spec["names"]["kind"]
    newer = [
        other["name"]
        for other in spec["versions"]
        if other.get("served")
        and not other.get("deprecated")
        and version_priority(other["name"]) > version_priority(version["name"])
    ]
    instead = f"; use {group}/{max(newer, key=version_priority)} {kind}" if newer else ""
    return f"{group}/{version['name']} {kind} is deprecated{instead}"


def version_priority(version: str) -> tuple[int, int, int, str]:
    """Order versions as discovery does: v2 before v1 before v1beta1 before v1alpha1 before others."""
    matched = re.fullmatch(r"v(\d+)(?:(alpha|beta)(\d+))?", version)
    if matched is None:
        return (0, 0, 0, version)
    major, stage, minor = matched.groups()
    return ({"alpha": 1, "beta": 2, None: 3}[stage], int(major), int(minor or 0), "")


def established_status(definition: Object, time: str) -> Object:
    """Return the status of an accepted definition."""
    spec = definition["spec"]
    stored = next(version["name"] for version in spec["versions"] if version.get("storage"))
    known = at_path(definition, "status", "storedVersions") or []
    conditions = [
        {
            "type": kind,
            "status": "True",
            "lastTransitionTime": time,
            "reason": reason,
            "message": message,
        }
        for kind, reason, message in (
            ("NamesAccepted", "NoConflicts", "no conflicts found"),
            ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        )
    ]
    return {
        "conditions": at_path(definition, "status", "conditions") or conditions,
        "acceptedNames": spec["names"],
        "storedVersions": known if stored in known else [*known, stored],
    }


def register(registry: Registry, definition: Object) -> None:
    """Serve what a definition defines, and no longer what it has ceased to define."""
    spec = definition["spec"]
    registry.remove(spec["group"], spec["names"]["plural"])
    for resource in resources_of(definition):
        registry.add(resource)
