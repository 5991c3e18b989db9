"""The audit log of the real API server: who asked what, and what came of it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

#: Every request once it is answered, without what was in it.
POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata"}],
}

_DECISION = "authorization.k8s.io/decision"


class Audited(Protocol):
    """A request in an audit log, of the embedded API server or of the real one."""

    @property
    def user_agent(self) -> str: ...
    @property
    def verb(self) -> str: ...
    @property
    def resource(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def status(self) -> int: ...
    @property
    def at(self) -> datetime: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One request; `resource` is the path where it was not about a resource.

    The fields of the embedded API server's entries, and what only the real one knows: the group and
    the user.
    """

    user_agent: str
    user: str
    verb: str
    group: str
    resource: str
    subresource: str
    namespace: str
    name: str
    status: int
    at: datetime
    """When it was asked."""
    forbidden: bool = False
    """Whether the user lacks the right to it. Others may be refused with 403 as well, such as what
    is created in a namespace that is being deleted."""


class AuditLog:
    """The requests of one kind of user agents in a log that grows, from where it stands now."""

    def __init__(self, log: Path, *, user_agents: str) -> None:
        self._log = log
        self._prefix = user_agents
        self._read = log.stat().st_size
        self._entries: list[AuditEntry] = []

    @property
    def entries(self) -> Sequence[AuditEntry]:
        """The requests so far, in their order; what was read once is not read again."""
        with self._log.open("rb") as lines:
            lines.seek(self._read)
            for line in lines:
                if not line.endswith(b"\n"):
                    break  # is being written
                self._read += len(line)
                self._entries += (
                    entry for entry in _of_line(line) if entry.user_agent.startswith(self._prefix)
                )
        return self._entries


def entries(log: Path, *, since: int = 0) -> Iterator[AuditEntry]:
    """Read the requests in their order, from a byte of the log on; a watch counts as it opens."""
    with log.open("rb") as lines:
        lines.seek(since)
        for line in lines:
            if not line.endswith(b"\n"):
                return  # is being written
            yield from _of_line(line)


def _of_line(line: bytes) -> Iterator[AuditEntry]:
    event = json.loads(line)
    # A watch is told of when it opens and when it ends; everything else only once.
    if event["stage"] == "ResponseStarted" or event["verb"] != "watch":
        yield _entry(event)


def _entry(event: dict[str, Any]) -> AuditEntry:
    about = event.get("objectRef") or {}
    return AuditEntry(
        user_agent=event.get("userAgent", ""),
        user=event["user"].get("username", ""),
        verb=event["verb"],
        group=about.get("apiGroup", ""),
        resource=about.get("resource") or event["requestURI"].partition("?")[0],
        subresource=about.get("subresource", ""),
        namespace=about.get("namespace", ""),
        name=about.get("name", ""),
        status=(event.get("responseStatus") or {}).get("code", 0),
        at=datetime.fromisoformat(event["requestReceivedTimestamp"]),
        forbidden=(event.get("annotations") or {}).get(_DECISION) == "forbid",
    )
