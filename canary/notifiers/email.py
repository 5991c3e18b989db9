"""Notifier `email`: writes an alert as a mail, and hands it to a mail server over SMTP.

The address is `smtp://HOST:587`, where TLS begins with STARTTLS, or `smtps://HOST:465`, where the
connection begins with it. The token is `USER:PASSWORD`; with one nothing is sent without TLS.
`channel` lists the recipients, `username` is the sender. A mail's Message-ID is made from the
alert's id, so that a repeat is the same mail; a reply names the first mail of its thread.
https://www.rfc-editor.org/rfc/rfc5321 and https://www.rfc-editor.org/rfc/rfc5322
"""

import asyncio
import hashlib
import re
import socket
import ssl
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime, getaddresses
from html import escape

import aiosmtplib

from analysis.errors import EgressRefused
from analysis.http.exchange import failure, late
from analysis.http.transport import resolve, trust
from analysis.secrecy import origin, shown_text
from canary.notifiers import Alert, MessageGone, NotDelivered, NotifierConfig
from canary.notifiers.defaults import NotifierDefaults
from canary.notifiers.posting import OPEN

LONGEST_SUBJECT, LONGEST_TEXT, LONGEST_VALUE = 200, 10_000, 500
MOST_RECIPIENTS, LAST_PORT = 50, 65_535
_SERVER = re.compile(r"(smtps?)://([^\s/?#@:\[\]]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?/?")
_PORTS = {"smtp": 587, "smtps": 465}
_DOMAIN = r"[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){0,8}"
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,64}"
_MAILBOX = re.compile(rf"{_ATOM}(\.{_ATOM}){{0,8}}@{_DOMAIN}")
_REFERENCE = re.compile(rf"[0-9a-f]{{32}}@{_DOMAIN}")


class EmailNotifier(NotifierDefaults):
    """Send alerts as mails."""

    threads = True

    def __init__(self, config: NotifierConfig, *, trusted: ssl.SSLContext | None = None) -> None:
        self._config = config
        self._trusted = trusted

    async def send(self, alert: Alert, thread: str | None = None) -> str | None:
        """Hand a mail to the server; give its Message-ID, without the brackets.

        Raises:
            MessageGone: the thread is named by something that is no Message-ID of ours.
            NotDelivered: the server did not take the mail for every recipient.
        """
        if thread is not None and not _REFERENCE.fullmatch(thread):
            raise MessageGone("email: the thread's reference is not of this receiver's form")
        envelope = self._envelope()
        reference = f"{hashlib.sha256(alert.id.encode()).hexdigest()[:32]}@{envelope.sender.domain}"
        await self._deliver(envelope, mail(alert, envelope, reference, thread))
        return reference

    def _envelope(self) -> "Envelope":
        """Read who is written to, by whom, and through which server.

        Raises:
            NotDelivered: the config says something else.
        """
        config = self._config
        server = _SERVER.fullmatch(config.address.strip())
        if server is None or int(server[3] or 0) > LAST_PORT:
            raise _undelivered(
                f"{origin(config.address)} is no address of a mail server; write "
                "smtp://HOST:587 (STARTTLS) or smtps://HOST:465 (TLS) as the key address of the "
                "Secret, and USER:PASSWORD as the key token"
            )
        if config.proxy:
            raise _undelivered("mail goes through no proxy; remove spec.proxy")
        user, separator, password = config.token.strip().partition(":")
        if config.token and not (user and separator):
            raise _undelivered("the Secret's key token is not USER:PASSWORD")
        scheme, host, port = server.groups()
        return Envelope(
            host=host.strip("[]"),
            port=int(port or _PORTS[scheme]),
            tls=scheme == "smtps",
            user=user,
            password=password,
            sender=_sender(config.username),
            recipients=tuple(_recipients(config.channel)),
        )

    async def _deliver(self, envelope: "Envelope", message: EmailMessage) -> None:
        config = self._config
        where, seconds = origin(config.address), config.timeout.total_seconds()
        secrets = (config.token, *envelope.secrets)
        try:
            async with asyncio.timeout(seconds):
                smtp = await self._connect(envelope)
                try:
                    refused = await self._hand_over(smtp, envelope, message)
                    # An answer to it that is waited for could make a failure of a mail that was taken.
                    if isinstance(smtp.transport, asyncio.WriteTransport):
                        smtp.transport.write(b"QUIT\r\n")
                finally:
                    smtp.close()
        except EgressRefused as error:
            raise _undelivered(str(error)) from error
        except TimeoutError as error:
            raise NotDelivered(f"email: {late(where, seconds)}", retryable=True) from error
        except aiosmtplib.SMTPRecipientsRefused as error:
            refused = {
                each.recipient: aiosmtplib.SMTPResponse(each.code, each.message)
                for each in error.recipients
            }
        except aiosmtplib.SMTPResponseException as error:
            told = f"email: {where} answers {error.code}: {shown_text(error.message, secrets)}"
            raise NotDelivered(told, retryable=_passes(error.code)) from error
        except OSError as error:
            raise NotDelivered(
                f"email: {failure(error, where, secrets)}", retryable=True
            ) from error
        except (aiosmtplib.SMTPException, ValueError) as error:
            raise _undelivered(f"{where}: {shown_text(str(error), secrets)}") from error
        if refused:
            answers = (f"{to}: {code} {text}" for to, (code, text) in refused.items())
            told = f"email: {where} refuses {shown_text('; '.join(answers), secrets)}"
            raise NotDelivered(told, retryable=any(_passes(code) for code, _ in refused.values()))

    async def _connect(self, envelope: "Envelope") -> aiosmtplib.SMTP:
        """Connect to an address of the server that is allowed, with TLS and login where asked for."""
        connected = await self._socket(envelope)
        smtp = aiosmtplib.SMTP(
            hostname=envelope.host,
            sock=connected,
            use_tls=envelope.tls,
            start_tls=False,
            tls_context=self._trusted or trust(),
            timeout=None,
            local_hostname=_literal(connected),
        )
        try:
            await smtp.connect()
        except BaseException:
            connected.close()
            raise
        return smtp

    async def _socket(self, envelope: "Envelope") -> socket.socket:
        """Connect to the first address of the server that may be connected to and answers."""
        failed: OSError = OSError(f"{envelope.host} has no address")
        for address in await resolve(self._config.egress, envelope.host, envelope.port):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            candidate = socket.socket(family, socket.SOCK_STREAM)
            candidate.setblocking(False)
            try:
                await asyncio.get_running_loop().sock_connect(candidate, (address, envelope.port))
            except OSError as error:
                candidate.close()
                failed = error
            except BaseException:
                candidate.close()
                raise
            else:
                return candidate
        raise failed

    async def _hand_over(
        self, smtp: aiosmtplib.SMTP, envelope: "Envelope", message: EmailMessage
    ) -> dict[str, aiosmtplib.SMTPResponse]:
        """Send the mail; give the answers to recipients that the server refused."""
        if not envelope.tls:
            await smtp.ehlo()
            if smtp.supports_extension("starttls"):
                await smtp.starttls()
            elif envelope.user:
                raise _undelivered(
                    f"{origin(self._config.address)} offers no STARTTLS, and a password is not "
                    "sent without TLS; use smtps:// or a server that offers it"
                )
        if envelope.user:
            await smtp.login(envelope.user, envelope.password)
        refused, _ = await smtp.send_message(
            message, sender=envelope.sender.addr_spec, recipients=list(envelope.recipients)
        )
        return refused


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Envelope:
    """Who is written to, by whom, and through which server."""

    host: str
    port: int
    tls: bool
    """Whether the connection begins with TLS; else STARTTLS does."""
    user: str
    """Empty where the server asks for no login."""
    password: str
    sender: Address
    recipients: tuple[str, ...]

    @property
    def secrets(self) -> tuple[str, ...]:
        """The password, also in the forms in which it is sent."""
        sent = (self.password, f"\0{self.user}\0{self.password}")
        return (self.password, *(b64encode(each.encode()).decode() for each in sent))


