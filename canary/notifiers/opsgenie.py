"""Notifier `opsgenie`: alerts of Jira Service Management, and of Opsgenie as long as it lasts.

An error opens an alert, a good end closes it; what only waits for people opens one of a low priority,
and a gate one of the priority of an error where `pageOnGates` says so.
The token is the key of an API integration; the address, where there is one, is Opsgenie's own
(`https://api.opsgenie.com/v2/alerts`), which ends on 5 April 2027.
https://developer.atlassian.com/cloud/jira/service-desk-ops/rest/v1/
"""

import re
from collections.abc import Sequence
from typing import ClassVar
from urllib.parse import quote

from canary.api.status import Severity
from canary.notifiers import Alert, NotifierSetting
from canary.notifiers.incidents import (
    PAGE_ON_GATES,
    IncidentChange,
    change,
    details,
    key,
    summary,
    waits_at_gate,
)
from canary.notifiers.posting import Posting, PostingNotifier, shortened, with_query

_ADDRESS = "https://api.atlassian.com/jsm/ops/integration/v2/alerts"
_OWN = re.compile(r"https://api(\.eu)?\.opsgenie\.com(/|$)")
_ENDED = (
    "Opsgenie ends on 5 April 2027: take address out of the Secret, and give it the key of an "
    "integration of Jira Service Management"
)
LONGEST_MESSAGE, LONGEST_TEXT = 130, 15000
_PRIORITIES = {Severity.INFO: "P5", Severity.WARN: "P4", Severity.ERROR: "P2"}


class OpsgenieNotifier(PostingNotifier):
    """Tell who is on call in Jira Service Management or Opsgenie."""

    name = "opsgenie"
    settings: ClassVar[tuple[NotifierSetting, ...]] = (PAGE_ON_GATES,)

    def postings(self, alert: Alert) -> Sequence[Posting]:
        """Open an alert, or close the one of this Canary."""
        if not self._config.token:
            raise self.undelivered("the Secret has no key token; write the integration's key there")
        headers = {"Authorization": f"GenieKey {self._config.token.strip()}"}
        address = (self._config.address or _ADDRESS).rstrip("/")
        document: dict[str, object] = {
            "source": alert.cluster or "tidegate",
            "note": shortened(_told(alert), LONGEST_TEXT),
        }
        if change(alert) is IncidentChange.ENDS:
            address = with_query(
                f"{address}/{quote(key(alert), safe='')}/close", identifierType="alias"
            )
        else:
            document |= {
                "message": shortened(alert.headline, LONGEST_MESSAGE),
                "alias": key(alert),
                "description": shortened(summary(alert), LONGEST_TEXT),
                "priority": self._priority(alert),
                "entity": alert.target,
                "tags": ["tidegate", alert.reason],
                "details": {
                    **details(alert),
                    **({"dashboard": alert.link} if alert.link else {}),
                },
            }
        return [Posting(address=address, document=document, headers=headers)]

    @property
    def remark(self) -> str:
        """What a person who tries the receiver out must know."""
        return _ENDED if _OWN.match(self._config.address) else ""

    def _priority(self, alert: Alert) -> str:
        pages = waits_at_gate(alert) and self.chosen(PAGE_ON_GATES)
        return _PRIORITIES[Severity.ERROR if pages else alert.severity]


def _told(alert: Alert) -> str:
    fields = (f"{name}: {value}" for name, value in alert.shown_fields)
    return "\n".join((alert.message, *fields))
