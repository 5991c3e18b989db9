"""Envoy's bootstrap: one listener on loopback, everything else read from files. Pure.

https://www.envoyproxy.io/docs/envoy/latest/configuration/overview/xds_api
"""

from pathlib import Path

from tidegate_embedded.mesh.routes import INGRESS
from tidegate_embedded.values import Manifest

LOOPBACK = "127.0.0.1"
CLUSTERS_FILE = "clusters.json"
ROUTES_FILE = "routes.json"

#: Envoy's own rule takes the name of a cluster to end at its first dot, which Istio's names have.
_STATS_TAGS = (
    ("envoy.response_code", r"_rq(_(\d{3}))$"),
    ("envoy.response_code_class", r"_rq(_(\d))xx$"),
    (
        "envoy.cluster_name",
        r"^cluster\.((outbound\|\d+\|[^|]*\|.+?\.svc\.cluster\.local|[^.|]+);?\.)",
    ),
    ("envoy.http_conn_manager_prefix", r"^http\.((.*?)\.)"),
    (
        "envoy.listener_address",
        r"^listener\.(((?:[_.[:digit:]]*|[_\[\]aAbBcCdDeEfF[:digit:]]*))\.)",
    ),
)


def bootstrap(directory: Path, *, port: int) -> Manifest:
    """Write the bootstrap of an Envoy that reads its resources from a directory.

    Port 0 takes one that is free.
    """
    return {
        "node": {"id": "embedded", "cluster": "embedded"},
        "admin": {"address": _address(0)},
        "stats_config": stats_config(),
        # How soon a histogram shows what it has seen.
        "stats_flush_interval": "0.5s",
        "dynamic_resources": {"cds_config": files(directory / CLUSTERS_FILE)},
        "static_resources": {"listeners": [_listener(directory, port)]},
    }


def stats_config() -> Manifest:
    """Write how labels are read from the names of statistics, those of Istio's clusters too."""
    return {
        "use_all_default_tags": False,
        "stats_tags": [{"tag_name": name, "regex": regex} for name, regex in _STATS_TAGS],
    }


def files(path: Path) -> Manifest:
    """Write the source of resources in a file, which is read again whenever it is replaced."""
    return {"resource_api_version": "V3", "path_config_source": {"path": str(path)}}


def _listener(directory: Path, port: int) -> Manifest:
    router = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
    manager = (
        "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3."
        "HttpConnectionManager"
    )
    connections = {
        "@type": manager,
        "stat_prefix": INGRESS,
        "rds": {
            "route_config_name": INGRESS,
            "config_source": files(directory / ROUTES_FILE),
        },
        "http_filters": [{"name": "router", "typed_config": {"@type": router}}],
        # A host is known by its name, whatever the port that a caller came by.
        "strip_any_host_port": True,
    }
    name = "envoy.filters.network.http_connection_manager"
    return {
        "name": INGRESS,
        "address": _address(port),
        "filter_chains": [{"filters": [{"name": name, "typed_config": connections}]}],
    }


def _address(port: int) -> Manifest:
    return {"socket_address": {"address": LOOPBACK, "port_value": port}}
