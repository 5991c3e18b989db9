"""What an alert means for people on call: whether it opens an incident, or ends one."""

from collections.abc import Mapping
from enum import StrEnum

from canary.api.status import Severity
from canary.notifiers import Alert

_ENDS = frozenset({"Initialized", "Promoted", "RunCancelled"})
"""After these a Canary is as it should be."""


class IncidentChange(StrEnum):
    """What an alert changes about a Canary's incident."""

    OPENS = "opens"
    ENDS = "ends"
    NONE = "none"


def change(alert: Alert) -> IncidentChange:
    """Tell whether an alert opens the incident of its Canary, or ends it."""
    if alert.severity is Severity.ERROR:
        return IncidentChange.OPENS
    return IncidentChange.ENDS if alert.reason in _ENDS else IncidentChange.NONE


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
