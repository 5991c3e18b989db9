"""Notifier `gchat`: writes an alert to a space of Google Chat; a run has one thread.

The address is that of an incoming webhook, with its key and token.
https://developers.google.com/workspace/chat/api/reference/rest/v1/spaces.messages/create
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from html import escape
from typing import Any

from canary.notifiers import Alert
from canary.notifiers.posting import OPEN, Posting, shortened, with_query
from canary.notifiers.threaded import ThreadedNotifier

#: With everything else a message stays under the 32,000 bytes that a space takes.
LONGEST_TEXT = 3000
LONGEST_VALUE = 500


class GoogleChatNotifier(ThreadedNotifier):
    """Write alerts to a space of Google Chat."""

    name = "gchat"
    threads = True
    references = re.compile(r"[\w./-]{1,512}")

    def postings(self, alert: Alert) -> Sequence[Posting]:
        """Write the alert as one message, which a repeat does not write again."""
        parameters = {
            # Without this every message begins a thread of its own.
            "messageReplyOption": "REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD",
            "requestId": sha256(alert.id.encode()).hexdigest(),
        }
        address = with_query(self._config.address, **parameters)
        return [Posting(address=address, document=message(alert))]

    def reference(self, alert: Alert, answer: Mapping[str, Any]) -> str:  # noqa: ARG002
        """Name a thread by the key that its first message was given."""
        return thread_key(alert)

    def reply(self, posting: Posting, thread: str) -> Posting:
        """Name the thread."""
        return replace(posting, document={**posting.document, "thread": {"threadKey": thread}})


def message(alert: Alert) -> dict[str, object]:
    """Write an alert as a message with one card."""
    headline = alert.headline
    paragraph = {"textParagraph": {"text": escape(shortened(alert.message, LONGEST_TEXT))}}
    fields = [
        {
            "decoratedText": {
                "topLabel": escape(name),
                "text": escape(_value(value)),
                "wrapText": True,
            }
        }
        for name, value in alert.shown_fields
    ]
    opening = {"text": OPEN, "onClick": {"openLink": {"url": alert.link}}}
    buttons = [{"buttonList": {"buttons": [opening]}}] if alert.link else []
    return {
        "text": headline,
        "fallbackText": headline,
        "thread": {"threadKey": thread_key(alert)},
        "cardsV2": [
            {
                "cardId": "alert",
                "card": {
                    "header": {"title": alert.title or alert.reason, "subtitle": alert.canary},
                    "sections": [{"widgets": [paragraph, *fields, *buttons]}],
                },
            }
        ],
    }


def thread_key(alert: Alert) -> str:
    """Name the thread of a run, or of a revision outside of one."""
    run = f"{alert.run}-" if alert.run else ""
    return f"{alert.namespace}/{alert.name}/{run}{alert.revision}"


def _value(text: str) -> str:
    return shortened(text, LONGEST_VALUE)
