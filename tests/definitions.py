"""CustomResourceDefinitions in clusters of tests: judged once in a process, then only stored."""

from collections.abc import Iterable

from canary.api.kinds import Manifest
from canary.cluster.cluster import Cluster
from canary.demo.embedded import CRD
from tidegate_embedded.apiserver import EmbeddedApiServer

_accepted: dict[str, tuple[Manifest, Manifest]] = {}
"""By name, what was sent, and what an API server has made of it."""


async def define(server: EmbeddedApiServer, api: Cluster, definitions: Iterable[Manifest]) -> None:
    """Have a server serve what definitions define.

    To judge one takes as long as most tests do; a server stores what another one has accepted.
    """
    for each in definitions:
        name = each["metadata"]["name"]
        sent, accepted = _accepted.get(name, (None, {}))
        if sent == each:
            server.define(accepted)
        else:
            _accepted[name] = (each, await api.create(each, CRD))
