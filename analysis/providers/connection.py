"""HTTP as providers speak it: one client for a spec, and every failure by name.

What is asked and what the answer means belongs to the providers.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from urllib.parse import urljoin

import httpx

from analysis.errors import ProviderUnavailable, QueryError, causes
from analysis.model import ProviderSpec, shown_address
from analysis.transport import guarded_client

#: A longer answer is no answer to a query of one value, nor a page of one process's metrics.
MOST_BYTES = 64 * 1024 * 1024
HIGHEST_PORT = 65_535
#: How much of a foreign text an error shows.
SHOWN_LENGTH = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back: the status, the media type, the whole body, and where a redirect leads."""

    status: int
    media_type: str
    body: bytes
    location: str = ""


class ProviderConnection:
    """The way to the addresses of one spec.

    An exchange has a client of its own while it lasts. httpx's pool is not shared among exchanges,
    because one that is cancelled at the wrong moment leaves its connection in the pool as in use
    for ever; here its client is closed with all that it has. `connections` clients are kept for
    exchanges to come; how many exchanges there are at once is up to the callers.
    """

    def __init__(self, spec: ProviderSpec, *, connections: int = 8, proxies: bool = True) -> None:
        self._spec = spec
        self._connections = connections
        headers = httpx.Headers(_header_bytes(spec))
        token, username = spec.credentials.token, spec.credentials.username
        if token:
            headers["Authorization"] = f"Bearer {header_text('credentials', token)}"
        self._make_client = partial(
            guarded_client,
            spec.egress,
            headers=headers,
            auth=(username, spec.credentials.password or "") if username and not token else None,
            verify=tls_context(spec),
            proxies=proxies,
        )
        self._free: list[tuple[str, httpx.AsyncClient]] = []
        """Idle clients, by the host that they are connected to; the oldest first."""
        self._lent: set[httpx.AsyncClient] = set()
        self._closing: set[asyncio.Task[None]] = set()
        self._closed = False

    async def fetch(
        self,
        address: str,
        *,
        parameters: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        seconds: float | None = None,
    ) -> Answer:
        """Get an address, or post a form to it, whatever the status; all within the time limit.

        Raises:
            QueryError: the address cannot be asked as it is written.
            ProviderUnavailable: no answer, no whole answer, or not in time.
        """
        if self._closed:
            raise ProviderUnavailable(f"the connection to {shown_address(address)} is closed")
        limit = self._spec.timeout.total_seconds() if seconds is None else seconds
        async with (
            self._named_failures(address, limit),
            asyncio.timeout(limit),
            self._client(address) as client,
        ):
            request = client.build_request(
                "GET" if form is None else "POST",
                _url(address),
                params=parameters,
                data=form,
                headers=headers,
            )
            if (request.url.port or 0) > HIGHEST_PORT:
                raise bad_address(address)
            response = await client.send(request, stream=True)
            try:
                body = await self._read(response, address)
            finally:
                await response.aclose()
        media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        location = response.headers.get("Location", "")
        return Answer(
            status=response.status_code,
            media_type=media_type,
            body=body,
            location=urljoin(address, location) if location else "",
        )

    async def close(self) -> None:
        """Close every connection."""
        self._closed = True
        for client in (*self._lent, *(client for _, client in self._free)):
            self._dismiss(client)
        self._free.clear()
        await asyncio.gather(*self._closing, return_exceptions=True)

    @asynccontextmanager
    async def _client(self, address: str) -> AsyncIterator[httpx.AsyncClient]:
        """Lend a client, and keep it for the next exchange where this one ends well."""
        host = _url(address).netloc.decode()
        client = self._take(host)
        self._lent.add(client)
        try:
            yield client
        except BaseException:
            self._dismiss(client)
            raise
        else:
            self._free.append((host, client))
            if len(self._free) > self._connections or self._closed:
                self._dismiss(self._free.pop(0)[1])
        finally:
            self._lent.discard(client)

    def _take(self, host: str) -> httpx.AsyncClient:
        for place, (connected_to, client) in enumerate(self._free):
            if connected_to == host:
                del self._free[place]
                return client
        return self._make_client()

    def _dismiss(self, client: httpx.AsyncClient) -> None:
        """Close a client in the background: a caller that is being cancelled could not wait for it."""
        closing = asyncio.create_task(client.aclose())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def _read(self, response: httpx.Response, address: str) -> bytes:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > MOST_BYTES:
                raise ProviderUnavailable(
                    f"{shown_address(address)} answers with more than "
                    f"{MOST_BYTES // 1024 // 1024} MiB; ask for less"
                )
        return bytes(body)

    @asynccontextmanager
    async def _named_failures(self, address: str, limit: float) -> AsyncIterator[None]:
        try:
            yield
        except TimeoutError as error:
            raise ProviderUnavailable(late(address, limit)) from error
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError) as error:
            raise bad_address(address) from error
        except httpx.LocalProtocolError as error:
            raise QueryError(
                f"{shown_address(address)} cannot be asked: the name of a header holds a "
                "character that HTTP cannot carry"
            ) from error
        except (httpx.HTTPError, httpx.StreamError, OSError, ExceptionGroup) as error:
            raise unreachable(error, address, self._spec) from error


