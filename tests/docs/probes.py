"""What tidegate makes of a field: asked with an object that sets it, and little else."""

import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

from canary.api.canary import Canary
from canary.api.fields import KIND
from canary.api.resources import KINDS, CustomResource
from canary.api.schema import spec_schema
from canary.errors import Problem, SpecWarning
from canary.routers import ROUTERS, router_for
from canary.routers.abilities import ANALYSIS_FIELDS, REFERENCES, SERVICE_FIELDS

#: The least that an object of each kind has.
_LEAST: Mapping[str, dict[str, Any]] = {
    "Canary": {
        "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
        "service": {"port": 80, "gatewayRefs": [{"name": "public"}]},
        "analysis": {"stepWeight": 10},
    },
    "MetricTemplate": {
        "provider": {"type": "prometheus", "address": "http://prometheus:9090"},
        "query": "up",
    },
    "AlertProvider": {"type": "slack", "address": "https://chat.example.com"},
}
#: The fields that say how requests are routed, and what is below them.
_ROUTED = re.compile(
    rf"spec\.({'|'.join(name for name, _ in REFERENCES.values())}"
    rf"|service\.({'|'.join(SERVICE_FIELDS.values())})"
    rf"|analysis\.({'|'.join(ANALYSIS_FIELDS.values())}))\b"
)
#: A condition or change of headers deeper than this is the same object wherever it stands.
_DEEPEST = 3
#: What the rule of every duration has in it.
DURATION = "|ms|"
_NOT_YET = "*not acted on yet*"
#: Values of the types that need no more thought; a number or a name is a number.
_PLAIN: Mapping[str, object] = {
    "boolean": True,
    "integer": 50,
    "number": 1.5,
    "object": {"key": "value"},
}


def resource(kind: str) -> CustomResource:
    """Find a kind by its name."""
    return next(each for each in KINDS if each.name == kind)


def routers_of(kind: str, path: str, node: Mapping[str, Any]) -> str:
    """Name the routers that act on a field, where not all of them do."""
    if kind != "Canary" or not path.startswith("spec."):
        return ""
    value = _sample(node)
    if not _ROUTED.match(path) or path.count(".") > _DEEPEST:
        return ""
    acts: list[str] = []
    others: set[str] = set()
    for router in ROUTERS.names():
        probe = Canary.model_validate(_object("Canary", path, value, provider=router))
        if _names(router_for(router).problems(probe), path):
            others.add("refuse")
        elif _names(router_for(router).ignored(probe), path):
            others.add("ignore")
        else:
            acts.append(router)
    if len(acts) == len(ROUTERS.names()):
        return ""
    if not acts:
        return "*ignored*" if "ignore" in others else _NOT_YET
    return f"{', '.join(acts)}; others {' or '.join(sorted(others))} it"


def _names(said: Iterable[Problem | SpecWarning], path: str) -> bool:
    """Tell whether one of these is about a field, or about what it is in."""
    plain = re.sub(r"\[\]|\.KEY", "", path)
    return any(plain.startswith(re.sub(r"\[\w*\]", "", each.field)) for each in said)


def _object(kind: str, path: str, value: object, **spec: object) -> dict[str, Any]:
    """Write an object of a kind in which a field has a value, and little else is set."""
    root: dict[str, Any] = {"spec": {**deepcopy(_LEAST[kind]), **spec}}
    _set(root, {"properties": {"spec": spec_schema(kind)}}, path.split("."), value)
    return {
        "apiVersion": "tidegate.dev/v1beta1",
        "kind": kind,
        "metadata": {"name": "shop"},
        **root,
    }


def _set(place: dict[str, Any], schema: Mapping[str, Any], steps: list[str], value: object) -> None:
    """Set a field below an object, with what is required on the way to it."""
    step, *rest = steps
    name = step.removesuffix("[]")
    node = schema.get("additionalProperties") or schema["properties"][name]
    if step.endswith("[]"):
        node = node["items"]
    if not rest:
        place[name] = [value] if step.endswith("[]") else value
        return
    inner = place.get(name)
    if step.endswith("[]"):
        inner = inner[0] if inner else None
    below = inner if isinstance(inner, dict) else _required(node)
    place[name] = [below] if step.endswith("[]") else below
    _set(below, node, rest, value)


def _required(node: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _sample(node["properties"][name]) for name in node.get("required", ())}


def _sample(node: Mapping[str, Any]) -> Any:
    """Make a value that a field may have, and that is not its default."""
    if "enum" in node:
        return node["enum"][-1]
    if "items" in node:
        return [_sample(node["items"])]
    if "additionalProperties" in node:
        return {"key": _sample(node["additionalProperties"])}
    if "properties" in node:
        first = next(iter(node["properties"]))
        return _required(node) or {first: _sample(node["properties"][first])}
    if node.get("type") == "string":
        return _text(node)
    return _PLAIN[node.get("type", "integer")]


def _text(node: Mapping[str, Any]) -> str:
    """Make a text of the form that a field asks for: a duration, a kind, a path, an address, a name."""
    rules = " ".join(each["rule"] for each in node.get("x-kubernetes-validations", ()))
    if DURATION in rules:
        return "5s"
    if KIND in rules:
        return "DaemonSet"
    if "'^(/" in rules or '"^(/' in rules:
        return "/v1"
    return "https://shop.example.com" if "https?" in rules else "v1"
