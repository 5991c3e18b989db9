"""What came of requests: of one, of those that failed, of the last seconds, and of all."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

#: The status of a request without an answer.
NO_STATUS = 0


class Reply(NamedTuple):
    """One answer: when it came, how long it took in seconds, and who gave it."""

    at: float
    seconds: float
    status: int
    version: str
    cluster: str
    #: Why there was no answer, or none by a pod.
    trouble: str

    @property
    def failed(self) -> bool:
        """Whether the caller got no answer, or 5xx."""
        return self.status == NO_STATUS or self.status >= 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A request that failed: when in seconds since the load began, with what, and why."""

    after_seconds: float
    status: int
    trouble: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What the last seconds saw; latencies in milliseconds, shares in percent."""

    requests: int = 0
    failed: int = 0
    rate: float = 0.0
    canary_share: float | None = None
    median_ms: float | None = None
    p99_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadStats:
    """What came of all requests so far.

    `failed` are those without an answer or with 5xx; `lost` those of them that no pod has answered:
    no release is to blame for them. Status 0 is no answer at all.
    """

    requests: int = 0
    failed: int = 0
    lost: int = 0
    by_status: Mapping[int, int] = field(default_factory=dict)
    by_version: Mapping[str, int] = field(default_factory=dict)
    by_cluster: Mapping[str, int] = field(default_factory=dict)
    failed_by_cluster: Mapping[str, int] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()
    """The last of those that failed."""
    losses: tuple[Failure, ...] = ()
    """The last of those that were lost, which answers of a bad release do not push out."""
    window: Window = Window()
