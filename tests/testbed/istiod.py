"""Istio's own control plane beside a real Kubernetes control plane.

It reads networking.istio.io and the Gateway API, and tells proxies by ADS. The proxy belongs to
`gateway.py`.
"""

import asyncio
import json
import os
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx
import yaml

from tests.routers.published import GATEWAY_API, ISTIO
from tests.testbed.control_plane import LOGS, ControlPlane
from tests.testbed.modules import module_files
from tests.testbed.scratch import scratch_folder
from tidegate_embedded.network import free_port
from tidegate_embedded.opening import Opened
from tidegate_embedded.process import ProgramFailed, last_lines, start_program, stop_program

#: Where it lives, and where objects that hold for every namespace are put.
ISTIO_NAMESPACE = "istio-system"
#: Where Istio's module has its CRDs.
CRDS = "manifests/charts/base/files/crd-all.gen.yaml"
_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_LOOPBACK = "127.0.0.1"
_START_SECONDS = 180.0
_STOP_SECONDS = 2.0
_POLL_SECONDS = 0.1
_MESH = {
    # Nothing here has a certificate.
    "enableAutoMtls": False,
    "rootNamespace": ISTIO_NAMESPACE,
}
_ENVIRONMENT = {
    "POD_NAME": "istiod-0",
    "POD_NAMESPACE": ISTIO_NAMESPACE,
    "CLUSTER_ID": "Kubernetes",
    "PILOT_CERT_PROVIDER": "none",
    "ENABLE_CA_SERVER": "false",
    "INJECT_ENABLED": "false",
    "VALIDATION_ENABLED": "false",
    # There is one, which need not wait for the lease of a former one.
    "ENABLE_LEADER_ELECTION": "false",
    # Filters that only Istio's build of Envoy has; stock Envoy would refuse the configuration.
    "PILOT_ENABLE_METADATA_EXCHANGE": "false",
    "PILOT_ENABLE_ALPN_FILTER": "false",
    # The gateway is a process of ours; nothing is to be deployed for a Gateway.
    "PILOT_ENABLE_GATEWAY_API_DEPLOYMENT_CONTROLLER": "false",
}


class Istiod(Opened):
    """A ready istiod that has installed its CRDs, for as long as the context is open.

    `programs` are paths by name; its log is `istiod.log` in the folder `logs`, and stays.
    `settings` are more of its environment.
    """

    def __init__(
        self,
        programs: Mapping[str, Path],
        plane: ControlPlane,
        *,
        logs: Path = LOGS,
        settings: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._program = programs["istiod"]
        self._plane = plane
        self._logs = logs
        self._settings = settings
        self._process: asyncio.subprocess.Process | None = None
        self.discovery_port = 0
        self.metrics_url = ""

    @property
    def log(self) -> Path:
        """The file that it logs to."""
        return self._logs / "istiod.log"

    @property
    def process_id(self) -> int | None:
        """The id of the process while it runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def _open(self, context: AsyncExitStack) -> None:
        client = await context.enter_async_context(self._plane.client())
        await install_crds(client)
        await apply(client, {"apiVersion": "v1", "kind": "Namespace"}, ISTIO_NAMESPACE)
        folder = context.enter_context(scratch_folder())
        (folder / "mesh.yaml").write_text(yaml.safe_dump(_MESH), encoding="utf-8")
        self._logs.mkdir(parents=True, exist_ok=True)
        self.log.unlink(missing_ok=True)
        self.discovery_port, http, monitoring = free_port(), free_port(), free_port()
        self.metrics_url = f"http://{_LOOPBACK}:{monitoring}/metrics"
        self._process = await start_program(
            self._program,
            "discovery",
            f"--kubeconfig={self._plane.kubeconfig}",
            f"--meshConfig={folder / 'mesh.yaml'}",
            "--registries=Kubernetes",
            f"--grpcAddr={_LOOPBACK}:{self.discovery_port}",
            f"--httpAddr={_LOOPBACK}:{http}",
            f"--monitoringAddr={_LOOPBACK}:{monitoring}",
            "--httpsAddr=",
            "--secureGRPCAddr=",
            "--ctrlz_port=0",
            "--log_as_json=false",
            log=self.log,
            environment={**os.environ, **_ENVIRONMENT, **self._settings},
        )
        context.push_async_callback(stop_program, self._process, grace_seconds=_STOP_SECONDS)
        await self._ready(f"http://{_LOOPBACK}:{http}/ready")

    async def _ready(self, url: str) -> None:
        deadline = time.monotonic() + _START_SECONDS
        async with httpx.AsyncClient(trust_env=False) as client:
            while not await _answers(client, url):
                if self.process_id is None or time.monotonic() > deadline:
                    cause = "ended" if self.process_id is None else f"waited {_START_SECONDS:g} s"
                    raise ProgramFailed(
                        f"istiod: {cause} before it was ready; all of it is in {self.log}: "
                        f"{last_lines(self.log)}"
                    )
                await asyncio.sleep(_POLL_SECONDS)


async def install_crds(client: httpx.AsyncClient, module: str = ISTIO, path: str = CRDS) -> None:
    """Install the CRDs of a module and of the Gateway API, and wait until they are served.

    They are read from their Go modules. Those that are there already stay as they are published.
    """
    files = {
        **module_files(module, path),
        **module_files(GATEWAY_API, "config/crd/standard/gateway.networking.k8s.io_", ".yaml"),
    }
    crds: dict[str, dict[str, Any]] = {
        each["metadata"]["name"]: each
        for text in files.values()
        for each in yaml.load_all(text, Loader=yaml.CSafeLoader)
        if each and each["kind"] == "CustomResourceDefinition"
    }
    for name, crd in crds.items():
        await apply(client, crd, name)
    deadline = time.monotonic() + _START_SECONDS
    while waiting := crds.keys() - await _established(client):
        if time.monotonic() > deadline:
            raise ProgramFailed(f"not served after {_START_SECONDS:g} s: {', '.join(waiting)}")
        await asyncio.sleep(_POLL_SECONDS)


async def apply(
    client: httpx.AsyncClient, item: Mapping[str, Any], name: str, *, path: str = ""
) -> None:
    """Apply an object as kubectl does; `path` is that of its collection."""
    collections = {"CustomResourceDefinition": _CRDS, "Namespace": "/api/v1/namespaces"}
    metadata = {**item.get("metadata", {}), "name": name}
    answer = await client.patch(
        f"{path or collections[item['kind']]}/{name}",
        content=json.dumps({**item, "metadata": metadata}),
        headers={"Content-Type": "application/apply-patch+yaml"},
        params={"fieldManager": "testbed", "force": "true"},
        timeout=120.0,
    )
    if answer.is_error:
        raise ProgramFailed(f"{item['kind']} {name}: not applied: {answer.text}")


async def _established(client: httpx.AsyncClient) -> set[str]:
    crds = (await client.get(_CRDS, timeout=120.0)).raise_for_status().json()["items"]
    return {
        crd["metadata"]["name"]
        for crd in crds
        for each in crd.get("status", {}).get("conditions") or ()
        if (each["type"], each["status"]) == ("Established", "True")
    }


async def _answers(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).status_code == 200
    except httpx.TransportError:
        return False
