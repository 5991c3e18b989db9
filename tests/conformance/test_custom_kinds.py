"""Custom kinds: registration, validation, defaulting, pruning, versions."""

import secrets
from copy import deepcopy

import pytest

MERGE = "application/merge-patch+json"


class TestValidation:
    @pytest.mark.parametrize(
        ("spec", "field", "reason"),
        [
            ({"size": "big"}, "spec.size", "FieldValueTypeInvalid"),
            ({"size": 1.5}, "spec.size", "FieldValueTypeInvalid"),
            ({"size": 0}, "spec.size", "FieldValueInvalid"),
            ({"size": 101}, "spec.size", "FieldValueInvalid"),
            ({"size": None}, "spec.size", None),
            ({"color": "pink"}, "spec.color", "FieldValueNotSupported"),
            ({"code": "A1"}, "spec.code", "FieldValueInvalid"),
            ({"code": "toolong"}, "spec.code", "FieldValueTooLong"),
            ({"steps": [1, 2, 3, 4]}, "spec.steps", "FieldValueTooMany"),
            ({"steps": [1, "x"]}, "spec.steps[1]", "FieldValueTypeInvalid"),
            ({"share": True}, "spec.share", "FieldValueTypeInvalid"),
            ({"labels": {"a": 1}}, "spec.labels.a", "FieldValueTypeInvalid"),
            ({"parts": [{"weight": 1}]}, "spec.parts[0].name", "FieldValueRequired"),
            ({"parts": [{"name": "a"}, {"name": "a"}]}, "spec.parts[1]", "FieldValueDuplicate"),
            ({"tags": ["a", "a"]}, "spec.tags[1]", "FieldValueDuplicate"),
            ({"low": 9}, "spec", "FieldValueInvalid"),
        ],
    )
    def test_names_the_field_and_the_reason(self, api, widgets, spec, field, reason):
        response = api.post(api.path(widgets.resource), widgets.widget(**spec))
        status = response.json()
        assert (response.status_code, status["reason"]) == (422, "Invalid"), response.text
        causes = {cause["field"]: cause["reason"] for cause in status["details"]["causes"]}
        assert field in causes
        assert reason in {None, causes[field]}
        assert status["details"]["kind"] == "Widget"

    def test_names_every_problem(self, api, widgets):
        item = widgets.widget(size=500, low=600, code="A")
        causes = api.post(api.path(widgets.resource), item).json()["details"]["causes"]
        assert {cause["field"] for cause in causes} == {"spec", "spec.size", "spec.code"}

    def test_says_that_rules_were_not_checked(self, api, widgets):
        item = widgets.widget(low=9, color="pink")
        causes = api.post(api.path(widgets.resource), item).json()["details"]["causes"]
        assert [cause["field"] for cause in causes] == ["spec.color", "<nil>"]
        assert "some validation rules were not checked" in causes[1]["message"]

    @pytest.mark.parametrize(
        ("spec", "message"),
        [
            ({"size": 101}, "spec.size in body should be less than or equal to 100"),
            ({"size": "x"}, 'spec.size in body must be of type integer: "string"'),
            ({"color": "pink"}, 'Unsupported value: "pink": supported values: "black", "red"'),
            ({"code": "A"}, "spec.code in body should match '^[a-z]+$'"),
            ({"low": 9}, "spec: Invalid value: low must not exceed size"),
            ({"steps": [1, 2, 3, 4]}, "spec.steps: Too many: 4: must have at most 3 items"),
        ],
    )
    def test_says_what_is_wrong(self, api, widgets, spec, message):
        response = api.post(api.path(widgets.resource), widgets.widget(**spec))
        assert message in response.json()["message"]

    def test_requires_what_the_schema_requires(self, api, widgets):
        item = {**widgets.widget(), "spec": {}}
        response = api.post(api.path(widgets.resource), item)
        assert response.status_code == 422
        assert "spec.size: Required value" in response.json()["message"]

    @pytest.mark.parametrize("share", [10, "10%"])
    def test_takes_integers_and_strings_where_both_may_be(self, api, widgets, share):
        created = api.create(widgets.resource, widgets.widget(share=share))
        assert created["spec"]["share"] == share

    def test_takes_null_where_the_schema_says_so(self, api, widgets):
        assert api.create(widgets.resource, widgets.widget(note=None))["spec"]["note"] is None

    def test_checks_transitions_against_the_old_object(self, api, widgets):
        api.create(widgets.resource, widgets.widget(color="black"))
        path = api.path(widgets.resource, "one")
        response = api.patch(path, MERGE, {"spec": {"color": "white"}})
        assert response.status_code == 422
        assert "black stays black" in response.json()["message"]

    def test_holds_for_patches_too(self, api, widgets):
        api.create(widgets.resource, widgets.widget())
        path = api.path(widgets.resource, "one")
        assert api.patch(path, MERGE, {"spec": {"size": 500}}).status_code == 422

    def test_of_metadata_types_is_strict(self, api, widgets):
        item = widgets.widget()
        item["metadata"]["labels"] = {"a": 1}
        assert api.post(api.path(widgets.resource), item).status_code == 400

    @pytest.mark.parametrize("field", ["apiVersion", "kind"])
    def test_needs_the_kind_and_version(self, api, widgets, field):
        item = widgets.widget()
        del item[field]
        assert api.post(api.path(widgets.resource), item).status_code == 400


