"""The ingress gateway's bootstrap, and the objects that make Istio serve it. Pure."""

from typing import Any

from canary.api.kinds import Manifest
from tests.testbed.istiod import ISTIO_NAMESPACE
from tidegate_embedded.mesh.bootstrap import stats_config
from tidegate_embedded.mesh.routes import CLUSTER_HEADER

#: The Gateway of either kind: `istio-system/ingress` to a VirtualService, a parentRef of this name
#: and namespace to an HTTPRoute.
GATEWAY = "ingress"
_SERVICE = "istio-ingressgateway"
_LABELS = {"istio": "ingressgateway"}
_LOOPBACK = "127.0.0.1"
_PROTOCOL_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def bootstrap(address: str, discovery_port: int) -> Manifest:
    """Write what Envoy knows from the beginning: who it is, and where istiod is."""
    discovery = {"address": _LOOPBACK, "port_value": discovery_port}
    endpoint = {"endpoint": {"address": {"socket_address": discovery}}}
    by_stream = {"resource_api_version": "V3", "ads": {}}
    http2 = {
        "@type": f"type.googleapis.com/{_PROTOCOL_OPTIONS}",
        "explicit_http_config": {"http2_protocol_options": {}},
    }
    istiod = {
        "name": "istiod",
        "type": "STATIC",
        "connect_timeout": "1s",
        "typed_extension_protocol_options": {_PROTOCOL_OPTIONS: http2},
        "load_assignment": {
            "cluster_name": "istiod",
            "endpoints": [{"lb_endpoints": [endpoint]}],
        },
    }
    domain = f"{ISTIO_NAMESPACE}.svc.cluster.local"
    return {
        "node": {
            "id": f"router~{address}~{GATEWAY}.{ISTIO_NAMESPACE}~{domain}",
            "cluster": _SERVICE,
            "metadata": {
                "LABELS": _LABELS,
                "NAMESPACE": ISTIO_NAMESPACE,
                "CLUSTER_ID": "Kubernetes",
                # Not older than istiod, so that nothing is left out for its sake.
                "ISTIO_VERSION": "1.31.0",
            },
        },
        "admin": {"address": {"socket_address": {"address": _LOOPBACK, "port_value": 0}}},
        "stats_config": stats_config(),
        # How soon a histogram shows what it has seen.
        "stats_flush_interval": "0.5s",
        "dynamic_resources": {
            "lds_config": by_stream,
            "cds_config": by_stream,
            "ads_config": {
                "api_type": "GRPC",
                "transport_api_version": "V3",
                "grpc_services": [{"envoy_grpc": {"cluster_name": "istiod"}}],
            },
        },
        "static_resources": {"clusters": [istiod]},
    }


def objects(port: int) -> tuple[tuple[str, Manifest], ...]:
    """Write the Gateways and what they need, each with the path of its collection."""
    ports = [{"name": "http", "port": port}]
    listener = {
        "name": "http",
        "port": port,
        "protocol": "HTTP",
        "allowedRoutes": {"namespaces": {"from": "All"}},
    }
    server = {"port": {"number": port, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}
    host = f"{_SERVICE}.{ISTIO_NAMESPACE}.svc.cluster.local"
    istio, gateway_api = "networking.istio.io", "gateway.networking.k8s.io"
    return (
        # By this istiod knows which proxy serves a Gateway that names the Service as its address:
        # where it finds no pod of the proxy's address, the labels that the proxy tells are matched.
        _object("v1", "Service", "services", _SERVICE, spec={"selector": _LABELS, "ports": ports}),
        _object(
            f"{istio}/v1",
            "Gateway",
            "gateways",
            GATEWAY,
            spec={"selector": _LABELS, "servers": [server]},
        ),
        _object(
            f"{gateway_api}/v1",
            "Gateway",
            "gateways",
            GATEWAY,
            spec={
                "gatewayClassName": "istio",  # istiod makes it
                # An address that is a host name: served by a proxy that is already there.
                "addresses": [{"type": "Hostname", "value": host}],
                "listeners": [listener],
            },
        ),
        _object(
            f"{istio}/v1alpha3",
            "EnvoyFilter",
            "envoyfilters",
            "tell-the-cluster",
            spec={"configPatches": [_TELL_THE_CLUSTER]},
        ),
    )


#: Tells a caller which cluster answered; nothing else of what Istio writes is changed. Without RAW it
#: would be the name that Istio gives the cluster in statistics, which ends with a semicolon.
_TELL_THE_CLUSTER = {
    "applyTo": "ROUTE_CONFIGURATION",
    "match": {"context": "GATEWAY"},
    "patch": {
        "operation": "MERGE",
        "value": {
            "response_headers_to_add": [
                {"header": {"key": CLUSTER_HEADER, "value": "%UPSTREAM_CLUSTER_RAW%"}}
            ]
        },
    },
}


def _object(version: str, kind: str, plural: str, name: str, **fields: Any) -> tuple[str, Manifest]:
    metadata = {"name": name, "namespace": ISTIO_NAMESPACE}
    root = "/apis" if "/" in version else "/api"
    return (
        f"{root}/{version}/namespaces/{ISTIO_NAMESPACE}/{plural}",
        {"apiVersion": version, "kind": kind, "metadata": metadata, **fields},
    )
