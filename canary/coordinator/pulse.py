"""The pulse: which members show signs of life, on this process's own clock.

Clocks of members say nothing here: what counts is when a Lease was seen to change. A member whose
Lease has not changed since the coordinator began to listen is neither heard nor silent until its
time is over, so that a start of the coordinator takes nothing for success, or for silence, that is
old.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

DEAF_SECONDS = 60.0
"""Who has not listened for so long begins again: what happened meanwhile is not known."""


@dataclass(frozen=True, slots=True)
class _Heard:
    version: str
    changed_at: float | None
    """When it was seen to change; None before that."""


class Pulse:
    """Remembers when each member's Lease has changed."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since = float("-inf")
        self._listened_at = float("-inf")
        self._members: dict[str, _Heard] = {}

    def listen(self, versions: Mapping[str, str]) -> None:
        """Take in the versions of all Leases, by cluster."""
        now = self._clock()
        begins = now - self._listened_at > DEAF_SECONDS
        if begins:
            self._since, self._members = now, {}
        self._listened_at = now
        for cluster, version in versions.items():
            before = self._members.get(cluster)
            if before is None or before.version != version:
                self._members[cluster] = _Heard(version, None if begins else now)

    def is_heard(self, cluster: str, within_seconds: float) -> bool:
        """Tell whether a member has shown a sign of life of late."""
        heard = self._members.get(cluster)
        changed = heard.changed_at if heard is not None else None
        return changed is not None and self._clock() - changed <= within_seconds

    def is_silent(self, cluster: str, within_seconds: float) -> bool:
        """Tell whether a member has shown none for too long, as far as this process has listened."""
        heard = self._members.get(cluster)
        changed = heard.changed_at if heard is not None else None
        since = self._since if changed is None else changed
        # Only time in which it was listened to counts; before the first time there is none.
        return self._listened_at - since > within_seconds
