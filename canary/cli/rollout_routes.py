"""The rules that an Argo Rollouts' Rollout splits in routes of the user's, as managed routes."""

from collections.abc import Iterator

from canary.api.kinds import Manifest
from canary.api.raw import items, part, text

#: The routes of the plug-in for the Gateway API: its one, its list, their kind and our router.
_BY_PLUGIN = (
    ("httpRoute", "httpRoutes", "HTTPRoute", "gatewayapi"),
    ("grpcRoute", "grpcRoutes", "GRPCRoute", "gatewayapi-grpc"),
    ("tcpRoute", "tcpRoutes", "TCPRoute", "gatewayapi-tcp"),
    ("tlsRoute", "tlsRoutes", "TLSRoute", "gatewayapi-tls"),
)


def managed_routes(istio: object) -> Iterator[Manifest]:
    """Give the VirtualServices of a Rollout, with the rules that it names in them."""
    one = part(istio, "virtualService")
    for each in (*((one,) if one is not None else ()), *items(part(istio, "virtualServices"))):
        rules = list(_rules(each))
        named = {"rules": rules} if rules else {}
        # Another namespace may follow the name; a Canary's routes are in its own.
        name = text(each, "name").partition(".")[0]
        yield {"kind": "VirtualService", "name": name, **named}


def managed_by_gateway(plugin: object) -> tuple[str, tuple[Manifest, ...]]:
    """Give the router for a Rollout's routes of the Gateway API, and these; several kinds need several."""
    routers, routes = [], []
    for one, several, kind, router in _BY_PLUGIN:
        names = [
            *filter(None, [text(plugin, one)]),
            *(text(each, "name") for each in items(part(plugin, several))),
        ]
        routers += [router] if names else []
        routes += [{"kind": kind, "name": name} for name in names]
    return "+".join(routers) or "gatewayapi", tuple(routes)


def _rules(virtual_service: object) -> Iterator[Manifest]:
    for name in items(part(virtual_service, "routes")):
        yield {"name": name}
    for each in items(part(virtual_service, "tcpRoutes")):
        yield {"port": part(each, "port")}
    for each in items(part(virtual_service, "tlsRoutes")):
        hosts = items(part(each, "sniHosts"))
        yield {"sniHost": hosts[0]} if hosts else {"port": part(each, "port")}
