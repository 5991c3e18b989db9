"""Notifier `mattermost`: writes an alert to a Mattermost channel.

With a token the message is a bot's: the address is the server's, and `channel` the id of a channel.
Without one the address is that of an incoming webhook.
https://developers.mattermost.com/integrate/reference/message-attachments/
"""

from collections.abc import Sequence

from canary.notifiers import Alert
from canary.notifiers.attachments import content, message, without_mentions
from canary.notifiers.posting import Posting, PostingNotifier

_POSTS = "/api/v4/posts"


class MattermostNotifier(PostingNotifier):
    """Write alerts to a Mattermost channel."""

    name = "mattermost"

    def postings(self, alert: Alert) -> Sequence[Posting]:
        """Write the alert as one message."""
        config = self._config
        if not config.token:
            document = message(alert, config, escape=without_mentions)
            return [Posting(address=config.address, document=document)]
        written = content(alert, escape=without_mentions)
        document = {
            "channel_id": config.channel,
            "message": written["text"],
            "props": {"attachments": written["attachments"]},
        }
        address = config.address.rstrip("/").removesuffix(_POSTS) + _POSTS
        return [Posting(address=address, document=document, headers=self.bearer)]
