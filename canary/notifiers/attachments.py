"""A message with one attachment: Slack's form, which Mattermost and Rocket.Chat understand as well."""

from collections.abc import Callable
from typing import Any

from canary.api.status import Severity
from canary.notifiers import Alert, NotifierConfig
from canary.notifiers.posting import shortened

#: Slack cuts longer texts.
LONGEST_TEXT = 3000
LONGEST_VALUE = 500
COLOURS = {Severity.INFO: "#2eb67d", Severity.WARN: "#ecb22e", Severity.ERROR: "#e01e5a"}

Escape = Callable[[str], str]
"""Writes text so that a receiver makes neither a link nor a mention of it."""


def message(alert: Alert, config: NotifierConfig, *, escape: Escape) -> dict[str, Any]:
    """Write an alert as a message to a channel."""
    written = {
        "channel": config.channel,
        "username": config.username,
        **content(alert, escape=escape),
    }
    return {name: value for name, value in written.items() if value}


def content(alert: Alert, *, escape: Escape) -> dict[str, Any]:
    """Write what a message says: a line for notifications, and the attachment beneath it."""
    text = _written(alert.message, escape)
    fields = [
        {
            "title": _written(name, escape),
            "value": escape(shortened(value, LONGEST_VALUE)),
            "short": True,
        }
        for name, value in alert.shown_fields
    ]
    return {
        # Shown in notifications, where attachments are not.
        "text": _written(alert.headline, escape),
        "attachments": [
            {
                "color": COLOURS[alert.severity],
                "author_name": alert.canary,
                "title": _written(alert.title or alert.reason, escape),
                **({"title_link": alert.link} if alert.link else {}),
                "text": text,
                "fallback": text,
                "fields": fields,
                "mrkdwn_in": [],
                "ts": int(alert.at.timestamp()),
            }
        ],
    }


def without_mentions(text: str) -> str:
    """Keep an @ from calling people: it is followed by a space that has no width."""
    return text.replace("@", "@\u200b")


def _written(text: str, escape: Escape) -> str:
    return escape(shortened(text, LONGEST_TEXT))
