"""The one owner of the Kubernetes API: every request of the controller goes through here.

What is asked, and when, is decided by others. Every failure leaves as a `ClusterError`.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from time import monotonic

import aiohttp
import orjson

from canary.api.kinds import Kind, Manifest
from canary.controller.credentials import Credentials, load_credentials
from canary.errors import (
    CanaryError,
    ClusterError,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    Unreachable,
)

FIELD_MANAGER = "tidegate"
REQUEST_SECONDS = 30.0
WATCH_SECONDS = 300
WATCH_IDLE_SECONDS = 90.0
"""A watch with bookmarks says something every minute; one that does not is dead."""
ATTEMPTS = 4
LONGEST_RETRY_AFTER_SECONDS = 30.0
PAGE_SIZE = 500

_ERRORS: Mapping[int, type[ClusterError]] = {
    400: Invalid,
    401: Forbidden,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
}
_METADATA_ONLY = "application/json;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1,application/json"

Observe = Callable[[str, str, int, float], None]
"""Called after every request with its verb, resource, HTTP status (0 for none) and seconds."""


class NotLeader(ClusterError):
    """This replica may not write: another one acts."""


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
    ) -> None:
        self._session = session
        self._credentials = credentials
        self._user_agent = user_agent
        self._observe = observe or (lambda *_: None)
        self._limiter = Limiter(requests_per_second, burst)
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
    ) -> AsyncIterator["Cluster"]:
        """Connect with a kubeconfig, or as the pod that this runs in.

        Raises:
            Forbidden: there are no credentials to be found.
        """
        credentials = await asyncio.to_thread(load_credentials, kubeconfig, context)
        connector = aiohttp.TCPConnector(
            limit=0, ssl=credentials.ssl_context() if credentials.secure else False
        )
        async with aiohttp.ClientSession(
            connector=connector, json_serialize=lambda value: orjson.dumps(value).decode()
        ) as session:
            yield cls(
                session,
                credentials,
                user_agent=user_agent,
                observe=observe,
                requests_per_second=requests_per_second,
                burst=burst,
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

        What was found once is not asked again until a list of it fails (`undiscover`).
        """
        if kind in self.served:
            return self.served[kind]
        for version in kind.versions:
            root = f"/apis/{kind.group}/{version}" if kind.group else f"/api/{version}"
            try:
                document = await self._request("GET", root, kind)
            except NotFound:
                continue
            if any(each["name"] == kind.plural for each in document.get("resources", ())):
                self.served[kind] = version
                return version
        return None

    def undiscover(self, kind: Kind) -> None:
        """Forget the version of a kind: its CRD may have been removed or changed."""
        self.served.pop(kind, None)

    async def pages(
        self, kind: Kind, namespace: str, *, metadata_only: bool = False
    ) -> AsyncIterator[tuple[list[Manifest], str]]:
        """List objects, a page at a time, with the list's resource version; "" is all namespaces."""
        token = ""
        while True:
            query = {"limit": str(PAGE_SIZE)} | ({"continue": token} if token else {})
            page = await self._request(
                "GET",
                self.path(kind, namespace),
                kind,
                query=query,
                verb="LIST",
                accept=_METADATA_ONLY.format("List") if metadata_only else "application/json",
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

    async def watch(
        self, kind: Kind, namespace: str, resource_version: str, *, metadata_only: bool = False
    ) -> AsyncIterator[tuple[str, Manifest]]:
        """Follow changes: pairs of an event's type and its object, until the server ends it.

        Raises:
            Gone: the resource version is too old.
            Unreachable: the connection broke, or nothing was heard for too long.
        """
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(int(WATCH_SECONDS * random.uniform(0.8, 1.2))),  # noqa: S311
            "resourceVersion": resource_version,
        }
        accept = _METADATA_ONLY.format("") if metadata_only else "application/json"
        started, status = monotonic(), 0
        timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=REQUEST_SECONDS, sock_read=WATCH_IDLE_SECONDS
        )
        try:
            async with self._session.get(
                self._credentials.server + self.path(kind, namespace),
                params=query,
                headers=await self._headers(accept),
                timeout=timeout,
            ) as response:
                status = response.status
                self._observe("WATCH", kind.plural, status, monotonic() - started)
                if status != 200:
                    raise _error("WATCH", kind.resource, status, await response.read())
                async for line in _lines(response.content):
                    yield _event(kind, line)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if not status:
                self._observe("WATCH", kind.plural, 0, monotonic() - started)
            raise Unreachable(f"WATCH {kind.resource}: {type(error).__name__}: {error}") from error

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

    async def replace(self, obj: Manifest, kind: Kind, *, guarded: bool = True) -> Manifest:
        """Replace an object as a whole, on the resource version it holds.

        What is not `guarded` is written by who leads and who does not.
        """
        metadata = obj["metadata"]
        return await self._request(
            "PUT",
            self.path(kind, metadata.get("namespace", ""), metadata["name"]),
            kind,
            query={"fieldManager": FIELD_MANAGER},
            body=obj,
            guarded=guarded,
        )

    async def create(self, obj: Manifest, kind: Kind, *, guarded: bool = True) -> Manifest:
        """Create an object."""
        path = self.path(kind, obj["metadata"].get("namespace", ""))
        return await self._request("POST", path, kind, body=obj, guarded=guarded)

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

    async def delete(self, kind: Kind, namespace: str, name: str) -> None:
        """Delete an object; what it owns is collected in the background."""
        body = {"propagationPolicy": "Background"}
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
        guarded: bool = True,
    ) -> Manifest:
        verb, writes = verb or method, method != "GET" and guarded
        attempt = 1
        while True:
            if writes and not self.may_write():
                raise NotLeader(f"{verb} {path}: another replica acts")
            await self._limiter.take()
            status, content, retry_after = await self._send(
                method, path, kind, verb, query, body, content_type, accept
            )
            if 200 <= status < 300:
                document: Manifest = orjson.loads(content)
                return document
            if retry_after is None or attempt == ATTEMPTS:
                raise _error(verb, path, status, content)
            attempt += 1
            await asyncio.sleep(min(retry_after, LONGEST_RETRY_AFTER_SECONDS))

    async def _send(
        self,
        method: str,
        path: str,
        kind: Kind,
        verb: str,
        query: Mapping[str, str] | None,
        body: Manifest | None,
        content_type: str,
        accept: str,
    ) -> tuple[int, bytes, float | None]:
        """Send one request: its status, its body, and when the server wants it again."""
        headers = await self._headers(accept)
        if body is not None:
            headers["Content-Type"] = content_type
        started, status = monotonic(), 0
        try:
            async with self._session.request(
                method,
                self._credentials.server + path,
                params=query,
                data=None if body is None else orjson.dumps(body),
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=REQUEST_SECONDS),
            ) as response:
                content, status = await response.read(), response.status
                return status, content, _retry_after(status, response.headers)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unreachable(f"{verb} {path}: {type(error).__name__}: {error}") from error
        finally:
            self._observe(verb, kind.plural, status, monotonic() - started)

    async def _headers(self, accept: str) -> dict[str, str]:
        headers = {"Accept": accept, "User-Agent": self._user_agent}
        authorization = await self._credentials.authorization()
        return headers | ({"Authorization": authorization} if authorization else {})


