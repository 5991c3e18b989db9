"""The chart on a real control plane: what its API server, Helm and an account make of it."""

import json
import shutil
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from canary.api.kinds import Manifest
from tests.delivery.helm import CHART, OPTIONS, HelmFailed, as_flags, render, run_helm
from tests.delivery.role import account, granted, role_objects, rules_of
from tests.testbed.control_plane import ControlPlane

pytestmark = pytest.mark.control_plane

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
APPLY = "application/apply-patch+yaml"
ROUTERS = ('["istio"]', '["gatewayapi"]', '["smi"]', '["linkerd","istio","gatewayapi"]')
SCOPES = ("[]", '["shop"]')
PLURALS = {
    "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings",
    "NetworkPolicy": "networkpolicies",
    "PodDisruptionBudget": "poddisruptionbudgets",
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
}


@pytest.fixture(scope="session")
def api(control_plane: ControlPlane) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {control_plane.token}"}
    with httpx.Client(
        base_url=control_plane.url, headers=headers, verify=control_plane.tls, timeout=120.0
    ) as client:
        for name, labels in (("gates", RESTRICTED), ("shop", {}), ("pay", {})):
            created = client.post(
                "/api/v1/namespaces", json={"metadata": {"name": name, "labels": labels}}
            )
            assert created.status_code in {201, 409}, created.text
        yield client


def path(manifest: Manifest) -> str:
    """Where an object is, by its kind."""
    version, metadata = manifest["apiVersion"], manifest["metadata"]
    plural = PLURALS.get(manifest["kind"], f"{manifest['kind'].lower()}s")
    scope = f"namespaces/{metadata['namespace']}/" if "namespace" in metadata else ""
    root = "apis" if "/" in version else "api"
    return f"/{root}/{version}/{scope}{plural}/{metadata['name']}"


def try_to_apply(api: httpx.Client, manifest: Manifest) -> httpx.Response:
    return api.patch(
        path(manifest),
        content=json.dumps(manifest),
        headers={"Content-Type": APPLY},
        params={"fieldManager": "tester", "fieldValidation": "Strict", "dryRun": "All"},
    )


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize(("routers", "scope"), [*product(ROUTERS, SCOPES)])
def test_every_object_of_the_chart_is_taken_without_a_warning(api, routers, scope, options):
    for manifest in render(f"routers={routers}", f"watchNamespaces={scope}", *options):
        taken = try_to_apply(api, manifest)
        assert taken.status_code in {200, 201}, f"{manifest['kind']}: {taken.text}"
        assert taken.headers.get_list("Warning") == []


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_the_pod_is_admitted_where_pods_are_restricted(api, options):
    where, dry = "/api/v1/namespaces/gates/pods", {"dryRun": "All"}
    deployments = [each for each in render(*options) if each["kind"] == "Deployment"]
    assert deployments
    for deployment in deployments:
        template = deployment["spec"]["template"]
        pod = {"metadata": {**template["metadata"], "name": "one"}, "spec": template["spec"]}
        admitted = api.post(where, json=pod, params=dry)
        assert admitted.status_code == 201, admitted.text
        # The namespace does restrict: with one thing less the pod is refused, and why is said.
        pod["spec"]["containers"][0]["securityContext"].pop("capabilities")
        refused = api.post(where, json=pod, params=dry)
        assert refused.status_code == 403
        assert "violates PodSecurity" in refused.json()["message"]


def newer_chart(folder: Path) -> Path:
    """The chart as its next release would be."""
    chart = folder / "tidegate"
    shutil.copytree(CHART, chart)
    about = yaml.safe_load((chart / "Chart.yaml").read_text())
    about |= {"version": "0.2.0", "appVersion": "0.2.0"}
    (chart / "Chart.yaml").write_text(yaml.safe_dump(about))
    return chart


