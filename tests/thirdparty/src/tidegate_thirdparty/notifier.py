"""Notifier `diary`: posts one line an alert."""

from analysis.http.posting import post
from analysis.http.transport import guarded_client
from canary.notifiers import Alert, NotDelivered, NotifierConfig


class DiaryNotifier:
    """Writes what happens into somebody's diary."""

    def __init__(self, config: NotifierConfig) -> None:
        self._config = config

    async def send(self, alert: Alert) -> None:
        """Write an entry."""
        config = self._config
        async with guarded_client(config.egress) as client:
            reply = await post(
                client,
                config.address,
                content=f'{{"entry": "{alert.reason}"}}'.encode(),
                headers={"Content-Type": "application/json"},
                limit=config.timeout,
                secrets=config.secrets,
            )
        if not reply.succeeded:
            raise NotDelivered(f"diary: {reply.reason}", retryable=reply.transient)
