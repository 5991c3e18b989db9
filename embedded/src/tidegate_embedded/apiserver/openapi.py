"""OpenAPI v3 documents of what is served: enough for `kubectl explain`, `apply` and validation.

OpenAPI v2 has the same schemas in JSON. In protobuf it has none: kubectl only reads it there to
look for a kind that v3 does not have.
"""

import hashlib
from typing import Any

from tidegate_embedded.apiserver.resources import Registry, Resource
from tidegate_embedded.apiserver.values import Object

_PATCHES = ("application/json-patch+json", "application/merge-patch+json")
_STRATEGIC = "application/strategic-merge-patch+json"
_APPLY = "application/apply-patch+yaml"

#: OpenAPI v2 in protobuf, as it is answered, and as older and newer clients ask for it.
PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
VERSION2_TYPES = (
    "application/json", PROTOBUF, "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
)  # fmt: skip
_TITLE, _VERSION = "Kubernetes", "v1.36.3"


class Documents:
    """The documents, made once for each state of the registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._revision = -1
        self._made: dict[str, Object] = {}

    def _cached(self) -> dict[str, Object]:
        if self._revision != self._registry.revision:
            self._made, self._revision = {}, self._registry.revision
        return self._made

    def index(self) -> Object:
        """Answer `/openapi/v3`."""
        paths: Object = {}
        for group, versions in self._registry.groups().items():
            for version in versions:
                path = f"apis/{group}/{version}" if group else f"api/{version}"
                seed = f"{self._registry.revision} {path}".encode()
                digest = hashlib.sha256(seed).hexdigest().upper()
                paths[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={digest}"}
        return {"paths": paths}

    def version3(self, group: str, version: str) -> Object:
        """Answer `/openapi/v3/apis/<group>/<version>`; raises `PathNotFound`."""
        made = self._cached()
        key = f"{group}/{version}"
        if key not in made:
            resources = self._registry.served_at(group, version)
            schemas: Object = {}
            paths: Object = {}
            for resource in resources:
                paths |= _paths(resource)
                _add_schema(schemas, resource, "#/components/schemas/")
            made[key] = {
                "openapi": "3.0.0",
                "info": {"title": _TITLE, "version": _VERSION},
                "paths": paths,
                "components": {"schemas": schemas},
            }
        return made[key]

    def version2(self) -> Object:
        """Answer `/openapi/v2`."""
        made = self._cached()
        if "v2" not in made:
            definitions: Object = {}
            for resource in self._registry:
                _add_schema(definitions, resource, "#/definitions/")
            made["v2"] = {
                "swagger": "2.0",
                "info": {"title": _TITLE, "version": _VERSION},
                "paths": {},
                "definitions": definitions,
            }
        return made["v2"]

    def version2_in_protobuf(self) -> bytes:
        """Answer `/openapi/v2` to clients that read protobuf alone: what it is, and no schema."""
        info = _texts(_TITLE, _VERSION)
        return _texts("2.0") + b"\x12" + bytes([len(info)]) + info


def _texts(*values: str) -> bytes:
    """Encode short texts as the first fields of a message."""
    encoded = (value.encode() for value in values)
    return b"".join(
        bytes([number << 3 | 2, len(text)]) + text for number, text in enumerate(encoded, start=1)
    )


def schema_name(resource: Resource) -> str:
    """Name a resource's schema: the reversed group, the version and the kind."""
    group = ".".join(reversed((resource.group or "core.api.k8s.io").split(".")))
    return f"{group}.{resource.version}.{resource.kind}"


def _add_schema(schemas: Object, resource: Resource, prefix: str) -> None:
    name = schema_name(resource)
    schema = _referring(resource.schema, schemas, prefix, root=True)
    schemas[name] = {
        **schema,
        "x-kubernetes-group-version-kind": [_kind(resource)],
    }
    if resource.custom:
        described = resource.schema["properties"]
        for field in ("apiVersion", "kind"):
            schemas[name]["properties"][field] = described[field]


def _referring(schema: Any, schemas: Object, prefix: str, *, root: bool = False) -> Any:
    """Copy a schema with references in place of the parts that are named models."""
    if isinstance(schema, list):
        return [_referring(part, schemas, prefix) for part in schema]
    if not isinstance(schema, dict):
        return schema
    model = schema.get("x-model")
    if isinstance(model, str) and not root:
        name = f"io.k8s.{model}"
        if name not in schemas:
            schemas[name] = {}
            schemas[name] = _referring(schema, schemas, prefix, root=True)
        reference: Object = {"$ref": prefix + name}
        extras = {
            key: schema[key]
            for key in ("description", "default", "x-kubernetes-patch-strategy")
            if key in schema
        }
        return {**extras, "allOf": [reference]} if extras else reference
    return {
        key: {name: _referring(part, schemas, prefix) for name, part in value.items()}
        if key == "properties"
        else _referring(value, schemas, prefix)
        if key in {"items", "additionalProperties", "allOf", "anyOf", "oneOf", "not"}
        else value
        for key, value in schema.items()
        if key != "x-model"
    }


def _kind(resource: Resource) -> Object:
    return {"group": resource.group, "version": resource.version, "kind": resource.kind}


def _paths(resource: Resource) -> Object:
    collection = resource.path
    if resource.namespaced:
        collection += "/namespaces/{namespace}"
    collection += f"/{resource.plural}"
    named = collection + "/{name}"
    paths: Object = {collection: {}, named: {}}
    content = {"schema": {"$ref": f"#/components/schemas/{schema_name(resource)}"}}
    answer = {"200": {"description": "OK", "content": {"application/json": content}}}

    def operation(action: str, *parameters: str, **more: Any) -> Object:
        return {
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": _kind(resource),
            "parameters": [
                {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
                for name in parameters
            ],
            "responses": answer,
            **more,
        }

    writing = ("dryRun", "fieldManager", "fieldValidation")
    body = {"requestBody": {"content": {"*/*": content}}}
    if "list" in resource.verbs:
        paths[collection]["get"] = operation(
            "list", "labelSelector", "fieldSelector", "limit", "continue", "watch"
        )
    paths[collection]["post"] = operation("post", *writing, **body)
    if "get" in resource.verbs:
        paths[named]["get"] = operation("get")
        paths[named]["put"] = operation("put", *writing, **body)
        media = [*_PATCHES, *(() if resource.custom else (_STRATEGIC,)), _APPLY]
        patches: Object = {"requestBody": {"content": {name: {"schema": {}} for name in media}}}
        paths[named]["patch"] = operation("patch", *writing, "force", **patches)
        paths[named]["delete"] = operation("delete", "dryRun", "propagationPolicy")
    return paths
