"""What people read of the controllers that were seen: that none acts, or none on a Canary."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from canary.cluster.cluster import Cluster
from canary.errors import ClusterError
from canary.replicas.presence import Presence, controllers
from canary.views.moments import moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """The controllers that were seen at a moment."""

    found: tuple[Presence, ...]
    at: datetime

    @classmethod
    async def take(cls, cluster: Cluster, at: datetime) -> "Sighting | None":
        """Look for controllers; None where it cannot be told, mostly for lack of a right."""
        try:
            return cls(found=tuple(await controllers(cluster)), at=at)
        except ClusterError:
            return None

    @property
    def acting(self) -> Sequence[Presence]:
        """The controllers whose Leases were renewed lately."""
        return [each for each in self.found if each.acts(self.at)]

    def no_controller(self, now: datetime) -> str:
        """Say that no controller acts on any Canary; empty where one acts."""
        if self.acting:
            return ""
        silent = [
            f"Lease {each.place} was last renewed at {moment(each.renewed, now)}"
            + (f" by {each.holder}" if each.holder else " and is given up")
            for each in self.found
            if each.renewed is not None
        ]
        return "no controller is running: " + ("; ".join(silent) or "none has a Lease")

    def unserved(self, group: str, namespace: str, labels: object) -> str:
        """Say that none of the controllers that act serves a Canary; empty where one does."""
        known = labels if isinstance(labels, Mapping) else {}
        acting = self.acting
        if not acting or any(each.scope.serves(group, namespace, known) for each in acting):
            return ""
        near = [each for each in acting if each.scope.reaches(group, namespace)]
        if near:
            takes = "; ".join(
                f"the one of Lease {each.place} takes {each.scope.selector}" for each in near
            )
            return f"no controller takes its labels: {takes}"
        places = ", ".join(each.place for each in acting)
        return (
            f"no controller serves {group} in namespace {namespace}; the one of Lease {places} "
            "serves others"
        )

    def silence(self, group: str, namespace: str, labels: object, now: datetime) -> str:
        """Say that no controller acts on a Canary; empty where one does."""
        return self.no_controller(now) or self.unserved(group, namespace, labels)
