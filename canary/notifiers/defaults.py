"""What a notifier need not say: it sends messages, each by itself."""

from typing import ClassVar

from canary.notifiers import Alert, MessageGone


class NotifierDefaults:
    """Knows no threads and no buttons, and changes no message."""

    threads: ClassVar[bool] = False
    edits: ClassVar[bool] = False
    buttons: ClassVar[bool] = False

    async def update(self, alert: Alert, thread: str) -> None:  # noqa: ARG002 - the protocol has them
        """Change no message.

        Raises:
            MessageGone: always.
        """
        raise MessageGone("messages of this receiver can't be edited")
