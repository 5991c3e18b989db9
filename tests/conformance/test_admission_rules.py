"""Which admission webhooks are asked: rules, selectors, conditions."""

import pytest

from tests.reviewers import CONFIG_MAPS, NO_PROBES, denies

MERGE = "application/merge-patch+json"


class TestRules:
    @pytest.mark.parametrize(
        ("rule", "expected"),
        [
            (
                {},
                ["CREATE configmaps", "UPDATE configmaps", "DELETE configmaps"],
            ),
            ({"operations": ["CREATE"]}, ["CREATE configmaps"]),
            ({"operations": ["UPDATE", "DELETE"]}, ["UPDATE configmaps", "DELETE configmaps"]),
            ({"apiVersions": ["v2"]}, []),
            ({"apiGroups": ["apps"]}, []),
            ({"scope": "Cluster"}, []),
            ({"apiGroups": ["GROUP"], "resources": ["widgets"]}, ["CREATE widgets"]),
            (
                {"apiGroups": ["GROUP"], "resources": ["widgets/*"]},
                ["CREATE widgets", "UPDATE widgets/status", "UPDATE widgets/scale"],
            ),
            (
                {"apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*/scale"]},
                ["UPDATE widgets/scale"],
            ),
            ({"resources": ["pods/eviction"]}, ["CREATE pods/eviction"]),
            (
                {"resources": ["*"], "operations": ["DELETE"], "scope": "Namespaced"},
                ["DELETE configmaps"],
            ),
            ({"resources": ["namespaces"], "scope": "Cluster"}, ["UPDATE namespaces"]),
            ({"resources": ["namespaces"], "scope": "Namespaced"}, []),
        ],
    )
    def test_choose_what_is_asked_about(self, guarded, widgets, rule, expected):
        api = guarded.api
        groups = [
            widgets.group if group == "GROUP" else group for group in rule.get("apiGroups", [""])
        ]
        named = {**CONFIG_MAPS, **rule, "apiGroups": groups}
        guarded.configure("Validating", guarded.webhook("/watching", rules=[named]))
        guarded.made()
        self._patch(api, api.path("configmaps", "one"), {"data": {"a": "2"}})
        api.delete(api.path("configmaps", "one"))
        api.create(widgets.resource, widgets.widget())
        path = api.path(widgets.resource, "one")
        self._patch(api, f"{path}/status", {"status": {"phase": "ok"}})
        self._patch(api, f"{path}/scale", {"spec": {"replicas": 2}})
        pod = {"containers": [{"name": "app", "image": "app:1"}]}
        api.create("pods", {"metadata": {"name": "one"}, "spec": pod})
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "one"}}
        evicted = api.post(f"{api.path('pods', 'one')}/eviction", eviction)
        assert evicted.status_code == 201, evicted.text
        annotations = {"metadata": {"annotations": {"a": "b"}}}
        self._patch(api, f"/api/v1/namespaces/{api.namespace}", annotations)
        seen = [
            "/".join(
                filter(
                    None,
                    (
                        f"{request['operation']} {request['resource']['resource']}",
                        request.get("subResource"),
                    ),
                )
            )
            for request in guarded.reviewers.requests("/watching")
        ]
        assert seen == expected

    def _patch(self, api, path, changes):
        patched = api.patch(path, MERGE, changes)
        assert patched.status_code == 200, patched.text

    def test_of_another_version_are_asked_in_that_version(self, guarded, widgets):
        rule = {
            **CONFIG_MAPS,
            "apiGroups": [widgets.group],
            "apiVersions": ["v1"],
            "resources": ["widgets"],
        }
        guarded.configure(
            "Validating",
            guarded.webhook("/exact", rules=[rule], matchPolicy="Exact"),
            guarded.webhook("/equivalent", rules=[rule]),
        )
        item = {**widgets.widget(), "apiVersion": f"{widgets.group}/v1beta1"}
        guarded.api.create(f"{widgets.group}/v1beta1/widgets", item)
        [(path, request)] = guarded.reviewers.asked
        assert path == "/equivalent"
        assert request["kind"]["version"] == request["resource"]["version"] == "v1"
        assert request["requestKind"]["version"] == "v1beta1"
        assert request["requestResource"]["version"] == "v1beta1"
        assert request["object"]["apiVersion"] == f"{widgets.group}/v1"

    def test_never_choose_the_configurations_themselves(self, guarded):
        rule = {
            "apiGroups": ["admissionregistration.k8s.io"],
            "apiVersions": ["*"],
            "operations": ["*"],
            "resources": ["*"],
        }
        guarded.reviewers.answers["/strict"] = denies()
        guarded.configure(
            "Validating", guarded.webhook("/strict", rules=[rule], namespaceSelector={})
        )
        assert guarded.api.delete(guarded.created.pop()).status_code == 200
        assert guarded.reviewers.requests("/strict") == []


