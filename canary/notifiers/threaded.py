"""What notifiers share that post JSON to a receiver with threads, or with messages that can be edited."""

import re
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import orjson

from canary.notifiers import Alert, MessageGone
from canary.notifiers.posting import Posting, PostingNotifier


class ThreadedNotifier(PostingNotifier):
    """Post alerts as JSON, and name the messages that come of them."""

    references: ClassVar[re.Pattern[str]]
    """The form of a reference. One of another form is not used: it may be part of an address."""

    @abstractmethod
    def reference(self, alert: Alert, answer: Mapping[str, Any]) -> str:
        """Name the message that the receiver has taken; empty where its answer does not say."""

    def reply(self, posting: Posting, thread: str) -> Posting:  # noqa: ARG002 - for those with threads
        """Make a message a reply."""
        return posting

    def edit(self, alert: Alert, thread: str) -> Posting:  # noqa: ARG002 - for those with edits
        """Give the request that changes a message into this alert.

        Raises:
            MessageGone: the receiver changes no messages.
        """
        raise MessageGone(f"{self.name}: messages of this receiver can't be edited")

    async def send(self, alert: Alert, thread: str | None = None) -> str | None:
        """Deliver an alert, as a reply where a thread is given."""
        postings = self.postings(alert)
        if thread is not None:
            self._check_form(thread)
            postings = [self.reply(each, thread) for each in postings]
        reply = await self.post(postings, alert, refers=thread is not None)
        reference = self.reference(alert, _answered(reply.content if reply else b""))
        return reference if self.references.fullmatch(reference) else None

    async def update(self, alert: Alert, thread: str) -> None:
        """Change a message into this alert."""
        self._check_form(thread)
        await self.post([self.edit(alert, thread)], alert, refers=True)

    def _check_form(self, thread: str) -> None:
        if not self.references.fullmatch(thread):
            raise MessageGone(f"{self.name}: the thread's reference is not of this receiver's form")


def _answered(content: bytes) -> Mapping[str, Any]:
    """Read an answer as a JSON object; empty where it is none."""
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}


def text_of(answer: Mapping[str, Any], *path: str) -> str:
    """Read a text or a number deep in an answer; empty where there is none."""
    node: Any = answer
    for key in path:
        node = node.get(key) if isinstance(node, Mapping) else None
    return str(node) if isinstance(node, str | int) else ""
