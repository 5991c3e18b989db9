"""Kong: the HTTPRoute of the Gateway API, with weights that survive being shared among pods.

https://developer.konghq.com/kubernetes-ingress-controller/routing/
"""

from dataclasses import replace
from datetime import timedelta
from typing import ClassVar

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest
from canary.core.traffic import Seen, Traffic
from canary.errors import Problem, SpecWarning
from canary.objects.render import Lacking, Render, Restoration
from canary.routers import ClusterState, Objects, RequiredField, router_for
from canary.routers.abilities import Abilities, ignored, refused
from canary.routers.defaults import RouterDefaults
from canary.routers.heeded import heeded

#: Kong gives each pod a share of its side's weight as a whole number, and takes 65,535 at most.
_FINER = 100
#: Its controller brings the proxies up to date that often.
_SYNCHRONISED = timedelta(seconds=3)
#: What an HTTPRoute can say and Kong does not do.
_BEYOND = frozenset({"timeout", "retries", "cors_policy", "mirror"})


class KongRouter(RouterDefaults):
    """Split traffic by the weights of an HTTPRoute's backends, a hundredfold."""

    name: ClassVar[str] = "kong"
    variants: ClassVar[tuple[str, ...]] = ("v1", "v1beta1")

    def __init__(self, variant: str = "") -> None:
        """Make the router, for one version of the API or for the newest that is served."""
        self._routes = router_for(f"gatewayapi:{variant}" if variant else "gatewayapi")

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The HTTPRoute."""
        return self._routes.kinds

    def abilities(self, canary: Canary) -> Abilities:
        """What an HTTPRoute can say and Kong does."""
        whole = self._routes.abilities(canary)
        return replace(
            whole,
            service=whole.service - _BEYOND,
            mirrors=False,
            affinity=False,
            # Weights in rules of the user's would be his, and Kong's shares not ours.
            references=(),
            settles=_SYNCHRONISED,
        )

    def problems(self, canary: Canary) -> tuple[Problem, ...]:
        """Name everything that a Canary asks of Kong and that it cannot do."""
        ours = refused(canary, self.name, self.abilities(canary))
        found = {each.field: each for each in (*self._routes.problems(canary), *ours)}
        return tuple(found.values())

    def ignored(self, canary: Canary) -> tuple[SpecWarning, ...]:
        """Name what a Canary asks of Kong without effect or harm."""
        return tuple(ignored(canary, self.name, self.abilities(canary)))

    def required_fields(self, canary: Canary) -> tuple[RequiredField, ...]:
        """Name what not every release of the API has, of what Kong does."""
        return self._routes.required_fields(heeded(canary, self.abilities(canary)))

    def objects(self, canary: Canary) -> Objects:
        """Name the HTTPRoute; Kong's proxies learn of services with it."""
        return Objects(adopted=self._routes.objects(canary).adopted)

    def render(
        self, canary: Canary, cluster: ClusterState, traffic: Traffic
    ) -> tuple[Render, ...] | Lacking:
        """Give the HTTPRoute with finer weights, and without copies or cookies."""
        wanted = self._routes.render(
            heeded(canary, self.abilities(canary)),
            cluster,
            Traffic(weight=traffic.weight, match=traffic.match, baseline=traffic.baseline),
        )
        return (
            wanted
            if isinstance(wanted, Lacking)
            else tuple(
                replace(each, manifest=_finer(each.manifest))
                for each in wanted
                if each.key in self.objects(canary).adopted
            )
        )

    def read(self, canary: Canary, cluster: ClusterState) -> Seen | None:
        """Read the weights, which are relative."""
        return self._routes.read(canary, cluster)

    def restore(self, canary: Canary, cluster: ClusterState) -> Restoration:
        """Put the HTTPRoute back."""
        return self._routes.restore(canary, cluster)

    def refusal(self, manifest: Manifest) -> str:
        """Say who rejects the HTTPRoute, or that Kong's proxies have not taken it."""
        return self._routes.refusal(manifest)

    def pending(self, manifest: Manifest) -> bool:
        """Tell whether what is said of the HTTPRoute is of an earlier generation."""
        return self._routes.pending(manifest)


def _finer(manifest: Manifest) -> Manifest:
    """Give a route with weights that leave room for a share of each pod."""
    spec = manifest["spec"]
    rules = [
        rule
        | {
            "backendRefs": [
                each | {"weight": each["weight"] * _FINER} for each in rule["backendRefs"]
            ]
        }
        for rule in spec["rules"]
    ]
    return manifest | {"spec": spec | {"rules": rules}}