class TestSelectors:
    def test_choose_by_the_labels_of_the_namespace(self, guarded):
        chosen = {"matchLabels": {"kubernetes.io/metadata.name": guarded.api.namespace}}
        other = {
            "matchExpressions": [
                {
                    "key": "kubernetes.io/metadata.name",
                    "operator": "NotIn",
                    "values": [guarded.api.namespace, "kube-system"],
                },
                {"key": "nobody", "operator": "Exists"},
            ]
        }
        guarded.configure(
            "Validating",
            guarded.webhook("/chosen", namespaceSelector=chosen),
            guarded.webhook("/other", namespaceSelector=other),
        )
        guarded.made()
        assert [path for path, _ in guarded.reviewers.asked] == ["/chosen"]

    def test_choose_by_the_labels_of_the_object_before_or_after(self, guarded):
        red = {"matchLabels": {"color": "red"}}
        guarded.configure("Validating", guarded.webhook("/red", objectSelector=red))
        guarded.made()
        path = guarded.api.path("configmaps", "one")
        for color in ("blue", "red", "green", "white"):
            labels = {"metadata": {"labels": {"color": color}}}
            guarded.api.patch(path, MERGE, labels)
        seen = [
            request["object"]["metadata"]["labels"]["color"]
            for request in guarded.reviewers.requests("/red")
        ]
        assert seen == ["red", "green"]


class TestConditions:
    @pytest.mark.parametrize(("data", "asked"), [({"a": "1"}, 1), ({"a": "2"}, 0), ({"b": "1"}, 0)])
    def test_that_do_not_hold_keep_a_webhook_from_being_asked(self, guarded, data, asked):
        conditions = [
            {"name": "no-probe", "expression": "!request.name.startsWith('probe')"},
            {"name": "right", "expression": "'a' in object.data && object.data.a == '1'"},
            {"name": "new", "expression": "oldObject == null"},
        ]
        guarded.configure("Validating", guarded.webhook("/choosy", matchConditions=conditions))
        guarded.api.create("configmaps", {"metadata": {"name": "one"}, "data": data})
        assert len(guarded.reviewers.requests("/choosy")) == asked

    @pytest.mark.parametrize(("policy", "code"), [("Fail", 403), ("Ignore", 201)])
    def test_that_cannot_be_told_are_treated_by_the_failure_policy(self, guarded, policy, code):
        unknown = {"name": "unknown", "expression": "object.data.nothing == '1'"}
        guarded.configure(
            "Validating",
            guarded.webhook(
                "/choosy",
                matchConditions=[unknown],
                failurePolicy=policy,
                objectSelector=NO_PROBES,
            ),
        )
        answer = guarded.create()
        assert answer.status_code == code
        why = "expression 'object.data.nothing == '1'' resulted in error: no such key: nothing"
        if policy == "Fail":
            assert answer.json()["message"] == f'configmaps "one" is forbidden: {why}'
        assert guarded.reviewers.requests("/choosy") == []
