"""The page of every field: written from the models and the schema that the API server has.

What routers do with a field is asked of the routers themselves, with a Canary that sets it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel

from analysis.judges import JUDGES
from analysis.plugins import PluginTable
from analysis.providers import PROVIDERS
from canary.api.resources import KINDS, CustomResource
from canary.api.schema import structural
from canary.notifiers import NOTIFIERS
from canary.routers import ROUTERS
from canary.scalers import SCALERS
from canary.targets import TARGETS
from tests.docs.pages import DOCS, slug
from tests.docs.probes import DURATION, resource, routers_of

PAGE = DOCS / "reference.md"
_INTRODUCTION = """\
# Every field

Made from the models that tidegate reads objects with; a test fails when this page is stale.
`kubectl explain canary.spec.analysis` says the same in the terminal.

**Default** is what an absent field means; *required* fields have none.
**Routers** names those that act on a field where not all of `{routers}` do.
The others refuse a Canary that sets it, or ignore the field with a warning.
A field or value that is *not acted on yet* makes the object `Invalid`.
The points above a table are what tidegate and the API server say where the fields of an object do not go together.
Durations are written like `90s`, `1m30s` or `2h`.
"""


#: The fields that name a plug-in.
_FAMILIES: Mapping[tuple[str, str], PluginTable[Any]] = {
    ("Canary", "spec.provider"): ROUTERS,
    ("Canary", "spec.targetRef.kind"): TARGETS,
    ("Canary", "spec.autoscalerRef.kind"): SCALERS,
    ("Canary", "spec.analysis.metrics[].judge"): JUDGES,
    ("MetricTemplate", "spec.provider.type"): PROVIDERS,
    ("AlertProvider", "spec.type"): NOTIFIERS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Section:
    """An object inside a kind: where it first stands, and where its like stands as well."""

    kind: str
    path: str
    model: type[BaseModel]
    node: Mapping[str, Any]
    likewise: list[str]

    @property
    def heading(self) -> str:
        return f"{self.kind} {self.path}"


def page() -> str:
    """Write the page."""
    routers = "`, `".join(ROUTERS.names())
    parts = [_INTRODUCTION.format(routers=routers)]
    for kind in KINDS:
        parts.append(f"## {kind.name}\n\n{_sentence(kind.model)}\n")
        parts += [_written(each) for each in _sections(kind)]
    return "\n".join(parts)


@cache
def _sections(kind: CustomResource) -> list[_Section]:
    found: dict[type[BaseModel], _Section] = {}

    def visit(model: type[BaseModel], node: Mapping[str, Any], path: str) -> None:
        if model in found:
            found[model].likewise.append(path)
            return
        found[model] = _Section(kind=kind.name, path=path, model=model, node=node, likewise=[])
        for name, field in model.model_fields.items():
            nested = _model_in(field.annotation)
            alias = field.alias or name
            if nested is not None:
                inner, below = _entry(node["properties"][alias], f"{path}.{alias}")
                visit(nested, inner, below)

    visit(kind.spec, structural(kind.spec), "spec")
    if kind.status is not None:
        visit(kind.status, structural(kind.status), "status")
    return list(found.values())


def _model_in(annotation: object) -> type[BaseModel] | None:
    """Find the model that a field holds, be it optional, in a list or in a map."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = (_model_in(each) for each in get_args(annotation))
    return next((each for each in inner if each is not None), None)


def _entry(node: Mapping[str, Any], path: str) -> tuple[Mapping[str, Any], str]:
    """Give what a list or map holds, and how its path is written."""
    if "items" in node:
        return _entry(node["items"], f"{path}[]")
    if "additionalProperties" in node:
        return _entry(node["additionalProperties"], f"{path}.KEY")
    return node, path


# ---------------------------------------------------------------------------------------- tables


