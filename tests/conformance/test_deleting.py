"""Finalizers, owners and the three ways of deletion."""

import pytest

MERGE = "application/merge-patch+json"


def config_map(name: str, *owners: dict, finalizers: list[str] | None = None) -> dict:
    metadata: dict = {"name": name}
    if owners:
        metadata["ownerReferences"] = [
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "name": owner["metadata"]["name"],
                "uid": owner["metadata"]["uid"],
                "blockOwnerDeletion": True,
            }
            for owner in owners
        ]
    if finalizers:
        metadata["finalizers"] = finalizers
    return {"metadata": metadata}


class TestFinalizers:
    def test_hold_an_object_until_they_are_gone(self, api):
        api.create("configmaps", config_map("one", finalizers=["tidegate.dev/hold"]))
        path = api.path("configmaps", "one")
        deleted = api.delete(path)
        assert deleted.status_code == 200
        metadata = deleted.json()["metadata"]
        assert metadata["deletionTimestamp"]
        assert metadata["deletionGracePeriodSeconds"] == 0
        held = api.get(path).json()
        assert held["metadata"]["finalizers"] == ["tidegate.dev/hold"]
        freed = api.patch(path, MERGE, {"metadata": {"finalizers": None}})
        assert freed.status_code == 200
        assert api.get(path).status_code == 404

    def test_cannot_be_added_to_what_is_being_deleted(self, api):
        api.create("configmaps", config_map("one", finalizers=["tidegate.dev/hold"]))
        path = api.path("configmaps", "one")
        api.delete(path)
        more = {"metadata": {"finalizers": ["tidegate.dev/hold", "tidegate.dev/more"]}}
        assert api.patch(path, MERGE, more).status_code == 422
        api.patch(path, MERGE, {"metadata": {"finalizers": None}})

    def test_hold_the_same_deletion_when_it_is_asked_for_again(self, api):
        api.create("configmaps", config_map("one", finalizers=["tidegate.dev/hold"]))
        path = api.path("configmaps", "one")
        first = api.delete(path).json()
        second = api.delete(path).json()
        assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
        api.patch(path, MERGE, {"metadata": {"finalizers": None}})

    def test_of_custom_kinds_raise_the_generation_once(self, api, widgets):
        item = widgets.widget()
        item["metadata"]["finalizers"] = ["tidegate.dev/hold"]
        api.create(widgets.resource, item)
        path = api.path(widgets.resource, "one")
        assert api.delete(path).json()["metadata"]["generation"] == 2
        assert api.delete(path).json()["metadata"]["generation"] == 2
        api.patch(path, MERGE, {"metadata": {"finalizers": None}})
        assert api.get(path).status_code == 404

    def test_a_deletion_timestamp_cannot_be_set(self, api):
        item = config_map("one", finalizers=["tidegate.dev/hold"])
        item["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        created = api.create("configmaps", item)
        assert "deletionTimestamp" not in created["metadata"]
        api.patch(api.path("configmaps", "one"), MERGE, {"metadata": {"finalizers": None}})


class TestOwners:
    def test_take_their_dependents_with_them(self, api, conformance):
        owner = api.create("configmaps", config_map("owner"))
        api.create("configmaps", config_map("child", owner))
        api.delete(api.path("configmaps", "owner"))
        conformance.eventually(
            lambda: api.get(api.path("configmaps", "child")).status_code == 404,
            "the dependent is collected",
        )

    def test_leave_what_another_still_owns(self, api, conformance):
        first = api.create("configmaps", config_map("first"))
        second = api.create("configmaps", config_map("second"))
        api.create("configmaps", config_map("child", first, second))
        api.delete(api.path("configmaps", "first"))

        def owners() -> list[str]:
            child = api.read("configmaps", "child")
            return [owner["name"] for owner in child["metadata"]["ownerReferences"]]

        conformance.eventually(lambda: owners() == ["second"], "the reference is dropped")

    def test_that_never_were_take_their_dependents_with_them(self, api, conformance):
        ghost = {"metadata": {"name": "ghost", "uid": "00000000-0000-0000-0000-000000000000"}}
        api.create("configmaps", config_map("child", ghost))
        conformance.eventually(
            lambda: api.get(api.path("configmaps", "child")).status_code == 404,
            "the dependent is collected",
        )

    def test_deleted_in_the_foreground_go_last(self, api, conformance):
        owner = api.create("configmaps", config_map("owner"))
        api.create("configmaps", config_map("child", owner, finalizers=["tidegate.dev/hold"]))
        deleted = api.delete(api.path("configmaps", "owner"), propagationPolicy="Foreground")
        assert deleted.json()["metadata"]["finalizers"] == ["foregroundDeletion"]
        child = api.path("configmaps", "child")
        conformance.eventually(
            lambda: api.get(child).json()["metadata"].get("deletionTimestamp"),
            "the dependent is being deleted",
        )
        assert api.get(api.path("configmaps", "owner")).status_code == 200
        api.patch(child, MERGE, {"metadata": {"finalizers": None}})
        conformance.eventually(
            lambda: api.get(api.path("configmaps", "owner")).status_code == 404,
            "the owner is gone",
        )

    def test_that_orphan_leave_their_dependents(self, api, conformance):
        owner = api.create("configmaps", config_map("owner"))
        api.create("configmaps", config_map("child", owner))
        api.delete(api.path("configmaps", "owner"), {"propagationPolicy": "Orphan"})
        conformance.eventually(
            lambda: api.get(api.path("configmaps", "owner")).status_code == 404,
            "the owner is gone",
        )
        assert "ownerReferences" not in api.read("configmaps", "child")["metadata"]

    @pytest.mark.parametrize("missing", ["name", "uid", "kind", "apiVersion"])
    def test_must_be_named_fully(self, api, missing):
        owner = api.create("configmaps", config_map("owner"))
        item = config_map("child", owner)
        item["metadata"]["ownerReferences"][0][missing] = ""
        assert api.post(api.path("configmaps"), item).status_code == 422

    def test_can_have_one_controller_only(self, api):
        first = api.create("configmaps", config_map("first"))
        second = api.create("configmaps", config_map("second"))
        item = config_map("child", first, second)
        for owner in item["metadata"]["ownerReferences"]:
            owner["controller"] = True
        response = api.post(api.path("configmaps"), item)
        assert response.status_code == 422
        assert "Only one reference can have Controller set to true" in response.json()["message"]

    def test_unknown_ways_of_deletion_are_refused(self, api):
        api.create("configmaps", config_map("one"))
        response = api.delete(api.path("configmaps", "one"), propagationPolicy="Sideways")
        assert response.status_code == 422


class TestPods:
    def test_that_run_nowhere_go_at_once(self, api):
        item = {
            "metadata": {"name": "one"},
            "spec": {
                "schedulerName": "nobody",
                "containers": [{"name": "a", "image": "a:unschedulable"}],
            },
        }
        api.create("pods", item)
        deleted = api.delete(api.path("pods", "one"))
        assert (deleted.status_code, deleted.json()["kind"]) == (200, "Pod")


class TestEviction:
    """How `kubectl drain` deletes pods, where no disruption budget keeps them."""

    @pytest.fixture
    def pod(self, api):
        containers = [{"name": "app", "image": "app:1"}]
        spec = {"containers": containers, "schedulingGates": [{"name": "tests/stays"}]}
        return api.create("pods", {"metadata": {"name": "one"}, "spec": spec})

    @staticmethod
    def evict(api, name="one", options=None, **query):
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": name, "namespace": api.namespace},
            **({"deleteOptions": options} if options else {}),
        }
        return api.post(f"{api.path('pods', name)}/eviction", eviction, **query)

    @pytest.mark.usefixtures("pod")
    def test_deletes_the_pod(self, api, conformance):
        answer = self.evict(api)
        assert answer.status_code == 201, answer.text
        said = answer.json()
        assert (said["kind"], said["status"], said["code"]) == ("Status", "Success", 201)
        gone = api.path("pods", "one")
        conformance.eventually(lambda: api.get(gone).status_code == 404, "the pod has gone")

    @pytest.mark.usefixtures("pod")
    def test_that_is_a_dry_run_deletes_nothing(self, api):
        assert self.evict(api, options={"dryRun": ["All"]}).status_code == 201
        assert "deletionTimestamp" not in api.read("pods", "one")["metadata"]

    def test_of_a_pod_that_is_not_there_is_not_found(self, api):
        answer = self.evict(api, "nobody")
        assert (answer.status_code, answer.json()["reason"]) == (404, "NotFound")

    def test_of_another_pod_is_a_conflict(self, api, pod):
        options = {"preconditions": {"uid": "00000000-0000-0000-0000-000000000000"}}
        answer = self.evict(api, options=options)
        assert (answer.status_code, answer.json()["reason"]) == (409, "Conflict")
        assert api.read("pods", "one")["metadata"]["uid"] == pod["metadata"]["uid"]
