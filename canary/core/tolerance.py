"""What is accepted but ignored or changed: told whenever the list changes."""

from canary.api.status import Severity
from canary.core.conditions import SPEC_WARNINGS, warnings_told
from canary.core.situation import Situation


def tell_warnings(situation: Situation) -> Situation:
    """Tell of warnings that are not those in the status."""
    if not situation.facts.warnings:
        return situation
    message, before = warnings_told(situation.facts), situation.status.condition(SPEC_WARNINGS)
    if before is not None and (before.status, before.message) == ("True", message):
        return situation
    return situation.tell(SPEC_WARNINGS, message, Severity.WARN)
