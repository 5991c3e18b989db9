"""Server-side apply: who owns which field, what is a conflict, and what goes."""

import pytest

MERGE = "application/merge-patch+json"
DEPLOYMENTS = "apps/v1/deployments"


def config_map(**data: str) -> dict:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}, "data": data}


def managed(item: dict, manager: str, operation: str = "Apply") -> dict:
    for entry in item["metadata"].get("managedFields", []):
        if (entry["manager"], entry["operation"]) == (manager, operation):
            return entry["fieldsV1"]
    return {}


class TestApply:
    @pytest.fixture
    def path(self, api):
        return api.path("configmaps", "one")

    def test_creates_what_is_missing(self, api, path):
        response = api.apply(path, config_map(a="1"))
        assert response.status_code == 201
        [entry] = response.json()["metadata"]["managedFields"]
        assert entry["manager"] == "tester"
        assert entry["operation"] == "Apply"
        assert entry["apiVersion"] == "v1"
        assert entry["fieldsType"] == "FieldsV1"
        assert entry["fieldsV1"] == {"f:data": {"f:a": {}}}

    def test_again_changes_nothing(self, api, path):
        first = api.apply(path, config_map(a="1")).json()
        second = api.apply(path, config_map(a="1"))
        assert second.status_code == 200
        assert second.json() == first

    def test_drops_what_is_no_longer_applied(self, api, path):
        api.apply(path, config_map(a="1", b="2"))
        assert api.apply(path, config_map(a="1")).json()["data"] == {"a": "1"}

    def test_keeps_what_others_own(self, api, path):
        api.apply(path, config_map(a="1", b="2"))
        api.apply(path, config_map(b="2", c="3"), manager="other")
        assert api.apply(path, config_map(a="1")).json()["data"] == {
            "a": "1",
            "b": "2",
            "c": "3",
        }

    def test_conflicts_over_what_another_applied(self, api, path):
        api.apply(path, config_map(a="1"))
        response = api.apply(path, config_map(a="2"), manager="other")
        status = response.json()
        assert (response.status_code, status["reason"]) == (409, "Conflict")
        assert status["message"] == 'Apply failed with 1 conflict: conflict with "tester": .data.a'
        assert status["details"]["causes"] == [
            {
                "reason": "FieldManagerConflict",
                "message": 'conflict with "tester"',
                "field": ".data.a",
            }
        ]
        assert api.get(path).json()["data"] == {"a": "1"}

    def test_shares_what_another_applied_alike(self, api, path):
        api.apply(path, config_map(a="1"))
        response = api.apply(path, config_map(a="1"), manager="other")
        assert response.status_code == 200
        for manager in ("tester", "other"):
            assert managed(response.json(), manager) == {"f:data": {"f:a": {}}}

    def test_by_force_takes_over(self, api, path):
        api.apply(path, config_map(a="1", b="1"))
        response = api.apply(path, config_map(a="2"), manager="other", force="true")
        assert response.status_code == 200
        assert response.json()["data"] == {"a": "2", "b": "1"}
        assert managed(response.json(), "tester") == {"f:data": {"f:b": {}}}
        assert managed(response.json(), "other") == {"f:data": {"f:a": {}}}

    def test_conflicts_over_what_an_update_changed(self, api, path):
        api.apply(path, config_map(a="1"))
        patched = api.patch(path, MERGE, {"data": {"a": "2"}}, fieldManager="editor").json()
        assert managed(patched, "tester") == {}
        assert managed(patched, "editor", "Update")["f:data"]["f:a"] == {}
        response = api.apply(path, config_map(a="1"))
        assert response.status_code == 409
        assert 'conflict with "editor" using v1' in response.json()["message"]

    def test_names_every_conflict(self, api, path):
        api.apply(path, config_map(a="1", b="1"))
        response = api.apply(path, config_map(a="2", b="2"), manager="other")
        fields = [cause["field"] for cause in response.json()["details"]["causes"]]
        assert sorted(fields) == [".data.a", ".data.b"]
        assert "2 conflicts" in response.json()["message"]

    def test_needs_a_manager(self, api, path):
        response = api.patch(path, "application/apply-patch+yaml", config_map())
        assert response.status_code == 422
        assert "fieldManager" in response.json()["message"]

    def test_refuses_managed_fields(self, api, path):
        applied = api.apply(path, config_map(a="1")).json()
        response = api.apply(path, applied)
        assert response.status_code == 400
        assert "managedFields must be nil" in response.json()["message"]

    def test_with_an_old_resource_version_conflicts(self, api, path):
        version = api.apply(path, config_map(a="1")).json()["metadata"]["resourceVersion"]
        api.apply(path, config_map(a="2"))
        item = config_map(a="3")
        item["metadata"]["resourceVersion"] = version
        assert api.apply(path, item).status_code == 409

    def test_in_a_dry_run_stores_nothing(self, api, path):
        response = api.apply(path, config_map(a="1"), dryRun="All")
        assert response.status_code == 201
        assert api.get(path).status_code == 404

    def test_takes_yaml(self, api, path):
        content = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\ndata: {a: '1'}\n"
        response = api.client.patch(
            path,
            content=content,
            headers={"Content-Type": "application/apply-patch+yaml"},
            params={"fieldManager": "tester"},
        )
        assert response.status_code == 201
        assert response.json()["data"] == {"a": "1"}

    def test_does_not_touch_the_input_of_others(self, api, path):
        item = {"metadata": {"name": "one", "labels": {"mine": "1"}}, "data": {"z": "1"}}
        api.create("configmaps", item)
        applied = config_map(a="1")
        applied["metadata"]["labels"] = {"ours": "1"}
        result = api.apply(path, applied).json()
        assert result["metadata"]["labels"] == {"mine": "1", "ours": "1"}
        assert result["data"] == {"a": "1", "z": "1"}
        dropped = api.apply(path, config_map()).json()
        assert dropped["metadata"]["labels"] == {"mine": "1"}
        assert dropped["data"] == {"z": "1"}