def mail(alert: Alert, envelope: Envelope, reference: str, thread: str | None) -> EmailMessage:
    """Write an alert as a mail, in plain text and in HTML."""
    headline = shown_text(alert.headline, length=LONGEST_SUBJECT)
    message = EmailMessage(policy=SMTP_POLICY)
    message["From"] = envelope.sender
    message["To"] = ", ".join(envelope.recipients)
    message["Subject"] = headline
    message["Date"] = format_datetime(alert.at)
    message["Message-ID"] = f"<{reference}>"
    if thread is not None:
        message["In-Reply-To"] = message["References"] = f"<{thread}>"
    # So that no one's absence note answers it (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    told = shown_text(alert.message, length=LONGEST_TEXT)
    fields = [
        (shown_text(name), shown_text(value, length=LONGEST_VALUE))
        for name, value in alert.shown_fields
    ]
    link = [f"{OPEN}: {alert.link}"] if alert.link else []
    lines = (headline, "", told, "", *(f"{name}: {value}" for name, value in fields), *link)
    message.set_content("\n".join(lines).rstrip() + "\n", cte="quoted-printable")
    rows = "".join(
        f'<tr><th align="left">{escape(name)}</th><td>{escape(value)}</td></tr>\n'
        for name, value in fields
    )
    anchor = f'<p><a href="{escape(alert.link)}">{OPEN}</a></p>\n' if alert.link else ""
    page = (
        f"<html><body>\n<h3>{escape(headline)}</h3>\n<p>{escape(told)}</p>\n"
        f"<table>\n{rows}</table>\n{anchor}</body></html>\n"
    )
    message.add_alternative(page, subtype="html", cte="quoted-printable")
    return message


def _sender(written: str) -> Address:
    named = list(getaddresses([written]))
    if len(named) != 1 or not _MAILBOX.fullmatch(named[0][1]):
        raise _undelivered(
            f"spec.username: {shown_text(written)!r} is no sender; write an address such as "
            "tidegate@example.com, or Name <tidegate@example.com>"
        )
    name, address = named[0]
    return Address(display_name=shown_text(name), addr_spec=address)


def _recipients(written: str) -> Iterator[str]:
    listed = [each.strip() for each in written.split(",")]
    for each in listed:
        if not _MAILBOX.fullmatch(each):
            raise _undelivered(
                f"spec.channel: {shown_text(each)!r} is no recipient; write addresses such as "
                "oncall@example.com, with commas between them"
            )
    if len(listed) > MOST_RECIPIENTS:
        raise _undelivered(f"spec.channel: write at most {MOST_RECIPIENTS} recipients")
    yield from dict.fromkeys(listed)


def _literal(connected: socket.socket) -> str:
    """Say who greets, by the address that it greets from (RFC 5321, section 4.1.3)."""
    address = str(connected.getsockname()[0])
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def _passes(code: int) -> bool:
    """Tell whether a refusal may pass by itself."""
    return 400 <= code < 500


def _undelivered(why: str) -> NotDelivered:
    return NotDelivered(f"email: {why}", retryable=False)
