"""The Gateway API below HTTP: TCPRoutes, and TLSRoutes, which go by the host name of the handshake.

https://gateway-api.sigs.k8s.io/reference/api-spec/main/spec/
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import ClassVar

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest
from canary.api.shown import shown
from canary.core.traffic import Seen, Traffic
from canary.errors import Problem
from canary.objects.places import Path
from canary.routers import ClusterState
from canary.routers.abilities import Abilities, refused
from canary.routers.gateway_rules import GatewayRules
from canary.routers.httproute import http_match
from canary.routers.managed_rules import Grammar
from canary.routers.parents import (
    OWNED,
    acceptance,
    parent_problems,
    parent_reference,
    pending,
    refusal,
)
from canary.routers.shares import entries, sides, weight_of
from canary.routers.single import SingleObjectRouter

_GROUP = "gateway.networking.k8s.io"
#: What the API gives a backend without a weight.
_DEFAULT_WEIGHT = 1


class StreamRouter(SingleObjectRouter):
    """Split connections by the weights of a route's backends."""

    name: ClassVar[str]
    owns: ClassVar[tuple[Path, ...]] = OWNED
    rules: ClassVar[Grammar | None] = GatewayRules(http_match)

    @abstractmethod
    def hosts(self, canary: Canary) -> Manifest:
        """Give what the route says of host names."""

    def problems(self, canary: Canary) -> tuple[Problem, ...]:
        """Name everything that a Canary asks of the route and that it cannot say."""
        given = refused(canary, self.name, self.abilities(canary))
        return (*parent_problems(canary), *given)

    def annotations(self, canary: Canary) -> Mapping[str, str]:
        """Say how many of the parents must accept the route."""
        return acceptance(canary)

    def spec(self, canary: Canary, _cluster: ClusterState, traffic: Traffic) -> Manifest:
        """Give the parents, the host names and the one rule that such a route has."""
        service = canary.spec.service
        backends = [
            {"group": "", "kind": "Service", "name": name, "port": service.port, "weight": weight}
            for name, weight in sides(canary, traffic.weight)
        ]
        return {
            "parentRefs": [parent_reference(each) for each in service.gateway_refs],
            **self.hosts(canary),
            "rules": [{"backendRefs": backends}],
        }

    def seen(self, canary: Canary, spec: object) -> Seen | None:
        """Read the weights of the backends, whichever rule they stand in."""
        backends = (
            each for rule in entries(spec, "rules") for each in entries(rule, "backendRefs")
        )
        weight = weight_of(
            canary,
            ((str(each.get("name")), each.get("weight", _DEFAULT_WEIGHT)) for each in backends),
        )
        return None if weight is None else Seen(weight=weight)

    def refusal(self, manifest: Manifest) -> str:
        """Say which parent rejects the route, and why."""
        return refusal(manifest)

    def pending(self, manifest: Manifest) -> bool:
        """Tell whether what the parents say of the route is of an earlier generation."""
        return pending(manifest)


class TcpRouter(StreamRouter):
    """Split TCP connections by the weights of a TCPRoute's backends."""

    name: ClassVar[str] = "gatewayapi-tcp"

    def __init__(self, _variant: str = "") -> None:
        """Make the router, for the newest version of the API that is served."""
        versions = ("v1", "v1alpha2")
        super().__init__(Kind(group=_GROUP, versions=versions, kind="TCPRoute", plural="tcproutes"))

    def abilities(self, _canary: Canary) -> Abilities:
        """Weights alone."""
        return Abilities(service=frozenset({"gateway_refs", "acceptance"}))

    def hosts(self, _canary: Canary) -> Manifest:
        """Give nothing: a TCP connection names no host."""
        return {}


class TlsRouter(StreamRouter):
    """Split TLS connections to some hosts by the weights of a TLSRoute's backends."""

    name: ClassVar[str] = "gatewayapi-tls"

    def __init__(self, _variant: str = "") -> None:
        """Make the router, for the newest version of the API that is served."""
        versions = ("v1", "v1alpha3", "v1alpha2")
        super().__init__(Kind(group=_GROUP, versions=versions, kind="TLSRoute", plural="tlsroutes"))

    def abilities(self, _canary: Canary) -> Abilities:
        """Weights, for some hosts."""
        return Abilities(service=frozenset({"gateway_refs", "hosts", "acceptance"}))

    def problems(self, canary: Canary) -> tuple[Problem, ...]:
        """Name everything that a Canary asks of the route and that it cannot say, and missing hosts."""
        return (*super().problems(canary), *_host_problems(canary))

    def hosts(self, canary: Canary) -> Manifest:
        """Give the hosts that clients name in the handshake."""
        return {"hostnames": list(canary.spec.service.hosts)}


def _host_problems(canary: Canary) -> Iterator[Problem]:
    hosts = canary.spec.service.hosts
    if not hosts or "*" in hosts:
        value = shown(list(hosts)) if hosts else None
        remedy = "write the hosts that clients name in the TLS handshake: a TLSRoute needs them"
        yield Problem("spec.service.hosts", value, remedy)