@lru_cache(maxsize=256)
def _url(address: str) -> httpx.URL:
    """Parse an address; the same few are asked again and again."""
    return httpx.URL(address)


def tls_context(spec: ProviderSpec) -> ssl.SSLContext:
    """Make the trust that a spec asks for: a bundle of its own, the system's, or none.

    Raises:
        QueryError: the bundle is no PEM text.
    """
    if spec.insecure_skip_verify:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    if not any(address.lower().startswith("https:") for address in (spec.address, *spec.targets)):
        # Reading the system's certificates takes longer than a query; plain HTTP needs none.
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        return ssl.create_default_context(cadata=spec.ca_bundle)
    except (ssl.SSLError, ValueError) as error:
        raise QueryError(
            f"caBundle of {shown_address(spec.address)} holds no certificate that can be read; "
            "write certificates as PEM text, beginning with -----BEGIN CERTIFICATE-----"
        ) from error


def unreachable(error: BaseException, address: str, spec: ProviderSpec) -> ProviderUnavailable:
    """Name what kept an address from answering, by the causes of an error."""
    where = shown_address(address)
    for cause in causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return ProviderUnavailable(
                f"the certificate of {where} is not trusted: {cause.verify_message}; give its "
                "authority as caBundle, or set insecureSkipVerify"
            )
        if isinstance(cause, ssl.SSLError):
            return ProviderUnavailable(
                f"{where} does not speak TLS as it should: {cause.reason or 'handshake failed'}"
            )
        if isinstance(cause, socket.gaierror):
            return ProviderUnavailable(f"the name of {where} cannot be resolved: {cause.strerror}")
        if isinstance(cause, ConnectionRefusedError):
            return ProviderUnavailable(f"{where} refuses connections")
        if isinstance(cause, ConnectionResetError):
            return ProviderUnavailable(f"{where} reset the connection")
    told = spec.redact(shown_text(str(error))) or type(error).__name__
    return ProviderUnavailable(f"{where} gave no whole answer: {told}")


def late(address: str, limit: float) -> str:
    """Say that the time limit is over."""
    return f"{shown_address(address)} did not answer within {limit:g} s"


def bad_address(address: str) -> QueryError:
    """Say that an address is none."""
    return QueryError(
        f"address {shown_address(address)!r} cannot be asked; write it as http://host:port or "
        "https://host:port"
    )


def shown_text(text: str) -> str:
    """Bring a foreign text into one line of bounded length."""
    line = " ".join(text.split())
    return line if len(line) <= SHOWN_LENGTH else f"{line[: SHOWN_LENGTH - 1]}…"


def _header_bytes(spec: ProviderSpec) -> list[tuple[bytes, bytes]]:
    return [
        (header_text("name", name).encode(), header_text(name, value).encode())
        for name, value in spec.headers
    ]


def header_text(name: str, value: str) -> str:
    """Let through what HTTP can carry; the value itself may be a secret and is not shown."""
    if not value.isascii() or not value.isprintable():
        raise QueryError(
            f"header {name!r}: its value holds a character that HTTP cannot carry; write printable "
            "ASCII, without a line break at the end"
        )
    return value
