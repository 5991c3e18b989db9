"""Istio: a VirtualService with the weights, and a DestinationRule for each side.

As `istio:subsets` there are no services of the sides: one DestinationRule tells the pods of both apart
behind the apex service, and the VirtualService leads to the subsets, which are named like those services.
https://istio.io/latest/docs/reference/config/networking/virtual-service/
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import lru_cache, partial
from typing import ClassVar

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest, ObjectKey
from canary.core.actions import Side
from canary.core.traffic import Seen, Traffic
from canary.errors import Problem
from canary.objects.places import Path
from canary.objects.render import Render, Restoration, entries, fields
from canary.routers import ClusterState, Objects
from canary.routers.abilities import WAYS, Abilities, refused
from canary.routers.condition_problems import cookie_problems
from canary.routers.defaults import RouterDefaults
from canary.routers.managed_rules import Grammar
from canary.routers.matching import match_problems
from canary.routers.objects import Owned, render_object, restore_objects
from canary.routers.shares import entries as listed
from canary.routers.shares import part, side_services
from canary.routers.virtualservice import (
    by_service,
    is_tcp,
    route_spec,
    service_of_host,
    what_is_seen,
)
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
    baseline=True,
)
_TCP = Abilities(
    service=_ANY_PROTOCOL,
    conditions=dict.fromkeys(_OF_CONNECTIONS, WAYS),
    others="appProtocol tcp routes connections, which have no requests",
    transport=" with appProtocol tcp",
    takes_calls=True,
)
_HTTP_SUBSETS = replace(_HTTP, by_subsets=True, baseline=False)
_TCP_SUBSETS = replace(_TCP, by_subsets=True)
SUBSETS = "subsets"
#: What is tidegate's in a VirtualService, and in a DestinationRule.
_ROUTE = fields("gateways", "hosts", "http", "tcp", "tls")
_RULE = fields("host", "trafficPolicy")


class IstioRouter(RouterDefaults):
    """Split traffic by the weights of a VirtualService."""

    name: ClassVar[str] = "istio"
    variants: ClassVar[tuple[str, ...]] = (SUBSETS,)
    kinds: tuple[Kind, ...] = (VIRTUAL_SERVICE, DESTINATION_RULE)

    def __init__(self, variant: str = "") -> None:
        """Make the router; with the variant `subsets` the sides have no services."""
        self._subsets = bool(variant)

    @property
    def rules(self) -> Grammar | None:
        """How a VirtualService has rules; with subsets its users keep none in theirs."""
        return None if self._subsets else VirtualServiceRules()

    def abilities(self, canary: Canary) -> Abilities:
        """Those for requests, or the fewer for connections."""
        if self._subsets:
            return _TCP_SUBSETS if is_tcp(canary) else _HTTP_SUBSETS
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
        """Name the VirtualService and its DestinationRules: one a side, a baseline's, or the apex's."""
        spec = canary.spec
        baseline = (spec.baseline_service_name,) if spec.analysis.has_baseline else ()
        return _objects(canary.metadata.namespace, spec.service_name, baseline, self._subsets)

    def render(self, canary: Canary, cluster: ClusterState, traffic: Traffic) -> tuple[Render, ...]:
        """Give the DestinationRules, then the VirtualService."""
        virtual_service = self.objects(canary).written[-1]
        lead = partial(_by_subset, canary) if self._subsets else by_service
        return (
            *(
                render_object(canary, cluster, each, spec, ours=partial(_ours, canary))
                for each, spec in self._rules(canary, cluster)
            ),
            render_object(
                canary,
                cluster,
                (virtual_service, _ROUTE),
                route_spec(canary, traffic, lead),
                metadata=canary.spec.service.apex,
                ours=partial(_ours, canary),
            ),
        )

    def _rules(self, canary: Canary, cluster: ClusterState) -> Iterator[tuple[Owned, Manifest]]:
        """Give the DestinationRules, each with what of it is tidegate's."""
        keys = self.objects(canary).written[:-1]
        if not self._subsets:
            for key in keys:
                yield (key, _RULE), _destination_rule(canary, key.name)
            return
        spec = canary.spec
        sides = ((spec.primary_service_name, Side.PRIMARY), (spec.canary_service_name, Side.TARGET))
        # Pods that are unknown, as the target is gone, keep the labels that they had.
        known = {name: cluster.pods[side] for name, side in sides if side in cluster.pods}
        subsets = [{"name": name, "labels": dict(labels)} for name, labels in known.items()]
        rule = _destination_rule(canary, spec.service_name) | {"subsets": subsets}
        yield (keys[0], (*_RULE, *_subsets(known))), rule

    def read(self, canary: Canary, cluster: ClusterState) -> Seen | None:
        """Read the weights, and the copies, of the routes that lead to a side."""
        existing = cluster.existing.get(self.objects(canary).written[-1])
        return what_is_seen(canary, part(existing, "spec"))

    def restore(self, canary: Canary, cluster: ClusterState) -> Restoration:
        """Give an adopted VirtualService its spec back, and remove what was created."""
        *rules, virtual_service = self.objects(canary).written
        rule = (*_RULE, *_subsets(sorted(side_services(canary)))) if self._subsets else _RULE
        # The route first, which refers to the rest.
        owned = ((virtual_service, _ROUTE), *((key, rule) for key in rules))
        return restore_objects(canary, cluster, owned, ours=partial(_ours, canary))


@lru_cache(maxsize=1024)
def _objects(
    namespace: str,
    service: str,
    baseline: tuple[str, ...],
    subsets: bool,  # noqa: FBT001 - for the cache
) -> Objects:
    route = ObjectKey(kind=VIRTUAL_SERVICE, namespace=namespace, name=service)
    if subsets:
        rule = ObjectKey(kind=DESTINATION_RULE, namespace=namespace, name=service)
        return Objects(adopted=(rule, route))
    sides = (f"{service}-primary", f"{service}-canary", *baseline)
    return Objects(
        own=tuple(
            ObjectKey(kind=DESTINATION_RULE, namespace=namespace, name=name) for name in sides
        ),
        adopted=(route,),
    )


def _ours(canary: Canary, spec: Manifest) -> bool:
    """Tell whether a spec is one that was written for a Canary."""
    sides = side_services(canary)
    return (
        what_is_seen(canary, spec) is not None
        or service_of_host(spec.get("host")) in {*sides, canary.spec.baseline_service_name}
        or any(each.get("name") in [*sides] for each in listed(spec, "subsets"))
    )


def _by_subset(canary: Canary, side: str) -> Manifest:
    """Lead to the pods of a side behind the apex service."""
    return {"host": canary.spec.service_name, "subset": side}


def _subsets(names: Iterable[str]) -> tuple[Path, ...]:
    """Name the subsets that are tidegate's in a DestinationRule: its user may have others there."""
    return entries("spec", "subsets", field="name", values=names)


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
