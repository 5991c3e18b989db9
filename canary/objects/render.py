"""What is wanted of an object, as a value, and all that follows from it.

How one that is found differs from it, what is written to mend that, and how it is given back.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from canary.api.kinds import Kind, Manifest, ObjectKey, copy_of
from canary.objects.places import (
    Entry,
    Path,
    Place,
    Prefix,
    at,
    differ,
    differences,
    dropped,
    put,
)

#: What says where an object is, or is the API server's to write.
_IDENTITY = frozenset({"apiVersion", "kind", "metadata", "status"})
#: What people and tools write into metadata.
_WRITTEN = ("name", "namespace", "labels", "annotations", "ownerReferences", "finalizers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Render:
    """An object as it must be, as far as it is ours."""

    key: ObjectKey
    manifest: Manifest
    """What it is made as; only what stands in the places that are ours is put into one that exists."""
    owns: tuple[Path, ...]
    """The places that are ours: what is wanted nowhere in them is taken away."""

    def differs(self, found: Manifest | None) -> bool:
        """Tell whether an object must be written."""
        return found is None or differ(found, self.manifest, self.owns)

    def mended(self, found: Manifest | None) -> Manifest:
        """Give the object as it is written: what is found, with what is ours as it must be."""
        if found is None:
            return put({}, self.manifest, _parts(self.manifest))
        identity = (("apiVersion",), ("kind",))
        return put(_written(found), self.manifest, (*identity, *self.owns))

    def changes(self, before: Manifest, found: Manifest) -> tuple[Place, ...]:
        """Name where an object was changed since an earlier state, and is not as it must be."""
        places = differences(found, self.manifest, self.owns)
        return tuple(place for place in places if at(before, place) != at(found, place))

    def dropped(self, sent: Manifest, came_back: Manifest) -> tuple[Place, ...]:
        """Name what the API server has left out of what is ours in an object that was written.

        It prunes fields that the installed CRD does not have, and no metadata.
        """
        ours = (path for path in self.owns if path[0] != "metadata")
        return tuple(dropped(came_back, sent, ours))

    def restores(self, before: Manifest) -> "Render":
        """Give the object as it was before, in the same places."""
        return Render(key=self.key, manifest=put(self.manifest, before, self.owns), owns=self.owns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lacking:
    """An object of its user that must exist before anything can be rendered."""

    kind: Kind
    namespace: str
    name: str
    remedy: str
    """What the user can do, as in "create it, or name another Ingress in …"."""
    fault: str = "does not exist"
    """What is wrong with it, where it exists."""

    def __str__(self) -> str:
        """Name the object, what is wrong with it and the remedy."""
        return f"{self.kind.kind} {self.namespace}/{self.name} {self.fault}: {self.remedy}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoration:
    """How objects are put back as they were before tidegate."""

    write: tuple[Render, ...] = ()
    remove: tuple[ObjectKey, ...] = ()
    leads_to: frozenset[str] = frozenset()
    """The Services beside the apex that they lead to then, and that must stay for it."""
    afterwards: tuple[ObjectKey, ...] = ()
    """What goes with the Services of the sides, when proxies have followed the routes."""

    def then(self, known: "Restoration") -> "Restoration":
        """Put back as well what has proxies know the services; it outlasts a route that stays."""
        gone = known.remove
        return replace(
            self,
            write=(*self.write, *known.write),
            remove=(*self.remove, *(gone if self.remove else ())),
            afterwards=() if self.remove else gone,
        )


# ---------------------------------------------------------------------------- what may be owned


def whole(manifest: Manifest) -> tuple[Path, ...]:
    """Own all that an object says; its labels and annotations may have others as well."""
    return tuple((part,) for part in manifest if part not in _IDENTITY)


def fields(*names: str, of: str = "spec") -> tuple[Path, ...]:
    """Own some fields of the spec."""
    return tuple((of, name) for name in sorted(names))


def labels(*names: str | Prefix) -> tuple[Path, ...]:
    """Own some labels, by name or by prefix."""
    return tuple(("metadata", "labels", name) for name in names)


def annotations(*names: str | Prefix) -> tuple[Path, ...]:
    """Own some annotations, by name or by prefix."""
    return tuple(("metadata", "annotations", name) for name in names)


def entries(*path: str, field: str, values: Iterable[str]) -> tuple[Path, ...]:
    """Own some entries of a list, such as the rules with these names."""
    return tuple((*path, Entry(field, value)) for value in values)


def written(found: Manifest) -> Manifest:
    """Copy what people and tools write of an object, without the API server's bookkeeping."""
    return copy_of(_written(found))


def _written(found: Manifest) -> Manifest:
    metadata = found.get("metadata")
    named = metadata if isinstance(metadata, dict) else {}
    kept = {
        name: each
        for name, each in found.items()
        if name not in {"metadata", "status"} and each is not None
    }
    outline = {name: named[name] for name in _WRITTEN if named.get(name) is not None}
    return kept | ({"metadata": outline} if outline else {})


def _parts(manifest: Manifest) -> tuple[Path, ...]:
    return tuple((part,) for part in manifest)
