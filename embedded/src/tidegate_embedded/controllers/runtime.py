"""What runs pods: the protocol, what it reports, and a runtime that only pretends.

**The protocol.** `start` is awaited once for each new pod, with the pod object as it is stored and
a callback; it calls the callback whenever the state of the pod changes, during `start` and
afterwards, from the event loop's thread. `stop` is awaited once when the pod is deleted, whether
or not it ever ran; when it returns, nothing of the pod runs and the pod is removed. Both may take
as long as they need: each pod has its own task. A report after `stop` is ignored.
A new pod of the same name is another pod: use `metadata.uid` to tell them apart.
"""

import asyncio
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal, Protocol

from tidegate_embedded.apiserver.values import Object, at_path

#: On a pod (its template): how it shall go wrong. The tag of an image does the same.
SIMULATE = "tidegate.dev/simulate"

Phase = Literal["Pending", "Running", "Succeeded", "Failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A container that does not run, and why."""

    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminated:
    """A container that has ended, and how."""

    exit_code: int
    reason: str = "Error"
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerReport:
    """The state of one container; without `waiting` or `terminated` it runs."""

    name: str
    ready: bool = False
    restart_count: int = 0
    waiting: Waiting | None = None
    terminated: Terminated | None = None
    last_terminated: Terminated | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PodReport:
    """The state of a pod, as a whole: each report replaces the one before.

    `unschedulable` is why no place was found for it; the pod then stays Pending.
    """

    phase: Phase
    ip: str | None = None
    containers: tuple[ContainerReport, ...] = ()
    unschedulable: str | None = None

    @property
    def ready(self) -> bool:
        """Whether the pod serves: it runs and all its containers are ready."""
        return (
            self.phase == "Running"
            and bool(self.containers)
            and all(container.ready for container in self.containers)
        )


Report = Callable[[PodReport], None]


class PodRuntime(Protocol):
    """What runs pods; see the module for the contract."""

    async def start(self, pod: Object, report: Report) -> None:
        """Run a pod and report its states."""

    async def stop(self, pod: Object) -> None:
        """End a pod; return when nothing of it runs any longer."""


def container_names(pod: Object) -> list[str]:
    """Return the names of a pod's containers."""
    return [container["name"] for container in pod["spec"]["containers"]]


def simulated_failure(pod: Object) -> str | None:
    """Return how a pod shall go wrong: by its annotation, or by the tag of an image."""
    named = at_path(pod, "metadata", "annotations", SIMULATE)
    if named is not None:
        return str(named)
    for container in pod["spec"]["containers"]:
        tag = container.get("image", "").rpartition("/")[2].partition(":")[2]
        if tag in FAILURES:
            return str(tag)
    return None


def running(pod: Object, ip: str, *, ready: bool = True) -> PodReport:
    """Report that all containers run."""
    containers = tuple(ContainerReport(name=name, ready=ready) for name in container_names(pod))
    return PodReport(phase="Running", ip=ip, containers=containers)


def _crashing(pod: Object, ip: str, ended: Terminated, restarts: int, delay: int) -> PodReport:
    metadata = pod["metadata"]
    message = (
        f"back-off {delay}s restarting failed container={{name}}"
        f" pod={metadata['name']}_{metadata.get('namespace')}({metadata['uid']})"
    )
    containers = tuple(
        ContainerReport(
            name=name,
            restart_count=restarts,
            waiting=Waiting(reason="CrashLoopBackOff", message=message.format(name=name)),
            last_terminated=ended,
        )
        for name in container_names(pod)
    )
    return PodReport(phase="Running", ip=ip, containers=containers)


def _image_pull(pod: Object) -> PodReport:
    return PodReport(
        phase="Pending",
        containers=tuple(
            ContainerReport(
                name=container["name"],
                waiting=Waiting(
                    reason="ImagePullBackOff",
                    message=f'Back-off pulling image "{container.get("image")}"',
                ),
            )
            for container in pod["spec"]["containers"]
        ),
    )


_CRASHED = Terminated(exit_code=1)
_OUT_OF_MEMORY = Terminated(exit_code=137, reason="OOMKilled")

#: What can be asked for by `SIMULATE`, and what ends the containers that crash.
FAILURES: dict[str, Terminated | None] = {
    "crash-loop": _CRASHED,
    "oom": _OUT_OF_MEMORY,
    "image-pull": None,
    "never-ready": None,
    "unschedulable": None,
}


def pod_addresses() -> Iterator[str]:
    """Yield addresses of a pod network, each once."""
    for number in itertools.count(256):
        yield f"10.244.{number // 256 % 256}.{number % 256}"


@dataclass(slots=True)
class InstantRuntime:
    """Pretends: pods are running at once and ready after a while, or fail as asked."""

    ready_after_seconds: float = 0.0
    #: The first pause of a crash loop; it doubles up to five minutes.
    back_off_seconds: float = 10.0
    _addresses: Iterator[str] = field(default_factory=pod_addresses)
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def start(self, pod: Object, report: Report) -> None:
        """Report the states of a pretended pod."""
        failure = simulated_failure(pod)
        if failure == "unschedulable":
            report(
                PodReport(
                    phase="Pending", unschedulable="0/1 nodes are available: 1 Too many pods."
                )
            )
            return
        if failure == "image-pull":
            report(_image_pull(pod))
            return
        ip = next(self._addresses)
        report(running(pod, ip, ready=False))
        if failure == "never-ready":
            return
        ended = FAILURES.get(failure) if failure else None
        if ended is not None:
            loop = asyncio.create_task(self._crash(pod, ip, ended, report))
            self._tasks[pod["metadata"]["uid"]] = loop
            return
        if self.ready_after_seconds:
            await asyncio.sleep(self.ready_after_seconds)
        report(running(pod, ip))

    async def stop(self, pod: Object) -> None:
        """End a pretended pod."""
        task = self._tasks.pop(pod["metadata"]["uid"], None)
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    async def _crash(self, pod: Object, ip: str, ended: Terminated, report: Report) -> None:
        delay = self.back_off_seconds
        for restarts in itertools.count(1):
            report(_crashing(pod, ip, ended, restarts, int(delay)))
            await asyncio.sleep(delay)
            delay = min(delay * 2, 300.0)
