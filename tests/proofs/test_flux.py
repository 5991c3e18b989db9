"""Flux applies its manifest again and again: what it does with what tidegate has written into it."""

from collections.abc import Callable
from copy import deepcopy

import httpx
import pytest

from canary.api.kinds import Manifest
from canary.api.service import GitOps
from canary.core.traffic import Traffic
from canary.routers import router_for
from tests.proofs.routes import (
    DEPLOYMENT_PATH,
    HTTP,
    THE_SERVICE,
    WITHOUT_REPLICAS,
    Cluster,
    adopt_the_service,
    hold,
    park,
    users,
    with_replicas,
)
from tests.routers.managing import managing

pytestmark = pytest.mark.control_plane

Flux = Callable[[Manifest], str]


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
    assert flux(THE_SERVICE) == "created"
    cluster = adopt_the_service(api)
    adopted = cluster.read()["spec"]["selector"]
    assert flux(THE_SERVICE) == "skipped"
    assert cluster.read()["spec"]["selector"] == adopted
    cluster.delete()


def test_replicas_that_git_leaves_out_are_tidegates(api: httpx.Client, flux: Flux) -> None:
    assert flux(WITHOUT_REPLICAS) == "created"
    park(api)
    assert flux(WITHOUT_REPLICAS) == "unchanged"
    assert api.get(DEPLOYMENT_PATH).json()["spec"]["replicas"] == 0
    assert flux(with_replicas(3)) == "configured"
    api.delete(DEPLOYMENT_PATH).raise_for_status()


def test_the_pause_of_a_kept_target_that_git_leaves_out_is_tidegates(
    api: httpx.Client, flux: Flux
) -> None:
    assert flux(with_replicas(3)) == "created"
    hold(api)
    assert flux(with_replicas(3)) == "unchanged"
    assert api.get(DEPLOYMENT_PATH).json()["spec"]["paused"] is True
    newer = deepcopy(with_replicas(3))
    newer["spec"]["template"]["spec"]["containers"][0]["image"] = "podinfo:2"
    assert flux(newer) == "configured"
    assert api.get(DEPLOYMENT_PATH).json()["spec"]["paused"] is True
    hold(api, wanted=False)
    assert flux(newer) == "unchanged"
    # Where Git says it, Flux takes the pause away.
    newer["spec"] |= {"paused": False}
    hold(api)
    assert flux(newer) == "configured"
    assert not api.get(DEPLOYMENT_PATH).json()["spec"].get("paused")
    api.delete(DEPLOYMENT_PATH).raise_for_status()
