"""Discovery, schemas, and the forms in which objects are shown."""

import pytest
import yaml

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
PARTIAL = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
PARTIAL_LIST = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"


class TestDiscovery:
    def test_tells_the_version(self, api):
        version = api.get("/version").json()
        assert version["major"] == "1"
        assert version["gitVersion"].startswith(f"v1.{version['minor']}.")

    def test_lists_versions_and_groups(self, api):
        assert api.get("/api").json()["versions"] == ["v1"]
        groups = {group["name"]: group for group in api.get("/apis").json()["groups"]}
        assert {"apps", "autoscaling", "coordination.k8s.io"} <= set(groups)
        assert groups["apps"]["preferredVersion"]["groupVersion"] == "apps/v1"

    @pytest.mark.parametrize(
        ("path", "resource", "expected"),
        [
            (
                "/api/v1",
                "pods",
                {"kind": "Pod", "namespaced": True, "shortNames": ["po"], "singularName": "pod"},
            ),
            ("/api/v1", "namespaces", {"kind": "Namespace", "namespaced": False}),
            ("/api/v1", "pods/status", {"kind": "Pod", "verbs": ["get", "patch", "update"]}),
            (
                "/apis/apps/v1",
                "deployments/scale",
                {"kind": "Scale", "group": "autoscaling", "version": "v1"},
            ),
            ("/apis/apps/v1", "deployments", {"categories": ["all"]}),
            ("/apis/authorization.k8s.io/v1", "selfsubjectaccessreviews", {"verbs": ["create"]}),
        ],
    )
    def test_lists_resources(self, api, path, resource, expected):
        listed = api.get(path).json()["resources"]
        found = next(item for item in listed if item["name"] == resource)
        assert expected.items() <= found.items()

    def test_of_an_object_resource_lists_its_verbs(self, api):
        listed = api.get("/api/v1").json()["resources"]
        found = next(item for item in listed if item["name"] == "configmaps")
        assert sorted(found["verbs"]) == [
            "create",
            "delete",
            "deletecollection",
            "get",
            "list",
            "patch",
            "update",
            "watch",
        ]

    def test_in_one_document(self, api, widgets, conformance):
        def resources() -> dict:
            response = api.get("/apis", accept=f"{AGGREGATED},application/json")
            document = response.json()
            assert document["kind"] == "APIGroupDiscoveryList"
            assert document["apiVersion"] == "apidiscovery.k8s.io/v2"
            groups = {item["metadata"]["name"]: item for item in document["items"]}
            assert groups["apps"]["versions"][0]["version"] == "v1"
            if widgets.group not in groups:
                return {}
            return groups[widgets.group]["versions"][0]["resources"][0]

        found = conformance.eventually(resources, "the custom kind is in aggregated discovery")
        assert found["resource"] == "widgets"
        assert found["responseKind"]["kind"] == "Widget"
        assert found["scope"] == "Namespaced"
        assert {item["subresource"] for item in found["subresources"]} == {"status", "scale"}

    def test_of_the_core_in_one_document(self, api):
        document = api.get("/api", accept=AGGREGATED).json()
        [core] = document["items"]
        names = {item["resource"] for item in core["versions"][0]["resources"]}
        assert {"pods", "services", "configmaps"} <= names

    def test_of_an_unknown_group_is_404(self, api):
        assert api.get("/apis/nobody.example.com").status_code == 404


class TestSchemas:
    def test_are_indexed_by_group_and_version(self, api):
        paths = api.get("/openapi/v3").json()["paths"]
        assert {"api/v1", "apis/apps/v1"} <= set(paths)
        assert paths["api/v1"]["serverRelativeURL"].startswith("/openapi/v3/api/v1?hash=")

    def test_of_custom_kinds_have_their_fields(self, api, widgets):
        document = api.get(f"/openapi/v3/apis/{widgets.group}/v1").json()
        schemas = document["components"]["schemas"]
        [schema] = [
            schema
            for schema in schemas.values()
            if {"group": widgets.group, "version": "v1", "kind": "Widget"}
            in schema.get("x-kubernetes-group-version-kind", [])
        ]
        assert schema["properties"]["spec"]["properties"]["size"]["maximum"] == 100

    @pytest.mark.parametrize(
        ("accept", "status", "begins"),
        [
            ("application/json", 200, b'{"swagger":"2.0"'),
            ("*/*", 200, b'{"swagger":"2.0"'),
            ("application/com.github.proto-openapi.spec.v2@v1.0+protobuf", 200, b"\n\x032.0"),
            ("application/com.github.proto-openapi.spec.v2.v1.0+protobuf", 200, b"\n\x032.0"),
            ("application/vnd.kubernetes.protobuf", 406, b""),
        ],
    )
    def test_in_version_2_come_in_the_form_asked_for(self, api, accept, status, begins):
        response = api.get("/openapi/v2", accept=accept)
        assert response.status_code == status
        assert response.content.startswith(begins)

    def test_tell_that_patches_are_validated(self, api, widgets):
        document = api.get(f"/openapi/v3/apis/{widgets.group}/v1").json()
        path = f"/apis/{widgets.group}/v1/namespaces/{{namespace}}/widgets/{{name}}"
        patch = document["paths"][path]["patch"]
        assert "fieldValidation" in {item["name"] for item in patch["parameters"]}
        assert patch["x-kubernetes-group-version-kind"]["kind"] == "Widget"


