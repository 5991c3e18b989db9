"""The baseline: a workload with the primary's template, and the service that leads to its pods.

The service is the Canary's, and owns the workload: to delete the one has the other
collected. So the controller needs no right to delete workloads.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest
from canary.api.shown import shown
from canary.errors import Problem
from canary.objects.render import Render
from canary.resources.names import LABEL_LENGTH, SelectorLabel
from canary.resources.primary import twin
from canary.resources.services import side_service

BASELINE = "-baseline"
#: How an owner is named that is a service.
_SERVICE = "Service.v1 "


def baseline_label(label: SelectorLabel) -> SelectorLabel | Problem:
    """Give the label of a baseline's pods, by that of the target's."""
    value = f"{label.value}{BASELINE}"
    if len(value) <= LABEL_LENGTH:
        return SelectorLabel(label.key, value)
    return Problem(
        f"spec.selector.matchLabels[{label.key}]",
        shown(label.value),
        f"shorten the value to {LABEL_LENGTH - len(BASELINE)} characters, or remove compareWith: "
        f"baseline: the baseline's pods have it with {BASELINE}, and a label's value ends at "
        f"{LABEL_LENGTH}",
    )


def baseline_service(
    canary: Canary,
    label: SelectorLabel,
    primary: Mapping[str, str],
    ports: Iterable[Manifest],
    existing: Manifest | None,
) -> Render:
    """Give the service of a baseline; `primary` is what selects the pods of the primary."""
    name, metadata = canary.spec.baseline_service_name, canary.spec.service.primary
    pods = {**primary, label.key: label.value}
    return side_service(canary, label.key, name, pods, metadata, tuple(ports), existing)


def baseline_owners(canary: Canary) -> tuple[str, ...]:
    """Name who owns a baseline, as owners are named."""
    return (f"{_SERVICE}{canary.spec.baseline_service_name}",)


def of_baseline(owners: tuple[str, ...]) -> bool:
    """Tell whether these own a baseline, be it that its service had another name by an earlier spec."""
    return len(owners) == 1 and owners[0].startswith(_SERVICE) and owners[0].endswith(BASELINE)


def baseline(
    canary: Canary,
    primary: Manifest,
    *,
    kind: Kind,
    spec: Manifest,
    revision: str,
    selector_label: SelectorLabel,
    service: Manifest,
    existing: Manifest | None = None,
) -> Render | None:
    """Give the workload of a baseline; None where the primary's pods have no label to tell it by."""
    key = selector_label.key
    of_primary = (primary["spec"]["selector"].get("matchLabels") or {}).get(key)
    if of_primary is None:
        return None
    rendered = twin(
        canary,
        primary,
        kind=kind,
        name=canary.spec.baseline_name,
        value=selector_label.value,
        spec=spec,
        revision=revision,
        selector_label=SelectorLabel(key, of_primary),
        existing=existing,
    )
    owner = {
        "apiVersion": "v1",
        "kind": "Service",
        "name": service["metadata"]["name"],
        "uid": service["metadata"]["uid"],
    }
    metadata = rendered.manifest["metadata"] | {"ownerReferences": [owner]}
    places = tuple(each for each in rendered.owns if each[:2] != ("metadata", "ownerReferences"))
    return replace(
        rendered,
        manifest=rendered.manifest | {"metadata": metadata},
        owns=(("metadata", "ownerReferences"), *places),
    )
