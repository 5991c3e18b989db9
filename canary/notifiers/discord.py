"""Notifier `discord`: writes an alert to a Discord channel, as an embed.

The address is that of a webhook; `/slack` at its end, which users of the peer write, is left out.
https://docs.discord.com/developers/resources/webhook#execute-webhook
"""

import re
from collections.abc import Sequence

from canary.api.status import Severity
from canary.notifiers import Alert
from canary.notifiers.posting import Posting, PostingNotifier, shortened, timestamp, with_query

#: Discord refuses longer texts, and 6,000 characters in all; escaping doubles them at most.
LONGEST_TITLE, LONGEST_TEXT = 120, 1200
LONGEST_NAME, LONGEST_VALUE, MOST_FIELDS = 40, 100, 10
COLOURS = {Severity.INFO: 0x2EB67D, Severity.WARN: 0xECB22E, Severity.ERROR: 0xE01E5A}
_MARKDOWN = re.compile(r"([\\*_~`|<>\[\]])")


class DiscordNotifier(PostingNotifier):
    """Write alerts to a Discord channel."""

    name = "discord"

    def postings(self, alert: Alert) -> Sequence[Posting]:
        """Write the alert as one message."""
        address = self._config.address.rstrip("/").removesuffix("/slack")
        document = message(alert, self._config.username)
        # Discord answers at once, or says what came of it where it is asked to wait.
        return [Posting(address=with_query(address, wait="true"), document=document)]


def message(alert: Alert, username: str) -> dict[str, object]:
    """Write an alert as a message with one embed; nothing in it calls anybody."""
    fields = [
        {
            "name": _escaped(name, LONGEST_NAME),
            "value": _escaped(value, LONGEST_VALUE),
            "inline": True,
        }
        for name, value in alert.shown_fields[:MOST_FIELDS]
    ]
    return {
        **({"username": username} if username else {}),
        "embeds": [
            {
                "title": _escaped(f"{alert.canary}: {alert.reason}", LONGEST_TITLE),
                "description": _escaped(alert.message, LONGEST_TEXT),
                "color": COLOURS[alert.severity],
                "fields": fields,
                "timestamp": timestamp(alert.at),
            }
        ],
        "allowed_mentions": {"parse": []},
    }


def _escaped(text: str, length: int) -> str:
    """Write text so that Markdown makes nothing of it."""
    return _MARKDOWN.sub(r"\\\1", shortened(text, length))
