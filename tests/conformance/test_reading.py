"""Lists, pages, selectors, watches and resource versions."""

import pytest

MERGE = "application/merge-patch+json"


def make(api, *names: str, **labels: str) -> list[dict]:
    return [
        api.create("configmaps", {"metadata": {"name": name, "labels": labels}}) for name in names
    ]


def names_of(response) -> list[str]:
    assert response.status_code == 200, response.text
    return [item["metadata"]["name"] for item in response.json()["items"]]


class TestList:
    def test_has_a_kind_and_a_version(self, api):
        listed = api.get(api.path("configmaps")).json()
        assert (listed["kind"], listed["apiVersion"]) == ("ConfigMapList", "v1")
        assert int(listed["metadata"]["resourceVersion"]) > 0

    def test_of_nothing_is_empty(self, api):
        assert api.get(api.path("secrets")).json()["items"] == []

    def test_items_of_built_in_kinds_have_no_kind(self, api):
        make(api, "one")
        items = api.get(api.path("configmaps"), labelSelector="!x").json()["items"]
        assert all("kind" not in item and "apiVersion" not in item for item in items)

    def test_items_of_custom_kinds_have_a_kind(self, api, widgets):
        api.create(widgets.resource, widgets.widget())
        listed = api.get(api.path(widgets.resource)).json()
        assert listed["kind"] == "WidgetList"
        assert [item["kind"] for item in listed["items"]] == ["Widget"]

    def test_is_in_order_of_names(self, api):
        make(api, "c", "a", "b", mine="1")
        assert names_of(api.get(api.path("configmaps"), labelSelector="mine")) == ["a", "b", "c"]

    def test_of_all_namespaces_shows_this_one(self, api):
        make(api, "one", mine=api.namespace)
        listed = api.get("/api/v1/configmaps", labelSelector=f"mine={api.namespace}").json()
        assert [item["metadata"]["namespace"] for item in listed["items"]] == [api.namespace]

    @pytest.mark.parametrize(
        ("selector", "expected"),
        [
            ("color=red", ["a"]),
            ("color==red", ["a"]),
            ("color!=red,set", ["b", "c"]),
            ("color in (red, blue)", ["a", "b"]),
            ("color notin (red),set", ["b", "c"]),
            ("color", ["a", "b"]),
            ("!color,set", ["c"]),
            ("set=1,color=blue", ["b"]),
        ],
    )
    def test_is_selected_by_labels(self, api, selector, expected):
        make(api, "a", color="red")
        make(api, "b", color="blue", set="1")
        make(api, "c", set="1")
        if "set" in selector and selector != "set=1,color=blue":
            selector = selector.replace(",set", ",set=1")
        assert names_of(api.get(api.path("configmaps"), labelSelector=selector)) == expected

    def test_refuses_a_malformed_label_selector(self, api):
        response = api.get(api.path("configmaps"), labelSelector="a in b")
        assert (response.status_code, response.json()["reason"]) == (400, "BadRequest")

    @pytest.mark.parametrize(
        ("selector", "expected"), [("metadata.name=a", ["a"]), ("metadata.name!=a", ["b"])]
    )
    def test_is_selected_by_name(self, api, selector, expected):
        make(api, "a", "b", mine="1")
        query = {"fieldSelector": selector, "labelSelector": "mine"}
        assert names_of(api.get(api.path("configmaps"), **query)) == expected

    def test_refuses_a_field_that_cannot_be_selected(self, api):
        response = api.get(api.path("configmaps"), fieldSelector="data.a=1")
        assert (response.status_code, response.json()["reason"]) == (400, "BadRequest")
        assert '"data.a" is not a known field selector' in response.json()["message"]

    def test_selects_events_by_what_they_are_about(self, api):
        for name in ("a", "b"):
            about = {"kind": "ConfigMap", "name": name, "namespace": api.namespace}
            item = {"metadata": {"name": f"event-{name}"}, "involvedObject": about}
            api.create("events", item)
        query = {"fieldSelector": "involvedObject.name=b,involvedObject.kind=ConfigMap"}
        assert names_of(api.get(api.path("events"), **query)) == ["event-b"]


