"""How Canaries stand to each other: who waits for whom, and who goes together."""

from collections.abc import Callable
from dataclasses import replace

from canary.api.kinds import ObjectKey
from canary.controller.canaries import CanaryKey, CanaryRecord, KnownCanary, canary_kind
from canary.controller.dependents import Dependents, group_key
from canary.controller.store import Store
from canary.core.facts import Dependency
from canary.core.peers import CanaryName, Peer


class Relations:
    """Looks up the Canaries that one waits for, or goes with."""

    def __init__(
        self,
        dependents: Dependents,
        store: Store,
        known: Callable[[CanaryKey], KnownCanary | None],
    ) -> None:
        self._dependents = dependents
        self._store = store
        self._known = known

    def dependencies(self, record: CanaryRecord) -> tuple[Dependency, ...]:
        """Look up the Canaries that one waits for, with the releases that their targets carry now."""
        return tuple(
            Dependency(name, self._seen(_key(record.key.group, name)))
            for name in record.peer.depends_on
        )

    def members(self, record: CanaryRecord) -> tuple[Peer, ...]:
        """Find the other Canaries of a group, with the releases that their targets carry now."""
        found = (self._seen(key) for key in self._members(record.key, record.peer))
        return tuple(each for each in found if each is not None)

    def peer(self, group: str, name: CanaryName) -> Peer | None:
        """Look up a Canary as others see it; None where none is known."""
        known = self._known(_key(group, name))
        return known.peer if known else None

    def of(self, known: KnownCanary) -> tuple[CanaryKey, ...]:
        """Find the Canaries that wait for one, or go with it."""
        key = known.key
        this = ObjectKey(kind=canary_kind(key.group), namespace=key.namespace, name=key.name)
        return (*self._dependents.of(this), *self._members(key, known.peer))

    def _members(self, key: CanaryKey, peer: Peer) -> tuple[CanaryKey, ...]:
        of_group = group_key(key, peer)
        found = self._dependents.of(of_group) if of_group else ()
        return tuple(each for each in found if each != key)

    def _seen(self, key: CanaryKey) -> Peer | None:
        known = self._known(key)
        return replace(known.peer, coming=self._store.release(known)) if known else None


def _key(group: str, name: CanaryName) -> CanaryKey:
    return CanaryKey(group, name.namespace, name.name)
