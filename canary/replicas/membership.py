"""Membership: how controllers that share the Canaries agree on who they are, and never overlap.

Every member renews a Lease of its own. A shared Lease holds the agreement: who the members are,
with a generation that grows by one with every change. A member that sees a new generation stops at
once with what it loses by it, and acknowledges the generation in its own Lease; what it gains it
begins with only when every member of that generation has acknowledged it.

Why two never act on one Canary: a member acts on what is its own in every generation that it knows
since the last that all had acknowledged. Of two who act, take the newer of these two generations.
Either both have acknowledged it: then it names one owner, who is both of them. Or one is not in
it, because its Lease was gone. A Lease is deleted on the very version that was seen to stay for the
lease duration, and its member has stopped before, at its renew deadline. A member whose Lease has
lapsed never acts under that name again.

Members also renew the shared Lease, the first one to come, and stop where none could: so a replica
that shares nothing, and waits for that Lease as it always did, does not act beside them.

All moments are seconds of the member's own monotonic clock. Nothing here asks or waits.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from canary.replicas.absences import Predecessors
from canary.replicas.shares import NO_MEMBERS, Members, Share

NEVER = float("-inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """The newest agreement that a member follows: it no longer acts on an older one."""

    epoch: str = ""
    generation: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Who shares the Canaries."""

    epoch: str
    """The identity of the Lease that says so: generations count within it."""
    generation: int
    members: Members
    after: datetime | None = None
    """When a single controller has last renewed the Lease, until the members have settled."""

    def acknowledged_by(self, other: Acknowledgement | None) -> bool:
        """Tell whether who says this goes by this agreement or a newer one."""
        return (
            other is not None and other.epoch == self.epoch and other.generation >= self.generation
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberLease:
    """The Lease of a member, as a list has shown it."""

    version: str
    lease_seconds: float
    acknowledged: Acknowledgement = Acknowledgement()
    renewed: datetime | None = None
    """When it was last renewed, by its member's clock; None where it does not say so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedLease:
    """The shared Lease, as a list has shown it."""

    version: str
    lease_seconds: float
    holder: str
    agreement: Agreement | None
    """What the members agree on; None while a single controller holds the Lease, or none does."""
    renewed: datetime | None = None
    """When it was last renewed, by its holder's clock; None where it does not say so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseSnapshot:
    """All Leases of one moment, as one consistent list has shown them."""

    shared: SharedLease | None
    members: Mapping[str, MemberLease]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """A version of a Lease, and since when it is known to be the Lease's version."""

    version: str
    since: float
    lease_seconds: float

    def expired(self, now: float) -> bool:
        """Tell whether its holder has failed to renew it for so long that it has stopped."""
        return now > self.since + self.lease_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a member knows, and what it may do by it."""

    member: str
    renew_seconds: float
    version: str = ""
    """Of the member's own Lease; empty before there is one."""
    held_until: float = NEVER
    shared_version: str = ""
    shared_until: float = NEVER
    shared_due: bool = False
    """Whether the shared Lease was not renewed since it was last read."""
    looked_at: float = NEVER
    agreement: Agreement | None = None
    memberships: tuple[Members, ...] = ()
    """Those known since the last that everybody had acknowledged, the agreement's at the end."""
    shared: Unchanged | None = None
    members: Mapping[str, Unchanged] = field(default_factory=dict)
    predecessors: Predecessors = field(default_factory=Predecessors)
    """Who acted on the Canaries before the members settled on the agreement."""

    # -------------------------------------------------------------------------------- what may be

    def share(self, now: float) -> Share:
        """Give what may be acted on at a moment."""
        acts = now < min(self.held_until, self.shared_until)
        return Share(member=self.member, memberships=self.memberships if acts else ())

    def lapsed(self, now: float) -> bool:
        """Tell whether the member's Lease was not renewed in time: it is a member no more."""
        return bool(self.version) and now >= self.held_until

    @property
    def settled(self) -> bool:
        """Tell whether every member goes by the same agreement."""
        return len(self.memberships) == 1

    def expired(self, now: float) -> dict[str, str]:
        """List the members that have stopped, with the version on which each Lease may go."""
        return {
            name: each.version
            for name, each in self.members.items()
            if name != self.member and each.expired(now)
        }

    def proposal(self, now: float) -> Members | None:
        """Say who should be the members from now on; None where nothing must change.

        Everyone with a Lease is a member: only one without a Lease has surely stopped.
        """
        present = frozenset(self.members)
        if self.member not in present:
            return None
        if self.agreement is not None:
            return present if present != self.agreement.members else None
        free = self.shared is None or self.shared.expired(now)
        return present if free else None

    def agreement_due(self, now: float, *, generation: int) -> Agreement | None:
        """Say what to write into the shared Lease, after this generation; None where none is due.

        The epoch is the Lease's own.
        """
        members = self.proposal(now)
        if members is not None:
            after = None if self.settled else self.predecessors.single
            return Agreement(epoch="", generation=generation + 1, members=members, after=after)
        if self.agreement is None or not self.shared_due:
            return None
        return replace(self.agreement, after=None) if self.settled else self.agreement

    def absent_since(self, canary: str) -> datetime | None:
        """Tell since when a Canary that this member takes over has had no owner.

        None where another member hands it over, or its last owner is not known.
        """
        members = self.agreement.members if self.agreement is not None else NO_MEMBERS
        return self.predecessors.absent_since(canary, members)

    # ------------------------------------------------------------------------------- what happened

    def renewed(self, version: str, *, started: float, now: float) -> "Standing":
        """Take in that the member's own Lease was written, by a request begun at `started`."""
        if self.lapsed(now):
            return self
        return replace(self, version=version, held_until=started + self.renew_seconds)

    def listed(self, snapshot: LeaseSnapshot, *, started: float, now: float) -> "Standing":
        """Take in a list that was begun at `started` and has come by now."""
        mine = snapshot.members.get(self.member)
        if self.version and mine is None:
            # Another took this member for stopped, or meddled: either way it is no longer a member.
            return replace(self, held_until=NEVER, memberships=(), members={})
        members = {
            name: _unchanged(self.members.get(name), lease.version, lease.lease_seconds, now)
            for name, lease in snapshot.members.items()
        }
        version = mine.version if mine is not None else ""
        shared = self._shared(snapshot.shared, started, now)
        agreed = self._agreed(snapshot)
        return replace(self, members=members, version=version, **shared, **agreed)

    def shared_written(self, version: str, *, started: float) -> "Standing":
        """Take in that this member has written the shared Lease."""
        until = started + self.renew_seconds
        return replace(
            self, shared_version=version, shared_until=until, looked_at=started, shared_due=False
        )

    def _shared(self, lease: SharedLease | None, started: float, now: float) -> dict[str, Any]:
        """Look at the hold that the members have on the shared Lease together."""
        if lease is None:
            return {**_NOT_SHARED, "shared": None, "looked_at": started}
        # A Lease without a holder is free at once.
        seconds = lease.lease_seconds if lease.holder else NEVER
        shared = _unchanged(self.shared, lease.version, seconds, now)
        if lease.agreement is None:
            return {**_NOT_SHARED, "shared": shared, "looked_at": started}
        until = self.shared_until
        if self.shared_version not in {"", lease.version}:
            # Written after the last look was begun; when exactly is not known.
            until = max(until, self.looked_at + self.renew_seconds)
        return {
            "shared": shared,
            "shared_version": lease.version,
            "shared_until": until,
            "shared_due": lease.version == self.shared_version,
            "looked_at": started,
        }

    def _agreed(self, snapshot: LeaseSnapshot) -> dict[str, Any]:
        """Look at what is agreed on, and whether everybody goes by it."""
        shared, before = snapshot.shared, self.agreement
        agreement = shared.agreement if shared is not None else None
        if shared is None or agreement is None:
            single = Predecessors(single=shared.renewed if shared is not None else None)
            return {"agreement": None, "memberships": (), "predecessors": single}
        memberships = self.memberships
        if before is None or before.epoch != agreement.epoch or not memberships:
            # Nothing is kept: what everybody else did until now is not known.
            memberships = (NO_MEMBERS, agreement.members)
        elif agreement.generation > before.generation:
            memberships = (*memberships, agreement.members)
        predecessors = self._predecessors(memberships, agreement.after, snapshot)
        if all(
            name in snapshot.members
            and agreement.acknowledged_by(snapshot.members[name].acknowledged)
            for name in agreement.members
        ):
            memberships = (agreement.members,)
        return {
            "agreement": agreement,
            "memberships": memberships,
            "predecessors": predecessors,
        }

    def _predecessors(
        self, memberships: tuple[Members, ...], after: datetime | None, snapshot: LeaseSnapshot
    ) -> Predecessors:
        """Look at who acts until everybody goes by the newest of these memberships."""
        if after is not None and NO_MEMBERS in memberships:
            return Predecessors(single=after)
        oldest = next(each for each in memberships if each or each is memberships[-1])
        seen = {
            name: lease.renewed
            for name, lease in snapshot.members.items()
            if lease.renewed is not None
        }
        kept = {
            name: moment
            for name, moment in self.predecessors.renewed.items()
            if any(name in each for each in memberships)
        }
        return Predecessors(members=oldest, renewed=kept | seen)


_NOT_SHARED: Mapping[str, Any] = {"shared_version": "", "shared_until": NEVER, "shared_due": False}


def _unchanged(
    before: Unchanged | None, version: str, lease_seconds: float, now: float
) -> Unchanged:
    if before is not None and before.version == version:
        return before
    return Unchanged(version=version, since=now, lease_seconds=lease_seconds)
