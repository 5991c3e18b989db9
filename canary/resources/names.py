"""The names of what is made beside a target, and the label that tells both sides apart."""

from collections.abc import Iterable
from dataclasses import dataclass

from canary.api.kinds import Manifest
from canary.api.shown import shown
from canary.errors import Problem

PRIMARY = "-primary"
REVISION_ANNOTATION = "tidegate.dev/revision"
SELECTOR_LABELS = ("app", "name", "app.kubernetes.io/name")

#: What a label's value may have at most.
_LABEL_LENGTH = 63


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


def selector_label(
    target: Manifest, candidates: Iterable[str] = SELECTOR_LABELS
) -> SelectorLabel | Problem:
    """Find the first candidate among the labels that a workload selects its pods by."""
    keys = tuple(candidates)
    labels = target["spec"].get("selector", {}).get("matchLabels") or {}
    key = next((each for each in keys if each in labels), None)
    if key is None:
        return Problem(
            "spec.selector.matchLabels",
            shown(", ".join(sorted(labels))),
            f"select the pods of the target by one of the labels {', '.join(keys)}, or name "
            "another label in the controller's --selector-labels",
        )
    found = SelectorLabel(key, labels[key])
    if len(found.primary) > _LABEL_LENGTH:
        return Problem(
            f"spec.selector.matchLabels[{key}]",
            shown(found.value),
            f"shorten the value to {_LABEL_LENGTH - len(PRIMARY)} characters: the primary's pods "
            f"have it with {PRIMARY}, and a label's value ends at {_LABEL_LENGTH}",
        )
    return found
