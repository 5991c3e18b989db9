"""Patches: JSON, merge and strategic merge; the status and scale subresources; generations."""

import pytest

JSON = "application/json-patch+json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
DEPLOYMENTS = "apps/v1/deployments"


def deployment(name: str = "web", **spec) -> dict:
    return {
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {
                    "containers": [
                        {
                            "name": "app",
                            "image": "app:1",
                            "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                            "ports": [{"containerPort": 80}, {"containerPort": 81}],
                        },
                        {"name": "side", "image": "side:1"},
                    ]
                },
            },
            **spec,
        },
    }


class TestMergePatch:
    def test_changes_adds_and_removes(self, api):
        api.create("configmaps", {"metadata": {"name": "one"}, "data": {"a": "1", "b": "2"}})
        changes = {"data": {"a": "9", "b": None, "c": "3"}}
        response = api.patch(api.path("configmaps", "one"), MERGE, changes)
        assert response.status_code == 200
        assert response.json()["data"] == {"a": "9", "c": "3"}

    def test_without_effect_keeps_the_resource_version(self, api):
        before = api.create("configmaps", {"metadata": {"name": "one"}, "data": {"a": "1"}})
        after = api.patch(api.path("configmaps", "one"), MERGE, {"data": {"a": "1"}}).json()
        assert after["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]

    def test_with_an_old_resource_version_conflicts(self, api):
        created = api.create("configmaps", {"metadata": {"name": "one"}})
        path = api.path("configmaps", "one")
        version = created["metadata"]["resourceVersion"]
        changes = {"metadata": {"resourceVersion": version}, "data": {"a": "1"}}
        assert api.patch(path, MERGE, changes).status_code == 200
        response = api.patch(path, MERGE, {**changes, "data": {"a": "2"}})
        assert (response.status_code, response.json()["reason"]) == (409, "Conflict")

    def test_of_a_missing_object_is_not_found(self, api):
        assert api.patch(api.path("configmaps", "one"), MERGE, {}).status_code == 404

    def test_cannot_rename(self, api):
        api.create("configmaps", {"metadata": {"name": "one"}})
        path = api.path("configmaps", "one")
        assert api.patch(path, MERGE, {"metadata": {"name": "two"}}).status_code == 400

    def test_replaces_lists(self, api):
        api.create(DEPLOYMENTS, deployment())
        containers = [{"name": "app", "image": "app:2"}]
        changes = {"spec": {"template": {"spec": {"containers": containers}}}}
        patched = api.patch(api.path(DEPLOYMENTS, "web"), MERGE, changes).json()
        names = [item["name"] for item in patched["spec"]["template"]["spec"]["containers"]]
        assert names == ["app"]

    def test_cannot_be_forced(self, api):
        api.create("configmaps", {"metadata": {"name": "one"}})
        response = api.patch(api.path("configmaps", "one"), MERGE, {}, force="true")
        assert response.status_code == 422


class TestJsonPatch:
    @pytest.fixture
    def path(self, api):
        item = {"metadata": {"name": "one", "annotations": {"a/b": "1"}}, "data": {"a": "1"}}
        api.create("configmaps", item)
        return api.path("configmaps", "one")

    def test_adds_replaces_and_removes(self, api, path):
        operations = [
            {"op": "test", "path": "/data/a", "value": "1"},
            {"op": "replace", "path": "/data/a", "value": "2"},
            {"op": "add", "path": "/data/b", "value": "3"},
            {"op": "remove", "path": "/metadata/annotations/a~1b"},
        ]
        patched = api.patch(path, JSON, operations)
        assert patched.status_code == 200
        assert patched.json()["data"] == {"a": "2", "b": "3"}
        assert "annotations" not in patched.json()["metadata"]

    def test_whose_test_fails_changes_nothing(self, api, path):
        operations = [
            {"op": "replace", "path": "/data/a", "value": "2"},
            {"op": "test", "path": "/data/a", "value": "1"},
        ]
        response = api.patch(path, JSON, operations)
        assert (response.status_code, response.json()["reason"]) == (422, "Invalid")
        assert api.get(path).json()["data"] == {"a": "1"}

    def test_of_a_missing_path_is_refused(self, api, path):
        response = api.patch(path, JSON, [{"op": "remove", "path": "/data/z"}])
        assert response.status_code == 422

    def test_that_is_no_list_is_refused(self, api, path):
        assert api.patch(path, JSON, {"data": {}}).status_code == 400


class TestStrategicPatch:
    @pytest.fixture
    def path(self, api):
        api.create(DEPLOYMENTS, deployment())
        return api.path(DEPLOYMENTS, "web")

    def containers(self, api, path, changes) -> list[dict]:
        patch = {"spec": {"template": {"spec": changes}}}
        response = api.patch(path, STRATEGIC, patch)
        assert response.status_code == 200, response.text
        return response.json()["spec"]["template"]["spec"]["containers"]

    def test_merges_containers_by_name(self, api, path):
        app, side = self.containers(api, path, {"containers": [{"name": "app", "image": "app:2"}]})
        assert (app["image"], side["image"]) == ("app:2", "side:1")
        assert [port["containerPort"] for port in app["ports"]] == [80, 81]

    def test_merges_variables_by_name(self, api, path):
        changes = {"name": "app", "env": [{"name": "B", "value": "9"}, {"name": "C"}]}
        app, _ = self.containers(api, path, {"containers": [changes]})
        assert {item["name"]: item.get("value") for item in app["env"]} == {
            "A": "1",
            "B": "9",
            "C": None,
        }

    def test_merges_ports_by_number(self, api, path):
        changes = {"name": "app", "ports": [{"containerPort": 81, "name": "admin"}]}
        app, _ = self.containers(api, path, {"containers": [changes]})
        named = {item["containerPort"]: item.get("name") for item in app["ports"]}
        assert named == {80: None, 81: "admin"}

    def test_deletes_an_item(self, api, path):
        changes = {"containers": [{"name": "side", "$patch": "delete"}]}
        assert [item["name"] for item in self.containers(api, path, changes)] == ["app"]

    def test_replaces_a_list(self, api, path):
        changes = {"containers": [{"$patch": "replace"}, {"name": "new", "image": "new:1"}]}
        assert [item["name"] for item in self.containers(api, path, changes)] == ["new"]

    def test_adds_to_lists(self, api, path):
        changes = {"containers": [{"name": "third", "image": "third:1"}]}
        names = {item["name"] for item in self.containers(api, path, changes)}
        assert names == {"app", "side", "third"}

    def test_orders_a_list(self, api, path):
        changes = {"$setElementOrder/containers": [{"name": "side"}, {"name": "app"}]}
        names = [item["name"] for item in self.containers(api, path, changes)]
        assert names == ["side", "app"]

    def test_retains_only_the_keys_named(self, api, path):
        changes = {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}
        response = api.patch(path, STRATEGIC, {"spec": changes})
        assert response.status_code == 200, response.text
        assert response.json()["spec"]["strategy"] == {"type": "Recreate"}

    def test_merges_finalizers_as_a_set(self, api, path):
        for name in ("a.dev/one", "a.dev/two"):
            api.patch(path, STRATEGIC, {"metadata": {"finalizers": [name]}})
        changes = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a.dev/one"]}}
        patched = api.patch(path, STRATEGIC, changes).json()
        assert patched["metadata"]["finalizers"] == ["a.dev/two"]
        api.patch(path, MERGE, {"metadata": {"finalizers": None}})

    def test_is_refused_for_custom_kinds(self, api, widgets):
        api.create(widgets.resource, widgets.widget())
        response = api.patch(api.path(widgets.resource, "one"), STRATEGIC, {})
        assert (response.status_code, response.json()["reason"]) == (415, "UnsupportedMediaType")


class TestGeneration:
    def test_starts_at_one_and_rises_with_the_spec_only(self, api, widgets):
        created = api.create(widgets.resource, widgets.widget())
        path = api.path(widgets.resource, "one")

        def generation(kind, changes, subresource="") -> int:
            response = api.patch(path + subresource, kind, changes)
            assert response.status_code == 200, response.text
            return response.json()["metadata"]["generation"]

        assert created["metadata"]["generation"] == 1
        assert generation(MERGE, {"metadata": {"annotations": {"a": "b"}}}) == 1
        assert generation(MERGE, {"status": {"phase": "x"}}, "/status") == 1
        assert generation(MERGE, {"spec": {"size": 4}}) == 2
        assert generation(MERGE, {"spec": {"size": 4}}) == 2

    def test_of_a_deployment_rises_with_its_annotations_too(self, api):
        api.create(DEPLOYMENTS, deployment(paused=True))
        path = api.path(DEPLOYMENTS, "web")
        before = api.get(path).json()["metadata"]["generation"]
        labelled = api.patch(path, MERGE, {"metadata": {"labels": {"a": "b"}}}).json()
        assert labelled["metadata"]["generation"] == before
        annotated = api.patch(path, MERGE, {"metadata": {"annotations": {"a": "b"}}}).json()
        assert annotated["metadata"]["generation"] == before + 1

    def test_cannot_be_set(self, api, widgets):
        item = widgets.widget()
        item["metadata"]["generation"] = 7
        assert api.create(widgets.resource, item)["metadata"]["generation"] == 1

    def test_is_unknown_to_config_maps(self, api):
        created = api.create("configmaps", {"metadata": {"name": "one"}})
        assert "generation" not in created["metadata"]


class TestStatus:
    def test_is_ignored_by_writes_of_the_object(self, api, widgets):
        item = {**widgets.widget(), "status": {"phase": "mine"}}
        assert "status" not in api.create(widgets.resource, item)
        path = api.path(widgets.resource, "one")
        patched = api.patch(path, MERGE, {"status": {"phase": "mine"}}).json()
        assert "status" not in patched

    def test_writes_nothing_else(self, api, widgets):
        api.create(widgets.resource, widgets.widget())
        path = api.path(widgets.resource, "one") + "/status"
        changes = {
            "metadata": {"labels": {"a": "b"}},
            "spec": {"size": 9},
            "status": {"phase": "ok"},
        }
        patched = api.patch(path, MERGE, changes).json()
        assert patched["status"] == {"phase": "ok"}
        assert patched["spec"]["size"] == 3
        assert "labels" not in patched["metadata"]

    def test_is_kept_by_a_replace_of_the_object(self, api, widgets):
        api.create(widgets.resource, widgets.widget())
        path = api.path(widgets.resource, "one")
        current = api.patch(path + "/status", MERGE, {"status": {"phase": "ok"}}).json()
        del current["status"]
        current["spec"]["size"] = 5
        replaced = api.put(path, current).json()
        assert replaced["status"] == {"phase": "ok"}

    def test_is_replaced_with_a_resource_version(self, api, widgets):
        created = api.create(widgets.resource, widgets.widget())
        path = api.path(widgets.resource, "one") + "/status"
        written = api.put(path, {**created, "status": {"phase": "a"}})
        assert (written.status_code, written.json()["status"]) == (200, {"phase": "a"})
        stale = api.put(path, {**created, "status": {"phase": "b"}})
        assert stale.status_code == 409

    def test_of_a_built_in_kind_keeps_the_spec(self, api):
        api.create(DEPLOYMENTS, deployment(paused=True))
        path = api.path(DEPLOYMENTS, "web")
        changes = {"spec": {"replicas": 5}, "status": {"collisionCount": 3}}
        response = api.patch(path + "/status", MERGE, changes)
        assert response.status_code == 200, response.text
        assert response.json()["spec"]["replicas"] == 0
        assert response.json()["status"]["collisionCount"] == 3

    def test_of_a_kind_without_one_is_404(self, api):
        api.create("configmaps", {"metadata": {"name": "one"}})
        response = api.patch(api.path("configmaps", "one") + "/status", MERGE, {})
        assert response.status_code == 404


class TestScale:
    def test_shows_replicas_and_selector(self, api):
        api.create(DEPLOYMENTS, deployment(paused=True))
        scale = api.get(api.path(DEPLOYMENTS, "web") + "/scale").json()
        assert (scale["kind"], scale["apiVersion"]) == ("Scale", "autoscaling/v1")
        assert scale["spec"] == {}
        assert scale["status"]["selector"] == "app=web"
        assert scale["metadata"]["name"] == "web"

    def test_sets_replicas(self, api):
        api.create(DEPLOYMENTS, deployment(paused=True))
        path = api.path(DEPLOYMENTS, "web")
        response = api.patch(path + "/scale", MERGE, {"spec": {"replicas": 2}})
        assert (response.status_code, response.json()["spec"]) == (200, {"replicas": 2})
        assert api.get(path).json()["spec"]["replicas"] == 2

    def test_is_replaced_with_a_resource_version(self, api):
        api.create(DEPLOYMENTS, deployment(paused=True))
        path = api.path(DEPLOYMENTS, "web") + "/scale"
        scale = api.get(path).json()
        scale["metadata"]["resourceVersion"] = "1"
        scale["spec"] = {"replicas": 3}
        assert api.put(path, scale).status_code == 409
        del scale["metadata"]["resourceVersion"]
        response = api.put(path, scale)
        assert (response.status_code, response.json()["spec"]) == (200, {"replicas": 3})

    def test_refuses_negative_replicas(self, api):
        api.create(DEPLOYMENTS, deployment(paused=True))
        path = api.path(DEPLOYMENTS, "web") + "/scale"
        assert api.patch(path, MERGE, {"spec": {"replicas": -1}}).status_code == 422

    def test_of_a_custom_kind_follows_its_paths(self, api, widgets):
        api.create(widgets.resource, widgets.widget(replicas=4))
        path = api.path(widgets.resource, "one")
        status = {"status": {"replicas": 2, "selector": "a=b"}}
        api.patch(path + "/status", MERGE, status)
        scale = api.get(path + "/scale").json()
        assert scale["spec"] == {"replicas": 4}
        assert scale["status"] == {"replicas": 2, "selector": "a=b"}
        api.patch(path + "/scale", MERGE, {"spec": {"replicas": 7}})
        assert api.get(path).json()["spec"]["replicas"] == 7
