"""Runs the pods that kwok has bound to an address: a process for each container, on that address.

It is the kubelet of the testbed's nodes: a pod is ready when its processes say so, and is removed
when they have ended.
"""

import asyncio
import json
import logging
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from canary.api.kinds import POD, Kind, Manifest
from canary.cluster.cluster import Cluster
from canary.cluster.informer import Informer
from tidegate_embedded.controllers.pod_status import pod_status
from tidegate_embedded.controllers.runtime import PodReport
from tidegate_embedded.opening import Opened
from tidegate_embedded.pods import ProcessRuntime

log = logging.getLogger(__name__)

USER_AGENT = "testbed-kubelet"
_RETRY_SECONDS = 0.2


class Kubelet(Opened):
    """Runs every pod that has an address, while the context is open.

    `drain_seconds` is how long a pod that is being deleted goes on serving before it is asked to
    end; `back_off_seconds` is the first pause of a crash loop. Containers log into `logs`.
    """

    def __init__(
        self,
        kubeconfig: Path,
        client: httpx.AsyncClient,
        *,
        logs: Path,
        drain_seconds: float = 1.0,
        back_off_seconds: float = 10.0,
    ) -> None:
        self._kubeconfig = kubeconfig
        self._client = client
        self._client.headers["User-Agent"] = USER_AGENT
        self._drain_seconds = drain_seconds
        self.runtime = ProcessRuntime(directory=logs, back_off_seconds=back_off_seconds)
        self._pods: dict[str, _Pod] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def _open(self, context: AsyncExitStack) -> None:
        await context.enter_async_context(self._client)
        await context.enter_async_context(self.runtime)
        context.push_async_callback(self._leave)
        cluster = await context.enter_async_context(
            Cluster.connect(kubeconfig=str(self._kubeconfig), user_agent=USER_AGENT)
        )
        informer = Informer(
            cluster,
            POD,
            "",
            trim=lambda pod: pod,
            metadata_only=False,
            on_change=self._on_change,
            on_synced=lambda _: None,
        )
        informer.start()
        context.push_async_callback(informer.stop)
        await informer.synced.wait()

    def _on_change(self, _kind: Kind, _namespace: str, _name: str, before: Any, after: Any) -> None:
        if before is not None and (after is None or _uid(after) != _uid(before)):
            gone = self._pods.pop(_uid(before), None)
            if gone is not None:
                gone.deleted.set()
        if after is None:
            return
        dying = bool(after["metadata"].get("deletionTimestamp"))
        pod = self._pods.get(_uid(after))
        # One that is deleted before it has an address is ours to remove as well.
        if pod is None and (_address(after) or (dying and after["spec"].get("nodeName"))):
            pod = self._pods[_uid(after)] = _Pod(after, self._client, self.runtime)
            task = asyncio.create_task(self._follow(pod), name=f"pod {pod.path}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if pod is not None and dying:
            pod.deleted.set()

    async def _follow(self, pod: "_Pod") -> None:
        try:
            await pod.live(self._drain_seconds)
        except Exception:
            log.exception("pod %s is left alone", pod.path)

    async def _leave(self) -> None:
        """Follow the pods no longer; their processes end with the runtime."""
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


class _Pod:
    """One pod, from its address to its removal."""

    def __init__(
        self, manifest: Manifest, client: httpx.AsyncClient, runtime: ProcessRuntime
    ) -> None:
        self.manifest = manifest
        self.deleted = asyncio.Event()
        metadata = manifest["metadata"]
        self.path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
        self._client = client
        self._runtime = runtime
        self._report: PodReport | None = None
        self._told = asyncio.Event()

    async def live(self, drain_seconds: float) -> None:
        """Run the pod until it is deleted, let it serve a while longer, end it, and remove it."""
        if not self.deleted.is_set():
            await self._serve(drain_seconds)
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": _uid(self.manifest)}}
        await self._ask("DELETE", self.path, options)

    async def _serve(self, drain_seconds: float) -> None:
        await self._runtime.start(self.manifest, self._tell, address=_address(self.manifest))
        telling = asyncio.create_task(self._write_reports(), name=f"status of {self.path}")
        try:
            await self.deleted.wait()
            await asyncio.sleep(drain_seconds)
            await self._runtime.stop(self.manifest)
        finally:
            telling.cancel()
            await asyncio.wait({telling})

    def _tell(self, report: PodReport) -> None:
        self._report = report
        self._told.set()

    async def _write_reports(self) -> None:
        while True:
            await self._told.wait()
            self._told.clear()
            assert self._report is not None
            moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            status = pod_status(self.manifest, self._report, moment=moment)
            patch = {"metadata": {"uid": _uid(self.manifest)}, "status": status}
            written = await self._ask("PATCH", f"{self.path}/status", patch)
            if written is not None:
                self.manifest = written

    async def _ask(self, verb: str, path: str, body: Manifest) -> Manifest | None:
        """Ask until the API server answers; nothing where the pod is another one, or gone."""
        types = {"PATCH": "application/merge-patch+json", "DELETE": "application/json"}
        while True:
            try:
                answer = await self._client.request(
                    verb, path, content=json.dumps(body), headers={"Content-Type": types[verb]}
                )
            except httpx.TransportError as error:
                log.warning("%s %s: %s: will be tried again", verb, path, error)
            else:
                if answer.is_success:
                    stored: Manifest = answer.json()
                    return stored
                if answer.status_code in {404, 409}:
                    return None
                log.warning("%s %s: %s: will be tried again", verb, path, answer.text)
            await asyncio.sleep(_RETRY_SECONDS)


def _uid(manifest: Manifest) -> str:
    return str(manifest["metadata"]["uid"])


def _address(manifest: Manifest) -> str:
    return str((manifest.get("status") or {}).get("podIP") or "")
