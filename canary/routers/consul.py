"""Consul: a ServiceSplitter over the subsets of one service, with the ServiceRouter before it.

Both sides are instances of the service that clients call. A ServiceResolver tells them apart by the
Kubernetes Service through which they were registered; each subset is named like the Service of its side.
https://developer.hashicorp.com/consul/docs/reference/config-entry/service-splitter
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import lru_cache, partial
from typing import ClassVar

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest, ObjectKey
from canary.api.raw import items, part, text
from canary.core.traffic import Seen, Traffic
from canary.errors import Problem, SpecWarning
from canary.objects.places import Path
from canary.objects.render import Render, Restoration, fields
from canary.routers import ClusterState, Objects
from canary.routers.abilities import Abilities, ignored, refused
from canary.routers.condition_problems import OF_ONE_METHOD, cookie_problems, path_problems
from canary.routers.consul_routes import (
    added_cookie,
    retry_warnings,
    route,
    route_seen_in,
    takes_all,
)
from canary.routers.defaults import RouterDefaults
from canary.routers.heeded import heeded
from canary.routers.matching import match_problems
from canary.routers.objects import render_object, restore_objects
from canary.routers.rules import Backend, RouteRule, rules
from canary.routers.shares import entries, route_seen, side_services, weight_of

_GROUP, _VERSIONS = "consul.hashicorp.com", ("v1alpha1",)
ROUTER = Kind(group=_GROUP, versions=_VERSIONS, kind="ServiceRouter", plural="servicerouters")
RESOLVER = Kind(group=_GROUP, versions=_VERSIONS, kind="ServiceResolver", plural="serviceresolvers")
SPLITTER = Kind(group=_GROUP, versions=_VERSIONS, kind="ServiceSplitter", plural="servicesplitters")
#: What an instance has of the Service through which it was registered.
_REGISTERED_BY = 'Service.Meta["k8s-service-name"]'
_ABILITIES = Abilities(
    service=frozenset({"timeout", "retries", "headers"}),
    conditions=OF_ONE_METHOD,
    others="a ServiceRouter matches on path, one method, headers and query parameters",
    matches=True,
    affinity=True,
    entrance="the mesh",
    # An object is carried to Consul first, and its proxies learn of it from there.
    settles=timedelta(seconds=2),
    # An entry of Consul has a name alone.
    everywhere=(SPLITTER,),
)


class ConsulRouter(RouterDefaults):
    """Split traffic by the weights of a ServiceSplitter."""

    name: ClassVar[str] = "consul"
    kinds: tuple[Kind, ...] = (ROUTER, RESOLVER, SPLITTER)

    def __init__(self, _variant: str = "") -> None:
        """Make the router; its API has one version."""

    def abilities(self, _canary: Canary) -> Abilities:
        """What the three objects can say together."""
        return _ABILITIES

    def problems(self, canary: Canary) -> tuple[Problem, ...]:
        """Name everything that a Canary asks of Consul and that it cannot do."""
        return (
            *refused(canary, self.name, _ABILITIES),
            *match_problems(canary),
            *path_problems(canary),
            *cookie_problems(canary),
        )

    def ignored(self, canary: Canary) -> tuple[SpecWarning, ...]:
        """Name what a Canary asks of Consul without effect or harm."""
        return (*ignored(canary, self.name, _ABILITIES), *retry_warnings(canary.spec.service))

    def objects(self, canary: Canary) -> Objects:
        """Name the ServiceRouter, the ServiceResolver and the ServiceSplitter of the service."""
        return _objects(canary.metadata.namespace, canary.spec.service_name)

    def render(self, canary: Canary, cluster: ClusterState, traffic: Traffic) -> tuple[Render, ...]:
        """Give the conditions, the subsets and then the weights.

        Two writes are not one: conditions that go stay until the weights are no higher than those of
        all requests, and go with the next write.
        """
        objects = self.objects(canary)
        (routing,), (resolving, splitting) = objects.own, objects.adopted
        written = tuple(rules(heeded(canary, _ABILITIES), traffic))
        split = next(rule.backends for rule in written if len(rule.backends) > 1)
        seen = self.read(canary, cluster)
        early = seen and seen.matched and not traffic.match and seen.weight > traffic.weight
        found = part(part(cluster.existing.get(routing), "spec"), "routes")
        routes = found if early else [*_routes(canary, written)]
        return (
            self._object(canary, cluster, routing, {"routes": routes}),
            self._object(canary, cluster, resolving, {"subsets": _subsets(canary)}),
            self._object(canary, cluster, splitting, {"splits": [*map(_share, split)]}),
        )

    def read(self, canary: Canary, cluster: ClusterState) -> Seen | None:
        """Read the weights, and which requests they are for."""
        objects = self.objects(canary)
        routing, splitting = (
            part(cluster.existing.get(key), "spec") for key in (*objects.own, objects.adopted[-1])
        )
        split, routes = _split_seen(canary, splitting), entries(routing, "routes")
        seen = [route_seen_in(canary, each, split) for each in routes]
        # What fits no route is split.
        return route_seen(seen if any(map(takes_all, routes)) else [*seen, split])

    def restore(self, canary: Canary, cluster: ClusterState) -> Restoration:
        """Remove what was made, or put it back; the subsets last, to which the rest refers."""
        objects = self.objects(canary)
        resolving, splitting = objects.adopted
        owned = ((key, _owned(canary, key)) for key in (splitting, *objects.own, resolving))
        return restore_objects(canary, cluster, owned, ours=partial(_is_ours, canary))

    def refusal(self, manifest: Manifest) -> str:
        """Say why Consul does not take an object; its status names no generation."""
        return "; ".join(_refusals(manifest))

    def _object(
        self, canary: Canary, cluster: ClusterState, key: ObjectKey, spec: Manifest
    ) -> Render:
        return render_object(
            canary,
            cluster,
            (key, _owned(canary, key)),
            spec,
            metadata=canary.spec.service.apex,
            ours=partial(_is_ours, canary),
        )


@lru_cache(maxsize=1024)
def _objects(namespace: str, service: str) -> Objects:
    routing, resolving, splitting = (
        ObjectKey(kind=kind, namespace=namespace, name=service)
        for kind in (ROUTER, RESOLVER, SPLITTER)
    )
    return Objects(own=(routing,), adopted=(resolving, splitting))


def _owned(canary: Canary, key: ObjectKey) -> tuple[Path, ...]:
    """Name the places of an object that are tidegate's: of a ServiceResolver two subsets alone."""
    if key.kind == RESOLVER:
        return tuple(("spec", "subsets", name) for name in sorted(side_services(canary)))
    return fields("routes" if key.kind == ROUTER else "splits")


