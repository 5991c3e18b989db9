"""Containers of a pod that wait, and why: a pod says of itself no more than that it isn't ready."""

from collections.abc import Iterator
from typing import NamedTuple

from canary.api.kinds import Manifest
from canary.api.raw import items, part, text

_LONGEST = 300
_OUT_OF_MEMORY = "OOMKilled"


class WaitingContainer(NamedTuple):
    """A container that waits to be started, or started again."""

    name: str
    reason: str
    """As Kubernetes names it: `ImagePullBackOff`."""
    killed: bool
    """Whether its last process was killed because it took too much memory."""
    message: str
    """What Kubernetes says of it, and how its last process ended."""

    @property
    def cause(self) -> str:
        """The reason, or what led to it."""
        return _OUT_OF_MEMORY if self.killed else self.reason


def waiting_containers(pod: Manifest) -> Iterator[WaitingContainer]:
    """List the containers of a pod that wait; those that run before the others first."""
    status = pod.get("status")
    for each in ("initContainerStatuses", "containerStatuses"):
        for container in items(part(status, each)):
            waiting = part(part(container, "state"), "waiting")
            last = part(part(container, "lastState"), "terminated")
            if waiting is not None:
                yield WaitingContainer(
                    name=text(container, "name"),
                    reason=text(waiting, "reason"),
                    killed=text(last, "reason") == _OUT_OF_MEMORY,
                    message=_message(waiting, last),
                )


def _message(waiting: object, last: object) -> str:
    said = [text(waiting, "message"), text(last, "message")]
    if (code := part(last, "exitCode")) is not None:
        said.append(f"exit code {code}")
    return "; ".join(each.strip() for each in said if each.strip())[:_LONGEST]
