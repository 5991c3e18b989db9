"""Runs pods as local processes, each pod on an address of its own.

Whatever the image, a container runs `server.py`; the image's tag is its version, the container's
`env` its behaviour. Commands, volumes, init containers and liveness probes are not played.
"""

import asyncio
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from tidegate_embedded.controllers.runtime import (
    ContainerReport,
    PodReport,
    Report,
    Waiting,
)
from tidegate_embedded.network import PodNetwork
from tidegate_embedded.pods.container import Container
from tidegate_embedded.pods.plan import PodPlan, pod_plan
from tidegate_embedded.values import Manifest


class _Pod:
    """A pod that runs: its address, its containers, and whom to tell."""

    def __init__(self, ip: str, report: Report) -> None:
        self.ip = ip
        self.containers: list[Container] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.grace_seconds = 0.0
        self._report = report
        self._last: PodReport | None = None

    def changed(self) -> None:
        """Tell the state of the pod, once for each state."""
        report = PodReport(
            phase="Running",
            ip=self.ip,
            containers=tuple(container.report for container in self.containers),
        )
        if report != self._last:
            self._last = report
            self._report(report)


class ProcessRuntime:
    """A `PodRuntime` of real processes; whatever still runs is ended when the context is left.

    `back_off_seconds` is the first pause of a crash loop, `linger_seconds` how long a pod goes on
    serving after SIGTERM, so that proxies have heard of it before it closes its port.
    Logs are files `NAMESPACE_POD_CONTAINER.log` in `directory`, which is a temporary one by default.
    """

    def __init__(
        self,
        *,
        directory: Path | None = None,
        back_off_seconds: float = 10.0,
        linger_seconds: float = 0.5,
    ) -> None:
        self._directory = directory
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._back_off_seconds = back_off_seconds
        self._linger_seconds = linger_seconds
        self._network = PodNetwork()
        self._pods: dict[str, _Pod] = {}

    async def __aenter__(self) -> Self:
        self._network.__enter__()
        if self._directory is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="tidegate-pods-")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            # With the world ends everyone who could be waiting for an answer.
            await asyncio.gather(*(self._end(uid, grace_seconds=0.0) for uid in tuple(self._pods)))
        finally:
            self._network.__exit__(kind, error, trace)
            if self._temporary is not None:
                self._temporary.cleanup()

    @property
    def directory(self) -> Path:
        """Where the logs are."""
        if self._directory is not None:
            self._directory.mkdir(parents=True, exist_ok=True)
            return self._directory
        assert self._temporary is not None, "the runtime is a context manager: enter it first"
        return Path(self._temporary.name)

    @property
    def process_ids(self) -> tuple[int, ...]:
        """The ids of the processes that run."""
        found = (
            container.process_id for pod in self._pods.values() for container in pod.containers
        )
        return tuple(each for each in found if each is not None)

    def logs(self, uid: str) -> tuple[str, ...]:
        """Give the last lines of a pod's containers, in their order."""
        pod = self._pods.get(uid)
        return tuple(line for each in (pod.containers if pod else ()) for line in each.lines)

    async def start(self, pod: Manifest, report: Report, *, address: str | None = None) -> None:
        """Start a pod's processes, on a given address or one of ours; its states are reported."""
        uid = pod["metadata"]["uid"]
        ip = address or self._network.allocate()
        plan = pod_plan(pod, ip)
        if plan.failure:
            self._network.release(ip)
            report(_failed(plan, pod))
            return
        running = self._pods[uid] = _Pod(ip, report)
        running.grace_seconds = plan.grace_seconds
        running.containers = [
            Container(
                pod=plan,
                plan=container,
                ip=ip,
                log=self.directory / f"{plan.namespace}_{plan.name}_{container.name}.log",
                back_off_seconds=self._back_off_seconds,
                linger_seconds=self._linger_seconds,
                changed=running.changed,
            )
            for container in plan.containers
        ]
        running.tasks = [
            asyncio.create_task(container.run(), name=f"{plan.name}/{container.report.name}")
            for container in running.containers
        ]

    async def stop(self, pod: Manifest) -> None:
        """End a pod in order; return when none of its processes runs any longer."""
        await self._end(pod["metadata"]["uid"])

    async def _end(self, uid: str, *, grace_seconds: float | None = None) -> None:
        pod = self._pods.get(uid)
        if pod is None:
            return
        grace = pod.grace_seconds if grace_seconds is None else grace_seconds
        await asyncio.gather(*(container.stop(grace) for container in pod.containers))
        await asyncio.gather(*pod.tasks)
        if self._pods.pop(uid, None) is not None:
            self._network.release(pod.ip)


def _failed(plan: PodPlan, pod: Manifest) -> PodReport:
    """Report a failure that comes before any process."""
    if plan.failure == "unschedulable":
        return PodReport(phase="Pending", unschedulable="0/1 nodes are available: 1 Too many pods.")
    images = {each["name"]: each.get("image", "") for each in pod["spec"]["containers"]}
    return PodReport(
        phase="Pending",
        containers=tuple(
            ContainerReport(
                name=container.name,
                waiting=Waiting(
                    reason="ImagePullBackOff",
                    message=f'Back-off pulling image "{images[container.name]}"',
                ),
            )
            for container in plan.containers
        ),
    )
