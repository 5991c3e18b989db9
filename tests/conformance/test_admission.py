"""Admission webhooks: in what order they are asked, what they see, and what comes of it."""

import threading
from typing import Any

import pytest

from tests.reviewers import CONFIG_MAPS, allows, denies, patches

LABELLED = {"op": "add", "path": "/metadata/labels", "value": {"seen": "yes"}}
MERGE = "application/merge-patch+json"


class TestMutating:
    def test_changes_come_first_and_are_what_validating_ones_see(self, guarded):
        guarded.configure("Mutating", guarded.webhook("/mutating"))
        guarded.configure("Validating", guarded.webhook("/validating"))
        guarded.reviewers.answers["/mutating"] = patches(
            LABELLED, {"op": "add", "path": "/data/b", "value": "2"}
        )
        made = guarded.made()
        assert made["metadata"]["labels"] == {"seen": "yes"}
        assert made["data"] == {"a": "1", "b": "2"}
        (first, early), (second, late) = guarded.reviewers.asked
        assert (first, second) == ("/mutating", "/validating")
        assert "uid" not in early["object"]["metadata"]
        assert late["object"]["metadata"]["uid"] == made["metadata"]["uid"]
        assert late["object"]["data"] == {"a": "1", "b": "2"}

    def test_sees_no_name_that_the_server_makes(self, guarded):
        guarded.configure("Mutating", guarded.webhook("/mutating"))
        guarded.configure("Validating", guarded.webhook("/validating"))
        item = {"metadata": {"generateName": "one-"}}
        made = guarded.api.post(guarded.api.path("configmaps"), item).json()
        [early] = guarded.reviewers.requests("/mutating")
        [late] = guarded.reviewers.requests("/validating")
        assert "name" not in early
        assert "name" not in early["object"]["metadata"]
        assert late["name"] == made["metadata"]["name"]

    def test_see_defaults_and_what_they_add_is_defaulted(self, guarded):
        rule = {**CONFIG_MAPS, "resources": ["services"]}
        guarded.configure("Mutating", guarded.webhook("/mutating", rules=[rule]))
        guarded.reviewers.answers["/mutating"] = patches(
            {"op": "add", "path": "/spec/ports/-", "value": {"name": "b", "port": 81}}
        )
        spec = {"ports": [{"name": "a", "port": 80}]}
        made = guarded.api.create("services", {"metadata": {"name": "one"}, "spec": spec})
        [asked] = guarded.reviewers.requests("/mutating")
        assert asked["object"]["spec"]["ports"][0]["protocol"] == "TCP"
        assert made["spec"]["ports"][1]["protocol"] == "TCP"

    def test_fields_have_no_manager(self, guarded):
        guarded.configure("Mutating", guarded.webhook("/mutating"))
        guarded.reviewers.answers["/mutating"] = patches(LABELLED)
        [managed] = guarded.made()["metadata"]["managedFields"]
        assert "f:metadata" not in managed["fieldsV1"]

    def test_are_asked_in_the_order_of_names_and_lists(self, guarded):
        guarded.configure("Mutating", guarded.webhook("/first"), guarded.webhook("/second"))
        guarded.reviewers.answers["/first"] = patches(LABELLED)
        guarded.made()
        assert [path for path, _ in guarded.reviewers.asked] == ["/first", "/second"]
        [second] = guarded.reviewers.requests("/second")
        assert second["object"]["metadata"]["labels"] == {"seen": "yes"}

    @pytest.mark.parametrize(("policy", "times"), [("Never", 1), ("IfNeeded", 2)])
    def test_are_asked_again_where_they_want_it_and_another_changed_it(
        self, guarded, policy, times
    ):
        guarded.configure(
            "Mutating",
            guarded.webhook("/first", reinvocationPolicy=policy),
            guarded.webhook("/second"),
        )
        guarded.reviewers.answers["/second"] = patches(LABELLED)
        guarded.made()
        assert len(guarded.reviewers.requests("/first")) == times

    def test_change_updates_patches_and_applies(self, guarded):
        api = guarded.api
        made = guarded.made()
        guarded.configure("Mutating", guarded.webhook("/mutating"))
        path = api.path("configmaps", "one")
        for number, write in enumerate(
            (
                lambda: api.put(path, {**made, "data": {"a": "put"}}),
                lambda: api.patch(path, MERGE, {"data": {"a": "patched"}}),
                lambda: api.apply(path, _config_map({"c": "applied"})),
            )
        ):
            operation = {"op": "add", "path": f"/data/{number}", "value": "added"}
            guarded.reviewers.answers["/mutating"] = patches(operation)
            response = write()
            assert response.status_code == 200, response.text
        asked = guarded.reviewers.requests("/mutating")
        assert {request["operation"] for request in asked} == {"UPDATE"}
        assert {request["options"]["kind"] for request in asked} == {"UpdateOptions"}
        assert all(request["oldObject"]["metadata"]["name"] == "one" for request in asked)
        data = api.read("configmaps", "one")["data"]
        assert data == {"a": "patched", "0": "added", "1": "added", "2": "added", "c": "applied"}

    @pytest.mark.parametrize(
        "patch",
        [
            [{"op": "remove", "path": "/data/nothing"}],
            [{"op": "add", "path": "/data", "value": {"a": 1}}],
        ],
        ids=["that does not apply", "that breaks the type"],
    )
    def test_patches_that_cannot_be_taken_are_the_servers_failure(self, guarded, patch):
        guarded.configure("Mutating", guarded.webhook("/mutating"))
        guarded.reviewers.answers["/mutating"] = patches(*patch)
        refused = guarded.create()
        assert refused.status_code == 500
        assert refused.json()["reason"] == "InternalError"
        assert refused.json()["message"].startswith("Internal error occurred: ")

    def test_patches_are_pruned_and_cannot_decide_for_the_server(self, guarded):
        guarded.configure("Mutating", guarded.webhook("/mutating"))
        guarded.reviewers.answers["/mutating"] = patches(
            {"op": "add", "path": "/bogus", "value": 1},
            {"op": "add", "path": "/metadata/uid", "value": "mine"},
        )
        made = guarded.made()
        assert "bogus" not in made
        assert made["metadata"]["uid"] != "mine"

    def test_results_are_judged_by_the_rules_of_the_kind(self, guarded, widgets):
        rule = {**CONFIG_MAPS, "apiGroups": [widgets.group], "resources": ["widgets"]}
        guarded.configure("Mutating", guarded.webhook("/mutating", rules=[rule]))
        guarded.reviewers.answers["/mutating"] = patches(
            {"op": "replace", "path": "/spec/size", "value": 1000}
        )
        refused = guarded.api.post(guarded.api.path(widgets.resource), widgets.widget())
        assert refused.status_code == 422
        assert "spec.size" in refused.json()["message"]


