"""The records of one kind: what the server has told of each object, and our own writes have.

Answers and events overtake each other: versions tell what is new. How events come is not known
here.
"""

import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from canary.api.kinds import Kind, Manifest
from canary.cluster.tally import ObjectTally

log = logging.getLogger(__name__)

Trim = Callable[[Manifest], object | None]
"""Makes a record of an object; None for one that does not matter."""
Owners = Callable[[Any], tuple[str, ...]]
"""Names what a record belongs to, by which it can be found."""
OnChange = Callable[[Kind, str, str, object | None, object | None], None]
"""Called with kind, namespace, name, the record before and the record after."""
Place = tuple[str, str]
"""Namespace and name."""


@dataclass(slots=True)
class _Write:
    """A write of our own that is under way."""

    own: set[int] = field(default_factory=set)
    """The versions that it has made."""
    held: list[tuple[int, object, object]] = field(default_factory=list)
    """What events have changed meanwhile: the version, the record before and the record after."""


class Ledger:
    """Keeps the newest record of each object, and tells who listens of every change."""

    def __init__(
        self,
        kind: Kind,
        *,
        trim: Trim,
        owners: Owners | None,
        on_change: OnChange,
        tally: ObjectTally | None = None,
    ) -> None:
        self.records: dict[Place, object] = {}
        self.owned: dict[tuple[str, str], dict[str, object]] = {}
        """The records by namespace and owner, and then by name."""
        self._kind = kind
        self._trim = trim
        self._owners = owners
        self._on_change = on_change
        self.tally = tally
        self._versions: dict[Place, int] = {}
        self._own: set[int] = set()
        """The versions that our own writes made, and whose events are still to come."""
        self._writes: dict[Place, _Write] = {}
        """The writes of our own that are under way."""
        self._newest = 0
        """The newest version that the server has told of by itself."""
        self._complete = 0
        """The version up to which it has told of everything."""

    # ----------------------------------------------------------------------- told by the server

    def take_page(self, items: Iterable[Manifest], version: str) -> list[Place]:
        """Take in a page of a list at a version; give the places of what is on it."""
        if _number(version) < self._newest:
            # The server was restored from a backup: what is newer never happened.
            self._versions = dict.fromkeys(self._versions, 0)
        self._newest = _number(version)
        places = []
        for item in items:
            places.append(_place(item))
            self._take(item)
        return places

    def take_all(self, seen: set[Place]) -> None:
        """Take in that a list has ended, and what was on its pages: nothing else is there."""
        for place in [place for place in self._versions if place not in seen]:
            # What we created while the list was made is newer than the list, and not in it.
            if self._versions[place] <= self._newest or not self._newest:
                self._remove(place)
        self._own = {own for own in self._own if own > self._newest}
        self._complete = self._newest

    def take_event(self, type_: str, manifest: Manifest) -> None:
        """Take in an event of a watch."""
        self._newest = self._complete = _number(manifest["metadata"]["resourceVersion"])
        if type_ == "DELETED":
            self._remove(_place(manifest))
        elif type_ != "BOOKMARK":
            self._take(manifest)

    def clear(self) -> None:
        """Take in that the kind is not served: there is nothing."""
        for place in list(self._versions):
            self._remove(place)

    # ------------------------------------------------------------------------- told by an answer

    @contextmanager
    def writing(self, place: Place) -> Iterator[None]:
        """Write an object: no listener hears of our own write, though its event may come first.

        Listeners hear of what others have changed meanwhile when the answer is there.
        """
        if place in self._writes:
            yield
            return
        write = self._writes[place] = _Write()
        try:
            yield
        finally:
            del self._writes[place]
            for version, before, after in write.held:
                if version not in write.own:
                    self._tell(place, before, after)

    def put(self, manifest: Manifest) -> None:
        """Take in the answer to a write of our own; no listener is called."""
        place, version = _place(manifest), _number(manifest["metadata"].get("resourceVersion", ""))
        if version > self._newest:
            self._own.add(version)
        if version and (write := self._writes.get(place)):
            write.own.add(version)
        if not self._deleted_since(manifest):
            self._take(manifest, quiet=True)

    def drop(self, place: Place) -> None:
        """Forget an object that we deleted ourselves; no listener is called."""
        self._remove(place, quiet=True)

    def see(self, place: Place, manifest: Manifest | None) -> None:
        """Take in what was read, None where nothing is there, and call the listeners."""
        if manifest is None:
            self._remove(place)
        elif not self._deleted_since(manifest):
            self._take(manifest)

    def _deleted_since(self, manifest: Manifest) -> bool:
        """Tell whether an answer that came late shows an object whose deletion is known already."""
        version = _number(manifest["metadata"].get("resourceVersion", ""))
        return _place(manifest) not in self._versions and 0 < version <= self._complete

    # ---------------------------------------------------------------------------------- keeping

    def _take(self, manifest: Manifest, *, quiet: bool = False) -> None:
        place, version = _place(manifest), _number(manifest["metadata"].get("resourceVersion", ""))
        known, held = place in self._versions, self._versions.get(place, 0)
        echo = version in self._own and not quiet
        if echo:
            self._own.discard(version)
        before = self.records.get(place)
        if known and version and version <= held:
            if version < held and not echo and not quiet:
                # Another's change that came in with the answer to a write of our own.
                self._tell(place, before, before)
            return
        self._versions[place] = version
        try:
            after = self._trim(manifest)
        except Exception:
            log.exception("%s %s: cannot be read", self._kind.resource, "/".join(place))
            return
        self._keep(place, after)
        if before == after or quiet:
            return
        if write := self._writes.get(place):
            write.held.append((version, before, after))
        else:
            self._tell(place, before, after)

    def _remove(self, place: Place, *, quiet: bool = False) -> None:
        self._versions.pop(place, None)
        before = self.records.get(place)
        self._keep(place, None)
        if before is not None and not quiet:
            self._tell(place, before, None)

    def _keep(self, place: Place, record: object | None) -> None:
        before = self.records.pop(place, None)
        if record is not None:
            self.records[place] = record
        namespace, name = place
        if self.tally is not None:
            self.tally.change(namespace, before, record)
        if self._owners is None:
            return
        for owner in self._owners(before) if before is not None else ():
            self.owned[namespace, owner].pop(name, None)
            if not self.owned[namespace, owner]:
                del self.owned[namespace, owner]
        for owner in self._owners(record) if record is not None else ():
            self.owned.setdefault((namespace, owner), {})[name] = record

    def _tell(self, place: Place, before: object | None, after: object | None) -> None:
        try:
            self._on_change(self._kind, *place, before, after)
        except Exception:
            log.exception("%s %s: a defect of the controller", self._kind.resource, "/".join(place))


def _place(manifest: Manifest) -> Place:
    metadata = manifest["metadata"]
    # A cluster has few namespaces and many objects: each name of one is kept once.
    return sys.intern(metadata.get("namespace", "")), metadata["name"]


def _number(version: str) -> int:
    """Read a resource version as a number; 0 where it is none, and is then never compared.

    The API promises an order among the versions of a resource since Kubernetes 1.35; before, every
    server that keeps its objects in etcd had it.
    """
    return int(version) if version.isascii() and version.isdecimal() else 0
