"""The connection to a Kubernetes API server: how a request is made, whatever it asks for.

A request waits for its turn, carries the credentials of the moment, is repeated where the server
asks for that, and leaves only while it may. Every failure leaves as a `ClusterError`.
Long because it alone knows the HTTP client: how a connection is made, used and given up, and how it
fails.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from time import monotonic

import aiohttp
import orjson
from aiohttp.abc import AbstractStreamWriter

from canary.api.kinds import Manifest
from canary.cluster import responses
from canary.cluster.credentials import ClusterCredentials, for_bearer, load_credentials
from canary.cluster.limits import RateLimit
from canary.cluster.options import Options
from canary.errors import ClusterError, Unreachable

JSON = "application/json"
ANYTHING = "*/*"

Events = AsyncIterator[tuple[str, Manifest]]
"""Pairs of an event's type and its object."""


class NotLeader(ClusterError):
    """This replica may not write: another one acts."""


class _Guarded(aiohttp.BytesPayload):
    """The body of a write that leaves only if there is a right to write at that very moment.

    A connection may have been waited for since the right was asked for, and a replica may have been
    frozen in that time. From here to the socket there is no waiting: one write at most slips by.
    """

    def __init__(self, content: bytes, may_write: Callable[[], bool]) -> None:
        super().__init__(content)
        self._may_write = may_write
        self.withheld = False

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        """Send the body, and the headers with it, or nothing at all."""
        if not self._may_write():
            self.withheld = True
            raise NotLeader("another replica acts")
        await super().write_with_length(writer, content_length)


