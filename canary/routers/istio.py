"""Istio: a VirtualService with the weights, and a DestinationRule for each side.

https://istio.io/latest/docs/reference/config/networking/virtual-service/
"""

from collections.abc import Iterator
from functools import lru_cache, partial
from typing import ClassVar

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest, ObjectKey
from canary.core.traffic import Seen, Traffic
from canary.errors import Problem
from canary.objects.render import Render, Restoration, fields
from canary.routers import ClusterState, Objects
from canary.routers.abilities import WAYS, Abilities, refused
from canary.routers.condition_problems import cookie_problems
from canary.routers.defaults import RouterDefaults
from canary.routers.managed_rules import Grammar
from canary.routers.matching import match_problems
from canary.routers.objects import render_object, restore_objects
from canary.routers.shares import part, side_services
from canary.routers.virtualservice import is_tcp, route_spec, service_of_host, what_is_seen
from canary.routers.virtualservice_rules import VirtualServiceRules

GROUP = "networking.istio.io"
VIRTUAL_SERVICE = Kind(
    group=GROUP, versions=("v1", "v1beta1"), kind="VirtualService", plural="virtualservices"
)
DESTINATION_RULE = Kind(
    group=GROUP, versions=("v1", "v1beta1"), kind="DestinationRule", plural="destinationrules"
)

_ANY_PROTOCOL = frozenset({"gateways", "hosts", "delegation", "traffic_policy", "match"})
#: What a condition may say of a connection, and of a request on it.
_OF_CONNECTIONS = ("name", "source_labels", "source_namespace", "gateways", "port")
_OF_REQUESTS = (
    *("uri", "scheme", "method", "authority", "headers", "without_headers", "query_params"),
    "ignore_uri_case",
)
_HTTP = Abilities(
    service=_ANY_PROTOCOL | {"timeout", "rewrite", "retries", "headers", "cors_policy"},
    conditions=dict.fromkeys((*_OF_CONNECTIONS, *_OF_REQUESTS), WAYS),
    matches=True,
    mirrors=True,
    affinity=True,
    takes_calls=True,
)
_TCP = Abilities(
    service=_ANY_PROTOCOL,
    conditions=dict.fromkeys(_OF_CONNECTIONS, WAYS),
    others="appProtocol tcp routes connections, which have no requests",
    transport=" with appProtocol tcp",
    takes_calls=True,
)
#: What is tidegate's in a VirtualService, and in a DestinationRule.
_ROUTE = fields("gateways", "hosts", "http", "tcp", "tls")
_RULE = fields("host", "trafficPolicy")


class IstioRouter(RouterDefaults):
    """Split traffic by the weights of a VirtualService."""

    name: ClassVar[str] = "istio"
    variants: ClassVar[tuple[str, ...]] = ()
    kinds: tuple[Kind, ...] = (VIRTUAL_SERVICE, DESTINATION_RULE)
    rules: ClassVar[Grammar | None] = VirtualServiceRules()

    def __init__(self, variant: str = "") -> None:
        """Make the router; it has no variants, since both versions say the same."""

    def abilities(self, canary: Canary) -> Abilities:
        """Those for requests, or the fewer for connections."""
        return _TCP if is_tcp(canary) else _HTTP

    def problems(self, canary: Canary) -> tuple[Problem, ...]:
        """Name everything that a Canary asks of Istio and that it cannot do."""
        fields = refused(canary, self.name, self.abilities(canary))
        if is_tcp(canary):
            return tuple(fields)
        return (
            *fields,
            *match_problems(canary),
            *cookie_problems(canary),
            *_retry_problems(canary),
        )

    def objects(self, canary: Canary) -> Objects:
        """Name the DestinationRules of both sides, and the VirtualService."""
        return _objects(canary.metadata.namespace, canary.spec.service_name)

    def render(self, canary: Canary, cluster: ClusterState, traffic: Traffic) -> tuple[Render, ...]:
        """Give the DestinationRules, then the VirtualService."""
        objects = self.objects(canary)
        (virtual_service,) = objects.adopted
        return (
            *(
                render_object(
                    canary,
                    cluster,
                    (key, _RULE),
                    _destination_rule(canary, key.name),
                    ours=partial(_ours, canary),
                )
                for key in objects.own
            ),
            render_object(
                canary,
                cluster,
                (virtual_service, _ROUTE),
                route_spec(canary, traffic),
                metadata=canary.spec.service.apex,
                ours=partial(_ours, canary),
            ),
        )

    def read(self, canary: Canary, cluster: ClusterState) -> Seen | None:
        """Read the weights, and the copies, of the routes that lead to a side."""
        existing = cluster.existing.get(self.objects(canary).written[-1])
        return what_is_seen(canary, part(existing, "spec"))

    def restore(self, canary: Canary, cluster: ClusterState) -> Restoration:
        """Give an adopted VirtualService its spec back, and remove what was created."""
        objects = self.objects(canary)
        owned = (
            # The route first, which refers to the rest.
            *((key, _ROUTE) for key in objects.adopted),
            *((key, _RULE) for key in objects.own),
        )
        return restore_objects(canary, cluster, owned, ours=partial(_ours, canary))


@lru_cache(maxsize=1024)
def _objects(namespace: str, service: str) -> Objects:
    sides = (f"{service}-primary", f"{service}-canary")
    return Objects(
        own=tuple(
            ObjectKey(kind=DESTINATION_RULE, namespace=namespace, name=name) for name in sides
        ),
        adopted=(ObjectKey(kind=VIRTUAL_SERVICE, namespace=namespace, name=service),),
    )


def _ours(canary: Canary, spec: Manifest) -> bool:
    """Tell whether a spec is one that was written for a Canary."""
    leads = what_is_seen(canary, spec) is not None
    return leads or service_of_host(spec.get("host")) in side_services(canary)


def _retry_problems(canary: Canary) -> Iterator[Problem]:
    retries = canary.spec.service.retries
    if retries and not retries.attempts and (retries.per_try_timeout or retries.retry_on):
        yield Problem(
            "spec.service.retries.attempts",
            retries.attempts,
            "set attempts to 1 or more, or remove perTryTimeout and retryOn: Istio rejects them "
            "without attempts",
        )


def _destination_rule(canary: Canary, host: str) -> Manifest:
    policy = canary.spec.service.traffic_policy
    return {"host": host, **({"trafficPolicy": dict(policy)} if policy else {})}
