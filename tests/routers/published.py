"""The published CRD schemas of the projects whose objects routers write, as JSON Schema.

Their files are read from their Go modules at test time, and are no part of this project.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

from canary.api.kinds import Kind
from canary.routers import ROUTERS
from tests.case import cases_of

ISTIO = "istio.io/istio@v0.0.0-20260827124520-eed52ebb66ad"
GATEWAY_API = "sigs.k8s.io/gateway-api@v1.6.3"
CONTOUR = "github.com/projectcontour/contour@v1.33.8"
SMI = "github.com/servicemeshinterface/smi-sdk-go@v0.5.0"
TRAEFIK = "github.com/traefik/traefik/v3@v3.7.13"
ENVOY_GATEWAY = "github.com/envoyproxy/gateway@v1.9.1"
FLAGGER = "github.com/fluxcd/flagger@v1.36.1"

#: Where no module has the CRDs of a project: files beside this one, written for these tests.
OURS = "tidegate"
_OURS = Path(__file__).parent / "crds"


def published_files() -> tuple[tuple[str, str], ...]:
    """Name the files that have the CRDs of what routers write, with their modules."""
    cases = cases_of(ROUTERS).values()
    return tuple(dict.fromkeys(file for case in cases for file in case.published))


def modules() -> tuple[str, ...]:
    """Name the modules that tests read."""
    published = (module for module, _ in published_files() if module != OURS)
    return tuple(dict.fromkeys((*published, FLAGGER)))


#: resource.Quantity of k8s.io/apimachinery, which the Go type of v1alpha1 has for a weight.
QUANTITY = {
    "type": "string",
    "pattern": r"^[+-]?([0-9]+|[0-9]+\.[0-9]*|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$",
}


class PublishedSchemas:
    """Schemas of specs by API version and kind; `read` gives a module's file."""

    def __init__(self, read: Callable[[str, str], str]) -> None:
        self._read = read

    def faults(self, obj: dict[str, Any]) -> list[str]:
        """List what the API server would refuse or drop."""
        validator = Draft202012Validator(_strict(self._schema(obj)))
        return [
            f"{error.json_path}: {error.message}" for error in validator.iter_errors(obj["spec"])
        ]

    def with_defaults(self, obj: dict[str, Any]) -> Any:
        """Give the spec as the API server gives it back."""
        return _defaulted(self._schema(obj), obj["spec"])

    def definitions(self, kinds: Iterable[Kind]) -> Iterator[dict[str, Any]]:
        """Give the CRDs of kinds, each with every version served.

        One from before apiextensions v1 is written as of v1.
        """
        known = {(kind.group, kind.kind) for kind in kinds}
        for crd in self._crds():
            spec = crd["spec"]
            if (spec["group"], spec["names"]["kind"]) in known:
                yield crd if "validation" not in spec else self._in_v1(crd)

    def _in_v1(self, crd: dict[str, Any]) -> dict[str, Any]:
        spec = crd["spec"]
        stored = {each["name"] for each in spec["versions"] if each["storage"]}
        versions = [
            {
                "name": name,
                "served": True,
                "storage": name in stored,
                "schema": {
                    "openAPIV3Schema": {"type": "object", "properties": {"spec": schema}},
                },
            }
            for name, schema in self._versions(spec)
        ]
        kept = {key: spec[key] for key in ("group", "names", "scope")}
        return crd | {
            "apiVersion": "apiextensions.k8s.io/v1",
            "spec": kept | {"versions": versions},
        }

    def _crds(self) -> Iterator[dict[str, Any]]:
        for module, path in published_files():
            text = (_OURS / path).read_text() if module == OURS else self._read(module, path)
            yield from filter(None, yaml.load_all(text, yaml.CSafeLoader))

    def _schema(self, obj: dict[str, Any]) -> dict[str, Any]:
        return self._specs[obj["apiVersion"], obj["kind"]]

    @cached_property
    def _specs(self) -> dict[tuple[str, str], dict[str, Any]]:
        return {
            (f"{crd['spec']['group']}/{version}", crd["spec"]["names"]["kind"]): schema
            for crd in self._crds()
            for version, schema in self._versions(crd["spec"])
        }

    def _versions(self, spec: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        for version in spec["versions"]:
            name = version["name"]
            # Before apiextensions v1 a CRD had one schema, of the version that it stores.
            whole = version.get("schema") or spec["validation"]
            schema = whole["openAPIV3Schema"]["properties"]["spec"]
            if spec["names"]["kind"] == "TrafficSplit" and name == "v1alpha1":
                schema = self._with_quantities(schema)
            yield name, schema

    def _with_quantities(self, schema: dict[str, Any]) -> dict[str, Any]:
        source = self._read(SMI, "pkg/apis/split/v1alpha1/traffic_split.go")
        assert '*resource.Quantity `json:"weight,omitempty"`' in source
        backends = schema["properties"]["backends"]
        item = backends["items"]
        weight = {"properties": item["properties"] | {"weight": QUANTITY}}
        items = {"items": item | weight}
        return schema | {"properties": schema["properties"] | {"backends": backends | items}}


def _strict(schema: Any) -> Any:
    """Read an OpenAPI schema as JSON Schema that refuses what the API server would prune."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {
        key: {name: _strict(each) for name, each in value.items()}
        if key == "properties"
        else _strict(value)
        for key, value in schema.items()
        if not key.startswith("x-kubernetes") and key not in {"format", "description", "default"}
    }
    if schema.get("x-kubernetes-int-or-string"):
        strict["type"] = ["integer", "string"]
    for bound in ("Maximum", "Minimum"):
        # OpenAPI says of a bound whether it is exclusive, JSON Schema has one that is.
        if strict.pop(f"exclusive{bound}", False):
            strict[f"exclusive{bound}"] = strict.pop(bound.lower())
    if strict.pop("nullable", False):
        strict["type"] = [strict["type"], "null"]
    open_ended = (
        schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
    )
    if schema.get("type") == "object" and not open_ended:
        strict["additionalProperties"] = False
    return strict


def _defaulted(schema: dict[str, Any], value: Any) -> Any:
    if isinstance(value, list):
        return [_defaulted(schema.get("items", {}), each) for each in value]
    if not isinstance(value, dict):
        return value
    properties = schema.get("properties", {})
    rest = schema.get("additionalProperties", {})
    filled = {
        name: each["default"] for name, each in properties.items() if "default" in each
    } | value
    return {
        name: _defaulted(properties.get(name, rest if isinstance(rest, dict) else {}), each)
        for name, each in filled.items()
    }
