"""An Argo Rollouts' Rollout as a Deployment and a Canary: what maps, and what is said of the rest."""

import pytest
import yaml
from click.testing import CliRunner

from canary.api.validation import parse_canary
from canary.cli import main
from canary.cli.rollouts import blocked, converted
from canary.controller.reading import CanaryReader

TEMPLATE = {
    "metadata": {"labels": {"app": "shop"}},
    "spec": {
        "containers": [{"name": "app", "image": "shop:1", "ports": [{"containerPort": 8080}]}]
    },
}
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "shop"},
    "spec": {"ports": [{"port": 80}]},
}


def rollout(strategy, **spec):
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": "shop", "namespace": "web", "uid": "x", "generation": 3},
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": {"app": "shop"}},
            "template": TEMPLATE,
            "strategy": strategy,
            **spec,
        },
    }


def become(strategy, **spec):
    conversion = converted(rollout(strategy, **spec), {"shop": SERVICE})
    return conversion.objects[-1]["spec"], [str(each) for each in conversion.remarks]


STEPS = [
    {"setWeight": 5},
    {"pause": {"duration": "10m"}},
    {"setCanaryScale": {"replicas": 2}},
    {"setWeight": 20},
    {"pause": {}},
    {"setCanaryScale": {"matchTrafficWeight": True}},
    {"setWeight": 60},
    {"pause": {"duration": 90}},
]


def test_steps_keep_their_weights_times_sizes_and_people():
    spec, remarks = become({"canary": {"stableService": "shop", "steps": STEPS}})
    assert spec["analysis"]["steps"] == [
        {"weight": 5, "duration": "10m"},
        {"weight": 20, "scale": {"replicas": 2}, "approval": True},
        {"weight": 60, "scale": {"matchTrafficWeight": True}, "duration": "90s"},
    ]
    assert (spec["provider"], spec["service"], remarks) == ("kubernetes:replicas", {"port": 80}, [])


@pytest.mark.parametrize(
    ("routing", "provider", "more"),
    [
        ({"nginx": {"stableIngress": "shop"}}, "nginx", "ingressRef"),
        ({"alb": {"ingress": "shop"}}, "alb", "ingressRef"),
        ({"alb": {"ingresses": ["a", "b"]}}, "alb", "'ingressRefs': ["),
        ({"nginx": {}}, "nginx", "[]"),
        ({"istio": {"destinationRule": {"name": "shop"}}}, "istio", "hosts and gateways"),
        ({"traefik": {"weightedTraefikServiceName": "x"}}, "traefik", "hosts and gateways"),
        ({"smi": {}}, "smi", ""),
        (
            {"plugins": {"argoproj-labs/gatewayAPI": {"namespace": "shop"}}},
            "gatewayapi",
            "spec.service.gatewayRefs",
        ),
        ({"apisix": {}}, None, "apisix has no counterpart; name a router"),
    ],
)
def test_the_router_is_the_one_that_argo_uses(routing, provider, more):
    spec, remarks = become({"canary": {"stableService": "shop", "trafficRouting": routing}})
    assert (spec.get("provider"), more in f"{spec} {remarks}") == (provider, True)


def test_rules_of_virtual_services_are_managed_by_name_port_or_host():
    one = {
        "name": "shop.web",
        "routes": ["api", "web"],
        "tcpRoutes": [{"port": 3306}],
        "tlsRoutes": [{"sniHosts": ["db.example.com"]}, {"port": 443}],
    }
    routing = {"istio": {"virtualService": one, "virtualServices": [{"name": "other"}]}}
    spec, remarks = become({"canary": {"stableService": "shop", "trafficRouting": routing}})
    assert spec["provider"] == "istio"
    assert spec["managedRoutes"] == [
        {
            "kind": "VirtualService",
            "name": "shop",
            "rules": [
                {"name": "api"},
                {"name": "web"},
                {"port": 3306},
                {"sniHost": "db.example.com"},
                {"port": 443},
            ],
        },
        {"kind": "VirtualService", "name": "other"},
    ]
    assert "have each lead to Service shop alone, or to shop-primary and shop-canary" in str(
        remarks
    )


def test_routes_of_the_gateway_api_are_managed_each_kind_by_its_router():
    plugin = {"httpRoute": "shop", "grpcRoutes": [{"name": "calls"}, {"name": "more"}]}
    routing = {"plugins": {"argoproj-labs/gatewayAPI": plugin}}
    spec, _ = become({"canary": {"stableService": "shop", "trafficRouting": routing}})
    assert spec["provider"] == "gatewayapi+gatewayapi-grpc"
    assert spec["managedRoutes"] == [
        {"kind": "HTTPRoute", "name": "shop"},
        {"kind": "GRPCRoute", "name": "calls"},
        {"kind": "GRPCRoute", "name": "more"},
    ]
    canary = converted(
        rollout({"canary": {"stableService": "shop", "trafficRouting": routing}}), {"shop": SERVICE}
    ).objects[-1]
    assert CanaryReader("istio").problems(canary) == ()


