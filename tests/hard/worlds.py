"""Where hard tests run: a world whose servers fail, and that tells what became of everything.

Here is the embedded one; `plane.py` has the real one. What controllers did is judged by what the
API server and its storage know: the audit log, and every version that a route has had.
"""

import asyncio
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import MappingProxyType
from typing import Self

from canary.api.kinds import KNATIVE_SERVICE, SCALED_OBJECT, SERVICE, STATEFUL_SET, Kind, Manifest
from canary.controller.routes_cluster import of_routes
from canary.demo.embedded import CRD
from tests import knative
from tests.controller import keda
from tests.controller.elsewhere import routes_cluster
from tests.controller.faults import Proxy, SomeProxy, serving
from tests.controller.running import VIRTUAL_SERVICE, AnyWorld, World
from tests.testbed.audit import Audited
from tidegate_embedded.apiserver.storage import Event

TRAFFIC_SPLIT = Kind(
    group="split.smi-spec.io",
    versions=("v1alpha4", "v1alpha3", "v1alpha2", "v1alpha1"),
    kind="TrafficSplit",
    plural="trafficsplits",
)
HTTP_ROUTE = Kind(
    group="gateway.networking.k8s.io", versions=("v1",), kind="HTTPRoute", plural="httproutes"
)
_ROUTES = (VIRTUAL_SERVICE, TRAFFIC_SPLIT, HTTP_ROUTE)
AWAY_SECONDS = 1.0
CLUSTER = "eu-1"


class HardWorld(AnyWorld, ABC):
    """A namespace in a cluster of which everything can be known, and whose servers can fail."""

    url: str
    """Of the API server."""
    route_kinds: tuple[Kind, ...]
    scaler_kinds: tuple[Kind, ...]
    """Of autoscalers that the cluster does not bring."""
    outages: int
    """In so many ways its servers can fail."""
    crowd: int
    """So many Canaries are many in it."""
    alone = False
    """Whether no other world may be open meanwhile: controllers would act in both."""
    elsewhere: Mapping[str, str] = MappingProxyType({})
    """Addresses of further servers, by what the paths begin with that are theirs."""

    def flags(self, _kubeconfig: Path) -> tuple[str, ...]:
        """Give what controllers are told of it, beside the kubeconfig of its servers."""
        return ()

    @abstractmethod
    async def __aenter__(self) -> Self: ...

    @abstractmethod
    async def __aexit__(self, *_: object) -> None: ...

    @abstractmethod
    def audit(self) -> Sequence[Audited]:
        """Give the requests so far, those of controllers at least, in the order of their ends."""

    @abstractmethod
    async def routes(self, name: str) -> Sequence[Manifest]:
        """Give every version that the route of an app has had, the first one first.

        Without any router the route is the apex Service.
        """

    @abstractmethod
    def behind(self, proxy: SomeProxy) -> AbstractAsyncContextManager[SomeProxy]:
        """Put a proxy before the API server, as like it as can be."""

    @abstractmethod
    async def servers(self) -> Sequence[str]:
        """Say of each server and node how it is, for the message of a failure."""

    @abstractmethod
    async def outage(self, proxy: Proxy, number: int) -> str:
        """Let the servers fail and come back, in one way after the other; tell in which."""


class EmbeddedHardWorld(World, HardWorld):
    """The embedded world; its API server is away as far as the proxy lets nothing through."""

    route_kinds = (*_ROUTES, KNATIVE_SERVICE)
    scaler_kinds = (SCALED_OBJECT,)
    outages = 2
    crowd = 60

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._versions: defaultdict[tuple[str, str, str], list[Manifest]] = defaultdict(list)

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self.url = self.server.url
        await self.api.create(keda.definition(), CRD)
        serving = knative.knative(self.server, self.api, self.namespace)
        await self._stack.enter_async_context(serving)
        self.server.storage.subscribe(self._follow)
        return self

    def _follow(self, _: object, event: Event) -> None:
        manifest = event.stored.object
        if event.change != "DELETED":
            kind = manifest["apiVersion"].rpartition("/")[0], manifest["kind"]
            self._versions[*kind, manifest["metadata"]["name"]].append(manifest)

    def audit(self) -> Sequence[Audited]:
        return self.server.audit

    async def routes(self, name: str) -> Sequence[Manifest]:
        objects = (self._versions_of(kind, name) for kind in (*_ROUTES, SERVICE))
        workloads = (self._generations_of(kind, name) for kind in (KNATIVE_SERVICE, STATEFUL_SET))
        return next(filter(None, (*objects, *workloads)), [])

    def _versions_of(self, kind: Kind, name: str) -> list[Manifest]:
        return self._versions[kind.group, kind.kind, name]

    def _generations_of(self, kind: Kind, name: str) -> list[Manifest]:
        """Give a workload as it was after each change of its spec, its status included."""
        versions = self._versions_of(kind, name)
        return list({each["metadata"]["generation"]: each for each in versions}.values())

    def behind(self, proxy: SomeProxy) -> AbstractAsyncContextManager[SomeProxy]:
        return serving(proxy)

    async def servers(self) -> Sequence[str]:
        return ()

    async def outage(self, proxy: Proxy, number: int) -> str:
        if number % 2:
            self.server.forget_history()
        proxy.down = True
        proxy.cut()
        await asyncio.sleep(AWAY_SECONDS)
        proxy.down = False
        return "server restarted, its past forgotten" if number % 2 else "server restarted"


class ElsewhereHardWorld(EmbeddedHardWorld):
    """The embedded world, whose routes are in a second cluster."""

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        routes = await self._stack.enter_async_context(routes_cluster(self))
        routes.server.storage.subscribe(self._follow)
        self.elsewhere = {f"/apis/{VIRTUAL_SERVICE.group}/": routes.server.url}
        # The test sees one world, as the controller does.
        await self._stack.enter_async_context(
            self.api.split(
                kubeconfig=str(routes.kubeconfig),
                context=None,
                name=CLUSTER,
                resources=of_routes(),
            )
        )
        return self

    def flags(self, kubeconfig: Path) -> tuple[str, ...]:
        return ("--cluster-name", CLUSTER, "--routes-kubeconfig", str(kubeconfig))
