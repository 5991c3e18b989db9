"""The CustomResourceDefinitions, made from the typed models.

Pydantic writes JSON Schema; the API server wants a structural OpenAPI v3 schema. What lies between
is here. Writing files is the business of `tidegate crds`.
"""

from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from analysis.durations import format_duration
from canary.api.hub import HUB_KINDS
from canary.api.kinds import copy_of
from canary.api.meta import GROUP, VERSION
from canary.api.resources import KINDS, CustomResource

_HEADER = "# Made from canary/api by `make crds`: change the models, not this file.\n"

#: What a structural schema may hold of what Pydantic writes; the rest of it is translated below.
_KEPT = (
    "description",
    "type",
    "format",
    "enum",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "maxProperties",
    "x-kubernetes-int-or-string",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-validations",
)
#: What is dropped with no loss: names for people, and what pruning does in the API server.
_DROPPED = ("title", "additionalProperties", "propertyNames", "patternProperties", "default")
_TRANSLATED = ("$ref", "$defs", "allOf", "anyOf", "const", "items", "properties", "required")


#: Lists whose items have a key, so that several writers can each own theirs.
_KEYED_LISTS = {"conditions": ["type"], "waves": ["name"]}


class _Generator(GenerateJsonSchema):
    def encode_default(self, dft: Any) -> Any:
        """Write a default as a user would."""
        if isinstance(dft, timedelta):
            return format_duration(dft)
        return super().encode_default(dft)


def structural(model: type[BaseModel]) -> dict[str, Any]:
    """Make the structural schema of a model; TypeError for what such a schema cannot say."""
    document = model.model_json_schema(by_alias=True, schema_generator=_Generator)
    return _structural(document, document.get("$defs", {}), model.__name__)


def _structural(
    node: Mapping[str, Any], definitions: Mapping[str, Any], where: str
) -> dict[str, Any]:
    node = _merged(node, definitions, where)
    unknown = set(node) - {*_KEPT, *_DROPPED, *_TRANSLATED, "uniqueItems"}
    if unknown:
        raise TypeError(f"{where}: no structural schema can say {', '.join(sorted(unknown))}")
    schema = {key: node[key] for key in _KEPT if key in node}
    if "const" in node:
        schema["enum"] = [node["const"]]
    # An empty or absent default says nothing, and would be written into every object.
    default = node.get("default")
    if isinstance(default, dict):
        # Of a field that says nothing the API server would refuse a null.
        default = {name: value for name, value in default.items() if value is not None}
    if default not in (None, [], {}, ""):
        schema["default"] = default
    if "properties" in node:
        schema["properties"] = {
            name: _structural(each, definitions, f"{where}.{name}")
            for name, each in node["properties"].items()
        }
        for name, keys in _KEYED_LISTS.items():
            if name in schema["properties"]:
                schema["properties"][name] |= {
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": keys,
                }
    if node.get("required"):
        schema["required"] = node["required"]
    if "items" in node:
        schema["items"] = _structural(node["items"], definitions, f"{where}[]")
    values = node.get("additionalProperties") or _only(node.get("patternProperties", {}))
    if isinstance(values, Mapping):
        schema["additionalProperties"] = _structural(values, definitions, f"{where}.*")
    return schema


def _merged(
    node: Mapping[str, Any], definitions: Mapping[str, Any], where: str
) -> Mapping[str, Any]:
    """Put in what a reference names, and take out that a field may be null; the field wins."""
    while "$ref" in node or "anyOf" in node:
        if "$ref" in node:
            inner = definitions[node["$ref"].removeprefix("#/$defs/")]
        else:
            choices = [each for each in node["anyOf"] if each != {"type": "null"}]
            if len(choices) != 1:
                raise TypeError(f"{where}: a structural schema has one type for a field")
            inner = choices[0]
        outer = {key: value for key, value in node.items() if key not in {"$ref", "anyOf"}}
        both = [
            *inner.get("x-kubernetes-validations", ()),
            *outer.get("x-kubernetes-validations", ()),
        ]
        node = {**inner, **outer, **({"x-kubernetes-validations": both} if both else {})}
    return node


def _only(patterns: Mapping[str, Any]) -> object:
    """Return what the values of a map with checked keys look like."""
    return next(iter(patterns.values()), None)


@cache
def spec_schema(kind: str) -> Mapping[str, Any]:
    """Return the structural schema of a kind's spec; treat it as read-only."""
    return next(structural(each.spec) for each in (*KINDS, *HUB_KINDS) if each.name == kind)


def _object_schema(kind: CustomResource) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "apiVersion": {
            "description": "API group and version of this object.",
            "type": "string",
        },
        "kind": {"description": "Kind of this object.", "type": "string"},
        # The API server describes metadata itself, and refuses a word from others.
        "metadata": {"type": "object"},
        "spec": {
            **structural(kind.spec),
            "description": kind.model.model_fields["spec"].description,
        },
    }
    if kind.status is not None:
        status = structural(kind.status)
        properties["status"] = {
            **status,
            "description": "What the controller has done and is waiting for.",
        }
        if "observedGeneration" in status["properties"]:
            # What the controller has not seen yet is in progress, as kstatus reads it.
            properties["status"]["default"] = {"observedGeneration": 0}
    return {
        "description": kind.model.__doc__,
        "type": "object",
        "required": ["spec"],
        "properties": properties,
    }


def _crd(kind: CustomResource) -> dict[str, Any]:
    version: dict[str, Any] = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "additionalPrinterColumns": [column.render() for column in kind.columns],
        "schema": {"openAPIV3Schema": _object_schema(kind)},
    }
    if kind.status is not None:
        version["subresources"] = {"status": {}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{kind.plural}.{GROUP}",
            "annotations": {"helm.sh/resource-policy": "keep"},
        },
        "spec": {
            "group": GROUP,
            "names": {
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "plural": kind.plural,
                "singular": kind.name.lower(),
                "shortNames": [kind.short_name],
                "categories": ["all"],
            },
            "scope": "Namespaced",
            "versions": [version],
        },
    }


def crds() -> dict[str, dict[str, Any]]:
    """Make the CustomResourceDefinitions, by kind; they are the caller's own."""
    return copy_of(_crds(KINDS))


def hub_crds() -> dict[str, dict[str, Any]]:
    """Make those of a fleet's hub, by kind; they are the caller's own."""
    return copy_of(_crds(HUB_KINDS))


@cache
def _crds(kinds: tuple[CustomResource, ...]) -> dict[str, dict[str, Any]]:
    return {kind.name: _crd(kind) for kind in kinds}


def _dumper() -> type[yaml.SafeDumper]:
    """Give a writer of YAML that writes equal parts in full; in C where that is there.

    kubectl reads YAML anchors, people do not.
    """
    base: type[yaml.SafeDumper] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return type("_Dumper", (base,), {"ignore_aliases": lambda _self, _data: True})


_Dumper = _dumper()


def render() -> dict[str, str]:
    """Write the CustomResourceDefinitions as YAML, by file name."""
    return _rendered(crds())


def render_hub() -> dict[str, str]:
    """Write those of a fleet's hub."""
    return _rendered(hub_crds())


def _rendered(definitions: Mapping[str, dict[str, Any]]) -> dict[str, str]:
    return {
        f"{crd['metadata']['name']}.yaml": _HEADER
        + yaml.dump(crd, Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True)
        for crd in definitions.values()
    }
