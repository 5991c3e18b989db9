"""What would stop to hold once a primary serves: policies in the shapes of the projects' docs."""

from typing import Any

import pytest

from canary.api.canary import Canary
from canary.api.kinds import Kind, Manifest
from canary.resources import preflight
from canary.resources.names import SelectorLabel
from canary.resources.preflight import survey, surveyed_kinds, with_policy
from tests.resources import surrounded

LABEL = SelectorLabel("app", "shop")
TARGET: Manifest = {
    "metadata": {"name": "shop"},
    "spec": {
        "selector": {"matchLabels": {"app": "shop"}},
        "template": {"metadata": {"labels": {"app": "shop", "tier": "web"}}},
    },
}
AUTHORIZATION, PEER, REQUEST = preflight._ISTIO
OURS = {"app": "shop"}
BOTH = {"tier": "web"}


def a_canary(**service: Any) -> Canary:
    return surrounded.a_canary(service)


def an_object(kind: Kind, spec: Any, name: str = "shop", **parts: Any) -> Manifest:
    metadata = {"name": name, "namespace": "prod"}
    return {"kind": kind.kind, "metadata": metadata, "spec": spec, **parts}


def found_risks(
    *objects: Manifest, kind: Kind, router: str = "istio", canary: Canary | None = None
) -> list[str]:
    surveyed = survey(canary or a_canary(), (router,), TARGET, LABEL, {kind: objects})
    return [f"{each.reason} {each}" for each in surveyed.risks]


def matching(labels: dict[str, str]) -> dict[str, Any]:
    return {"matchLabels": labels}


def expressing(operator: str, *values: str, key: str = "app") -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


def allowing(peer: dict[str, Any]) -> dict[str, Any]:
    return {"podSelector": matching({"app": "db"}), "ingress": [{"from": [peer]}]}


@pytest.mark.parametrize(
    ("kind", "spec", "lost"),
    [
        (AUTHORIZATION, {"selector": matching(OURS), "action": "DENY", "rules": [{}]}, True),
        (AUTHORIZATION, {"selector": matching(BOTH), "action": "ALLOW"}, False),
        (AUTHORIZATION, {"selector": matching({"app": "other"})}, False),
        (AUTHORIZATION, {}, False),
        (AUTHORIZATION, None, False),
        (PEER, {"selector": matching(OURS), "mtls": {"mode": "STRICT"}}, True),
        (PEER, {"mtls": {"mode": "STRICT"}}, False),
        (REQUEST, {"selector": matching(OURS), "jwtRules": [{"issuer": "i"}]}, True),
        (preflight.NETWORK_POLICY, {"podSelector": matching(OURS), "ingress": []}, True),
        (preflight.NETWORK_POLICY, {"podSelector": {}, "policyTypes": ["Ingress"]}, False),
        (preflight.NETWORK_POLICY, {"podSelector": expressing("In", "shop", "cart")}, True),
        (preflight.NETWORK_POLICY, {"podSelector": expressing("NotIn", "shop-primary")}, True),
        (preflight.NETWORK_POLICY, {"podSelector": expressing("NotIn", "shop")}, False),
        (preflight.NETWORK_POLICY, {"podSelector": expressing("Exists")}, False),
        (preflight.NETWORK_POLICY, {"podSelector": expressing("DoesNotExist", key="x")}, False),
        (preflight.NETWORK_POLICY, allowing({"podSelector": matching(OURS)}), True),
        (preflight.NETWORK_POLICY, allowing({"podSelector": matching(BOTH)}), False),
        (preflight.NETWORK_POLICY, allowing({"ipBlock": {"cidr": "10.0.0.0/8"}}), False),
        (
            preflight.NETWORK_POLICY,
            allowing({"podSelector": matching(OURS), "namespaceSelector": {}}),
            True,
        ),
        (
            preflight.NETWORK_POLICY,
            allowing(
                {
                    "podSelector": matching(OURS),
                    "namespaceSelector": matching({"kubernetes.io/metadata.name": "other"}),
                }
            ),
            False,
        ),
        (preflight.CILIUM_POLICY, {"endpointSelector": matching({"k8s:app": "shop"})}, True),
        (preflight.CILIUM_POLICY, {"endpointSelector": matching({"any:tier": "web"})}, False),
        (preflight.CILIUM_POLICY, {"endpointSelector": expressing("In", "shop")}, True),
        (
            preflight.CILIUM_POLICY,
            {
                "endpointSelector": matching({"app": "db"}),
                "ingress": [{"fromEndpoints": [matching(OURS)]}],
            },
            True,
        ),
        (
            preflight.CILIUM_POLICY,
            {
                "endpointSelector": matching({"app": "db"}),
                "egress": [
                    {"toEndpoints": [matching(OURS | {"k8s:io.kubernetes.pod.namespace": "x"})]}
                ],
            },
            False,
        ),
        (AUTHORIZATION, {"selector": "edited by hand"}, False),
        (preflight.NETWORK_POLICY, {"podSelector": matching({"app": "db"}), "ingress": 1}, False),
    ],
)
def test_a_policy_that_selects_the_target_and_not_the_primary_is_a_risk(
    kind: Kind, spec: Any, lost: bool
) -> None:
    wanted = [f"SelectorsLost {kind.kind}/shop"] if lost else []
    assert found_risks(an_object(kind, spec), kind=kind) == wanted