class Limiter:
    """Lets so many requests through a second, and a burst of them at once."""

    def __init__(self, per_second: float, burst: int) -> None:
        self._per_second = per_second
        self._burst = float(burst)
        self._tokens = float(burst)
        self._at = monotonic()

    async def take(self) -> None:
        """Wait for one's turn."""
        now = monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._per_second) - 1
        self._at = now
        if self._tokens < 0:
            await asyncio.sleep(-self._tokens / self._per_second)


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Cut a stream into lines of any length; half a line at its end is dropped."""
    rest = b""
    async for chunk in content.iter_any():
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            if line:
                yield line


def _event(kind: Kind, line: bytes) -> tuple[str, Manifest]:
    try:
        event = orjson.loads(line)
        type_, obj = event["type"], event["object"]
    except (ValueError, KeyError, TypeError) as error:
        raise Unreachable(f"WATCH {kind.resource}: not an event: {line[:80]!r}") from error
    if type_ == "ERROR":
        raise _error("WATCH", kind.resource, obj.get("code", 500), orjson.dumps(obj))
    return type_, obj


def _retry_after(status: int, headers: Mapping[str, str]) -> float | None:
    """Tell when the server wants a request again; None where asking again does not help."""
    if status not in {429, 500, 503, 504}:
        return None
    text = headers.get("Retry-After", "")
    if text.isdecimal():
        return float(text)
    return 1.0 if status == 429 else None


def _error(verb: str, path: str, status: int, content: bytes) -> CanaryError:
    try:
        message = str(orjson.loads(content).get("message", ""))
    except (ValueError, AttributeError):
        message = content[:200].decode(errors="replace")
    return _ERRORS.get(status, Unreachable)(f"{verb} {path}: {status}: {message}")
