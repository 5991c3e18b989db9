"""The services: made, adopted, kept, and given back."""

import json
from copy import deepcopy
from typing import Any

import pytest

from canary.api.canary import Canary
from canary.api.kinds import Manifest
from canary.core.actions import Side
from canary.resources.compare import differs
from canary.resources.ports import service_ports
from canary.resources.services import services
from tests.resources.builders import LABEL, OWNER, a_canary, a_deployment

PORT = {"name": "http", "port": 80, "protocol": "TCP", "targetPort": 80}
ORIGINAL = "tidegate.dev/original-configuration"


def rendered(
    canary: Canary | None = None,
    existing: tuple[Manifest, ...] = (),
    apex: Side | None = Side.PRIMARY,
) -> dict[str, Manifest]:
    canary = canary or a_canary()
    found = {each["metadata"]["name"]: each for each in existing}
    before = deepcopy(found)
    result = services(canary, LABEL, service_ports(canary, a_deployment()), found, apex)
    assert found == before
    return {each["metadata"]["name"]: each for each in result}


def test_three_services_lead_to_the_two_sides() -> None:
    made = rendered()
    assert list(made) == ["podinfo-primary", "podinfo-canary", "podinfo"]
    assert [each["spec"]["selector"]["app"] for each in made.values()] == [
        "podinfo-primary",
        "podinfo",
        "podinfo-primary",
    ]
    assert made["podinfo-canary"] == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "podinfo-canary",
            "namespace": "test",
            "labels": {"app": "podinfo-canary", "app.kubernetes.io/managed-by": "tidegate"},
            "annotations": {
                "kustomize.toolkit.fluxcd.io/reconcile": "disabled",
                "helm.toolkit.fluxcd.io/driftDetection": "disabled",
            },
            "ownerReferences": [OWNER],
        },
        "spec": {"selector": {"app": "podinfo"}, "ports": [PORT]},
    }


def test_the_apex_is_left_as_it_is_where_no_side_is_named() -> None:
    assert list(rendered(apex=None)) == ["podinfo-primary", "podinfo-canary"]


def test_the_apex_is_not_created_only_to_lead_to_the_target() -> None:
    assert list(rendered(apex=Side.TARGET)) == ["podinfo-primary", "podinfo-canary"]


def test_each_service_has_its_metadata() -> None:
    sides = {
        side: {"labels": {"side": side}, "annotations": {"a": side}}
        for side in ("apex", "primary", "canary")
    }
    made = rendered(a_canary(service={"name": "app", **sides}))
    assert {name: each["metadata"]["labels"]["side"] for name, each in made.items()} == {
        "app": "apex",
        "app-primary": "primary",
        "app-canary": "canary",
    }
    assert made["app"]["metadata"]["annotations"]["a"] == "apex"


@pytest.mark.parametrize(
    ("address", "headless", "kept"),
    [
        (None, True, "None"),
        ("None", True, "None"),
        ("10.96.0.7", True, None),
        ("None", False, None),
    ],
)
def test_a_service_is_headless_from_its_creation_or_never(
    address: str | None, headless: bool, kept: str | None
) -> None:
    canary = a_canary(service={"headless": headless})
    existing: tuple[Manifest, ...] = ()
    if address:
        existing = tuple(rendered().values())
        for each in existing:
            each["spec"]["clusterIP"] = address
    made = rendered(canary, existing)
    assert [each["spec"].get("clusterIP") for each in made.values()] == [kept] * 3


def test_endpoints_are_preferred_as_the_canary_says() -> None:
    made = rendered(a_canary(service={"trafficDistribution": "PreferClose"}))
    assert {each["spec"]["trafficDistribution"] for each in made.values()} == {"PreferClose"}


def test_node_ports_are_kept_by_name() -> None:
    existing = tuple(rendered().values())
    for number, each in enumerate(existing):
        each["spec"]["ports"] = [{**PORT, "nodePort": 30000 + number}, {"name": "x", "port": 1}]
    made = rendered(existing=existing)
    assert [each["spec"]["ports"] for each in made.values()] == [
        [{**PORT, "nodePort": 30000 + number}] for number in range(3)
    ]


def test_metadata_of_an_own_service_is_ours_but_for_the_keys_left_to_others() -> None:
    canary = a_canary(
        service={
            "apex": {"labels": {"team": "pay", "zone": "ours"}, "annotations": {"neg": "ours"}},
            "unmanagedMetadata": {"labels": ["zone", "absent"], "annotations": ["neg"]},
        }
    )
    existing = rendered(canary)["podinfo"]
    assert "zone" not in existing["metadata"]["labels"]
    existing["metadata"]["labels"] |= {"zone": "theirs", "stale": "1"}
    existing["metadata"]["annotations"] |= {"neg": "theirs", "stale": "1"}
    existing["metadata"]["finalizers"] = ["service.kubernetes.io/load-balancer-cleanup"]
    metadata = rendered(canary, (existing,))["podinfo"]["metadata"]
    assert metadata["labels"] == {
        "app": "podinfo",
        "team": "pay",
        "zone": "theirs",
        "app.kubernetes.io/managed-by": "tidegate",
    }
    assert metadata["annotations"] == {
        "neg": "theirs",
        "kustomize.toolkit.fluxcd.io/reconcile": "disabled",
        "helm.toolkit.fluxcd.io/driftDetection": "disabled",
    }
    assert metadata["finalizers"] == existing["metadata"]["finalizers"]


