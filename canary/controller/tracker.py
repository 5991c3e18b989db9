"""What is followed for whom, and who is woken by what.

A kind is followed while a Canary needs it. A change of an object wakes the Canaries that it matters
to, and nobody else. What a change means is not known here.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator

from canary.api.kinds import AUTOSCALER, DEPLOYMENT, POD, REPLICA_SET, SERVICE, Kind, ObjectKey
from canary.api.status import Phase
from canary.controller.cache import ALL, CacheSet
from canary.controller.canaries import CanaryKey, CanaryReader, CanaryRecord, canary_kind
from canary.controller.cluster import Cluster
from canary.controller.configs import KINDS, ConfigReader
from canary.controller.dependents import Dependents, Need, dependencies, needs
from canary.controller.records import (
    ConfigRecord,
    DeploymentRecord,
    PodRecord,
    ReplicaSetRecord,
    config_record,
    deployment_record,
    pack,
    pod_record,
    replica_set_record,
)
from canary.controller.store import Store
from canary.controller.templates import (
    alert_provider_kind,
    alert_provider_record,
    metric_template_kind,
    metric_template_record,
)
from canary.core.phases import RUNNING

WATCHES_PODS = RUNNING | {Phase.NEW, Phase.INITIALIZING}
"""Phases in which pods are followed: those in which a pod's trouble changes what is decided."""


