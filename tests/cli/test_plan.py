"""`tidegate plan`: what a run would be, of the cluster's Canary or of those in files."""

import json
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from canary.api.kinds import DEPLOYMENT, STATEFUL_SET
from canary.api.meta import GROUP
from canary.cli.images import pictured
from canary.cluster.cluster import Cluster
from canary.controller.canaries import canary_kind
from canary.demo import manifests
from canary.demo.embedded import CRD
from canary.routers.gatewayapi import GatewayApiRouter
from tests.analysis.servers import FakeServer
from tests.api.examples import a_template, patched
from tests.cli.conftest import CANARY
from tests.cli.running import tidegate
from tests.controller.test_controller import sample
from tests.receiver import Answer, receiving

CONTAINERS = [
    {"name": "app", "image": "shop:1", "envFrom": [{"secretRef": {"name": "keys"}}]},
    {"name": "proxy", "image": "proxy:1"},
]
DEPLOYED: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "podinfo", "namespace": "default"},
    "spec": {
        "selector": {"matchLabels": {"app": "podinfo"}},
        "template": {
            "metadata": {"labels": {"app": "podinfo"}},
            "spec": {"containers": CONTAINERS},
        },
    },
}
BLUE_GREEN = {
    "provider": "kubernetes",
    "analysis/stepWeight": None,
    "analysis/iterations": 2,
    "analysis/metrics": [
        {"name": "orders", "query": "sum(orders)", "thresholdRange": {"max": 500}},
    ],
}


def changed(changes: Mapping[str, object]) -> dict[str, Any]:
    return patched(deepcopy(CANARY), changes)