def test_blue_green_waits_for_a_person_where_argo_does():
    spec, remarks = become(
        {
            "blueGreen": {
                "activeService": "shop",
                "previewService": "shop-preview",
                "autoPromotionEnabled": False,
                "scaleDownDelaySeconds": 60,
                "prePromotionAnalysis": {},
                "previewReplicaCount": 1,
            }
        }
    )
    assert spec["provider"] == "kubernetes"
    assert spec["analysis"] == {
        "interval": "30s",
        "threshold": 1,
        "iterations": 1,
        "webhooks": [{"name": "promote", "type": "confirm-promotion"}],
        "scaleDownDelay": "60s",
    }
    assert [each.split(": ")[0].rpartition(".")[2] for each in remarks] == [
        "previewService",
        "prePromotionAnalysis",
        "previewReplicaCount",
    ]


@pytest.mark.parametrize(
    ("step", "says", "blocks"),
    [
        ({"analysis": {"templates": []}}, "the analysis of this step is not carried over", False),
        ({"pause": {}}, "a pause before the first weight is no step here", False),
        ({"experiment": {}}, "experiment has no counterpart", True),
        ({"setHeaderRoute": {"name": "x"}}, "setHeaderRoute has no counterpart", True),
        ("text", "this has no counterpart", True),
    ],
)
def test_a_step_that_has_no_counterpart_is_named(step, says, blocks):
    conversion = converted(rollout({"canary": {"steps": [step]}}), {"": SERVICE, "shop": SERVICE})
    (remark,) = (each for each in conversion.remarks if ".steps[" in each.field)
    assert str(remark).startswith(f"spec.strategy.canary.steps[0]: {says}")
    assert (remark in list(blocked(conversion.remarks))) is blocks


def test_a_way_back_without_steps_is_as_wide_as_before():
    spec, remarks = become({"canary": {"stableService": "shop"}}, rollbackWindow={"revisions": 3})
    assert (spec["analysis"]["rollbackWindow"], remarks) == ({"revisions": 3}, [])


def test_mirrored_requests_are_a_step_of_their_own():
    steps = [{"setMirrorRoute": {"name": "m", "percentage": 30}}, {"setWeight": 10}]
    spec, _ = become({"canary": {"steps": steps}})
    assert spec["analysis"]["steps"] == [{"weight": 0, "mirror": 30}, {"weight": 10}]


def test_the_deployment_has_the_pods_of_the_rollout_and_nothing_of_the_cluster():
    made, canary = converted(
        rollout({"canary": {"maxSurge": 1, "stableService": "shop-stable"}}, minReadySeconds=5), {}
    ).objects
    assert made["metadata"] == canary["metadata"] == {"name": "shop", "namespace": "web"}
    assert made["spec"] == {
        "replicas": 3,
        "selector": {"matchLabels": {"app": "shop"}},
        "template": TEMPLATE,
        "minReadySeconds": 5,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}},
    }
    assert canary["spec"]["service"] == {"name": "shop-stable", "port": 8080}


def test_a_workload_that_is_referred_to_stays_the_target():
    reference = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": "shop-app",
        "scaleDown": "x",
    }
    conversion = converted(
        rollout({"canary": {"stableService": "shop"}}, workloadRef=reference), {"shop": SERVICE}
    )
    (canary,) = conversion.objects
    assert canary["spec"]["targetRef"] == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": "shop-app",
    }
    assert canary["spec"]["service"] == {"name": "shop", "port": 80}


@pytest.mark.parametrize(
    "strategy", [None, {}, {"canary": None}, {"canary": []}, {"blueGreen": "x"}]
)
def test_whatever_a_rollout_holds_is_converted_or_named(strategy):
    conversion = converted(rollout(strategy), {"shop": SERVICE})
    parse_canary(conversion.objects[-1])
    converted({"kind": "Rollout"}, {})


def test_without_any_port_a_person_must_say_which():
    conversion = converted(rollout({"canary": {}}, template={"spec": {}}), {})
    assert [each.field for each in blocked(conversion.remarks)] == ["spec.template"]


def run(*arguments):
    result = CliRunner().invoke(main, ["migrate", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def test_migrate_writes_what_a_rollout_becomes_beside_it(tmp_path):
    path, out = tmp_path / "all.yaml", tmp_path / "out"
    strategy = {"canary": {"stableService": "shop", "canaryService": "shop-next", "steps": STEPS}}
    path.write_text(yaml.safe_dump_all([rollout(strategy), SERVICE], sort_keys=False))
    code, output, error = run("-f", path, "--write", out)
    assert (code, "1 object of 1 file moved" in error) == (0, True)
    assert (
        "Rollout web/shop: spec.strategy.canary.canaryService: Service shop-next is no longer"
        in output
    )
    (made,) = out.rglob("shop-canary.yaml")
    deployment, canary = yaml.safe_load_all(made.read_text())
    assert (deployment["kind"], canary["kind"]) == ("Deployment", "Canary")
    assert CanaryReader("istio").problems(canary) == ()


def test_migrate_writes_nothing_of_a_rollout_that_lacks_something(tmp_path):
    path, out = tmp_path / "all.yaml", tmp_path / "out"
    path.write_text(yaml.safe_dump(rollout({"canary": {"steps": [{"experiment": {}}]}})))
    code, output, _ = run("-f", path, "--write", out)
    assert (code, out.exists()) == (3, False)
    assert (
        "error: Rollout web/shop: spec.strategy.canary.steps[0]: experiment has no counterpart"
        in output
    )
