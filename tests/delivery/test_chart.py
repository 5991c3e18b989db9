"""The Helm chart, rendered by Helm."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from canary.api.kinds import AUTOSCALER, CONFIG_MAP, DEPLOYMENT, POD, REPLICA_SET, SECRET, SERVICE
from canary.cli.run import run
from canary.routers import ROUTERS, router_for
from canary.settings import Settings
from tests.testbed.tools import ROOT, find_go, made_once

pytestmark = pytest.mark.delivery

CHART = ROOT / "charts" / "tidegate"
HELM = "helm.sh/helm/v4/cmd/helm@v4.3.1"
OWNED = ["create", "delete", "get", "list", "patch", "watch"]
READ = ["get", "list", "watch"]


@pytest.fixture(scope="session")
def helm() -> str:
    """Helm from the PATH, or built once into the project's cache."""
    found = shutil.which("helm")
    if found:
        return found

    def build(folder: Path) -> None:
        environment = {**os.environ, "GOBIN": str(folder), "CGO_ENABLED": "0", "GOFLAGS": ""}
        subprocess.run([find_go(), "install", HELM], env=environment, check=True)

    return str(made_once(HELM.rsplit("/", 1)[1], build) / "helm")


@pytest.fixture
def render(helm):
    """Render the chart with some values, and find its objects by kind and name."""

    def render(*values: str) -> dict[tuple[str, str], dict[str, Any]]:
        given = [word for value in values for word in ("--set-json", value)]
        rendered = subprocess.run(
            [helm, "template", "tidegate", str(CHART), "--namespace", "gates", *given],
            capture_output=True,
            text=True,
            check=False,
        )
        if rendered.returncode:
            raise ValueError(rendered.stderr)
        objects = [each for each in yaml.safe_load_all(rendered.stdout) if each]
        found = {
            (
                each["kind"],
                f"{each['metadata'].get('namespace', '')}/{each['metadata']['name']}",
            ): each
            for each in objects
        }
        assert len(found) == len(objects), "two objects of the chart have one name"
        return found

    return render


def container(objects) -> dict[str, Any]:
    (found,) = objects["Deployment", "gates/tidegate"]["spec"]["template"]["spec"]["containers"]
    return found