async def planned(kubeconfig: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    code, output = await tidegate("plan", *arguments, "--kubeconfig", str(kubeconfig), "-o", "json")
    (plan,) = json.loads(output.splitlines()[0])["plans"]
    return code, plan


async def test_a_sound_canary_is_planned_with_its_steps_objects_and_answers(
    cluster: Cluster, kubeconfig: Path
) -> None:
    await cluster.create(DEPLOYED, DEPLOYMENT)
    await cluster.merge_patch(
        canary_kind(GROUP), "default", "podinfo", {"spec": changed(BLUE_GREEN)["spec"]}
    )
    async with receiving() as store:
        store.answers(sample(412))
        code, plan = await planned(kubeconfig, "podinfo", "--metrics-server", store.url)
    assert (code, plan["problems"]) == (0, [])
    assert [(each["name"], each["earliestSeconds"]) for each in plan["steps"]] == [
        ("1", 0),
        ("2", 120),
        ("promotion", 180),
    ]
    assert plan["writes"] == [
        "Deployment/podinfo-primary",
        "Service/podinfo",
        "Service/podinfo-primary",
        "Service/podinfo-canary",
    ]
    assert plan["answers"] == ["orders: 412 (passes with value ≤ 500)"]
    assert plan["missingRights"] == []


async def test_a_statefulset_is_all_that_is_written_for_its_canary(
    cluster: Cluster, kubeconfig: Path
) -> None:
    divided = DEPLOYED | {"kind": "StatefulSet", "spec": DEPLOYED["spec"] | {"serviceName": "a"}}
    await cluster.create(divided, STATEFUL_SET)
    asked = {
        "provider": "kubernetes:replicas",
        "targetRef/kind": "StatefulSet",
        "analysis/stepWeight": None,
        "analysis/stepWeights": [20, 60],
        "analysis/metrics": [],
    }
    await cluster.merge_patch(
        canary_kind(GROUP), "default", "podinfo", {"spec": changed(asked)["spec"]}
    )
    code, plan = await planned(kubeconfig, "podinfo")
    assert (code, plan["problems"]) == (0, [])
    assert plan["writes"] == ["StatefulSet/podinfo"]


async def test_everything_that_is_missing_is_a_problem(cluster: Cluster, kubeconfig: Path) -> None:
    code, plan = await planned(kubeconfig, "podinfo")
    assert code == 3
    assert plan["problems"] == [
        *(
            f"spec.provider: 'istio': the cluster does not serve {kind}.networking.istio.io; "
            "install it"
            for kind in ("virtualservices", "destinationrules")
        ),
        "spec.targetRef.name: 'podinfo': Deployment default/podinfo does not exist; create it",
        (
            "spec.analysis.metrics[1]: 'orders': orders cannot be queried: MetricTemplate "
            "default/orders does not exist"
        ),
    ]
    assert plan["answers"][0].startswith("request-success-rate: no answer to this machine: ")


async def test_a_mesh_with_the_routes_of_an_earlier_release_alone_is_a_problem_with_the_way_out(
    cluster: Cluster, kubeconfig: Path
) -> None:
    asked = {"spec": changed({"provider": "kuma"})["spec"]}
    await cluster.merge_patch(canary_kind(GROUP), "default", "podinfo", asked)
    _, plan = await planned(kubeconfig, "podinfo")
    assert plan["problems"][0] == (
        "spec.provider: 'kuma': the cluster does not serve meshhttproutes.kuma.io; upgrade Kuma to 2.3 "
        "or later, which routes by it, or write another router than kuma in spec.provider, such as "
        "gatewayapi; the TrafficRoutes of earlier releases are not written"
    )


async def test_files_are_planned_beside_what_the_cluster_has(
    cluster: Cluster, kubeconfig: Path, tmp_path: Path
) -> None:
    metrics = [{"name": "x", "templateRef": {"name": "errors"}, "thresholdRange": {"max": 1}}]
    alerts = [{"name": "chat", "providerRef": {"name": "nowhere"}}]
    canary = changed(BLUE_GREEN | {"analysis/metrics": metrics, "analysis/alerts": alerts})
    canary["metadata"] = {"name": "podinfo"}
    path = tmp_path / "all.yaml"
    async with receiving() as store:
        store.answers(sample(0.5))
        provider = {"type": "prometheus", "address": store.url}
        template = patched(a_template(), {"provider": provider})
        template["metadata"] = {"name": "errors"}
        deployed = deepcopy(DEPLOYED) | {"metadata": {"name": "podinfo"}}
        path.write_text(yaml.safe_dump_all([canary, template, deployed]))
        code, plan = await planned(kubeconfig, "-f", str(path), "--image", "app=shop:2")
        # A judge that counts is planned with what would be counted now.
        metrics[0]["judge"] = "sequential"
        del metrics[0]["thresholdRange"]
        counts = {"requests": "increase(rq)", "bad": "increase(bad)"}
        template["spec"]["counts"] = counts
        path.write_text(yaml.safe_dump_all([canary, template, deployed]))
        # Nothing was counted an hour ago, and 1,412 requests since.
        series = {"metric": {}, "values": [[0, "0"], [4e9, "1412"]]}
        data = {"resultType": "matrix", "result": [series]}
        store.answers(Answer(body=json.dumps({"status": "success", "data": data}).encode()))
        _, judged = await planned(kubeconfig, "-f", str(path))
    assert judged["answers"] == [
        f"x ({side}): 1,412 {what}"
        for side in ("canary", "primary")
        for what in ("requests", "bad requests")
    ]
    # All requests were bad: no canary can be worse.
    assert judged["sees"] == [
        {
            "metric": "x",
            "requestsPerMinute": pytest.approx(2 * 1412 * 60 / 55, rel=0.01),
            "badPercent": 100,
            "steps": [
                {"name": "1", "afterSeconds": 120, "times": None},
                {"name": "2", "afterSeconds": 180, "times": None},
            ],
        }
    ]
    assert (code, plan["changes"]) == (3, ["image app: shop:1 → shop:2"])
    assert plan["answers"] == ["x: 0.5 (passes with value ≤ 1)"]
    assert plan["problems"] == [
        (
            "spec.analysis.alerts[0].providerRef: 'default/nowhere': there is no such AlertProvider; "
            "create it, or name another"
        )
    ]
    code, output = await tidegate("plan", "other", "-f", str(path), "--kubeconfig", str(kubeconfig))
    assert (code, output) == (1, "Error: no Canary other is in the files\n")


async def in_bursts(request: web.Request) -> web.StreamResponse:
    """Answer with 100 requests a minute of each of two pods; five fail on each in turn."""
    end, counter = float(request.query["time"]), request.query["query"].partition("{")[0]
    series = []
    for first in (0, 1):
        grown = [5 * ((n + first) // 2) if counter == "bad" else 100 * n for n in range(126)]
        values = [[end - 60 * (125 - n), str(each)] for n, each in enumerate(grown)]
        series.append({"metric": {"__name__": counter, "pod": f"p{first}"}, "values": values})
    data = {"resultType": "matrix", "result": series}
    return web.json_response({"status": "success", "data": data})


@pytest.mark.usefixtures("cluster")
async def test_bursts_of_bad_requests_on_single_pods_are_measured(
    kubeconfig: Path, tmp_path: Path
) -> None:
    store = FakeServer(in_bursts)
    await store.start()
    metrics = [{"name": "x", "templateRef": {"name": "errors"}, "judge": "sequential"}]
    canary = changed(BLUE_GREEN | {"analysis/metrics": metrics})
    template = patched(a_template(), {"provider": {"type": "prometheus", "address": store.address}})
    template["metadata"] = {"name": "errors"}
    template["spec"]["counts"] = {"requests": "increase(rq)", "bad": "increase(bad)"}
    path = tmp_path / "all.yaml"
    path.write_text(yaml.safe_dump_all([canary, template, DEPLOYED]))
    try:
        _, planning = await planned(kubeconfig, "-f", str(path))
        _, told = await tidegate("plan", "-f", str(path), "--kubeconfig", str(kubeconfig))
    finally:
        await store.stop()
    assert planning["bursts"] == [
        {"metric": "x", "measured": 1.0, "clustering": 0.99, "overSeconds": 7200}
    ]
    assert 'write judgeOptions: clustering: "0.99"' in " ".join(told.split())


MANAGING = {
    "provider": "gatewayapi",
    "managedRoutes": [{"kind": "HTTPRoute", "name": "shop", "rules": [{"name": "api"}]}],
    "analysis/metrics": [],
}
HTTP_ROUTE = GatewayApiRouter().kinds[0]
LEADING = {"name": "api", "backendRefs": [{"name": "podinfo", "port": 80}]}


def a_route(*rules: Any) -> dict[str, Any]:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "shop", "namespace": "default"},
        "spec": {"rules": [*rules]},
    }


async def with_managed_routes(cluster: Cluster, **changes: Any) -> None:
    """Serve HTTPRoutes, and have the Canary manage one."""
    routes = next(
        each for each in manifests.routing_crds() if each["spec"]["names"]["kind"] == "HTTPRoute"
    )
    await cluster.create(routes, CRD)
    await cluster.create(DEPLOYED, DEPLOYMENT)
    asked = changed(MANAGING | changes)["spec"]
    await cluster.merge_patch(canary_kind(GROUP), "default", "podinfo", {"spec": asked})


async def test_of_a_managed_route_the_rules_are_named_that_are_split(
    cluster: Cluster, kubeconfig: Path
) -> None:
    await with_managed_routes(cluster)
    await cluster.create(a_route(LEADING), HTTP_ROUTE)
    code, plan = await planned(kubeconfig, "podinfo")
    assert (code, plan["problems"]) == (0, [])
    assert plan["writes"][-1] == "HTTPRoute/shop"
    assert plan["splits"] == [{"route": "HTTPRoute/shop", "rules": ["api"]}]
    options = ("podinfo", "--kubeconfig", str(kubeconfig))
    _, output = await tidegate("plan", *options)
    assert "HTTPRoute shop: splits rule api, and leaves everything else as it is" in output
    # Without rules it is the one that leads to the app.
    asked = {"managedRoutes": [{"kind": "HTTPRoute", "name": "shop"}]}
    await cluster.merge_patch(canary_kind(GROUP), "default", "podinfo", {"spec": asked})
    _, output = await tidegate("plan", *options)
    assert "HTTPRoute shop: splits the only rule that leads to Service podinfo, and" in output


async def test_a_managed_route_is_looked_at_in_the_files_and_then_in_the_cluster(
    cluster: Cluster, kubeconfig: Path, tmp_path: Path
) -> None:
    await with_managed_routes(cluster)
    missing = (
        "spec.managedRoutes[0].name: 'shop': HTTPRoute default/shop does not exist: create it with a "
        "rule that leads to Service podinfo, or change spec.managedRoutes"
    )
    code, plan = await planned(kubeconfig, "podinfo")
    assert (code, plan["problems"]) == (3, [missing])
    await cluster.create(a_route(LEADING | {"name": "web"}), HTTP_ROUTE)
    code, plan = await planned(kubeconfig, "podinfo")
    assert (code, plan["problems"]) == (
        3,
        [
            (
                "spec.managedRoutes[0].name: 'shop': HTTPRoute default/shop has no rule api: name a "
                "rule that is there once in spec.managedRoutes"
            ),
        ],
    )
    path = tmp_path / "all.yaml"
    canary = changed(MANAGING) | {"metadata": {"name": "podinfo"}}
    path.write_text(yaml.safe_dump_all([canary, a_route(LEADING)]))
    code, plan = await planned(kubeconfig, "-f", str(path))
    assert (code, plan["problems"]) == (0, [])


async def test_no_step_comes_before_proxies_have_followed(
    cluster: Cluster, kubeconfig: Path
) -> None:
    """Behind a load balancer that takes 15 s, neither an interval of 5 s nor ready pods suffice."""
    asked = {
        "provider": "alb",
        "ingressRef": {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "web"},
        "analysis/interval": "5s",
        "analysis/stepWeight": 50,
        "analysis/metrics": [],
    }
    await cluster.merge_patch(
        canary_kind(GROUP), "default", "podinfo", {"spec": changed(asked)["spec"]}
    )
    _, plan = await planned(kubeconfig, "podinfo")
    assert [(each["traffic"], each["earliestSeconds"]) for each in plan["steps"]] == [
        ("50 %", 15),
        ("100 %", 30),
        ("–", 45),
    ]


async def test_people_read_the_plan_as_a_table(cluster: Cluster, kubeconfig: Path) -> None:
    await cluster.create(DEPLOYED, DEPLOYMENT)
    await cluster.merge_patch(
        canary_kind(GROUP), "default", "podinfo", {"spec": changed(BLUE_GREEN)["spec"]}
    )
    async with receiving() as store:
        store.answers(sample(412))
        options = ("--metrics-server", store.url, "--kubeconfig", str(kubeconfig))
        code, output = await tidegate("plan", "podinfo", *options)
    lines = [" ".join(line.split()) for line in output.splitlines()]
    assert code == 0
    assert lines == [
        "default/podinfo deployment/podinfo kubernetes",
        "STEP TRAFFIC EARLIEST ASKED BEFORE",
        "1 none 0s –",
        "2 100 % 2m –",
        "promotion – 3m –",
        "judged every 1m: orders; a failed check rolls back",
        (
            "writes Deployment podinfo-primary; Service podinfo, podinfo-primary, podinfo-canary; "
            "copies of Secret keys"
        ),
        "asked now: orders: 412 (passes with value ≤ 500)",
        "Nothing stands in the way; next: release, then tidegate wait podinfo -n default",
    ]


async def test_a_store_that_is_not_reached_from_here_is_told_with_the_remedy(
    cluster: Cluster, kubeconfig: Path
) -> None:
    _, output = await tidegate("plan", "podinfo", "--kubeconfig", str(kubeconfig))
    told = " ".join(output.split())
    assert told.count("forward its port to here, and name it with --metrics-server") == 1


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ((), []),
        (("app=shop:2",), ["image app: shop:1 → shop:2"]),
        (("app=shop:1",), ["no run would begin: the target has this image already"]),
    ],
)
def test_the_images_of_a_release_are_shown_beside_those_of_the_target(asked, says):
    assert list(pictured(DEPLOYED, asked)) == says


