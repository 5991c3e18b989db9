"""What can be asked of the API server: objects, lists, and the versions that it serves."""

from typing import Any

import pytest

from canary.api.kinds import CONFIG_MAP, DEPLOYMENT, SECRET, Kind
from canary.cluster.cluster import Cluster
from canary.cluster.limits import Limits
from canary.errors import (
    Conflict,
    Gone,
    Invalid,
    NotFound,
)
from tests.controller.conftest import Connect
from tests.controller.faults import (
    Proxy,
    config_map,
)
from tidegate_embedded.apiserver import EmbeddedApiServer

WIDGET = Kind(group="example.org", versions=("v2", "v1"), kind="Widget", plural="widgets")


def a_definition(*versions: str) -> dict[str, Any]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.org"},
        "spec": {
            "group": "example.org",
            "scope": "Namespaced",
            "names": {"kind": "Widget", "plural": "widgets"},
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": version == versions[0],
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "properties": {
                                name: {
                                    "type": "object",
                                    "x-kubernetes-preserve-unknown-fields": True,
                                }
                                for name in ("spec", "status")
                            },
                        }
                    },
                    "subresources": {"status": {}},
                }
                for version in versions
            ],
        },
    }


DEFINITION = Kind(
    group="apiextensions.k8s.io",
    versions=("v1",),
    kind="CustomResourceDefinition",
    plural="customresourcedefinitions",
    namespaced=False,
)


class TestObjects:
    async def test_what_was_created_can_be_read(self, cluster: Cluster) -> None:
        written = await cluster.create(config_map("a"), CONFIG_MAP)
        assert await cluster.read(CONFIG_MAP, "default", "a") == written

    async def test_what_exists_is_not_created_again(self, cluster: Cluster) -> None:
        await cluster.create(config_map("a"), CONFIG_MAP)
        with pytest.raises(Conflict, match=r'POST .*configmaps: 409: .*"a" already exists'):
            await cluster.create(config_map("a"), CONFIG_MAP)

    async def test_what_is_not_there_is_not_found(self, cluster: Cluster) -> None:
        with pytest.raises(NotFound, match=r'GET .*/configmaps/a: 404: .*"a" not found'):
            await cluster.read(CONFIG_MAP, "default", "a")

    async def test_a_replacement_on_an_old_version_is_a_conflict(self, cluster: Cluster) -> None:
        old = await cluster.create(config_map("a", "1"), CONFIG_MAP)
        await cluster.replace({**old, "data": {"value": "2"}}, CONFIG_MAP)
        with pytest.raises(Conflict):
            await cluster.replace({**old, "data": {"value": "3"}}, CONFIG_MAP)
        assert (await cluster.read(CONFIG_MAP, "default", "a"))["data"]["value"] == "2"

    async def test_a_patch_on_an_old_version_is_a_conflict(self, cluster: Cluster) -> None:
        old = await cluster.create(config_map("a", "1"), CONFIG_MAP)
        version = old["metadata"]["resourceVersion"]
        patch = {"data": {"value": "2"}, "metadata": {"labels": {"a": "b"}}}
        written = await cluster.merge_patch(
            CONFIG_MAP, "default", "a", patch, resource_version=version
        )
        assert (written["data"]["value"], written["metadata"]["labels"]) == ("2", {"a": "b"})
        with pytest.raises(Conflict):
            await cluster.merge_patch(CONFIG_MAP, "default", "a", patch, resource_version=version)
        assert "resourceVersion" not in patch["metadata"]

    async def test_a_patch_of_a_status_changes_only_the_status(self, cluster: Cluster) -> None:
        await cluster.create(a_definition("v1"), DEFINITION)
        await cluster.discover(WIDGET)
        widget = {
            "apiVersion": "example.org/v1",
            "kind": "Widget",
            "metadata": {"name": "w", "namespace": "default"},
            "spec": {"size": 1},
        }
        await cluster.create(widget, WIDGET)
        patch = {"spec": {"size": 2}, "status": {"phase": "Ready"}}
        written = await cluster.merge_patch(WIDGET, "default", "w", patch, subresource="status")
        assert (written["spec"], written["status"]) == ({"size": 1}, {"phase": "Ready"})

    async def test_a_deletion_that_was_meant_for_another_version_is_a_conflict(
        self, cluster: Cluster
    ) -> None:
        before = await cluster.create(config_map("a"), CONFIG_MAP)
        patch = {"data": {"value": "2"}}
        after = await cluster.merge_patch(CONFIG_MAP, "default", "a", patch)
        first, second = (each["metadata"]["resourceVersion"] for each in (before, after))
        with pytest.raises(Conflict):
            await cluster.delete(CONFIG_MAP, "default", "a", resource_version=first)
        await cluster.delete(CONFIG_MAP, "default", "a", resource_version=second)
        with pytest.raises(NotFound):
            await cluster.read(CONFIG_MAP, "default", "a")

    async def test_a_list_by_labels_shows_no_others(self, cluster: Cluster) -> None:
        for name in ("a", "b"):
            await cluster.create(config_map(name), CONFIG_MAP)
        patch = {"metadata": {"labels": {"team": "blue"}}}
        await cluster.merge_patch(CONFIG_MAP, "default", "a", patch)
        pages = cluster.pages(CONFIG_MAP, "default", labels="team=blue")
        found = [each["metadata"]["name"] async for page, _ in pages for each in page]
        assert found == ["a"]

    async def test_what_was_deleted_is_gone(self, cluster: Cluster) -> None:
        await cluster.create(config_map("a"), CONFIG_MAP)
        await cluster.delete(CONFIG_MAP, "default", "a")
        with pytest.raises(NotFound):
            await cluster.delete(CONFIG_MAP, "default", "a")

    async def test_an_object_that_cannot_be_is_invalid(self, cluster: Cluster) -> None:
        with pytest.raises(Invalid, match="Deployment"):
            await cluster.create(
                {
                    "apiVersion": "apps/v1",
                    "kind": "Deployment",
                    "metadata": {"name": "a", "namespace": "default"},
                    "spec": {},
                },
                DEPLOYMENT,
            )