class Connection:
    """A connection to one Kubernetes API server."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        credentials: ClusterCredentials,
        options: Options,
        *,
        impersonated: Sequence[tuple[str, str]] = (),
    ) -> None:
        self._session = session
        self._impersonated = tuple(impersonated)
        self.options = options
        """How it behaves."""
        self._rate_limit = RateLimit(options.requests_per_second, options.burst)
        self.credentials = credentials
        """How this connection is made."""
        self.limits = options.limits
        self.may_write: Callable[[], bool] = lambda: True
        """Asked before every write."""

    @classmethod
    @asynccontextmanager
    async def connect(
        cls, kubeconfig: str | None, context: str | None, options: Options
    ) -> AsyncIterator["Connection"]:
        """Connect with a kubeconfig, or as the pod that this runs in.

        Raises:
            Forbidden: there are no credentials to be found, or they cannot be used.
        """
        credentials = await asyncio.to_thread(load_credentials, kubeconfig, context)
        async with aiohttp.ClientSession(connector=_connector(credentials)) as session:
            yield cls(session, credentials, options)

    def unguarded(self) -> "Connection":
        """Give the same connection with a right to write, and a rate limit, of its own."""
        return Connection(self._session, self.credentials, self.options)

    @asynccontextmanager
    async def bare(self) -> AsyncIterator["Connection"]:
        """Connect to the same server without our own certificate, for the tokens of others."""
        bare = for_bearer(self.credentials, "")
        jar = aiohttp.DummyCookieJar()
        async with aiohttp.ClientSession(connector=_connector(bare), cookie_jar=jar) as session:
            yield Connection(session, bare, self.options)

    def on_behalf(self, token: str) -> "Connection":
        """Give a bare connection that carries a token, and has a rate limit of its own.

        Raises:
            ValueError: there is no token; without one the server would answer a stranger.
        """
        if not token:
            raise ValueError("a request for another person needs a token")
        return Connection(self._session, for_bearer(self.credentials, token), self.options)

    def as_user(self, user: str, groups: Sequence[str]) -> "Connection":
        """Give the same connection that acts for another user, within what we may impersonate.

        Raises:
            ValueError: there is no user; without one the server would take the request for ours.
        """
        if not user:
            raise ValueError("a request for another person needs a user")
        headers = (("Impersonate-User", user), *(("Impersonate-Group", each) for each in groups))
        return Connection(self._session, self.credentials, self.options, impersonated=headers)

    async def request(
        self,
        method: str,
        path: str,
        resource: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Manifest | None = None,
        content_type: str = JSON,
        accept: str = JSON,
        verb: str = "",
    ) -> Manifest:
        """Make a request; `verb` and `resource` say in logs and metrics what it was.

        Raises:
            NotLeader: it was a write, and this replica may no longer write.
            ClusterError: the server refuses it, or can't be reached.
        """
        verb = verb or method
        content = await self._content(
            method,
            path,
            resource,
            query=query,
            body=body,
            content_type=content_type,
            accept=accept,
            verb=verb,
        )
        return responses.document(f"{verb} {path}", content)

    async def text(self, path: str, resource: str, *, query: Mapping[str, str]) -> str:
        """Read what is no document, such as the log of a pod.

        Raises:
            ClusterError: the server refuses it, or can't be reached.
        """
        content = await self._content("GET", path, resource, query=query, accept=ANYTHING)
        return content.decode(errors="replace")

    async def _content(
        self,
        method: str,
        path: str,
        resource: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Manifest | None = None,
        content_type: str = JSON,
        accept: str = JSON,
        verb: str = "",
    ) -> bytes:
        verb = verb or method
        asked, renewed, attempt = f"{verb} {path}", False, 1
        while True:
            await self._rate_limit.take()
            headers = await self._headers(accept)
            if body is not None:
                headers.append(("Content-Type", content_type))
            if method != "GET" and not self.may_write():
                raise NotLeader(f"{asked}: another replica acts")
            started, status = monotonic(), 0
            sent = None if body is None else _Guarded(orjson.dumps(body), self.may_write)
            try:
                async with self._session.request(
                    method,
                    self.credentials.server + path,
                    params=query,
                    data=sent,
                    headers=headers,
                    allow_redirects=False,
                    timeout=aiohttp.ClientTimeout(total=self.limits.request_seconds),
                    proxy=self.credentials.proxy,
                    server_hostname=self.credentials.server_name,
                ) as response:
                    status = response.status
                    try:
                        content = await response.read()
                    finally:
                        _hang_up(response)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                if sent is not None and sent.withheld:
                    raise NotLeader(f"{asked}: another replica acts") from error
                raise _unreachable(asked, error) from error
            finally:
                self.options.observe(verb, resource, status, monotonic() - started)
            if 200 <= status < 300:
                return content
            if status == 401 and not renewed:
                # A token may have ended, or been revoked, before its time.
                self.credentials.expire()
                renewed = True
                continue
            wait = responses.retry_after(status, response.headers)
            if wait is None or attempt == self.limits.attempts:
                raise responses.failure(asked, status, content)
            attempt += 1
            await self.options.sleep(min(wait, self.limits.retry_after_seconds))

    @asynccontextmanager
    async def watch(
        self, path: str, resource: str, *, query: Mapping[str, str], accept: str, asked: str
    ) -> AsyncIterator[Events]:
        """Follow the events of a watch until the server ends it, or is silent for too long.

        Raises:
            Gone: the resource version is too old; also while events are read.
            Unreachable: the watch could not be begun, or its connection broke.
        """
        headers = await self._headers(accept)
        await self._rate_limit.take()
        started, status = monotonic(), 0
        try:
            async with asyncio.timeout(self.limits.request_seconds):
                response = await self._session.get(
                    self.credentials.server + path,
                    params=query,
                    headers=headers,
                    timeout=aiohttp.ClientTimeout(sock_read=self.limits.idle_seconds),
                    proxy=self.credentials.proxy,
                    server_hostname=self.credentials.server_name,
                )
                status = response.status
                if status != 200:
                    async with response:
                        content = await response.read()
                    if status == 401:
                        self.credentials.expire()
                    raise responses.failure(asked, status, content)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _unreachable(asked, error) from error
        finally:
            self.options.observe("WATCH", resource, status, monotonic() - started)
        async with response:
            try:
                yield _events(asked, response.content)
            finally:
                _hang_up(response)

    async def _headers(self, accept: str) -> list[tuple[str, str]]:
        authorization = await self.credentials.authorization()
        return [
            ("Accept", accept),
            ("User-Agent", self.options.user_agent),
            *((("Authorization", authorization),) if authorization else ()),
            *self._impersonated,
        ]


def _connector(credentials: ClusterCredentials) -> aiohttp.TCPConnector:
    """Make what opens connections; it ends with those that wait for their server to take its leave."""
    return aiohttp.TCPConnector(
        limit=0,
        ssl=credentials.ssl_context() if credentials.secure else False,
        # Newer Pythons end them themselves, and aiohttp warns of the option there.
        enable_cleanup_closed=sys.version_info < (3, 12, 8),
    )


async def _events(asked: str, content: aiohttp.StreamReader) -> Events:
    try:
        async for line in responses.lines(content.iter_any()):
            yield responses.event(asked, line)
    except TimeoutError:
        # Nothing was heard for too long. To go on from where it was costs less than to doubt it.
        return
    except (aiohttp.ClientError, OSError) as error:
        raise _unreachable(asked, error) from error


def _hang_up(response: aiohttp.ClientResponse) -> None:
    """Close the connection of an answer that is not over.

    Over TLS it would stay open until the server has taken its leave, for half a minute at most.
    """
    if response.connection is not None and response.connection.transport is not None:
        response.connection.transport.abort()


def _unreachable(asked: str, error: BaseException) -> Unreachable:
    match error:
        case aiohttp.ClientConnectorError(os_error=ConnectionRefusedError()):
            reason = f"the API server at {error.host}:{error.port} refuses connections"
        case aiohttp.ClientConnectorDNSError():
            reason = f"the API server's name {error.host} cannot be found"
        case aiohttp.ClientConnectorCertificateError():
            cause = getattr(error.certificate_error, "verify_message", str(error.certificate_error))
            reason = f"the certificate of {error.host}:{error.port} is not trusted: {cause}"
        case TimeoutError():
            reason = "the API server does not answer in time"
        case _:
            reason = f"{type(error).__name__}: {str(error) or 'no answer in time'}"
    return Unreachable(reason, asked=asked)
