"""What an alert carries for receivers that want the whole: the Canary, the run, and the run before."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRun:
    """A run that an alert tells of, or the one before it."""

    number: int
    revision: str
    images: str
    started_at: datetime | None
    outcome: str = ""
    """Empty while it is under way, like what comes below."""
    reason: str = ""
    message: str = ""
    seconds: int = 0
    record: str = ""
    """Where its full record is written; empty for nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertWhole:
    """All that is known of a Canary when an alert about it is first sent."""

    view: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """The Canary as `tidegate get -o json` has it."""
    run: AlertRun | None = None
    """The run that the alert tells of; None outside of a run, and for one that is forgotten."""
    previous: AlertRun | None = None
    """The run before it; None where there was none, or it is forgotten."""
    run_link: str = ""
    """Where the dashboard shows the run; empty where that is not known."""


NOTHING_MORE = AlertWhole()
