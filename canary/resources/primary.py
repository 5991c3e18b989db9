"""The primary workload: of the target's kind, with the last promoted template of the target.

The canary of a kept target is made in the same way, under a name and a label of its own.
"""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from canary.api.annotations import REVISION
from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest, ObjectKey, copy_of
from canary.objects.render import Render, whole
from canary.objects.taking import made
from canary.resources.configs import rename_references
from canary.resources.metadata import copied, included
from canary.resources.names import SelectorLabel

CANONICAL_NAME = "service.istio.io/canonical-name"
_NAMED_BY = (CANONICAL_NAME, "app.kubernetes.io/name", "app")
"""The labels of a pod by which Istio names its application, in order of preference."""

_NO_CONFIGS: Mapping[str, str] = MappingProxyType({})


def primary(
    canary: Canary,
    target: Manifest,
    *,
    kind: Kind,
    spec: Manifest,
    revision: str,
    selector_label: SelectorLabel,
    configs: Mapping[str, str] = _NO_CONFIGS,
    existing: Manifest | None = None,
    include_label_prefixes: Iterable[str] = (),
) -> Render:
    """Give the primary of a target, at a revision."""
    return twin(
        canary,
        target,
        kind=kind,
        name=canary.spec.primary_name,
        value=selector_label.primary,
        spec=spec,
        revision=revision,
        selector_label=selector_label,
        configs=configs,
        existing=existing,
        include_label_prefixes=include_label_prefixes,
    )


def twin(
    canary: Canary,
    target: Manifest,
    *,
    kind: Kind,
    name: str,
    value: str,
    spec: Manifest,
    revision: str,
    selector_label: SelectorLabel,
    configs: Mapping[str, str] = _NO_CONFIGS,
    existing: Manifest | None = None,
    include_label_prefixes: Iterable[str] = (),
) -> Render:
    """Give a workload beside a target with its template, whose pods have another value of the label.

    `spec` is what its kind has beside the selector and the template, such as replicas.
    `configs` names its copies of the tracked configs, by the keys of those.
    The selector of an existing one stays, because it cannot be changed. Of its template nothing
    stays: it is the target's, field by field.
    """
    prefixes = tuple(include_label_prefixes)
    marks = {REVISION: revision}
    selector = _existing_selector(existing) or twin_selector(
        target["spec"]["selector"], selector_label, value
    )
    template = _template(target["spec"]["template"], selector_label, value, configs)
    metadata = template.setdefault("metadata", {})
    named = _canonical_name(target) if canary.spec.service.canonical_name else {}
    metadata["labels"] = {
        **metadata.get("labels", {}),
        **named,
        selector_label.key: value,
        # What it selects by is as old as itself, and not as the target by now.
        **selector.get("matchLabels", {}),
    }
    metadata["annotations"] = copied(metadata.get("annotations")) | marks
    body = {"spec": {**copy_of(spec), "selector": selector, "template": template}}
    return made(
        canary,
        ObjectKey(kind=kind, namespace=canary.metadata.namespace, name=name),
        body,
        owns=whole(body),
        found=existing,
        labels={
            **included(target["metadata"].get("labels"), prefixes),
            selector_label.key: value,
        },
        annotations=included(target["metadata"].get("annotations"), prefixes) | marks,
    )


def _existing_selector(existing: Manifest | None) -> Manifest:
    return copy_of(existing["spec"].get("selector") or {}) if existing else {}


def _canonical_name(target: Manifest) -> dict[str, str]:
    """Label a pod with the name that Istio has for the target's application."""
    labels = (target["spec"]["template"].get("metadata") or {}).get("labels") or {}
    name = next((labels[each] for each in _NAMED_BY if each in labels), target["metadata"]["name"])
    return {CANONICAL_NAME: name}


def _template(
    template: Manifest, label: SelectorLabel, value: str, configs: Mapping[str, str]
) -> Manifest:
    """Copy a pod template, with configs and neighbours of its own."""
    renamed = rename_references(template, configs)
    metadata = renamed.get("metadata") or {}
    kept = {key: value for key, value in metadata.items() if key != "creationTimestamp"}
    renamed["metadata"] = kept | ({"labels": copied(kept["labels"])} if "labels" in kept else {})
    for term in _pod_selectors(renamed.get("spec") or {}):
        if term.get("labelSelector"):
            term["labelSelector"] = twin_selector(term["labelSelector"], label, value)
    return renamed


def _pod_selectors(spec: Manifest) -> Iterator[Manifest]:
    """Find what holds the selectors by which pods find, or avoid, others of their workload."""
    yield from spec.get("topologySpreadConstraints") or ()
    affinity = spec.get("affinity") or {}
    for kind in ("podAffinity", "podAntiAffinity"):
        rules = affinity.get(kind) or {}
        yield from rules.get("requiredDuringSchedulingIgnoredDuringExecution") or ()
        for weighted in rules.get("preferredDuringSchedulingIgnoredDuringExecution") or ():
            yield weighted["podAffinityTerm"]


def primary_selector(selector: Manifest, label: SelectorLabel) -> Manifest:
    """Copy a label selector, with the primary's value in place of the target's."""
    return twin_selector(selector, label, label.primary)


def twin_selector(selector: Manifest, label: SelectorLabel, twin: str) -> Manifest:
    """Copy a label selector, with another value in place of the target's."""
    renamed: dict[str, Any] = copy_of(selector)
    labels = renamed.get("matchLabels") or {}
    if labels.get(label.key) == label.value:
        labels[label.key] = twin
    for expression in renamed.get("matchExpressions") or ():
        if expression["key"] == label.key and expression.get("values"):
            expression["values"] = [
                twin if value == label.value else value for value in expression["values"]
            ]
    return renamed
