"""How Canaries stand to each other: rivals, those that wait for others, and those that go together."""

from collections.abc import Callable
from dataclasses import replace

from canary.api.kinds import SERVICE, ObjectKey
from canary.controller.canaries import (
    CanaryKey,
    CanaryObject,
    CanaryRecord,
    KnownCanary,
    canary_kind,
)
from canary.controller.dependents import Dependents, group_key, places_everywhere
from canary.controller.store import Store
from canary.core.facts import Dependency
from canary.core.peers import CanaryName, Peer


class Relations:
    """Looks up the Canaries that matter to one."""

    def __init__(
        self,
        dependents: Dependents,
        store: Store,
        known: Callable[[CanaryKey], KnownCanary | None],
    ) -> None:
        self._dependents = dependents
        self._store = store
        self._known = known

    def rivals(self, record: CanaryObject | KnownCanary) -> list[KnownCanary]:
        """Find the other Canaries that a Canary's target or service matters to.

        They are of its namespace, and of others where its route is one thing with theirs.
        """
        peer, namespace, kind = record.peer, record.key.namespace, record.target_kind
        named = [(SERVICE, service) for service in peer.services]
        named += [(kind, target) for _, target in peer.targets if kind is not None]
        here = [ObjectKey(kind=of, namespace=namespace, name=name) for of, name in named]
        keys = [
            *(other for key in here for other in self._dependents.of(key) if _in(namespace, other)),
            *(other for key in places_everywhere(peer) for other in self._dependents.of(key)),
        ]
        found = (self._known(other) for other in dict.fromkeys(keys) if other != record.key)
        return [other for other in found if other is not None]

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

    def concerned(self, record: CanaryObject | KnownCanary) -> set[CanaryKey]:
        """Find the Canaries to which one matters: its rivals, and those that wait for it or go with it."""
        key = record.key
        this = ObjectKey(kind=canary_kind(key.group), namespace=key.namespace, name=key.name)
        rivals = {other.key for other in self.rivals(record)}
        return rivals.union(self._dependents.of(this), self._members(key, record.peer))

    def _members(self, key: CanaryKey, peer: Peer) -> tuple[CanaryKey, ...]:
        of_group = group_key(key, peer)
        found = self._dependents.of(of_group) if of_group else ()
        return tuple(each for each in found if each != key)

    def _seen(self, key: CanaryKey) -> Peer | None:
        known = self._known(key)
        return replace(known.peer, coming=self._store.release(known)) if known else None


def _in(namespace: str, key: CanaryKey) -> bool:
    return key.namespace == namespace


def _key(group: str, name: CanaryName) -> CanaryKey:
    return CanaryKey(group, name.namespace, name.name)
