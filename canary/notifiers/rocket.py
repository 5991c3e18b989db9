"""Notifier `rocket`: writes an alert to a Rocket.Chat room.

With a token, written as `USER-ID:TOKEN`, the message is that user's: the address is the server's.
Without one the address is that of an incoming webhook, whose messages can't be answered or edited.
https://developer.rocket.chat/apidocs/post-message
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from analysis.http.posting import Reply
from canary.notifiers import Alert
from canary.notifiers.attachments import content, message, without_mentions
from canary.notifiers.posting import Posting
from canary.notifiers.threaded import ThreadedNotifier, text_of

_POST_MESSAGE = "/api/v1/chat.postMessage"
_UPDATE = "/api/v1/chat.update"
_GONE = (b"No message found", b"error-invalid-message", b"error-action-not-allowed")


class RocketNotifier(ThreadedNotifier):
    """Write alerts to a Rocket.Chat room."""

    name = "rocket"
    threads = True
    edits = True
    references = re.compile(r"[A-Za-z0-9]{1,64}/[A-Za-z0-9]{1,64}")

    def postings(self, alert: Alert) -> Sequence[Posting]:
        """Write the alert as one message."""
        config = self._config
        if not config.token:
            document = message(alert, config, escape=without_mentions)
            return [Posting(address=config.address, document=document)]
        document = {
            "channel": config.channel,
            "alias": config.username,
            **content(alert, escape=without_mentions),
        }
        return [self._call(_POST_MESSAGE, document)]

    def reference(self, alert: Alert, answer: Mapping[str, Any]) -> str:  # noqa: ARG002
        """Name a message by its room and its id."""
        message_id, room = text_of(answer, "message", "_id"), text_of(answer, "message", "rid")
        return f"{room}/{message_id}" if self._config.token else ""

    def reply(self, posting: Posting, thread: str) -> Posting:
        """Name the first message of the thread."""
        first = thread.partition("/")[2]
        return replace(posting, document={**posting.document, "tmid": first})

    def edit(self, alert: Alert, thread: str) -> Posting:
        """Change the message in its room."""
        room, _, message_id = thread.partition("/")
        named = {"roomId": room, "msgId": message_id}
        return self._call(_UPDATE, named | content(alert, escape=without_mentions))

    def gone(self, reply: Reply) -> bool:
        """Read from the answer's words whether there is a message: its status is 400 for everything."""
        return any(each in reply.content for each in _GONE)

    def _call(self, method: str, document: dict[str, Any]) -> Posting:
        user, colon, token = self._config.token.strip().partition(":")
        if not colon:
            raise self.undelivered("the Secret's token is not of the form USER-ID:TOKEN")
        server = self._config.address.rstrip("/").removesuffix(_POST_MESSAGE)
        headers = {"X-User-Id": user, "X-Auth-Token": token}
        return Posting(address=server + method, document=document, headers=headers)

    def refusal(self, body: str) -> str:
        """Read an answer of 200 that says `"success": false`."""
        try:
            answer = orjson.loads(body)
        except orjson.JSONDecodeError:
            return ""
        if not isinstance(answer, dict) or answer.get("success") is not False:
            return ""
        return f"the server refused the message: {answer.get('error') or 'it does not say why'}"
