"""Creating, replacing and deleting objects."""

import secrets

import pytest

CONFIG_MAPS = "configmaps"


def config_map(name: str = "one", **data: str) -> dict:
    return {"metadata": {"name": name}, "data": data or {"a": "1"}}


class TestCreate:
    def test_sets_identity_and_version(self, api):
        created = api.create(CONFIG_MAPS, config_map())
        metadata = created["metadata"]
        assert (created["kind"], created["apiVersion"]) == ("ConfigMap", "v1")
        assert metadata["namespace"] == api.namespace
        assert len(metadata["uid"]) == 36
        assert int(metadata["resourceVersion"]) > 0
        assert metadata["creationTimestamp"].endswith("Z")

    def test_generates_a_name(self, api):
        item = {"metadata": {"generateName": "gen-"}}
        names = {api.create(CONFIG_MAPS, item)["metadata"]["name"] for _ in range(3)}
        assert len(names) == 3
        assert all(name.startswith("gen-") and len(name) == 9 for name in names)

    def test_refuses_a_taken_name(self, api):
        api.create(CONFIG_MAPS, config_map())
        response = api.post(api.path(CONFIG_MAPS), config_map())
        status = response.json()
        assert (response.status_code, status["reason"]) == (409, "AlreadyExists")
        assert status["message"] == 'configmaps "one" already exists'
        assert status["details"] == {"name": "one", "kind": "configmaps"}

    def test_refuses_a_missing_namespace(self, api):
        response = api.post(api.path(CONFIG_MAPS, namespace="is-missing"), config_map())
        assert (response.status_code, response.json()["reason"]) == (404, "NotFound")
        assert response.json()["message"] == 'namespaces "is-missing" not found'

    def test_refuses_another_namespace_than_the_path_names(self, api):
        item = {"metadata": {"name": "one", "namespace": "default"}}
        response = api.post(api.path(CONFIG_MAPS), item)
        assert (response.status_code, response.json()["reason"]) == (400, "BadRequest")

    @pytest.mark.parametrize("name", ["UPPER", "under_score", "-dash", "a" * 254])
    def test_refuses_a_malformed_name(self, api, name):
        response = api.post(api.path(CONFIG_MAPS), config_map(name))
        assert (response.status_code, response.json()["reason"]) == (422, "Invalid")
        assert response.json()["details"]["causes"][0]["field"] == "metadata.name"

    def test_refuses_an_object_without_a_name(self, api):
        response = api.post(api.path(CONFIG_MAPS), {"metadata": {}})
        assert response.status_code == 422
        assert "name or generateName is required" in response.json()["message"]

    def test_refuses_a_malformed_label(self, api):
        item = {"metadata": {"name": "one", "labels": {"a": "not valid"}}}
        response = api.post(api.path(CONFIG_MAPS), item)
        assert response.status_code == 422
        assert response.json()["details"]["causes"][0]["field"] == "metadata.labels"

    def test_refuses_a_kind_of_another_path(self, api):
        item = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "one"}}
        assert api.post(api.path(CONFIG_MAPS), item).status_code == 400

    def test_refuses_a_body_that_is_not_json(self, api):
        response = api.client.post(
            api.path(CONFIG_MAPS), content=b"{", headers={"Content-Type": "application/json"}
        )
        assert (response.status_code, response.json()["reason"]) == (400, "BadRequest")

    def test_takes_yaml(self, api):
        response = api.client.post(
            api.path(CONFIG_MAPS),
            content=b"metadata:\n  name: one\ndata:\n  when: '2026-01-01'\n",
            headers={"Content-Type": "application/yaml"},
        )
        assert response.status_code == 201
        assert response.json()["data"] == {"when": "2026-01-01"}

    def test_stores_nothing_in_a_dry_run(self, api):
        created = api.create(CONFIG_MAPS, config_map(), dryRun="All")
        assert created["metadata"]["uid"]
        assert api.get(api.path(CONFIG_MAPS, "one")).status_code == 404

    def test_refuses_an_unknown_dry_run(self, api):
        response = api.post(api.path(CONFIG_MAPS), config_map(), dryRun="Some")
        assert response.status_code == 422
        assert "dryRun" in response.json()["message"]

    def test_ignores_what_only_the_server_sets(self, api):
        item = config_map()
        item["metadata"] |= {"uid": "mine", "creationTimestamp": "2001-01-01T00:00:00Z"}
        metadata = api.create(CONFIG_MAPS, item)["metadata"]
        assert metadata["uid"] != "mine"
        assert not metadata["creationTimestamp"].startswith("2001")

    def test_refuses_too_long_annotations(self, api):
        item = {"metadata": {"name": "one", "annotations": {"a": "x" * 300_000}}}
        response = api.post(api.path(CONFIG_MAPS), item)
        assert response.status_code == 422
        assert "metadata.annotations: Too long" in response.json()["message"]