class TestDefaultsAndPruning:
    def test_defaults_are_filled_in(self, api, widgets):
        spec = api.create(widgets.resource, widgets.widget(parts=[{"name": "a"}]))["spec"]
        assert spec["color"] == "red"
        assert spec["replicas"] == 1
        assert spec["parts"] == [{"name": "a", "weight": 1}]

    def test_null_is_replaced_by_a_default(self, api, widgets):
        assert api.create(widgets.resource, widgets.widget(color=None))["spec"]["color"] == "red"

    def test_unknown_fields_are_pruned_with_a_warning(self, api, widgets):
        response = api.post(api.path(widgets.resource), widgets.widget(bogus=1))
        assert response.status_code == 201
        assert "bogus" not in response.json()["spec"]
        assert response.headers["Warning"] == '299 - "unknown field \\"spec.bogus\\""'

    def test_unknown_fields_are_refused_under_strict_validation(self, api, widgets):
        path = api.path(widgets.resource)
        response = api.post(path, widgets.widget(bogus=1), fieldValidation="Strict")
        assert response.status_code == 400
        assert 'unknown field "spec.bogus"' in response.json()["message"]

    def test_free_form_objects_keep_everything(self, api, widgets):
        extra = {"any": [{"thing": True}], "n": None}
        assert api.create(widgets.resource, widgets.widget(extra=extra))["spec"]["extra"] == extra

    def test_numbers_stay_as_they_are(self, api, widgets):
        created = api.create(widgets.resource, widgets.widget(ratio=0.25))
        assert created["spec"]["ratio"] == 0.25


class TestVersions:
    def test_show_the_same_object(self, api, widgets):
        created = api.create(widgets.resource, widgets.widget())
        other = api.get(api.path(f"{widgets.group}/v1beta1/widgets", "one")).json()
        assert other["apiVersion"] == f"{widgets.group}/v1beta1"
        assert other["metadata"]["uid"] == created["metadata"]["uid"]
        assert other["spec"] == created["spec"]

    def test_that_are_deprecated_warn(self, api, widgets):
        item = {**widgets.widget(), "apiVersion": f"{widgets.group}/v1beta1"}
        response = api.post(api.path(f"{widgets.group}/v1beta1/widgets"), item)
        assert response.status_code == 201
        assert response.headers["Warning"] == (
            f'299 - "{widgets.group}/v1beta1 Widget is deprecated; use {widgets.group}/v1 Widget"'
        )

    def test_in_the_body_must_match_the_path(self, api, widgets):
        item = {**widgets.widget(), "apiVersion": f"{widgets.group}/v1beta1"}
        assert api.post(api.path(widgets.resource), item).status_code == 400