class Tracker:
    """Follows what the Canaries need, and wakes them."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        reader: CanaryReader,
        groups: tuple[str, ...],
        namespaces: tuple[str, ...],
        config_tracking: bool,
        wake: Callable[[CanaryKey], None],
    ) -> None:
        self.caches = CacheSet(
            cluster,
            on_change=self._on_change,
            on_synced=self._on_standing,
            on_obstacle=self._on_standing,
        )
        self.store = Store(self.caches)
        self.configs = ConfigReader(cluster, self.caches, enabled=config_tracking)
        self._reader = reader
        self._groups = groups
        self._namespaces = namespaces
        self._config_tracking = config_tracking
        self._wake = wake
        self._dependents = Dependents()
        self._needs: dict[CanaryKey, frozenset[Need]] = {}
        self._users: defaultdict[Need, set[CanaryKey]] = defaultdict(set)
        """Who needs what is followed; the namespace is that of the cache."""
        self._followed: dict[CanaryKey, frozenset[Need]] = {}

    def start(self) -> None:
        """Tell what is kept of each kind, and follow the Canaries, which say what else to follow."""
        register = self.caches.register
        for group in self._groups:
            register(canary_kind(group), self._reader.read)
            register(metric_template_kind(group), metric_template_record)
            register(alert_provider_kind(group), alert_provider_record)
        register(DEPLOYMENT, deployment_record)
        for kind, trim in ((REPLICA_SET, replica_set_record), (POD, pod_record)):
            register(kind, trim, owner=lambda record: str(record.deployment))
        for kind in KINDS.values():
            register(kind, config_record, metadata_only=True)
        for kind in (SERVICE, AUTOSCALER):
            register(kind, pack)
        for kind in self._canary_kinds():
            for namespace in self._namespaces or (ALL,):
                self.caches.require(kind, namespace)

    # ----------------------------------------------------------------------------------- looking up

    def find(self, key: CanaryKey) -> CanaryRecord | None:
        """Look a Canary up."""
        record = self.caches.get(canary_kind(key.group), key.namespace, key.name)
        return record if isinstance(record, CanaryRecord) else None

    def canaries(self) -> list[CanaryKey]:
        """List the Canaries."""
        return [record.key for record in self._records()]

    def rivals(self, record: CanaryRecord) -> list[CanaryRecord]:
        """Find the other Canaries that a Canary's target matters to."""
        key = ObjectKey(kind=DEPLOYMENT, namespace=record.key.namespace, name=record.target)
        others = (self.find(other) for other in self._dependents.of(key) if other != record.key)
        return [other for other in others if other is not None]

    def known(self, record: CanaryRecord) -> bool:
        """Tell whether all that a Canary needs is known."""
        return all(self.caches.synced(*need) for need in self._needs.get(record.key, ()))

    def obstacle(self, record: CanaryRecord) -> str:
        """Tell why what a Canary needs can't be known; empty where it is, or soon will be."""
        found = {self.caches.obstacle(*need) for need in self._needs.get(record.key, ())}
        return "; ".join(sorted(found - {""}))

    def problems(self) -> list[str]:
        """Tell why it is not known which Canaries there are; nothing where it is.

        A group whose CRDs are not installed has none, as long as another group's are.
        """
        kinds = self._canary_kinds()
        absent = [kind for kind in kinds if self.caches.absent(kind)]
        if len(absent) < len(kinds):
            kinds = tuple(kind for kind in kinds if kind not in absent)
        return self.caches.problems(kinds)

    def _canary_kinds(self) -> tuple[Kind, ...]:
        return tuple(canary_kind(group) for group in self._groups)

    def _records(self) -> Iterator[CanaryRecord]:
        for kind in self._canary_kinds():
            for record in self.caches.values(kind):
                if isinstance(record, CanaryRecord):
                    yield record

    def _target(self, record: CanaryRecord) -> DeploymentRecord | None:
        return self.store.deployment(record.key.namespace, record.target) if record.target else None

    # ------------------------------------------------------------------------------------ following

    def track(self, record: CanaryRecord) -> None:
        """Follow what matters to a Canary, and no more."""
        target = self._target(record)
        if record.router is not None:
            for kind in record.router.kinds:
                self.caches.register(kind, pack)
        wanted = frozenset(needs(record, target, config_tracking=self._config_tracking))
        self._needs[record.key] = wanted
        followed = {(kind, namespace if self._namespaces else ALL) for kind, namespace in wanted}
        if record.canary is not None and record.status.phase in WATCHES_PODS:
            followed |= {(kind, record.key.namespace) for kind in (POD, REPLICA_SET)}
        self._dependents.set(record.key, dependencies(record, target))
        self._follow(record.key, frozenset(followed))

    def _forget(self, record: CanaryRecord) -> None:
        self._reader.forget(record)
        self._dependents.set(record.key, ())
        self._needs.pop(record.key, None)
        self._follow(record.key, frozenset())

    def _follow(self, key: CanaryKey, after: frozenset[Need]) -> None:
        before = self._followed.pop(key, frozenset())
        for place in after - before:
            self._users[place].add(key)
            self.caches.require(*place)
        for place in before - after:
            self._users[place].discard(key)
            if not self._users[place]:
                del self._users[place]
                self.caches.release(*place)
        if after:
            self._followed[key] = after

    # --------------------------------------------------------------------------------------- waking

    def _on_change(
        self, kind: Kind, namespace: str, name: str, before: object, after: object
    ) -> None:
        """Wake the Canaries that a changed object matters to."""
        record = after if after is not None else before
        if isinstance(record, CanaryRecord):
            self._on_canary(record, before, gone=after is None)
            return
        if isinstance(record, PodRecord | ReplicaSetRecord):
            name = record.deployment
        if isinstance(record, ConfigRecord) and after is None:
            self.configs.forget(kind, namespace, name)
        for key in self._dependents.of(ObjectKey(kind=kind, namespace=namespace, name=name)):
            canary = self.find(key) if isinstance(record, DeploymentRecord) else None
            if canary is not None:
                # The target may refer to other configs now.
                self.track(canary)
            self._wake(key)

    def _on_canary(self, record: CanaryRecord, before: object, *, gone: bool) -> None:
        was = before if isinstance(before, CanaryRecord) else None
        rivals = self.rivals(was) if was is not None else []
        if gone:
            self._forget(record)
        else:
            if was is not None and was.uid != record.uid:
                self._reader.forget(was)
            self.track(record)
            rivals += self.rivals(record)
        if gone or was is None or (was.target, was.deleting) != (record.target, record.deleting):
            for rival in rivals:
                self._wake(rival.key)
        self._wake(record.key)

    def _on_standing(self, kind: Kind) -> None:
        """Look at everybody again whom it matters to whether this kind is known."""
        for key, wanted in self._needs.items():
            if any(kind == needed for needed, _ in wanted):
                self._wake(key)
