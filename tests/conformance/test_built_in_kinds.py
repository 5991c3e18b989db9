"""Built-in kinds: defaults, allocation and rules."""

import pytest

MERGE = "application/merge-patch+json"
DEPLOYMENTS = "apps/v1/deployments"


def deployment(**spec) -> dict:
    return {
        "metadata": {"name": "web"},
        "spec": {
            "paused": True,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "app", "image": "app:1"}]},
            },
            **spec,
        },
    }


def service(**spec) -> dict:
    return {
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}], **spec},
    }


def refused(response, field: str) -> None:
    assert (response.status_code, response.json()["reason"]) == (422, "Invalid"), response.text
    assert field in [cause["field"] for cause in response.json()["details"]["causes"]]


class TestDeployment:
    def test_gets_its_defaults(self, api):
        spec = api.create(DEPLOYMENTS, deployment())["spec"]
        assert spec["replicas"] == 1
        assert spec["progressDeadlineSeconds"] == 600
        assert spec["revisionHistoryLimit"] == 10
        assert spec["strategy"] == {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"},
        }
        pod = spec["template"]["spec"]
        assert pod == {
            "containers": [
                {
                    "name": "app",
                    "image": "app:1",
                    "resources": {},
                    "terminationMessagePath": "/dev/termination-log",
                    "terminationMessagePolicy": "File",
                    "imagePullPolicy": "IfNotPresent",
                }
            ],
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 30,
            "dnsPolicy": "ClusterFirst",
            "securityContext": {},
            "schedulerName": "default-scheduler",
        }

    @pytest.mark.parametrize(
        ("image", "policy"),
        [
            ("app", "Always"),
            ("app:latest", "Always"),
            ("host:5000/app:1", "IfNotPresent"),
            ("host:5000/app", "Always"),
        ],
    )
    def test_pulls_images_by_their_tag(self, api, image, policy):
        item = deployment()
        item["spec"]["template"]["spec"]["containers"][0]["image"] = image
        created = api.create(DEPLOYMENTS, item)
        [container] = created["spec"]["template"]["spec"]["containers"]
        assert container["imagePullPolicy"] == policy

    def test_probes_and_ports_get_their_defaults(self, api):
        item = deployment()
        item["spec"]["template"]["spec"]["containers"][0] |= {
            "ports": [{"containerPort": 80}],
            "readinessProbe": {"httpGet": {"port": 80}},
        }
        created = api.create(DEPLOYMENTS, item)
        [container] = created["spec"]["template"]["spec"]["containers"]
        assert container["ports"] == [{"containerPort": 80, "protocol": "TCP"}]
        assert container["readinessProbe"] == {
            "httpGet": {"path": "/", "port": 80, "scheme": "HTTP"},
            "timeoutSeconds": 1,
            "periodSeconds": 10,
            "successThreshold": 1,
            "failureThreshold": 3,
        }

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"replicas": -1}, "spec.replicas"),
            ({"selector": {"matchLabels": {"app": "no"}}}, "spec.template.metadata.labels"),
            ({"selector": {}}, "spec.selector"),
            ({"progressDeadlineSeconds": 5, "minReadySeconds": 5}, "spec.progressDeadlineSeconds"),
            ({"strategy": {"type": "Magic"}}, "spec.strategy"),
            (
                {
                    "strategy": {
                        "type": "RollingUpdate",
                        "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0},
                    }
                },
                "spec.strategy.rollingUpdate.maxUnavailable",
            ),
        ],
    )
    def test_refuses_what_cannot_be(self, api, change, field):
        refused(api.post(api.path(DEPLOYMENTS), deployment(**change)), field)

    @pytest.mark.parametrize(
        ("container", "field"),
        [
            ({"name": "app"}, "image"),
            ({"name": "BAD", "image": "i"}, "name"),
            ({"image": "i"}, "name"),
            ({"name": "a", "image": "i", "ports": [{"containerPort": 0}]}, None),
            (
                {"name": "a", "image": "i", "ports": [{"containerPort": 99999}]},
                "ports[0].containerPort",
            ),
        ],
    )
    def test_refuses_malformed_containers(self, api, container, field):
        item = deployment()
        item["spec"]["template"]["spec"]["containers"] = [container]
        response = api.post(api.path(DEPLOYMENTS), item)
        if field is None:
            assert response.status_code == 422
        else:
            refused(response, f"spec.template.spec.containers[0].{field}")

    def test_refuses_two_containers_of_one_name(self, api):
        item = deployment()
        item["spec"]["template"]["spec"]["containers"] *= 2
        refused(api.post(api.path(DEPLOYMENTS), item), "spec.template.spec.containers[1].name")

    def test_requires_selector_and_template(self, api):
        response = api.post(api.path(DEPLOYMENTS), {"metadata": {"name": "web"}, "spec": {}})
        assert response.status_code == 422
        assert "spec.selector: Required value" in response.json()["message"]

    def test_refuses_another_selector(self, api):
        api.create(DEPLOYMENTS, deployment())
        labels = {"app": "web", "more": "1"}
        changes = {
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}},
            }
        }
        response = api.patch(api.path(DEPLOYMENTS, "web"), MERGE, changes)
        refused(response, "spec.selector")
        assert "field is immutable" in response.json()["message"]