class TestDefinitions:
    def test_are_established(self, api, widgets, conformance):
        definition = api.get(f"{conformance.definitions}/widgets.{widgets.group}").json()
        conditions = {item["type"]: item["status"] for item in definition["status"]["conditions"]}
        assert conditions == {"NamesAccepted": "True", "Established": "True"}
        assert definition["status"]["storedVersions"] == ["v1"]
        assert definition["status"]["acceptedNames"]["singular"] == "widget"
        assert definition["spec"]["names"]["listKind"] == "WidgetList"

    def test_appear_in_discovery(self, api, widgets):
        listed = api.get(f"/apis/{widgets.group}/v1").json()
        names = {item["name"]: item for item in listed["resources"]}
        assert set(names) == {"widgets", "widgets/status", "widgets/scale"}
        assert names["widgets"]["shortNames"] == ["wg"]
        assert names["widgets"]["categories"] == ["gadgets"]
        group = api.get(f"/apis/{widgets.group}").json()
        assert group["preferredVersion"]["version"] == "v1"
        assert [item["version"] for item in group["versions"]] == ["v1", "v1beta1"]

    def test_must_be_named_after_what_they_define(self, api, conformance):
        definition = conformance.widget_definition("conformance.tidegate.dev")
        definition["metadata"]["name"] = "other.conformance.tidegate.dev"
        response = api.post(conformance.definitions, definition)
        assert response.status_code == 422
        assert "metadata.name" in response.json()["message"]

    @pytest.mark.parametrize(
        "break_it",
        [
            lambda version: version.pop("schema"),
            lambda version: version.update(storage=False),
            lambda version: version["schema"].update(openAPIV3Schema={"type": "string"}),
            lambda version: version["schema"].update(
                openAPIV3Schema={"type": "object", "properties": {"spec": {"minimum": 1}}}
            ),
        ],
    )
    def test_that_are_malformed_are_refused(self, api, conformance, break_it):
        definition = conformance.widget_definition("malformed.tidegate.dev")
        definition["spec"]["versions"] = definition["spec"]["versions"][:1]
        version = definition["spec"]["versions"][0] = dict(definition["spec"]["versions"][0])
        version["schema"] = dict(version["schema"])
        break_it(version)
        assert api.post(conformance.definitions, definition).status_code == 422

    @pytest.mark.parametrize(
        ("rule", "unknown"),
        [
            ("nothing(self.size) == 1", "undeclared reference to 'nothing'"),
            ("self.size.nothing() == 1", "undeclared reference to 'nothing'"),
            ("self.size == nobody", "undeclared reference to 'nobody'"),
            ("self.steps.all(x, y == 1)", "undeclared reference to 'y'"),
            ("self.size ==", "ERROR: "),
        ],
    )
    def test_with_a_rule_that_cannot_be_compiled_are_refused(self, api, conformance, rule, unknown):
        definition = deepcopy(conformance.widget_definition("rules.tidegate.dev"))
        for version in definition["spec"]["versions"]:
            schema = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
            schema["x-kubernetes-validations"] = [{"rule": rule, "message": "no"}]
        refused = api.post(conformance.definitions, definition, dryRun="All")
        assert refused.status_code == 422, refused.text
        fields = {cause["field"] for cause in refused.json()["details"]["causes"]}
        place = "spec.validation.openAPIV3Schema.properties[spec].x-kubernetes-validations[0].rule"
        assert fields == {place}
        assert "compilation failed: " in refused.json()["message"]
        assert unknown in refused.json()["message"]

    def test_that_want_a_list_in_order_are_acted_on(self, api, conformance):
        group = f"c{secrets.token_hex(3)}.tidegate.dev"
        definition = deepcopy(conformance.widget_definition(group))
        for version in definition["spec"]["versions"]:
            schema = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
            rule = {"rule": "self.isSorted()", "message": "must rise"}
            schema["steps"]["x-kubernetes-validations"] = [rule]
        assert api.post(conformance.definitions, definition).status_code == 201
        path = api.path(f"{group}/v1/widgets")
        conformance.eventually(lambda: api.get(path).status_code == 200, "it is served")
        widget = {"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": {"name": "one"}}
        falling = api.post(path, widget | {"spec": {"size": 1, "steps": [2, 1]}})
        rising = api.post(path, widget | {"spec": {"size": 1, "steps": [1, 2]}})
        api.delete(f"{conformance.definitions}/widgets.{group}")
        assert (falling.status_code, rising.status_code) == (422, 201)
        assert "must rise" in falling.json()["message"]

    def test_take_their_objects_with_them(self, api, conformance):
        group = f"c{secrets.token_hex(3)}.tidegate.dev"
        created = api.post(conformance.definitions, conformance.widget_definition(group))
        assert created.status_code == 201
        path = api.path(f"{group}/v1/widgets")
        conformance.eventually(lambda: api.get(path).status_code == 200, "the kind is served")
        item = {
            "apiVersion": f"{group}/v1",
            "kind": "Widget",
            "metadata": {"name": "one"},
            "spec": {"size": 1},
        }
        conformance.eventually(lambda: api.post(path, item).status_code == 201, "it takes objects")
        assert api.delete(f"{conformance.definitions}/widgets.{group}").status_code == 200
        conformance.eventually(
            lambda: api.get(f"{conformance.definitions}/widgets.{group}").status_code == 404,
            "the definition is gone",
        )
        conformance.eventually(lambda: api.get(path).status_code == 404, "the kind is gone")
