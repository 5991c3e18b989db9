"""Notifier `slack`: writes an alert to a Slack channel, or to a server that speaks as Slack does.

With a token the message is written by a bot (chat.postMessage), and the address, where there is one,
is that of the API. Without a token the address is that of an incoming webhook.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from analysis.errors import EgressRefused
from analysis.http.exchange import bad_address, can_be_called, failure, retry_after
from analysis.secrecy import origin, shown_text
from canary.api.status import Severity
from canary.notifiers import Alert, MessageGone, NotDelivered, NotifierConfig
from canary.notifiers.attachments import COLOURS, content, message
from canary.notifiers.buttons import buttons_attachment, escaped
from canary.notifiers.sessions import Redirected, guarded_session

_POST_MESSAGE, _UPDATE = "chat.postMessage", "chat.update"
#: Errors of the API that pass by themselves (https://docs.slack.dev/reference/methods/chat.postMessage).
_TRANSIENT = frozenset(
    {
        "fatal_error",
        "internal_error",
        "rate_limited",
        "ratelimited",
        "request_timeout",
        "service_unavailable",
        "team_added_to_org",
    }
)
#: The message that a reply or an edit names is gone, or can't be edited any longer.
_GONE = frozenset(
    {
        "cannot_reply_to_message",
        "cant_update_message",
        "edit_window_closed",
        "invalid_thread_ts",
        "message_not_found",
        "thread_not_found",
    }
)
_REFERENCE = re.compile(r"[A-Z0-9]{1,64}/\d{1,20}\.\d{1,20}")
_REMEDIES = {
    "account_inactive": "renew the token",
    "channel_is_archived": "name another channel",
    "channel_not_found": "correct the channel, or invite the bot to it if it is private",
    "invalid_auth": "renew the token",
    "invalid_token": "renew the address of the incoming webhook",
    "is_archived": "name another channel",
    "missing_scope": "give the bot the scope chat:write, and chat:write.customize for its name",
    "no_service": "renew the address of the incoming webhook",
    "not_authed": "give a token",
    "not_in_channel": "invite the bot to the channel",
    "token_expired": "renew the token",
    "token_revoked": "renew the token",
}
# At DEBUG the client logs the address, which is a secret, whatever level its own logger has.
_CLIENT_LOG = logging.getLogger(f"{__name__}.client")
_CLIENT_LOG.setLevel(logging.WARNING)


class SlackNotifier:
    """Write alerts to a Slack channel."""

    threads = True
    edits = True
    buttons = True
    settings = ()
    whole = False
    remark = ""

    def __init__(self, config: NotifierConfig) -> None:
        self._config = config

    async def send(self, alert: Alert, thread: str | None = None) -> str | None:
        """Write an alert as one message, as a reply where a thread is given.

        The message of a bot is named by its channel and its moment, one of a webhook by nothing.
        """
        self._check()
        document = _pressable(message(alert, self._config, escape=escaped), alert)
        async with self._speaking() as session:
            if not self._config.token:
                await self._send_to_webhook(document, session)
                return None
            document |= _of_bot(alert)
            if thread is not None:
                _, first = _parts(thread)
                document |= {"thread_ts": first}
                document |= {"reply_broadcast": True} if alert.severity is Severity.ERROR else {}
            return await self._call(_POST_MESSAGE, document, session)

    async def update(self, alert: Alert, thread: str) -> None:
        """Change the message of a bot; what is left out of a change would stay."""
        self._check()
        channel, moment = _parts(thread)
        written = _pressable(content(alert, escape=escaped), alert)
        document = {"channel": channel, "ts": moment, **written}
        async with self._speaking() as session:
            await self._call(_UPDATE, document, session)

    @asynccontextmanager
    async def _speaking(self) -> AsyncIterator[aiohttp.ClientSession]:
        """Open connections for one delivery, and report every failure of it.

        Raises:
            NotDelivered: it was not taken, or not within the time limit.
        """
        try:
            async with (
                asyncio.timeout(self._config.timeout.total_seconds()),
                guarded_session(self._config) as session,
            ):
                yield session
        except TimeoutError as error:
            seconds = self._config.timeout.total_seconds()
            raise NotDelivered(
                f"slack: {self._where} did not answer within {seconds:g} s", retryable=True
            ) from error
        except (SlackClientError, aiohttp.ClientError, OSError) as error:
            told = failure(error, self._where, self._config.secrets)
            raise NotDelivered(f"slack: {told}", retryable=True) from error
        except Redirected as error:
            told = f"{self._where} {error}; redirects are not followed, write that address"
            raise NotDelivered(f"slack: {told}", retryable=False) from error
        except EgressRefused as error:
            raise NotDelivered(f"slack: {error}", retryable=False) from error
        except (ValueError, TypeError, AttributeError) as error:
            # The client trips over answers that are not Slack's.
            raise NotDelivered(
                f"slack: {self._where} answers as Slack does not; check the address",
                retryable=True,
            ) from error

    def _check(self) -> None:
        """Refuse what can't be sent at all.

        Raises:
            NotDelivered: the config lacks something, or holds an address that is none.
        """
        config = self._config
        if config.token and not config.channel:
            raise NotDelivered("slack: a bot needs a channel; name one", retryable=False)
        if not config.token and not config.address:
            raise NotDelivered(
                "slack: give the address of an incoming webhook, or a bot's token", retryable=False
            )
        for address in (config.address, config.proxy):
            if address and not can_be_called(address):
                raise NotDelivered(f"slack: {bad_address(origin(address))}", retryable=False)

    @property
    def _where(self) -> str:
        return origin(self._config.address or AsyncWebClient.BASE_URL)

    async def _call(
        self, method: str, document: dict[str, Any], session: aiohttp.ClientSession
    ) -> str | None:
        """Call a method of the API; give the reference of the message that it speaks of."""
        address = self._config.address
        for each in (_POST_MESSAGE, _UPDATE):
            # Users of the peer give the address of the method.
            address = address.removesuffix(each)
        client = AsyncWebClient(
            token=self._config.token.strip(),
            base_url=address or AsyncWebClient.BASE_URL,
            timeout=self._whole_seconds,
            proxy=self._config.proxy or None,
            session=session,
            retry_handlers=[],
            logger=_CLIENT_LOG,
        )
        try:
            response = await client.api_call(method, json=document)
        except SlackApiError as error:
            raise self._refused(error) from error
        reference = f"{response.get('channel')}/{response.get('ts')}"
        return reference if _REFERENCE.fullmatch(reference) else None

    async def _send_to_webhook(
        self, document: dict[str, Any], session: aiohttp.ClientSession
    ) -> None:
        client = AsyncWebhookClient(
            self._config.address,
            timeout=self._whole_seconds,
            proxy=self._config.proxy or None,
            session=session,
            retry_handlers=[],
            logger=_CLIENT_LOG,
        )
        response = await client.send_dict(document)
        if not 200 <= response.status_code < 300:
            body = shown_text(response.body, self._config.secrets)
            raise self._not_delivered(response.status_code, body, response.headers)

    def _refused(self, error: SlackApiError) -> NotDelivered:
        response = error.response
        status = getattr(response, "status_code", None)
        headers = dict(getattr(response, "headers", None) or {})
        data = getattr(response, "data", None)
        code = data.get("error") if isinstance(data, dict) else None
        if status == 200 and not isinstance(code, str):
            return NotDelivered(
                f"slack: {self._where} answers as Slack does not; check the address",
                retryable=True,
            )
        said = shown_text(code if isinstance(code, str) else "", self._config.secrets)
        if said in _GONE:
            return MessageGone(f"slack: {self._where} answers {said}")
        return self._not_delivered(status, said, headers)

    def _not_delivered(
        self, status: int | None, said: str, headers: dict[str, Any]
    ) -> NotDelivered:
        """Name a refusal: Slack says why in one word."""
        remedy = _REMEDIES.get(said, "")
        if said in {"channel_not_found", "not_in_channel", "is_archived", "channel_is_archived"}:
            said = f"{said} ({self._config.channel})" if self._config.channel else said
        told = f"slack: {self._where} answers {status or 'nothing that can be read'}"
        transient = status is None or status == 429 or status >= 500
        return NotDelivered(
            told + (f": {said}" if said else "") + (f"; {remedy}" if remedy else ""),
            retryable=transient or said in _TRANSIENT,
            retry_after=retry_after(headers),
        )

    @property
    def _whole_seconds(self) -> int:
        """The client's own limit, never shorter than ours."""
        return int(self._config.timeout.total_seconds()) + 1


def _pressable(document: dict[str, Any], alert: Alert) -> dict[str, Any]:
    """Put the buttons of an alert beneath it."""
    if not alert.buttons:
        return document
    row = buttons_attachment(alert.buttons, colour=COLOURS[alert.severity])
    return document | {"attachments": [*document["attachments"], row]}


def _of_bot(alert: Alert) -> dict[str, Any]:
    """Have Slack open no address that an alert has, and say for programs which run it is of."""
    run = {"namespace": alert.namespace, "canary": alert.name, "run": alert.run}
    metadata = {"event_type": "tidegate_run", "event_payload": run}
    unfurled = {"unfurl_links": False, "unfurl_media": False}
    return unfurled | ({"metadata": metadata} if alert.run else {})


def _parts(thread: str) -> tuple[str, str]:
    """Take a reference apart into channel and moment.

    Raises:
        MessageGone: it is not of Slack's form.
    """
    if not _REFERENCE.fullmatch(thread):
        raise MessageGone("slack: the thread's reference is not of Slack's form")
    channel, _, moment = thread.partition("/")
    return channel, moment
