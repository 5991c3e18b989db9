"""Which controllers there are: their Leases say where, for what, and since when they are silent.

A Lease is found by its label wherever it is, because who asks seldom knows the namespace that a
controller runs in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson

from canary.api.annotations import SCOPE
from canary.api.kinds import Manifest
from canary.api.meta import GROUP
from canary.api.raw import items, part
from canary.cluster.cluster import Cluster
from canary.replicas.leases import LEASE, holder_of, spec_of
from canary.settings import Settings
from canary.settings.selection import LabelSelection

LABEL = f"{GROUP}/controller"
"""On the Lease by which a controller, or a group of them, acts."""

_PATIENCE = timedelta(seconds=10)
"""How far the clocks of two machines may differ, and a renewal be late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a controller serves."""

    version: str
    groups: frozenset[str]
    namespaces: frozenset[str]
    """Empty where it serves all."""
    selector: str = ""
    """By which labels it takes Canaries; empty where it takes any."""

    def serves(self, group: str, namespace: str, labels: Mapping[str, str]) -> bool:
        """Tell whether it serves the Canaries of a group in a namespace with some labels."""
        return self.reaches(group, namespace) and self.selection.takes(labels)

    def reaches(self, group: str, namespace: str) -> bool:
        """Tell whether it serves Canaries of a group in a namespace, of some labels or any."""
        return group in self.groups and (not self.namespaces or namespace in self.namespaces)

    @property
    def selection(self) -> LabelSelection:
        """Which Canaries it takes, by their labels; any where its Lease holds no sound selector."""
        try:
            return LabelSelection.read(self.selector)
        except ValueError:
            return LabelSelection()

    def overlaps(self, other: "Scope") -> bool:
        """Tell whether there may be a Canary that both serve."""
        everywhere = not self.namespaces or not other.namespaces
        shared = everywhere or bool(self.namespaces & other.namespaces)
        return shared and bool(self.groups & other.groups) and self.selection.meets(other.selection)

    @property
    def metadata(self) -> Manifest:
        """What its Lease is marked with."""
        document = {
            "version": self.version,
            "groups": sorted(self.groups),
            "namespaces": sorted(self.namespaces),
            **({"selector": self.selector} if self.selector else {}),
        }
        return {
            "labels": {LABEL: "tidegate"},
            "annotations": {SCOPE: orjson.dumps(document).decode()},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """A controller, as its Lease shows it."""

    namespace: str
    name: str
    holder: str
    """Empty where the Lease has no holder."""
    renewed: datetime | None
    """When it was renewed last, by the controller's clock."""
    written: datetime | None
    """When that was written, by the API server's clock, in whole seconds."""
    duration: timedelta
    scope: Scope

    @property
    def ahead(self) -> timedelta | None:
        """How far the controller's clock is ahead of the API server's; less than zero is behind."""
        if self.renewed is None or self.written is None:
            return None
        return self.renewed - self.written

    @property
    def place(self) -> str:
        """Where its Lease is."""
        return f"{self.namespace}/{self.name}"

    def acts(self, now: datetime) -> bool:
        """Tell whether the Lease was renewed lately."""
        if not self.holder or self.renewed is None:
            return False
        return now < self.renewed + self.duration + _PATIENCE


async def controllers(cluster: Cluster) -> list[Presence]:
    """List the controllers of the whole cluster.

    Raises:
        Forbidden: Leases of other namespaces may not be listed.
        ClusterError: they could not be.
    """
    pages = cluster.pages(LEASE, "", labels=LABEL)
    return [_presence(lease) async for leases, _ in pages for lease in leases]


def scope_of(settings: Settings, version: str) -> Scope:
    """Tell what a controller with these settings serves."""
    return Scope(
        version=version,
        groups=frozenset(settings.api_groups),
        namespaces=frozenset(settings.namespaces),
        selector=settings.selector,
    )


def _presence(lease: Manifest) -> Presence:
    """Read a Lease, which a person may have edited."""
    metadata, spec = lease["metadata"], spec_of(lease)
    return Presence(
        namespace=metadata.get("namespace", ""),
        name=metadata["name"],
        holder=holder_of(lease),
        renewed=_moment(spec.get("renewTime")),
        written=_written(items(metadata.get("managedFields"))),
        duration=timedelta(seconds=float(spec.get("leaseDurationSeconds") or 0)),
        scope=_scope((metadata.get("annotations") or {}).get(SCOPE, "")),
    )


def _written(managed: Sequence[object]) -> datetime | None:
    """Tell when the API server has last stored another time of renewal."""
    renewals = [
        moment
        for each in managed
        if part(part(part(each, "fieldsV1"), "f:spec"), "f:renewTime") is not None
        and (moment := _moment(part(each, "time")))
    ]
    return max(renewals, default=None)


def _scope(written: str) -> Scope:
    try:
        document = orjson.loads(written)
    except ValueError:
        document = None
    found: Mapping[str, object] = document if isinstance(document, Mapping) else {}
    groups, namespaces = (
        frozenset(str(each) for each in value) if isinstance(value, list) else frozenset[str]()
        for value in (found.get("groups"), found.get("namespaces"))
    )
    return Scope(
        version=str(found.get("version", "")),
        groups=groups,
        namespaces=namespaces,
        selector=str(found.get("selector", "")),
    )


def _moment(written: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(written))
    except ValueError:
        return None
    return moment if moment.tzinfo else None