class TestRefusals:
    @pytest.mark.parametrize("phase", ["Mutating", "Validating"])
    @pytest.mark.parametrize(
        ("status", "code", "reason", "said"),
        [
            ({}, 400, None, " without explanation"),
            ({"message": "no"}, 400, None, ": no"),
            ({"reason": "Busy", "code": 200}, 400, "Busy", ": Busy"),
            ({"message": "no", "reason": "Invalid", "code": 422}, 422, "Invalid", ": no"),
        ],
    )
    def test_say_who_refused_and_why(self, guarded, phase, status, code, reason, said):
        guarded.configure(phase, guarded.webhook("/strict"))
        guarded.reviewers.answers["/strict"] = denies(**status)
        refused = guarded.create()
        assert refused.status_code == code
        answer = refused.json()
        assert answer["message"] == (
            f'admission webhook "strict.tidegate.dev" denied the request{said}'
        )
        assert answer.get("reason") == reason
        assert guarded.api.get(guarded.api.path("configmaps", "one")).status_code == 404

    def test_stop_updates_and_deletions(self, guarded):
        guarded.made()
        guarded.configure("Validating", guarded.webhook("/strict"))
        guarded.reviewers.answers["/strict"] = denies(code=403)
        path = guarded.api.path("configmaps", "one")
        assert guarded.api.patch(path, MERGE, {"data": {"a": "2"}}).status_code == 403
        assert guarded.api.delete(path).status_code == 403
        assert guarded.api.read("configmaps", "one")["data"] == {"a": "1"}

    def test_come_before_it_is_asked_whether_the_name_is_taken(self, guarded):
        guarded.made()
        guarded.configure("Validating", guarded.webhook("/strict"))
        guarded.reviewers.answers["/strict"] = denies(code=418)
        assert guarded.create().status_code == 418


