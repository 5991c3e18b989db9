"""Notifier `diary`: posts one line an alert."""

import json

from analysis.errors import QueryError
from analysis.http.posting import post
from analysis.http.transport import guarded_client
from canary.notifiers import Alert, NotDelivered, NotifierConfig


class DiaryNotifier:
    """Writes what happens into a diary."""

    def __init__(self, config: NotifierConfig) -> None:
        self._config = config

    async def send(self, alert: Alert) -> None:
        """Write an entry."""
        config = self._config
        entry = {"entry": alert.reason, "revision": alert.revision, "images": alert.images}
        try:
            client = guarded_client(config.egress, proxy=config.proxy)
        except QueryError as error:
            raise NotDelivered(f"diary: {error}", retryable=False) from error
        async with client:
            reply = await post(
                client,
                config.address,
                content=json.dumps(entry).encode(),
                headers={"Content-Type": "application/json"},
                limit=config.timeout,
                secrets=config.secrets,
            )
        if not reply.succeeded:
            raise NotDelivered(
                f"diary: {reply.reason}",
                retryable=reply.transient,
                retry_after=reply.retry_after,
            )
