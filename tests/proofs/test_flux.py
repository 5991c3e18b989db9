"""Flux applies its manifest again and again: what it does with what tidegate has written into it."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import httpx
import pytest

from canary.api.canary import Canary
from canary.api.kinds import SERVICE, Kind, Manifest
from canary.api.service import GitOps
from canary.core.actions import Side
from canary.core.traffic import Traffic
from canary.resources.names import pod_selectors
from canary.resources.ports import service_ports
from canary.resources.services import apex_service
from canary.routers import router_for
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

pytestmark = pytest.mark.control_plane

Flux = Callable[[Manifest], str]
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


@pytest.fixture(params=sorted(HTTP))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("git", [(100, 0), ()], ids=["sides", "apex"])
def test_a_run_of_a_managed_rule_is_left_alone_and_what_git_says_arrives_afterwards(
    kind: str, git: tuple[int, ...], api: httpx.Client, flux: Flux
) -> None:
    provider, _ = HTTP[kind]
    canary, manifest = managing(provider, kind, {"name": "api"}), users(kind, *git)
    cluster = Cluster(api, canary, router_for(provider).kinds[0])
    assert flux(manifest) == "created"
    try:
        cluster.route(Traffic())
        # Where Git has both sides, the rule at rest is as in Git, and Flux goes on applying it.
        at_rest = "unchanged" if git else "skipped"
        assert flux(manifest) == at_rest
        cluster.route(Traffic(weight=20))
        assert flux(manifest) == "skipped"
        assert cluster.weights() == [80, 20]
        cluster.route(Traffic())
        changed = deepcopy(manifest)
        changed["metadata"]["labels"]["team"] = "carts"
        assert flux(changed) == ("configured" if git else "skipped")
        assert cluster.weights() == [100, 0]
        cluster.give_back()
        # Given back it is Git's again, with all that came in between.
        assert flux(changed) == ("unchanged" if git else "configured")
        assert cluster.read()["metadata"].get("annotations", {}).keys() == {"note"}
    finally:
        cluster.delete()


def test_without_the_annotation_flux_takes_the_canarys_weight(
    kind: str, api: httpx.Client, flux: Flux
) -> None:
    provider, _ = HTTP[kind]
    canary, manifest = managing(provider, kind, {"name": "api"}), users(kind, 100, 0)
    shared = canary.but(spec=canary.spec.but(service=canary.spec.service.but(gitops=GitOps.SHARED)))
    cluster = Cluster(api, shared, router_for(provider).kinds[0])
    assert flux(manifest) == "created"
    try:
        cluster.route(Traffic(weight=20))
        assert flux(manifest) == "configured"
        assert cluster.weights() == [100, 0]
    finally:
        cluster.delete()


def test_an_adopted_service_is_left_alone_until_it_is_given_back(
    api: httpx.Client, flux: Flux
) -> None:
    manifest = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "podinfo", "namespace": "test"},
        "spec": {"selector": {"app": "podinfo"}, "ports": [{"port": 80, "targetPort": 80}]},
    }
    canary = managing("istio", "VirtualService")
    cluster = Cluster(api, canary, SERVICE, "podinfo")
    assert flux(manifest) == "created"
    selectors, ports = pod_selectors(a_deployment(), LABEL), service_ports(canary, a_deployment())
    adopted = apex_service(canary, selectors, ports, cluster.read(), Side.PRIMARY)
    cluster.write(adopted.mended(cluster.read()))
    assert cluster.read()["spec"]["selector"] == selectors.primary
    assert flux(manifest) == "skipped"
    assert cluster.read()["spec"]["selector"] == selectors.primary
    cluster.delete()


def test_replicas_that_git_leaves_out_are_tidegates(api: httpx.Client, flux: Flux) -> None:
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "podinfo", "namespace": "test"},
        "spec": {
            "selector": {"matchLabels": {"app": "podinfo"}},
            "template": {
                "metadata": {"labels": {"app": "podinfo"}},
                "spec": {"containers": [{"name": "app", "image": "podinfo:1"}]},
            },
        },
    }
    assert flux(deployment) == "created"
    path = "/apis/apps/v1/namespaces/test/deployments/podinfo"
    patch = {"headers": {"Content-Type": "application/merge-patch+json"}}
    api.patch(
        path, content='{"spec":{"replicas":0}}', params={"fieldManager": "tidegate"}, **patch
    ).raise_for_status()
    assert flux(deployment) == "unchanged"
    assert api.get(path).json()["spec"]["replicas"] == 0
    said = deployment | {"spec": deployment["spec"] | {"replicas": 3}}
    assert flux(said) == "configured"
    api.delete(path).raise_for_status()
