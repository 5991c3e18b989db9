"""What can be asked of the Kubernetes API: every request of the controller goes through here.

What is asked, and when, is decided by others; how a request is made is in `connection.py`, and which
kinds are in another cluster in `elsewhere.py`.
Long because every request of the API is a method of its own, with what it raises.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from canary.api.kinds import NAMESPACE, POD, Kind, Manifest
from canary.cluster.connection import JSON, Connection, Events
from canary.cluster.credentials import ClusterCredentials
from canary.cluster.elsewhere import Elsewhere
from canary.cluster.limits import Limits
from canary.cluster.options import Observe, Options, unobserved
from canary.errors import NotFound
from canary.objects.marking import Home
from canary.objects.ownership import CanaryOwner

FIELD_MANAGER = "tidegate"
_METADATA_ONLY = "application/json;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1,application/json"


class Cluster:
    """One Kubernetes API server, and another one for the kinds that are elsewhere."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._elsewhere: Elsewhere | None = None
        self.is_split = False
        """Whether some kinds are in another cluster."""
        self._limits = connection.limits
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
        observe: Observe = unobserved,
        requests_per_second: float = 50.0,
        burst: int = 100,
        limits: Limits | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> AsyncIterator["Cluster"]:
        """Connect with a kubeconfig, or as the pod that this runs in.

        Raises:
            Forbidden: there are no credentials to be found, or they cannot be used.
        """
        options = Options(
            user_agent=user_agent,
            observe=observe,
            requests_per_second=requests_per_second,
            burst=burst,
            limits=limits or Limits(),
            sleep=sleep,
        )
        async with Connection.connect(kubeconfig, context, options) as connection:
            yield cls(connection)

    def for_election(self) -> "Cluster":
        """Give the same connection without the guard, and with a rate limit of its own.

        Who acts is decided by writes that cannot ask who acts, and that must not wait behind
        those of the work.
        """
        return Cluster(self._connection.unguarded())

    @asynccontextmanager
    async def for_others(self) -> AsyncIterator[Callable[[str], "Cluster"]]:
        """Give connections to the same server that carry the tokens of others, and nothing of ours."""
        async with self._connection.bare() as bare:
            yield lambda token: Cluster(bare.on_behalf(token))

    def as_user(self, user: str, groups: Sequence[str]) -> "Cluster":
        """Give the same connection that acts for another user, within what we may impersonate.

        Raises:
            ValueError: there is no user.
        """
        return Cluster(self._connection.as_user(user, groups))

    def guard(self, may_write: Callable[[], bool]) -> None:
        """Have a question asked before every write, which is made only if the answer is yes."""
        self._connection.may_write = may_write
        if self._elsewhere is not None:
            self._elsewhere.connection.may_write = may_write

    @asynccontextmanager
    async def split(
        self, *, kubeconfig: str, context: str | None, name: str, resources: frozenset[str]
    ) -> AsyncIterator[None]:
        """Have some kinds read, followed and written in another cluster.

        Who may write there is who may write here. `name` is what this cluster is called there.

        Raises:
            ClusterError: there are no credentials for that cluster, or this one does not say which it is.
        """
        found = await self.read(NAMESPACE, "", "kube-system")
        home = Home(name, found["metadata"]["uid"])
        options = self._connection.options
        async with Connection.connect(kubeconfig, context, options) as connection:
            connection.may_write = self._connection.may_write
            self._elsewhere = Elsewhere(connection=connection, resources=resources, home=home)
            self.is_split = True
            yield

    @property
    def servers(self) -> tuple[str, ...]:
        """The addresses of the API servers that this leads to."""
        there = () if self._elsewhere is None else (self._elsewhere.connection.credentials.server,)
        return (self.credentials.server, *there)

    def is_elsewhere(self, kind: Kind) -> bool:
        """Tell whether a kind is in another cluster."""
        return self._elsewhere is not None and self._elsewhere.has(kind)

    def _there(self, kind: Kind) -> Elsewhere | None:
        elsewhere = self._elsewhere
        return elsewhere if elsewhere is not None and elsewhere.has(kind) else None

    def _to(self, kind: Kind) -> Connection:
        elsewhere = self._elsewhere
        if elsewhere is None or not elsewhere.has(kind):
            return self._connection
        return elsewhere.connection

    @property
    def credentials(self) -> ClusterCredentials:
        """How this connection is made."""
        return self._connection.credentials

    # ------------------------------------------------------------------------------------ reading

    async def read(self, kind: Kind, namespace: str, name: str) -> Manifest:
        """Read one object."""
        found = await self._to(kind).request("GET", self.path(kind, namespace, name), kind.plural)
        there = self._there(kind)
        return found if there is None else there.received(found)

    async def discover(self, kind: Kind) -> str | None:
        """Find the version in which a kind is served; None where its CRD is not installed.

        What was found once is not asked again until it is forgotten (`undiscover`).
        """
        if kind in self.served:
            return self.served[kind]
        for version in kind.versions:
            root = f"/apis/{kind.group}/{version}" if kind.group else f"/api/{version}"
            try:
                document = await self._to(kind).request("GET", root, kind.plural, verb="DISCOVER")
            except NotFound:
                continue
            if any(each.get("name") == kind.plural for each in document.get("resources") or ()):
                self.served[kind] = version
                return version
        return None

    def undiscover(self, kind: Kind) -> None:
        """Forget the version of a kind: its CRD may have been removed or changed."""
        self.served.pop(kind, None)

    async def log(
        self, namespace: str, pod: str, container: str, *, since: datetime, limit_bytes: int
    ) -> str:
        """Read the log of a pod's container from a moment on, up to a size.

        Raises:
            ClusterError: there is none, or it may not be read.
        """
        query = {
            "container": container,
            "sinceTime": since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "limitBytes": str(limit_bytes),
        }
        path = self.path(POD, namespace, pod, "log")
        return await self._connection.text(path, "pods/log", query=query)

    async def version(self) -> str:
        """Tell which version of Kubernetes the API server is of, such as v1.36.3."""
        told = await self._connection.request("GET", "/version", "version", verb="DISCOVER")
        return str(told.get("gitVersion", ""))

    async def openapi(self, kind: Kind) -> tuple[str, Manifest] | None:
        """Read the OpenAPI v3 document that describes a kind, with the version it is served in.

        None where its CRD is not installed.
        """
        version = await self.discover(kind)
        if version is None:
            return None
        path = f"/openapi/v3/apis/{kind.group}/{version}"
        return version, await self._to(kind).request("GET", path, kind.plural, verb="DISCOVER")

    async def pages(
        self,
        kind: Kind,
        namespace: str,
        *,
        metadata_only: bool = False,
        labels: str = "",
        fields: str = "",
    ) -> AsyncIterator[tuple[list[Manifest], str]]:
        """List objects, a page at a time, with the list's resource version; "" is all namespaces.

        All pages show one moment, which is not before the request. `labels` and `fields` are
        selectors.

        Raises:
            Gone: the list took so long that the server has forgotten its version.
        """
        token = ""
        selectors = {"labelSelector": labels, "fieldSelector": fields}
        selector = {name: text for name, text in selectors.items() if text}
        while True:
            query = {"limit": str(self._limits.page_size)} | selector
            page = await self._to(kind).request(
                "GET",
                self.path(kind, namespace),
                kind.plural,
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
            if (there := self._there(kind)) is not None:
                items = [there.received(each) for each in items]
            yield items, metadata.get("resourceVersion", "")
            token = metadata.get("continue") or ""
            if not token:
                return

    @asynccontextmanager
    async def watch(
        self,
        kind: Kind,
        namespace: str,
        resource_version: str,
        *,
        metadata_only: bool = False,
        labels: str = "",
        fields: str = "",
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
        } | _selector(labels, fields)
        there = self._there(kind)
        async with self._to(kind).watch(
            self.path(kind, namespace),
            kind.plural,
            query=query,
            accept=_accept(metadata_only=metadata_only),
            asked=f"WATCH {kind.resource}",
        ) as events:
            yield events if there is None else there.events(events)

    # ------------------------------------------------------------------------------------ writing

    async def replace(
        self,
        obj: Manifest,
        kind: Kind,
        *,
        dry_run: bool = False,
        owner: CanaryOwner | None = None,
    ) -> Manifest:
        """Replace an object as a whole, on the resource version it holds.

        `owner` is the Canary that it is written for: elsewhere it is marked with that.
        """
        metadata = obj["metadata"]
        path = self.path(kind, metadata.get("namespace", ""), metadata["name"])
        return await self._write("PUT", path, obj, kind, dry_run=dry_run, owner=owner)

    async def create(
        self,
        obj: Manifest,
        kind: Kind,
        *,
        dry_run: bool = False,
        owner: CanaryOwner | None = None,
    ) -> Manifest:
        """Create an object."""
        path = self.path(kind, obj["metadata"].get("namespace", ""))
        return await self._write("POST", path, obj, kind, dry_run=dry_run, owner=owner)

    async def _write(
        self,
        method: str,
        path: str,
        obj: Manifest,
        kind: Kind,
        *,
        dry_run: bool,
        owner: CanaryOwner | None,
    ) -> Manifest:
        there = self._there(kind)
        written = await self._to(kind).request(
            method,
            path,
            kind.plural,
            query=_written(dry_run=dry_run),
            body=obj if there is None else there.sent(obj, owner),
        )
        return written if there is None else there.received(written)

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
        if self.is_elsewhere(kind):
            # A patch does not say whose the object is that it would change.
            raise ValueError(f"{kind.resource} is written whole: it is in another cluster")
        if resource_version:
            metadata = {**patch.get("metadata", {}), "resourceVersion": resource_version}
            patch = {**patch, "metadata": metadata}
        return await self._connection.request(
            "PATCH",
            self.path(kind, namespace, name, subresource),
            kind.plural,
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
        path, there = self.path(kind, namespace, name), self._there(kind)
        if there is not None:
            found = await there.connection.request("GET", path, kind.plural)
            resource_version = there.may_delete(found)
        if resource_version:
            body["preconditions"] = {"resourceVersion": resource_version}
        await self._to(kind).request("DELETE", path, kind.plural, body=body)

    # -------------------------------------------------------------------------------------- paths

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


def _selector(labels: str, fields: str) -> dict[str, str]:
    given = {"labelSelector": labels, "fieldSelector": fields}
    return {name: selector for name, selector in given.items() if selector}


def _written(*, dry_run: bool) -> dict[str, str]:
    """Say who writes, and whether anything is kept of it."""
    return {"fieldManager": FIELD_MANAGER} | ({"dryRun": "All"} if dry_run else {})


def _accept(list_: str = "", *, metadata_only: bool) -> str:
    return _METADATA_ONLY.format(list_) if metadata_only else JSON
