"""What a release knows of what it stores: the statuses that it reads, and the fields of its CRDs."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from canary.api.policy_status import DeliveryPolicyStatus
from canary.api.schema import crds
from canary.api.status import CanaryStatus

STATUSES: tuple[type[BaseModel], ...] = (CanaryStatus, DeliveryPolicyStatus)
_FOR_PEOPLE = {"description", "title"}


def known() -> str:
    """Write what this release knows, sorted."""
    statuses = {each.__name__: _for_machines(each.model_json_schema()) for each in STATUSES}
    document = {"statuses": statuses, "specs": {
        name: sorted(_paths(_spec(crd), "spec")) for name, crd in crds().items()
    }}  # fmt: skip
    return json.dumps(document, sort_keys=True, indent=1) + "\n"


def _for_machines(schema: Any) -> Any:
    if isinstance(schema, Mapping):
        return {
            key: _for_machines(each)
            for key, each in schema.items()
            if key not in _FOR_PEOPLE or not isinstance(each, str)
        }
    return [_for_machines(each) for each in schema] if isinstance(schema, list) else schema


def _spec(crd: Mapping[str, Any]) -> Mapping[str, Any]:
    (version,) = (each for each in crd["spec"]["versions"] if each["storage"])
    spec: Mapping[str, Any] = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return spec


def _paths(schema: Mapping[str, Any], path: str) -> Iterator[str]:
    """Name the fields that a schema has, `[]` for the items of a list."""
    yield path
    for name, each in (schema.get("properties") or {}).items():
        yield from _paths(each, f"{path}.{name}")
    if isinstance(schema.get("items"), Mapping):
        yield from _paths(schema["items"], f"{path}[]")
