"""Worlds of tests: a small cluster in this process, and what tests do in any."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import yaml

from canary.api.kinds import DEPLOYMENT, Kind, Manifest
from canary.api.meta import GROUP
from canary.api.schema import crds
from canary.cluster.cluster import Cluster
from canary.controller.canaries import canary_kind
from canary.controller.controller import Controller
from canary.controller.events import EVENT
from canary.demo import manifests
from canary.demo.embedded import NAMESPACE
from canary.errors import NotFound
from canary.resources.revision import HASHING, Hashing
from canary.settings import Settings
from tests.definitions import define
from tests.marked import KeptLog, leaks
from tidegate_embedded.apiserver import EmbeddedApiServer
from tidegate_embedded.apiserver.audit import AuditEntry
from tidegate_embedded.controllers import Controllers, InstantRuntime, PodRuntime

DEADLINE_SECONDS = 180.0
LONGEST_PAUSE_SECONDS = 0.1
CANARY = canary_kind(GROUP)
VIRTUAL_SERVICE = Kind(
    group="networking.istio.io", versions=("v1",), kind="VirtualService", plural="virtualservices"
)
USER_AGENT = "tidegate/test"
DEMO = manifests.NAMESPACE


async def until(
    holds: Callable[[], Any], what: str = "", *, seconds: float = DEADLINE_SECONDS
) -> Any:
    """Wait until something holds, a value or an awaitable; give what it was.

    What takes long is looked for less often: those who look take time from what they wait for.
    """
    found: Any = None
    pause = 0.01
    try:
        async with asyncio.timeout(seconds):
            while True:
                found = holds()
                if isinstance(found, Awaitable):
                    found = await found
                if found:
                    return found
                await asyncio.sleep(pause)
                pause = min(pause * 1.1, LONGEST_PAUSE_SECONDS)
    except TimeoutError as error:
        raise AssertionError(f"not in {seconds:g} s: {what or holds}: {found}") from error


class AnyWorld:
    """A namespace in a cluster, a connection for the test, and controllers where it runs some."""

    api: Cluster
    kubeconfig: Path
    """Of the user that controllers are."""

    def __init__(self, directory: Path, *, namespace: str = DEMO) -> None:
        self.directory = directory
        self.namespace = namespace
        self.lease_namespace = "default"

    def connect(self, kubeconfig: Path) -> AbstractAsyncContextManager[Cluster]:
        """Connect as somebody who may ask as often as they like."""
        return Cluster.connect(
            kubeconfig=str(kubeconfig),
            user_agent="somebody",
            requests_per_second=10_000,
            burst=10_000,
        )

    def kubeconfig_by(self, url: str) -> Path:
        """Give the controllers' kubeconfig with another address, such as a proxy's."""
        document = yaml.safe_load(self.kubeconfig.read_text())
        document["clusters"][0]["cluster"]["server"] = url
        kubeconfig = self.directory / f"kubeconfig-{url.rpartition(':')[2]}"
        kubeconfig.write_text(yaml.safe_dump(document))
        return kubeconfig

    @asynccontextmanager
    async def running_controller(
        self,
        *,
        url: str | None = None,
        version: str = "test",
        hashing: Hashing = HASHING,
        environ: Mapping[str, str] = MappingProxyType({}),
        **settings: Any,
    ) -> AsyncIterator[Controller]:
        """Run a controller, behind a proxy where its address is given."""
        kubeconfig = self.kubeconfig if url is None else self.kubeconfig_by(url)
        quick: dict[str, Any] = {
            "kubeconfig": str(kubeconfig),
            "listen": "127.0.0.1:0",
            "drain": timedelta(0),
            "lease_duration": timedelta(seconds=12),
            "lease_renew_deadline": timedelta(seconds=9),
            "lease_retry_period": timedelta(seconds=1),
            "lease_namespace": self.lease_namespace,
            "metrics_server": "http://127.0.0.1:9",
            "qps": 1000.0,
            # Whoever is called is on this machine.
            "egress_allow": ("127.0.0.0/8", "::1/128"),
            "burst": 1000,
        }
        controller = Controller(
            Settings(**(quick | settings)), version=version, hashing=hashing, environ=environ
        )
        await controller.start()
        try:
            yield controller
        finally:
            await controller.stop()

    # ---------------------------------------------------------------------------------- objects

    async def create_app(self, name: str = manifests.APP, tag: str = "1", **options: Any) -> None:
        """Create an app at a version."""
        app = manifests.deployment(tag, name=name, namespace=self.namespace, **options)
        await self.api.create(app, DEPLOYMENT)

    async def create_canary(
        self,
        name: str = manifests.APP,
        *,
        analysis: Mapping[str, Any] | None = None,
        kind: Kind = CANARY,
        metadata: Mapping[str, Any] | None = None,
        **spec: Any,
    ) -> Manifest:
        """Create a Canary in steps of 50 and 100 % without metrics, but for what is given."""
        given = analysis or {}
        quick = {"interval": "1s", "threshold": 1, "metrics": []}
        steps = {} if {"iterations", "steps"} & given.keys() else {"stepWeights": [50, 100]}
        manifest = manifests.canary(
            "istio", name=name, namespace=self.namespace, analysis={**quick, **steps, **given}
        )
        manifest["spec"] |= spec
        manifest["apiVersion"] = kind.api_version(kind.versions[0])
        manifest["metadata"] |= metadata or {}
        return await self.api.create(manifest, kind)

    async def release(self, name: str = manifests.APP, tag: str = "2") -> None:
        """Change an app to another version."""
        template = manifests.pod_template(tag, name=name)
        await self.patch(DEPLOYMENT, name, {"spec": {"template": template}})

    async def patch(self, kind: Kind, name: str, patch: Manifest, **options: Any) -> Manifest:
        """Merge a patch into an object."""
        return await self.api.merge_patch(kind, self.namespace, name, patch, **options)

    async def patch_as(self, manager: str, kind: Kind, name: str, patch: Manifest) -> None:
        """Merge a patch into an object as somebody whom the API server knows by name."""
        await self.api._connection.request(
            "PATCH",
            self.api.path(kind, self.namespace, name),
            kind.plural,
            query={"fieldManager": manager},
            body=patch,
            content_type="application/merge-patch+json",
        )

    async def read(self, kind: Kind, name: str) -> Manifest | None:
        """Read an object; None where there is none."""
        try:
            return await self.api.read(kind, self.namespace, name)
        except NotFound:
            return None

    async def objects(self, kind: Kind) -> list[Manifest]:
        """List the objects of a kind."""
        return [item async for items, _ in self.api.pages(kind, self.namespace) for item in items]

    async def status(self, name: str = manifests.APP, kind: Kind = CANARY) -> Mapping[str, Any]:
        """Read the status of a Canary."""
        canary = await self.api.read(kind, self.namespace, name)
        status: Mapping[str, Any] = canary.get("status") or {}
        return status

    async def until_phase(
        self, *phases: str, name: str = manifests.APP, kind: Kind = CANARY
    ) -> Mapping[str, Any]:
        """Wait until a Canary is in one of the phases; give its status."""
        status: Mapping[str, Any] = {}

        async def there() -> bool:
            nonlocal status
            status = await self.status(name, kind)
            return status.get("phase") in phases

        try:
            await until(there, f"{name} is {' or '.join(phases)}")
        except AssertionError as error:
            raise AssertionError(f"{error}; its status is {dict(status)}") from error
        return status

    async def until_condition(self, type_: str, value: str, name: str = manifests.APP) -> str:
        """Wait until a condition of a Canary has a value; give its message."""

        async def there() -> str | None:
            for condition in (await self.status(name)).get("conditions") or ():
                if (condition["type"], condition["status"]) == (type_, value):
                    return str(condition["message"]) or " "
            return None

        return str(await until(there, f"{name} has {type_}={value}"))

    async def weight(self, name: str = manifests.APP) -> int | None:
        """Read the canary's weight in the VirtualService."""
        service = await self.read(VIRTUAL_SERVICE, name)
        if service is None:
            return None
        routes = service["spec"]["http"][0]["route"]
        return next(
            (r.get("weight", 0) for r in routes if r["destination"]["host"].endswith("-canary")), 0
        )

    async def events(self, reason: str = "") -> list[Manifest]:
        """List the events that have been recorded, of a reason where one is given."""
        found = [event for event in await self.objects(EVENT) if event["source"] == SOURCE]
        return [event for event in found if reason in {"", event["reason"]}]


