"""The resources served: what each is called, how it behaves, and the registry they are found in.

The built-in kinds are a table in `builtin`; custom ones are made from their definitions in `crd`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum

from tidegate_embedded.apiserver.errors import PathNotFound
from tidegate_embedded.apiserver.values import Object

#: What objects of different versions of one resource are stored under: its group and plural.
StorageKey = tuple[str, str]

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


class Generation(Enum):
    """When `metadata.generation` rises."""

    NEVER = "the kind has no generation"
    SPEC = "with the spec"
    ALL_BUT_STATUS = "with anything but metadata and status"
    ALL = "with anything but metadata"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalePaths:
    """Where a resource keeps what its scale subresource shows."""

    replicas: str = ".spec.replicas"
    status_replicas: str = ".status.replicas"
    selector: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a resource's Table: a name, a type and the JSONPath of its value."""

    name: str
    type: str
    path: str
    description: str = ""
    priority: int = 0
    format: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Resource:
    """One resource in one version."""

    group: str
    version: str
    kind: str
    plural: str
    singular: str
    namespaced: bool = True
    schema: Object = field(default_factory=dict)
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    subresources: frozenset[str] = frozenset()
    scale: ScalePaths | None = None
    columns: tuple[Column, ...] = ()
    generation: Generation = Generation.NEVER
    custom: bool = False
    creates_on_update: bool = False
    unconditional_update: bool = True
    returns_deleted: bool = False
    storage_group: str | None = None
    storage_version: str | None = None
    list_kind: str = ""
    selectable_fields: tuple[str, ...] = ()
    warning: str | None = None

    @property
    def api_version(self) -> str:
        """Join group and version as manifests name them."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def stored_api_version(self) -> str:
        """Name the version that objects are kept in."""
        group = self.group if self.storage_group is None else self.storage_group
        version = self.storage_version or self.version
        return f"{group}/{version}" if group else version

    @property
    def storage_key(self) -> StorageKey:
        """Name the place that all versions of this resource share."""
        return (self.group if self.storage_group is None else self.storage_group, self.plural)

    @property
    def path(self) -> str:
        """Give the path of the group and version."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    @property
    def has_status(self) -> bool:
        """Whether the status is written apart from the rest."""
        return "status" in self.subresources


class Registry:
    """Every resource served at the moment, in the order of discovery."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self._resources: dict[tuple[str, str, str], Resource] = {}
        #: Rises with every change, so that documents made from the registry can be kept.
        self.revision = 0
        for resource in resources:
            self.add(resource)

    def __iter__(self) -> Iterator[Resource]:
        return iter(tuple(self._resources.values()))

    def add(self, resource: Resource) -> None:
        """Serve a resource, in place of an earlier one of its name."""
        self._resources[resource.group, resource.version, resource.plural] = resource
        self.revision += 1

    def remove(self, group: str, plural: str) -> None:
        """Serve no version of a resource any longer."""
        for key in [key for key in self._resources if (key[0], key[2]) == (group, plural)]:
            del self._resources[key]
            self.revision += 1

    def find(self, group: str, version: str, plural: str) -> Resource:
        """Return the resource at a path; raises `PathNotFound`."""
        try:
            return self._resources[group, version, plural]
        except KeyError:
            raise PathNotFound(f"{group}/{version}/{plural}") from None

    def of_kind(self, api_version: str, kind: str) -> Resource | None:
        """Return the resource of a kind, or None where it is not served."""
        for resource in self._resources.values():
            if resource.api_version == api_version and resource.kind == kind:
                return resource
        return None

    def stored(self) -> dict[StorageKey, Resource]:
        """Return one resource for each place objects are stored in."""
        places: dict[StorageKey, Resource] = {}
        for resource in self._resources.values():
            if "list" in resource.verbs:
                places.setdefault(resource.storage_key, resource)
        return places

    def groups(self) -> dict[str, list[str]]:
        """Map each named group to its versions, the preferred one first."""
        groups: dict[str, list[str]] = {}
        for group, version, _plural in self._resources:
            versions = groups.setdefault(group, [])
            if version not in versions:
                versions.append(version)
        return groups

    def served_at(self, group: str, version: str) -> list[Resource]:
        """Return the resources of one group and version; raises `PathNotFound` for none."""
        found = [
            resource
            for resource in self._resources.values()
            if (resource.group, resource.version) == (group, version)
        ]
        if not found:
            raise PathNotFound(f"{group}/{version}")
        return found
