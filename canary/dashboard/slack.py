"""Slack's app: how pressed buttons come from Slack, by a socket or by signed requests, and the words back.

Slack opens no connection to us with a socket: we do, with the app's token. A signed request comes
from wherever it likes, and is believed for its signature alone.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import orjson
from aiohttp import web
from slack_sdk.signature import Clock, SignatureVerifier

from analysis.errors import EgressRefused
from canary.cluster.cluster import Cluster
from canary.dashboard.chat_people import ChatPeople
from canary.dashboard.fleet import Fleet
from canary.dashboard.gate_answers import GateAnswers
from canary.dashboard.presses import Press, Presses, PressReply
from canary.dashboard.slack_messages import answers, read_press
from canary.dashboard.slack_people import SlackMembers, SlackPeople
from canary.dashboard.slack_socket import SocketTimes, slack_socket
from canary.notifiers import NotifierConfig
from canary.notifiers.sessions import Redirected, guarded_session

log = logging.getLogger(__name__)

API = "https://slack.com/api/"
INTERACTIONS = "/slack/interactions"
_LONGEST_BODY = 512 * 1024
_REPLY_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackApp:
    """An app of Slack's whose buttons are answered."""

    app: str
    """Its id."""
    workspaces: frozenset[str]
    identities: Path
    bot_token: str = field(default="", repr=False)
    """With it Slack is asked for mail addresses."""
    app_token: str = field(default="", repr=False)
    """With it a socket is opened."""
    signing_secret: str = field(default="", repr=False)
    """With it requests are taken."""
    api: str = API
    times: SocketTimes = field(default_factory=SocketTimes)


@asynccontextmanager
async def answering(
    app: SlackApp,
    fleet: Fleet,
    cluster: Cluster,
    *,
    clock: Callable[[], datetime],
    seconds_now: Callable[[], float],
) -> AsyncIterator[list[web.RouteDef]]:
    """Answer an app's buttons while the context is open; give where Slack's requests are taken.

    Acts for the people of the app's identities, by impersonation with the cluster's credentials.
    """
    members = SlackMembers(app.api, app.bot_token) if app.bot_token else None
    presses = Presses(
        GateAnswers(fleet, clock=clock),
        SlackPeople(ChatPeople(app.identities), members),
        cluster.as_user,
        tool="slack",
        app=app.app,
        workspaces=app.workspaces,
    )
    async with _at_work() as start:
        listener, routes = _Listener(presses, app.api, start), []
        if app.signing_secret:
            signed = _SignedRequests(app.signing_secret, seconds_now, listener)
            routes.append(web.post(INTERACTIONS, signed.take))
        socket = slack_socket(app.api, app.app_token, listener.take, app.times)
        async with socket if app.app_token else nullcontext():
            yield routes


Start = Callable[[Coroutine[Any, Any, None]], None]


@asynccontextmanager
async def _at_work() -> AsyncIterator[Start]:
    """Keep what is under way, and end it at the end."""
    tasks: set[asyncio.Task[None]] = set()

    def start(work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    try:
        yield start
    finally:
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Listener:
    """Takes what Slack says has happened, answers it, and says in Slack what came of it."""

    def __init__(self, presses: Presses, api: str, start: Start) -> None:
        self._presses = presses
        self._start = start
        host = urlsplit(api).netloc
        self._reply_hosts = frozenset({host, f"hooks.{host}"})
        self._scheme = urlsplit(api).scheme

    def take(self, payload: Mapping[str, Any]) -> None:
        """Take a payload, and answer it in time: Slack waits for three seconds."""
        press = read_press(payload)
        if press is not None:
            self._start(self._answer(press, payload))

    async def _answer(self, press: Press, payload: Mapping[str, Any]) -> None:
        try:
            reply = await self._presses.answer(press)
        except Exception:
            # One press must not end the others, and its person is not left without a word.
            log.exception("a press: a defect of the dashboard")
            reply = PressReply(
                "it was not done; the dashboard's log has more", counted=False, over=False
            )
        address = str(payload.get("response_url") or "")
        parts = urlsplit(address)
        if parts.netloc not in self._reply_hosts or parts.scheme != self._scheme:
            log.warning("a press came without an address of Slack's to answer to")
            return
        message = payload.get("message")
        said = answers(reply, press, message if isinstance(message, Mapping) else {})
        try:
            async with (
                asyncio.timeout(_REPLY_SECONDS),
                guarded_session(NotifierConfig(address=address)) as session,
            ):
                for each in said:
                    await _post(session, address, each)
        except (aiohttp.ClientError, OSError, Redirected, EgressRefused, TimeoutError) as error:
            log.warning("Slack has not taken an answer: %s", type(error).__name__)


async def _post(session: aiohttp.ClientSession, address: str, document: Mapping[str, Any]) -> None:
    content = orjson.dumps(document)
    headers = {"Content-Type": "application/json"}
    async with session.post(address, data=content, headers=headers) as response:
        if response.status != 200:
            log.warning("Slack has not taken an answer: it says %d", response.status)


# ------------------------------------------------------------------------------------ by requests


class _SecondsNow(Clock):
    """The dashboard's clock, for the client's verifier."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now

    def now(self) -> float:
        """Give seconds since 1970."""
        return self._now()


class _SignedRequests:
    """Takes requests that Slack has signed."""

    def __init__(self, secret: str, now: Callable[[], float], listener: _Listener) -> None:
        self._verifier = SignatureVerifier(secret, _SecondsNow(now))
        self._listener = listener

    async def take(self, request: web.Request) -> web.Response:
        """Take one; whatever is not Slack's is refused before it is read.

        Raises:
            HTTPUnauthorized: the signature is not right, or older than five minutes.
            HTTPBadRequest: it is signed, and is no interaction.
        """
        body = await _read(request)
        if not self._signed(body, request):
            raise web.HTTPUnauthorized(text="This is no request that Slack has signed just now.")
        try:
            (written,) = parse_qs(body.decode(), strict_parsing=True)["payload"]
            payload = orjson.loads(written)
        except (ValueError, KeyError) as error:
            raise web.HTTPBadRequest(text="This is no interaction of Slack's.") from error
        if isinstance(payload, dict):
            self._listener.take(payload)
        return web.Response()

    def _signed(self, body: bytes, request: web.Request) -> bool:
        times = request.headers.getall("X-Slack-Request-Timestamp", [])
        signatures = request.headers.getall("X-Slack-Signature", [])
        if len(times) != 1 or len(signatures) != 1:
            return False
        try:
            return self._verifier.is_valid(body, times[0], signatures[0])
        except (ValueError, TypeError):
            return False  # A time that is no number, text that is no UTF-8.


async def _read(request: web.Request) -> bytes:
    """Read a body of bounded size.

    Raises:
        HTTPRequestEntityTooLarge: it is longer.
    """
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > _LONGEST_BODY:
            raise web.HTTPRequestEntityTooLarge(_LONGEST_BODY, len(body))
    return bytes(body)
