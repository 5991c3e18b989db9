"""Notifier `discord`: writes an alert to a Discord channel, as an embed.

The address is that of a webhook; `/slack` at its end, which users of the peer write, is left out.
A webhook edits its messages, but answers none: only a bot could.
https://docs.discord.com/developers/resources/webhook#execute-webhook
"""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from analysis.http.posting import Reply
from canary.api.status import Severity
from canary.notifiers import Alert
from canary.notifiers.posting import Posting, shortened, timestamp, with_query
from canary.notifiers.threaded import ThreadedNotifier, text_of

#: Discord refuses longer texts, and 6,000 characters in all; escaping doubles them at most.
LONGEST_TITLE, LONGEST_TEXT = 120, 1200
LONGEST_NAME, LONGEST_VALUE, MOST_FIELDS = 40, 100, 10
COLOURS = {Severity.INFO: 0x2EB67D, Severity.WARN: 0xECB22E, Severity.ERROR: 0xE01E5A}
_UNKNOWN_MESSAGE = b"10008"
_MARKDOWN = re.compile(r"([\\*_~`|<>\[\]])")


class DiscordNotifier(ThreadedNotifier):
    """Write alerts to a Discord channel."""

    name = "discord"
    edits = True
    references = re.compile(r"\d{1,32}")

    def postings(self, alert: Alert) -> Sequence[Posting]:
        """Write the alert as one message."""
        document = message(alert, self._config.username)
        # Discord answers at once, or says what came of it where it is asked to wait.
        return [Posting(address=with_query(self._webhook, wait="true"), document=document)]

    def reference(self, alert: Alert, answer: Mapping[str, Any]) -> str:  # noqa: ARG002
        """Name a message by its id."""
        return text_of(answer, "id")

    def edit(self, alert: Alert, thread: str) -> Posting:
        """Change the message; its author stays."""
        address, query, parameters = self._webhook.partition("?")
        return Posting(
            method="PATCH",
            address=f"{address}/messages/{thread}{query}{parameters}",
            document=message(alert, ""),
        )

    def gone(self, reply: Reply) -> bool:
        """Tell an unknown message from an unknown webhook."""
        return reply.status == HTTPStatus.NOT_FOUND and _UNKNOWN_MESSAGE in reply.content

    @property
    def _webhook(self) -> str:
        return self._config.address.rstrip("/").removesuffix("/slack")


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
                "title": _escaped(alert.headline, LONGEST_TITLE),
                **({"url": alert.link} if alert.link else {}),
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