def test_each_of_several_rules_of_a_cilium_policy_counts() -> None:
    specs = [{"endpointSelector": matching({"app": each})} for each in ("other", "shop")]
    policy = an_object(preflight.CILIUM_POLICY, None, specs=specs)
    assert found_risks(policy, kind=preflight.CILIUM_POLICY)


def test_a_policy_with_a_twin_for_the_primary_is_none() -> None:
    policy = an_object(AUTHORIZATION, {"selector": matching(OURS)})
    twin = an_object(AUTHORIZATION, {"selector": matching({"app": "shop-primary"})}, "twin")
    everybody = an_object(AUTHORIZATION, {}, "everybody")
    assert found_risks(policy, twin, kind=AUTHORIZATION) == []
    assert found_risks(policy, everybody, kind=AUTHORIZATION) == [
        "SelectorsLost AuthorizationPolicy/shop"
    ]


def test_a_risk_names_object_label_and_remedies() -> None:
    policy = an_object(PEER, {"selector": matching(OURS)}, "strict")
    (risk,) = survey(a_canary(), ("istio",), TARGET, LABEL, {PEER: (policy,)}).risks
    assert risk.holds
    assert risk.message == (
        "PeerAuthentication strict selects pods by app=shop, and the pods of shop-primary have "
        "app=shop-primary: select by a label that both have, or name another label in the "
        "controller's --selector-labels"
    )


@pytest.mark.parametrize(
    ("name", "router", "held"),
    [
        ("shop.prod.svc.cluster.local", "smi", True),
        ("shop.prod.svc.example.org", "gatewayapi", True),
        ("shop-primary.prod.svc.cluster.local", "smi", False),
        ("shop.other.svc.cluster.local", "smi", False),
        ("shop.prod.svc.cluster.local", "istio", False),
    ],
)
def test_a_service_profile_of_the_apex_overrides_weights(
    name: str, router: str, held: bool
) -> None:
    profile = an_object(preflight.SERVICE_PROFILE, {"routes": []}, name)
    found = found_risks(profile, kind=preflight.SERVICE_PROFILE, router=router)
    assert found == ([f"WeightsIgnored ServiceProfile/{name}"] if held else [])


POLICY = {"outlierDetection": {"consecutive5xxErrors": 5}}


@pytest.mark.parametrize(
    "host", ["shop", "shop.prod", "shop.prod.svc", "shop.prod.svc.cluster.local"]
)
def test_the_traffic_policy_for_the_apex_is_taken_over(host: str) -> None:
    rule = an_object(preflight.DESTINATION_RULE, {"host": host, "trafficPolicy": POLICY}, "any")
    found = survey(a_canary(), ("istio",), TARGET, LABEL, {preflight.DESTINATION_RULE: (rule,)})
    assert found.risks == ()
    assert with_policy(a_canary(), found.traffic_policy).spec.service.traffic_policy == POLICY