def test_a_release_is_installed_upgraded_and_removed_and_canaries_stay(
    api: httpx.Client, control_plane: ControlPlane, tmp_path: Path
):
    def helm(*arguments: str) -> str:
        return run_helm(
            *arguments,
            "--namespace=gates",
            kubeconfig=control_plane.kubeconfig,
            state=tmp_path / "helm",
        )

    def found(where: str) -> Any:
        answer = api.get(where)
        return answer.json() if answer.status_code == 200 else None

    deployment = "/apis/apps/v1/namespaces/gates/deployments/tidegate"
    canaries = "/apis/tidegate.dev/v1beta1/namespaces/shop/canaries"
    helm("install", "tidegate", str(CHART))
    assert found(deployment)["spec"]["replicas"] == 1
    assert found("/apis/rbac.authorization.k8s.io/v1/clusterroles/tidegate")
    canary = {
        "apiVersion": "tidegate.dev/v1beta1",
        "kind": "Canary",
        "metadata": {"name": "podinfo"},
        "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"},
            "service": {"port": 80},
            "analysis": {"interval": "10s", "threshold": 1, "stepWeights": [50]},
        },
    }
    created = api.post(canaries, json=canary)
    assert created.status_code == 201, created.text

    flow = 'flowControl={"enabled":true}'
    scope = ('watchNamespaces=["shop"]', "replicaCount=2", 'shards="auto"', flow)
    helm("upgrade", "tidegate", str(CHART), *as_flags(scope))
    assert found(deployment)["spec"]["replicas"] == 2
    assert found("/apis/rbac.authorization.k8s.io/v1/clusterroles/tidegate") is None
    assert found("/apis/rbac.authorization.k8s.io/v1/namespaces/shop/roles/tidegate")
    assert found("/apis/policy/v1/namespaces/gates/poddisruptionbudgets/tidegate")
    queued = found("/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas/tidegate")
    assert queued["spec"]["priorityLevelConfiguration"]["name"] == "tidegate"

    helm("upgrade", "tidegate", str(newer_chart(tmp_path)), *as_flags(scope))
    (container,) = found(deployment)["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "tidegate:0.2.0"
    with pytest.raises(HelmFailed, match="/shards"):
        helm("upgrade", "tidegate", str(CHART), *as_flags(['shards="some"']))

    helm("uninstall", "tidegate", "--wait")
    assert found(deployment) is None
    assert found("/apis/rbac.authorization.k8s.io/v1/namespaces/shop/roles/tidegate") is None
    assert [each["metadata"]["name"] for each in found(canaries)["items"]] == ["podinfo"]
    assert found("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/canaries.tidegate.dev")
    assert api.delete(f"{canaries}/podinfo").status_code == 200


@pytest.mark.parametrize("namespaces", [(), ("shop", "pay")], ids=["everywhere", "in two"])
async def test_an_account_is_granted_what_the_rules_say_and_nothing_else(
    api: httpx.Client, control_plane: ControlPlane, tmp_path: Path, namespaces: tuple[str, ...]
):
    release = "tidegate-scoped" if namespaces else "tidegate-unscoped"
    kubeconfig = await granted(
        control_plane, tmp_path, routers=["gatewayapi"], namespaces=namespaces, release=release
    )
    assert kubeconfig.stat().st_mode & 0o077 == 0
    (user,) = yaml.safe_load(kubeconfig.read_text())["users"]
    token = user["user"]["token"]

    def may(verb: str, group: str, resource: str, namespace: str) -> bool:
        resource, _, subresource = resource.partition("/")
        attributes = {
            "verb": verb,
            "group": group,
            "resource": resource,
            "subresource": subresource,
            "namespace": namespace,
        }
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        answer = api.post(
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
            json=review,
            headers={"Authorization": f"Bearer {token}"},
        )
        assert answer.status_code == 201, answer.text
        return bool(answer.json()["status"]["allowed"])

    def name() -> str:
        answer = api.post(
            "/apis/authentication.k8s.io/v1/selfsubjectreviews",
            json={"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"},
            headers={"Authorization": f"Bearer {token}"},
        )
        assert answer.status_code == 201, answer.text
        return str(answer.json()["status"]["userInfo"]["username"])

    assert name() == account(release)
    values = ('routers=["gatewayapi"]', f"watchNamespaces={json.dumps(namespaces)}")
    objects = role_objects(*values, release=release)
    leases = [each for each in objects if each["metadata"]["name"].endswith("-leases")]
    for rule in rules_of(each for each in objects if each not in leases):
        for group, resource, verb in product(rule["apiGroups"], rule["resources"], rule["verbs"]):
            assert may(verb, group, resource, "shop")
            assert may(verb, group, resource, "default") is not bool(namespaces)
    assert may("update", "coordination.k8s.io", "leases", "tidegate-system")
    for verb, group, resource, namespace in (
        ("update", "coordination.k8s.io", "leases", "shop"),
        ("delete", "apps", "deployments", "shop"),
        ("patch", "networking.istio.io", "virtualservices", "shop"),
        ("create", "", "pods", "shop"),
        ("create", "", "pods/exec", "shop"),
        ("escalate", "rbac.authorization.k8s.io", "roles", "shop"),
        ("list", "", "nodes", ""),
    ):
        assert not may(verb, group, resource, namespace), (verb, resource)
