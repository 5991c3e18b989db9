"""Traefik: a TraefikService, to which the user's IngressRoutes lead.

https://doc.traefik.io/traefik/reference/routing-configuration/kubernetes/crd/http/traefikservice/
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import ClassVar

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest
from canary.core.traffic import Seen, Traffic
from canary.objects.places import Path
from canary.objects.render import fields
from canary.routers import ClusterState
from canary.routers.abilities import Abilities
from canary.routers.objects import options, spec_before
from canary.routers.shares import entries, part, percent_of, sides, weights_seen
from canary.routers.single import SingleObjectRouter

#: What a service of a user's says beside how it is spoken to.
_WHERE = frozenset({"kind", "name", "namespace", "port", "weight", "mirrors", "percent"})
#: What Traefik gives a service without a weight.
_DEFAULT_WEIGHT = 1
_ABILITIES = Abilities(
    service=frozenset(),
    mirrors=True,
    mirrors_shares=False,
    baseline=True,
    entrance="the IngressRoute",
    reasons={
        "session_affinity": "its cookie holds clients on the primary as well, so that the weights "
        "would reach new clients alone"
    },
    # It gathers changes for as long before it acts on them.
    settles=timedelta(seconds=2),
)


class TraefikRouter(SingleObjectRouter):
    """Split traffic by the weights of a TraefikService."""

    name: ClassVar[str] = "traefik"
    #: A TraefikService is one of these.
    owns: ClassVar[tuple[Path, ...]] = fields(
        "weighted", "mirroring", "highestRandomWeight", "failover"
    )

    def __init__(self, _variant: str = "") -> None:
        """Make the router."""
        super().__init__(
            Kind(
                group="traefik.io",
                versions=("v1alpha1",),
                kind="TraefikService",
                plural="traefikservices",
            )
        )

    def abilities(self, _canary: Canary) -> Abilities:
        """Weights, or copies while the canary answers nothing itself."""
        return _ABILITIES

    def spec(self, canary: Canary, cluster: ClusterState, traffic: Traffic) -> Manifest:
        """Give the sides that get requests; one that gets none is left out.

        Traefik serves nothing at all where one of the services that stand here has no endpoints.
        """
        (key,) = self.objects(canary).adopted
        before = spec_before(canary, cluster, key, ours=partial(self._is_ours, canary))
        kept = options(canary, _listed(before), but=_WHERE)
        if traffic.mirror and not traffic.weight:
            copies = _service(canary, canary.spec.canary_service_name)
            return {
                "mirroring": {
                    **kept,
                    **_service(canary, canary.spec.primary_service_name),
                    "mirrors": [{**kept, **copies, "percent": traffic.mirror}],
                }
            }
        services = [
            {**kept, **_service(canary, service), "weight": weight}
            for service, weight in sides(canary, traffic.weight, traffic.baseline)
            if weight
        ]
        sticky = part(before, "weighted", "sticky")
        return {"weighted": {"services": services} | ({"sticky": sticky} if sticky else {})}

    def seen(self, canary: Canary, spec: object) -> Seen | None:
        """Read the weights, or who is copied to."""
        mirroring = part(spec, "mirroring")
        seen = weights_seen(
            canary,
            (
                (str(each.get("name")), each.get("weight", _DEFAULT_WEIGHT))
                for each in _listed(spec)
            ),
        )
        if seen is None:
            return None
        return replace(seen, mirror=max(_copied(canary, mirroring), default=0))


def _listed(spec: object) -> Sequence[Manifest]:
    """List the services that answer."""
    mirroring = part(spec, "mirroring")
    return [mirroring] if isinstance(mirroring, dict) else entries(spec, "weighted", "services")


def _copied(canary: Canary, mirroring: object) -> Iterator[int]:
    """Read how many requests the canary gets copies of, in percent."""
    for each in entries(mirroring, "mirrors"):
        if each.get("name") == canary.spec.canary_service_name:
            yield percent_of(each.get("percent", 0))


def _service(canary: Canary, name: str) -> Manifest:
    return {
        "kind": "Service",
        "name": name,
        "namespace": canary.metadata.namespace,
        "port": canary.spec.service.port,
    }
