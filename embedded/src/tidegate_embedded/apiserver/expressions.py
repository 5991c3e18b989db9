"""Rules in CEL that a custom kind's schema carries (`x-kubernetes-validations`).

They are evaluated by the package `common-expression-language`.
It lacks some of what Kubernetes adds to CEL (optional fields `.?`, URLs, quantities ...): a rule
that needs these is not evaluated, and creating the definition answers with a warning that names it.
A rule that Kubernetes does not know either is refused. Types are not checked before an object
comes.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import cel

from tidegate_embedded.apiserver import errors
from tidegate_embedded.apiserver.errors import Cause
from tidegate_embedded.apiserver.expression_names import (
    EVALUATED,
    LIBRARIES,
    NOT_EVALUATED,
    VARIABLES,
)
from tidegate_embedded.apiserver.structural import child_schema
from tidegate_embedded.apiserver.values import Object

RULES = "x-kubernetes-validations"
#: What goes wrong in an expression.
_FAILURES = (RuntimeError, ValueError, TypeError, KeyError, ArithmeticError)

#: The library counts the bytes of a text where Kubernetes counts its characters.
_SIZE = re.compile(r"\bsize\(")
_OPTIONAL_FIELDS = re.compile(r"\.\?|\[\?|\{\?")
_BOUND = re.compile(
    r"\.(?:all|exists|exists_one|existsOne|map|filter|transformList|transformMap|transformMapEntry)"
    r"\(\s*(\w+)\s*,(?:\s*(\w+)\s*,)?|\bbind\(\s*(\w+)\s*,"
)


@lru_cache(maxsize=2048)
def _compiled(expression: str) -> Any | None:
    """Compile an expression; None where it needs what only Kubernetes has."""
    try:
        program = cel.compile(expression)
    except ValueError:
        return None
    lacking = not EVALUATED.issuperset(_functions(program)) or bool(
        LIBRARIES.intersection(program.variables()) - _bound(expression)
    )
    return None if lacking else cel.compile(_SIZE.sub("length(", expression))


def _functions(program: Any) -> frozenset[str]:
    """Give the functions that a program calls, without operators."""
    return frozenset(name for name in program.functions() if name.isidentifier())


def _bound(expression: str) -> frozenset[str]:
    """Give the variables that macros bind."""
    return frozenset(name for each in _BOUND.findall(expression) for name in each if name)


def condition_holds(expression: str, scope: Object) -> bool:
    """Evaluate a webhook's match condition; raises a `ValueError` where that is not possible."""
    program = _compiled(expression)
    if program is None:
        raise ValueError("the expression needs what this API server does not evaluate")
    try:
        return _evaluate(program, scope) is True
    except _FAILURES as error:
        raise ValueError(_said(error)) from error


def _said(failure: Exception) -> str:
    """Say what went wrong in an expression."""
    return f"no such key: {failure.args[0]}" if isinstance(failure, KeyError) else str(failure)


def _evaluate(program: Any, scope: Object) -> Any:
    context = cel.Context(variables=scope)
    context.add_function("isSorted", lambda items: list(items) == sorted(items))
    context.add_function("length", len)
    context.add_function("sum", sum)
    return program.execute(context)


def evaluated(expression: str) -> bool:
    """Tell whether an expression can be evaluated here."""
    return _compiled(expression) is not None


def uncompiled(schema: Any) -> Iterator[str]:
    """Yield every rule in a schema that cannot be evaluated."""
    yield from (rule["rule"] for _, rule in _rules(schema, "") if not evaluated(rule["rule"]))


def rule_causes(schema: Any, path: str) -> Iterator[Cause]:
    """Yield every rule in a schema that is no CEL, or names what there is not."""
    for where, rule in _rules(schema, path):
        wrong = uncompilable(rule["rule"], VARIABLES)
        if wrong:
            yield errors.invalid_value(f"{where}.rule", rule, f"compilation failed: {wrong}")


@lru_cache(maxsize=2048)
def uncompilable(expression: str, variables: frozenset[str]) -> str:
    """Tell why an expression is no CEL, or what it names that there is not; empty where it is.

    It is remembered: tests of a controller create the same CRDs in many clusters.
    """
    try:
        program = cel.compile(expression)
    except ValueError as error:
        return "" if _OPTIONAL_FIELDS.search(expression) else f"ERROR: {error}"
    unknown = [
        *sorted(_functions(program) - EVALUATED - NOT_EVALUATED),
        *sorted(frozenset(program.variables()) - variables - LIBRARIES - _bound(expression)),
    ]
    return f"ERROR: undeclared reference to '{unknown[0]}' (in container '')" if unknown else ""