class TestService:
    def test_gets_an_address_and_defaults(self, api):
        spec = api.create("services", service())["spec"]
        assert spec["clusterIP"].startswith("10.96.")
        assert spec["clusterIPs"] == [spec["clusterIP"]]
        assert spec["ports"] == [{"port": 80, "targetPort": 80, "protocol": "TCP"}]
        assert spec["type"] == "ClusterIP"
        assert spec["sessionAffinity"] == "None"
        assert spec["internalTrafficPolicy"] == "Cluster"
        assert (spec["ipFamilies"], spec["ipFamilyPolicy"]) == (["IPv4"], "SingleStack")

    def test_keeps_its_address_when_it_is_replaced_without_one(self, api):
        created = api.create("services", service())
        replaced = api.put(api.path("services", "web"), service(selector={"app": "other"}))
        assert replaced.status_code == 200, replaced.text
        assert replaced.json()["spec"]["clusterIP"] == created["spec"]["clusterIP"]

    def test_refuses_another_address(self, api):
        api.create("services", service())
        changes = {"spec": {"clusterIP": "10.96.77.77", "clusterIPs": ["10.96.77.77"]}}
        refused(api.patch(api.path("services", "web"), MERGE, changes), "spec.clusterIPs[0]")

    def test_can_be_headless(self, api):
        spec = api.create("services", service(clusterIP="None"))["spec"]
        assert (spec["clusterIP"], spec["clusterIPs"]) == ("None", ["None"])

    def test_gets_node_ports(self, api):
        spec = api.create("services", service(type="NodePort"))["spec"]
        assert 30_000 <= spec["ports"][0]["nodePort"] < 32_768

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"ports": []}, "spec.ports"),
            ({"ports": [{"port": 0}]}, "spec.ports[0].port"),
            ({"ports": [{"port": 80}, {"port": 81}]}, "spec.ports[0].name"),
            ({"type": "Magic"}, "spec.type"),
        ],
    )
    def test_refuses_what_cannot_be(self, api, change, field):
        refused(api.post(api.path("services"), service(**change)), field)

    def test_names_have_no_dots(self, api):
        item = service()
        item["metadata"]["name"] = "web.two"
        refused(api.post(api.path("services"), item), "metadata.name")


class TestSecret:
    def test_encodes_text(self, api):
        item = {"metadata": {"name": "one"}, "stringData": {"a": "secret"}}
        created = api.create("secrets", item)
        assert created["data"] == {"a": "c2VjcmV0"}
        assert "stringData" not in created
        assert created["type"] == "Opaque"

    def test_refuses_what_is_not_base64(self, api):
        item = {"metadata": {"name": "one"}, "data": {"a": "!"}}
        assert api.post(api.path("secrets"), item).status_code == 400


class TestAutoscaler:
    def autoscaler(self, **spec) -> dict:
        reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
        return {
            "metadata": {"name": "web"},
            "spec": {"scaleTargetRef": reference, "maxReplicas": 3, **spec},
        }

    def test_gets_its_defaults(self, api):
        spec = api.create("autoscaling/v2/horizontalpodautoscalers", self.autoscaler())["spec"]
        assert spec["minReplicas"] == 1
        assert spec["metrics"][0]["resource"]["target"]["averageUtilization"] == 80

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"minReplicas": 5}, "spec.maxReplicas"),
            ({"maxReplicas": 0}, "spec.maxReplicas"),
        ],
    )
    def test_refuses_what_cannot_be(self, api, change, field):
        path = api.path("autoscaling/v2/horizontalpodautoscalers")
        refused(api.post(path, self.autoscaler(**change)), field)


