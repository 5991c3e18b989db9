"""The one owner of the Kubernetes API: every request of the controller goes through here.

What is asked, and when, is decided by others. Every failure leaves as a `ClusterError`.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from time import monotonic

import aiohttp
import orjson
from aiohttp.abc import AbstractStreamWriter

from canary.api.kinds import Kind, Manifest
from canary.controller import responses
from canary.controller.credentials import Credentials, load_credentials
from canary.controller.limits import Limits, RateLimit
from canary.errors import ClusterError, NotFound, Unreachable

FIELD_MANAGER = "tidegate"
_METADATA_ONLY = "application/json;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1,application/json"

Observe = Callable[[str, str, int, float], None]
"""Called after every request with its verb, resource, HTTP status (0 for none) and seconds."""
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


class Cluster:
    """A connection to one Kubernetes API server."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        credentials: Credentials,
        *,
        user_agent: str,
        observe: Observe | None = None,
        requests_per_second: float = 50.0,
        burst: int = 100,
        limits: Limits | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._session = session
        self._credentials = credentials
        self._user_agent = user_agent
        self._observe = observe or (lambda *_: None)
        self._requests_per_second = requests_per_second
        self._burst = burst
        self._rate_limit = RateLimit(requests_per_second, burst)
        self._limits = limits or Limits()
        self._sleep = sleep
        self.may_write: Callable[[], bool] = lambda: True
        """Asked before every write."""
        self.served: dict[Kind, str] = {}
        """The version that discovery found for each kind."""

    @classmethod
    @asynccontextmanager
    async def connect(
        cls,
        *,
        kubeconfig: str | None = None,
        context: str | None = None,
        user_agent: str = "tidegate",
        observe: Observe | None = None,
        requests_per_second: float = 50.0,
        burst: int = 100,
        limits: Limits | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> AsyncIterator["Cluster"]:
        """Connect with a kubeconfig, or as the pod that this runs in.

        Raises:
            Forbidden: there are no credentials to be found, or they cannot be used.
        """
        credentials = await asyncio.to_thread(load_credentials, kubeconfig, context)
        connector = aiohttp.TCPConnector(
            limit=0, ssl=credentials.ssl_context() if credentials.secure else False
        )
        async with aiohttp.ClientSession(connector=connector) as session:
            yield cls(
                session,
                credentials,
                user_agent=user_agent,
                observe=observe,
                requests_per_second=requests_per_second,
                burst=burst,
                limits=limits,
                sleep=sleep,
            )

    def for_election(self) -> "Cluster":
        """Give the same connection without the guard, and with a rate limit of its own.

        Who acts is decided by writes that cannot ask who acts, and that must not wait behind
        those of the work.
        """
        return Cluster(
            self._session,
            self._credentials,
            user_agent=self._user_agent,
            observe=self._observe,
            requests_per_second=self._requests_per_second,
            burst=self._burst,
            limits=self._limits,
            sleep=self._sleep,
        )

    @property
    def credentials(self) -> Credentials:
        """How this connection is made."""
        return self._credentials

    # ------------------------------------------------------------------------------------ reading

    async def read(self, kind: Kind, namespace: str, name: str) -> Manifest:
        """Read one object."""
        return await self._request("GET", self.path(kind, namespace, name), kind)

    async def discover(self, kind: Kind) -> str | None:
        """Find the version in which a kind is served; None where its CRD is not installed.

        What was found once is not asked again until it is forgotten (`undiscover`).
        """
        if kind in self.served:
            return self.served[kind]
        for version in kind.versions:
            root = f"/apis/{kind.group}/{version}" if kind.group else f"/api/{version}"
            try:
                document = await self._request("GET", root, kind, verb="DISCOVER")
            except NotFound:
                continue
            if any(each.get("name") == kind.plural for each in document.get("resources") or ()):
                self.served[kind] = version
                return version
        return None

    def undiscover(self, kind: Kind) -> None:
        """Forget the version of a kind: its CRD may have been removed or changed."""
        self.served.pop(kind, None)

    async def pages(
        self, kind: Kind, namespace: str, *, metadata_only: bool = False, labels: str = ""
    ) -> AsyncIterator[tuple[list[Manifest], str]]:
        """List objects, a page at a time, with the list's resource version; "" is all namespaces.

        All pages show one moment, which is not before the request. `labels` is a selector.

        Raises:
            Gone: the list took so long that the server has forgotten its version.
        """
        token = ""
        selector = {"labelSelector": labels} if labels else {}
        while True:
            query = {"limit": str(self._limits.page_size)} | selector
            page = await self._request(
                "GET",
                self.path(kind, namespace),
                kind,
                query=query | ({"continue": token} if token else {}),
                verb="LIST",
                accept=_accept("List", metadata_only=metadata_only),
            )
            metadata = page.get("metadata") or {}
            items = page.get("items") or []
            version = self.served.get(kind, kind.versions[0])
            for item in items:
                # The items of a list do not repeat what they are.
                item.setdefault("apiVersion", kind.api_version(version))
                item.setdefault("kind", kind.kind)
            yield items, metadata.get("resourceVersion", "")
            token = metadata.get("continue") or ""
            if not token:
                return

    @asynccontextmanager
    async def watch(
        self, kind: Kind, namespace: str, resource_version: str, *, metadata_only: bool = False
    ) -> AsyncIterator[Events]:
        """Follow changes until the server ends it, or has said nothing for too long.

        Raises:
            Gone: the resource version is too old; also while events are read.
            Unreachable: the watch could not be begun, or its connection broke.
        """
        seconds = self._limits.watch_seconds * random.uniform(0.8, 1.2)  # noqa: S311 - no secret
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(max(int(seconds), 1)),
            "resourceVersion": resource_version,
        }
        asked = f"WATCH {kind.resource}"
        headers = await self._headers(_accept(metadata_only=metadata_only))
        await self._rate_limit.take()
        started, status = monotonic(), 0
        try:
            async with asyncio.timeout(self._limits.request_seconds):
                response = await self._session.get(
                    self._credentials.server + self.path(kind, namespace),
                    params=query,
                    headers=headers,
                    timeout=aiohttp.ClientTimeout(sock_read=self._limits.idle_seconds),
                    proxy=self._credentials.proxy,
                    server_hostname=self._credentials.server_name,
                )
                status = response.status
                if status != 200:
                    async with response:
                        content = await response.read()
                    if status == 401:
                        self._credentials.expire()
                    raise responses.failure(asked, status, content)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _unreachable(asked, error) from error
        finally:
            self._observe("WATCH", kind.plural, status, monotonic() - started)
        async with response:
            yield _events(asked, response.content)

    # ------------------------------------------------------------------------------------ writing

    async def apply(self, obj: Manifest, kind: Kind) -> Manifest:
        """Apply an object on the server's side: the fields in it are tidegate's from now on."""
        metadata = obj["metadata"]
        return await self._request(
            "PATCH",
            self.path(kind, metadata.get("namespace", ""), metadata["name"]),
            kind,
            query={"fieldManager": FIELD_MANAGER, "force": "true"},
            body=obj,
            content_type="application/apply-patch+yaml",
            verb="APPLY",
        )

    async def replace(self, obj: Manifest, kind: Kind) -> Manifest:
        """Replace an object as a whole, on the resource version it holds."""
        metadata = obj["metadata"]
        return await self._request(
            "PUT",
            self.path(kind, metadata.get("namespace", ""), metadata["name"]),
            kind,
            query={"fieldManager": FIELD_MANAGER},
            body=obj,
        )

    async def create(self, obj: Manifest, kind: Kind) -> Manifest:
        """Create an object."""
        path = self.path(kind, obj["metadata"].get("namespace", ""))
        return await self._request("POST", path, kind, body=obj)

    async def merge_patch(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        patch: Manifest,
        *,
        subresource: str | None = None,
        resource_version: str | None = None,
    ) -> Manifest:
        """Merge a patch into an object, on a resource version where one is given."""
        if resource_version:
            metadata = {**patch.get("metadata", {}), "resourceVersion": resource_version}
            patch = {**patch, "metadata": metadata}
        return await self._request(
            "PATCH",
            self.path(kind, namespace, name, subresource),
            kind,
            query={"fieldManager": FIELD_MANAGER},
            body=patch,
            content_type="application/merge-patch+json",
        )

    async def delete(
        self, kind: Kind, namespace: str, name: str, *, resource_version: str | None = None
    ) -> None:
        """Delete an object, on a resource version where one is given.

        What it owns is collected in the background.
        """
        body: Manifest = {"propagationPolicy": "Background"}
        if resource_version:
            body["preconditions"] = {"resourceVersion": resource_version}
        await self._request("DELETE", self.path(kind, namespace, name), kind, body=body)

    # ----------------------------------------------------------------------------------- requests

    def path(
        self, kind: Kind, namespace: str, name: str = "", subresource: str | None = None
    ) -> str:
        """Give the path of an object, or of a collection."""
        version = self.served.get(kind, kind.versions[0])
        parts = ["apis", kind.group, version] if kind.group else ["api", version]
        if namespace and kind.namespaced:
            parts += ["namespaces", namespace]
        parts += [kind.plural, name, subresource or ""]
        return "/" + "/".join(part for part in parts if part)

    async def _request(
        self,
        method: str,
        path: str,
        kind: Kind,
        *,
        query: Mapping[str, str] | None = None,
        body: Manifest | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        verb: str = "",
    ) -> Manifest:
        verb = verb or method
        asked, renewed, attempt = f"{verb} {path}", False, 1
        while True:
            await self._rate_limit.take()
            headers = await self._headers(accept)
            if body is not None:
                headers["Content-Type"] = content_type
            if method != "GET" and not self.may_write():
                raise NotLeader(f"{asked}: another replica acts")
            started, status = monotonic(), 0
            sent = None if body is None else _Guarded(orjson.dumps(body), self.may_write)
            try:
                async with self._session.request(
                    method,
                    self._credentials.server + path,
                    params=query,
                    data=sent,
                    headers=headers,
                    timeout=aiohttp.ClientTimeout(total=self._limits.request_seconds),
                    proxy=self._credentials.proxy,
                    server_hostname=self._credentials.server_name,
                ) as response:
                    status = response.status
                    content = await response.read()
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                if sent is not None and sent.withheld:
                    raise NotLeader(f"{asked}: another replica acts") from error
                raise _unreachable(asked, error) from error
            finally:
                self._observe(verb, kind.plural, status, monotonic() - started)
            if 200 <= status < 300:
                return responses.document(asked, content)
            if status == 401 and not renewed:
                # A token may have ended, or been revoked, before its time.
                self._credentials.expire()
                renewed = True
                continue
            wait = responses.retry_after(status, response.headers)
            if wait is None or attempt == self._limits.attempts:
                raise responses.failure(asked, status, content)
            attempt += 1
            await self._sleep(min(wait, self._limits.retry_after_seconds))

    async def _headers(self, accept: str) -> dict[str, str]:
        headers = {"Accept": accept, "User-Agent": self._user_agent}
        authorization = await self._credentials.authorization()
        return headers | ({"Authorization": authorization} if authorization else {})


async def _events(asked: str, content: aiohttp.StreamReader) -> Events:
    try:
        async for line in responses.lines(content.iter_any()):
            yield responses.event(asked, line)
    except TimeoutError:
        # Nothing was heard for too long. To go on from where it was costs less than to doubt it.
        return
    except (aiohttp.ClientError, OSError) as error:
        raise _unreachable(asked, error) from error


def _accept(list_: str = "", *, metadata_only: bool) -> str:
    return _METADATA_ONLY.format(list_) if metadata_only else "application/json"


def _unreachable(asked: str, error: BaseException) -> Unreachable:
    reason = str(error) or "no answer in time"
    return Unreachable(f"{asked}: {type(error).__name__}: {reason}")
