"""What the chart lets people do: its roles, and the policy that asks for the verb of a command."""

from typing import Any

import pytest

from canary.api.annotations import AT_GATES, PREFIX, VERBS
from canary.api.kinds import SERVICE, Manifest
from canary.routers import ROUTERS, router_for
from tests.delivery.helm import CHART, HelmFailed, render, run_helm
from tests.delivery.role import Right, rights

pytestmark = pytest.mark.delivery

ROLES = ("view", "operate", "approve")
AGGREGATED = "rbac.authorization.k8s.io/aggregate-to-"
SEEN = {
    Right("tidegate.dev", resource, verb)
    for resource in ("canaries", "metrictemplates", "alertproviders", "deliverypolicies")
    for verb in ("get", "list", "watch")
}
WRITTEN = {
    right._replace(verb=verb) for right in SEEN for verb in ("create", "delete", "patch", "update")
}


def to_canaries(*verbs: str) -> set[Right]:
    return {Right("tidegate.dev", "canaries", verb) for verb in verbs}


def of_kind(kind: str, *values: str) -> list[Manifest]:
    return [each for each in render(*values) if each["kind"] == kind]


def people(*values: str, kind: str = "ClusterRole") -> dict[str, Manifest]:
    """The roles of people, by what is special in their names."""
    named = {
        each["metadata"]["name"].removeprefix("tidegate-"): each for each in of_kind(kind, *values)
    }
    return {name: role for name, role in named.items() if name in ROLES}


def policy(*values: str) -> dict[str, Any]:
    (found,) = of_kind("ValidatingAdmissionPolicy", *values)
    return found


def test_each_role_may_do_what_its_name_says():
    roles = {name: rights(role["rules"]) for name, role in people().items()}
    assert roles == {
        "view": SEEN,
        "operate": SEEN | WRITTEN | to_canaries(*VERBS),
        "approve": SEEN | to_canaries("patch", *AT_GATES),
    }


def test_who_may_view_or_edit_a_namespace_may_view_or_operate_its_canaries_and_nobody_approves_by_that():
    given = {
        name: {
            each.removeprefix(AGGREGATED)
            for each in role["metadata"]["labels"]
            if each.startswith(AGGREGATED)
        }
        for name, role in people().items()
    }
    assert given == {"view": {"view"}, "operate": {"edit", "admin"}, "approve": set()}


def test_roles_are_for_every_api_group_that_is_served():
    roles = people('apiGroups=["tidegate.dev","flagger.app"]')
    for role in roles.values():
        granted = rights(role["rules"])
        assert {
            right._replace(group="tidegate.dev")
            for right in granted
            if right.group == "flagger.app"
        } == {right for right in granted if right.group == "tidegate.dev"}
    (rule,) = policy('apiGroups=["tidegate.dev","flagger.app"]')["spec"]["matchConstraints"][
        "resourceRules"
    ]
    assert rule["apiGroups"] == ["tidegate.dev", "flagger.app"]


def test_without_the_policy_nobody_has_a_right_to_patch_that_it_would_have_to_narrow():
    off = 'commandPolicy={"enabled":false}'
    assert people(off).keys() == {"view", "operate"}
    assert of_kind("ValidatingAdmissionPolicy", off) == []
    assert of_kind("ValidatingAdmissionPolicyBinding", off) == []


def test_roles_of_people_are_made_only_where_they_are_wished():
    assert people('rbac={"people":false}') == {}


def test_where_some_namespaces_are_watched_roles_and_policy_are_for_these():
    values = ('watchNamespaces=["shop","pay"]',)
    assert people(*values) == {}
    roles = [
        each for each in of_kind("Role", *values) if each["metadata"]["name"].endswith("-operate")
    ]
    assert [each["metadata"]["namespace"] for each in roles] == ["shop", "pay"]
    assert not any(AGGREGATED in label for each in roles for label in each["metadata"]["labels"])
    (binding,) = of_kind("ValidatingAdmissionPolicyBinding", *values)
    (selected,) = binding["spec"]["matchResources"]["namespaceSelector"]["matchExpressions"]
    assert selected["values"] == ["shop", "pay"]


@pytest.mark.parametrize("verb", VERBS)
def test_every_command_has_a_rule_of_its_own(verb):
    (asked,) = (
        each
        for each in policy()["spec"]["validations"]
        if f'.check("{verb}")' in each["expression"]
    )
    assert f'"{PREFIX}{verb}" in variables.touched' in asked["expression"]
    assert asked["reason"] == "Forbidden"


def test_the_controller_is_not_asked():
    (condition,) = policy()["spec"]["matchConditions"]
    assert '"system:serviceaccount:gates:tidegate"' in condition["expression"]
    (condition,) = policy('serviceAccount={"create":false,"name":"own"}')["spec"]["matchConditions"]
    assert '"system:serviceaccount:gates:own"' in condition["expression"]


def test_releases_have_policies_of_their_own():
    names = {
        each["metadata"]["name"]
        for namespace in ("gates", "other")
        for each in render(namespace=namespace)
        if each["kind"].startswith("ValidatingAdmissionPolicy")
    }
    assert names == {f"tidegate.{each}.commands.tidegate.dev" for each in ("gates", "other")}


AUTHORS = 'authorPolicy={"enabled":true}'


def authors(*values: str) -> dict[str, Any]:
    return policy(AUTHORS, 'commandPolicy={"enabled":false}', *values)


def test_authors_are_asked_about_only_where_that_is_wished():
    assert not any("authors" in each["metadata"]["name"] for each in render())
    assert authors()["metadata"]["name"] == "tidegate.gates.authors.tidegate.dev"


def test_authors_are_asked_for_every_kind_that_a_router_writes():
    # Services are asked for whatever the router.
    written = {name: set(router_for(name).writes) - {SERVICE} for name in ROUTERS.names()}
    names = ", ".join(f'"{name}"' for name in written)
    asked = [each["expression"] for each in authors(f"routers=[{names}]")["spec"]["validations"]]
    for name, kinds in written.items():
        for kind in kinds:
            right = f'authorizer.group("{kind.group}").resource("{kind.plural}")'
            assert any(f'"{name}" in variables.routers' in each and right in each for each in asked)


def test_who_has_a_host_written_is_asked_for_the_right_that_it_takes():
    asked = [each["expression"] for each in authors('routers=["openshift"]')["spec"]["validations"]]
    (custom,) = (each for each in asked if 'subresource("custom-host")' in each)
    assert 'resource("routes").subresource("custom-host")' in custom
    assert "object.spec.?service.?hosts" in custom


def test_a_canary_that_names_no_router_has_the_charts_first():
    (named,) = (
        each["expression"]
        for each in authors('routers=["gatewayapi","istio"]')["spec"]["variables"]
        if each["name"] == "routers"
    )
    assert 'orValue("gatewayapi")' in named


def test_a_cluster_without_such_policies_is_told_what_to_do_instead():
    old = ("template", "tidegate", str(CHART), "--kube-version", "1.29.4")
    with pytest.raises(
        HelmFailed, match=r"1\.29\.4 knows no ValidatingAdmissionPolicy: set it to false"
    ):
        run_helm(*old)
    off = ("--set", "commandPolicy.enabled=false")
    assert "tidegate-approve" not in run_helm(*old, *off)
    with pytest.raises(
        HelmFailed, match=r"authorPolicy\.enabled is true, and Kubernetes v1\.29\.4"
    ):
        run_helm(*old, *off, "--set", "authorPolicy.enabled=true")