class TestEvents:
    def test_are_the_same_in_both_groups(self, api):
        item = {
            "metadata": {"name": "one"},
            "regarding": {"kind": "ConfigMap", "name": "c", "namespace": api.namespace},
            "eventTime": "2026-01-01T00:00:00.000000Z",
            "reason": "Tested",
            "note": "a note",
            "action": "Test",
            "type": "Normal",
            "reportingController": "tidegate.dev/test",
            "reportingInstance": "test-0",
        }
        created = api.create("events.k8s.io/v1/events", item)
        assert created["note"] == "a note"
        core = api.read("events", "one")
        assert core["message"] == "a note"
        assert core["involvedObject"]["name"] == "c"
        assert core["reportingComponent"] == "tidegate.dev/test"

    def test_of_the_core_group_are_read_in_the_new_one(self, api):
        about = {"kind": "ConfigMap", "name": "c", "namespace": api.namespace}
        api.create(
            "events",
            {
                "metadata": {"name": "one"},
                "involvedObject": about,
                "message": "m",
                "type": "Normal",
                "count": 2,
            },
        )
        event = api.read("events.k8s.io/v1/events", "one")
        assert (event["note"], event["deprecatedCount"]) == ("m", 2)
        assert event["regarding"]["name"] == "c"


class TestLease:
    def test_is_renewed_by_replacing_it(self, api):
        path = api.path("coordination.k8s.io/v1/leases", "one")
        spec = {
            "holderIdentity": "a",
            "leaseDurationSeconds": 6,
            "renewTime": "2026-01-01T00:00:00.000000Z",
        }
        created = api.create(
            "coordination.k8s.io/v1/leases", {"metadata": {"name": "one"}, "spec": spec}
        )
        assert created["spec"] == spec
        created["spec"]["renewTime"] = "2026-01-01T00:00:01.000000Z"
        assert api.put(path, created).status_code == 200
        assert api.put(path, created).status_code == 409

    def test_refuses_a_duration_of_nothing(self, api):
        item = {"metadata": {"name": "one"}, "spec": {"leaseDurationSeconds": 0}}
        path = api.path("coordination.k8s.io/v1/leases")
        refused(api.post(path, item), "spec.leaseDurationSeconds")


class TestAccess:
    def test_reviews_answer_whether_something_is_allowed(self, api):
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}},
        }
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        response = api.post(path, review)
        assert response.status_code == 201
        assert response.json()["status"]["allowed"] is True

    def test_a_request_that_impersonates_is_that_users(self, api):
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
        response = api.client.post(path, json=review, headers={"Impersonate-User": "alice"})
        assert response.status_code == 201
        assert response.json()["status"]["userInfo"]["username"] == "alice"

    def test_roles_are_stored(self, api):
        rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
        item = {"metadata": {"name": "one"}, "rules": rules}
        assert api.create("rbac.authorization.k8s.io/v1/roles", item)["rules"] == rules


class TestPod:
    def test_gets_its_defaults(self, api):
        item = {
            "metadata": {"name": "one"},
            "spec": {
                "nodeSelector": {"never": "matches"},
                "schedulerName": "nobody",
                "containers": [{"name": "app", "image": "app:1"}],
            },
        }
        created = api.create("pods", item)
        assert created["status"]["phase"] == "Pending"
        assert created["status"]["qosClass"] == "BestEffort"
        assert created["spec"]["enableServiceLinks"] is True
        assert created["metadata"]["generation"] == 1

    def test_refuses_another_command(self, api):
        item = {
            "metadata": {"name": "one"},
            "spec": {
                "schedulerName": "nobody",
                "containers": [{"name": "app", "image": "app:1"}],
            },
        }
        created = api.create("pods", item)
        changes = [
            {"op": "add", "path": "/spec/containers/0/command", "value": ["sh"]},
        ]
        response = api.patch(
            api.path("pods", created["metadata"]["name"]), "application/json-patch+json", changes
        )
        refused(response, "spec")
