"""One request and its answer, within a time limit; every failure by name, in words that hold no secret.

What is asked, what the answer means and whether it is asked again belongs to the callers.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import lru_cache
from urllib.parse import urljoin, urlsplit

import httpx

from analysis.errors import ProviderUnavailable, QueryError, causes
from analysis.secrecy import shown_text

#: A longer time than this is no time to wait: it is a moment, in seconds since 1970.
_EPOCH = 1e9


class Unsendable(QueryError):
    """A request cannot be sent as it is."""


class Unanswered(ProviderUnavailable):
    """A request got no answer, no whole answer, or none in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A request as it is sent, but for what says who sends it."""

    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes


Signer = Callable[[Outgoing], Awaitable[Mapping[str, str]]]
"""Gives the headers that say who sends a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """What is sent; without a method a GET where it has neither a form nor content, else a POST."""

    method: str = ""
    address: str
    where: str
    """The address as messages show it."""
    parameters: Mapping[str, str] | None = None
    form: Mapping[str, str] | None = None
    content: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()
    """A name may occur more than once."""
    seconds: float
    """Time limit of the whole exchange."""
    most_bytes: int
    """How much of the answer is read at most."""
    compressed: bool = True
    """Whether the answer may be compressed. One that is not cannot grow while it is read."""
    secrets: tuple[str, ...] = ()
    """What no message may hold."""
    sign: Signer | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """What came back: the status, the media type, the body, and where a redirect leads."""

    status: int
    media_type: str
    body: bytes
    whole: bool = True
    """Whether the body was read to its end."""
    location: str = ""
    retry_after: float | None = None
    """What the server asked to wait for, in seconds."""


async def exchange(client: httpx.AsyncClient, request: HttpRequest) -> HttpAnswer:
    """Send a request once and read its answer, whatever the status. Redirects are not followed.

    Raises:
        Unsendable: the request cannot be sent as it is written.
        EgressRefused: no request may go to this address.
        Unanswered: no answer, no whole answer, or not in time.
    """
    try:
        async with asyncio.timeout(request.seconds):
            built = _built(client, request)
            if request.sign is not None:
                built.headers.update(await request.sign(_outgoing(built)))
            # Credentials that are given win over those that the address holds.
            auth = httpx.Auth() if "Authorization" in built.headers else httpx.USE_CLIENT_DEFAULT
            response = await client.send(built, stream=True, follow_redirects=False, auth=auth)
            try:
                body, whole = await _read(response, request)
            finally:
                await response.aclose()
    except TimeoutError as error:
        raise late(request.where, request.seconds) from error
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError) as error:
        raise bad_address(request.where) from error
    except httpx.LocalProtocolError as error:
        raise Unsendable(
            f"{request.where} cannot be called: a header holds a character that HTTP forbids; "
            "correct or remove it"
        ) from error
    except (httpx.HTTPError, httpx.StreamError, OSError, ExceptionGroup) as error:
        raise Unanswered(failure(error, request.where, request.secrets)) from error
    location = response.headers.get("Location", "")
    return HttpAnswer(
        status=response.status_code,
        media_type=response.headers.get("Content-Type", "").partition(";")[0].strip().lower(),
        body=body,
        whole=whole,
        location=led_to(request.address, location),
        retry_after=retry_after(response.headers),
    )


def _built(client: httpx.AsyncClient, request: HttpRequest) -> httpx.Request:
    """Build what httpx sends.

    Raises:
        Unsendable: the address is none of HTTP.
    """
    if not can_be_called(request.address):
        raise bad_address(request.where)
    # Without compression what is read is what was sent, and cannot grow.
    plain = () if request.compressed else (("Accept-Encoding", "identity"),)
    named = {name.lower() for name, _ in request.headers}
    headers = (*(each for each in plain if each[0].lower() not in named), *request.headers)
    implied = "GET" if request.form is None and request.content is None else "POST"
    return client.build_request(
        request.method or implied,
        _url(request.address),
        params=request.parameters,
        data=request.form,
        content=request.content,
        headers=[(name.encode(), value.encode()) for name, value in headers],
    )


