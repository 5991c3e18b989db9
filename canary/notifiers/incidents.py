"""What an alert means for people on call: whether it opens an incident, or ends one."""

from collections.abc import Mapping
from enum import StrEnum

from canary.api.status import Severity
from canary.notifiers import Alert, NotifierSetting

PAGE_ON_GATES = NotifierSetting(
    name="pageOnGates",
    values=(False, True),
    text="Whether a gate that waits for a person opens an incident, as an error does.",
)
_GATE, _BEGINS = "GateBlocked", "RunStarted"
_ENDS = frozenset({"Initialized", "Promoted", "RunCancelled"})
"""After these a Canary is as it should be."""


class IncidentChange(StrEnum):
    """What an alert changes about a Canary's incident."""

    OPENS = "opens"
    ENDS = "ends"
    NONE = "none"


def waits_at_gate(alert: Alert) -> bool:
    """Tell whether an alert is about a gate that waits for a person."""
    return alert.reason == _GATE


def change(alert: Alert, *, on_gates: bool = False) -> IncidentChange:
    """Tell whether an alert opens the incident of its Canary, or ends it.

    A gate that waits opens one where `on_gates` says so.
    """
    if alert.severity is Severity.ERROR or (on_gates and waits_at_gate(alert)):
        return IncidentChange.OPENS
    # What has failed is tried once more: it opens another one if it fails again.
    ends = alert.reason in _ENDS or (alert.reason == _BEGINS and alert.again)
    return IncidentChange.ENDS if ends else IncidentChange.NONE


def key(alert: Alert) -> str:
    """Name the incident of a Canary; there is one at most."""
    return "/".join(filter(None, (alert.cluster, alert.namespace, alert.name)))


def summary(alert: Alert) -> str:
    """Say in one line what happened."""
    return f"{alert.headline}: {alert.message}"


def details(alert: Alert) -> Mapping[str, str]:
    """Give what else people read."""
    told = {name.lower(): value for name, value in alert.shown_fields}
    return {**told, "reason": alert.reason, "message": alert.message}
