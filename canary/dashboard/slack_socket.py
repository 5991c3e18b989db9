"""A socket to Slack: opened with the app's token, and again whenever it has ended or gone silent.

The client reconnects by itself, but may retry one ticket forever, although Slack takes a ticket only
once and only for a few seconds. So a client without a socket for some time is replaced.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web.async_client import AsyncWebClient

log = logging.getLogger(__name__)

Take = Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketTimes:
    """How soon a socket that says nothing is noticed, in seconds."""

    ping: float = 5.0
    """From one ping to the next; without an answer for half of that the socket is given up."""
    patience: float = 30.0
    """How long a client may be without a socket until another takes its place."""
    again: float = 30.0
    """How long to leave Slack alone after it has opened none."""


class _Redacted(logging.Filter):
    """Keep the client's words, without the tickets in its addresses and without its stacks."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite a record."""
        record.msg = re.sub(r"\?[^\s'\")]+", "?…", record.getMessage())
        record.args, record.exc_info = (), None
        return True


_CLIENT_LOG = logging.getLogger(f"{__name__}.client")
_CLIENT_LOG.setLevel(logging.WARNING)
_CLIENT_LOG.addFilter(_Redacted())


@asynccontextmanager
async def slack_socket(api: str, token: str, take: Take, times: SocketTimes) -> AsyncIterator[None]:
    """Keep a socket to Slack open while the context is, and hand on what people do there."""
    keeping = asyncio.create_task(_keep(api, token, take, times))
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


async def _keep(api: str, token: str, take: Take, times: SocketTimes) -> None:
    while True:
        async with _client(api, token, take, times) as client:
            if opened := await _opened(client, times):
                log.info("Slack's socket is open")
                await _until_lost(client, times)
                log.warning(
                    "Slack's socket has been gone for %g s; another is opened", times.patience
                )
        if not opened:
            await asyncio.sleep(times.again)


@asynccontextmanager
async def _client(
    api: str, token: str, take: Take, times: SocketTimes
) -> AsyncIterator[SocketModeClient]:
    """Make a client, and leave nothing of it behind."""
    client = SocketModeClient(
        token,
        logger=_CLIENT_LOG,
        web_client=AsyncWebClient(base_url=api, logger=_CLIENT_LOG),
        ping_interval=times.ping,
    )

    async def on_request(client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        await client.send_socket_mode_response(SocketModeResponse(request.envelope_id))
        if request.type == "interactive":
            take(request.payload)

    client.socket_mode_request_listeners.append(on_request)
    try:
        yield client
    finally:
        # The client cancels its tasks and does not wait for them.
        left = (client.message_processor, client.message_receiver, client.current_session_monitor)
        try:
            await client.close()  # type: ignore[no-untyped-call]
        except (aiohttp.ClientError, OSError) as error:
            log.warning("a socket to Slack was not closed: %s", type(error).__name__)
        await asyncio.gather(*filter(None, left), return_exceptions=True)


async def _opened(client: SocketModeClient, times: SocketTimes) -> bool:
    """Open the first socket of a client, and tell whether Slack has."""
    try:
        async with asyncio.timeout(times.patience):
            client.wss_uri = await client.issue_new_wss_url()
            await client.connect()  # type: ignore[no-untyped-call]
    except SlackApiError as error:
        log.error(  # noqa: TRY400 - it says what is wrong
            "Slack opens no socket: %s; give an app-level token with the scope "
            "connections:write, and switch Socket Mode on in the app",
            error.response.get("error"),
        )
    except (SlackClientError, aiohttp.ClientError, OSError, TimeoutError) as error:
        log.warning("Slack is not reached: %s", type(error).__name__)
    else:
        return True
    return False


async def _until_lost(client: SocketModeClient, times: SocketTimes) -> None:
    """Return when a client has had no socket for as long as one is waited for."""
    seen = monotonic()
    while monotonic() < seen + times.patience:
        await asyncio.sleep(times.ping / 5)
        if await client.is_connected():
            seen = monotonic()
