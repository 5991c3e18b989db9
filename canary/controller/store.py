"""What the caches hold, looked up by what it is."""

from canary.api.kinds import DEPLOYMENT, POD, REPLICA_SET, Manifest, ObjectKey
from canary.controller.cache import CacheSet
from canary.controller.canaries import CanaryRecord
from canary.controller.records import DeploymentRecord, Packed, PodRecord, ReplicaSetRecord
from canary.core.facts import Trouble
from canary.routers import Cluster as Routes


class Store:
    """Looks records up in the caches."""

    def __init__(self, caches: CacheSet) -> None:
        self._caches = caches

    def deployment(self, namespace: str, name: str) -> DeploymentRecord | None:
        """Look a Deployment up."""
        record = self._caches.get(DEPLOYMENT, namespace, name)
        return record if isinstance(record, DeploymentRecord) else None

    def manifest(self, key: ObjectKey) -> Manifest | None:
        """Look up an object that is kept whole."""
        record = self._caches.get(key.kind, key.namespace, key.name)
        return record.manifest if isinstance(record, Packed) else None

    def routes(self, record: CanaryRecord) -> Routes:
        """Show a router the objects that it speaks of."""
        canary, router = record.canary, record.router
        if canary is None or router is None:
            return Routes(existing={}, served={})
        found = {key: self.manifest(key) for key in router.objects(canary)}
        return Routes(
            existing={key: manifest for key, manifest in found.items() if manifest is not None},
            served=self._caches.served(router.kinds),
        )

    def trouble(self, namespace: str, deployment: DeploymentRecord) -> Trouble | None:
        """Find a pod in trouble among those of a Deployment's current template."""
        if deployment.observed_generation < deployment.generation:
            return None
        current = {
            each.template_hash
            for each in self._caches.owned(REPLICA_SET, namespace, deployment.name)
            if isinstance(each, ReplicaSetRecord) and each.rollout == deployment.rollout
        }
        troubles = (
            each.trouble
            for each in self._caches.owned(POD, namespace, deployment.name)
            if isinstance(each, PodRecord) and each.template_hash in current
        )
        return min(troubles, key=lambda trouble: trouble.pod, default=None)
