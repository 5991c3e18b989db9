"""Services as targets: what one leads to is the revision; addresses and balancers stay its own."""

from copy import deepcopy
from typing import Any

import pytest

from canary.api.kinds import Manifest
from canary.resources.names import NO_LABEL
from canary.resources.revision import HASHING
from canary.targets import Promotion
from canary.targets.service import ServiceTarget
from tests.cases.targets.service import CASE
from tests.resources.builders import a_canary

TARGET = ServiceTarget()


def a_service(**spec: Any) -> Manifest:
    manifest = deepcopy(CASE.written)
    manifest["spec"] |= spec
    return manifest


def primary_of(source: Manifest, existing: Manifest | None = None, **canary: Any) -> Manifest:
    promotion = Promotion(revision="1-abc", selector_label=NO_LABEL, configs={}, existing=existing)
    return TARGET.promoted(a_canary(**canary), source, promotion).mended(existing)


def digest(service: Manifest) -> str:
    return HASHING.template_digest(TARGET.written(service))


@pytest.mark.parametrize(
    "change",
    [
        {"selector": {"app": "podinfo", "version": "2"}},
        {"ports": [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}]},
        {"type": "ExternalName", "externalName": "blue.example.com"},
        {"clusterIP": "None"},
    ],
    ids=["selector", "ports", "external name", "headless"],
)
def test_where_it_leads_is_its_revision(change: dict[str, Any]):
    assert digest(a_service(**change)) != digest(a_service())


def test_what_the_cluster_assigns_is_no_revision_and_is_copied_to_no_other():
    assigned = a_service(
        type="LoadBalancer",
        clusterIP="10.0.0.7",
        clusterIPs=["10.0.0.7"],
        externalIPs=["192.0.2.1"],
        healthCheckNodePort=31000,
        ports=[{**CASE.written["spec"]["ports"][0], "nodePort": 30080}],
    )
    assert digest(assigned) == digest(a_service())
    assert primary_of(assigned)["spec"] == CASE.written["spec"]


def test_an_alias_of_another_host_is_copied_as_an_alias():
    alias = a_service(type="ExternalName", externalName="blue.example.com")
    del alias["spec"]["selector"]
    assert primary_of(alias)["spec"] == alias["spec"]


def test_what_the_target_says_no_longer_goes_from_the_primary_and_its_address_stays():
    before = primary_of(a_service(sessionAffinity="ClientIP"))
    before["spec"]["clusterIP"] = "10.0.0.8"
    after = primary_of(a_service(), existing=before)["spec"]
    assert "sessionAffinity" not in after
    assert after["clusterIP"] == "10.0.0.8"


def test_a_headless_one_has_headless_sides():
    assert primary_of(a_service(clusterIP="None"))["spec"]["clusterIP"] == "None"


def test_its_sides_have_the_metadata_that_the_canary_gives_them():
    given = {"port": 80, "primary": {"labels": {"tier": "web"}, "annotations": {"a": "b"}}}
    metadata = primary_of(a_service(), service=given)["metadata"]
    assert metadata["labels"]["tier"] == "web"
    assert metadata["annotations"]["a"] == "b"


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        (
            {
                "targetRef": {
                    "apiVersion": "example.com/v1",
                    "kind": "Service",
                    "name": "podinfo",
                }
            },
            "spec.targetRef.apiVersion",
        ),
        ({"service": {"port": 80, "name": "web"}}, "spec.service.name"),
    ],
)
def test_another_groups_service_and_another_apex_are_refused(spec: dict[str, Any], field: str):
    reference = {"apiVersion": "v1", "kind": "Service", "name": "podinfo"}
    problems = TARGET.problems(a_canary(**{"targetRef": reference} | spec))
    assert [each.field for each in problems] == [field]
    own = {"targetRef": reference, "service": {"port": 80, "name": "podinfo"}}
    assert TARGET.problems(a_canary(**own)) == ()


def test_it_has_no_rollout_no_history_and_no_pods():
    service = a_service()
    assert TARGET.rollout(service) == ""
    assert TARGET.remembered(service) == TARGET.written(service)
    assert TARGET.member({"metadata": {"name": "x"}}) is None
