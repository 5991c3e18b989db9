"""The services: made, adopted, kept, and given back."""

import json
from copy import deepcopy
from typing import Any

import pytest

from canary.api.canary import Canary
from canary.api.kinds import Manifest
from canary.core.actions import Side
from canary.objects.ownership import GITOPS_ANNOTATIONS
from canary.resources.names import SelectorLabel, Selectors, pod_selectors
from canary.resources.ports import service_ports
from canary.resources.services import services
from tests.resources.builders import LABEL, OWNER, a_canary, a_deployment

PORT = {"name": "http", "port": 80, "protocol": "TCP", "targetPort": 80}
SELECTORS = pod_selectors(a_deployment(), LABEL)
ORIGINAL = "tidegate.dev/original-configuration"
WRITTEN = "tidegate.dev/written"


def rendered(
    canary: Canary | None = None,
    existing: tuple[Manifest, ...] = (),
    apex: Side | None = Side.PRIMARY,
    selectors: Selectors = SELECTORS,
) -> dict[str, Manifest]:
    canary = canary or a_canary()
    found = {each["metadata"]["name"]: each for each in existing}
    before = deepcopy(found)
    result = services(canary, selectors, service_ports(canary, a_deployment()), found, apex)
    mended = {each.key.name: each.mended(found.get(each.key.name)) for each in result}
    assert found == before
    return mended


def left_to_write(existing: tuple[Manifest, ...], apex: Side = Side.PRIMARY) -> list[str]:
    """Name the services that differ from those that exist."""
    canary, found = a_canary(), {each["metadata"]["name"]: each for each in existing}
    result = services(canary, SELECTORS, service_ports(canary, a_deployment()), found, apex)
    return [each.key.name for each in result if each.differs(found.get(each.key.name))]


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
                WRITTEN: '{"labels":["app"],"ports":["80/TCP"]}',
            },
            "ownerReferences": [OWNER],
        },
        "spec": {"selector": {"app": "podinfo"}, "ports": [PORT]},
    }


def test_the_apex_is_left_as_it_is_where_no_side_is_named() -> None:
    assert list(rendered(apex=None)) == ["podinfo-primary", "podinfo-canary"]


def test_the_apex_is_not_created_only_to_lead_to_the_target() -> None:
    assert list(rendered(apex=Side.TARGET)) == ["podinfo-primary", "podinfo-canary"]


