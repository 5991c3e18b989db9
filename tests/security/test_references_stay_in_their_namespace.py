"""S6: with --no-cross-namespace-refs an object names nothing of another namespace but what is shared.

Every text of every spec is either in CASES, refused where it names another namespace, or in
HARMLESS with the reason: a new field is in neither, and fails here.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from canary.api.kinds import Manifest
from canary.api.namespaces import EVERY, Boundary, namespace_of_gateway, namespace_of_host
from canary.api.resources import KINDS
from canary.api.schema import spec_schema
from canary.controller.reading import CanaryReader
from canary.controller.validator import Validator
from canary.errors import Problem
from canary.routers.istio import VIRTUAL_SERVICE
from tests.api.examples import a_canary, a_delivery_policy, patched
from tests.controller.running import World

OWN = a_canary()["metadata"]["namespace"]
CLOSED = Boundary(closed=True)
SHARED = Boundary(closed=True, shared=("other", "monitoring"))
_PLURALS = {each.name: each.plural for each in KINDS}

_METRIC = {
    "name": "errors",
    "templateRef": {"name": "errors", "namespace": "NS"},
    "thresholdRange": {"max": 1},
}
_STEP = {"name": "first", "weight": 10}
_BUDGET = {
    "name": "budget",
    "thresholdRange": {"min": 20},
    "templateRef": {"name": "budget", "namespace": "NS"},
}
_ISTIO: Mapping[str, object] = {"provider": "istio"}
_GATEWAY_API: Mapping[str, object] = {
    "provider": "gatewayapi",
    "service/gatewayRefs": [{"name": "public"}],
}
_IN_STEPS: Mapping[str, object] = {"analysis": {"interval": "1m", "threshold": 1, "steps": [_STEP]}}
_AB: Mapping[str, object] = {"analysis": {"interval": "1m", "threshold": 1, "iterations": 3}}
_MATCH = [{"gateways": ["NS/public"]}]

#: By the field: changes that name namespace NS there.
CASES: Mapping[str, Mapping[str, object]] = {
    "Canary.spec.upstreamRef.namespace": {
        "provider": "gloo",
        "upstreamRef": {
            "apiVersion": "gloo.solo.io/v1",
            "kind": "Upstream",
            "name": "podinfo",
            "namespace": "NS",
        },
    },
    "Canary.spec.dependsOn[].namespace": {"dependsOn": [{"name": "db", "namespace": "NS"}]},
    "Canary.spec.service.gateways[]": {**_ISTIO, "service/gateways": ["NS/public"]},
    "Canary.spec.service.gatewayRefs[].namespace": {
        "provider": "gatewayapi",
        "service/gatewayRefs": [{"name": "public", "namespace": "NS"}],
    },
    "Canary.spec.service.hosts[]": {**_ISTIO, "service/hosts": ["shop.NS.svc.cluster.local"]},
    "Canary.spec.service.match[].gateways[]": {**_ISTIO, "service/match": _MATCH},
    "Canary.spec.service.mirror[].backendRef.namespace": {
        **_GATEWAY_API,
        "service/mirror": [{"backendRef": {"name": "tap", "namespace": "NS", "port": 80}}],
    },
    "Canary.spec.analysis.match[].gateways[]": {**_ISTIO, **_AB, "analysis/match": _MATCH},
    "Canary.spec.analysis.steps[].match[].gateways[]": {
        **_ISTIO,
        **_IN_STEPS,
        "analysis/steps": [{**_STEP, "match": _MATCH}],
    },
    "Canary.spec.analysis.metrics[].templateRef.namespace": {"analysis/metrics": [_METRIC]},
    "Canary.spec.analysis.steps[].metrics[].templateRef.namespace": {
        **_IN_STEPS,
        "analysis/steps": [{**_STEP, "metrics": [_METRIC]}],
    },
    "Canary.spec.analysis.alerts[].providerRef.namespace": {
        "analysis/alerts": [{"name": "chat", "providerRef": {"name": "chat", "namespace": "NS"}}]
    },
    "DeliveryPolicy.spec.budget.metric.templateRef.namespace": {"budget": {"metric": _BUDGET}},
}
#: What is taken by the route that names it, and never only used.
TAKEN = {"Canary.spec.service.hosts[]"}

_TEXT_OF_A_REQUEST = r"(uri|scheme|method|authority|(headers|withoutHeaders|queryParams)\.\*)"
#: Why no other text can name an object of another namespace, by the form of the field's path.
HARMLESS: Mapping[str, str] = {
    r".*\.(name|keys\[\])": "a name, looked up in the namespace that stands beside it or in its own",
    r".*\.(group|kind|type|judge|provider|timeZone)": "one of a list that is not a tenant's",
    r".*\.match\[\]\." + _TEXT_OF_A_REQUEST + r"\.\w+": "compared with a request",
    r".*\.match\[\]\.(sourceNamespace|sourceLabels\.\*)": "compared with who calls",
    r"Canary\.spec\.service\.(targetPort|appProtocol|meshName|backends\[\])": "no object's name",
    r".*\.sectionName": "a listener of the Gateway beside it",
    r"Canary\.spec\.fleet\.plan": "on the hub, which names the clusters that may report to it",
    r".*\.sniHost": "finds a rule of a route of the own namespace",
    r".*\.(rewrite|headers|retries|corsPolicy)\..*": "read by the proxy of the request, or by a browser",
    r".*\.trafficPolicy": "Istio looks up a Secret in it where the proxy runs",
    r".*\.service\.(apex|primary|canary|unmanagedMetadata)\..*": "metadata: docs/security.md says whose",
    r".*\.primaryScalerQueries\.\*": "a query of the target's own autoscaler",
    r".*\.(metricsServer|url|address|proxy)": "S2: addresses lead where policy allows",
    r".*\.(query|counts\.\w+|templateVariables\.\*|variables\.\*\.pattern)": "S5: text of a query",
    r".*\.(judgeOptions|options|metadata)\.\*": "read by the judge, the store or the hook",
    r".*\.webhooks\[\]\.headers\.\*": "read by the hook",
    r"MetricTemplate\.spec\.provider\.(headers\.\*\[\]|region)": "read by the store",
    r"AlertProvider\.spec\.(channel|username|template\..*)": "words for people",
    r"AlertProvider\.spec\.links\.\w+": "where people go on, with a browser of their own",
    r"AlertProvider\.spec\.settings": "chosen from a list that is not a tenant's",
    r".*\.sessionAffinity\..*": "read by browsers",
    r"DeliveryPolicy\.spec\.namespaces\[\]": "counts in the administrator's namespace alone",
    r"DeliveryPolicy\.spec\.selector\..*": "compared with labels",
    r"DeliveryPolicy\.spec\.stop\.\w+": "words for people",
}
#: What the forms of closed texts, such as durations, do not take.
REFERENCES = ("other/shop", "shop.other.svc.cluster.local", "http://shop.other.svc/")


def texts(schema: Mapping[str, Any], place: str) -> Iterator[str]:
    """Name every place in a schema that takes a text which could be a reference."""
    for name, each in schema.get("properties", {}).items():
        yield from texts(each, f"{place}.{name}")
    if "items" in schema:
        yield from texts(schema["items"], f"{place}[]")
    if isinstance(each := schema.get("additionalProperties"), dict):
        yield from texts(each, f"{place}.*")
    if schema.get("x-kubernetes-preserve-unknown-fields") or (
        "enum" not in schema
        and (schema.get("type") == "string" or schema.get("x-kubernetes-int-or-string"))
        and (_takes_references(schema) or "namespace" in place.lower())
    ):
        yield place


def _takes_references(schema: Mapping[str, Any]) -> bool:
    written = " ".join(each["rule"] for each in schema.get("x-kubernetes-validations", ()))
    forms = [form for _, form in re.findall(r"self\.matches\(r(['\"])(.*?)\1\)", written)]
    return all(any(re.search(form, text) for text in REFERENCES) for form in forms)


EVERY_TEXT = tuple(
    place for kind in KINDS for place in texts(spec_schema(kind.name), f"{kind.name}.spec")
)


def an_object(place: str, namespace: str) -> Manifest:
    changes = json.loads(json.dumps(CASES[place]).replace("NS", namespace))
    kind = a_canary() if place.startswith("Canary.") else a_delivery_policy()
    return patched(kind, changes)


def problems(obj: Manifest, boundary: Boundary = CLOSED) -> tuple[Problem, ...]:
    return Validator(CanaryReader("istio", boundary)).problems(_PLURALS[obj["kind"]], obj)


# ------------------------------------------------------------------------------- no field is left out


@pytest.mark.parametrize("place", EVERY_TEXT)
def test_a_text_is_covered_or_there_is_a_reason_why_it_names_no_namespace(place):
    reasons = [form for form in HARMLESS if re.fullmatch(form, place)]
    assert (place in CASES) != bool(reasons), "add a case to CASES, or a reason to HARMLESS"


def test_no_case_and_no_reason_is_left_of_a_field_that_is_gone():
    assert set(CASES) <= set(EVERY_TEXT)
    assert [
        form for form in HARMLESS if not any(re.fullmatch(form, place) for place in EVERY_TEXT)
    ] == []


@pytest.mark.parametrize("place", CASES)
def test_what_names_another_namespace_is_refused_and_its_own_is_taken(place):
    field = place.partition(".")[2].replace("[]", "[0]")
    assert problems(an_object(place, "other"), Boundary()) == ()
    (problem,) = problems(an_object(place, "other"))
    assert (problem.field, "other" in str(problem.value)) == (field, True)
    assert problem.remedy.endswith("this controller runs with --no-cross-namespace-refs")
    own = a_delivery_policy()["metadata"]["namespace"] if "Policy" in place else OWN
    assert problems(an_object(place, own)) == ()


@pytest.mark.parametrize("place", CASES)
def test_what_a_shared_namespace_has_may_be_used_but_not_taken(place):
    refused = problems(an_object(place, "other"), SHARED)
    assert bool(refused) == (place in TAKEN)
    assert problems(an_object(place, "third"), SHARED)


# ----------------------------------------------------------------------- every way to write a name


@pytest.mark.parametrize(
    ("text", "namespace"),
    [
        ("mesh", ""),
        ("public", ""),
        ("./public", ""),
        ("other/public", "other"),
        ("public.other", "other"),
        ("public.other.svc.cluster.local", "other"),
    ],
)
def test_a_gateway_is_read_as_istio_reads_it(text, namespace):
    assert namespace_of_gateway(text) == namespace


@pytest.mark.parametrize(
    ("host", "namespace"),
    [
        ("shop", ""),
        ("*", ""),
        ("example.com", ""),
        ("shop.example.com", ""),
        ("svc.example.com", ""),
        ("*.example.com", ""),
        ("api.svc.example.com", ""),
        ("shop.other.svc", "other"),
        ("shop.other.svc.cluster.local", "other"),
        ("shop.other.svc.corp.example", "other"),
        ("SHOP.Other.SVC.cluster.local.", "other"),
        ("db-0.db.other.svc.cluster.local", "other"),
        ("svc.other.svc.cluster.local", "other"),
        ("db-0.svc.other.svc.cluster.local", "other"),
        ("*.other.svc.cluster.local", "other"),
        ("*-api.other.svc.cluster.local", "other"),
        ("*.svc.cluster.local", EVERY),
        ("*-er.svc.cluster.local", EVERY),
        ("*.cluster.local", EVERY),
        ("*.local", EVERY),
    ],
)
def test_a_host_is_read_as_the_clusters_dns_has_it(host, namespace):
    assert namespace_of_host(host) == namespace


@pytest.mark.parametrize("gateways", [[], ["mesh"], ["public", "mesh"]])
@pytest.mark.parametrize("host", ["shop.other", "SHOP.other.", "*.other"])
def test_a_short_name_of_a_service_is_no_host_of_a_route_inside_a_mesh(host, gateways):
    changes = {**_ISTIO, "service/hosts": [f"shop.{OWN}", host], "service/gateways": gateways}
    (problem,) = problems(patched(a_canary(), changes))
    assert problem.field == "spec.service.hosts[1]"
    assert "Services of namespace other" in problem.remedy


@pytest.mark.parametrize(
    ("provider", "gateways"), [("istio", ["public"]), ("openshift", []), ("gatewayapi", [])]
)
def test_a_domain_is_a_host_where_requests_come_from_outside(provider, gateways):
    changes: dict[str, object] = {
        "provider": provider,
        "service/hosts": ["example.com"],
        "service/gateways": gateways,
    }
    if provider == "gatewayapi":
        changes |= {"service/gatewayRefs": [{"name": "public"}]}
    assert problems(patched(a_canary(), changes)) == ()


def test_a_host_for_every_namespace_is_refused_whatever_is_shared():
    changes = {**_ISTIO, "service/hosts": ["*.svc.cluster.local"]}
    (problem,) = problems(patched(a_canary(), changes), SHARED)
    assert f"name a host of namespace {OWN}" in problem.remedy


# ----------------------------------------------------------------------------------- the attack


async def test_a_canary_takes_no_calls_of_another_team_s_service(world: World):
    """A tenant who may write Canaries, but not VirtualServices, lists a host of the neighbours'."""
    hosts = ["pay.neighbours.svc.cluster.local"]
    async with world.running_controller(
        no_cross_namespace_refs=True, shared_namespaces=("istio-system",)
    ):
        service = {"port": 80, "gateways": ["istio-system/public", "mesh"], "hosts": hosts}
        await world.create_canary(service=service)
        said = await world.until_condition("Invalid", "True")
        assert "a Service of namespace neighbours" in said
        assert await world.objects(VIRTUAL_SERVICE) == []