@pytest.mark.parametrize(
    ("service", "policies", "warned"),
    [
        ({"trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}}}, [POLICY], ["one"]),
        ({}, [POLICY, POLICY], ["two"]),
        ({}, [{"long": "x" * 5000}], ["one"]),
        ({}, [None], []),
        ({"trafficPolicy": POLICY}, [POLICY], []),
    ],
    ids=[
        "the Canary has its own",
        "another was first",
        "too long for a status",
        "none",
        "it says what the Canary says",
    ],
)
def test_a_traffic_policy_that_is_not_taken_over_is_warned_of(
    service: dict[str, Any], policies: list[Any], warned: list[str]
) -> None:
    rules = tuple(
        an_object(preflight.DESTINATION_RULE, {"host": "shop", "trafficPolicy": policy}, name)
        for policy, name in zip(policies, ("one", "two"), strict=False)
    )
    canary = a_canary(**service)
    found = survey(canary, ("istio",), TARGET, LABEL, {preflight.DESTINATION_RULE: rules})
    assert [(each.name, each.holds) for each in found.risks] == [(name, False) for name in warned]
    if service:
        assert with_policy(canary, '{"a": 1}') == canary


@pytest.mark.parametrize(
    ("name", "spec", "by_subsets", "held"),
    [
        ("theirs", {"exportTo": ["."]}, True, True),
        ("theirs", {"workloadSelector": {"matchLabels": OURS}}, True, True),
        ("theirs", {"subsets": [{"name": "v1", "labels": OURS}]}, True, False),
        ("shop", {"exportTo": ["."]}, True, False),
        ("theirs", {"exportTo": ["."], "host": "cart"}, True, False),
        ("theirs", {"exportTo": ["."]}, False, False),
    ],
    ids=[
        "for one namespace",
        "for some callers",
        "which Istio merges",
        "which gets the subsets",
        "for another host",
        "beside services of the sides",
    ],
)
def test_a_rule_that_istio_uses_instead_of_the_subsets_holds(
    name: str, spec: Manifest, by_subsets: bool, held: bool
) -> None:
    rule = an_object(preflight.DESTINATION_RULE, {"host": "shop"} | spec, name)
    found = {preflight.DESTINATION_RULE: (rule,)}
    risks = survey(a_canary(), ("istio",), TARGET, LABEL, found, by_subsets=by_subsets).risks
    assert [(each.reason, each.holds) for each in risks] == [("WeightsIgnored", True)] * held
    assert not held or f"name it shop, or remove {next(iter(spec))}" in risks[0].message


@pytest.mark.parametrize("policy", ["", "[]", "{", '"x"'])
def test_what_is_no_policy_is_not_taken_over(policy: str) -> None:
    assert with_policy(a_canary(), policy) == a_canary()


def test_only_kinds_that_matter_to_the_router_are_looked_at() -> None:
    assert preflight.DESTINATION_RULE in surveyed_kinds(("istio",))
    assert preflight.SERVICE_PROFILE not in surveyed_kinds(("istio",))
    assert preflight.SERVICE_PROFILE in surveyed_kinds(("smi",))
    both = surveyed_kinds(("gatewayapi", "istio"))
    assert {preflight.SERVICE_PROFILE, preflight.DESTINATION_RULE} <= {*both}


@pytest.mark.parametrize(
    ("values", "risks"),
    [
        pytest.param(("shop", "shop-primary", "shop-baseline"), 0, id="of all three"),
        pytest.param(("shop", "shop-primary"), 1, id="of both sides"),
        pytest.param(("shop",), 2, id="of the target alone"),
    ],
)
def test_a_policy_must_cover_the_pods_of_a_baseline_as_well(values, risks) -> None:
    metric = {"name": "request-success-rate", "judge": "sequential", "compareWith": "baseline"}
    canary = surrounded.a_canary({}, analysis={"stepWeight": 10, "metrics": [metric]})
    policy = an_object(preflight.NETWORK_POLICY, {"podSelector": expressing("In", *values)})
    found = survey(canary, ("istio",), TARGET, LABEL, {preflight.NETWORK_POLICY: (policy,)}).risks
    assert len(found) == risks
    if found:
        assert "the pods of shop-baseline have app=shop-baseline" in found[-1].message