def _outgoing(built: httpx.Request) -> Outgoing:
    return Outgoing(
        method=built.method, url=str(built.url), headers=dict(built.headers), content=built.content
    )


async def _read(response: httpx.Response, request: HttpRequest) -> tuple[bytes, bool]:
    """Read an answer; give what of it may be read, and whether that is all."""
    if (
        not request.compressed
        and response.headers.get("Content-Encoding", "identity") != "identity"
    ):
        return b"", True
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > request.most_bytes:
            return bytes(body[: request.most_bytes]), False
    return bytes(body), True


@lru_cache(maxsize=256)
def _url(address: str) -> httpx.URL:
    """Parse an address; the same few are asked again and again."""
    return httpx.URL(address)


def late(where: str, seconds: float) -> Unanswered:
    """Say that the time limit is over."""
    return Unanswered(f"{where} did not answer within {seconds:g} s")


def bad_address(where: str) -> Unsendable:
    """Say that an address is none."""
    return Unsendable(
        f"{where} cannot be called: it is no HTTP address; write it as http://host:port or "
        "https://host:port"
    )


def can_be_called(address: str) -> bool:
    """Tell whether an address is one of HTTP, with a host and a port that exists."""
    try:
        parts = urlsplit(address)
        return (
            parts.scheme.lower() in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        )
    except ValueError:
        return False


def led_to(address: str, location: str) -> str:
    """Give the address that a `Location` leads to from an address; as it stands where it is none."""
    try:
        return urljoin(address, location) if location else ""
    except ValueError:
        return location


def host_of(address: str) -> str:
    """Give the host of an address; empty where it has none."""
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def secure_host(address: str) -> str:
    """Give the host of an https address; empty for any other."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return parts.hostname or "" if parts.scheme.lower() == "https" else ""


def failure(error: BaseException, where: str, secrets: Iterable[str] = ()) -> str:
    """Name what kept an address from answering, by the causes of an error."""
    for cause in causes(error):
        if named := _named(cause, where):
            return named
    told = shown_text(str(error), secrets) or type(error).__name__
    return f"{where} gave no whole answer: {told}"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Read how long a server asks to wait, in seconds (RFC 9110, section 10.2.3).

    Where it does not say, it is until a limit that is used up is reset.
    """
    text = headers.get("Retry-After", "").strip()
    if _digits(text):
        return float(text[:9])
    try:
        # Both moments are the server's own, so its clock may be wrong.
        moments = [parsedate_to_datetime(each) for each in (text, headers.get("Date", ""))]
        return max(0.0, (moments[0] - moments[1]).total_seconds())
    except (ValueError, TypeError):
        return _until_reset(headers)


def _until_reset(headers: Mapping[str, str]) -> float | None:
    """Read when a limit that is used up is reset: in a number of seconds, or at a Unix time."""
    reset = headers.get("X-RateLimit-Reset", "").strip()
    if headers.get("X-RateLimit-Remaining", "").strip() != "0" or not _digits(reset):
        return None
    seconds = float(reset[:12])
    if seconds < _EPOCH:
        return seconds
    try:
        return max(0.0, seconds - parsedate_to_datetime(headers.get("Date", "")).timestamp())
    except (ValueError, TypeError):
        return None


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _named(cause: BaseException, where: str) -> str:
    match cause:
        case ssl.SSLCertVerificationError():
            return f"the certificate of {where} is not trusted: {cause.verify_message}"
        case ssl.SSLError():
            return f"{where} does not speak TLS as it should: {cause.reason or 'handshake failed'}"
        case socket.gaierror():
            return f"the name of {where} cannot be resolved: {cause.strerror}"
        case ConnectionRefusedError():
            return f"{where} refuses connections"
        case ConnectionResetError() | BrokenPipeError():
            return f"{where} reset the connection"
        case httpx.ProxyError():
            return f"{where} cannot be reached: the proxy refused"
    return ""