class World(AnyWorld):
    """An API server in this process, with the cluster's own controllers.

    At the end what its Secrets hold is searched in every version of every other object, and in the
    log (S15).
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.server = EmbeddedApiServer()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        enter = self._stack.enter_async_context
        self._log = self._stack.enter_context(KeptLog())
        await enter(self.server)
        self.kubeconfig = self.server.kubeconfig(self.directory / "world.kubeconfig")
        self.api = await enter(self.connect(self.kubeconfig))
        definitions = (*crds().values(), *manifests.routing_crds())
        await define(self.server, self.api, definitions)
        await self.api.create(manifests.namespace(self.namespace), NAMESPACE)
        await enter(Controllers(self.server, self.runtime()))
        return self

    def runtime(self) -> PodRuntime:
        """Make what runs its pods."""
        return InstantRuntime(back_off_seconds=0.05)

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        await self._stack.aclose()
        if kind is None:
            found = leaks(self.server.storage, self._log.text)
            assert not found, f"what a Secret holds stands in {', '.join(found)}"

    def requests(self, since: int = 0) -> list[AuditEntry]:
        """List what controllers have asked, from a mark on, beside Lease renewals."""
        return [
            entry
            for entry in self.server.audit[since:]
            if entry.user_agent == USER_AGENT and entry.resource != "leases"
        ]

    @property
    def mark(self) -> int:
        """Where the audit stands."""
        return len(self.server.audit)


SOURCE = {"component": "tidegate"}
