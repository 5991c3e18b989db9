"""What is stored: objects by kind, one resource version for all, and a bounded history of changes.

Stored objects are never changed in place: a caller that changes one copies it first.
Each version of an object is serialised once, and its bytes are shared by every list and watch.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Literal, NamedTuple

from tidegate_embedded.apiserver import errors
from tidegate_embedded.apiserver.resources import StorageKey
from tidegate_embedded.apiserver.values import Object, to_json

#: An object's namespace ("" for what has none) and name.
Name = tuple[str, str]
Change = Literal["ADDED", "MODIFIED", "DELETED"]


class Stored:
    """One version of an object, with its representations as they are made."""

    __slots__ = ("_representations", "object", "version")

    def __init__(self, item: Object, version: int) -> None:
        self.object = item
        self.version = version
        self._representations: dict[str, bytes] = {}

    def represented(self, form: str, make: Callable[[Object], Object] | None = None) -> bytes:
        """Return the bytes of a representation, made once; without `make`, those of the object."""
        data = self._representations.get(form)
        if data is None:
            data = to_json(make(self.object) if make else self.object)
            self._representations[form] = data
        return data


class Event(NamedTuple):
    """One change: `stored` is the object after it, `before` the one it replaced."""

    version: int
    change: Change
    stored: Stored
    before: Stored | None


class History:
    """The objects of one kind and the changes to them that are still remembered."""

    def __init__(self, length: int, forgotten: int) -> None:
        self.objects: dict[Name, Stored] = {}
        self.events: deque[Event] = deque(maxlen=length)
        #: The number of events ever appended; the position that a watch goes on from.
        self.appended = 0
        #: The version of the newest change that is no longer remembered.
        self.forgotten = forgotten
        self._waiting: set[asyncio.Future[None]] = set()

    def append(self, event: Event) -> None:
        """Remember a change and wake those who wait for it."""
        if self.events and len(self.events) == self.events.maxlen:
            self.forgotten = self.events[0].version
        self.events.append(event)
        self.appended += 1
        self.wake()

    def wake(self) -> None:
        """Wake everyone who waits for a change."""
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)
        self._waiting.clear()

    def forget(self, version: int) -> None:
        """Forget all changes up to a version, as a compaction of the real store does."""
        self.forgotten = version
        self.events.clear()

    def position_after(self, version: int) -> int:
        """Return the position of the first change after a version; raises a 410 if forgotten."""
        if version < self.forgotten:
            raise errors.expired(f"too old resource version: {version} ({self.forgotten})")
        later = 0
        for event in reversed(self.events):
            if event.version <= version:
                break
            later += 1
        return self.appended - later

    def since(self, position: int) -> list[Event]:
        """Return the changes from a position on; raises a 410 if some are forgotten."""
        count = self.appended - position
        if count > len(self.events):
            raise errors.expired("too old resource version: the watch is too slow")
        if count <= 0:
            return []
        if count == 1:
            return [self.events[-1]]
        return list(self.events)[-count:]

    def as_of(self, version: int) -> dict[Name, Stored]:
        """Return the objects as they were at a version; raises a 410 if that is forgotten."""
        if version < self.forgotten:
            raise errors.expired(
                "The provided continue parameter is too old to display a consistent list result."
                " You can start a new list without the continue parameter."
            )
        objects = dict(self.objects)
        for event in reversed(self.events):
            if event.version <= version:
                break
            metadata = event.stored.object["metadata"]
            name = (metadata.get("namespace", ""), metadata["name"])
            if event.before is None:
                objects.pop(name, None)
            else:
                objects[name] = event.before
        return objects

    async def changed(self, seconds: float) -> None:
        """Wait until the next change, at most so long."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.add(waiter)
        try:
            await asyncio.wait({waiter}, timeout=seconds)
        finally:
            self._waiting.discard(waiter)


Subscriber = Callable[[StorageKey, Event], None]


class Storage:
    """All objects, with one resource version that rises with every change of any of them."""

    def __init__(self, history_length: int = 10_000) -> None:
        self.version = 1
        self._history_length = history_length
        #: What was before this version is not remembered for any kind.
        self._began = self.version
        self._kinds: dict[StorageKey, History] = {}
        self._subscribers: list[Subscriber] = []

    def history(self, key: StorageKey) -> History:
        """Return the objects and changes of a kind."""
        history = self._kinds.get(key)
        if history is None:
            history = self._kinds[key] = History(self._history_length, self._began)
        return history

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call a function with every change from now on; returns what ends it."""
        self._subscribers.append(subscriber)
        return lambda: self._subscribers.remove(subscriber)

    def find(self, key: StorageKey, name: Name) -> Stored | None:
        """Return an object, or None."""
        return self.history(key).objects.get(name)

    def put(self, key: StorageKey, name: Name, item: Object) -> Stored:
        """Store an object under the next resource version, which is written into it."""
        history = self.history(key)
        before = history.objects.get(name)
        self.version += 1
        item["metadata"]["resourceVersion"] = str(self.version)
        stored = history.objects[name] = Stored(item, self.version)
        change: Change = "ADDED" if before is None else "MODIFIED"
        self._publish(key, history, Event(self.version, change, stored, before))
        return stored

    def remove(self, key: StorageKey, name: Name, item: Object) -> Stored:
        """Remove an object; `item` is its last state, which the change carries."""
        history = self.history(key)
        before = history.objects.pop(name)
        self.version += 1
        item["metadata"]["resourceVersion"] = str(self.version)
        stored = Stored(item, self.version)
        self._publish(key, history, Event(self.version, "DELETED", stored, before))
        return stored

    def forget_history(self) -> None:
        """Forget all past changes: older resource versions are Gone."""
        self._began = self.version
        for history in self._kinds.values():
            history.forget(self.version)

    def drop_kind(self, key: StorageKey) -> None:
        """Wake the watches of a kind that is served no longer, so that they end."""
        self.history(key).wake()

    def _publish(self, key: StorageKey, history: History, event: Event) -> None:
        history.append(event)
        for subscriber in tuple(self._subscribers):
            subscriber(key, event)
