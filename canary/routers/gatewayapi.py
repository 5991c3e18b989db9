"""The Gateway API: an HTTPRoute.

https://gateway-api.sigs.k8s.io/reference/api-spec/main/spec/#httproute
"""

from typing import ClassVar

from canary.api.canary import Canary
from canary.api.kinds import GATEWAY, GATEWAY_CLASS, Kind, Manifest
from canary.api.traffic import HttpMatch
from canary.errors import SpecWarning
from canary.routers import RequiredFeature
from canary.routers.abilities import Abilities
from canary.routers.gateway_features import required_features
from canary.routers.gateway_rules import GatewayRules
from canary.routers.gatewayroutes import GROUP, VERSIONS, GatewayRouter
from canary.routers.httproute import ABILITIES, http_match, route_warnings
from canary.routers.managed_rules import Grammar


class GatewayApiRouter(GatewayRouter):
    """Split traffic by the weights of an HTTPRoute's backends."""

    name: ClassVar[str] = "gatewayapi"
    variants: ClassVar[tuple[str, ...]] = VERSIONS
    route_kind: ClassVar[Kind] = Kind(
        group=GROUP, versions=VERSIONS, kind="HTTPRoute", plural="httproutes"
    )

    asks: ClassVar[tuple[Kind, ...]] = (GATEWAY, GATEWAY_CLASS)
    rules: ClassVar[Grammar | None] = GatewayRules(http_match)

    def abilities(self, _canary: Canary) -> Abilities:
        """What an HTTPRoute can say."""
        return ABILITIES

    def ignored(self, canary: Canary) -> tuple[SpecWarning, ...]:
        """Name what a Canary asks of an HTTPRoute that it cannot say, and that does no harm."""
        return tuple(route_warnings(canary, self.name))

    def required_features(self, canary: Canary) -> tuple[RequiredFeature, ...]:
        """Name what not every implementation does with an HTTPRoute."""
        return tuple(required_features(canary))

    def condition(self, match: HttpMatch) -> Manifest:
        """Write a condition on requests."""
        return http_match(match)
