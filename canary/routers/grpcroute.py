"""The Gateway API for gRPC: GRPCRoutes, which match on services and methods.

A condition on a path is one on these: the path of a call is `/SERVICE/METHOD`.
https://gateway-api.sigs.k8s.io/reference/api-spec/main/spec/#grpcroute
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import ClassVar

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest
from canary.api.traffic import HttpMatch, StringMatch
from canary.core.traffic import Stickiness, Traffic
from canary.routers import ClusterState
from canary.routers.abilities import WAYS, Abilities, Unsaid, way
from canary.routers.gateway_rules import GatewayRules
from canary.routers.gatewayroutes import GROUP, GatewayRouter
from canary.routers.heeded import heeded
from canary.routers.httproute import named_conditions
from canary.routers.managed_rules import Grammar

_IDENTIFIER = r"[A-Za-z_][A-Za-z_0-9]*"
#: The path of a call, or of all calls of a service.
_CALL = re.compile(rf"/({_IDENTIFIER}(?:\.{_IDENTIFIER})*)/({_IDENTIFIER})?")


def _match(match: HttpMatch) -> Manifest:
    """Write a condition on calls."""
    written: Manifest = {}
    service, method = _call(match.uri) if match.uri else (None, None)
    if service:
        named = {"method": method} if method else {}
        written["method"] = {"type": "Exact", "service": service, **named}
    if match.headers:
        written["headers"] = named_conditions(match.headers)
    return written


class GrpcRouter(GatewayRouter):
    """Split gRPC calls by the weights of a GRPCRoute's backends."""

    name: ClassVar[str] = "gatewayapi-grpc"
    route_kind: ClassVar[Kind] = Kind(
        group=GROUP, versions=("v1",), kind="GRPCRoute", plural="grpcroutes"
    )

    rules: ClassVar[Grammar | None] = GatewayRules(_match)

    def abilities(self, _canary: Canary) -> Abilities:
        """What a GRPCRoute can say."""
        return _ABILITIES

    def spec(self, canary: Canary, cluster: ClusterState, traffic: Traffic) -> Manifest:
        """Give the parents, the host names and the rules, none of which is for a cookie."""
        without = replace(traffic, cookies=Stickiness())
        return super().spec(heeded(canary, _ABILITIES), cluster, without)

    def condition(self, match: HttpMatch) -> Manifest:
        """Write a condition on calls."""
        return _match(match)


def _call(uri: StringMatch) -> tuple[str | None, str | None]:
    """Read the service and the method from a condition on the path."""
    found = _CALL.fullmatch(way(uri)[1])
    return (found[1], found[2]) if found else (None, None)


def _unsaid(matches: Sequence[HttpMatch]) -> Iterator[Unsaid]:
    """Name the conditions on paths that are not about a service or a method."""
    for index, match in enumerate(matches):
        if match.uri is None:
            continue
        (how, text), (service, method) = way(match.uri), _call(match.uri)
        whole = how == "prefix" and text == "/"
        if not whole and (service is None or bool(method) is not (how == "exact")):
            yield Unsaid(
                path=f"[{index}].uri.{how}",
                value=text,
                remedy="write exact: /SERVICE/METHOD, or prefix: /SERVICE/ for all its methods",
            )


_ABILITIES = Abilities(
    baseline=True,
    service=frozenset({"gateway_refs", "hosts", "acceptance", "match", "headers", "mirror"}),
    # `name` is for people, and is left out.
    conditions={"name": WAYS, "headers": WAYS, "uri": frozenset({"exact", "prefix"})},
    others="a GRPCRoute matches on headers, and on a service or method as the path /SERVICE/METHOD",
    unsaid=_unsaid,
    matches=True,
    mirrors=True,
)