class TestBuiltInLists:
    def deployment(self, *containers: dict) -> dict:
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web"},
            "spec": {
                "replicas": 0,
                "selector": {"matchLabels": {"app": "web"}},
                "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {"containers": list(containers)},
                },
            },
        }

    def test_containers_are_merged_by_name(self, api):
        path = api.path(DEPLOYMENTS, "web")
        app = {"name": "app", "image": "app:1"}
        api.apply(path, self.deployment(app))
        side = {"name": "side", "image": "side:1"}
        response = api.apply(path, self.deployment(side), manager="injector")
        assert response.status_code == 200, response.text
        containers = response.json()["spec"]["template"]["spec"]["containers"]
        assert {item["name"] for item in containers} == {"app", "side"}

    def test_an_item_goes_with_its_last_owner(self, api):
        path = api.path(DEPLOYMENTS, "web")
        app, side = {"name": "app", "image": "app:1"}, {"name": "side", "image": "side:1"}
        api.apply(path, self.deployment(app, side))
        result = api.apply(path, self.deployment(app)).json()
        containers = result["spec"]["template"]["spec"]["containers"]
        assert [item["name"] for item in containers] == ["app"]

    def test_ports_are_known_by_number_and_protocol(self, api):
        path = api.path(DEPLOYMENTS, "web")
        app = {"name": "app", "image": "app:1", "ports": [{"containerPort": 80, "name": "http"}]}
        result = api.apply(path, self.deployment(app)).json()
        spec = managed(result, "tester")["f:spec"]["f:template"]["f:spec"]
        ports = spec["f:containers"]['k:{"name":"app"}']["f:ports"]
        assert list(ports) == ['k:{"containerPort":80,"protocol":"TCP"}']

    def test_selectors_are_owned_as_a_whole(self, api):
        path = api.path(DEPLOYMENTS, "web")
        result = api.apply(path, self.deployment({"name": "app", "image": "app:1"})).json()
        assert managed(result, "tester")["f:spec"]["f:selector"] == {}

    def test_a_field_left_to_a_scaler_is_not_reset(self, api):
        path = api.path(DEPLOYMENTS, "web")
        item = self.deployment({"name": "app", "image": "app:1"})
        del item["spec"]["replicas"]
        item["spec"]["paused"] = True
        api.apply(path, item)
        api.patch(path + "/scale", MERGE, {"spec": {"replicas": 3}})
        item["spec"]["minReadySeconds"] = 5
        assert api.apply(path, item).json()["spec"]["replicas"] == 3


