"""Argo CD compares Git with the cluster: what it makes of what tidegate has written, by its own code."""

from collections.abc import Callable
from copy import deepcopy

import httpx
import pytest

from canary.api.kinds import Manifest
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

ArgoCD = Callable[..., bool]
#: What docs/operations.md asks an application to ignore, and docs/routers.md of a managed rule.
WRITTEN_BY_TIDEGATE = {"group": "*", "kind": "*", "managedFieldsManagers": ["tidegate"]}
WEIGHTS = {
    "VirtualService": '.spec.http[] | select(.name == "api") | .route[].weight',
    "HTTPRoute": '.spec.rules[] | select(.name == "api") | .backendRefs[].weight',
}


def create(api: httpx.Client, manifest: Manifest, collection: str) -> None:
    """Put what is in Git into the cluster, as a sync does."""
    path = f"/{collection}"
    answer = api.post(path, json=manifest, params={"fieldManager": "argocd-controller"})
    assert answer.is_success, answer.text


def of_route(kind: str) -> str:
    found = router_for(HTTP[kind][0]).kinds[0]
    return f"apis/{found.group}/{found.versions[0]}/namespaces/test/{found.plural}"


@pytest.mark.parametrize("weight", [0, 20, 100])
def test_a_run_of_a_managed_rule_is_in_sync_and_what_else_git_changes_is_not(
    kind: str, weight: int, api: httpx.Client, argo_cd: ArgoCD
) -> None:
    provider, _ = HTTP[kind]
    canary, git = managing(provider, kind, {"name": "api"}), users(kind, 100, 0)
    group = router_for(provider).kinds[0].group
    rule = {"group": group, "kind": kind, "jqPathExpressions": [WEIGHTS[kind]]}
    create(api, git, of_route(kind))
    cluster = Cluster(api, canary, router_for(provider).kinds[0])
    try:
        assert not argo_cd(git, cluster.read())
        cluster.route(Traffic(weight=weight))
        assert not argo_cd(git, cluster.read(), rule)
        # Without the rule a self-healing application would take the canary's weight away.
        assert argo_cd(git, cluster.read()) is (weight > 0)
        changed = deepcopy(git)
        changed["metadata"]["labels"]["team"] = "carts"
        assert argo_cd(changed, cluster.read(), rule)
    finally:
        cluster.delete()


def test_an_adopted_service_is_in_sync_by_the_one_rule(api: httpx.Client, argo_cd: ArgoCD) -> None:
    create(api, THE_SERVICE, "api/v1/namespaces/test/services")
    cluster = adopt_the_service(api)
    try:
        assert argo_cd(THE_SERVICE, cluster.read())
        assert not argo_cd(THE_SERVICE, cluster.read(), WRITTEN_BY_TIDEGATE)
    finally:
        cluster.delete()


def test_a_parked_target_is_in_sync_without_a_rule_where_git_leaves_out_its_replicas(
    api: httpx.Client, argo_cd: ArgoCD
) -> None:
    create(api, with_replicas(3), "apis/apps/v1/namespaces/test/deployments")
    park(api)
    try:
        live = api.get(DEPLOYMENT_PATH).raise_for_status().json()
        assert not argo_cd(WITHOUT_REPLICAS, live)
        assert argo_cd(with_replicas(3), live)
        assert not argo_cd(with_replicas(3), live, WRITTEN_BY_TIDEGATE)
    finally:
        api.delete(DEPLOYMENT_PATH).raise_for_status()


def test_a_kept_target_is_in_sync_without_a_rule_where_git_says_nothing_of_its_pause(
    api: httpx.Client, argo_cd: ArgoCD
) -> None:
    create(api, with_replicas(3), "apis/apps/v1/namespaces/test/deployments")
    try:
        for wanted in (True, False):
            hold(api, wanted=wanted)
            live = api.get(DEPLOYMENT_PATH).raise_for_status().json()
            assert live["spec"].get("paused", False) is wanted
            assert not argo_cd(with_replicas(3), live)
        hold(api)
        live = api.get(DEPLOYMENT_PATH).raise_for_status().json()
        # It reads what is false as not written: it shows nothing, and a sync takes the pause away.
        unpaused = with_replicas(3)
        unpaused["spec"] |= {"paused": False}
        assert not argo_cd(unpaused, live)
    finally:
        api.delete(DEPLOYMENT_PATH).raise_for_status()


def test_a_new_version_in_git_is_seen_through_the_rule(api: httpx.Client, argo_cd: ArgoCD) -> None:
    create(api, with_replicas(3), "apis/apps/v1/namespaces/test/deployments")
    park(api)
    try:
        live = api.get(DEPLOYMENT_PATH).raise_for_status().json()
        newer = deepcopy(with_replicas(3))
        newer["spec"]["template"]["spec"]["containers"][0]["image"] = "podinfo:2"
        assert argo_cd(newer, live, WRITTEN_BY_TIDEGATE)
    finally:
        api.delete(DEPLOYMENT_PATH).raise_for_status()