class TestPages:
    def test_go_on_where_the_last_one_ended(self, api):
        make(api, *"abcde", mine="1")
        path, seen = api.path("configmaps"), []
        query = {"limit": 2, "fieldSelector": "metadata.name!=kube-root-ca.crt"}
        page = api.get(path, **query).json()
        version = page["metadata"]["resourceVersion"]
        make(api, "bb")
        while True:
            seen.append([item["metadata"]["name"] for item in page["items"]])
            token = page["metadata"].get("continue")
            if not token:
                break
            page = api.get(path, **query, **{"continue": token}).json()
            assert page["metadata"]["resourceVersion"] == version
        assert seen == [["a", "b"], ["c", "d"], ["e"]]

    def test_tell_how_many_are_left(self, api):
        for name in "abc":
            api.create("secrets", {"metadata": {"name": name}})
        page = api.get(api.path("secrets"), limit=1).json()
        assert page["metadata"]["remainingItemCount"] == 2

    def test_refuse_a_malformed_token(self, api):
        response = api.get(api.path("configmaps"), limit=1, **{"continue": "nonsense"})
        assert response.status_code == 400


class TestVersions:
    def test_in_the_future_are_refused(self, api):
        version = api.get(api.path("configmaps")).json()["metadata"]["resourceVersion"]
        response = api.get(
            api.path("configmaps"), resourceVersion=str(int(version) + 1_000_000), timeoutSeconds=1
        )
        assert (response.status_code, response.json()["reason"]) == (504, "Timeout")
        [cause] = response.json()["details"]["causes"]
        assert cause["reason"] == "ResourceVersionTooLarge"

    def test_that_are_no_numbers_are_refused(self, api):
        assert api.get(api.path("configmaps"), resourceVersion="x").status_code == 400

    def test_can_be_asked_for_exactly(self, api):
        [first] = make(api, "a", mine="1")
        make(api, "b", mine="1")
        query = {
            "resourceVersion": first["metadata"]["resourceVersion"],
            "resourceVersionMatch": "Exact",
            "labelSelector": "mine",
        }
        assert names_of(api.get(api.path("configmaps"), **query)) == ["a"]

    def test_match_needs_a_version(self, api):
        response = api.get(api.path("configmaps"), resourceVersionMatch="Exact")
        assert response.status_code == 422

    def test_initial_events_are_for_watches(self, api):
        response = api.get(api.path("configmaps"), sendInitialEvents="true")
        assert response.status_code == 422