def a_service(**spec: Any) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "podinfo", "namespace": "test", "labels": {"team": "shop"}},
        "spec": {
            "type": "NodePort",
            "clusterIP": "10.96.0.7",
            "sessionAffinity": "ClientIP",
            "selector": {"app": "podinfo", "tier": "web"},
            "ports": [{"port": 80, "nodePort": 30080, "protocol": "TCP", "targetPort": 8080}],
            **spec,
        },
    }


class TestAnApexThatWasThereBefore:
    def test_keeps_everything_but_selector_and_ports(self) -> None:
        found = a_service()
        apex = rendered(existing=(found,))["podinfo"]
        recorded = json.loads(apex["metadata"]["annotations"].pop(ORIGINAL))
        assert recorded == {part: found["spec"][part] for part in ("selector", "ports")}
        assert apex["metadata"] == found["metadata"] | {"annotations": {}}
        changed = {"selector": {"app": "podinfo-primary"}, "ports": [PORT]}
        assert apex["spec"] == found["spec"] | changed

    def test_keeps_the_ports_that_clients_use_beside_ours(self) -> None:
        ports = [
            {"port": 9090, "name": "metrics"},
            {"port": 80, "name": "web", "protocol": "UDP"},
            {"port": 81, "name": "http"},
            {"port": 9091},
        ]
        apex = rendered(existing=(a_service(ports=ports),))["podinfo"]
        assert apex["spec"]["ports"] == [
            PORT,
            ports[0],
            ports[1],
            {"port": 9091, "name": "port-9091"},
        ]

    @pytest.mark.parametrize("rounds", [1, 3])
    def test_is_put_back_exactly(self, rounds: int) -> None:
        found = apex = a_service()
        for _ in range(rounds):
            apex = rendered(existing=(apex,))["podinfo"]
        assert rendered(existing=(apex,))["podinfo"] == apex
        restored = rendered(existing=(apex,), apex=Side.TARGET)["podinfo"]
        assert restored == found
        assert differs(restored, apex)
        assert rendered(existing=(restored,), apex=Side.TARGET)["podinfo"] == found
        assert not differs(restored, found)

    def test_that_leads_to_the_primary_already_is_put_back_to_the_target(self) -> None:
        found = a_service(selector={"app": "podinfo-primary"})
        restored = rendered(existing=(found,), apex=Side.TARGET)["podinfo"]
        assert restored["spec"] == found["spec"] | {"selector": {"app": "podinfo"}}

    def test_taken_over_by_the_peer_is_put_back_as_kubectl_applied_it(self) -> None:
        applied = {"spec": {"selector": {"app": "podinfo", "tier": "db"}}}
        found = a_service(selector={"app": "podinfo-primary"})
        key = "kubectl.kubernetes.io/last-applied-configuration"
        found["metadata"]["annotations"] = {key: json.dumps(applied)}
        apex = rendered(existing=(found,))["podinfo"]
        restored = rendered(existing=(apex,), apex=Side.TARGET)["podinfo"]
        assert restored["spec"]["selector"] == applied["spec"]["selector"]
        assert restored["metadata"] == found["metadata"]

    def test_may_select_nothing_by_itself(self) -> None:
        found = a_service()
        del found["spec"]["selector"], found["spec"]["ports"]
        apex = rendered(existing=(found,))["podinfo"]
        assert apex["spec"]["selector"] == {"app": "podinfo-primary"}
        assert json.loads(apex["metadata"]["annotations"][ORIGINAL]) == {}


class TestAnApexThatWasCreated:
    def test_outlives_its_canary_and_leads_to_the_target(self) -> None:
        apex = rendered()["podinfo"]
        given = rendered(existing=(apex,), apex=Side.TARGET)["podinfo"]
        assert given["spec"] == {"selector": {"app": "podinfo"}, "ports": [PORT]}
        assert given["metadata"] == {
            "name": "podinfo",
            "namespace": "test",
            "labels": {"app": "podinfo"},
            "annotations": {},
            "ownerReferences": [],
        }
        assert differs(given, apex)

    def test_is_left_alone_once_it_is_given_away(self) -> None:
        apex = rendered()["podinfo"]
        given = rendered(existing=(apex,), apex=Side.TARGET)["podinfo"]
        again = rendered(existing=(given,), apex=Side.TARGET)["podinfo"]
        assert not differs(again, given)

    def test_keeps_its_other_owners(self) -> None:
        apex = rendered()["podinfo"]
        apex["metadata"]["ownerReferences"].append({"kind": "App", "uid": "app-uid"})
        given = rendered(existing=(apex,), apex=Side.TARGET)["podinfo"]
        assert given["metadata"]["ownerReferences"] == [{"kind": "App", "uid": "app-uid"}]
