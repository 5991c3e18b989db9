"""The real world of hard tests: a namespace on a real control plane, whose servers are killed.

Pods are reported by kwok; nothing serves in them. Controllers hold the chart's roles alone.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Self

from canary.api.kinds import Manifest
from canary.api.schema import crds
from canary.cluster.cluster import Cluster
from canary.demo import manifests
from canary.demo.embedded import NAMESPACE
from canary.errors import NotFound
from canary.replicas.leases import LEASE
from tests.controller.faults import Proxy, SomeProxy, serving
from tests.controller.running import CANARY, VIRTUAL_SERVICE, until
from tests.delivery import role
from tests.hard.worlds import HardWorld
from tests.testbed.audit import Audited, AuditLog
from tests.testbed.build import provide_programs
from tests.testbed.control_plane import NAMES, ControlPlane
from tests.testbed.istiod import install_crds
from tests.testbed.world import install

GONE_SECONDS = 120.0
_NUMBERS = count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedPlane:
    """What the tests of a session share."""

    plane: ControlPlane
    controller_kubeconfig: Path
    """Of the chart's account under the chart's roles."""


@asynccontextmanager
async def a_shared_plane(logs: Path) -> AsyncIterator[SharedPlane]:
    """Start a control plane that forgets nothing, with all CRDs."""
    programs = await asyncio.to_thread(provide_programs, NAMES)
    async with (
        ControlPlane(programs, logs=logs, pods="reported", remembers=True) as plane,
        plane.client() as client,
        Cluster.connect(kubeconfig=str(plane.kubeconfig), user_agent="somebody") as api,
    ):
        await install_crds(client)
        await install(api, crds().values())
        kubeconfig = await role.granted(plane, logs, 'shards="auto"')
        yield SharedPlane(plane=plane, controller_kubeconfig=kubeconfig)


class PlaneWorld(HardWorld):
    """A namespace of its own, on a control plane that others had before; one at a time."""

    route_kinds = (VIRTUAL_SERVICE,)
    scaler_kinds = ()
    outages = 4
    crowd = 40
    alone = True

    def __init__(self, shared: SharedPlane, directory: Path) -> None:
        super().__init__(directory, namespace=f"hard-{next(_NUMBERS)}")
        self.kubeconfig = shared.controller_kubeconfig
        self.lease_namespace = role.NAMESPACE
        self.url = shared.plane.url
        self._plane = shared.plane
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._audit = AuditLog(self._plane.audit_log, user_agents="tidegate/")
        self.api = await self._stack.enter_async_context(self.connect(self._plane.kubeconfig))
        self._stack.push_async_callback(self._leave)
        await self.api.create(manifests.namespace(self.namespace), NAMESPACE)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _leave(self) -> None:
        """Leave nothing that the next one's controllers would act on, or wait for."""
        for canary in await self.objects(CANARY):
            name = canary["metadata"]["name"]
            with suppress(NotFound):  # it is gone already
                await self.patch(CANARY, name, {"metadata": {"finalizers": []}})
                await self.api.delete(CANARY, self.namespace, name)
        for leases in [page async for page, _ in self.api.pages(LEASE, self.lease_namespace)]:
            for lease in leases:
                await self.api.delete(LEASE, self.lease_namespace, lease["metadata"]["name"])
        await self.api.delete(NAMESPACE, "", self.namespace)
        await until(self._without_canaries, "no Canary is left", seconds=GONE_SECONDS)

    async def _without_canaries(self) -> bool:
        return not await self.objects(CANARY)

    def audit(self) -> Sequence[Audited]:
        return self._audit.entries

    async def routes(self, name: str) -> Sequence[Manifest]:
        return await self._plane.versions(
            group=VIRTUAL_SERVICE.group,
            resource=VIRTUAL_SERVICE.plural,
            namespace=self.namespace,
            name=name,
        )

    def behind(self, proxy: SomeProxy) -> AbstractAsyncContextManager[SomeProxy]:
        return serving(proxy, self._plane.tls_of_another, trusts=self._plane.tls)

    async def servers(self) -> Sequence[str]:
        return await self._plane.standing()

    async def outage(self, proxy: Proxy, number: int) -> str:
        name = ("kube-apiserver", "etcd")[number % 2]
        if number // 2 % 2:
            await self._plane.restart(name)
            return f"{name} restarted"
        await self._plane.kill(name)
        await self._plane.start(name)
        return f"{name} killed"
