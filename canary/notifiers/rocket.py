"""Notifier `rocket`: writes an alert to a Rocket.Chat room.

With a token, written as `USER-ID:TOKEN`, the message is that user's: the address is the server's.
Without one the address is that of an incoming webhook.
https://developer.rocket.chat/apidocs/post-message
"""

from collections.abc import Sequence

import orjson

from canary.notifiers import Alert
from canary.notifiers.attachments import content, message, without_mentions
from canary.notifiers.posting import Posting, PostingNotifier

_POST_MESSAGE = "/api/v1/chat.postMessage"


class RocketNotifier(PostingNotifier):
    """Write alerts to a Rocket.Chat room."""

    name = "rocket"

    def postings(self, alert: Alert) -> Sequence[Posting]:
        """Write the alert as one message."""
        config = self._config
        if not config.token:
            document = message(alert, config, escape=without_mentions)
            return [Posting(address=config.address, document=document)]
        user, colon, token = config.token.strip().partition(":")
        if not colon:
            raise self.undelivered("the Secret's token is not of the form USER-ID:TOKEN")
        document = {
            "channel": config.channel,
            "alias": config.username,
            **content(alert, escape=without_mentions),
        }
        return [
            Posting(
                address=config.address.rstrip("/").removesuffix(_POST_MESSAGE) + _POST_MESSAGE,
                document=document,
                headers={"X-User-Id": user, "X-Auth-Token": token},
            )
        ]

    def refusal(self, body: str) -> str:
        """Read an answer of 200 that says `"success": false`."""
        try:
            answer = orjson.loads(body)
        except orjson.JSONDecodeError:
            return ""
        if not isinstance(answer, dict) or answer.get("success") is not False:
            return ""
        return f"the server refused the message: {answer.get('error') or 'it does not say why'}"
