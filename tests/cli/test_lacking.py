"""What the user's objects lack that a route is made from or written into: told before a run."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from canary.api.kinds import DEPLOYMENT, Manifest
from canary.api.meta import GROUP
from canary.cli import main
from canary.cli.lacking import lacking, users
from canary.cluster.cluster import Cluster
from canary.controller.canaries import CanaryRecord, canary_kind
from canary.controller.reading import CanaryReader
from canary.routers.ingresses import INGRESS
from tests.api.examples import patched
from tests.cli.conftest import CANARY
from tests.cli.running import tidegate
from tests.cli.test_plan import DEPLOYED

NO_METRICS: dict[str, object] = {"analysis/metrics": []}


def reference(name: str) -> dict[str, str]:
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": name}


def an_ingress(name: str, service: str = "podinfo", port: str | int = 80) -> dict[str, Any]:
    number = {"name": port} if isinstance(port, str) else {"number": port}
    backend = {"service": {"name": service, "port": number}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"rules": [{"host": "app.example.com", "http": {"paths": [path]}}]},
    }


def routed(provider: str, **changes: object) -> dict[str, Any]:
    return patched(CANARY, NO_METRICS | {"provider": provider} | changes)


def missing(name: str) -> str:
    return f"Ingress default/{name} does not exist: create it, with Service podinfo as a backend"


NOWHERE = {"ingressRef": reference("nowhere")}
TOLD: dict[str, tuple[dict[str, Any], list[dict[str, Any]], list[str]]] = {
    "an Ingress that does not exist": (
        routed("nginx", **NOWHERE),
        [],
        [f"spec.ingressRef.name: 'nowhere': {missing('nowhere')}"],
    ),
    "an Ingress that leads elsewhere": (
        routed("skipper", ingressRef=reference("web")),
        [an_ingress("web", "cart")],
        [
            (
                "spec.ingressRef.name: 'web': Ingress default/web does not lead to Service podinfo: "
                "name this Service in the backend of a path, or name another Ingress"
            )
        ],
    ),
    "an Ingress whose action is not in the annotation": (
        routed("alb", ingressRef=reference("web")),
        [an_ingress("web")],
        [
            (
                "spec.ingressRef.name: 'web': Ingress default/web has no backend of Service podinfo "
                "with the port name use-annotation: change it, or name another Ingress than web"
            )
        ],
    ),
    "each of several": (
        routed("nginx", ingressRefs=[reference("a"), reference("web"), reference("b")]),
        [an_ingress("web")],
        [
            f"spec.ingressRefs[{n}].name: '{name}': {missing(name)}"
            for n, name in ((0, "a"), (2, "b"))
        ],
    ),
    "nothing where it is as it must be": (
        routed("alb", ingressRef=reference("web")),
        [an_ingress("web", port="use-annotation")],
        [],
    ),
    "nothing of a Service that tidegate makes": (
        routed("haproxy", ingressRef=reference("web")),
        [an_ingress("web")],
        [],
    ),
}


@pytest.mark.parametrize("case", TOLD)
async def test_a_plan_tells_what_the_objects_of_the_cluster_lack(
    cluster: Cluster, kubeconfig: Path, case: str
) -> None:
    canary, ingresses, told = TOLD[case]
    await cluster.create(DEPLOYED, DEPLOYMENT)
    for each in ingresses:
        await cluster.create(each, INGRESS)
    await cluster.merge_patch(canary_kind(GROUP), "default", "podinfo", {"spec": canary["spec"]})
    code, output = await tidegate("plan", "podinfo", "--kubeconfig", str(kubeconfig), "-o", "json")
    (plan,) = json.loads(output.splitlines()[0])["plans"]
    assert (code, plan["problems"]) == (3 if told else 0, told)


@pytest.mark.parametrize("case", TOLD)
async def test_a_plan_looks_in_the_files_first(
    cluster: Cluster, kubeconfig: Path, tmp_path: Path, case: str
) -> None:
    canary, ingresses, told = TOLD[case]
    for each in ingresses:
        await cluster.create(an_ingress(each["metadata"]["name"], "another"), INGRESS)
    path = tmp_path / "all.yaml"
    path.write_text(yaml.safe_dump_all([canary, DEPLOYED, *ingresses]))
    code, output = await tidegate(
        "plan", "-f", str(path), "--kubeconfig", str(kubeconfig), "-o", "json"
    )
    (plan,) = json.loads(output.splitlines()[0])["plans"]
    assert (code, plan["problems"]) == (3 if told else 0, told)


@pytest.mark.parametrize("case", TOLD)
def test_lint_tells_what_the_objects_of_the_files_lack(tmp_path: Path, case: str) -> None:
    canary, ingresses, told = TOLD[case]
    path = tmp_path / "all.yaml"
    path.write_text(yaml.safe_dump_all([canary, DEPLOYED, *ingresses]))
    result = CliRunner().invoke(main, ["lint", "-f", str(path), "-o", "json"])
    found = [(each["level"], each["message"]) for each in json.loads(result.stdout)["findings"]]
    # What does not exist may be in the cluster.
    absent = [each.partition(": Ingress")[0] for each in told if "does not exist" in each]
    assert [said for level, said in found if level == "error"] == [
        each for each in told if "does not exist" not in each
    ]
    notices = [said for level, said in found if level != "error"]
    assert [each.partition(": Ingress")[0] for each in notices] == absent
    assert all("is not in the files; " in each for each in notices)


def read(canary: Manifest) -> CanaryRecord:
    record = CanaryReader("istio").read(canary)
    assert isinstance(record, CanaryRecord)
    assert not record.problems
    return record


KNATIVE = {
    "targetRef": {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "podinfo"}
}
NAMED = {
    "a Mapping, by the name of the apex service": (
        routed("emissary"),
        "spec.service.name: 'podinfo': Mapping default/podinfo does not exist: create it ",
    ),
    "an ApisixRoute": (
        routed(
            "apisix",
            routeRef={"apiVersion": "apisix.apache.org/v2", "kind": "ApisixRoute", "name": "shop"},
        ),
        "spec.routeRef.name: 'shop': ApisixRoute default/shop does not exist: write a rule ",
    ),
    "a target that routes": (
        routed("knative", **KNATIVE),
        "spec.targetRef.name: 'podinfo': Service default/podinfo does not exist: create it",
    ),
    "one of several routers' alone": (
        routed("istio+nginx", **NOWHERE),
        f"spec.ingressRef.name: 'nowhere': {missing('nowhere')}",
    ),
}


@pytest.mark.parametrize("case", NAMED)
def test_the_field_is_told_that_names_an_object(case: str) -> None:
    canary, says = NAMED[case]
    record = read(canary)
    found = dict.fromkeys(key for _, key in users(record))
    (problem,) = lacking(record, found)
    assert str(problem).startswith(says)
    # What is not known is not said to lack anything.
    assert not [*lacking(record, {})]


def test_who_makes_every_object_of_a_route_lacks_none() -> None:
    for provider in ("istio", "kubernetes:replicas", "consul"):
        record = read(routed(provider))
        assert not [*users(record)]
        assert not [*lacking(record, {})]


def test_a_route_that_is_managed_is_not_at_fault_for_what_another_router_lacks() -> None:
    managed = [{"kind": "HTTPRoute", "name": "shop"}]
    record = read(routed("gatewayapi+nginx", managedRoutes=managed, **NOWHERE))
    by_field = dict(users(record))
    assert set(by_field) == {"spec.managedRoutes[0].name", "spec.ingressRef.name"}
    found: dict[Any, Any] = dict.fromkeys(by_field.values())
    assert [each.field for each in lacking(record, found)] == ["spec.managedRoutes[0].name"]
    rule = {"backendRefs": [{"name": "podinfo", "port": 80}]}
    found[by_field["spec.managedRoutes[0].name"]] = {"spec": {"rules": [rule]}, "metadata": {}}
    assert [each.field for each in lacking(record, found)] == ["spec.ingressRef.name"]