def test_a_service_of_a_side_that_is_left_behind_leads_to_the_target_and_has_no_owner() -> None:
    there = [each.mended(None) for each in services(a_canary(), SELECTORS, (PORT,), {}, None)]
    existing = {each["metadata"]["name"]: each for each in there}
    primary, canary = services(
        a_canary(), SELECTORS, (PORT,), existing, Side.TARGET, left=frozenset({"podinfo-primary"})
    )
    left = primary.mended(existing["podinfo-primary"])
    assert left["spec"]["selector"] == SELECTORS.target
    assert not left["metadata"].get("ownerReferences")
    assert left["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "tidegate"
    assert canary.mended(existing["podinfo-canary"])["metadata"]["ownerReferences"] == [OWNER]


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
        ("10.96.0.7", True, "10.96.0.7"),
        ("None", False, "None"),
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


@pytest.mark.parametrize(
    "found",
    [PORT, PORT | {"name": "web"}, PORT | {"port": 81}, PORT | {"targetPort": 9}],
    ids=["of the same port", "of another name", "of another number", "to another port of pods"],
)
def test_node_ports_are_kept_by_number_or_by_name(found: Manifest) -> None:
    existing = tuple(rendered(a_canary(service={"port": found["port"]})).values())
    for number, each in enumerate(existing):
        each["spec"]["ports"] = [{**found, "nodePort": 30000 + number}]
    made = rendered(existing=existing)
    assert [each["spec"]["ports"] for each in made.values()] == [
        [{**PORT, "nodePort": 30000 + number}] for number in range(3)
    ]


def test_a_node_port_stays_with_its_number_when_names_are_swapped() -> None:
    (existing,) = (rendered()["podinfo-canary"],)
    existing["spec"]["ports"] = [
        {**PORT, "name": "other", "nodePort": 30001},
        {**PORT, "port": 81, "nodePort": 30002},
    ]
    assert rendered(existing=(existing,))["podinfo-canary"]["spec"]["ports"][0] == {
        **PORT,
        "nodePort": 30001,
    }


class TestWhatIsTakenAway:
    def test_a_port_that_the_canary_names_no_longer_goes_and_those_of_others_stay(self) -> None:
        existing = tuple(rendered(a_canary(service={"port": 81})).values())
        theirs = {"name": "debug", "port": 6060, "protocol": "TCP", "targetPort": 6060}
        for each in existing:
            each["spec"]["ports"].append(theirs)
        made = rendered(existing=existing)
        assert all(each["spec"]["ports"] == [PORT, theirs] for each in made.values())
        assert rendered(existing=tuple(made.values())) == made

    def test_without_a_record_every_port_is_ours(self) -> None:
        existing = rendered(a_canary(service={"port": 81}))["podinfo-canary"]
        del existing["metadata"]["annotations"][WRITTEN]
        assert rendered(existing=(existing,))["podinfo-canary"]["spec"]["ports"] == [PORT]

    @pytest.mark.parametrize("text", ["not json", "[]", '{"ports":7}', "[" * 100_000])
    def test_a_record_that_was_edited_stops_nothing(self, text: str) -> None:
        existing = rendered()["podinfo-canary"]
        existing["metadata"]["annotations"][WRITTEN] = text
        made = rendered(existing=(existing,))["podinfo-canary"]
        assert made == rendered()["podinfo-canary"]

    @pytest.mark.parametrize(
        "service",
        [
            {"appProtocol": "grpc"},
            {"trafficDistribution": "PreferClose"},
            {"primary": {"labels": {"team": "a"}, "annotations": {"b": "c"}}},
        ],
        ids=["appProtocol", "trafficDistribution", "labels and annotations"],
    )
    def test_goes_from_the_service(self, service: dict[str, Any]) -> None:
        before = tuple(rendered(a_canary(service=service)).values())
        after = rendered(existing=before)
        assert after == rendered()
        assert left_to_write(before)


def test_metadata_of_an_own_service_is_ours_but_for_the_keys_left_to_others() -> None:
    canary = a_canary(
        service={
            "apex": {"labels": {"team": "pay", "zone": "ours"}, "annotations": {"neg": "ours"}},
            "unmanagedMetadata": {"labels": ["zone", "absent"], "annotations": ["neg"]},
        }
    )
    existing = rendered(canary)["podinfo"]
    assert "zone" not in existing["metadata"]["labels"]
    existing["metadata"]["labels"] |= {"zone": "theirs", "other": "1"}
    existing["metadata"]["annotations"] |= {"neg": "theirs", "other": "1"}
    existing["metadata"]["finalizers"] = ["service.kubernetes.io/load-balancer-cleanup"]
    metadata = rendered(canary, (existing,))["podinfo"]["metadata"]
    assert metadata["labels"] == {
        "app": "podinfo",
        "team": "pay",
        "zone": "theirs",
        "other": "1",
        "app.kubernetes.io/managed-by": "tidegate",
    }
    assert json.loads(metadata["annotations"].pop(WRITTEN))["labels"] == ["app", "team", "zone"]
    assert metadata["annotations"] == {
        "neg": "theirs",
        "other": "1",
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
        assert recorded["spec"] == {part: found["spec"][part] for part in ("selector", "ports")}
        assert apex["metadata"] == found["metadata"] | {"annotations": dict(GITOPS_ANNOTATIONS)}
        changed = {
            "selector": {"app": "podinfo-primary"},
            "ports": [{**PORT, "nodePort": 30080}],
        }
        assert apex["spec"] == found["spec"] | changed
        assert recorded["given"] == changed

    def test_keeps_the_name_and_the_node_port_of_the_port_that_is_taken_over(self) -> None:
        ports = [{"port": 80, "name": "web", "nodePort": 30080, "targetPort": 8080}]
        apex = rendered(existing=(a_service(ports=ports),))["podinfo"]
        assert apex["spec"]["ports"] == [{**PORT, "name": "web", "nodePort": 30080}]

    def test_keeps_the_ports_that_clients_use_beside_ours(self) -> None:
        ports = [
            {"port": 9090, "name": "metrics"},
            {"port": 80, "name": "web", "protocol": "UDP"},
            {"port": 81, "name": "http"},
            {"port": 9091},
        ]
        apex = rendered(existing=(a_service(ports=ports),))["podinfo"]
        assert apex["spec"]["ports"] == [
            {**PORT, "name": "http-80"},
            ports[0],
            ports[1],
            ports[2],
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
        assert "podinfo" in left_to_write((apex,), Side.TARGET)
        assert rendered(existing=(restored,), apex=Side.TARGET)["podinfo"] == found
        assert "podinfo" not in left_to_write((restored,), Side.TARGET)

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
        assert json.loads(apex["metadata"]["annotations"][ORIGINAL])["spec"] == {}
        assert rendered(existing=(apex,), apex=Side.TARGET)["podinfo"] == found

    @pytest.mark.parametrize("again", [(), ("selector",), ("ports",), ("selector", "ports")])
    @pytest.mark.parametrize("recorded", [True, False], ids=["by us", "by an earlier release"])
    def test_is_given_back_as_its_owner_has_applied_it_since(
        self, again: tuple[str, ...], recorded: bool
    ) -> None:
        metrics = {"name": "metrics", "port": 9090, "protocol": "TCP", "targetPort": 9090}
        before = a_service()["spec"]
        since = {
            "selector": {"app": "podinfo", "tier": "db"},
            "ports": [{**before["ports"][0], "name": "web", "targetPort": 8081}, metrics],
        }
        apex = rendered(existing=(a_service(),))["podinfo"]
        if not recorded:
            original = json.loads(apex["metadata"]["annotations"][ORIGINAL])["spec"]
            apex["metadata"]["annotations"][ORIGINAL] = json.dumps(original)
        apex["spec"] |= {part: since[part] for part in again}
        wanted = before | {part: since[part] for part in again}
        for _ in range(2):
            assert rendered(existing=(apex,), apex=Side.TARGET)["podinfo"]["spec"] == wanted
            apex = rendered(existing=(apex,))["podinfo"]
            assert apex["spec"]["selector"] == {"app": "podinfo-primary"}
            assert ("metrics" in str(apex["spec"]["ports"])) is ("ports" in again)

    def test_is_given_back_without_a_port_that_its_owner_has_removed(self) -> None:
        ports = [a_service()["spec"]["ports"][0], {"name": "metrics", "port": 9090}]
        apex = rendered(existing=(a_service(ports=ports),))["podinfo"]
        apex["spec"]["ports"] = apex["spec"]["ports"][:1]
        restored = rendered(existing=(apex,), apex=Side.TARGET)["podinfo"]
        assert restored["spec"]["ports"] == ports[:1]

    def test_loses_the_port_that_was_only_given_to_it_when_the_canary_names_another(self) -> None:
        found = a_service(ports=[{"name": "metrics", "port": 9090}])
        apex = rendered(existing=(found,))["podinfo"]
        canary = a_canary(service={"port": 81})
        apex = rendered(canary, existing=(apex,))["podinfo"]
        assert [port["port"] for port in apex["spec"]["ports"]] == [81, 9090]
        assert rendered(canary, existing=(apex,), apex=Side.TARGET)["podinfo"] == found


class TestAnApexThatWasCreated:
    def test_outlives_its_canary_and_leads_to_the_target(self) -> None:
        apex = rendered()["podinfo"]
        given = rendered(existing=(apex,), apex=Side.TARGET)["podinfo"]
        assert given["spec"] == {"selector": {"app": "podinfo"}, "ports": [PORT]}
        assert given["metadata"] == {
            "name": "podinfo",
            "namespace": "test",
            "labels": {"app": "podinfo"},
        }
        assert "podinfo" in left_to_write((apex,), Side.TARGET)

    def test_is_left_alone_once_it_is_given_away(self) -> None:
        apex = rendered()["podinfo"]
        given = rendered(existing=(apex,), apex=Side.TARGET)["podinfo"]
        assert "podinfo" not in left_to_write((given,), Side.TARGET)

    def test_keeps_its_other_owners(self) -> None:
        apex = rendered()["podinfo"]
        apex["metadata"]["ownerReferences"].append({"kind": "App", "uid": "app-uid"})
        given = rendered(existing=(apex,), apex=Side.TARGET)["podinfo"]
        assert given["metadata"]["ownerReferences"] == [{"kind": "App", "uid": "app-uid"}]


def test_services_select_the_pods_of_a_side_by_all_that_its_workload_selects_by() -> None:
    target = a_deployment(labels={"app": "podinfo", "component": "web"})
    made = rendered(selectors=pod_selectors(target, LABEL))
    assert {name: each["spec"]["selector"] for name, each in made.items()} == {
        "podinfo-primary": {"app": "podinfo-primary", "component": "web"},
        "podinfo-canary": {"app": "podinfo", "component": "web"},
        "podinfo": {"app": "podinfo-primary", "component": "web"},
    }


REMADE = pod_selectors(
    a_deployment(labels={"app.kubernetes.io/name": "shop"}),
    SelectorLabel("app.kubernetes.io/name", "shop"),
    a_deployment(labels={"app": "podinfo-primary", "tier": "web"}),
)
"""The target was made anew with another label, beside the primary that serves."""


def test_the_primary_that_serves_is_selected_by_its_own_labels_whatever_the_target_has() -> None:
    made = rendered(selectors=REMADE)
    serving = {"app": "podinfo-primary", "tier": "web"}
    assert made["podinfo"]["spec"]["selector"] == serving
    assert made["podinfo-primary"]["spec"]["selector"] == serving
    assert made["podinfo-canary"]["spec"]["selector"] == {"app.kubernetes.io/name": "shop"}


@pytest.mark.parametrize(
    "selector",
    [
        {"app": "podinfo-primary"},
        {"app": "podinfo-primary", "tier": "web"},
        {"app.kubernetes.io/name": "shop-primary"},
    ],
    ids=["by one label, as earlier releases did", "by all", "by what the target would have"],
)
def test_a_service_that_leads_to_the_primary_is_given_back_to_the_target(
    selector: dict[str, str],
) -> None:
    user = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "podinfo", "namespace": "test"},
        "spec": {"selector": selector, "ports": [PORT]},
    }
    given = rendered(existing=(user,), apex=Side.TARGET, selectors=REMADE)
    assert given["podinfo"]["spec"]["selector"] == {"app.kubernetes.io/name": "shop"}
