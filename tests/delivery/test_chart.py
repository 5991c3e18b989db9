"""The Helm chart, rendered by Helm."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from canary.api.kinds import (
    AUTOSCALER,
    BUDGET,
    CONFIG_MAP,
    CONTROLLER_REVISION,
    DAEMON_SET,
    DEPLOYMENT,
    POD,
    REPLICA_SET,
    SCALED_OBJECT,
    SECRET,
    SERVICE,
    STATEFUL_SET,
    Manifest,
)
from canary.cli.run import run
from canary.controller.routes_cluster import of_routes
from canary.resources.preflight import SELECTING, SERVICE_PROFILE
from canary.routers import ROUTERS, router_for
from canary.routers.ingresses import INGRESS
from canary.routers.knative import KNATIVE_SERVICE
from canary.settings import Settings
from tests.delivery.helm import CHART, OPTIONS, HelmFailed, as_flags, run_helm
from tests.delivery.helm import render as rendered
from tests.delivery.test_chart_files import made_by
from tests.testbed.tools import ROOT

pytestmark = pytest.mark.delivery

Render = Callable[..., dict[tuple[str, str], Manifest]]

#: Made from the tables of plug-ins: `test_chart_files.py` holds it against them.
OF_PLUGINS = yaml.safe_load((CHART / "files" / "rights.yaml").read_text())
ROUTING_GROUPS = {
    group
    for rules in OF_PLUGINS["routers"].values()
    for rule in rules
    for group in rule["apiGroups"]
}
FOLLOWED = ["list", "watch"]
READ = ["get", "list", "watch"]
COPIED = ["create", "delete", "get", "list", "patch", "watch"]
DIVIDED = ["get", "list", "update", "watch"]
PARKED = ["create", "get", "list", "patch", "update", "watch"]
WRITTEN = ["create", "delete", "get", "list", "update", "watch"]
EDITED = ["get", "list", "update", "watch"]
ADMISSION = 'admission={"enabled":true,"secretName":"admission","caBundle":"Y2VydA=="}'


@pytest.fixture
def render() -> Render:
    """Render the chart with some values, and find its objects by kind and name."""

    def render(*values: str) -> dict[tuple[str, str], Manifest]:
        objects = rendered(*values)
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


def rights(rules) -> dict[tuple[str, str], list[str]]:
    """Verbs by API group and resource."""
    return {
        (group, resource): sorted(rule["verbs"])
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_helm_finds_nothing_to_complain_of(options):
    monitor = 'serviceMonitor={"enabled":true}'
    run_helm("lint", "--strict", str(CHART), *as_flags((*options, monitor)))


def test_the_crds_of_the_chart_are_those_of_the_project():
    def crds(folder: Path) -> dict[str, str]:
        return {each.name: each.read_text() for each in folder.glob("*.yaml")}

    assert crds(CHART / "crds") == crds(ROOT / "crds")
    assert len(crds(CHART / "crds")) == 4


def test_the_container_may_do_nothing_but_run(render):
    objects = render()
    pod = objects["Deployment", "gates/tidegate"]["spec"]["template"]["spec"]
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "runAsGroup": 10001,
        "fsGroup": 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container(objects)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_a_user_and_groups_that_the_platform_gives_out_are_left_out(render):
    objects = render('podSecurityContext={"runAsUser":null,"runAsGroup":null,"fsGroup":null}')
    pod = objects["Deployment", "gates/tidegate"]["spec"]["template"]["spec"]
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def test_more_volumes_are_mounted_beside_the_charts_own(render):
    volume = {"name": "ca", "configMap": {"name": "authority"}}
    mount = {"name": "ca", "mountPath": "/etc/ca", "readOnly": True}
    values = (
        f"extraVolumes={json.dumps([volume])}",
        f"extraVolumeMounts={json.dumps([mount])}",
    )
    plain, objects = render(ADMISSION), render(ADMISSION, *values)
    before, after = (
        each["Deployment", "gates/tidegate"]["spec"]["template"]["spec"]
        for each in (plain, objects)
    )
    assert after["volumes"] == [*before["volumes"], volume]
    assert container(objects)["volumeMounts"] == [*container(plain)["volumeMounts"], mount]


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


def of_the_chart(**fields: Any) -> Settings:
    """Settings that the chart leaves as they are, but for its policy on commands."""
    return Settings(verified_commands=True, **fields)


def test_the_controller_takes_the_defaults_of_the_chart_for_its_own(render):
    assert settings(render()) == of_the_chart()
    assert settings(render('commandPolicy={"enabled":false}')) == Settings()


def test_values_become_settings(render):
    objects = render(
        'apiGroups=["tidegate.dev","flagger.app"]',
        'routers=["gatewayapi","istio"]',
        'ingressAnnotationsPrefix="alb.ingress.kubernetes.io"',
        'plugins=["borrowed","diary"]',
        'watchNamespaces=["shop","pay"]',
        'selector="tidegate.dev/controller in (next, test)"',
        'leaseName="tidegate-next"',
        'metricsServer="http://prometheus.monitoring:9090"',
        'metricsMatchers="cluster=\\"harbour\\", region!=\\"us\\""',
        'clusterName="harbour"',
        'logLevel="debug"',
        'logFormat="console"',
        'records="s3://releases/runs"',
        'slack={"secretName":"chat","urlKey":"url","tokenKey":"token","channel":"releases"}',
        'extraArgs=["--slack-user=boatswain"]',
        'egressPolicy={"allow":["*.example.com","10.0.0.0/8"],"deny":["bad.example.com"]}',
        "multiTenant=true",
        'dashboard={"publicUrl":"https://tidegate.example.com"}',
        'crossNamespaceRefs={"enabled":false,"shared":["istio-system","monitoring"]}',
    )
    assert settings(
        objects,
        TIDEGATE_SLACK_URL="https://chat.example/hook",
        TIDEGATE_SLACK_TOKEN="a-token",
        TIDEGATE_SLACK_CHANNEL="releases",
    ) == of_the_chart(
        api_groups=("tidegate.dev", "flagger.app"),
        router="gatewayapi",
        ingress_annotations_prefix="alb.ingress.kubernetes.io",
        plugins=("borrowed", "diary"),
        namespaces=("shop", "pay"),
        selector="tidegate.dev/controller in (next, test)",
        lease_name="tidegate-next",
        metrics_server="http://prometheus.monitoring:9090",
        log_level="debug",
        log_format="console",
        records="s3://releases/runs",
        slack_url="https://chat.example/hook",
        slack_token="a-token",
        slack_channel="releases",
        metrics_matchers='cluster="harbour", region!="us"',
        cluster_name="harbour",
        slack_user="boatswain",
        dashboard_url="https://tidegate.example.com",
        egress_allow=("*.example.com", "10.0.0.0/8"),
        egress_deny=("bad.example.com",),
        multi_tenant=True,
        no_cross_namespace_refs=True,
        shared_namespaces=("istio-system", "monitoring"),
    )


ELSEWHERE = ('clusterName="eu-1"', 'routesCluster={"secretName":"routes","context":"mesh"}')


def test_routes_in_another_cluster_are_reached_by_a_secret(render):
    objects = render(*ELSEWHERE)
    assert settings(objects) == of_the_chart(
        cluster_name="eu-1",
        routes_kubeconfig="/routes-cluster/kubeconfig",
        routes_context="mesh",
    )
    home = rights(objects["ClusterRole", "/tidegate-home"]["rules"])
    assert home == {("", "namespaces"): ["get"]}
    assert container(objects)["volumeMounts"][-1]["mountPath"] == "/routes-cluster"
    assert ("ClusterRole", "/tidegate-home") not in render()


@pytest.mark.parametrize("router", ROUTERS.names())
def test_the_rights_on_routes_are_granted_in_the_cluster_that_these_are_in(render, router):
    """What the controller takes to be there is what the role there has, and the one here has not."""
    routers = f"routers={json.dumps([router])}"
    one = rights(render(routers)["ClusterRole", "/tidegate"]["rules"])
    two = render(routers, *ELSEWHERE, 'routesCluster={"secretName":"routes","role":true}')
    here = rights(two["ClusterRole", "/tidegate"]["rules"])
    there = rights(two["ClusterRole", "/tidegate-routes"]["rules"] or ())
    moved = {
        (group, name) for group, name in one if f"{name.partition('/')[0]}.{group}" in of_routes()
    }
    assert there.keys() >= (kinds_of(router) & moved)
    assert there.keys() <= moved
    assert here == {place: verbs for place, verbs in one.items() if place not in there}
    assert all(there[place] == one[place] for place in there)


def kinds_of(router: str) -> set[tuple[str, str]]:
    return {(kind.group, kind.plural) for kind in router_for(router).kinds}


def test_pages_of_metrics_take_the_place_of_a_prometheus(render):
    pages = ("http://one:15090/stats/prometheus", "http://two:15090/stats/prometheus")
    made = settings(render(f"scrapeTargets={json.dumps(pages)}"))
    assert made == of_the_chart(metrics_provider="scrape", scrape_targets=pages)


ADMITTING = 'admission={"enabled":true,"secretName":"webhook","caBundle":"Y2E=","port":9555}'


@pytest.mark.parametrize(
    ("values", "labels", "annotations"),
    [
        ((), {}, {}),
        (
            ('mesh="istio"',),
            {"sidecar.istio.io/inject": "true"},
            {"proxy.istio.io/config": '{"holdApplicationUntilProxyStarts": true}'},
        ),
        (
            ('mesh="istio"', ADMITTING),
            {"sidecar.istio.io/inject": "true"},
            {
                "proxy.istio.io/config": '{"holdApplicationUntilProxyStarts": true}',
                "traffic.sidecar.istio.io/excludeInboundPorts": "9555",
            },
        ),
        (('mesh="linkerd"',), {}, {"linkerd.io/inject": "enabled"}),
        (
            ('mesh="linkerd"', ADMITTING),
            {},
            {"linkerd.io/inject": "enabled", "config.linkerd.io/skip-inbound-ports": "9555"},
        ),
    ],
)
def test_the_pods_join_a_mesh_where_they_are_to_and_the_webhook_stays_outside(
    render, values, labels, annotations
):
    before = render()["Deployment", "gates/tidegate"]["spec"]["template"]["metadata"]
    after = render(*values)["Deployment", "gates/tidegate"]["spec"]["template"]["metadata"]
    assert after["labels"] == before["labels"] | labels
    assert after["annotations"] == before["annotations"] | annotations


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
        *["ClusterRole"] * 4,  # the controller's, and those of people
        "ClusterRoleBinding",
        "Deployment",
        "Role",
        "RoleBinding",
        "Service",
        "ServiceAccount",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
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
        *rules, leases = everywhere["ClusterRole", "/tidegate"]["rules"]
        assert role["rules"] == rules
        assert leases["resources"] == ["leases"]
        assert objects["RoleBinding", f"{namespace}/tidegate"]["roleRef"]["kind"] == "Role"
    # Policies of the controller's own namespace bind all that it watches.
    policies = ("tidegate.dev", "deliverypolicies")
    of_home = rights(objects["Role", "gates/tidegate-leases"]["rules"])
    assert of_home[policies] == READ
    assert of_home["tidegate.dev", "deliverypolicies/status"] == ["patch"]
    assert policies not in rights(everywhere["Role", "gates/tidegate-leases"]["rules"])


@pytest.mark.parametrize("router", ROUTERS.names())
def test_a_router_is_given_the_kinds_that_it_declares_and_no_other_routers(render, router):
    granted = rights(render(f'routers=["{router}"]')["ClusterRole", "/tidegate"]["rules"])
    declared = {(kind.group, kind.plural) for kind in router_for(router).kinds}
    # Policies are in these groups too: they are listed and not followed.
    followed = {each for each, verbs in granted.items() if "watch" in verbs}
    routes = {each for each in followed if each[0] in ROUTING_GROUPS}
    assert routes == {each for each in declared if each[0] in ROUTING_GROUPS}
    edited = {(kind.group, kind.plural) for kind in router_for(router).kinds} - {
        (kind.group, kind.plural) for kind in (*made_by(router), SERVICE)
    }
    assert {each for each in declared if granted[each] == WRITTEN} == declared - edited
    assert all(granted[each] == EDITED for each in edited)


@pytest.mark.parametrize(("router", "kind"), [("alb", INGRESS), ("knative", KNATIVE_SERVICE)])
def test_what_is_only_written_into_can_be_neither_made_nor_removed(render, router, kind):
    granted = rights(render(f'routers=["{router}"]')["ClusterRole", "/tidegate"]["rules"])
    assert granted[kind.group, kind.plural] == EDITED


def test_a_route_of_openshift_may_be_given_a_host(render):
    granted = rights(render('routers=["openshift"]')["ClusterRole", "/tidegate"]["rules"])
    assert granted["route.openshift.io", "routes/custom-host"] == ["create", "update"]


def test_a_router_of_a_package_is_one_that_plugins_names_too(render):
    objects = render('routers=["borrowed"]', 'plugins=["borrowed"]')
    assert settings(objects) == of_the_chart(router="borrowed", plugins=("borrowed",))
    with pytest.raises(HelmFailed, match="or name it in plugins as well"):
        render('routers=["borrowed"]')


def test_what_the_controller_writes_and_follows_and_no_more(render):
    bare = 'rbac={"preflight":false,"otherControllers":false}'
    granted = rights(render(bare)["ClusterRole", "/tidegate"]["rules"])
    assert {each: verbs for each, verbs in granted.items() if each[0] not in ROUTING_GROUPS} == {
        ("tidegate.dev", "canaries"): ["get", "list", "patch", "watch"],
        ("tidegate.dev", "canaries/status"): ["patch"],
        ("tidegate.dev", "canaries/finalizers"): ["update"],
        ("tidegate.dev", "metrictemplates"): FOLLOWED,
        ("tidegate.dev", "alertproviders"): FOLLOWED,
        ("tidegate.dev", "deliverypolicies"): READ,
        ("tidegate.dev", "deliverypolicies/status"): ["patch"],
        **rights(OF_PLUGINS["targets"]),
        (POD.group, POD.plural): ["delete", *FOLLOWED],
        (SERVICE.group, SERVICE.plural): WRITTEN,
        (CONFIG_MAP.group, CONFIG_MAP.plural): COPIED,
        (SECRET.group, SECRET.plural): COPIED,
        **rights(OF_PLUGINS["scalers"]),
        (BUDGET.group, BUDGET.plural): WRITTEN,
        ("", "events"): ["create"],
    }


def test_a_kind_is_parked_paused_or_followed_as_its_plugin_says():
    workloads, autoscalers = rights(OF_PLUGINS["targets"]), rights(OF_PLUGINS["scalers"])
    assert workloads[DEPLOYMENT.group, DEPLOYMENT.plural] == PARKED
    assert workloads[DAEMON_SET.group, DAEMON_SET.plural] == PARKED
    assert workloads[STATEFUL_SET.group, STATEFUL_SET.plural] == DIVIDED
    assert workloads[CONTROLLER_REVISION.group, CONTROLLER_REVISION.plural] == ["list"]
    assert workloads[REPLICA_SET.group, REPLICA_SET.plural] == FOLLOWED
    assert autoscalers[AUTOSCALER.group, AUTOSCALER.plural] == WRITTEN
    assert autoscalers[SCALED_OBJECT.group, SCALED_OBJECT.plural] == sorted([*WRITTEN, "patch"])


def test_policies_may_be_listed_and_nothing_else_and_only_where_that_is_wished(render):
    role = "ClusterRole", "/tidegate"
    with_policies, without = (
        rights(render(f'rbac={{"preflight":{wished}}}')[role]["rules"])
        for wished in ("true", "false")
    )
    surveyed = {(kind.group, kind.plural) for kind in (*SELECTING, SERVICE_PROFILE)}
    assert with_policies == without | {each: ["list"] for each in surveyed}


def test_configs_that_are_not_followed_need_no_right_but_to_read_secrets(render):
    objects = render("configTracking=false")
    granted = rights(objects["ClusterRole", "/tidegate"]["rules"])
    assert granted[SECRET.group, SECRET.plural] == ["get"]
    assert (CONFIG_MAP.group, CONFIG_MAP.plural) not in granted
    assert settings(objects) == of_the_chart(config_tracking=False)


@pytest.mark.parametrize(
    ("values", "secrets", "config_maps", "followed"),
    [
        (('secrets="tracked"',), COPIED, COPIED, {}),
        (('secrets="named"',), ["get"], COPIED, {"secret_tracking": False}),
        (('secrets="none"',), None, COPIED, {"secret_tracking": False}),
        (('secrets="named"', "configTracking=false"), ["get"], None, {"config_tracking": False}),
        (('secrets="none"', "configTracking=false"), None, None, {"config_tracking": False}),
    ],
)
def test_secrets_are_followed_or_read_by_name_or_not_at_all(
    render, values, secrets, config_maps, followed
):
    objects = render(*values)
    granted = rights(objects["ClusterRole", "/tidegate"]["rules"])
    assert granted.get((SECRET.group, SECRET.plural)) == secrets
    assert granted.get((CONFIG_MAP.group, CONFIG_MAP.plural)) == config_maps
    assert settings(objects) == of_the_chart(**followed)


def test_the_right_to_read_secrets_by_name_may_be_for_some_names_only(render):
    def rule(*values: str) -> Manifest:
        rules = render(*values)["ClusterRole", "/tidegate"]["rules"]
        (found,) = [each for each in rules if "secrets" in each["resources"]]
        return found

    names = 'secretNames=["on-call","store"]'
    assert rule('secrets="named"', names)["resourceNames"] == ["on-call", "store"]
    assert "resourceNames" not in rule('secrets="named"')
    assert "resourceNames" not in rule(names)


def test_a_lease_is_held_in_the_controllers_own_namespace_only(render):
    objects = render()
    leases = rights(objects["Role", "gates/tidegate-leases"]["rules"])
    assert leases == {("coordination.k8s.io", "leases"): ["create", "get", "update"]}
    everywhere = rights(objects["ClusterRole", "/tidegate"]["rules"])
    assert everywhere["coordination.k8s.io", "leases"] == ["list"]


def test_who_shares_the_canaries_lists_and_removes_leases_as_well(render):
    objects = render('shards="auto"')
    leases = rights(objects["Role", "gates/tidegate-leases"]["rules"])
    assert leases == {
        ("coordination.k8s.io", "leases"): ["create", "delete", "get", "list", "update"]
    }
    assert settings(objects) == of_the_chart(shards="auto")


def test_the_peers_objects_need_a_right_only_where_they_are_served(render):
    role = "ClusterRole", "/tidegate"
    assert ("flagger.app", "canaries") not in rights(render()[role]["rules"])
    served = rights(render('apiGroups=["tidegate.dev","flagger.app"]')[role]["rules"])
    assert served["flagger.app", "canaries/status"] == ["patch"]
    assert served["flagger.app", "metrictemplates"] == FOLLOWED


def test_several_controllers_are_not_all_taken_at_once(render):
    assert ("PodDisruptionBudget", "gates/tidegate") not in render()
    budget = render("replicaCount=2")["PodDisruptionBudget", "gates/tidegate"]
    assert budget["spec"]["minAvailable"] == 1


def test_several_controllers_are_spread_over_nodes_and_zones_if_possible(render):
    def spread(*values: str) -> list[tuple[str, str]]:
        pod = render(*values)["Deployment", "gates/tidegate"]["spec"]["template"]
        labels = pod["metadata"]["labels"]
        constraints = pod["spec"].get("topologySpreadConstraints", [])
        preferred = (pod["spec"].get("affinity") or {}).get("podAntiAffinity", {})
        terms = [
            each["podAffinityTerm"]
            for each in preferred.get("preferredDuringSchedulingIgnoredDuringExecution", [])
        ]
        for each in (*constraints, *terms):
            assert each["labelSelector"]["matchLabels"].items() <= labels.items()
        return [
            *((each["topologyKey"], each["whenUnsatisfiable"]) for each in constraints),
            *((each["topologyKey"], "preferred") for each in terms),
        ]

    nodes = ("kubernetes.io/hostname", "ScheduleAnyway")
    zones = ("topology.kubernetes.io/zone", "preferred")
    assert spread() == []
    assert spread("replicaCount=3") == [nodes, zones]
    assert spread("replicaCount=3", 'affinity={"nodeAffinity":{}}') == [nodes]
    own = '[{"maxSkew":1,"topologyKey":"rack","whenUnsatisfiable":"DoNotSchedule",'
    own += '"labelSelector":{"matchLabels":{}}}]'
    assert spread("replicaCount=3", f"topologySpreadConstraints={own}") == [
        ("rack", "DoNotSchedule")
    ]


def test_the_values_for_production_set_what_a_production_cluster_needs():
    values = CHART / "values-production.yaml"
    flags = ("--namespace", "gates", "--values", str(values))
    run_helm("lint", "--strict", str(CHART), "--values", str(values))
    objects = list(yaml.safe_load_all(run_helm("template", "tidegate", str(CHART), *flags)))
    kinds = {each["kind"] for each in objects if each}
    assert {"PodDisruptionBudget", "NetworkPolicy", "ServiceMonitor", "PrometheusRule"} <= kinds
    (deployment,) = (each for each in objects if each and each["kind"] == "Deployment")
    assert deployment["spec"]["replicas"] == 3
    assert deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert {"livenessProbe", "readinessProbe"} <= container.keys()
    rules = [rule for each in objects if each and "rules" in each for rule in each["rules"]]
    secrets = [rule["verbs"] for rule in rules if "secrets" in rule["resources"]]
    assert secrets == [["get"]]


def test_the_webhook_leads_to_the_port_that_the_controller_answers_on(render):
    objects = render(ADMISSION)
    (webhook,) = objects["ValidatingWebhookConfiguration", "/gates-tidegate"]["webhooks"]
    (rule,) = webhook["rules"]
    assert webhook["failurePolicy"] == "Ignore"
    assert rule["resources"] == [
        "canaries",
        "metrictemplates",
        "alertproviders",
        "deliverypolicies",
    ]
    service = webhook["clientConfig"]["service"]
    assert (service["namespace"], service["name"]) == ("gates", "tidegate")
    ports = {each["port"]: each["targetPort"] for each in service_ports(objects)}
    assert ports[service["port"]] == "admission"
    assert {"name": "admission", "containerPort": 9443} in container(objects)["ports"]
    made = settings(objects)
    assert made.admission_address == (None, 9443)
    (mount,) = [each for each in container(objects)["volumeMounts"] if each["name"] == "admission"]
    for file in (made.admission_certificate, made.admission_key):
        assert file.startswith(f"{mount['mountPath']}/tls.")
    pod = objects["Deployment", "gates/tidegate"]["spec"]["template"]["spec"]
    (volume,) = [each for each in pod["volumes"] if each["name"] == "admission"]
    assert volume["secret"] == {"secretName": "admission", "defaultMode": 0o440}


def service_ports(objects) -> list[Manifest]:
    return objects["Service", "gates/tidegate"]["spec"]["ports"]


def test_the_webhook_is_asked_only_of_namespaces_that_are_watched(render):
    key = "ValidatingWebhookConfiguration", "/gates-tidegate"
    assert "namespaceSelector" not in render(ADMISSION)[key]["webhooks"][0]
    (webhook,) = render(ADMISSION, 'watchNamespaces=["shop"]')[key]["webhooks"]
    (expression,) = webhook["namespaceSelector"]["matchExpressions"]
    assert expression == {
        "key": "kubernetes.io/metadata.name",
        "operator": "In",
        "values": ["shop"],
    }


def test_cert_manager_may_fill_in_the_authority(render):
    objects = render('admission={"enabled":true,"secretName":"a","certificate":"own"}')
    webhook = objects["ValidatingWebhookConfiguration", "/gates-tidegate"]
    assert webhook["metadata"]["annotations"] == {"cert-manager.io/inject-ca-from": "gates/own"}
    assert "caBundle" not in webhook["webhooks"][0]["clientConfig"]


def test_a_network_policy_lets_through_what_the_controller_needs(render):
    assert ("NetworkPolicy", "gates/tidegate") not in render()
    monitoring = '{"namespaceSelector":{"matchLabels":{"name":"monitoring"}}}'
    objects = render(
        ADMISSION,
        f'networkPolicy={{"enabled":true,"metricsFrom":[{monitoring}],"egressPorts":[443],'
        f'"hooksTo":[{monitoring}],"egress":[{{"ports":[{{"port":5432}}]}}]}}',
    )
    spec = objects["NetworkPolicy", "gates/tidegate"]["spec"]
    labels = objects["Deployment", "gates/tidegate"]["spec"]["template"]["metadata"]["labels"]
    assert spec["podSelector"]["matchLabels"].items() <= labels.items()
    peer = json.loads(monitoring)
    assert spec["ingress"] == [
        {"ports": [{"protocol": "TCP", "port": "http"}], "from": [peer]},
        {"ports": [{"protocol": "TCP", "port": "admission"}]},
    ]
    assert spec["egress"] == [
        {"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]},
        {"ports": [{"protocol": "TCP", "port": 443}, {"protocol": "TCP", "port": 9090}]},
        {"to": [peer]},
        {"ports": [{"port": 5432}]},
    ]


@pytest.mark.parametrize(
    ("values", "ports"),
    [
        ((), [443, 6443, 9090]),
        (('metricsServer="https://prometheus.example/api"',), [443, 6443]),
        (('metricsServer="http://prometheus.example"',), [443, 6443, 80]),
        (('metricsServer="http://[fd00::1]:9091/"',), [443, 6443, 9091]),
        (
            ('scrapeTargets=["http://one:15090/stats","http://two:15090/","https://three/"]',),
            [443, 6443, 15090],
        ),
    ],
)
def test_a_network_policy_lets_through_what_is_measured_and_hooks_to_any_pod(render, values, ports):
    objects = render('networkPolicy={"enabled":true}', *values)
    names, anywhere, pods = objects["NetworkPolicy", "gates/tidegate"]["spec"]["egress"]
    assert [each["port"] for each in names["ports"]] == [53, 53]
    assert anywhere == {"ports": [{"protocol": "TCP", "port": each} for each in ports]}
    assert pods == {"to": [{"namespaceSelector": {}}]}


def test_the_api_server_takes_requests_of_the_controller_from_a_queue_of_their_own(render):
    level = "PriorityLevelConfiguration", "/tidegate"
    assert level not in render()
    objects = render('flowControl={"enabled":true,"shares":40,"precedence":900}', "replicaCount=2")
    schema = objects["FlowSchema", "/tidegate"]["spec"]
    assert schema["priorityLevelConfiguration"]["name"] == objects[level]["metadata"]["name"]
    assert objects[level]["spec"]["limited"]["nominalConcurrencyShares"] == 40
    assert schema["matchingPrecedence"] == 900
    (subject,) = schema["rules"][0]["subjects"]
    account = objects["ServiceAccount", "gates/tidegate"]["metadata"]
    assert subject["serviceAccount"] == {each: account[each] for each in ("name", "namespace")}


def test_a_service_monitor_finds_the_service_and_its_port(render):
    key = "ServiceMonitor", "gates/tidegate"
    assert key not in render()
    objects = render('serviceMonitor={"enabled":true,"labels":{"release":"metrics"}}')
    monitor = objects[key]
    assert monitor["apiVersion"] == "monitoring.coreos.com/v1"
    assert monitor["metadata"]["labels"]["release"] == "metrics"
    labels = objects["Service", "gates/tidegate"]["metadata"]["labels"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["port"] in {each["name"] for each in service_ports(objects)}
    assert endpoint["interval"] == "30s"


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ('routers=["itsio"]', f'routers: "itsio" is unknown; use {", ".join(ROUTERS.names())},'),
        ("routers=[]", "/routers"),
        ('apiGroups=["example.com"]', "/apiGroups/0"),
        ('watchNamespaces=["Shop"]', "/watchNamespaces/0"),
        ('leaseName="Next"', "/leaseName"),
        ('mesh="consul"', "/mesh"),
        ('metricsServer="prometheus:9090"', "/metricsServer"),
        ('metricsMatchers=["cluster"]', "/metricsMatchers"),
        ('routesCluster={"secretName":"routes"}', "clusterName"),
        ('routesCluster={"role":"yes"}', "/routesCluster/role"),
        ('replicaCount="two"', "/replicaCount"),
        ("terminationGracePeriodSeconds=5", "/terminationGracePeriodSeconds"),
        ('slak={"secretName":"chat"}', "slak"),
        ('slack={"secretName":"chat"}', "slack.urlKey"),
        ('slack={"secretName":"chat","tokenKey":"token"}', "slack.channel"),
        ('serviceAccount={"create":false}', "serviceAccount.name"),
        ("shards=false", "/shards"),
        ('admission={"enabled":true}', "admission.secretName"),
        ('admission={"enabled":true,"secretName":"a"}', "admission.caBundle"),
        (
            'admission={"enabled":true,"secretName":"a","caBundle":"Y2E=","certificate":"own"}',
            "admission.certificate",
        ),
        ('admission={"enabled":true,"secretName":"a","caBundle":"---"}', "/admission/caBundle"),
        ('admission={"port":8080}', "/admission/port"),
        ('networkPolicy={"egressPorts":[0]}', "/networkPolicy/egressPorts/0"),
        ('networkPolicy={"hooksTo":["all"]}', "/networkPolicy/hooksTo/0"),
        ('secrets="some"', "/secrets"),
        ('extraVolumeMounts=[{"name":"ca"}]', "/extraVolumeMounts/0"),
        ('podSecurityContext={"runAsUser":"me"}', "/podSecurityContext/runAsUser"),
        ('serviceMonitor={"interval":"often"}', "/serviceMonitor/interval"),
    ],
)
def test_a_wrong_value_is_refused_by_name(render, value, named):
    with pytest.raises(HelmFailed, match=named):
        render(value)