def _rules(schema: Any, path: str) -> Iterator[tuple[str, Object]]:
    """Yield every rule in a schema and where it stands."""
    if isinstance(schema, dict):
        listed = schema.get(RULES)
        for index, rule in enumerate(listed if isinstance(listed, list) else ()):
            if isinstance(rule, dict) and isinstance(rule.get("rule"), str):
                yield f"{path}.{RULES}[{index}]", rule
        for name, nested in schema.items():
            if name == "properties" and isinstance(nested, dict):
                for field, each in nested.items():
                    yield from _rules(each, f"{path}.properties[{field}]")
            else:
                yield from _rules(nested, f"{path}.{name}")
    elif isinstance(schema, list):
        for index, nested in enumerate(schema):
            yield from _rules(nested, f"{path}[{index}]")


def has_rules(schema: Any) -> bool:
    """Tell whether any part of a schema carries rules."""
    if isinstance(schema, list):
        return any(map(has_rules, schema))
    return isinstance(schema, dict) and (RULES in schema or any(map(has_rules, schema.values())))


def check_rules(new: Any, old: Any, schema: Object, path: str = "") -> list[Cause]:
    """Return the rules of a schema that a value breaks; `old` is None when it is new."""
    causes: list[Cause] = []
    if new is None:
        return causes
    for rule in schema.get(RULES, ()):
        cause = _check(rule, new, old, path)
        if cause is not None:
            causes.append(cause)
    if isinstance(new, dict):
        for name, item in new.items():
            nested = child_schema(schema, name)
            if nested is not None and _worth_visiting(nested):
                before = old.get(name) if isinstance(old, dict) else None
                causes += check_rules(item, before, nested, _below(path, name, schema))
    elif isinstance(new, list) and schema.get("items"):
        for index, item in enumerate(new):
            before = _correlated(old, item, schema)
            causes += check_rules(item, before, schema["items"], f"{path}[{index}]")
    return causes


def _below(path: str, name: str, schema: Object) -> str:
    """Write where a field is; a key of a map stands in brackets."""
    if name not in schema.get("properties", {}):
        return f"{path}[{name}]"
    return f"{path}.{name}" if path else name


def _worth_visiting(schema: Object) -> bool:
    return bool(schema.keys() & {RULES, "properties", "items", "additionalProperties"})


def _correlated(old: Any, item: Any, schema: Object) -> Any:
    """Find the former version of a list's item by its keys; there is none in other lists."""
    keys = schema.get("x-kubernetes-list-map-keys")
    if not keys or not isinstance(old, list) or not isinstance(item, dict):
        return None
    for before in old:
        if isinstance(before, dict) and all(before.get(key) == item.get(key) for key in keys):
            return before
    return None


def _check(rule: Object, new: Any, old: Any, path: str) -> Cause | None:
    text: str = rule.get("rule", "")
    program = _compiled(text)
    transition = "oldSelf" in text
    if program is None or (transition and old is None):
        return None
    scope = {"self": new}
    if transition:
        scope["oldSelf"] = old
    try:
        holds = _evaluate(program, scope)
    except _FAILURES as error:
        detail = f"{_said(error)} evaluating rule: {rule.get('message') or text}"
        return errors.invalid_value(path or "<nil>", new, detail)
    if holds is True:
        return None
    return _broken(rule, new, path, _message(rule, scope))


def _message(rule: Object, scope: Object) -> str:
    program = _compiled(rule["messageExpression"]) if rule.get("messageExpression") else None
    if program is not None:
        try:
            said = _evaluate(program, scope)
        except _FAILURES:
            said = None
        if isinstance(said, str) and said.strip():
            return said
    message: str = rule.get("message") or f"failed rule: {rule.get('rule', '')}"
    return message


def _broken(rule: Object, value: Any, path: str, message: str) -> Cause:
    where = path + rule.get("fieldPath", "") or "<nil>"
    match rule.get("reason"):
        case "FieldValueForbidden":
            return Cause(errors.FORBIDDEN, where, f"Forbidden: {message}")
        case "FieldValueRequired":
            return errors.required(where, message)
        case "FieldValueDuplicate":
            return errors.duplicate(where, value)
        case _ if isinstance(value, dict | list):
            return Cause(errors.INVALID, where, f"Invalid value: {message}")
        case _:
            return errors.invalid_value(where, value, message)