class TestUnknownFields:
    def deployment(self) -> dict:
        return {
            "metadata": {"name": "web"},
            "spec": {
                "selector": {"matchLabels": {"a": "b"}},
                "unknown": 1,
                "template": {
                    "metadata": {"labels": {"a": "b"}},
                    "spec": {"containers": [{"name": "c", "image": "i", "other": True}]},
                },
            },
        }

    def test_are_dropped_with_a_warning(self, api):
        response = api.post(api.path("apps/v1/deployments"), self.deployment())
        assert response.status_code == 201
        assert "unknown" not in response.json()["spec"]
        assert response.headers.get_list("Warning") == [
            '299 - "unknown field \\"spec.unknown\\""',
            '299 - "unknown field \\"spec.template.spec.containers[0].other\\""',
        ]

    def test_are_refused_under_strict_validation(self, api):
        path = api.path("apps/v1/deployments")
        response = api.post(path, self.deployment(), fieldValidation="Strict")
        assert (response.status_code, response.json()["reason"]) == (400, "BadRequest")
        assert 'strict decoding error: unknown field "spec' in response.json()["message"]

    def test_are_dropped_in_silence_when_ignored(self, api):
        path = api.path("apps/v1/deployments")
        response = api.post(path, self.deployment(), fieldValidation="Ignore")
        assert response.status_code == 201
        assert "Warning" not in response.headers

    def test_of_a_wrong_type_are_refused(self, api):
        item = self.deployment()
        item["spec"]["replicas"] = "three"
        response = api.post(api.path("apps/v1/deployments"), item)
        assert (response.status_code, response.json()["reason"]) == (400, "BadRequest")
        assert "cannot unmarshal string into Go struct field" in response.json()["message"]


