"""A Slack of our own: its API, its sockets, its signed requests, and people who press buttons."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from time import time
from typing import Any
from urllib.parse import urlencode

import aiohttp
import orjson
import yaml
from aiohttp import WSMsgType, web

from canary.api.annotations import SEND_TO
from canary.api.kinds import SECRET
from canary.api.meta import GROUP
from canary.cluster.cluster import Cluster
from canary.controller.templates import alert_provider_kind
from canary.dashboard.slack import INTERACTIONS, SlackApp
from tests.controller.running import until

APP, WORKSPACE, CHANNEL = "A0APP", "T0WORK", "C0RELEASES"
APP_TOKEN, BOT_TOKEN, SIGNING_SECRET = "xapp-1-a-secret", "xoxb-a-secret", "a-signing-secret"
ALICE, MALLORY = "U0ALICE", "U0MALLORY"


@dataclass(frozen=True, kw_only=True)
class Said:
    """What was posted to the address of an answer."""

    to: str
    document: dict[str, Any]

    @property
    def text(self) -> str:
        return str(self.document.get("text", ""))

    @property
    def kind(self) -> str:
        """Who reads it."""
        if self.document.get("replace_original"):
            return "edit"
        return "thread" if self.document["response_type"] == "in_channel" else "person"


@dataclass(kw_only=True)
class FakeSlack:
    """The workspace; `api` leads to its API."""

    url: str = ""
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By their moments, as they are now."""
    said: list[Said] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    opened: int = 0
    """How often a socket was opened."""
    refusal: str = ""
    """What is answered to who asks for a socket."""
    sockets: list[web.WebSocketResponse] = field(default_factory=list)
    tickets: set[str] = field(default_factory=set)
    """Each opens one socket."""
    deaf: bool = False
    """Whether sockets stay open, and no ping is answered."""
    overloaded: int = 0
    """How many sockets are refused, each with its ticket."""
    hanging: int = 0
    """How many are neither opened nor refused."""
    members: dict[str, Any] = field(default_factory=dict)
    """What is told of them, by their ids; of nobody else anything is."""
    asked_about: list[str] = field(default_factory=list)
    numbers: Any = field(default_factory=lambda: count(1))

    @property
    def api(self) -> str:
        return f"{self.url}/api/"

    # ------------------------------------------------------------------------------ what it serves

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/api/apps.connections.open", self._open)
        app.router.add_post("/api/chat.postMessage", self._post)
        app.router.add_post("/api/chat.update", self._update)
        app.router.add_get("/api/users.info", self._tell_of)
        app.router.add_get("/socket", self._socket)
        app.router.add_post("/actions/{press}", self._answer)
        return app

    async def _open(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {APP_TOKEN}":
            return web.json_response({"ok": False, "error": "invalid_auth"})
        if self.refusal:
            return web.json_response({"ok": False, "error": self.refusal})
        ticket = f"a-ticket-{next(self.numbers)}"
        self.tickets.add(ticket)
        where = f"{self.url.replace('http', 'ws', 1)}/socket?ticket={ticket}"
        return web.json_response({"ok": True, "url": where})

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        ticket = request.query["ticket"]
        if ticket not in self.tickets:
            raise web.HTTPUnauthorized
        self.tickets.remove(ticket)
        if self.overloaded:
            self.overloaded -= 1
            raise web.HTTPServiceUnavailable
        if self.hanging:
            self.hanging -= 1
            await asyncio.Event().wait()
        socket = web.WebSocketResponse(autoping=not self.deaf)
        await socket.prepare(request)
        self.opened += 1
        self.sockets.append(socket)
        await socket.send_json({"type": "hello", "num_connections": 1})
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self.acknowledged.append(orjson.loads(message.data)["envelope_id"])
        finally:
            self.sockets.remove(socket)
        return socket

    async def _post(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {BOT_TOKEN}":
            return web.json_response({"ok": False, "error": "invalid_auth"})
        document = await request.json()
        moment = f"17000{next(self.numbers):05}.000100"
        self.messages[moment] = document | {"ts": moment}
        return web.json_response({"ok": True, "channel": CHANNEL, "ts": moment})

    async def _update(self, request: web.Request) -> web.Response:
        document = await request.json()
        self.messages[document["ts"]] |= document
        return web.json_response({"ok": True, "channel": CHANNEL, "ts": document["ts"]})

    async def _tell_of(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {BOT_TOKEN}":
            return web.json_response({"ok": False, "error": "invalid_auth"})
        self.asked_about.append(request.query["user"])
        told = self.members.get(request.query["user"])
        if isinstance(told, web.HTTPException):
            raise told
        if told is None:
            return web.json_response({"ok": False, "error": "user_not_found"})
        return web.json_response({"ok": True, "user": told})

    async def _answer(self, request: web.Request) -> web.Response:
        said = Said(to=request.match_info["press"], document=await request.json())
        self.said.append(said)
        if said.kind == "edit":
            self.messages[said.to.partition("_")[0]] |= said.document
        return web.Response(text="ok")

    # ------------------------------------------------------------------------------- what people do

    def with_buttons(self) -> dict[str, dict[str, Any]]:
        """Give the messages that can be answered, by their moments."""
        return {moment: each for moment, each in self.messages.items() if buttons_of(each)}

    def pressed(self, message: Mapping[str, Any], verb: str, **changes: Any) -> dict[str, Any]:
        """Write what Slack says when a person presses a button; `changes` forge it."""
        button = next(
            each for each in buttons_of(message) if each["action_id"].split(".")[1] == verb
        )
        moment, at = message["ts"], f"17100{next(self.numbers):05}.000200"
        user = changes.pop("user", ALICE)
        action = {key: button[key] for key in ("type", "action_id", "value")}
        payload = {
            "type": "block_actions",
            "api_app_id": APP,
            "team": {"id": WORKSPACE, "domain": "work"},
            "user": {"id": user, "username": "alice", "team_id": WORKSPACE},
            "channel": {"id": CHANNEL, "name": "releases"},
            "container": {"type": "message_attachment", "message_ts": moment},
            "message": deepcopy(dict(message)),
            "response_url": f"{self.url}/actions/{moment}_{at}",
            "actions": [action | {"block_id": "tidegate-gate", "action_ts": at}],
        }
        for path, value in changes.items():
            node = payload
            *way, last = path.split("__")
            for key in way:
                node = node["actions"][0] if key == "action" else node[key]
            node[last] = value
        return payload

    async def by_socket(self, payload: Mapping[str, Any]) -> None:
        """Tell the app of a press by its socket, and see it acknowledged."""
        await until(lambda: bool(self.sockets))
        envelope = f"envelope-{next(self.numbers)}"
        document = {"envelope_id": envelope, "type": "interactive", "payload": payload}
        await self.sockets[-1].send_json(document)
        await until(lambda: envelope in self.acknowledged)

    async def by_request(self, dashboard: str, payload: Mapping[str, Any]) -> int:
        """Tell the app of a press by a signed request; give the status of the answer."""
        body = body_of(payload)
        async with aiohttp.ClientSession() as session:
            address = f"{dashboard}{INTERACTIONS}"
            async with session.post(address, data=body, headers=signed(body)) as answer:
                return answer.status

    async def word(self, number: int = 1) -> Said:
        """Wait until there are `number` answers, and give the last of them."""
        await until(lambda: len(self.said) >= number)
        return self.said[number - 1]

    def said_about(self, payload: Mapping[str, Any]) -> Said | None:
        """Give the first answer to a press."""
        to = payload["response_url"].rpartition("/")[2]
        return next((each for each in self.said if each.to == to), None)

    async def words(self, number: int) -> list[Said]:
        """Wait for so many words to a person alone, and give them."""

        def alone() -> list[Said]:
            return [each for each in self.said if each.kind == "person"]

        await until(lambda: len(alone()) >= number)
        return alone()


def body_of(payload: Any) -> bytes:
    return urlencode({"payload": orjson.dumps(payload).decode()}).encode()


def signed(
    body: bytes, *, secret: str = SIGNING_SECRET, at: float | None = None, version: str = "v0"
) -> dict[str, str]:
    """Sign a request as Slack does (docs.slack.dev, verifying requests from Slack)."""
    moment = str(int(time() if at is None else at))
    signature = hmac.new(secret.encode(), f"{version}:{moment}:".encode() + body, hashlib.sha256)
    return {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": moment,
        "X-Slack-Signature": f"{version}={signature.hexdigest()}",
    }


def buttons_of(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give the buttons of a message."""
    return [
        element
        for attachment in message.get("attachments", ())
        for block in attachment.get("blocks", ())
        for element in block.get("elements", ())
    ]


def an_app(slack: FakeSlack, identities: Path, **changes: Any) -> SlackApp:
    """Make the app as the dashboard is told of it."""
    told: dict[str, Any] = {
        "app": APP,
        "workspaces": frozenset({WORKSPACE}),
        "identities": identities,
        "app_token": APP_TOKEN,
        "bot_token": BOT_TOKEN,
        "signing_secret": SIGNING_SECRET,
        "api": slack.api,
    }
    return SlackApp(**(told | changes))


@asynccontextmanager
async def a_slack() -> AsyncIterator[FakeSlack]:
    """Start it."""
    slack = FakeSlack()
    runner = web.AppRunner(slack.application(), shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    slack.url = f"http://{host}:{port}"
    try:
        yield slack
    finally:
        await runner.cleanup()


# --------------------------------------------------------------------------------- what it is told of


async def given_the_channel(
    cluster: Cluster, namespace: str, slack: FakeSlack, **spec: Any
) -> dict[str, Any]:
    """Create the AlertProvider `chat`, a bot of the workspace; give what a Canary's alerts name."""
    metadata = {"name": "chat", "namespace": namespace}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata | {"annotations": {SEND_TO: slack.url}},
        "stringData": {"token": BOT_TOKEN},
    }
    await cluster.create(secret, SECRET)
    provider = {
        "apiVersion": f"{GROUP}/v1beta1",
        "kind": "AlertProvider",
        "metadata": metadata,
        "spec": {
            "type": "slack",
            "address": slack.api,
            "channel": "releases",
            "secretRef": {"name": "chat"},
            "threads": True,
            "buttons": True,
            **spec,
        },
    }
    await cluster.create(provider, alert_provider_kind(GROUP))
    return {"name": "chat", "providerRef": {"name": "chat"}}


def identities(
    file: Path,
    people: Mapping[str, Mapping[str, Any]],
    mails: Mapping[str, Any] | None = None,
) -> Path:
    """Write which users of the cluster the people of the workspace are, by id and by mail address."""
    mapped = {f"{WORKSPACE}/{user}": dict(each) for user, each in people.items()}
    written = {"slack": mapped} | ({"slackMail": dict(mails)} if mails else {})
    file.write_text(yaml.safe_dump(written))
    return file


def a_member(user: str, address: str, **changes: Any) -> dict[str, Any]:
    """Write what Slack tells of a full member (docs.slack.dev, the user object)."""
    told = {
        "id": user,
        "team_id": WORKSPACE,
        "name": "alice",
        "deleted": False,
        "profile": {"real_name": "Alice", "email": address, "team": WORKSPACE},
        "is_admin": False,
        "is_restricted": False,
        "is_ultra_restricted": False,
        "is_bot": False,
        "is_app_user": False,
        "is_email_confirmed": True,
    }
    return told | changes
