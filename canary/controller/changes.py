"""What others have changed: how objects were before that, until they are as wanted again."""

from dataclasses import dataclass

from canary.api.kinds import ObjectKey
from canary.controller.memo import Memo
from canary.controller.records import Packed
from canary.objects.ownership import ownerless


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change that tidegate did not make."""

    before: Packed
    """The object as it was when it was last as wanted."""
    version: str
    """Tells this change from the next one; what writes the status of an object makes no new one."""
    changed_by: str
    """Who made it; empty where that is unknown."""


class Changes:
    """Remembers what others have changed."""

    def __init__(self) -> None:
        self._changes: Memo[Change] = Memo()
        self._shown: Memo[str] = Memo()
        """The versions that a decision knows of."""
        self._owned_again: Memo[int] = Memo()
        self._losses: Memo[int] = Memo()
        """Which loss of an owner a decision knows of."""

    def note(self, key: ObjectKey, before: Packed, after: Packed | None) -> None:
        """Take in what an event has told of; what another replica has written is no change.

        Nothing shows who only removed something, but no replica removes an owner.
        """
        if after is None:
            version, changed_by = f"{before.resource_version} deleted", ""
        elif after.content == before.content or (
            not after.changed_by and not ownerless(after.owners)
        ):
            return
        else:
            version, changed_by = after.resource_version, after.changed_by
        known = self.find(key)
        first = before if known is None else known.before
        change = Change(before=first, version=version, changed_by=changed_by)
        self._changes.keep(key, (), change)

    def find(self, key: ObjectKey) -> Change | None:
        """Give the last change of an object; None where it is as tidegate left it."""
        return self._changes.recall(key, ())

    def show(self, key: ObjectKey, change: Change) -> None:
        """Take in that a decision is made on a change."""
        self._shown.keep(key, (), change.version)

    def unseen(self, key: ObjectKey) -> bool:
        """Tell whether an object was changed since something was decided about it."""
        change = self.find(key)
        return change is not None and change.version != self._shown.recall(key, ())

    def show_loss(self, key: ObjectKey) -> None:
        """Take in that a decision is made on an object that has lost its owner."""
        self._losses.keep(key, (), self.times_owned_again(key))

    def loss_unseen(self, key: ObjectKey) -> bool:
        """Tell whether an object has lost its owner since something was decided about it."""
        return self._losses.recall(key, ()) != self.times_owned_again(key)

    def own_again(self, key: ObjectKey) -> None:
        """Take in that an object that had lost its owner was given it back."""
        self._owned_again.keep(key, (), self.times_owned_again(key) + 1)

    def times_owned_again(self, key: ObjectKey) -> int:
        """Count how often an object was given its owner back: tells one loss from the next."""
        return self._owned_again.recall(key, ()) or 0

    def settle(self, key: ObjectKey) -> None:
        """Take in that an object is as wanted."""
        self._changes.forget(key)
        self._shown.forget(key)
