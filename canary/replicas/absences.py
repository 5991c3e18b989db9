"""Absences: since when a Canary has had no owner, as seen by the member that takes it over.

The moments are those that Leases show, each by the clock of its writer. No right to act depends on
them, only the clocks of deadlines, which stand still for as long.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from canary.replicas.shares import NO_MEMBERS, Members, owner


@dataclass(frozen=True, slots=True, kw_only=True)
class Predecessors:
    """Who acted on the Canaries until now, and when each was last seen to be alive."""

    members: Members = NO_MEMBERS
    """Who shared them; empty where a single controller acted on all, or none did."""
    renewed: Mapping[str, datetime] = field(default_factory=dict)
    """When each member has last renewed its Lease; those whose Lease is gone are kept."""
    single: datetime | None = None
    """When a single controller has last renewed the shared Lease; None without one."""

    def absent_since(self, canary: str, members: Members) -> datetime | None:
        """Tell since when a Canary that falls to one of these members has had no owner.

        None where its last owner is one of them, or is not known.
        """
        if not self.members:
            return self.single
        last = owner(canary, self.members)
        return None if last is None or last in members else self.renewed.get(last)
