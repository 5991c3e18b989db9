"""The partition of a workload whose pods are primary and canary: it divides traffic by pods.

Every client chooses among all pods, by the Services that its user made. Nothing is written but the
partition: the canary's share of the requests is that of the ordinals which it does not hold back.
It comes with a kind of workload, and has no name in `spec.provider`: `kubernetes:replicas` asks for
shares by pods, and this is how such a workload gives them.
"""

from collections.abc import Callable
from typing import ClassVar

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest, ObjectKey
from canary.core.ordinals import Divided, ordinals_for
from canary.core.traffic import Seen, Traffic
from canary.objects.render import Lacking, Render, Restoration
from canary.routers import ClusterState, Objects
from canary.routers.abilities import Abilities
from canary.routers.defaults import RouterDefaults

HELD = 2**31 - 1
"""Beyond every ordinal: no pod gets the newest template, however many there will be."""
_PARTITION = ("spec", "updateStrategy", "rollingUpdate", "partition")
_ABILITIES = Abilities(service=frozenset())


class PartitionRouter(RouterDefaults):
    """Divide the pods of a workload."""

    name: ClassVar[str] = "kubernetes"

    def __init__(self, kind: Kind, divided: Callable[[Manifest], Divided | None]) -> None:
        """Make the router of a kind; `divided` tells how the pods of one are divided."""
        self._kind = kind
        self._divided = divided

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The workload."""
        return (self._kind,)

    def abilities(self, _canary: Canary) -> Abilities:
        """Weights alone, in whole pods."""
        return _ABILITIES

    def objects(self, canary: Canary) -> Objects:
        """Name the workload."""
        return Objects(edited=(self._key(canary),))

    def render(
        self, canary: Canary, cluster: ClusterState, traffic: Traffic
    ) -> tuple[Render, ...] | Lacking:
        """Give the workload with the partition that a weight asks for."""
        found = cluster.existing.get(self._key(canary))
        if found is None:
            return self._lacking(canary, "create it")
        strategy = found["spec"].get("updateStrategy") or {}
        if strategy.get("type", "RollingUpdate") != "RollingUpdate":
            fault = f"has spec.updateStrategy.type {strategy['type']}"
            remedy = "set it to RollingUpdate, which has the partition that divides its pods"
            return self._lacking(canary, remedy, fault)
        pods = found["spec"].get("replicas", 1)
        beyond = ordinals_for(pods, traffic.weight)
        partition = pods - beyond if traffic.weight else HELD
        return (self._render(canary, cluster, partition),)

    def read(self, canary: Canary, cluster: ClusterState) -> Seen | None:
        """Read from its status which share of the pods runs the newest template."""
        found = cluster.existing.get(self._key(canary))
        divided = self._divided(found) if found is not None else None
        return divided.seen if divided is not None else None

    def restore(self, canary: Canary, cluster: ClusterState) -> Restoration:
        """Take the partition away: the workload's controller goes on by itself."""
        there = self._key(canary) in cluster.existing
        return Restoration(write=(self._render(canary, cluster, 0),)) if there else Restoration()

    def _render(self, canary: Canary, cluster: ClusterState, partition: int) -> Render:
        key = self._key(canary)
        manifest = {
            "apiVersion": key.kind.api_version(cluster.version(key.kind)),
            "kind": key.kind.kind,
            "metadata": {"name": key.name, "namespace": key.namespace},
            "spec": {"updateStrategy": {"rollingUpdate": {"partition": partition}}},
        }
        return Render(key=key, manifest=manifest, owns=(_PARTITION,))

    def _key(self, canary: Canary) -> ObjectKey:
        name = canary.spec.target_ref.name
        return ObjectKey(kind=self._kind, namespace=canary.metadata.namespace, name=name)

    def _lacking(self, canary: Canary, remedy: str, fault: str = "does not exist") -> Lacking:
        key = self._key(canary)
        return Lacking(
            kind=key.kind, namespace=key.namespace, name=key.name, remedy=remedy, fault=fault
        )