class TestCustomLists:
    @pytest.fixture
    def path(self, api, widgets):
        return api.path(widgets.resource, "one")

    def test_are_atomic_unless_the_schema_says_otherwise(self, api, widgets, path):
        api.apply(path, widgets.widget(steps=[1, 2]))
        response = api.apply(path, widgets.widget(steps=[3]), manager="other")
        assert response.status_code == 409
        forced = api.apply(path, widgets.widget(steps=[3]), manager="other", force="true")
        assert forced.json()["spec"]["steps"] == [3]

    def test_with_keys_are_merged_by_them(self, api, widgets, path):
        api.apply(path, widgets.widget(parts=[{"name": "a", "weight": 2}]))
        second = widgets.widget(parts=[{"name": "b", "weight": 3}])
        merged = api.apply(path, second, manager="other").json()
        assert merged["spec"]["parts"] == [
            {"name": "a", "weight": 2},
            {"name": "b", "weight": 3},
        ]
        left = api.apply(path, widgets.widget(), manager="other").json()
        assert left["spec"]["parts"] == [{"name": "a", "weight": 2}]

    def test_that_are_sets_are_united(self, api, widgets, path):
        api.apply(path, widgets.widget(tags=["a", "b"]))
        merged = api.apply(path, widgets.widget(tags=["b", "c"]), manager="other").json()
        assert sorted(merged["spec"]["tags"]) == ["a", "b", "c"]
        left = api.apply(path, widgets.widget()).json()
        assert sorted(left["spec"]["tags"]) == ["b", "c"]

    def test_free_form_objects_are_merged_by_field(self, api, widgets, path):
        api.apply(path, widgets.widget(extra={"a": {"b": 1}}))
        merged = api.apply(path, widgets.widget(extra={"a": {"c": 2}}), manager="other").json()
        assert merged["spec"]["extra"] == {"a": {"b": 1, "c": 2}}

    def test_the_status_is_applied_by_itself(self, api, widgets, path):
        api.apply(path, widgets.widget())
        item = {**widgets.widget(size=9), "status": {"phase": "ok"}}
        applied = api.apply(path + "/status", item, manager="watcher").json()
        assert applied["status"] == {"phase": "ok"}
        assert applied["spec"]["size"] == 3
        entry = next(
            entry for entry in applied["metadata"]["managedFields"] if entry["manager"] == "watcher"
        )
        assert entry["subresource"] == "status"
        assert entry["fieldsV1"] == {"f:status": {"f:phase": {}}}

    def test_defaults_have_no_owner(self, api, widgets, path):
        api.apply(path, widgets.widget())
        response = api.apply(path, widgets.widget(color="white"), manager="other")
        assert response.status_code == 200, response.text
        assert response.json()["spec"]["color"] == "white"


class TestManagedFields:
    def test_of_a_create_belong_to_the_client(self, api):
        item = {"metadata": {"name": "one", "labels": {"a": "b"}}, "data": {"a": "1"}}
        created = api.create("configmaps", item)
        fields = managed(created, "conformance", "Update")
        assert set(fields) == {"f:data", "f:metadata"}
        assert "f:a" in fields["f:data"]

    def test_of_the_status_name_the_subresource(self, api, widgets):
        api.create(widgets.resource, widgets.widget())
        path = api.path(widgets.resource, "one") + "/status"
        patched = api.patch(path, MERGE, {"status": {"phase": "x"}}).json()
        entries = {
            entry.get("subresource", ""): entry["fieldsV1"]
            for entry in patched["metadata"]["managedFields"]
        }
        assert set(entries) == {"", "status"}
        assert entries["status"]["f:status"]["f:phase"] == {}

    def test_are_reset_by_an_empty_list(self, api):
        api.apply(
            api.path("configmaps", "one"),
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "one"},
                "data": {"a": "1"},
            },
        )
        changes = {"metadata": {"managedFields": [{}]}}
        patched = api.patch(api.path("configmaps", "one"), MERGE, changes).json()
        assert "managedFields" not in patched["metadata"]
