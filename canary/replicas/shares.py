"""Shares: which of several controllers acts on which Canary.

Who is a member, and since when a share may be acted on, does not belong here but in
`membership.py`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b

Members = frozenset[str]

NO_MEMBERS: Members = frozenset()


def owner(canary: str, members: Iterable[str]) -> str | None:
    """Choose the member that a Canary falls to; None where there is no member.

    Rendezvous hashing: the member with the highest hash beside this Canary's. A member that comes
    takes its share evenly from all others, one that goes leaves it evenly to them, and no Canary
    moves between two that stay.
    """
    return max(members, key=lambda member: (_hash(member, canary), member), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one member acts on: the Canaries that fall to it in each of several memberships."""

    member: str
    memberships: tuple[Members, ...] = ()
    """None at all is no share."""

    @property
    def empty(self) -> bool:
        """Whether there can be nothing in it."""
        return not self.memberships or any(self.member not in each for each in self.memberships)

    def __contains__(self, canary: object) -> bool:
        """Tell whether a Canary, named by text that never changes, is in the share."""
        return not self.empty and all(
            owner(str(canary), members) == self.member for members in self.memberships
        )


def _hash(member: str, canary: str) -> bytes:
    return blake2b(f"{member}\n{canary}".encode(), digest_size=8).digest()
