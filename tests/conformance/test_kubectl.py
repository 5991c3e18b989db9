"""The real `kubectl` binary, as people use it."""

import json

import pytest
import yaml

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {app: web}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: app
        image: app:1
        env:
        - {name: A, value: "1"}
        - {name: B, value: "2"}
        ports:
        - containerPort: 80
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports:
  - {name: http, port: 80}
"""


class TestApply:
    def test_creates_changes_and_leaves_alone(self, api, kubectl):
        created = kubectl("apply", "-f", "-", given=DEPLOYMENT)
        assert "deployment.apps/web created" in created
        assert "service/web created" in created
        again = kubectl("apply", "-f", "-", given=DEPLOYMENT)
        assert "deployment.apps/web unchanged" in again
        assert "service/web unchanged" in again
        changed = DEPLOYMENT.replace("app:1", "app:2").replace(
            '        - {name: A, value: "1"}\n', ""
        )
        assert "deployment.apps/web configured" in kubectl("apply", "-f", "-", given=changed)
        spec = api.read("apps/v1/deployments", "web")["spec"]["template"]["spec"]
        [container] = spec["containers"]
        assert container["image"] == "app:2"
        assert container["env"] == [{"name": "B", "value": "2"}]

    def test_refuses_unknown_fields(self, kubectl):
        wrong = DEPLOYMENT.replace("replicas: 0", "replica: 0")
        said = kubectl("apply", "-f", "-", given=wrong, fails=True)
        assert 'unknown field "spec.replica"' in said

    @pytest.mark.parametrize(
        "command", ["apply", "apply --server-side", "create", "delete", "diff", "replace"]
    )
    def test_says_that_a_kind_is_not_served(self, kubectl, command):
        unknown = "{apiVersion: example.com/v1, kind: Gadget, metadata: {name: one}}"
        said = kubectl(*command.split(), "-f", "-", given=unknown, fails=True)
        assert 'no matches for kind "Gadget" in version "example.com/v1"' in said

    def test_on_the_server(self, api, kubectl):
        said = kubectl("apply", "--server-side", "-f", "-", given=DEPLOYMENT)
        assert "deployment.apps/web serverside-applied" in said
        managers = api.read("apps/v1/deployments", "web")["metadata"]["managedFields"]
        assert ("kubectl", "Apply") in {(item["manager"], item["operation"]) for item in managers}

    def test_on_the_server_conflicts(self, kubectl):
        kubectl("apply", "--server-side", "-f", "-", given=DEPLOYMENT)
        changed = DEPLOYMENT.replace("app:1", "app:2")
        other = ("apply", "--server-side", "--field-manager=other", "-f", "-")
        said = kubectl(*other, given=changed, fails=True)
        assert "conflict with" in said
        kubectl(*other, "--force-conflicts", given=changed)

    def test_of_a_custom_kind(self, api, kubectl, widgets):
        manifest = yaml.safe_dump(widgets.widget(steps=[1, 2]))
        assert "created" in kubectl("apply", "-f", "-", given=manifest)
        assert "unchanged" in kubectl("apply", "-f", "-", given=manifest)
        changed = yaml.safe_dump(widgets.widget(size=5))
        assert "configured" in kubectl("apply", "-f", "-", given=changed)
        spec = api.read(widgets.resource, "one")["spec"]
        assert (spec["size"], "steps" in spec) == (5, False)

    def test_shows_the_difference(self, kubectl):
        kubectl("apply", "-f", "-", given=DEPLOYMENT)
        changed = DEPLOYMENT.replace("app:1", "app:2")
        said = kubectl("diff", "-f", "-", given=changed, fails=True)
        assert "image: app:2" in said


class TestGet:
    def test_shows_the_columns_of_a_custom_kind(self, kubectl, widgets):
        kubectl("apply", "-f", "-", given=yaml.safe_dump(widgets.widget(color="white")))
        header, row = kubectl("get", "wg").splitlines()
        assert header.split() == ["NAME", "SIZE", "READY", "AGE"]
        assert row.split()[:2] == ["one", "3"]
        header, row = kubectl("get", "widgets", "-o", "wide").splitlines()
        assert header.split() == ["NAME", "SIZE", "READY", "COLOR", "AGE"]
        assert "white" in row.split()

    def test_prints_yaml_and_json(self, kubectl, widgets):
        kubectl("apply", "-f", "-", given=yaml.safe_dump(widgets.widget()))
        assert yaml.safe_load(kubectl("get", "wg", "one", "-o", "yaml"))["spec"]["size"] == 3
        assert json.loads(kubectl("get", "wg", "-o", "json"))["items"][0]["spec"]["size"] == 3
        assert kubectl("get", "wg", "one", "-o", "jsonpath={.spec.color}") == "red"

    def test_shows_deployments_and_services(self, kubectl):
        kubectl("apply", "-f", "-", given=DEPLOYMENT)
        said = kubectl("get", "deployments,services", "-o", "wide")
        assert "deployment.apps/web" in said
        assert "0/0" in said
        assert "80/TCP" in said

    def test_knows_categories(self, kubectl, widgets):
        kubectl("apply", "-f", "-", given=yaml.safe_dump(widgets.widget()))
        assert "one" in kubectl("get", "gadgets")

    def test_says_what_is_not_there(self, kubectl):
        said = kubectl("get", "configmap", "nobody", fails=True)
        assert 'Error from server (NotFound): configmaps "nobody" not found' in said

    def test_says_that_a_kind_is_not_served(self, kubectl):
        assert "the server doesn't have a resource type" in kubectl("get", "nonsense", fails=True)

    def test_lists_kinds(self, kubectl, widgets):
        said = kubectl("api-resources")
        assert "deployments" in said
        assert f"{widgets.group}/v1" in said


class TestChange:
    def test_annotates_and_labels(self, api, kubectl):
        kubectl("create", "configmap", "one", "--from-literal=a=1")
        kubectl("annotate", "configmap", "one", "tidegate.dev/approve=yes")
        kubectl("label", "configmap", "one", "color=red")
        metadata = api.read("configmaps", "one")["metadata"]
        assert metadata["annotations"] == {"tidegate.dev/approve": "yes"}
        assert metadata["labels"] == {"color": "red"}
        kubectl("annotate", "configmap", "one", "tidegate.dev/approve-")
        assert "annotations" not in api.read("configmaps", "one")["metadata"]

    @pytest.mark.parametrize(
        ("kind", "patch"),
        [
            ("merge", '{"data":{"a":"2"}}'),
            ("strategic", '{"data":{"a":"2"}}'),
            ("json", '[{"op":"replace","path":"/data/a","value":"2"}]'),
        ],
    )
    def test_patches(self, api, kubectl, kind, patch):
        kubectl("create", "configmap", "one", "--from-literal=a=1")
        kubectl("patch", "configmap", "one", f"--type={kind}", "-p", patch)
        assert api.read("configmaps", "one")["data"] == {"a": "2"}

    def test_patches_the_status_of_a_custom_kind(self, api, kubectl, widgets):
        kubectl("apply", "-f", "-", given=yaml.safe_dump(widgets.widget()))
        patch = '{"status":{"phase":"ok"}}'
        kubectl("patch", "wg", "one", "--subresource=status", "--type=merge", "-p", patch)
        assert api.read(widgets.resource, "one")["status"] == {"phase": "ok"}

    def test_scales(self, api, kubectl, widgets):
        kubectl("apply", "-f", "-", given=DEPLOYMENT.replace("replicas: 0", "paused: true"))
        kubectl("scale", "deployment", "web", "--replicas=3")
        assert api.read("apps/v1/deployments", "web")["spec"]["replicas"] == 3
        kubectl("apply", "-f", "-", given=yaml.safe_dump(widgets.widget()))
        kubectl("scale", "wg", "one", "--replicas=4")
        assert api.read(widgets.resource, "one")["spec"]["replicas"] == 4

    def test_sets_an_image(self, api, kubectl):
        kubectl("apply", "-f", "-", given=DEPLOYMENT)
        kubectl("set", "image", "deployment/web", "app=app:9")
        spec = api.read("apps/v1/deployments", "web")["spec"]["template"]["spec"]
        assert spec["containers"][0]["image"] == "app:9"

    def test_replaces(self, api, kubectl):
        kubectl("create", "configmap", "one", "--from-literal=a=1")
        item = api.read("configmaps", "one")
        item["data"] = {"b": "2"}
        kubectl("replace", "-f", "-", given=json.dumps(item))
        assert api.read("configmaps", "one")["data"] == {"b": "2"}

    def test_deletes_and_waits(self, api, kubectl, widgets):
        kubectl("apply", "-f", "-", given=yaml.safe_dump(widgets.widget()))
        assert "deleted" in kubectl("delete", "wg", "one")
        assert api.get(api.path(widgets.resource, "one")).status_code == 404
        assert "not found" in kubectl("delete", "wg", "one", fails=True)


class TestCreate:
    @pytest.mark.parametrize(
        "arguments",
        [
            ("namespace", "conformance-never", "--dry-run=server"),
            ("configmap", "one", "--from-literal=a=1"),
            ("secret", "generic", "one", "--from-literal=a=1"),
            ("serviceaccount", "one"),
            ("deployment", "one", "--image=app:1", "--replicas=0", "--port=80"),
        ],
    )
    def test_makes_what_its_generators_describe(self, kubectl, arguments):
        assert "created" in kubectl("create", *arguments)

    def test_keeps_what_was_asked_for(self, api, kubectl):
        kubectl("create", "deployment", "one", "--image=app:1", "--replicas=0", "--port=80")
        spec = api.read("apps/v1/deployments", "one")["spec"]
        assert spec["replicas"] == 0
        [container] = spec["template"]["spec"]["containers"]
        assert (container["name"], container["image"]) == ("app", "app:1")
        assert container["ports"] == [{"containerPort": 80, "protocol": "TCP"}]
        kubectl("create", "secret", "generic", "one", "--from-literal=a=secret")
        assert api.read("secrets", "one")["data"] == {"a": "c2VjcmV0"}


class TestRead:
    def test_describes_a_custom_kind(self, kubectl, widgets):
        kubectl("apply", "-f", "-", given=yaml.safe_dump(widgets.widget(steps=[7, 8])))
        said = kubectl("describe", "wg", "one")
        assert "Kind:         Widget" in said
        assert "Steps:" in said

    def test_describes_a_deployment(self, kubectl):
        kubectl("apply", "-f", "-", given=DEPLOYMENT)
        said = kubectl("describe", "deployment", "web")
        assert "Image:      app:1" in said
        assert "RollingUpdateStrategy:  25% max unavailable, 25% max surge" in said

    def test_explains_a_custom_kind(self, kubectl, widgets):
        said = kubectl("explain", "widgets.spec")
        assert "KIND:       Widget" in said
        assert "size" in said
        assert "-required-" in said
        assert "ENUM:" in kubectl("explain", "widgets.spec.color")

    def test_explains_a_built_in_kind(self, kubectl):
        said = kubectl("explain", "deployment.spec.template.spec.containers.image")
        assert "FIELD: image <string>" in said

    def test_waits_for_a_condition(self, api, kubectl, widgets):
        kubectl("apply", "-f", "-", given=yaml.safe_dump(widgets.widget()))
        path = api.path(widgets.resource, "one") + "/status"
        status = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
        api.patch(path, "application/merge-patch+json", status)
        said = kubectl("wait", "wg/one", "--for=condition=Ready", "--timeout=60s")
        assert "condition met" in said

    def test_waits_for_a_field_that_changes_meanwhile(self, api, kubectl, widgets):
        kubectl("apply", "-f", "-", given=yaml.safe_dump(widgets.widget()))
        said = kubectl("wait", "wg/one", "--for=jsonpath={.spec.size}=3", "--timeout=60s")
        assert "condition met" in said
        said = kubectl("wait", "wg/one", "--for=condition=Ready", "--timeout=1s", fails=True)
        assert "timed out" in said

    def test_waits_for_definitions(self, kubectl, widgets):
        name = f"crd/widgets.{widgets.group}"
        said = kubectl("wait", name, "--for=condition=Established", "--timeout=60s")
        assert "condition met" in said

    def test_asks_what_it_may_do(self, kubectl):
        assert kubectl("auth", "can-i", "create", "deployments").strip() == "yes"

    def test_tells_the_server_version(self, kubectl):
        assert "Server Version: v1." in kubectl("version")

    def test_lists_events(self, api, kubectl):
        about = {"kind": "ConfigMap", "name": "c", "namespace": api.namespace}
        api.create(
            "events",
            {
                "metadata": {"name": "one"},
                "involvedObject": about,
                "reason": "Tested",
                "message": "a message",
                "type": "Normal",
            },
        )
        said = kubectl("get", "events")
        assert "configmap/c" in said
        assert "a message" in said
        assert "a message" in kubectl("events")

    def test_reads_raw_paths(self, kubectl):
        assert kubectl("get", "--raw", "/readyz") == "ok"
