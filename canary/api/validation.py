"""Reading what users wrote: typed models, or every problem at once.

What a field may hold is said by the models, and what holds between fields by `rules.py`. No message
of this module contains a secret.
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from itertools import islice
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from canary.api.alertprovider import AlertProvider
from canary.api.canary import Canary
from canary.api.deliverypolicy import DeliveryPolicy
from canary.api.fleetplan import FleetPlan
from canary.api.metrictemplate import MetricTemplate
from canary.api.rules import BY_CEL
from canary.api.schema import spec_schema
from canary.api.shown import MISSING, path, shown_at
from canary.errors import InvalidSpec, Problem

__all__ = [
    "parse_alert_provider",
    "parse_canary",
    "parse_delivery_policy",
    "parse_fleet_plan",
    "parse_metric_template",
]

#: More than these do not help, and a hostile object could have a million.
MOST_PROBLEMS = 100

_Model = TypeVar("_Model", bound=BaseModel)
_Location = tuple[str | int, ...]

#: What to do about each type of error of Pydantic's, filled in from its context.
_REMEDIES = {
    "remedy": "{remedy}",
    "missing": "add this field",
    "bool_type": "write true or false, not quoted",
    "int_type": "write a whole number, not quoted",
    "float_type": "write a number, not quoted",
    "finite_number": "write a finite number",
    "string_type": "write text; quote it if it looks like a number or true",
    "string_unicode": "write text in valid Unicode",
    "string_too_short": "write at least {min_length} character",
    "string_too_long": "write at most {max_length} characters",
    "too_short": "give at least {min_length} entry",
    "too_long": "give at most {max_length} entries",
    "greater_than_equal": "write a number that is at least {ge}",
    "less_than_equal": "write a number that is at most {le}",
    "enum": "write {expected}",
    "literal_error": "write {expected}",
    "model_type": "write an object with named fields",
    "dict_type": "write an object with named fields",
    "tuple_type": "write a list",
}


def parse_canary(obj: Mapping[str, Any]) -> Canary:
    """Read a Canary; InvalidSpec names every problem."""
    return _parse(obj, Canary)


def parse_metric_template(obj: Mapping[str, Any]) -> MetricTemplate:
    """Read a MetricTemplate; InvalidSpec names every problem."""
    return _parse(obj, MetricTemplate)


def parse_alert_provider(obj: Mapping[str, Any]) -> AlertProvider:
    """Read an AlertProvider; InvalidSpec names every problem."""
    return _parse(obj, AlertProvider)


def parse_delivery_policy(obj: Mapping[str, Any]) -> DeliveryPolicy:
    """Read a DeliveryPolicy; InvalidSpec names every problem."""
    return _parse(obj, DeliveryPolicy)


def parse_fleet_plan(obj: Mapping[str, Any]) -> FleetPlan:
    """Read a FleetPlan; InvalidSpec names every problem."""
    return _parse(obj, FleetPlan)


def _parse(obj: object, model: type[_Model]) -> _Model:
    problems: list[Problem] = []
    parsed: _Model | None = None
    try:
        # Fields are spelled as users write them: `step_weight` is as unknown as `stepweight`.
        parsed = model.model_validate(obj, by_alias=True, by_name=False)
    except ValidationError as error:
        problems = list(islice(_field_problems(error, model), MOST_PROBLEMS))
    spec = obj.get("spec") if isinstance(obj, Mapping) else None
    broken = _broken_rules(spec_schema(model.__name__), spec, ("spec",))
    known = {problem.field for problem in problems}
    problems += (problem for problem in islice(broken, MOST_PROBLEMS) if problem.field not in known)
    if parsed is None or problems:
        raise InvalidSpec(problems[:MOST_PROBLEMS])
    return parsed


def _field_problems(error: ValidationError, model: type[BaseModel]) -> Iterator[Problem]:
    for each in error.errors(include_url=False):
        location = tuple(part for part in each["loc"] if part != "[key]")
        unknown = each["type"] == "extra_forbidden"
        if unknown:
            remedy = _remedy_of_unknown(location, model)
        else:
            template = _REMEDIES.get(each["type"])
            # The rest are about metadata, which the API server writes: Pydantic's words will do.
            remedy = template.format(**each.get("ctx", {})) if template else each["msg"]
        value = MISSING if each["type"] == "missing" else each["input"]
        if each["loc"][-1:] == ("[key]",):
            remedy = f"change the key: {remedy}"
        yield Problem(path(location), shown_at(location, value, hidden=unknown), remedy)


def _remedy_of_unknown(location: _Location, model: type[BaseModel]) -> str:
    node: Mapping[str, Any] = spec_schema(model.__name__)
    for part in location[1:-1]:
        node = _below(node, part)
    name = str(location[-1])
    # Spelling is compared without case, and not at all where nothing was mistyped.
    by_lower_case = {each.lower(): each for each in node.get("properties", {})}
    wanted = name.replace("_", "").lower()[:64]
    close = get_close_matches(wanted, by_lower_case, n=1, cutoff=0.7)
    return (
        f"no such field; did you mean {by_lower_case[close[0]]}?"
        if close
        else "no such field; remove it"
    )


def _below(node: Mapping[str, Any], part: str | int) -> Mapping[str, Any]:
    if isinstance(part, int):
        below = node.get("items", {})
    else:
        below = node.get("properties", {}).get(part) or node.get("additionalProperties", {})
    return below if isinstance(below, Mapping) else {}


def _broken_rules(node: Mapping[str, Any], value: object, location: _Location) -> Iterator[Problem]:
    for each in node.get("x-kubernetes-validations", ()):
        # Types check their own text, durations for one; that rule has no place in the table.
        if rule := BY_CEL.get(each["rule"]):
            for below, faulty in rule.faults(value):
                at = (*location, *below)
                found = MISSING if faulty is None else faulty
                yield Problem(path(at), shown_at(at, found), rule.remedy)
    for part, inner in _parts(node, value):
        yield from _broken_rules(_below(node, part), inner, (*location, part))


def _parts(node: Mapping[str, Any], value: object) -> Iterator[tuple[str | int, object]]:
    """Go through what a schema speaks of inside a value, with no trust in the value's shape."""
    if isinstance(value, Mapping) and ("properties" in node or "additionalProperties" in node):
        for name, inner in value.items():
            if isinstance(name, str) and inner is not None and _below(node, name):
                yield name, inner
    elif isinstance(value, list | tuple) and "items" in node:
        # What is beyond the limit of a list is reported as such.
        yield from enumerate(value[: node.get("maxItems", MOST_PROBLEMS)])
