"""What notifiers share that post JSON: how an alert is sent, and how its texts are kept harmless.

A notifier of this kind says what is posted and where; every failure is reported here, under its name.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import urlencode

import orjson

from analysis.authentication import bearer
from analysis.errors import QueryError
from analysis.http.posting import Reply, post
from analysis.http.transport import guarded_client, trust
from canary.notifiers import (
    Alert,
    MessageGone,
    NotDelivered,
    NotifierConfig,
    NotifierSetting,
    SettingValue,
)
from canary.notifiers.defaults import NotifierDefaults
from canary.notifiers.settings import chosen_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """One request of a delivery."""

    address: str
    document: Any
    """What is sent, as JSON; None for nothing."""
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"


class PostingNotifier(NotifierDefaults, ABC):
    """Post alerts as JSON. Any 2xx is success, unless the answer says otherwise in its body."""

    name: ClassVar[str]
    """As users write it in `spec.type`; it begins every message of a failure."""

    def __init__(self, config: NotifierConfig) -> None:
        self._config = config

    @abstractmethod
    def postings(self, alert: Alert) -> Sequence[Posting]:
        """Give the requests of a delivery, in their order; all are repeated if one of them fails.

        Raises:
            NotDelivered: the config lacks something, or the receiver cannot be told at all.
        """

    @property
    def bearer(self) -> Mapping[str, str]:
        """The header that carries the token as a bearer token; none without a token."""
        return dict([bearer(self._config.token)]) if self._config.token else {}

    def chosen(self, setting: NotifierSetting) -> SettingValue:
        """Give what was chosen of a setting, or what holds where nothing was."""
        return chosen_of(setting, self._config.settings)

    def refusal(self, body: str) -> str:  # noqa: ARG002 - for receivers that refuse with a 2xx
        """Say why the receiver refused, from the body of a 2xx; empty where it did not."""
        return ""

    def patience(self, reply: Reply) -> float | None:
        """Give the seconds that the receiver asked to wait for, where it did."""
        return reply.retry_after

    def transient(self, reply: Reply) -> bool:
        """Tell whether the receiver may take later what it has refused."""
        return reply.transient

    def gone(self, reply: Reply) -> bool:
        """Tell whether a refusal says that the message that was named is not there."""
        return reply.status == HTTPStatus.NOT_FOUND

    def settled(self, reply: Reply) -> bool:  # noqa: ARG002 - for receivers that refuse what is so
        """Tell whether a refusal says that there is nothing to do."""
        return False

    async def send(self, alert: Alert, thread: str | None = None) -> str | None:  # noqa: ARG002 - see `threaded`
        """Deliver an alert."""
        await self.post(self.postings(alert), alert)
        return None

    async def post(
        self, postings: Sequence[Posting], alert: Alert, *, refers: bool = False
    ) -> Reply | None:
        """Send requests one after the other; give the last answer.

        `refers` says that they name a message of before, which may be gone.

        Raises:
            MessageGone: the message is not there.
            NotDelivered: one of them was not taken.
        """
        config, reply = self._config, None
        try:
            client = guarded_client(config.egress, verify=trust(), proxy=config.proxy)
        except QueryError as error:
            raise self.undelivered(str(error)) from error
        async with client:
            for posting in postings:
                reply = await post(
                    client,
                    posting.address,
                    content=b"" if posting.document is None else as_sent(posting.document),
                    headers={
                        "Content-Type": "application/json",
                        "Idempotency-Key": alert.id,
                        **posting.headers,
                    },
                    limit=config.timeout,
                    secrets=config.secrets,
                    method=posting.method,
                )
                self._check(reply, refers=refers)
        return reply

    def _check(self, reply: Reply, *, refers: bool) -> None:
        refusal = self.refusal(reply.body) if reply.succeeded else reply.reason
        if not refusal or self.settled(reply):
            return
        if refers and self.gone(reply):
            raise MessageGone(f"{self.name}: {refusal}")
        if reply.succeeded:
            raise self.undelivered(refusal)
        raise NotDelivered(
            f"{self.name}: {refusal}",
            retryable=self.transient(reply),
            retry_after=self.patience(reply),
        )

    def undelivered(self, why: str) -> NotDelivered:
        """Make the failure of an alert that must not be sent again as it is."""
        return NotDelivered(f"{self.name}: {why}", retryable=False)


def as_sent(document: Any) -> bytes:
    """Write what is posted, byte for byte."""
    return orjson.dumps(document)


OPEN = "Open the dashboard"
"""What a link to the dashboard is called."""


def with_query(address: str, **parameters: str) -> str:
    """Add parameters to an address, which may have some already."""
    return f"{address}{'&' if '?' in address else '?'}{urlencode(parameters)}"


def shortened(text: str, length: int) -> str:
    """Keep the beginning of a text, and mark what is left out."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def timestamp(moment: datetime) -> str:
    """Write a moment in UTC, to the second (RFC 3339)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
