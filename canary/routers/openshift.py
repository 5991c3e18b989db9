"""OpenShift's router: a Route with the canary as its alternate backend.

https://docs.redhat.com/en/documentation/openshift_container_platform/4.17/html/network_apis/route-route-openshift-io-v1
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import ClassVar

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest
from canary.api.raw import items, part, text
from canary.api.shown import shown
from canary.core.traffic import Seen, Traffic
from canary.errors import Problem
from canary.objects.places import Path
from canary.objects.render import annotations, fields
from canary.routers import ClusterState
from canary.routers.abilities import Abilities, refused
from canary.routers.shares import entries, sides, weight_of
from canary.routers.single import SingleObjectRouter

#: Cookies keep a client at one pod, whatever the weights.
_NO_COOKIES = "haproxy.router.openshift.io/disable_cookies"
#: What the API gives a backend without a weight.
_DEFAULT_WEIGHT = 100
_ABILITIES = Abilities(
    service=frozenset({"hosts"}),
    # HAProxy is reloaded no more often than that.
    settles=timedelta(seconds=5),
)


class OpenShiftRouter(SingleObjectRouter):
    """Split traffic by the weights of a Route's backends."""

    name: ClassVar[str] = "openshift"
    owns: ClassVar[tuple[Path, ...]] = (
        *fields("to", "alternateBackends"),
        *annotations(_NO_COOKIES),
    )
    owns_of_own: ClassVar[tuple[Path, ...]] = fields("host", "port")
    host_rights: ClassVar[tuple[str, ...]] = ("routes/custom-host",)

    def __init__(self, _variant: str = "") -> None:
        """Make the router; its API has one version."""
        super().__init__(
            Kind(group="route.openshift.io", versions=("v1",), kind="Route", plural="routes")
        )

    def abilities(self, _canary: Canary) -> Abilities:
        """Weights, for one host."""
        return _ABILITIES

    def problems(self, canary: Canary) -> tuple[Problem, ...]:
        """Name everything that a Canary asks of a Route and that it cannot say."""
        return (*refused(canary, self.name, _ABILITIES), *_host_problems(canary))

    def annotations(self, canary: Canary) -> Mapping[str, str]:
        """Turn off the cookies that would hold clients at a side, unless the Canary wants them."""
        apex = canary.spec.service.apex
        return {_NO_COOKIES: apex.annotations.get(_NO_COOKIES, "true") if apex else "true"}

    def spec(self, canary: Canary, _cluster: ClusterState, traffic: Traffic) -> Manifest:
        """Give the primary and, beside it, the canary; an own Route also has a host and a port."""
        primary, beside = (_backend(*side) for side in sides(canary, traffic.weight))
        service = canary.spec.service
        spec: Manifest = {
            "to": primary,
            "alternateBackends": [beside],
            "port": {"targetPort": service.port_name},
        }
        return spec | ({"host": service.hosts[0]} if service.hosts else {})

    def seen(self, canary: Canary, spec: object) -> Seen | None:
        """Read the weights of the backends."""
        backends = (part(spec, "to"), *entries(spec, "alternateBackends"))
        weight = weight_of(canary, ((text(each, "name"), _weight(each)) for each in backends))
        return None if weight is None else Seen(weight=weight)

    def refusal(self, manifest: Manifest) -> str:
        """Say which of OpenShift's routers does not admit the Route; none names a generation."""
        return "; ".join(
            f"router {text(router, 'routerName')} reports Admitted=False: "
            f"{text(condition, 'reason')}: {text(condition, 'message')}"
            for router in items(part(manifest.get("status"), "ingress"))
            for condition in items(part(router, "conditions"))
            if text(condition, "type") == "Admitted" and text(condition, "status") == "False"
        )


def _backend(service: str, weight: int) -> Manifest:
    return {"kind": "Service", "name": service, "weight": weight}


def _weight(backend: object) -> object:
    weight = part(backend, "weight")
    return _DEFAULT_WEIGHT if weight is None else weight


def _host_problems(canary: Canary) -> Iterator[Problem]:
    hosts = canary.spec.service.hosts
    if len(hosts) > 1 or "*" in hosts:
        yield Problem("spec.service.hosts", shown(list(hosts)), "write one host: a Route has one")
