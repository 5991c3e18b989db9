"""Pods of a divided workload that its controller would leave on a revision that is not theirs."""

from canary.api.kinds import POD, ObjectKey
from canary.cluster.cluster import Cluster
from canary.controller.records import WorkloadRecord
from canary.controller.store import Store
from canary.controller.writer import Writer
from canary.targets import Target


class Strays:
    """Deletes such pods, so that the workload's controller makes them again as they are meant."""

    def __init__(self, *, cluster: Cluster, store: Store, writer: Writer) -> None:
        self._cluster = cluster
        self._store = store
        self._writer = writer

    async def replace(self, workload: Target, target: WorkloadRecord, namespace: str) -> bool:
        """Delete the pods that may go now; tell whether there were any.

        Raises:
            ClusterError: pods could not be listed, or one could not be deleted as it was listed.
        """
        key = ObjectKey(kind=target.kind, namespace=namespace, name=target.name)
        found = self._store.manifest(key)
        if found is None:
            return False
        pods = [pod async for page, _ in self._cluster.pages(POD, namespace) for pod in page]
        versions = {pod["metadata"]["name"]: pod["metadata"]["resourceVersion"] for pod in pods}
        strays = workload.strays(found, pods)
        for name in strays:
            place = ObjectKey(kind=POD, namespace=namespace, name=name)
            await self._writer.delete(place, resource_version=versions[name])
        return bool(strays)