class TestTables:
    def test_of_custom_kinds_have_their_printer_columns(self, api, widgets):
        api.create(widgets.resource, widgets.widget(color="white"))
        path = api.path(widgets.resource, "one") + "/status"
        status = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
        api.patch(path, "application/merge-patch+json", status)
        table = api.get(api.path(widgets.resource), accept=TABLE).json()
        assert (table["kind"], table["apiVersion"]) == ("Table", "meta.k8s.io/v1")
        columns = table["columnDefinitions"]
        assert [item["name"] for item in columns] == ["Name", "Size", "Ready", "Color", "Age"]
        assert [item["priority"] for item in columns] == [0, 0, 0, 1, 0]
        [row] = table["rows"]
        assert row["cells"][:4] == ["one", 3, "True", "white"]
        assert row["cells"][4].endswith("s")
        assert row["object"]["kind"] == "PartialObjectMetadata"

    def test_show_nothing_where_there_is_nothing(self, api, widgets):
        api.create(widgets.resource, widgets.widget())
        table = api.get(api.path(widgets.resource, "one"), accept=TABLE).json()
        assert table["rows"][0]["cells"][2] in {None, ""}

    @pytest.mark.parametrize(("include", "kind"), [("Object", "ConfigMap"), ("None", None)])
    def test_include_as_much_as_asked_for(self, api, include, kind):
        api.create("configmaps", {"metadata": {"name": "one"}, "data": {"a": "1"}})
        path = api.path("configmaps", "one")
        [row] = api.get(path, accept=TABLE, includeObject=include).json()["rows"]
        assert row["cells"][:2] == ["one", 1]
        assert (row.get("object") or {}).get("kind") == kind

    @pytest.mark.parametrize(
        ("resource", "names"),
        [
            ("apps/v1/deployments", ["Name", "Ready", "Up-to-date", "Available", "Age"]),
            ("apps/v1/replicasets", ["Name", "Desired", "Current", "Ready", "Age"]),
            ("pods", ["Name", "Ready", "Status", "Restarts", "Age"]),
            ("services", ["Name", "Type", "Cluster-IP", "External-IP", "Port(s)", "Age"]),
            ("events", ["Last Seen", "Type", "Reason", "Object", "Message"]),
            ("coordination.k8s.io/v1/leases", ["Name", "Holder", "Age"]),
            (
                "discovery.k8s.io/v1/endpointslices",
                ["Name", "AddressType", "Ports", "Endpoints", "Age"],
            ),
            (
                "autoscaling/v2/horizontalpodautoscalers",
                ["Name", "Reference", "Targets", "MinPods", "MaxPods", "Replicas", "Age"],
            ),
        ],
    )
    def test_of_built_in_kinds_have_their_columns(self, api, resource, names):
        columns = api.get(api.path(resource), accept=TABLE).json()["columnDefinitions"]
        assert [item["name"] for item in columns if not item["priority"]] == names


class TestForms:
    def test_metadata_alone(self, api):
        api.create("configmaps", {"metadata": {"name": "one"}, "data": {"a": "1"}})
        item = api.get(api.path("configmaps", "one"), accept=PARTIAL).json()
        assert (item["kind"], item["apiVersion"]) == ("PartialObjectMetadata", "meta.k8s.io/v1")
        assert "data" not in item
        assert item["metadata"]["name"] == "one"

    def test_a_list_of_metadata(self, api):
        api.create("secrets", {"metadata": {"name": "one"}, "stringData": {"a": "1"}})
        listed = api.get(api.path("secrets"), accept=PARTIAL_LIST).json()
        assert listed["kind"] == "PartialObjectMetadataList"
        assert [item["metadata"]["name"] for item in listed["items"]] == ["one"]
        assert "data" not in listed["items"][0]

    def test_yaml(self, api):
        api.create("configmaps", {"metadata": {"name": "one"}, "data": {"a": "1"}})
        response = api.get(api.path("configmaps", "one"), accept="application/yaml")
        assert response.headers["Content-Type"].startswith("application/yaml")
        assert yaml.safe_load(response.text)["data"] == {"a": "1"}

    def test_the_first_that_can_be_made(self, api):
        accept = f"text/csv;as=Table,{TABLE},application/json"
        assert api.get(api.path("configmaps"), accept=accept).json()["kind"] == "Table"