class TestReplace:
    def test_raises_the_resource_version(self, api):
        created = api.create(CONFIG_MAPS, config_map())
        created["data"]["a"] = "2"
        response = api.put(api.path(CONFIG_MAPS, "one"), created)
        assert response.status_code == 200
        replaced = response.json()
        assert replaced["data"] == {"a": "2"}
        before, after = (int(i["metadata"]["resourceVersion"]) for i in (created, replaced))
        assert after > before
        assert replaced["metadata"]["uid"] == created["metadata"]["uid"]

    def test_refuses_an_old_resource_version(self, api):
        created = api.create(CONFIG_MAPS, config_map())
        path = api.path(CONFIG_MAPS, "one")
        assert api.put(path, {**created, "data": {"a": "2"}}).status_code == 200
        response = api.put(path, {**created, "data": {"a": "3"}})
        assert (response.status_code, response.json()["reason"]) == (409, "Conflict")
        assert response.json()["message"] == (
            'Operation cannot be fulfilled on configmaps "one": the object has been modified;'
            " please apply your changes to the latest version and try again"
        )

    def test_without_change_keeps_the_resource_version(self, api):
        created = api.create(CONFIG_MAPS, config_map())
        replaced = api.put(api.path(CONFIG_MAPS, "one"), created).json()
        assert replaced["metadata"]["resourceVersion"] == created["metadata"]["resourceVersion"]

    def test_without_resource_version_is_unconditional_for_built_in_kinds(self, api):
        api.create(CONFIG_MAPS, config_map())
        response = api.put(api.path(CONFIG_MAPS, "one"), config_map(b="2"))
        assert response.status_code == 200
        assert response.json()["data"] == {"b": "2"}

    def test_without_resource_version_is_refused_for_custom_kinds(self, api, widgets):
        api.create(widgets.resource, widgets.widget())
        response = api.put(api.path(widgets.resource, "one"), widgets.widget(size=4))
        assert response.status_code == 422
        assert "metadata.resourceVersion" in response.json()["message"]

    def test_of_a_missing_object_is_not_found(self, api):
        response = api.put(api.path(CONFIG_MAPS, "one"), config_map())
        assert (response.status_code, response.json()["reason"]) == (404, "NotFound")
        assert response.json()["message"] == 'configmaps "one" not found'

    def test_creates_a_missing_lease(self, api):
        item = {"metadata": {"name": "one"}, "spec": {"holderIdentity": "me"}}
        response = api.put(api.path("coordination.k8s.io/v1/leases", "one"), item)
        assert response.status_code == 201

    def test_refuses_another_name_than_the_path_names(self, api):
        api.create(CONFIG_MAPS, config_map())
        response = api.put(api.path(CONFIG_MAPS, "one"), config_map("two"))
        assert response.status_code == 400
        assert response.json()["message"] == (
            "the name of the object (two) does not match the name on the URL (one)"
        )

    def test_refuses_another_uid(self, api):
        created = api.create(CONFIG_MAPS, config_map())
        created["metadata"]["uid"] = "00000000-0000-0000-0000-000000000000"
        response = api.put(api.path(CONFIG_MAPS, "one"), created)
        assert (response.status_code, response.json()["reason"]) == (409, "Conflict")

    def test_refuses_to_change_an_immutable_object(self, api):
        api.create(CONFIG_MAPS, {**config_map(), "immutable": True})
        response = api.put(api.path(CONFIG_MAPS, "one"), {**config_map(a="2"), "immutable": True})
        assert response.status_code == 422
        assert response.json()["details"]["causes"][0]["field"] == "data"


class TestDelete:
    def test_answers_with_a_status_that_names_the_object(self, api):
        created = api.create(CONFIG_MAPS, config_map())
        response = api.delete(api.path(CONFIG_MAPS, "one"))
        status = response.json()
        assert (response.status_code, status["status"]) == (200, "Success")
        assert status["details"] == {
            "name": "one",
            "kind": "configmaps",
            "uid": created["metadata"]["uid"],
        }
        assert api.get(api.path(CONFIG_MAPS, "one")).status_code == 404

    def test_of_a_missing_object_is_not_found(self, api):
        assert api.delete(api.path(CONFIG_MAPS, "one")).status_code == 404

    @pytest.mark.parametrize(
        "preconditions",
        [{"uid": "00000000-0000-0000-0000-000000000000"}, {"resourceVersion": "1"}],
    )
    def test_refuses_unmet_preconditions(self, api, preconditions):
        api.create(CONFIG_MAPS, config_map())
        response = api.delete(api.path(CONFIG_MAPS, "one"), {"preconditions": preconditions})
        assert (response.status_code, response.json()["reason"]) == (409, "Conflict")
        assert "in the precondition" in response.json()["message"]

    def test_with_met_preconditions_deletes(self, api):
        metadata = api.create(CONFIG_MAPS, config_map())["metadata"]
        preconditions = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}
        response = api.delete(api.path(CONFIG_MAPS, "one"), {"preconditions": preconditions})
        assert response.status_code == 200

    def test_of_a_collection_deletes_what_is_selected(self, api):
        for name, color in (("one", "red"), ("two", "red"), ("three", "blue")):
            item = {"metadata": {"name": name, "labels": {"color": color}}}
            api.create(CONFIG_MAPS, item)
        response = api.delete(api.path(CONFIG_MAPS), labelSelector="color=red")
        assert response.status_code == 200
        left = api.get(api.path(CONFIG_MAPS), labelSelector="color").json()["items"]
        assert [item["metadata"]["name"] for item in left] == ["three"]

    def test_in_a_dry_run_deletes_nothing(self, api):
        api.create(CONFIG_MAPS, config_map())
        assert api.delete(api.path(CONFIG_MAPS, "one"), dryRun="All").status_code == 200
        assert api.read(CONFIG_MAPS, "one")


