"""How a connection to an API server behaves, and what observes its requests."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from canary.cluster.limits import Limits

Observe = Callable[[str, str, int, float], None]
"""Called after every request with its verb, resource, HTTP status (0 for none) and seconds."""


def unobserved(_verb: str, _resource: str, _status: int, _seconds: float) -> None:
    """Observe nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a connection behaves."""

    user_agent: str
    observe: Observe
    requests_per_second: float
    burst: int
    limits: Limits
    sleep: Callable[[float], Awaitable[None]]
