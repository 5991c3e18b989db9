"""Notifier `mattermost`: writes an alert to a Mattermost channel.

With a token the message is a bot's: the address is the server's, and `channel` the id of a channel.
Without one the address is that of an incoming webhook, whose messages can't be answered or edited.
https://developers.mattermost.com/integrate/reference/message-attachments/
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from analysis.http.posting import Reply
from canary.notifiers import Alert
from canary.notifiers.attachments import content, message, without_mentions
from canary.notifiers.posting import Posting
from canary.notifiers.threaded import ThreadedNotifier, text_of

_POSTS = "/api/v4/posts"


class MattermostNotifier(ThreadedNotifier):
    """Write alerts to a Mattermost channel."""

    name = "mattermost"
    threads = True
    edits = True
    references = re.compile(r"[a-z0-9]{1,64}")

    def postings(self, alert: Alert) -> Sequence[Posting]:
        """Write the alert as one message."""
        config = self._config
        if not config.token:
            document = message(alert, config, escape=without_mentions)
            return [Posting(address=config.address, document=document)]
        document = {"channel_id": config.channel, **_post(alert)}
        return [Posting(address=self._posts, document=document, headers=self.bearer)]

    def reference(self, alert: Alert, answer: Mapping[str, Any]) -> str:  # noqa: ARG002
        """Name a post by its id."""
        return text_of(answer, "id") if self._config.token else ""

    def reply(self, posting: Posting, thread: str) -> Posting:
        """Name the first post of the thread."""
        return replace(posting, document={**posting.document, "root_id": thread})

    def edit(self, alert: Alert, thread: str) -> Posting:
        """Patch the post."""
        return Posting(
            method="PUT",
            address=f"{self._posts}/{thread}/patch",
            document=_post(alert),
            headers=self.bearer,
        )

    def gone(self, reply: Reply) -> bool:
        """Tell whether a post is gone: one that was deleted may not be edited, or be answered."""
        if reply.status == HTTPStatus.BAD_REQUEST:
            return "root_id" in reply.body
        return reply.status in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}

    @property
    def _posts(self) -> str:
        return self._config.address.rstrip("/").removesuffix(_POSTS) + _POSTS


def _post(alert: Alert) -> dict[str, Any]:
    written = content(alert, escape=without_mentions)
    return {"message": written["text"], "props": {"attachments": written["attachments"]}}