def _is_ours(canary: Canary, spec: Manifest) -> bool:
    """Tell whether a spec has or names the subset of a side, or routes to the service by its name."""
    subsets = part(spec, "subsets")
    named = {
        *(subsets if isinstance(subsets, dict) else ()),
        *(text(each, "serviceSubset") for each in entries(spec, "splits")),
    }
    routed = (text(part(each, "destination"), "service") for each in entries(spec, "routes"))
    return not side_services(canary).isdisjoint(named) or canary.spec.service_name in routed


# ------------------------------------------------------------------------------------- writing


def _subsets(canary: Canary) -> Manifest:
    """Tell the sides apart; the primary's pods are also registered through the apex Service."""
    spec = canary.spec
    return {
        name: {"filter": f'{_REGISTERED_BY} {is_it} "{spec.canary_service_name}"'}
        for name, is_it in ((spec.primary_service_name, "!="), (spec.canary_service_name, "=="))
    }


def _routes(canary: Canary, written: Iterable[RouteRule]) -> Iterator[Manifest]:
    for rule in written:
        one_side = rule.backends[0] if len(rule.backends) == 1 else None
        for match in rule.matches or (None,):
            yield route(canary, match, one_side)


def _share(backend: Backend) -> Manifest:
    share = {"serviceSubset": backend.service, "weight": backend.weight}
    return share | ({"responseHeaders": added_cookie(backend)} if backend.set_cookie else {})


# ------------------------------------------------------------------------------------- reading


def _split_seen(canary: Canary, spec: object) -> Seen | None:
    weight = weight_of(
        canary,
        (
            (str(each.get("serviceSubset")), each.get("weight", 0))
            for each in entries(spec, "splits")
            if each.get("service") in {None, "", canary.spec.service_name}
        ),
    )
    return None if weight is None else Seen(weight=weight)


def _refusals(manifest: Manifest) -> Iterator[str]:
    for said in items(part(manifest.get("status"), "conditions")):
        status, why = text(said, "status"), text(said, "message")
        # What Consul itself does not take leaves it unknown, with what it says.
        if text(said, "type") == "Synced" and status != "True" and why:
            yield f"Consul reports Synced={status}: {text(said, 'reason')}: {why}"
