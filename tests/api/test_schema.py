"""The CustomResourceDefinitions: what the API server asks of them, and that the files are theirs."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from pydantic import BaseModel, Field

from canary.api.resources import KINDS
from canary.api.rules import BY_CEL
from canary.api.schema import crds, render, structural
from canary.api.unsupported import LATER
from canary.api.validation import parse_canary
from tests.api.examples import BAD, GOOD, Bad, a_canary, a_receiver, a_template, patched

ROOT = Path(__file__).parents[2]


@cache
def schema_of(kind: str) -> dict[str, Any]:
    (version,) = crds()[kind]["spec"]["versions"]
    return version["schema"]["openAPIV3Schema"]


def nodes(schema: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield path, schema
    for name, each in schema.get("properties", {}).items():
        yield from nodes(each, f"{path}.{name}")
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]")
    if "additionalProperties" in schema:
        yield from nodes(schema["additionalProperties"], f"{path}.*")


ALL_NODES = [(f"{kind}{path}", node) for kind in crds() for path, node in nodes(schema_of(kind))]
NODE_BY_PATH = dict(ALL_NODES)


@cache
def validator(kind: str) -> Draft202012Validator:
    def plain(node: Any) -> Any:
        if isinstance(node, dict):
            written = {key: plain(value) for key, value in node.items()}
            if written.pop("x-kubernetes-int-or-string", False):
                written["type"] = ["integer", "string"]
            return written
        return [plain(each) for each in node] if isinstance(node, list) else node

    return Draft202012Validator(plain(schema_of(kind)))


class TestFiles:
    @pytest.mark.parametrize("folder", ["crds", "charts/tidegate/crds"])
    def test_the_files_are_what_the_models_say(self, folder):
        written = {path.name: path.read_text() for path in (ROOT / folder).glob("*.yaml")}
        assert written == render(), "stale: run `make crds`"

    def test_yaml_reads_back_to_the_same_definitions(self):
        assert [yaml.safe_load(text) for text in render().values()] == list(crds().values())

    def test_a_definition_fits_the_annotation_that_kubectl_apply_writes(self):
        assert all(len(text) < 262_144 for text in render().values())


class TestDefinitions:
    def test_names_are_those_that_people_type(self):
        names = {
            kind: (crd["metadata"]["name"], crd["spec"]["names"]["shortNames"])
            for kind, crd in crds().items()
        }
        assert names == {
            "Canary": ("canaries.tidegate.dev", ["cn"]),
            "MetricTemplate": ("metrictemplates.tidegate.dev", ["mt"]),
            "AlertProvider": ("alertproviders.tidegate.dev", ["ap"]),
            "DeliveryPolicy": ("deliverypolicies.tidegate.dev", ["dp"]),
        }

    def test_every_kind_is_namespaced_and_in_category_all(self):
        for crd in crds().values():
            assert crd["spec"]["scope"] == "Namespaced"
            assert crd["spec"]["names"]["categories"] == ["all"]

    def test_a_canary_and_a_policy_have_a_status(self):
        has_status = {
            kind: "subresources" in crd["spec"]["versions"][0] for kind, crd in crds().items()
        }
        assert has_status == dict.fromkeys(crds(), False) | {"Canary": True, "DeliveryPolicy": True}

    def test_the_columns_are_those_that_users_know(self):
        (version,) = crds()["Canary"]["spec"]["versions"]
        columns = [
            (column["name"], column["jsonPath"], column["priority"])
            for column in version["additionalPrinterColumns"]
        ]
        assert columns == [
            ("Status", ".status.state", 0),
            ("Weight", ".status.canaryWeight", 0),
            ("Step", ".status.step", 0),
            ("Waiting", ".status.waitingFor.reason", 0),
            ("Age", ".metadata.creationTimestamp", 0),
            ("Images", ".status.images", 1),
            ("Phase", ".status.phase", 1),
            ("Steps", ".status.steps", 1),
            ("Suspended", ".spec.suspend", 1),
            ("FailedChecks", ".status.failedChecks", 1),
            ("Interval", ".spec.analysis.interval", 1),
            ("Mirror", ".spec.analysis.mirror", 1),
            ("StepWeight", ".spec.analysis.stepWeight", 1),
            ("StepWeights", ".spec.analysis.stepWeights", 1),
            ("MaxWeight", ".spec.analysis.maxWeight", 1),
            ("LastTransitionTime", ".status.lastTransitionTime", 1),
        ]

    @pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
    def test_a_column_shows_a_field_that_exists(self, kind):
        for column in kind.columns:
            of_any_object = column.path == ".metadata.creationTimestamp"
            assert of_any_object or f"{kind.name}{column.path}" in NODE_BY_PATH


#: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/
#: custom-resource-definitions/#specifying-a-structural-schema
ALLOWED = {
    "additionalProperties",
    "default",
    "description",
    "enum",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "pattern",
    "properties",
    "required",
    "type",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-validations",
}


class TestStructure:
    def test_the_api_server_knows_every_keyword(self):
        assert {key for _, node in ALL_NODES for key in node} <= ALLOWED

    def test_every_node_has_one_type_or_is_a_number_or_text(self):
        for path, node in ALL_NODES:
            either = node.get("x-kubernetes-int-or-string", False)
            kinds = {"array", "boolean", "integer", "number", "object", "string"}
            assert ("type" not in node) if either else node["type"] in kinds, path

    def test_the_root_is_an_object_whose_metadata_is_left_to_the_api_server(self):
        for kind in crds():
            assert schema_of(kind)["type"] == "object"
            assert schema_of(kind)["properties"]["metadata"] == {"type": "object"}

    def test_an_object_has_named_fields_or_values_of_one_kind_and_never_both(self):
        for path, node in ALL_NODES:
            assert not {"properties", "additionalProperties"} <= node.keys(), path
            if "additionalProperties" in node or "properties" in node:
                assert node["type"] == "object", path
            assert isinstance(node.get("additionalProperties", {}), dict), path

    def test_a_list_says_what_its_items_are(self):
        for path, node in ALL_NODES:
            assert ("items" in node) == (node.get("type") == "array"), path
            assert isinstance(node.get("items", {}), dict), path

    def test_what_is_required_exists(self):
        for path, node in ALL_NODES:
            assert set(node.get("required", ())) <= node.get("properties", {}).keys(), path

    def test_a_default_is_valid_and_not_required(self):
        for path, node in ALL_NODES:
            for name, each in node.get("properties", {}).items():
                if "default" in each:
                    Draft202012Validator(each).validate(each["default"])
                    assert name not in node.get("required", ()), path

    def test_a_keyed_list_has_keys_that_every_item_has(self):
        for path, node in ALL_NODES:
            for key in node.get("x-kubernetes-list-map-keys", ()):
                assert key in node["items"]["required"], path

    def test_what_a_user_writes_is_bounded_so_that_rules_have_a_bounded_cost(self):
        for path, node in ALL_NODES:
            if ".status" not in path and node.get("type") == "array":
                assert node["maxItems"] <= 100, path
            if ".status" not in path and "additionalProperties" in node:
                assert node["maxProperties"] <= 100, path

    def test_integers_are_integers(self):
        assert NODE_BY_PATH["Canary.spec.analysis.stepWeight"]["type"] == "integer"

    def test_a_rule_says_what_to_do_on_one_line(self):
        for _path, node in ALL_NODES:
            for rule in node.get("x-kubernetes-validations", ()):
                assert {"rule", "message"} <= rule.keys()
                assert rule.keys() <= {
                    "rule",
                    "message",
                    "messageExpression",
                    "fieldPath",
                    "reason",
                }
                assert rule["message"] in rule.get("messageExpression", rule["message"])
                assert rule["message"]
                assert "\n" not in rule["message"]
                assert len(rule["message"]) <= 2048


class TestDescriptions:
    def test_every_field_is_described(self):
        for path, node in ALL_NODES:
            for name, each in node.get("properties", {}).items():
                if (path.count("."), name) != (0, "metadata"):
                    assert each.get("description", "").endswith((".", ".)")), f"{path}.{name}"


class TestRules:
    def test_a_schema_has_only_rules_of_the_table_and_forms_of_text(self):
        found = {
            rule["rule"]
            for _, node in ALL_NODES
            for rule in node.get("x-kubernetes-validations", ())
        }
        assert {rule for rule in found if not rule.startswith("self.matches(r")} == BY_CEL.keys()

    def test_a_form_is_a_rule_with_words_and_no_pattern_without(self):
        written = [path for path, node in ALL_NODES if "pattern" in node and ".spec" in path]
        assert written == []

    def test_every_rule_of_the_table_has_a_bad_example(self):
        shown = {
            rule.cel
            for rule in BY_CEL.values()
            for bad in BAD.values()
            if bad.refused == "rule" and bad.remedy in rule.remedy
        }
        assert shown == BY_CEL.keys()


@pytest.mark.parametrize("obj", GOOD.values(), ids=GOOD)
def test_the_schema_accepts_what_is_good(obj):
    validator(obj["kind"]).validate(obj)


def _known_kind(bad: Bad) -> str:
    return bad.obj["kind"] if bad.obj["kind"] in crds() else "Canary"


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_the_schema_refuses_what_its_keywords_can_say_and_nothing_else(bad: Bad):
    accepted = validator(_known_kind(bad)).is_valid(bad.obj)
    assert accepted == (bad.refused != "schema")


def test_a_default_of_the_schema_means_the_same_as_leaving_the_field_out():
    def filled(node: Mapping[str, Any], value: Any) -> Any:
        if isinstance(value, dict):
            properties = node.get("properties", {})
            defaults = {
                name: each["default"] for name, each in properties.items() if "default" in each
            }
            return {
                name: filled(properties.get(name, node.get("additionalProperties", {})), each)
                for name, each in {**defaults, **value}.items()
            }
        if isinstance(value, list):
            return [filled(node.get("items", {}), each) for each in value]
        return value

    obj = a_canary()
    defaulted = filled(schema_of("Canary"), obj)
    assert defaulted["spec"]["analysis"]["canaryReadyThreshold"] == 100
    assert defaulted["spec"]["analysis"]["webhooks"][0]["timeout"] == "10s"
    assert parse_canary(defaulted) == parse_canary(obj)


#: The fields of the peer's kinds: a manifest moves over by changing its apiVersion.
PEER_FIELDS = {
    "Canary.spec": """
        provider metricsServer progressDeadlineSeconds skipAnalysis revertOnDeletion suspend
        targetRef.apiVersion targetRef.kind targetRef.name
        autoscalerRef.apiVersion autoscalerRef.kind autoscalerRef.name
        autoscalerRef.primaryScalerQueries.* autoscalerRef.primaryScalerReplicas.minReplicas
        autoscalerRef.primaryScalerReplicas.maxReplicas
        ingressRef.apiVersion ingressRef.kind ingressRef.name
        routeRef.apiVersion routeRef.kind routeRef.name
        upstreamRef.apiVersion upstreamRef.kind upstreamRef.name upstreamRef.namespace
    """,
    "Canary.spec.service": """
        name port portName targetPort appProtocol trafficDistribution portDiscovery headless timeout
        backendTimeout gateways[] hosts[] delegation trafficPolicy meshName backends[]
        gatewayRefs[].group gatewayRefs[].kind gatewayRefs[].name gatewayRefs[].namespace
        gatewayRefs[].sectionName gatewayRefs[].port
        match[].authority.exact match[].method.prefix match[].scheme.regex match[].uri.exact
        match[].headers.*.exact match[].withoutHeaders.*.regex match[].queryParams.*.exact
        match[].sourceLabels.* match[].sourceNamespace match[].gateways[] match[].port match[].name
        match[].ignoreUriCase
        rewrite.uri rewrite.authority rewrite.type
        retries.attempts retries.perTryTimeout retries.retryOn
        headers.request.add.* headers.request.set.* headers.request.remove[]
        headers.response.add.* headers.response.set.* headers.response.remove[]
        mirror[].backendRef.name mirror[].backendRef.namespace mirror[].backendRef.port
        corsPolicy.allowOrigin[] corsPolicy.allowOrigins[].exact corsPolicy.allowOrigins[].prefix
        corsPolicy.allowOrigins[].regex corsPolicy.allowMethods[] corsPolicy.allowHeaders[]
        corsPolicy.exposeHeaders[] corsPolicy.maxAge corsPolicy.allowCredentials
        apex.labels.* apex.annotations.* primary.labels.* primary.annotations.*
        canary.labels.* canary.annotations.*
        unmanagedMetadata.annotations[] unmanagedMetadata.labels[]
    """,
    "Canary.spec.analysis": """
        interval threshold iterations maxWeight stepWeight stepWeights[] stepWeightPromotion mirror
        mirrorWeight primaryReadyThreshold canaryReadyThreshold
        match[].headers.*.exact match[].headers.*.prefix match[].headers.*.suffix
        match[].headers.*.regex match[].queryParams.*.exact match[].sourceLabels.*
        metrics[].name metrics[].interval metrics[].threshold metrics[].thresholdRange.min
        metrics[].thresholdRange.max metrics[].query metrics[].templateRef.name
        metrics[].templateRef.namespace metrics[].templateVariables.*
        alerts[].name alerts[].severity alerts[].providerRef.name alerts[].providerRef.namespace
        webhooks[].type webhooks[].name webhooks[].url webhooks[].muteAlert webhooks[].timeout
        webhooks[].retries webhooks[].disableTLS webhooks[].metadata.*
        sessionAffinity.cookieName sessionAffinity.primaryCookieName sessionAffinity.domain
        sessionAffinity.httpOnly sessionAffinity.maxAge sessionAffinity.partitioned
        sessionAffinity.path sessionAffinity.sameSite sessionAffinity.secure
    """,
    "Canary.status": """
        phase failedChecks canaryWeight iterations trackedConfigs.* lastAppliedSpec
        lastPromotedSpec lastTransitionTime conditions[].type conditions[].status
        conditions[].reason conditions[].message conditions[].lastUpdateTime
        conditions[].lastTransitionTime
    """,
    "MetricTemplate.spec": """
        query provider.type provider.address provider.headers.*[] provider.secretRef.name
        provider.region provider.insecureSkipVerify
    """,
    "AlertProvider.spec": "type channel username address proxy secretRef.name",
}


@pytest.mark.parametrize(
    "field", [f"{part}.{name}" for part, names in PEER_FIELDS.items() for name in names.split()]
)
def test_every_field_of_the_peer_exists(field):
    assert field in NODE_BY_PATH


PEER_VALUES = {
    "Canary.spec.service.trafficDistribution": {
        "PreferClose",
        "PreferSameZone",
        "PreferSameNode",
    },
    "Canary.spec.analysis.alerts[].severity": {"", "info", "warn", "error"},
    "Canary.spec.analysis.webhooks[].type": {
        "",
        "confirm-rollout",
        "pre-rollout",
        "rollout",
        "confirm-traffic-increase",
        "confirm-promotion",
        "post-rollout",
        "rollback",
        "event",
    },
    "Canary.spec.analysis.sessionAffinity.sameSite": {"Strict", "Lax", "None"},
}


@pytest.mark.parametrize(("field", "values"), PEER_VALUES.items(), ids=PEER_VALUES)
def test_every_value_of_the_peer_exists(field, values):
    assert values <= set(NODE_BY_PATH[field]["enum"])


@pytest.mark.parametrize(
    ("kind", "field", "name"),
    [
        ("MetricTemplate", "provider/type", "thanos"),
        ("AlertProvider", "type", "pager"),
        *(("Canary", "provider", name) for name in sorted(LATER.get("tidegate.routers", ()))),
        *(("Canary", "targetRef/kind", name) for name in sorted(LATER["tidegate.targets"])),
    ],
)
def test_names_of_plugins_are_open(kind, field, name):
    path = f"{kind}.spec.{field.replace('/', '.')}"
    assert "enum" not in NODE_BY_PATH[path]
    good = {"Canary": a_canary, "MetricTemplate": a_template, "AlertProvider": a_receiver}[kind]()
    (model,) = (each.model for each in KINDS if each.name == kind)
    assert model.model_validate(patched(good, {field: name}))


class Choice(BaseModel):
    """A model that no structural schema can say."""

    either: int | str = Field(description="Two types at once.")


class Pair(BaseModel):
    """Another one."""

    pair: tuple[int, str] = Field(description="Items of two types.")


@pytest.mark.parametrize("model", [Choice, Pair])
def test_a_model_that_no_structural_schema_can_say_is_refused(model):
    with pytest.raises(TypeError, match=f"{model.__name__}\\..*: "):
        structural(model)


def test_a_constant_is_an_enumeration_of_one():
    assert NODE_BY_PATH["Canary.spec.ingressRef.kind"]["enum"] == ["Ingress"]


def test_a_canary_that_nobody_has_looked_at_is_behind_its_generation() -> None:
    """What kstatus reads as in progress; without a default there would be no status to read."""
    schema = crds()["Canary"]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert schema["properties"]["status"]["default"] == {"observedGeneration": 0}
    assert "default" not in schema["properties"]["status"]["properties"]["phase"]


def test_no_field_that_came_later_is_written_into_objects_by_the_api_server() -> None:
    """An older controller refuses a field that it does not know.

    In an upgrade it acts for a while beside the new CRDs, and after a rollback for longer: a new
    field has its default in the model alone, as `None`.
    """
    known = (ROOT / "tests/golden/spec_defaults.txt").read_text().split()
    written = {path for path, node in ALL_NODES if ".spec" in path and "default" in node}
    assert written <= {*known}
