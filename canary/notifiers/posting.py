"""Posting over HTTP: one request within a time limit, every failure a value, no secret in its words.

What is posted, what the answer means and whether it is posted again belongs to the callers.
"""

import asyncio
import socket
import ssl
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from http import HTTPStatus
from urllib.parse import unquote, urljoin, urlsplit

import httpx

from analysis.errors import EgressRefused, causes

#: How much of a foreign text is shown, in characters.
SHOWN_LENGTH = 1024
#: How much of an answer is kept to show from, and how much is read at most, in bytes.
_KEPT_BYTES = 16 * 1024
_READ_BYTES = 1024 * 1024
#: Shorter strings are no secrets worth the damage that hiding them does to messages.
_SECRET_LENGTH = 4
#: These say how a request is framed: only the client knows.
_FRAMING = ("Connection", "Content-Length", "Transfer-Encoding")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came of one request."""

    status: int | None
    """None where no whole answer came."""
    body: str
    """The beginning of the answer's body as one printable line."""
    reason: str
    """Why the request did not succeed, in words; the body where it did."""
    transient: bool
    """Whether the same request may succeed later."""
    retry_after: float | None = None
    """What the receiver asked to wait for, in seconds."""

    @property
    def succeeded(self) -> bool:
        """Whether the answer is any 2xx."""
        return self.status is not None and 200 <= self.status < 300


async def post(
    client: httpx.AsyncClient,
    address: str,
    *,
    content: bytes,
    headers: Mapping[str, str],
    limit: timedelta,
    secrets: Iterable[str] = (),
    shown: bool = True,
) -> Reply:
    """Post once, and read the answer to its end, all within the time limit.

    Of an answer that is not `shown` the body is left out. Redirects are not followed. Secrets, and those that the address holds, are hidden in every text.
    """
    hidden = _forms((*secrets, *_userinfo(address)))
    where = origin(address)
    for name in _FRAMING:
        if name.lower() in (each.lower() for each in headers):
            return _unsent(f"the header {name} is set by the call itself; remove it")
    if not can_be_called(address):
        return _unsent(bad_address(where))
    try:
        async with asyncio.timeout(limit.total_seconds()):
            request = client.build_request(
                "POST",
                address,
                content=content,
                # Without compression what is read is what was sent, and cannot grow.
                headers=[
                    (name.encode(), value.encode())
                    for name, value in {"Accept-Encoding": "identity", **headers}.items()
                ],
            )
            response = await client.send(request, stream=True, follow_redirects=False)
            try:
                body, cut = await _read(response)
            finally:
                await response.aclose()
    except TimeoutError:
        return _unanswered(f"{where} gave no whole answer within {limit.total_seconds():g} s")
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError):
        return _unsent(bad_address(where))
    except EgressRefused as refused:
        return _unsent(str(refused))
    except httpx.LocalProtocolError:
        return _unsent("a header holds a character that HTTP forbids; correct or remove it")
    except (httpx.HTTPError, httpx.StreamError, OSError) as error:
        return _unanswered(f"{where} {failure(error)}")
    return _answered(response, _shown(body, hidden, cut=cut) if shown else "", address)


def shown_text(text: str, secrets: Iterable[str] = ()) -> str:
    """Bring a foreign text into one printable line of bounded length, without secrets."""
    return _shown(text, _forms(secrets), cut=False)


