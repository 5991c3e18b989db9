"""How callers of an app come to it through the gateway, as its users would say it. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from canary.api.kinds import Kind, Manifest
from canary.demo.manifests import APP, PORT
from canary.routers.istio import VIRTUAL_SERVICE
from tests.testbed.ingress import GATEWAY
from tests.testbed.istiod import ISTIO_NAMESPACE

HTTP_ROUTE = Kind(
    group="gateway.networking.k8s.io", versions=("v1",), kind="HTTPRoute", plural="httproutes"
)
HTTP_PROXY = Kind(
    group="projectcontour.io", versions=("v1",), kind="HTTPProxy", plural="httpproxies"
)
_Objects = tuple[tuple[Manifest, Kind], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an app is: its namespace, and the Gateway that HTTPRoutes there name as parent."""

    namespace: str
    parent: Mapping[str, str] = field(default_factory=dict)

    @property
    def host(self) -> str:
        """The name that callers know the app by."""
        return f"{APP}.{self.namespace}.svc.cluster.local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """What leads callers to the app."""

    service: Mapping[str, Any] = field(default_factory=dict)
    """Fields of a Canary's `service` that lead the gateway to it."""
    always: _Objects = ()
    """What is there from the beginning, and stays."""
    exposed: _Objects = ()
    """What leads to the app before it is under a Canary."""


def entrance(router: str, place: Place) -> Entrance:
    """Tell how callers come to an app whose requests a router leads."""
    return _ENTRANCES[router](place) if router in _ENTRANCES else Entrance()


def _istio(place: Place) -> Entrance:
    service, route = _by_istio(place)
    return Entrance(service=service, exposed=((_named(APP, route, place), VIRTUAL_SERVICE),))


def _by_service(place: Place) -> Entrance:
    """Lead to the apex Service, which leads on."""
    _, route = _by_istio(place)
    return Entrance(always=((_named("entry", route, place), VIRTUAL_SERVICE),))


def _by_istio(place: Place) -> tuple[Mapping[str, Any], Manifest]:
    service = {"hosts": [place.host], "gateways": [f"{ISTIO_NAMESPACE}/{GATEWAY}"]}
    destination = {"host": place.host, "port": {"number": PORT}}
    spec = {**service, "http": [{"route": [{"destination": destination}]}]}
    return service, {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "spec": spec,
    }


def _gateway_api(place: Place) -> Entrance:
    parents = [dict(place.parent)]
    route = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "spec": {
            "hostnames": [place.host],
            "parentRefs": parents,
            "rules": [{"backendRefs": [{"name": APP, "port": PORT}]}],
        },
    }
    return Entrance(
        service={"hosts": [place.host], "gatewayRefs": parents},
        exposed=((_named(APP, route, place), HTTP_ROUTE),),
    )


def _contour(place: Place) -> Entrance:
    """Include what leads to the app in the HTTPProxy of a virtual host."""
    conditions = [{"prefix": "/"}]
    included = {"name": APP, "conditions": conditions}
    route = {"conditions": conditions, "services": [{"name": APP, "port": PORT}]}

    def proxy(name: str, **spec: Any) -> tuple[Manifest, Kind]:
        item = {"apiVersion": "projectcontour.io/v1", "kind": "HTTPProxy", "spec": spec}
        return _named(name, item, place), HTTP_PROXY

    return Entrance(
        always=(proxy("entry", virtualhost={"fqdn": place.host}, includes=[included]),),
        exposed=(proxy(APP, routes=[route]),),
    )


def _named(name: str, item: Manifest, place: Place) -> Manifest:
    return item | {"metadata": {"name": name, "namespace": place.namespace}}


_ENTRANCES: Mapping[str, Callable[[Place], Entrance]] = {
    "istio": _istio,
    "istio:subsets": _istio,
    "gatewayapi": _gateway_api,
    "contour": _contour,
    "kubernetes": _by_service,
    "kubernetes:replicas": _by_service,
}