class TestLists:
    async def test_all_objects_come_a_page_at_a_time(self, connect: Connect, proxy: Proxy) -> None:
        async with connect(limits=Limits(page_size=2)) as cluster:
            for number in range(5):
                await cluster.create(config_map(f"a{number}"), CONFIG_MAP)
            pages = [page async for page in cluster.pages(CONFIG_MAP, "default")]
        names = [[each["metadata"]["name"] for each in items] for items, _ in pages]
        assert names == [["a0", "a1"], ["a2", "a3"], ["a4"]]
        assert len({version for _, version in pages}) == 1
        assert len(proxy.asked("GET .*/configmaps\\?")) == 3

    async def test_items_say_what_they_are(self, cluster: Cluster) -> None:
        await cluster.create(config_map("a"), CONFIG_MAP)
        async for items, _ in cluster.pages(CONFIG_MAP, ""):
            assert {(each["apiVersion"], each["kind"]) for each in items} == {("v1", "ConfigMap")}

    async def test_of_secrets_only_the_metadata_is_asked_for(self, cluster: Cluster) -> None:
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "a", "namespace": "default"},
            "stringData": {"password": "s3cr3t"},
        }
        await cluster.create(secret, SECRET)
        pages = [page async for page in cluster.pages(SECRET, "", metadata_only=True)]
        ((items, version),) = pages
        assert [each["metadata"]["name"] for each in items] == ["a"]
        assert "data" not in items[0]
        async with cluster.watch(SECRET, "", version, metadata_only=True) as events:
            patch = {"metadata": {"labels": {"a": "b"}}}
            await cluster.merge_patch(SECRET, "default", "a", patch)
            async for _, manifest in events:
                assert "data" not in manifest
                break

    async def test_a_list_that_took_too_long_is_gone(
        self, connect: Connect, server: EmbeddedApiServer
    ) -> None:
        async with connect(limits=Limits(page_size=1)) as cluster:
            for number in range(3):
                await cluster.create(config_map(f"a{number}"), CONFIG_MAP)
            pages = cluster.pages(CONFIG_MAP, "default")
            await anext(pages)
            await cluster.create(config_map("late"), CONFIG_MAP)
            server.forget_history()
            with pytest.raises(Gone):
                await anext(pages)


class TestDiscovery:
    async def test_a_kind_whose_definition_is_not_installed_is_not_served(
        self, cluster: Cluster
    ) -> None:
        assert await cluster.discover(WIDGET) is None
        assert WIDGET not in cluster.served

    @pytest.mark.parametrize(
        ("served", "found"), [(("v1",), "v1"), (("v2", "v1"), "v2"), (("v3",), None)]
    )
    async def test_the_most_preferred_version_that_is_served_is_used(
        self, cluster: Cluster, served: tuple[str, ...], found: str | None
    ) -> None:
        await cluster.create(a_definition(*served), DEFINITION)
        assert await cluster.discover(WIDGET) == found

    async def test_what_was_found_is_used_and_not_asked_again(
        self, cluster: Cluster, proxy: Proxy
    ) -> None:
        await cluster.create(a_definition("v1"), DEFINITION)
        await cluster.discover(WIDGET)
        proxy.requests.clear()
        assert await cluster.discover(WIDGET) == "v1"
        assert proxy.requests == []
        assert cluster.path(WIDGET, "default", "w", "status") == (
            "/apis/example.org/v1/namespaces/default/widgets/w/status"
        )

    async def test_what_was_forgotten_is_looked_for_again(self, cluster: Cluster) -> None:
        await cluster.create(a_definition("v1"), DEFINITION)
        await cluster.discover(WIDGET)
        await cluster.delete(DEFINITION, "", "widgets.example.org")
        cluster.undiscover(WIDGET)
        assert await cluster.discover(WIDGET) is None