def origin(address: str) -> str:
    """Show where an address leads, and nothing of it that could be a secret, such as its path."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "an address that can't be read"
    if not parts.scheme or not host:
        return "an address that can't be read"
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{port}" if port else "")


@cache
def trust() -> ssl.SSLContext:
    """Give the certificates that are trusted; reading them takes longer than a call."""
    return httpx.create_ssl_context()


def can_be_called(address: str) -> bool:
    """Tell whether an address is one of HTTP, with a host."""
    return origin(address).partition("://")[0].lower() in {"http", "https"}


def _unsent(reason: str) -> Reply:
    return Reply(status=None, body="", reason=reason, transient=False)


def _unanswered(reason: str) -> Reply:
    return Reply(status=None, body="", reason=reason, transient=True)


def _answered(response: httpx.Response, body: str, address: str) -> Reply:
    status, where = response.status_code, origin(address)
    told = f"{where} answers {status}{_phrase(status)}" + (f": {body}" if body else "")
    if 300 <= status < 400:
        where_to = origin(urljoin(address, response.headers.get("Location", "")))
        told += f" (it redirects to {where_to}; redirects are not followed, write that address)"
    return Reply(
        status=status,
        body=body,
        reason=body if 200 <= status < 300 else told,
        transient=status == HTTPStatus.TOO_MANY_REQUESTS or status >= 500,
        retry_after=retry_after(response.headers),
    )


def _phrase(status: int) -> str:
    try:
        return f" {HTTPStatus(status).phrase}"
    except ValueError:
        return ""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Read how long a receiver asks to wait, in seconds (RFC 9110, section 10.2.3)."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        # Both moments are the receiver's own, so its clock may be wrong.
        moments = [parsedate_to_datetime(each) for each in (text, headers.get("Date", ""))]
        return max(0.0, (moments[0] - moments[1]).total_seconds())
    except (ValueError, TypeError):
        return None


async def _read(response: httpx.Response) -> tuple[str, bool]:
    """Read an answer; give its beginning, and whether there was more."""
    kept, read = bytearray(), 0
    async for chunk in response.aiter_raw():
        read += len(chunk)
        kept += chunk[: _KEPT_BYTES - len(kept)]
        if read > _READ_BYTES:
            break
    if response.headers.get("Content-Encoding", "identity") != "identity":
        return "", False
    return kept.decode(errors="replace"), read > len(kept)


def _shown(text: str, hidden: tuple[str, ...], *, cut: bool) -> str:
    for secret in hidden:
        text = text.replace(secret, "***")
    if cut and hidden:
        # What was cut off may have been the rest of a secret.
        text = text[: -len(hidden[0])]
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return line if len(line) <= SHOWN_LENGTH else f"{line[: SHOWN_LENGTH - 1]}…"


def _forms(secrets: Iterable[str]) -> tuple[str, ...]:
    """List secrets as they are written and as a text may quote them, the longest first."""
    forms = {
        form
        for secret in secrets
        for form in (secret, secret.strip(), unquote(secret))
        if len(form) >= _SECRET_LENGTH
    }
    return tuple(sorted(forms, key=len, reverse=True))


def _userinfo(address: str) -> tuple[str, ...]:
    try:
        user = urlsplit(address).netloc.rpartition("@")[0]
    except ValueError:
        return ()
    if not user:
        return ()
    sent = b64encode(unquote(user).encode()).decode()
    return (user, user.partition(":")[2], sent)


def bad_address(where: str) -> str:
    """Say that an address is none."""
    return f"{where} can't be called; write it as http://host:port/path or https://host:port/path"


def failure(error: BaseException) -> str:
    """Name what kept a receiver from answering, by the causes of an error."""
    for cause in causes(error):
        if named := _named(cause):
            return named
    return f"gave no whole answer ({type(error).__name__})"


def _named(cause: BaseException) -> str:
    match cause:
        case ssl.SSLCertVerificationError():
            return f"has a certificate that is not trusted: {cause.verify_message}"
        case ssl.SSLError():
            return f"does not speak TLS as it should: {cause.reason or 'handshake failed'}"
        case socket.gaierror():
            return f"can't be found: {cause.strerror}"
        case ConnectionRefusedError():
            return "refuses connections"
        case ConnectionResetError() | BrokenPipeError():
            return "reset the connection"
        case httpx.ProxyError():
            return "can't be reached: the proxy refused"
    return ""