def _written(section: _Section) -> str:
    lines = [f"### {section.heading}", "", _sentence(section.model)]
    if section.likewise:
        lines += ["", f"Also: {', '.join(f'`{each}`' for each in section.likewise)}."]
    rules = [f"- {rule}" for rule in _rules(section.node)]
    lines += ["", *rules] if rules else []
    rows = list(_rows(section))
    routed = any(row[-1] for row in rows)
    columns = ["field", "type", "default", "what it is for", *(["routers"] if routed else [])]
    lines += ["", f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    lines += [f"| {' | '.join(row[: len(columns)])} |" for row in rows]
    return "\n".join((*lines, ""))


def _rules(node: Mapping[str, Any]) -> Iterator[str]:
    """Say what holds between the fields of an object, once for all remedies that are the same."""
    rules = [each["message"] for each in node.get("x-kubernetes-validations", ())]
    for message in dict.fromkeys(rules):
        yield _cell(f"{message[0].upper()}{message[1:]}.")


def _rows(section: _Section) -> Iterator[tuple[str, ...]]:
    required, ours = (
        section.node.get("required", ()),
        routers_of(section.kind, section.path, section.node),
    )
    for name, node in section.node["properties"].items():
        path = f"{section.path}.{name}"
        default = "*required*" if name in required else _default(node)
        routers = routers_of(section.kind, path, node)
        yield (
            f"`{name}`",
            _type(section, node, path),
            default,
            _cell(node.get("description", "")),
            # What holds for the object as a whole stands where that is a field.
            "" if routers == ours else routers,
        )


def _default(node: Mapping[str, Any]) -> str:
    if "default" not in node:
        return ""
    value = node["default"]
    if isinstance(value, list):
        return ", ".join(f"`{each}`" for each in value)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _type(section: _Section, node: Mapping[str, Any], path: str) -> str:
    """Say what a field holds, and link to the table of what it holds."""
    if "items" in node:
        return f"list of {_several(_type(section, node['items'], f'{path}[]'))}"
    if "additionalProperties" in node:
        return f"map of {_several(_type(section, node['additionalProperties'], f'{path}.KEY'))}"
    if "properties" in node:
        return f"[object](#{slug(_heading_of(section, path))})"
    if "enum" in node:
        return _choices(node)
    if (family := _FAMILIES.get((section.kind, path))) is not None:
        return f"{', '.join(f'`{each}`' for each in family.names())}, or a plug-in's name"
    return _plain_type(node)


def _plain_type(node: Mapping[str, Any]) -> str:
    if node.get("x-kubernetes-int-or-string"):
        return "number or text"
    if node.get("format") == "date-time":
        return "time"
    rules = " ".join(each["rule"] for each in node.get("x-kubernetes-validations", ()))
    if "duration(self)" in rules:
        return "duration, {} to {}".format(*re.findall(r"duration\('(\w+)'\)", rules))
    if DURATION in rules:
        return "duration"
    names = {"string": "text", "integer": "number", "boolean": "`true`, `false`"}
    bounds = _bounds(node.get("minimum"), node.get("maximum"))
    return f"{names.get(node['type'], node['type'])}{bounds}"


def _several(type_: str) -> str:
    return re.sub(r"^(\[?)(number|object)\b", r"\1\2s", type_)


def _bounds(least: int | None, most: int | None) -> str:
    if least is None:
        return ""
    bounded = most is not None and most < 2**31 - 1
    return f", {least} to {most}" if bounded else f", at least {least}"


def _choices(node: Mapping[str, Any]) -> str:
    """List the values."""
    return ", ".join(f"`{each}`" for each in node["enum"] if each != "")


def _heading_of(section: _Section, path: str) -> str:
    sections = _sections(resource(section.kind))
    found = next(each for each in sections if path in {each.path, *each.likewise})
    return found.heading


def _sentence(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().splitlines()[0]


def _cell(text: str) -> str:
    """Keep Markdown from reading a table, or HTML, into a text."""
    parts = text.replace("|", "\\|").split("`")
    parts[::2] = (part.replace("<", "\\<") for part in parts[::2])
    return "`".join(parts)