class TestWarnings:
    def test_of_all_webhooks_go_to_the_client(self, guarded):
        guarded.configure("Mutating", guarded.webhook("/mutating"))
        guarded.configure("Validating", guarded.webhook("/validating"))
        guarded.reviewers.answers["/mutating"] = allows(warnings=['from "one"'])
        guarded.reviewers.answers["/validating"] = allows(warnings=["from two"])
        warnings = guarded.create().headers.get_list("Warning")
        assert warnings == ['299 - "from \\"one\\""', '299 - "from two"']


class TestDeletions:
    def test_are_asked_about_with_the_object_that_goes(self, guarded):
        made = guarded.made()
        guarded.configure("Validating", guarded.webhook("/watching"))
        guarded.api.delete(guarded.api.path("configmaps", "one"))
        [request] = guarded.reviewers.requests("/watching")
        assert (request["operation"], request["object"]) == ("DELETE", None)
        assert request["oldObject"]["metadata"]["uid"] == made["metadata"]["uid"]
        assert request["options"]["kind"] == "DeleteOptions"

    def test_of_a_collection_are_asked_about_one_by_one_without_a_name(self, guarded):
        guarded.configure("Validating", guarded.webhook("/watching"))
        for name in ("one", "two"):
            guarded.made(name)
        guarded.reviewers.asked.clear()
        deleted = guarded.api.delete(
            guarded.api.path("configmaps"), fieldSelector="metadata.name!=kube-root-ca.crt"
        )
        assert deleted.status_code == 200
        asked = guarded.reviewers.requests("/watching")
        names = sorted(request["oldObject"]["metadata"]["name"] for request in asked)
        assert names == ["one", "two"]
        assert not any(request.get("name") for request in asked)


class TestRequests:
    def test_say_who_asks_what_and_how(self, guarded):
        guarded.configure("Validating", guarded.webhook("/watching"))
        guarded.create(fieldManager="somebody", dryRun="All")
        [request] = guarded.reviewers.requests("/watching")
        assert request["kind"] == {"group": "", "version": "v1", "kind": "ConfigMap"}
        assert request["resource"] == {"group": "", "version": "v1", "resource": "configmaps"}
        assert request["requestKind"] == request["kind"]
        assert request["requestResource"] == request["resource"]
        assert (request["name"], request["namespace"]) == ("one", guarded.api.namespace)
        assert (request["operation"], request["dryRun"]) == ("CREATE", True)
        assert request["oldObject"] is None
        assert request["userInfo"]["username"]
        assert "system:authenticated" in request["userInfo"]["groups"]
        assert request["options"] == {
            "kind": "CreateOptions",
            "apiVersion": "meta.k8s.io/v1",
            "dryRun": ["All"],
            "fieldManager": "somebody",
        }

    def test_about_a_scale_show_the_scale(self, guarded, widgets):
        rule = {**CONFIG_MAPS, "apiGroups": [widgets.group], "resources": ["widgets/scale"]}
        guarded.configure("Mutating", guarded.webhook("/mutating", rules=[rule]))
        guarded.reviewers.answers["/mutating"] = patches(
            {"op": "replace", "path": "/spec/replicas", "value": 2}
        )
        guarded.api.create(widgets.resource, widgets.widget())
        path = f"{guarded.api.path(widgets.resource, 'one')}/scale"
        scaled = guarded.api.patch(path, MERGE, {"spec": {"replicas": 3}})
        assert scaled.status_code == 200, scaled.text
        [request] = guarded.reviewers.requests("/mutating")
        assert request["kind"] == {"group": "autoscaling", "version": "v1", "kind": "Scale"}
        assert request["object"]["spec"] == {"replicas": 3}
        assert guarded.api.read(widgets.resource, "one")["spec"]["replicas"] == 2

    def test_lose_no_change_that_is_made_meanwhile(self, guarded):
        guarded.made()
        guarded.configure("Validating", guarded.webhook("/watching"))
        path = guarded.api.path("configmaps", "one")
        once = threading.Lock()

        def meanwhile(_request: Any) -> dict[str, Any]:
            if once.acquire(blocking=False):
                assert guarded.api.patch(path, MERGE, {"data": {"c": "3"}}).status_code == 200
            return {"allowed": True}

        guarded.reviewers.answers["/watching"] = meanwhile
        assert guarded.api.patch(path, MERGE, {"data": {"b": "2"}}).status_code == 200
        assert guarded.api.read("configmaps", "one")["data"] == {"a": "1", "b": "2", "c": "3"}
        assert len(guarded.reviewers.requests("/watching")) == 3


def _config_map(data: dict[str, str]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}, "data": data}