def rights(role) -> dict[tuple[str, str], list[str]]:
    """Verbs by API group and resource."""
    return {
        (group, resource): sorted(rule["verbs"])
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


def test_helm_finds_nothing_to_complain_of(helm):
    linted = subprocess.run(
        [helm, "lint", "--strict", str(CHART)], capture_output=True, text=True, check=False
    )
    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_the_crds_of_the_chart_are_those_of_the_project():
    def crds(folder: Path) -> dict[str, str]:
        return {each.name: each.read_text() for each in folder.glob("*.yaml")}

    assert crds(CHART / "crds") == crds(ROOT / "crds")
    assert len(crds(CHART / "crds")) == 3


def test_the_container_may_do_nothing_but_run(render):
    objects = render()
    pod = objects["Deployment", "gates/tidegate"]["spec"]["template"]["spec"]
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "runAsGroup": 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container(objects)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_probes_and_service_lead_to_the_port_that_is_listened_on(render):
    objects = render('service={"port": 80}')
    controller = container(objects)
    assert controller["ports"] == [{"name": "http", "containerPort": 8080}]
    assert "--listen=:8080" in controller["args"]
    assert controller["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
    assert controller["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}
    service = objects["Service", "gates/tidegate"]["spec"]
    assert service["ports"] == [{"name": "http", "port": 80, "targetPort": "http"}]
    labels = objects["Deployment", "gates/tidegate"]["spec"]["template"]["metadata"]["labels"]
    assert service["selector"].items() <= labels.items()


def settings(objects, **environ: str) -> Settings:
    """What the controller makes of the container's flags, and of variables with these values."""
    controller = container(objects)
    assert controller["args"][0] == run.name
    flags = run.make_context("run", controller["args"][1:]).params
    assert [each["name"] for each in controller.get("env", [])] == list(environ)
    assert environ.keys() <= {each.environment for each in Settings.options()}
    return Settings.read(environ, flags)


def test_the_controller_takes_the_defaults_of_the_chart_for_its_own(render):
    assert settings(render()) == Settings()


def test_values_become_settings(render):
    objects = render(
        'apiGroups=["tidegate.dev","flagger.app"]',
        'routers=["gatewayapi","istio"]',
        'watchNamespaces=["shop","pay"]',
        'metricsServer="http://prometheus.monitoring:9090"',
        'logLevel="debug"',
        'logFormat="console"',
        'slack={"secretName":"chat","urlKey":"url","tokenKey":"token","channel":"releases"}',
        'extraArgs=["--cluster-name=harbour"]',
    )
    assert settings(
        objects,
        TIDEGATE_SLACK_URL="https://chat.example/hook",
        TIDEGATE_SLACK_TOKEN="a-token",
        TIDEGATE_SLACK_CHANNEL="releases",
    ) == Settings(
        api_groups=("tidegate.dev", "flagger.app"),
        router="gatewayapi",
        namespaces=("shop", "pay"),
        metrics_server="http://prometheus.monitoring:9090",
        log_level="debug",
        log_format="console",
        slack_url="https://chat.example/hook",
        slack_token="a-token",
        slack_channel="releases",
        cluster_name="harbour",
    )


def test_pages_of_metrics_take_the_place_of_a_prometheus(render):
    pages = ("http://one:15090/stats/prometheus", "http://two:15090/stats/prometheus")
    made = settings(render(f"scrapeTargets={json.dumps(pages)}"))
    assert made == Settings(metrics_provider="scrape", scrape_targets=pages)


def test_secrets_of_slack_are_referred_to_and_never_written(render):
    objects = render('slack={"secretName":"chat","tokenKey":"token","channel":"releases"}')
    assert container(objects)["env"] == [
        {
            "name": "TIDEGATE_SLACK_TOKEN",
            "valueFrom": {"secretKeyRef": {"name": "chat", "key": "token"}},
        },
        {"name": "TIDEGATE_SLACK_CHANNEL", "value": "releases"},
    ]


def test_every_namespace_is_watched_with_a_cluster_role(render):
    objects = render()
    kinds = sorted(kind for kind, _ in objects)
    assert kinds == [
        "ClusterRole",
        "ClusterRoleBinding",
        "Deployment",
        "Role",
        "RoleBinding",
        "Service",
        "ServiceAccount",
    ]
    account = [{"kind": "ServiceAccount", "name": "tidegate", "namespace": "gates"}]
    assert objects["ClusterRoleBinding", "/tidegate"]["subjects"] == account
    assert objects["RoleBinding", "gates/tidegate-leases"]["subjects"] == account


def test_some_namespaces_are_watched_with_a_role_in_each_and_no_cluster_role(render):
    everywhere = render()
    objects = render('watchNamespaces=["shop","pay"]')
    assert not [kind for kind, _ in objects if kind.startswith("Cluster")]
    for namespace in ("shop", "pay"):
        role = objects["Role", f"{namespace}/tidegate"]
        assert role["rules"] == everywhere["ClusterRole", "/tidegate"]["rules"]
        assert objects["RoleBinding", f"{namespace}/tidegate"]["roleRef"]["kind"] == "Role"


@pytest.mark.parametrize("router", ROUTERS.names())
def test_a_router_is_given_the_kinds_that_it_declares_and_no_other_routers(render, router):
    granted = rights(render(f'routers=["{router}"]')["ClusterRole", "/tidegate"])
    declared = {(kind.group, kind.plural) for kind in router_for(router).kinds}
    routes = {each: verbs for each, verbs in granted.items() if "update" in verbs}
    routes.pop(("tidegate.dev", "canaries/finalizers"))
    assert routes == dict.fromkeys(declared, sorted([*OWNED, "update"]))


def test_what_the_controller_manages_it_may_write_and_what_it_looks_at_it_may_read(render):
    granted = rights(render()["ClusterRole", "/tidegate"])
    for kind in (AUTOSCALER, CONFIG_MAP, DEPLOYMENT, SECRET, SERVICE):
        assert granted[kind.group, kind.plural] == OWNED, kind
    for kind in (POD, REPLICA_SET):
        assert granted[kind.group, kind.plural] == READ, kind
    assert granted["discovery.k8s.io", "endpointslices"] == READ
    for resource in ("canaries", "metrictemplates", "alertproviders"):
        assert granted["tidegate.dev", resource] == ["get", "list", "patch", "watch"]
        assert granted["tidegate.dev", f"{resource}/status"] == ["patch"]
    assert granted["", "events"] == ["create", "patch"]


def test_a_lease_is_held_in_the_controllers_own_namespace_only(render):
    objects = render()
    leases = rights(objects["Role", "gates/tidegate-leases"])
    assert leases == {("coordination.k8s.io", "leases"): ["create", "get", "patch", "update"]}
    assert ("coordination.k8s.io", "leases") not in rights(objects["ClusterRole", "/tidegate"])


def test_the_peers_objects_need_a_right_only_where_they_are_served(render):
    role = "ClusterRole", "/tidegate"
    assert ("flagger.app", "canaries") not in rights(render()[role])
    served = rights(render('apiGroups=["tidegate.dev","flagger.app"]')[role])
    assert served["flagger.app", "canaries/status"] == ["patch"]


def test_several_controllers_are_not_all_taken_at_once(render):
    assert ("PodDisruptionBudget", "gates/tidegate") not in render()
    budget = render("replicaCount=2")["PodDisruptionBudget", "gates/tidegate"]
    assert budget["spec"]["minAvailable"] == 1


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ('routers=["itsio"]', "/routers/0"),
        ("routers=[]", "/routers"),
        ('apiGroups=["example.com"]', "/apiGroups/0"),
        ('watchNamespaces=["Shop"]', "/watchNamespaces/0"),
        ('metricsServer="prometheus:9090"', "/metricsServer"),
        ('replicaCount="two"', "/replicaCount"),
        ("terminationGracePeriodSeconds=5", "/terminationGracePeriodSeconds"),
        ('slak={"secretName":"chat"}', "slak"),
        ('slack={"secretName":"chat"}', "slack.urlKey"),
        ('slack={"secretName":"chat","tokenKey":"token"}', "slack.channel"),
        ('serviceAccount={"create":false}', "serviceAccount.name"),
    ],
)
def test_a_wrong_value_is_refused_by_name(render, value, named):
    with pytest.raises(ValueError, match=named):
        render(value)
