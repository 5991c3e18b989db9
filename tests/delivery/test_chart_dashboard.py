"""The dashboard in the chart: a pod of its own, with the right to read Canaries and no other."""

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from canary.cli.dashboard import dashboard
from canary.cli.dashboard_links import links
from canary.cli.dashboard_slack import SlackOptions
from canary.cli.dashboard_ways import WayOptions
from tests.delivery.helm import CHART, HelmFailed, as_flags, render, run_helm

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
    portals = ("https://portal.example.com", "https://other.example.com:8443")
    values = but({"enabled": True}, readOnly=True, rootPath="/gate/way", frameAncestors=portals)
    pod = named(values, 'watchNamespaces=["shop"]')["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    name, *arguments = container["args"]
    assert name == dashboard.name
    given = dashboard.make_context(name, list(arguments)).params
    assert given["frame_ancestors"] == portals
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
    assert spec["ingress"] == [
        {"ports": [{"protocol": "TCP", "port": "http"}], "from": [peer]},
        {"ports": [{"protocol": "TCP", "port": "metrics"}]},
    ]
    ports = [port["port"] for rule in spec["egress"] for port in rule["ports"]]
    assert (ports, [each for each in spec["egress"] if "to" in each]) == ([53, 53, 443, 6443], [])


def test_who_may_read_metrics_reads_the_dashboards_too_beside_its_public_port():
    peer = {"podSelector": {"matchLabels": {"app": "prometheus"}}}
    found = named(ON, f"networkPolicy={json.dumps({'enabled': True, 'metricsFrom': [peer]})}")
    template = found["Deployment"]["spec"]["template"]
    (container,) = template["spec"]["containers"]
    assert template["metadata"]["annotations"]["prometheus.io/port"] == "8081"
    assert {"name": "metrics", "containerPort": 8081} in container["ports"]
    assert "--metrics-listen=:8081" in container["args"]
    assert found["NetworkPolicy"]["spec"]["ingress"][1]["from"] == [peer]
    assert [each["targetPort"] for each in found["Service"]["spec"]["ports"]] == ["http"]


@pytest.mark.parametrize(
    ("address", "port"),
    [
        ("http://prometheus.monitoring:9090", 9090),
        ("http://prometheus.monitoring/base", 80),
        ("https://prometheus.example.com", 443),
    ],
)
def test_a_prometheus_is_asked_and_its_port_is_open(address: str, port: int):
    found = named(but({"enabled": True, "prometheus": address}), 'networkPolicy={"enabled":true}')
    (container,) = found["Deployment"]["spec"]["template"]["spec"]["containers"]
    name, *arguments = container["args"]
    assert dashboard.make_context(name, arguments).params["prometheus"] == address
    egress = found["NetworkPolicy"]["spec"]["egress"]
    assert egress[-1] == {"ports": [{"protocol": "TCP", "port": port}]}


OIDC = {
    "enabled": True, "auth": "oidc", "publicUrl": "https://gate.example.com/gate",
    "rootPath": "/gate",
    "oidc": {
        "issuer": "https://login.example.com", "clientId": "gate", "secretName": "oidc",
        "scopes": ["groups"],
    },
}  # fmt: skip
PROXY_TOKEN = {"enabled": True, "auth": "proxy-token", "proxy": {"trusted": ["10.0.0.0/8"]}}
PROXY_USER = {
    "enabled": True, "auth": "proxy-user",
    "proxy": {"trusted": ["10.0.0.0/8"], "secretName": "proxy", "userPrefix": "sso:"},
    "impersonation": {"users": ["sso:alice"], "groups": ["sso:ops"]},
}  # fmt: skip

SLACK = {
    "enabled": True, "auth": "token",
    "slack": {
        "app": "A0APP", "workspaces": ["T0WORK"], "secretName": "slack",
        "identities": {
            "T0WORK/U0ALICE": {"user": "alice@example.com", "groups": ["releasers"]},
            "T0WORK/U0BOB": {"user": "bob@example.com"},
        },
    },
}  # fmt: skip

ACTING = OIDC | {
    "oidc": OIDC["oidc"]
    | {"impersonate": True, "userClaim": "sub", "groupsClaim": "roles", "userPrefix": "sso:"},
    "impersonation": PROXY_USER["impersonation"],
}


LINKS = {
    "enabled": True, "auth": "token",
    "links": {"secretName": "links", "identities": {"bob@partner.example": {"user": "partner"}}},
}  # fmt: skip


def but(values: dict, **changed: object) -> str:
    return f"dashboard={json.dumps(values | changed)}"


@pytest.mark.parametrize(
    "values",
    [OIDC, ACTING, PROXY_TOKEN, PROXY_USER],
    ids=["oidc", "oidc that impersonates", "proxy-token", "proxy-user"],
)
def test_the_command_takes_the_arguments_of_every_way_in(values, tmp_path):
    pod = named(but(values))["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    name, *arguments = container["args"]
    mounted = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    (tmp_path / "secret").write_text("a-secret-of-many-characters")
    parameters = dashboard.make_context(name, list(arguments)).params
    options = WayOptions.take(parameters)
    for each in ("oidc_client_secret_file", "proxy_secret_file"):
        file = getattr(options, each)
        if file is not None:
            assert str(file.parent) == mounted["secret"]
            options = replace(options, **{each: tmp_path / "secret"})
    assert options.way(values["auth"], values.get("rootPath", "")) is not None
    secrets = [each["secret"]["secretName"] for each in pod["volumes"] if "secret" in each]
    assert secrets == [
        each for each in ("oidc", "proxy") if each in str(values) and "secret" in mounted
    ]


@pytest.mark.parametrize("values", [OIDC, PROXY_TOKEN, {"enabled": True}], ids=str)
def test_where_people_have_tokens_of_their_own_it_may_act_for_nobody(values: dict):
    assert not [each for each in objects(but(values)) if "impersonation" in each[1]]


@pytest.mark.parametrize("values", [PROXY_USER, ACTING], ids=["a proxy's name", "a token's name"])
def test_where_it_is_told_names_it_may_act_for_those_that_are_listed(values: dict):
    rules = objects(but(values))["ClusterRole", f"{NAME}-impersonation"]["rules"]
    whom = [each for each in rules if each["verbs"] == ["impersonate:user-info"]]
    assert {each["resources"][0]: each["resourceNames"] for each in whom} == {
        "users": ["sso:alice"],
        "groups": ["sso:ops"],
    }
    what = {
        (verb, resource)
        for each in rules
        if each not in whom
        for verb in each["verbs"]
        for resource in each["resources"]
    }
    assert {verb for verb, _ in what} == {
        f"impersonate-on:user-info:{verb}" for verb in ("create", "get", "list", "patch")
    }
    assert ("impersonate-on:user-info:patch", "canaries") in what
    assert not {resource for _, resource in what} & {"secrets", "*"}
    for read in ("pods", "leases"):
        assert {verb for verb, resource in what if resource == read} == {
            "impersonate-on:user-info:list"
        }


def test_who_only_reads_needs_nobody_to_patch():
    rules = objects(but(PROXY_USER, readOnly=True))["ClusterRole", f"{NAME}-impersonation"]["rules"]
    assert not [each for each in rules if "impersonate-on:user-info:patch" in each["verbs"]]


def test_on_an_older_cluster_the_people_are_named_all_the_same():
    legacy = {"mode": "legacy", "users": ["alice"], "groups": []}
    rules = objects(but(PROXY_USER, impersonation=legacy))["ClusterRole", f"{NAME}-impersonation"][
        "rules"
    ]
    assert rules == [
        {
            "apiGroups": [""], "resources": ["users"], "resourceNames": ["alice"],
            "verbs": ["impersonate"],
        }
    ]  # fmt: skip


MAIL = {
    "identities": {},
    "mail": {
        "domains": ["example.com"], "userPrefix": "oidc:",
        "groups": {"releasers": ["alice@example.com"]},
    },
}  # fmt: skip


@pytest.mark.parametrize("more", [{}, MAIL], ids=["by ids", "by mail addresses"])
@pytest.mark.parametrize("by", ["socket", "requests"])
def test_the_command_takes_the_arguments_of_an_app_of_slacks(by: str, more: dict, tmp_path):
    values = but(SLACK, slack=SLACK["slack"] | {"by": by} | more)
    pod = named(values)["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    name, *arguments = container["args"]
    mounted = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    (tmp_path / "secret").write_text("a-secret-of-many-characters")
    identities = objects(values)["ConfigMap", f"{NAME}-identities"]["data"]["identities.yaml"]
    (tmp_path / "identities.yaml").write_text(identities)
    options = SlackOptions.take(dashboard.make_context(name, list(arguments)).params)
    file = {"socket": "slack_app_token_file", "requests": "slack_signing_secret_file"}[by]
    assert str(getattr(options, file).parent) == mounted["slack"]
    assert str(options.identities.parent) == mounted["identities"]
    files = {file: tmp_path / "secret", "identities": tmp_path / "identities.yaml"}
    if options.slack_bot_token_file:
        assert str(options.slack_bot_token_file.parent) == mounted["slack"]
        files["slack_bot_token_file"] = tmp_path / "secret"
    assert bool(options.slack_bot_token_file) == bool(more)
    assert replace(options, **files).chat(many=True, read_only=False) is not None


def test_for_people_of_slack_it_may_answer_gates_and_nothing_else():
    rules = objects(but(SLACK))["ClusterRole", f"{NAME}-impersonation"]["rules"]
    whom = [each for each in rules if each["verbs"] == ["impersonate:user-info"]]
    assert {each["resources"][0]: each["resourceNames"] for each in whom} == {
        "users": ["alice@example.com", "bob@example.com"],
        "groups": ["releasers"],
    }
    what = {
        (verb.rpartition(":")[2], resource)
        for each in rules
        if each not in whom
        for verb in each["verbs"]
        for resource in each["resources"]
    }
    assert what == {
        ("create", "selfsubjectreviews"),
        ("create", "selfsubjectaccessreviews"),
        ("create", "selfsubjectrulesreviews"),
        ("patch", "canaries"),
    }
    both = PROXY_USER | {"slack": SLACK["slack"]}
    (people,) = (
        each["resourceNames"]
        for each in objects(but(both))["ClusterRole", f"{NAME}-impersonation"]["rules"]
        if each["resources"] == ["users"]
    )
    assert people == ["sso:alice", "alice@example.com", "bob@example.com"]


def test_for_members_known_by_address_it_may_act_where_a_group_or_the_administrator_names_them():
    slack = SLACK["slack"] | MAIL
    values = but(SLACK, slack=slack, impersonation={"users": ["oidc:bob@example.com"]})
    rules = objects(values)["ClusterRole", f"{NAME}-impersonation"]["rules"]
    assert {
        each["resources"][0]: each["resourceNames"]
        for each in rules
        if each["verbs"] == ["impersonate:user-info"]
    } == {"users": ["oidc:bob@example.com", "oidc:alice@example.com"], "groups": ["releasers"]}


def test_the_command_takes_the_arguments_of_links_beside_an_app_or_alone(tmp_path):
    for values in (but(LINKS), but(SLACK | LINKS)):
        pod = named(values)["Deployment"]["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        name, *arguments = container["args"]
        options = dashboard.make_context(name, list(arguments)).params
        mounted = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
        volumes = {each["name"]: each for each in pod["volumes"]}
        assert str(options["links_key_file"]) == f"{mounted['links']}/links-key"
        assert str(options["identities"].parent) == mounted["identities"]
        assert volumes["links"]["secret"]["secretName"] == "links"
        found = objects(values)
        (tmp_path / "key").write_text("k" * 32)
        text = found["ConfigMap", f"{NAME}-identities"]["data"]["identities.yaml"]
        (tmp_path / "identities.yaml").write_text(text)
        files = (tmp_path / "key", tmp_path / "identities.yaml")
        assert links(*files, many=True, read_only=False) is not None
        (whom,) = (
            each["resourceNames"]
            for each in found["ClusterRole", f"{NAME}-impersonation"]["rules"]
            if each["resources"] == ["users"]
        )
        assert whom[-1] == "partner"


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (
            but(LINKS, links={"secretName": "links", "identities": {}}),
            "as which users of the cluster",
        ),
        (but(LINKS, readOnly=True), "set dashboard.readOnly to false"),
        (but(SLACK, slack=SLACK["slack"] | {"workspaces": []}), "needs dashboard.slack.workspaces"),
        (but(SLACK, slack=SLACK["slack"] | {"secretName": ""}), "needs dashboard.slack.secretName"),
        (but(SLACK, slack=SLACK["slack"] | {"identities": {}}), "which users of the cluster"),
        (but(SLACK, slack=SLACK["slack"] | {"identities": {"alice": {}}}), "identities"),
        (but(SLACK, slack=SLACK["slack"] | {"mail": {"domains": ["*"]}}), "domains"),
        (but(SLACK, readOnly=True), "set dashboard.readOnly to false"),
        (but(OIDC, publicUrl=""), "needs dashboard.publicUrl"),
        (but(OIDC, oidc={"issuer": "https://login.example.com"}), "needs dashboard.oidc.clientId"),
        (but(PROXY_USER, proxy={}), "needs dashboard.proxy.secretName"),
        (but(PROXY_USER, impersonation={"users": []}), "name the people"),
        (but(OIDC, auth="nobody"), "auth"),
    ],
)
def test_what_a_way_in_needs_is_asked_for(values, says):
    with pytest.raises(HelmFailed, match=says):
        render(values)


def test_helm_finds_nothing_to_complain_of():
    run_helm("lint", "--strict", str(CHART), *as_flags((ON, 'networkPolicy={"enabled":true}')))


MANY = ("--auth", "token", "--listen", ":8080")
APP = (
    *("--slack-app", "A0", "--slack-workspace", "T0"),
    *("--identities", "x", "--slack-app-token-file", "x"),
)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--auth", "token"],
        ["--listen", ":8080"],
        ["--auth", "token", "--listen", ":8080", "--root-path", "gate"],
        ["--root-path", "/gate"],
        ["--metrics-listen", ":8081"],
        [*MANY, "--metrics-listen", ":http"],
        ["--slack-app", "A0"],
        [*MANY, "--slack-app", "A0"],
        [*MANY, "--slack-workspace", "T0"],
        [*MANY, "--identities", "x"],
        [*MANY, "--slack-app", "A0", "--slack-workspace", "T0", "--identities", "x"],
        [*MANY, "--read-only", *APP],
        ["--links-key-file", "x", "--identities", "x"],
        [*MANY, "--links-key-file", "x"],
        [*MANY, "--read-only", "--links-key-file", "x", "--identities", "x"],
        [*MANY, *APP, "--slack-api", "http://slack.com/api/"],
    ],
)
def test_arguments_that_do_not_go_together_are_refused(arguments):
    assert CliRunner().invoke(dashboard, arguments).exit_code == 2
