"""Listeners: what hears of decisions, and changes nothing about them.

The composition root lists them; who decides and who writes knows no names.
"""

from collections.abc import Set as AbstractSet

from canary.controller.canaries import CanaryKey, CanaryObject


class Listener:
    """Hears of the Canaries that this replica acts on. A listener says only what it cares about."""

    def met(self, record: CanaryObject) -> None:
        """Hear of a Canary as it was before the decision that `decided` says next."""

    def decided(self, record: CanaryObject) -> None:
        """Hear of a decision, with the status that is written by now, changed or not."""

    def awaiting(self, record: CanaryObject) -> None:
        """Hear that a decision waits for an answer; until then the status stays as it is."""

    def stand_down(self, keys: AbstractSet[CanaryKey]) -> None:
        """Leave Canaries to the replica that acts on them from now on."""
        for key in keys:
            self.forget(key)

    def forget(self, key: CanaryKey) -> None:
        """Drop what is known of a Canary that is gone."""
