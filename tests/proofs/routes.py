"""What users have in Git, and the same in the cluster as tidegate reads and writes it."""

import json
from typing import Any

import httpx

from canary.api.canary import Canary
from canary.api.kinds import SERVICE, Kind, Manifest
from canary.core.actions import Side
from canary.core.traffic import Traffic
from canary.resources.names import pod_selectors
from canary.resources.ports import service_ports
from canary.resources.services import apex_service
from canary.routers import router_for
from canary.targets.deployment import KeptDeployment
from tests.resources.builders import LABEL, a_deployment
from tests.routers.builders import a_cluster, rendered, restored
from tests.routers.managing import (
    backend,
    destination,
    gateway_route,
    managing,
    route_in,
    virtual_service,
)

HTTP = {"VirtualService": ("istio", virtual_service), "HTTPRoute": ("gatewayapi", gateway_route)}
SIDES = ("podinfo-primary", "podinfo-canary")


def users(kind: str, *weights: int) -> Manifest:
    """Write the user's route as it stands in Git; without weights it leads to the apex."""
    backends = list(zip(SIDES, weights, strict=True)) if weights else [("podinfo", None)]
    if kind == "HTTPRoute":
        return gateway_route(kind, *(backend(*each) for each in backends))
    return virtual_service(*(destination(*each) for each in backends))


class Cluster:
    """The user's object in the cluster, as tidegate reads and writes it."""

    def __init__(self, api: httpx.Client, canary: Canary, kind: Kind, name: str = "shop") -> None:
        self._api = api
        self._canary = canary
        group = f"apis/{kind.group}" if kind.group else "api"
        self._path = f"/{group}/{kind.versions[0]}/namespaces/test/{kind.plural}/{name}"

    def read(self) -> Manifest:
        found: Manifest = self._api.get(self._path).raise_for_status().json()
        return found

    def write(self, obj: Manifest) -> None:
        """Write it as the controller does: whole, on the version that was read."""
        version = self.read()["metadata"]["resourceVersion"]
        written = obj | {"metadata": obj["metadata"] | {"resourceVersion": version}}
        answer = self._api.put(self._path, json=written, params={"fieldManager": "tidegate"})
        assert answer.status_code == 200, answer.text

    def route(self, traffic: Traffic) -> None:
        router = router_for(str(self._canary.spec.provider))
        cluster = a_cluster(router, self._canary, [self.read()])
        self.write(route_in(rendered(router, self._canary, cluster, traffic)))

    def give_back(self) -> None:
        router = router_for(str(self._canary.spec.provider))
        self.write(
            route_in(
                restored(router, self._canary, a_cluster(router, self._canary, [self.read()])).write
            )
        )

    def weights(self) -> list[Any]:
        spec = self.read()["spec"]
        api = next(each for each in spec.get("http") or spec["rules"] if each.get("name") == "api")
        return [each.get("weight") for each in api.get("route") or api["backendRefs"]]

    def delete(self) -> None:
        self._api.delete(self._path).raise_for_status()


APP = {"name": "podinfo", "namespace": "test"}
THE_SERVICE: Manifest = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": APP,
    "spec": {"selector": {"app": "podinfo"}, "ports": [{"port": 80, "targetPort": 80}]},
}
DEPLOYMENT_PATH = "/apis/apps/v1/namespaces/test/deployments/podinfo"
WITHOUT_REPLICAS: Manifest = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": APP,
    "spec": {
        "selector": {"matchLabels": {"app": "podinfo"}},
        "template": {
            "metadata": {"labels": {"app": "podinfo"}},
            "spec": {"containers": [{"name": "app", "image": "podinfo:1"}]},
        },
    },
}


def with_replicas(number: int) -> Manifest:
    """Write the user's Deployment with a number that Git should leave out."""
    return WITHOUT_REPLICAS | {"spec": WITHOUT_REPLICAS["spec"] | {"replicas": number}}


def adopt_the_service(api: httpx.Client) -> Cluster:
    """Let the user's Service lead to the primary, as tidegate does when it adopts it."""
    canary = managing("istio", "VirtualService")
    cluster = Cluster(api, canary, SERVICE, "podinfo")
    selectors, ports = pod_selectors(a_deployment(), LABEL), service_ports(canary, a_deployment())
    adopted = apex_service(canary, selectors, ports, cluster.read(), Side.PRIMARY)
    cluster.write(adopted.mended(cluster.read()))
    assert cluster.read()["spec"]["selector"] == selectors.primary
    return cluster


def park(api: httpx.Client) -> None:
    """Take the Deployment's pods away, as tidegate does after a run."""
    _patch(api, {"spec": {"replicas": 0}})


def hold(api: httpx.Client, *, wanted: bool = True) -> None:
    """Pause the Deployment that is kept, or leave it to its controller, as tidegate does."""
    patch = KeptDeployment().held(now=not wanted, wanted=wanted)
    assert patch is not None
    _patch(api, patch)


def _patch(api: httpx.Client, patch: Manifest) -> None:
    api.patch(
        DEPLOYMENT_PATH,
        content=json.dumps(patch),
        params={"fieldManager": "tidegate"},
        headers={"Content-Type": "application/merge-patch+json"},
    ).raise_for_status()
