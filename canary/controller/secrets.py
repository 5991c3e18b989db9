"""Reading Secrets for those who must present them: hooks, metric stores, chat.

A value is kept for a short while only, so that a run does not read it at every interval and a
rotated one is soon used.
"""

from base64 import b64decode
from collections.abc import Callable, Mapping

from canary.api.kinds import SECRET
from canary.api.meta import SecretReference
from canary.controller.cluster import Cluster

KEPT_SECONDS = 60.0


class SecretReader:
    """Reads Secrets, each at most once a minute."""

    def __init__(self, cluster: Cluster, clock: Callable[[], float]) -> None:
        self._cluster = cluster
        self._clock = clock
        self._kept: dict[tuple[str, str], tuple[float, Mapping[str, str]]] = {}

    async def read(
        self, namespace: str, reference: SecretReference | None
    ) -> Mapping[str, str] | None:
        """Read the values of a Secret; None where none is referred to.

        Raises:
            ClusterError: the Secret does not exist or can't be read.
        """
        if reference is None:
            return None
        now = self._clock()
        self._kept = {key: kept for key, kept in self._kept.items() if kept[0] + KEPT_SECONDS > now}
        key = (namespace, reference.name)
        if key not in self._kept:
            manifest = await self._cluster.read(SECRET, namespace, reference.name)
            values = {
                name: b64decode(value).decode(errors="replace")
                for name, value in (manifest.get("data") or {}).items()
            }
            self._kept[key] = (now, values)
        return self._kept[key][1]
