"""Notifier `msteams`: writes an alert to a channel of Microsoft Teams, as an adaptive card.

The address is that of a workflow, "Post to a channel when a webhook request is received".
Teams answers before the workflow has run: a delivery means that it was accepted, not shown.
https://adaptivecards.io/explorer/AdaptiveCard.html
"""

from collections.abc import Sequence

from analysis.secrecy import origin
from canary.api.status import Severity
from canary.notifiers import Alert
from canary.notifiers.posting import OPEN, Posting, PostingNotifier, shortened

#: With everything else a card stays under the 20 KiB that a workflow is sure to take.
LONGEST_TEXT = 3000
LONGEST_VALUE = 500
COLOURS = {Severity.INFO: "Good", Severity.WARN: "Warning", Severity.ERROR: "Attention"}
_SHOWN = (
    "Teams accepts a message before its workflow has run: see in the channel whether there is a "
    "card; if not, open the workflow's run history"
)
#: Connectors of Office 365, which Microsoft has retired.
_RETIRED = (".webhook.office.com", "//outlook.office.com", "//outlook.office365.com")


class TeamsNotifier(PostingNotifier):
    """Write alerts to a channel of Microsoft Teams."""

    name = "msteams"

    @property
    def remark(self) -> str:
        """What a person who tries the receiver out must know."""
        return _SHOWN

    def postings(self, alert: Alert) -> Sequence[Posting]:
        """Write the alert as one card."""
        address = self._config.address
        if origin(address).endswith(_RETIRED):
            raise self.undelivered(
                "Microsoft has retired the connectors of Office 365; create the workflow "
                '"Post to a channel when a webhook request is received", and write its address'
            )
        return [Posting(address=address, document=message(alert))]


def message(alert: Alert) -> dict[str, object]:
    """Write an alert as a card as wide as the channel. Text runs know no links and no mentions."""
    headline = _run(alert.headline, weight="Bolder", size="Medium")
    headline["color"] = COLOURS[alert.severity]
    facts = [
        _block(_run(f"{name}: ", weight="Bolder"), _run(shortened(value, LONGEST_VALUE)))
        for name, value in alert.shown_fields
    ]
    card: dict[str, object] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": [
            _block(headline),
            _block(_run(shortened(alert.message, LONGEST_TEXT))),
            {"type": "Container", "spacing": "Small", "items": facts},
        ],
    }
    if alert.link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": OPEN, "url": alert.link}]
    return {
        "type": "message",
        "attachments": [
            {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
        ],
    }


def _block(*runs: dict[str, str]) -> dict[str, object]:
    return {"type": "RichTextBlock", "inlines": list(runs)}


def _run(text: str, **style: str) -> dict[str, str]:
    return {"type": "TextRun", "text": text, **style}
