"""Label and field selectors, as query parameters and as LabelSelector objects."""

import re
from collections.abc import Callable
from typing import Any

from tidegate_embedded.apiserver import errors
from tidegate_embedded.apiserver.resources import Resource
from tidegate_embedded.apiserver.values import Object, at_path

#: Tells whether an object is selected.
Predicate = Callable[[Object], bool]

_SET_BASED = re.compile(r"^\s*(\S+?)\s+(in|notin)\s*\(([^)]*)\)\s*$")
_EQUALITY = re.compile(r"^\s*([^\s=!<>]+)\s*(==|=|!=|<|>)\s*([^\s=!<>]*)\s*$")
_EXISTENCE = re.compile(r"^\s*(!?)\s*([A-Za-z0-9][-A-Za-z0-9_./]*)\s*$")

#: Fields that can be selected by, besides metadata.name and metadata.namespace.
_FIELDS: dict[str, set[str]] = {
    "pods": {
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.podIPs",
        "status.nominatedNodeName",
    },
    "events": {
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    },
    "nodes": {"spec.unschedulable"},
    "namespaces": {"status.phase"},
    "secrets": {"type"},
    "replicasets": {"status.replicas"},
    "jobs": {"status.successful"},
    "services": {"spec.clusterIP", "spec.type"},
}
#: What a selectable field reads where it is not set, and fields named otherwise in the object.
_ALIASES = {"reportingComponent": ("reportingComponent",), "source": ("source", "component")}


def split_terms(text: str) -> list[str]:
    """Split a selector at its commas, those in parentheses aside."""
    return [term for term in re.split(r",(?![^(]*\))", text) if term.strip()]


def label_selector(text: str) -> Predicate | None:
    """Parse a `labelSelector` parameter; None selects everything. Raises a 400."""
    terms = [_label_term(term) for term in split_terms(text)]
    if not terms:
        return None

    def selected(item: Object) -> bool:
        labels = item.get("metadata", {}).get("labels") or {}
        return all(term(labels) for term in terms)

    return selected


def _label_term(text: str) -> Callable[[Object], bool]:
    if matched := _SET_BASED.match(text):
        key, operator, listed = matched.groups()
        values = {value.strip() for value in listed.split(",")}
        if operator == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if matched := _EQUALITY.match(text):
        key, operator, value = matched.groups()
        if operator in {"=", "=="}:
            return lambda labels: labels.get(key) == value
        if operator == "!=":
            return lambda labels: labels.get(key) != value
        return _comparison(key, operator, value, text)
    if matched := _EXISTENCE.match(text):
        absent, key = matched.groups()
        return (lambda labels: key not in labels) if absent else (lambda labels: key in labels)
    raise errors.bad_request(f"unable to parse requirement: invalid label selector {text!r}")


def _comparison(key: str, operator: str, value: str, text: str) -> Callable[[Object], bool]:
    try:
        bound = int(value)
    except ValueError:
        raise errors.bad_request(
            f"unable to parse requirement: {text!r} must compare with an integer"
        ) from None

    def compared(labels: Object) -> bool:
        try:
            actual = int(labels[key])
        except (KeyError, ValueError):
            return False
        return actual > bound if operator == ">" else actual < bound

    return compared


def field_selector(text: str, resource: Resource) -> Predicate | None:
    """Parse a `fieldSelector` parameter; None selects everything. Raises a 400."""
    tests: list[tuple[str, bool, str]] = []
    for term in split_terms(text):
        matched = _EQUALITY.match(term)
        if matched is None or matched[2] in {"<", ">"}:
            raise errors.bad_request(f"invalid selector: {term!r}; can't understand {term!r}")
        field, operator, value = matched.groups()
        if not _selectable(field, resource):
            raise errors.bad_request(_unselectable(field, resource))
        tests.append((field, operator != "!=", value))
    if not tests:
        return None

    def selected(item: Object) -> bool:
        return all((_field(item, field) == value) is equal for field, equal, value in tests)

    return selected


def _unselectable(field: str, resource: Resource) -> str:
    if resource.custom or resource.plural in _FIELDS:
        return f"field label not supported: {field}"
    return f'"{field}" is not a known field selector: only "metadata.name", "metadata.namespace"'


def _selectable(field: str, resource: Resource) -> bool:
    return (
        field in {"metadata.name", "metadata.namespace"}
        or field in resource.selectable_fields
        or (not resource.custom and field in _FIELDS.get(resource.plural, ()))
    )


def _field(item: Object, field: str) -> str:
    value = at_path(item, *_ALIASES.get(field, tuple(field.split("."))))
    if value is None:
        return "false" if field in {"spec.hostNetwork", "spec.unschedulable"} else ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def both(first: Predicate | None, second: Predicate | None) -> Predicate | None:
    """Join two selections; None stands for everything."""
    if first is None or second is None:
        return first or second
    return lambda item: first(item) and second(item)


def matches_labels(selector: Any, labels: Object | None) -> bool:
    """Tell whether a LabelSelector object selects a set of labels; an empty one selects all."""
    labels = labels or {}
    wanted = (selector or {}).get("matchLabels") or {}
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    for expression in (selector or {}).get("matchExpressions") or ():
        key, values = expression.get("key"), expression.get("values") or ()
        holds = {
            "In": key in labels and labels[key] in values,
            "NotIn": key not in labels or labels[key] not in values,
            "Exists": key in labels,
            "DoesNotExist": key not in labels,
        }
        if not holds.get(expression.get("operator"), False):
            return False
    return True


def selector_text(selector: Any) -> str:
    """Write a LabelSelector object as a `labelSelector` parameter."""
    terms = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for expression in selector.get("matchExpressions") or ():
        key, listed = expression["key"], ",".join(sorted(expression.get("values") or ()))
        terms.append(
            {
                "In": f"{key} in ({listed})",
                "NotIn": f"{key} notin ({listed})",
                "Exists": key,
                "DoesNotExist": f"!{key}",
            }[expression["operator"]]
        )
    return ",".join(terms)
