"""Notifier `telegram`: a bot writes an alert to a chat of Telegram.

The token is the bot's, `channel` the id of the chat, or `CHAT:TOPIC` for a topic of it; the address,
where there is one, is that of a Bot API server of one's own.
https://core.telegram.org/bots/api#sendmessage
"""

from collections.abc import Sequence
from html import escape

import orjson

from analysis.http.posting import Reply
from canary.notifiers import Alert
from canary.notifiers.posting import Posting, PostingNotifier, shortened

_ADDRESS = "https://api.telegram.org"
#: Telegram refuses more than 4,096 characters, of which entities count as one.
LONGEST_TEXT, LONGEST_VALUE = 2000, 150


class TelegramNotifier(PostingNotifier):
    """Write alerts to a chat of Telegram."""

    name = "telegram"

    def postings(self, alert: Alert) -> Sequence[Posting]:
        """Write the alert as one message."""
        config = self._config
        if not config.token:
            raise self.undelivered("the Secret has no key token; write the bot's token there")
        server = (config.address or _ADDRESS).rstrip("/")
        document = message(alert, config.channel)
        return [
            Posting(address=f"{server}/bot{config.token.strip()}/sendMessage", document=document)
        ]

    def patience(self, reply: Reply) -> float | None:
        """Read how long to wait from the body, where Telegram says it."""
        try:
            seconds = orjson.loads(reply.body)["parameters"]["retry_after"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return reply.retry_after
        return float(seconds) if isinstance(seconds, int) else reply.retry_after


def message(alert: Alert, channel: str) -> dict[str, object]:
    """Write an alert in Telegram's HTML."""
    chat, _, topic = channel.partition(":")
    headline = f"<b>{escape(alert.canary)}: {escape(alert.reason)}</b>"
    fields = [
        f"<b>{escape(name)}</b>: {escape(shortened(value, LONGEST_VALUE))}"
        for name, value in alert.shown_fields
    ]
    text = "\n".join((headline, escape(shortened(alert.message, LONGEST_TEXT)), *fields))
    return {
        "chat_id": chat,
        **({"message_thread_id": topic} if topic else {}),
        "text": text,
        "parse_mode": "HTML",
        "link_preview_options": {"is_disabled": True},
    }
