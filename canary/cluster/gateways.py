"""What the implementations behind Gateways say that they can do.

A Gateway names its GatewayClass, and that one lists features by name. Both are asked for when a
Canary needs a feature, and never followed. An implementation that lists none, or that may not be
asked about, is not known to lack any.
https://gateway-api.sigs.k8s.io/reference/api-spec/main/spec/#gatewayclassstatus
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from canary.api.kinds import GATEWAY, GATEWAY_CLASS, Manifest
from canary.api.raw import items, part, text
from canary.cluster.cluster import Cluster
from canary.errors import ClusterError, Unreachable

log = logging.getLogger(__name__)

ASKED_AGAIN = timedelta(minutes=5)
"""After how long a Gateway is asked about again: another release may have other features."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayFeatures:
    """What is known of a Gateway."""

    gateway_class: str = ""
    listed: frozenset[str] = field(default_factory=frozenset)
    """The features that its class lists; none where that is not known."""

    def lacks(self, feature: str) -> bool:
        """Tell whether a feature is known to be missing."""
        return bool(self.listed) and feature not in self.listed


_UNKNOWN = GatewayFeatures()


class Gateways:
    """Knows what Gateways can do, of those that were asked about."""

    def __init__(self, cluster: Cluster, clock: Callable[[], float]) -> None:
        """`clock` gives seconds that only ever grow."""
        self._cluster = cluster
        self._clock = clock
        self._known: dict[tuple[str, str], tuple[GatewayFeatures, float]] = {}
        """What is known of a Gateway, and until when that is believed."""

    def known(self, namespace: str, name: str) -> GatewayFeatures:
        """Give what was found out about a Gateway last."""
        return self._known.get((namespace, name), (_UNKNOWN, 0.0))[0]

    async def ask(self, namespace: str, name: str) -> GatewayFeatures:
        """Give what a Gateway can do.

        Raises:
            Unreachable: the API server could not be asked.
        """
        found, until = self._known.get((namespace, name), (_UNKNOWN, 0.0))
        if self._clock() >= until:
            found = await self._look(namespace, name)
            until = self._clock() + ASKED_AGAIN.total_seconds()
            self._known[namespace, name] = found, until
        return found

    async def _look(self, namespace: str, name: str) -> GatewayFeatures:
        try:
            for kind in (GATEWAY, GATEWAY_CLASS):
                if await self._cluster.discover(kind) is None:
                    return _UNKNOWN
            gateway = await self._cluster.read(GATEWAY, namespace, name)
            class_name = text(part(gateway, "spec"), "gatewayClassName")
            found = await self._cluster.read(GATEWAY_CLASS, "", class_name)
        except Unreachable:
            raise
        except ClusterError as error:
            log.info("the features of Gateway %s/%s are not known: %s", namespace, name, error)
            return _UNKNOWN
        return GatewayFeatures(gateway_class=class_name, listed=frozenset(_listed(found)))


def _listed(gateway_class: Manifest) -> set[str]:
    """Read the features of a class; earlier releases of the API list plain names."""
    features = items(part(part(gateway_class, "status"), "supportedFeatures"))
    named = (each if isinstance(each, str) else text(each, "name") for each in features)
    return {name for name in named if name}
