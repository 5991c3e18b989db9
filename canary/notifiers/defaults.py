"""What a notifier need not say: it sends messages, each by itself."""

from typing import ClassVar

from canary.notifiers import Alert, MessageGone, NotifierSetting


class NotifierDefaults:
    """Knows no threads, no buttons and no settings, and changes no message."""

    threads: ClassVar[bool] = False
    edits: ClassVar[bool] = False
    buttons: ClassVar[bool] = False
    settings: ClassVar[tuple[NotifierSetting, ...]] = ()

    @property
    def whole(self) -> bool:
        """Whether its alerts are to carry the whole of their Canary."""
        return False

    @property
    def remark(self) -> str:
        """What a person who tries the receiver out must know."""
        return ""

    async def update(self, alert: Alert, thread: str) -> None:  # noqa: ARG002 - the protocol has them
        """Change no message.

        Raises:
            MessageGone: always.
        """
        raise MessageGone("messages of this receiver can't be edited")
