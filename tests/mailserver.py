"""A mail server on loopback: speaks as much SMTP as a client needs, and behaves as it is told."""

import asyncio
import ssl
from base64 import b64decode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast

PATIENCE_SECONDS = 180


@dataclass(frozen=True, kw_only=True)
class Manners:
    """How the server behaves."""

    answers: Mapping[str, str] = field(default_factory=dict)
    """What is answered to a command that begins so, in place of what is usual."""
    starttls: bool = True
    """Whether STARTTLS is offered."""
    hangs_at: str = ""
    """The command that is never answered; `greeting` for the connection itself."""
    resets_at: str = ""
    """The command at which the connection is cut."""


@dataclass(kw_only=True)
class Mail:
    """What was taken."""

    sender: str
    recipients: tuple[str, ...]
    encrypted: bool
    login: str
    """`user:password`; empty where nobody logged in."""
    content: bytes

    @property
    def message(self) -> EmailMessage:
        return cast("EmailMessage", message_from_bytes(self.content, policy=policy.default))

    @property
    def text(self) -> str:
        body = self.message.get_body(("plain",))
        assert body is not None
        return str(body.get_content())

    @property
    def html(self) -> str:
        body = self.message.get_body(("html",))
        assert body is not None
        return str(body.get_content())


class MailServer:
    """The server, which keeps what it was sent."""

    def __init__(self, context: ssl.SSLContext, manners: Manners) -> None:
        self.mails: list[Mail] = []
        self.commands: list[str] = []
        self.encrypted_at_once = False
        self.port = 0
        self.context = context
        self.manners = manners
        self._released = asyncio.Event()
        self._conversations: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    @property
    def address(self) -> str:
        return f"smtp{'s' if self.encrypted_at_once else ''}://127.0.0.1:{self.port}"

    async def end(self) -> None:
        """Hang up on every client."""
        self._released.set()
        for writer in self._conversations.values():
            writer.transport.abort()
        await asyncio.gather(*self._conversations)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Speak with one client to its end."""
        task = asyncio.current_task()
        assert task is not None
        self._conversations[task] = writer
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._converse(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError, ssl.SSLError):
            pass  # Clients that hang up are part of the tests.
        finally:
            self._conversations.pop(task)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        encrypted, login = self.encrypted_at_once, ""
        named: list[str] = []
        await self._misbehave("greeting", writer)
        self._say(writer, self.manners.answers.get("greeting", "220 mail.test ESMTP"))
        while line := (await reader.readline()).decode(errors="replace").strip():
            self.commands.append(line)
            verb = line.split()[0].upper()
            await self._misbehave(verb, writer)
            told = next(
                (t for begin, t in self.manners.answers.items() if line.startswith(begin)), ""
            )
            if told:
                self._say(writer, told)
            elif verb == "EHLO":
                self._say(writer, self._offer(encrypted=encrypted))
            elif verb == "STARTTLS":
                if not (encrypted := await self._encrypt(writer)):
                    return
            elif verb == "AUTH":
                _, user, password = b64decode(line.split()[2]).decode().split("\0")
                login = f"{user}:{password}"
                self._say(writer, "235 welcome")
            elif verb in {"MAIL", "RCPT"}:
                named.append(line.partition("<")[2].partition(">")[0])
                self._say(writer, "250 ok")
            elif verb == "DATA":
                self._say(writer, "354 go on")
                content = await reader.readuntil(b"\r\n.\r\n")
                await self._misbehave("content", writer)
                mail = Mail(
                    sender=named[0],
                    recipients=tuple(named[1:]),
                    encrypted=encrypted,
                    login=login,
                    content=content.removesuffix(b".\r\n"),
                )
                self.mails.append(mail)
                self._say(writer, "250 queued")
            elif verb == "QUIT":
                self._say(writer, "221 bye")
                return
            else:
                self._say(writer, "250 ok")
            await writer.drain()

    async def _encrypt(self, writer: asyncio.StreamWriter) -> bool:
        """Begin TLS; tell whether the client went along."""
        self._say(writer, "220 go ahead")
        await writer.drain()
        plain = writer.transport
        with suppress(AttributeError):  # It looks into the transport that there is none of then.
            await writer.start_tls(self.context)
        if writer.transport is None:
            # asyncio leaves no transport behind a handshake that the client ended.
            writer._transport = plain
            return False
        return True

    def _offer(self, *, encrypted: bool) -> str:
        offered = ["mail.test", "8BITMIME", "AUTH PLAIN LOGIN"]
        offered += ["STARTTLS"] if self.manners.starttls and not encrypted else []
        return "\r\n".join([*(f"250-{each}" for each in offered[:-1]), f"250 {offered[-1]}"])

    async def _misbehave(self, moment: str, writer: asyncio.StreamWriter) -> None:
        """Do what is told for this moment.

        Raises:
            ConnectionAbortedError: the conversation is over by it.
        """
        if moment == self.manners.hangs_at:
            await self._released.wait()
        if moment in {self.manners.hangs_at, self.manners.resets_at}:
            writer.transport.abort()
            raise ConnectionAbortedError

    def _say(self, writer: asyncio.StreamWriter, text: str) -> None:
        writer.write(f"{text}\r\n".encode())


@asynccontextmanager
async def mail_server(
    context: ssl.SSLContext, *, encrypted: bool = False, manners: Manners | None = None
) -> AsyncIterator[MailServer]:
    """Run a mail server; one that is `encrypted` begins with TLS."""
    server = MailServer(context, manners or Manners())
    server.encrypted_at_once = encrypted
    listening = await asyncio.start_server(
        server.serve, "127.0.0.1", 0, ssl=context if encrypted else None
    )
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        await server.end()
