"""The dashboard in the chart: a pod of its own, with the right to read Canaries and no other."""

import pytest
from click.testing import CliRunner

from canary.cli.dashboard import dashboard
from tests.delivery.helm import CHART, as_flags, render, run_helm

pytestmark = pytest.mark.delivery

ON = 'dashboard={"enabled":true}'
NAME = "tidegate-dashboard"


def objects(*values: str) -> dict[tuple[str, str], dict]:
    return {(each["kind"], each["metadata"]["name"]): each for each in render(*values)}


def named(*values: str) -> dict[str, dict]:
    """The dashboard's objects, by kind."""
    return {kind: each for (kind, name), each in objects(*values).items() if name == NAME}


def test_there_is_none_where_it_is_not_asked_for():
    assert named() == {}


def test_with_it_everything_else_stays_as_it_is():
    assert objects(ON).items() >= objects().items()


def test_it_may_list_and_watch_canaries_and_nothing_else():
    found = named(ON)
    assert found["ClusterRole"]["rules"] == [
        {"apiGroups": ["tidegate.dev"], "resources": ["canaries"], "verbs": ["list", "watch"]}
    ]
    (subject,) = found["ClusterRoleBinding"]["subjects"]
    account = found["ServiceAccount"]["metadata"]["name"]
    assert (subject["kind"], subject["name"]) == ("ServiceAccount", account)
    assert found["Deployment"]["spec"]["template"]["spec"]["serviceAccountName"] == account


def test_where_namespaces_are_watched_it_may_read_these():
    values = (ON, 'watchNamespaces=["shop","pay"]')
    rights = [
        (each["kind"], each["metadata"]["namespace"])
        for each in render(*values)
        if each["metadata"]["name"] == NAME and each["kind"] in {"Role", "ClusterRole"}
    ]
    assert rights == [("Role", "shop"), ("Role", "pay")]
    (container,) = named(*values)["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert {"--namespace=shop", "--namespace=pay"} <= set(container["args"])


def test_without_roles_of_the_chart_it_has_none():
    assert {"ClusterRole", "ClusterRoleBinding"} & named(ON, "rbac.create=false").keys() == set()


def test_its_pod_may_do_nothing_but_serve():
    pod = named(ON)["Deployment"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_the_services_of_controller_and_dashboard_find_their_own_pods():
    found = objects(ON)
    for name, other in (("tidegate", NAME), (NAME, "tidegate")):
        selector = found["Service", name]["spec"]["selector"]
        own, foreign = (
            found["Deployment", each]["spec"]["template"]["metadata"]["labels"]
            for each in (name, other)
        )
        assert selector.items() <= own.items()
        assert not selector.items() <= foreign.items()


def test_the_command_takes_every_argument_of_the_pod():
    values = 'dashboard={"enabled":true,"readOnly":true,"rootPath":"/gate/way"}'
    pod = named(values, 'watchNamespaces=["shop"]')["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    name, *arguments = container["args"]
    assert name == dashboard.name
    dashboard.make_context(name, list(arguments))
    assert {"--read-only", "--root-path=/gate/way"} <= set(arguments)
    assert container["readinessProbe"]["httpGet"]["path"] == "/gate/way/readyz"
    assert container["livenessProbe"]["httpGet"]["path"] == "/gate/way/healthz"


def test_its_network_policy_lets_it_reach_the_api_server_alone():
    assert "NetworkPolicy" not in named(ON)
    peer = {"namespaceSelector": {"matchLabels": {"name": "ingress"}}}
    values = f'dashboard={{"enabled":true,"from":[{str(peer).replace(chr(39), chr(34))}]}}'
    found = named(values, 'networkPolicy={"enabled":true}')
    spec = found["NetworkPolicy"]["spec"]
    labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert spec["podSelector"]["matchLabels"].items() <= labels.items()
    assert spec["ingress"] == [{"ports": [{"protocol": "TCP", "port": "http"}], "from": [peer]}]
    ports = [port["port"] for rule in spec["egress"] for port in rule["ports"]]
    assert (ports, [each for each in spec["egress"] if "to" in each]) == ([53, 53, 443, 6443], [])


def test_helm_finds_nothing_to_complain_of():
    run_helm("lint", "--strict", str(CHART), *as_flags((ON, 'networkPolicy={"enabled":true}')))


@pytest.mark.parametrize(
    "arguments",
    [
        ["--auth", "token"],
        ["--listen", ":8080"],
        ["--auth", "token", "--listen", ":8080", "--root-path", "gate"],
        ["--root-path", "/gate"],
    ],
)
def test_arguments_that_do_not_go_together_are_refused(arguments):
    assert CliRunner().invoke(dashboard, arguments).exit_code == 2
