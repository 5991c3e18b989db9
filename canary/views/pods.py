"""The pods of both sides as people and programs read them, and why one does not run."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum

from pydantic import Field, TypeAdapter, ValidationError

from canary.api.kinds import Manifest
from canary.api.raw import items, part, text
from canary.api.status import Moment
from canary.objects.waiting import waiting_containers
from canary.views.blocks import Block, Line, Rows, Styled
from canary.views.canary import ReadyView, ViewModel
from canary.views.moments import span

_MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)
_BEGINNING = frozenset({"", "ContainerCreating", "PodInitializing"})
"""Why a container waits that is about to start."""
_LONGEST = 300
_NOTHING = "–"


class PodSide(StrEnum):
    """Which of both revisions a pod runs."""

    PRIMARY = "primary"
    CANARY = "canary"


class PodView(ViewModel):
    """A pod of one side."""

    side: PodSide = Field(description="Which side it serves.")
    name: str = Field(description="Its name.")
    ready: int = Field(description="How many of its containers are ready.")
    containers: int = Field(description="How many containers it has.")
    restarts: int = Field(description="How often its containers were started again.")
    state: str = Field(description="Running, or why it doesn't: ImagePullBackOff, Unschedulable.")
    message: str = Field(description="More of why it is not ready; empty where it is.")
    since: Moment | None = Field(description="When it was made.")

    @property
    def well(self) -> bool:
        """Whether all of it is ready."""
        return bool(self.containers) and self.ready == self.containers


def pod_view(side: PodSide, manifest: Manifest) -> PodView:
    """See a pod; a field that cannot be read is as if it were absent."""
    statuses = items(part(manifest.get("status"), "containerStatuses"))
    restarts = (part(each, "restartCount") for each in statuses)
    state, message = _state(manifest)
    return PodView(
        side=side,
        name=text(manifest.get("metadata"), "name"),
        ready=sum(part(each, "ready") is True for each in statuses),
        containers=len(items(part(manifest.get("spec"), "containers"))),
        restarts=sum(each for each in restarts if isinstance(each, int)),
        state=state,
        message=message[:_LONGEST],
        since=_moment(part(manifest.get("metadata"), "creationTimestamp")),
    )


def pods_block(pods: Sequence[PodView], now: datetime) -> Block:
    """Show pods in rows, and below them why one is not ready."""
    if not pods:
        return (("There are no pods of either side.",),)
    rows = Rows(
        header=("SIDE", "POD", "READY", "STATE", "RESTARTS", "AGE"),
        rows=tuple(_row(each, now) for each in pods),
    )
    return (rows, *((f"{each.name}: {each.message}",) for each in pods if each.message))


def ready_line(ready: Iterable[ReadyView]) -> Line:
    """Say how many pods of each side are ready; nothing where none is known."""
    told = "  ".join(f"{each.side} {each.ready}/{each.wanted} ready" for each in ready)
    return (f"pods {told}",) if told else ()


def _row(pod: PodView, now: datetime) -> Line:
    return (
        pod.side.value,
        pod.name,
        f"{pod.ready}/{pod.containers}",
        pod.state if pod.well else Styled(pod.state, "yellow"),
        str(pod.restarts),
        span(max(now - pod.since, now - now)) if pod.since else _NOTHING,
    )


def _state(pod: Manifest) -> tuple[str, str]:
    """Say in a word what a pod is doing, and in a sentence why it is not ready."""
    status = pod.get("status")
    if part(pod.get("metadata"), "deletionTimestamp"):
        return "Terminating", ""
    waiting = list(waiting_containers(pod))
    for each in waiting:
        if each.reason not in _BEGINNING:
            said = f": {each.message}" if each.message else ""
            return each.cause, f"container {each.name}{said}"
    place, ready = _condition(status, "PodScheduled"), _condition(status, "Ready")
    if text(place, "status") == "False":
        return text(place, "reason") or "Unschedulable", text(place, "message")
    if reason := text(status, "reason"):
        return reason, text(status, "message")
    begun = next((each.reason for each in waiting if each.reason), "")
    message = text(ready, "message") if text(ready, "status") == "False" else ""
    return begun or text(status, "phase") or "Pending", message


def _condition(status: object, type_: str) -> object:
    found = (each for each in items(part(status, "conditions")) if text(each, "type") == type_)
    return next(found, None)


def _moment(written: object) -> datetime | None:
    try:
        return _MOMENT.validate_python(written)
    except ValidationError:
        return None