async def test_who_names_nothing_or_no_container_is_told(
    cluster: Cluster, kubeconfig: Path
) -> None:
    assert (await tidegate("plan"))[0] == 2
    await cluster.create(DEPLOYED, DEPLOYMENT)
    code, output = await tidegate(
        "plan", "podinfo", "--image", "shop:2", "--kubeconfig", str(kubeconfig)
    )
    assert (code, "name one of the target's containers: app, proxy" in output) == (2, True)


@pytest.mark.parametrize(
    ("options", "problems"), [((), 0), (("--no-cross-namespace-refs",), 1)], ids=["open", "closed"]
)
async def test_what_leads_to_another_namespace_is_a_problem_where_the_controller_refuses_it(
    cluster: Cluster, kubeconfig: Path, options: tuple[str, ...], problems: int
) -> None:
    await cluster.create(DEPLOYED, DEPLOYMENT)
    reference = {"name": "podinfo", "namespace": "ops"}
    spec = changed(BLUE_GREEN | {"dependsOn": [reference]})["spec"]
    await cluster.merge_patch(canary_kind(GROUP), "default", "podinfo", {"spec": spec})
    _, plan = await planned(kubeconfig, "podinfo", *options)
    said = [each for each in plan["problems"] if "--no-cross-namespace-refs" in each]
    assert len(said) == problems


async def test_what_its_router_cannot_do_is_a_problem_with_its_place(
    cluster: Cluster, kubeconfig: Path
) -> None:
    await cluster.create(DEPLOYED, DEPLOYMENT)
    insiders = [{"headers": {"x-insider": {"exact": "yes"}}}]
    spec = changed({"provider": "smi", "analysis/match": insiders})["spec"]
    await cluster.merge_patch(canary_kind(GROUP), "default", "podinfo", {"spec": spec})
    code, plan = await planned(kubeconfig, "podinfo")
    assert code == 3
    assert (
        "spec.analysis.match: a list of 1: remove it, or name another router: smi cannot do this"
        in plan["problems"]
    )