class TestPaths:
    def test_an_unknown_group_is_plain_404(self, api):
        response = api.get("/apis/nobody.example.com/v1/things")
        assert response.status_code == 404
        assert response.text == "404 page not found\n"

    def test_an_unknown_resource_of_a_known_group_is_404(self, api):
        assert api.get("/apis/apps/v1/things").status_code == 404

    def test_posting_to_a_name_is_not_allowed(self, api):
        response = api.post(api.path(CONFIG_MAPS, "one"), config_map())
        assert (response.status_code, response.json()["reason"]) == (405, "MethodNotAllowed")

    def test_an_unknown_content_type_is_415(self, api):
        response = api.client.post(
            api.path(CONFIG_MAPS), content=b"x", headers={"Content-Type": "text/csv"}
        )
        assert (response.status_code, response.json()["reason"]) == (415, "UnsupportedMediaType")

    def test_an_unknown_patch_type_is_415(self, api):
        api.create(CONFIG_MAPS, config_map())
        response = api.patch(api.path(CONFIG_MAPS, "one"), "application/json", {})
        assert (response.status_code, response.json()["reason"]) == (415, "UnsupportedMediaType")

    def test_an_answer_that_cannot_be_made_is_406(self, api):
        response = api.get(api.path(CONFIG_MAPS), accept="text/csv")
        assert response.status_code == 406

    @pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz"])
    def test_health_is_reported(self, api, path):
        response = api.get(path)
        assert (response.status_code, response.text) == (200, "ok")


class TestNamespaces:
    def test_default_ones_exist(self, api):
        items = api.get("/api/v1/namespaces").json()["items"]
        assert {"default", "kube-system"} <= {item["metadata"]["name"] for item in items}

    def test_are_active_and_labelled_with_their_name(self, api):
        namespace = api.get(f"/api/v1/namespaces/{api.namespace}").json()
        assert namespace["status"] == {"phase": "Active"}
        assert namespace["spec"] == {"finalizers": ["kubernetes"]}
        labels = namespace["metadata"]["labels"]
        assert labels["kubernetes.io/metadata.name"] == api.namespace

    def test_are_emptied_and_removed(self, api, conformance):
        name = f"conformance-{secrets.token_hex(4)}"
        api.post("/api/v1/namespaces", {"metadata": {"name": name}})
        held = config_map("held")
        held["metadata"]["finalizers"] = ["tidegate.dev/hold"]
        api.post(api.path(CONFIG_MAPS, namespace=name), held)
        deleted = api.delete(f"/api/v1/namespaces/{name}")
        assert deleted.json()["status"]["phase"] == "Terminating"
        response = api.post(api.path(CONFIG_MAPS, namespace=name), config_map())
        assert (response.status_code, response.json()["reason"]) == (403, "Forbidden")
        assert response.json()["details"]["causes"][0]["reason"] == "NamespaceTerminating"
        path = api.path(CONFIG_MAPS, "held", namespace=name)
        conformance.eventually(
            lambda: api.get(path).json()["metadata"].get("deletionTimestamp"),
            "what is in the namespace is deleted",
        )
        api.patch(path, "application/merge-patch+json", {"metadata": {"finalizers": None}})
        conformance.eventually(
            lambda: api.get(f"/api/v1/namespaces/{name}").status_code == 404,
            "the namespace is gone",
        )
