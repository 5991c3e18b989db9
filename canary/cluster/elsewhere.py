"""The kinds that are in another cluster than the Canaries, and the connection to that one.

This is the one table of which kind is where. What of an object is different there, its owner, is
made so on the way (`objects/marking.py`), so that nothing above knows of two clusters.
"""

from dataclasses import dataclass

from canary.api.kinds import Kind, Manifest
from canary.cluster.connection import Connection, Events
from canary.errors import Contested
from canary.objects.marking import Home, contested, received, sent
from canary.objects.ownership import CanaryOwner


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """Another cluster, and what is there."""

    connection: Connection
    resources: frozenset[str]
    """The kinds that are there, by their names in rights; their versions may differ."""
    home: Home
    """The cluster of the Canaries, by which objects there are known to be theirs."""

    def has(self, kind: Kind) -> bool:
        """Tell whether a kind is there."""
        return kind.resource in self.resources

    def sent(self, obj: Manifest, owner: CanaryOwner | None) -> Manifest:
        """Give an object as it is written there.

        Raises:
            Contested: it is another owner's.
        """
        return sent(obj, self.home, owner)

    def received(self, obj: Manifest) -> Manifest:
        """Give an object as it is read there, as if it were here."""
        return received(obj, self.home)

    def may_delete(self, obj: Manifest) -> str:
        """Give the version on which an object may be deleted.

        Raises:
            Contested: it is another owner's.
        """
        found = self.received(obj)
        if whose := contested(found):
            raise Contested(whose)
        return str(found["metadata"]["resourceVersion"])

    async def events(self, events: Events) -> Events:
        """Pass on the events of a watch there."""
        async for type_, obj in events:
            yield type_, obj if type_ == "BOOKMARK" else self.received(obj)
