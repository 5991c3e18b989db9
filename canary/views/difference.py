"""What a release changes: the target's pods beside those of the primary, and never a secret.

The primary's template is the target's as it was promoted, with other names of its configs; these are
taken back before the two are compared.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from canary.api.kinds import Manifest
from canary.api.raw import items, part, text
from canary.resources.configs import ConfigReference, references, rename_references

UNSET = "(unset)"
HIDDEN = "(not shown)"
_SECRET_NAME = re.compile(r"pass|token|secret|credential|api_?key|private", re.IGNORECASE)
_TOLD = frozenset({"name", "image", "env", "envFrom", "resources"})
"""What of a container is compared part by part; of anything else it is said that it changes."""


@dataclass(frozen=True, slots=True, order=True)
class Changed:
    """One thing that a release changes."""

    what: str
    """`image`, `env`, `resources`, `container`, `pod`, `configmap` or `secret`."""
    where: str
    """The container, or the object."""
    detail: str

    def __str__(self) -> str:
        """Say it in one line."""
        return (
            f"{self.what} {self.where}: {self.detail}"
            if self.where
            else f"{self.what}: {self.detail}"
        )


def template_changes(target: Manifest, primary: Manifest, canary: str) -> Iterator[Changed]:
    """Compare the pod templates of both sides."""
    names = _originals(target, primary, canary)
    after = part(_template(target), "spec")
    before = part(rename_references(_template(primary), names), "spec")
    for kind in ("initContainers", "containers"):
        yield from _containers(_by_name(before, kind), _by_name(after, kind))
    for name in sorted({*_keys(before), *_keys(after)} - {"initContainers", "containers"}):
        if _without_selectors(part(before, name)) != _without_selectors(part(after, name)):
            yield Changed("pod", "", f"{name} changes")


def config_changes(
    reference: ConfigReference, before: Manifest | None, after: Manifest | None
) -> Iterator[Changed]:
    """Name the keys of a ConfigMap or Secret that change; no value is shown."""
    kind, name = reference.kind.lower(), reference.name
    if before is None and after is None:
        return
    if before is None or after is None:
        yield Changed(kind, name, "is new" if before is None else "is gone")
        return
    old, new = _content(before), _content(after)
    told = [
        *(f"{key} added" for key in sorted(new.keys() - old.keys())),
        *(f"{key} removed" for key in sorted(old.keys() - new.keys())),
        *(f"{key} changed" for key in sorted(new.keys() & old.keys()) if old[key] != new[key]),
    ]
    if told:
        hidden = " (values not shown)" if kind == "secret" else ""
        yield Changed(kind, name, f"{', '.join(told)}{hidden}")


def copies(target: Manifest, primary: Manifest, canary: str) -> dict[ConfigReference, str]:
    """Name, for each config of the target, the one that the primary has in its place."""
    originals = _originals(target, primary, canary)
    found = {
        (each.kind, originals[each.key]): each.name
        for each in references(_template(primary))
        if each.key in originals
    }
    return {
        each: found.get((each.kind, each.name), each.name) for each in references(_template(target))
    }


def _originals(target: Manifest, primary: Manifest, canary: str) -> dict[str, str]:
    """Find the originals of the configs that the primary has, by the keys of its copies."""
    own, found = references(_template(target)), {}
    for copy in {*references(_template(primary))} - {*own}:
        for each in sorted(own, key=lambda original: len(original.name), reverse=True):
            made = (f"{each.name}-{canary}-", f"{each.name}-primary")
            if each.kind is copy.kind and copy.name.startswith(made):
                found[copy.key] = each.name
                break
    return found


def _without_selectors(value: Any) -> Any:
    """Leave out the selectors by which pods find those of their own side."""
    if isinstance(value, Mapping):
        return {k: _without_selectors(v) for k, v in value.items() if k != "labelSelector"}
    return [_without_selectors(each) for each in value] if isinstance(value, list) else value


def _containers(before: Mapping[str, object], after: Mapping[str, object]) -> Iterator[Changed]:
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if old is None or new is None:
            yield Changed("container", name, "is new" if old is None else "is gone")
            continue
        if text(old, "image") != text(new, "image"):
            yield Changed("image", name, f"{text(old, 'image')} → {text(new, 'image')}")
        yield from _environment(name, old, new)
        yield from _resources(name, old, new)
        for field in sorted({*_keys(old), *_keys(new)} - _TOLD):
            if part(old, field) != part(new, field):
                yield Changed("container", name, f"{field} changes")


def _environment(container: str, old: object, new: object) -> Iterator[Changed]:
    before, after = _variables(old), _variables(new)
    for name in sorted({*before, *after}):
        was, will = before.get(name, UNSET), after.get(name, UNSET)
        if was == will:
            continue
        if _SECRET_NAME.search(name):
            was, will = (each if each == UNSET else HIDDEN for each in (was, will))
        yield Changed("env", container, f"{name}  {was} → {will}")
    if items(part(old, "envFrom")) != items(part(new, "envFrom")):
        yield Changed("env", container, "envFrom changes")


def _variables(container: object) -> dict[str, str]:
    found = {}
    for each in items(part(container, "env")):
        value, source = part(each, "value"), part(each, "valueFrom")
        if source is not None:
            found[text(each, "name")] = _source(source)
        else:
            found[text(each, "name")] = str(value) if value is not None else '""'
    return found


def _source(source: object) -> str:
    """Say where a variable comes from: `secret shop-tls/token`."""
    for field, kind in (("secretKeyRef", "secret"), ("configMapKeyRef", "configmap")):
        reference = part(source, field)
        if reference is not None:
            return f"{kind} {text(reference, 'name')}/{text(reference, 'key')}"
    return text(part(source, "fieldRef"), "fieldPath") or "another source"


def _resources(container: str, old: object, new: object) -> Iterator[Changed]:
    for kind in ("requests", "limits"):
        before, after = (part(part(each, "resources"), kind) for each in (old, new))
        for name in sorted({*_keys(before), *_keys(after)}):
            was, will = part(before, name), part(after, name)
            if str(was) != str(will):
                told = (UNSET if each is None else str(each) for each in (was, will))
                yield Changed("resources", container, f"{kind}.{name}  {' → '.join(told)}")


def _template(workload: Manifest) -> Manifest:
    found = part(part(workload, "spec"), "template")
    return found if isinstance(found, dict) else {}


def _by_name(pod: object, kind: str) -> dict[str, object]:
    return {text(each, "name"): each for each in items(part(pod, kind))}


def _keys(value: object) -> set[str]:
    return {str(key) for key in value} if isinstance(value, Mapping) else set()


def _content(config: Manifest) -> dict[str, object]:
    found: dict[str, object] = {}
    for name in ("data", "binaryData", "stringData"):
        inside = part(config, name)
        found |= dict(inside) if isinstance(inside, Mapping) else {}
    return found
