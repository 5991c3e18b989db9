"""Who asked what: the log that the cost of clients is counted from."""

from collections import Counter, deque
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

#: Older entries are dropped; the counters stay exact.
ENTRIES_KEPT = 200_000

_LEASES = "leases"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One request; `resource` is the path where it was not about a resource."""

    user_agent: str
    verb: str
    resource: str
    namespace: str
    name: str
    subresource: str
    status: int
    at: datetime


class Asked(NamedTuple):
    """What requests are counted by."""

    user_agent: str
    verb: str
    resource: str


class RequestCounter(Counter[Asked]):
    """Requests by user agent, verb and resource; those for Leases are counted in `leases`."""

    def __init__(self) -> None:
        super().__init__()
        self.leases: Counter[Asked] = Counter()

    def count(self, *, user_agent: str = "", verb: str = "", resource: str = "") -> int:
        """Sum the requests whose user agent contains a text, of a verb and resource if named."""
        return sum(
            number
            for asked, number in self.items()
            if user_agent in asked.user_agent
            and verb in {"", asked.verb}
            and resource in {"", asked.resource}
        )


class Audit:
    """The requests so far."""

    def __init__(self) -> None:
        self.entries: deque[AuditEntry] = deque(maxlen=ENTRIES_KEPT)
        self.requests = RequestCounter()

    def record(self, entry: AuditEntry) -> None:
        """Log and count a request."""
        self.entries.append(entry)
        asked = Asked(entry.user_agent, entry.verb, entry.resource)
        counter = self.requests.leases if entry.resource == _LEASES else self.requests
        counter[asked] += 1