class TestWatch:
    def version(self, api) -> str:
        return api.get(api.path("configmaps")).json()["metadata"]["resourceVersion"]

    def test_tells_changes_from_a_version_on(self, api):
        version = self.version(api)
        make(api, "one", mine="1")
        path = api.path("configmaps", "one")
        api.patch(path, MERGE, {"data": {"a": "1"}})
        api.delete(path)
        query = {"resourceVersion": version, "labelSelector": "mine"}
        with api.watch(api.path("configmaps"), **query) as events:
            seen = [next(events) for _ in range(3)]
        assert [event["type"] for event in seen] == ["ADDED", "MODIFIED", "DELETED"]
        assert seen[0]["object"]["kind"] == "ConfigMap"
        assert seen[2]["object"]["data"] == {"a": "1"}
        versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in seen]
        assert versions == sorted(set(versions))

    def test_tells_changes_as_they_happen(self, api):
        with api.watch(api.path("secrets"), resourceVersion=self.version(api)) as events:
            api.create("secrets", {"metadata": {"name": "one"}})
            assert next(events)["object"]["metadata"]["name"] == "one"

    @pytest.mark.parametrize("version", [{}, {"resourceVersion": "0"}])
    def test_without_a_version_begins_with_what_is_there(self, api, version):
        make(api, "a", "b", mine="1")
        query = {"labelSelector": "mine", **version}
        with api.watch(api.path("configmaps"), **query) as events:
            seen = [next(events) for _ in range(2)]
        assert [event["type"] for event in seen] == ["ADDED", "ADDED"]
        assert {event["object"]["metadata"]["name"] for event in seen} == {"a", "b"}

    def test_follows_one_object_by_name(self, api):
        make(api, "a", "b")
        query = {"fieldSelector": "metadata.name=b"}
        with api.watch(api.path("configmaps"), **query) as events:
            assert next(events)["object"]["metadata"]["name"] == "b"

    def test_tells_what_enters_and_leaves_the_selection(self, api):
        [created] = make(api, "one", color="red")
        path = api.path("configmaps", "one")
        version = created["metadata"]["resourceVersion"]
        api.patch(path, MERGE, {"metadata": {"labels": {"color": "blue"}}})
        last = api.patch(path, MERGE, {"metadata": {"labels": {"color": "red"}}}).json()
        query = {"labelSelector": "color=red", "resourceVersion": version}
        with api.watch(api.path("configmaps"), **query) as events:
            left, entered = next(events), next(events)
        assert (left["type"], entered["type"]) == ("DELETED", "ADDED")
        assert left["object"]["metadata"]["labels"] == {"color": "red"}
        assert int(left["object"]["metadata"]["resourceVersion"]) > int(version)
        assert entered["object"] == last

    def test_ends_after_its_time(self, api):
        query = {"resourceVersion": self.version(api), "timeoutSeconds": 1}
        with api.watch(api.path("secrets"), **query) as events:
            assert list(events) == []

    def test_sends_bookmarks(self, api):
        version = self.version(api)
        make(api, "one")
        query = {
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": 4,
            "labelSelector": "nothing=selected",
        }
        with api.watch(api.path("configmaps"), **query) as events:
            seen = list(events)
        assert seen
        assert {event["type"] for event in seen} == {"BOOKMARK"}
        assert seen[-1]["object"]["kind"] == "ConfigMap"
        assert int(seen[-1]["object"]["metadata"]["resourceVersion"]) >= int(version)

    def test_sends_initial_events_and_marks_their_end(self, api):
        make(api, "a", "b", mine="1")
        query = {
            "sendInitialEvents": "true",
            "resourceVersionMatch": "NotOlderThan",
            "allowWatchBookmarks": "true",
            "labelSelector": "mine",
        }
        with api.watch(api.path("configmaps"), **query) as events:
            seen = [next(events) for _ in range(3)]
        assert [event["type"] for event in seen] == ["ADDED", "ADDED", "BOOKMARK"]
        annotations = seen[2]["object"]["metadata"]["annotations"]
        assert annotations["k8s.io/initial-events-end"] == "true"

    def test_initial_events_need_a_match(self, api):
        query = {"watch": "true", "sendInitialEvents": "true"}
        response = api.get(api.path("configmaps"), **query)
        assert response.status_code == 422

    def test_from_a_forgotten_version_tells_that_it_is_gone(self, api, widgets):
        # The kind is younger than its cluster: nothing remembers it from before it was defined.
        with api.watch(api.path(widgets.resource), resourceVersion="1") as events:
            event = next(events)
        assert event["type"] == "ERROR"
        assert event["object"]["code"] == 410
        assert event["object"]["reason"] == "Expired"
        assert "too old resource version" in event["object"]["message"]

    def test_of_a_custom_kind_tells_changes(self, api, widgets):
        with api.watch(api.path(widgets.resource)) as events:
            api.create(widgets.resource, widgets.widget())
            event = next(events)
        assert (event["type"], event["object"]["kind"]) == ("ADDED", "Widget")

    def test_of_metadata_alone_leaves_the_rest_out(self, api):
        make(api, "one", mine="1")
        accept = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
        query = {"labelSelector": "mine"}
        with api.watch(api.path("configmaps"), accept=accept, **query) as events:
            item = next(events)["object"]
        assert item["kind"] == "PartialObjectMetadata"
        assert set(item) == {"kind", "apiVersion", "metadata"}
