"""Notifier `telegram`: a bot writes an alert to a chat of Telegram.

The token is the bot's, `channel` the id of the chat, or `CHAT:TOPIC` for a topic of it; the address,
where there is one, is that of a Bot API server of one's own.
https://core.telegram.org/bots/api#sendmessage
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from http import HTTPStatus
from typing import Any

import orjson

from analysis.http.posting import Reply
from canary.notifiers import Alert
from canary.notifiers.posting import OPEN, Posting, shortened
from canary.notifiers.threaded import ThreadedNotifier, text_of

_ADDRESS = "https://api.telegram.org"
#: Telegram refuses more than 4,096 characters, of which entities count as one.
LONGEST_TITLE, LONGEST_TEXT, LONGEST_VALUE = 500, 2000, 150
_GONE = (b"message to edit not found", b"message can't be edited", b"MESSAGE_ID_INVALID")
_UNCHANGED = b"message is not modified"


class TelegramNotifier(ThreadedNotifier):
    """Write alerts to a chat of Telegram."""

    name = "telegram"
    threads = True
    edits = True
    references = re.compile(r"\d{1,32}")

    def postings(self, alert: Alert) -> Sequence[Posting]:
        """Write the alert as one message."""
        return [self._posting("sendMessage", message(alert, self._config.channel))]

    def reference(self, alert: Alert, answer: Mapping[str, Any]) -> str:  # noqa: ARG002
        """Name a message by its id."""
        return text_of(answer, "result", "message_id")

    def reply(self, posting: Posting, thread: str) -> Posting:
        """Answer a message; if it is gone, the reply stands by itself."""
        answered = {"message_id": int(thread), "allow_sending_without_reply": True}
        return replace(posting, document={**posting.document, "reply_parameters": answered})

    def edit(self, alert: Alert, thread: str) -> Posting:
        """Change the text; the topic stays."""
        document = {**message(alert, self._config.channel), "message_id": int(thread)}
        document.pop("message_thread_id", None)
        return self._posting("editMessageText", document)

    def gone(self, reply: Reply) -> bool:
        """Read from the answer's words whether there is a message: its status is 400 for everything."""
        return reply.status == HTTPStatus.BAD_REQUEST and any(
            each in reply.content for each in _GONE
        )

    def settled(self, reply: Reply) -> bool:
        """Tell whether the message says this already."""
        return reply.status == HTTPStatus.BAD_REQUEST and _UNCHANGED in reply.content

    def _posting(self, method: str, document: dict[str, object]) -> Posting:
        config = self._config
        if not config.token:
            raise self.undelivered("the Secret has no key token; write the bot's token there")
        server = (config.address or _ADDRESS).rstrip("/")
        return Posting(address=f"{server}/bot{config.token.strip()}/{method}", document=document)

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
    headline = f"<b>{escape(shortened(alert.headline, LONGEST_TITLE))}</b>"
    fields = [
        f"<b>{escape(name)}</b>: {escape(shortened(value, LONGEST_VALUE))}"
        for name, value in alert.shown_fields
    ]
    link = [f'<a href="{escape(alert.link)}">{OPEN}</a>'] if alert.link else []
    text = "\n".join((headline, escape(shortened(alert.message, LONGEST_TEXT)), *fields, *link))
    return {
        "chat_id": chat,
        **({"message_thread_id": topic} if topic else {}),
        "text": text,
        "parse_mode": "HTML",
        "link_preview_options": {"is_disabled": True},
    }
