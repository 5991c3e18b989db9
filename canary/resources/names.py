"""The names of what is made beside a target, and the label that tells both sides apart."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from canary.api.kinds import Manifest
from canary.api.shown import shown
from canary.errors import Problem
from canary.objects.ownership import SHARED_LABEL

PRIMARY = "-primary"
CANARY = "-canary"
SELECTOR_LABELS = ("app", "name", "app.kubernetes.io/name")

#: What a label's value may have at most.
LABEL_LENGTH = 63


def primary_name(name: str) -> str:
    """Name the primary's copy of something."""
    return f"{name}{PRIMARY}"


@dataclass(frozen=True, slots=True)
class SelectorLabel:
    """The label by which services select pods, with the value that the target's pods have."""

    key: str
    value: str

    @property
    def primary(self) -> str:
        """The value that the primary's pods have."""
        return primary_name(self.value)

    @property
    def canary(self) -> str:
        """The value that the pods of the canary of a kept target have."""
        return f"{self.value}{CANARY}"


NO_LABEL = SelectorLabel("", "")
"""For what has no pods of its own that a label could tell apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selectors:
    """The labels by which services select the pods of each side."""

    label: SelectorLabel
    target: Mapping[str, str]
    primary: Mapping[str, str]

    @property
    def given_back(self) -> "Selectors":
        """The same where the primary's pods are given back: nothing leads to the canary any longer."""
        return Selectors(label=self.label, target=self.primary, primary=self.primary)

    def lead_to_primary(self, service: Manifest) -> bool:
        """Tell whether a service's spec selects the primary's pods, by all of the labels or one."""
        found = (service.get("selector") or {}).items()
        only_primary = self.primary.items() - self.target.items()
        return bool(found & (only_primary | {(self.label.key, self.label.primary)}))


def pod_selectors(
    target: Manifest, label: SelectorLabel, primary: Manifest | None = None
) -> Selectors:
    """Select the pods of each side by all labels that its workload selects them by.

    A workload's selector cannot be changed, so that of an existing primary may be of another shape
    than the target's is by now.
    """
    own = _match_labels(target)
    renamed = {**own, label.key: label.primary}
    return Selectors(
        label=label, target=own, primary=(_match_labels(primary) if primary else {}) or renamed
    )


def kept_selectors(
    target: Manifest, label: SelectorLabel, canary: Manifest | None = None
) -> Selectors:
    """Select the pods of each side where the target's own are the primary, and the canary is beside it."""
    own = _match_labels(target)
    renamed = {**own, label.key: label.canary}
    beside = (_match_labels(canary) if canary else {}) or renamed
    return Selectors(label=label, target=beside, primary=own)


def shared_selector(
    service: str, target: Manifest, primary: Manifest | None
) -> dict[str, str] | Problem:
    """Select the pods of both sides, by the label that their user gives them for this."""
    field = f"spec.template.metadata.labels[{SHARED_LABEL}]"
    found = pod_label(target, SHARED_LABEL)
    if found != service:
        remedy = (
            f"set it to {service!r} in the pod template of the target: the apex service selects "
            "the pods of both sides by it"
        )
        return Problem(field, None if found is None else shown(found), remedy)
    found = pod_label(primary, SHARED_LABEL) if primary else None
    if found != service:
        remedy = (
            f"promote this revision with `tidegate promote`: the primary's pods need the value "
            f"{service!r} too, so that the apex service can select the pods of both sides"
        )
        return Problem(field, None if found is None else shown(found), remedy)
    return {SHARED_LABEL: service}


def shared_label_lacking(service: str, workload: Manifest) -> str:
    """Give the label that the pods of both sides are selected by where a workload's lack it."""
    found = pod_label(workload, SHARED_LABEL)
    return "" if found == service else f"{SHARED_LABEL}: {service}"


def pod_label(workload: Manifest, key: str) -> str | None:
    """Read a label of the pods that a workload makes."""
    value = pod_labels(workload).get(key)
    return None if value is None else str(value)


def pod_labels(workload: Manifest) -> Mapping[str, str]:
    """Read the labels of the pods that a workload makes."""
    labels: Mapping[str, str] = (workload["spec"]["template"].get("metadata") or {}).get(
        "labels"
    ) or {}
    return labels


def _match_labels(workload: Manifest) -> dict[str, str]:
    return dict(workload["spec"].get("selector", {}).get("matchLabels") or {})


def selector_label(
    target: Manifest, candidates: Iterable[str] = SELECTOR_LABELS
) -> SelectorLabel | Problem:
    """Find the first candidate among the labels that a workload selects its pods by."""
    keys = tuple(candidates)
    labels = _match_labels(target)
    key = next((each for each in keys if each in labels), None)
    if key is None:
        return Problem(
            "spec.selector.matchLabels",
            shown(", ".join(sorted(labels))),
            f"select the pods of the target by one of the labels {', '.join(keys)}, or name "
            "another label in the controller's --selector-labels",
        )
    found = SelectorLabel(key, labels[key])
    if len(found.primary) > LABEL_LENGTH:
        return Problem(
            f"spec.selector.matchLabels[{key}]",
            shown(found.value),
            f"shorten the value to {LABEL_LENGTH - len(PRIMARY)} characters: the primary's pods "
            f"have it with {PRIMARY}, and a label's value ends at {LABEL_LENGTH}",
        )
    return found
