"""The pages: links lead somewhere, and what can be copied from them works."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import click
import pytest
import pytest_asyncio

from canary.api.kinds import Manifest
from canary.api.schema import crds
from canary.api.unsupported import unsupported
from canary.api.validation import parse_alert_provider, parse_canary, parse_metric_template
from canary.cli import main
from canary.demo.apiserver import EmbeddedApiServer
from canary.routers import router_for
from tests.docs.pages import (
    PAGES,
    ROOT,
    Command,
    anchors,
    as_parameters,
    commands,
    links,
    manifests,
)

PARSERS = {
    "AlertProvider": parse_alert_provider,
    "Canary": parse_canary,
    "MetricTemplate": parse_metric_template,
}
OURS = as_parameters(each for each in manifests() if each[1]["kind"] in PARSERS)
DEFAULT_ROUTER = "istio"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    missing = [
        f"{file}#{anchor}"
        for file, anchor in links(page)
        if not file.exists() or (anchor and anchor not in anchors(file))
    ]

    assert missing == []


@pytest.mark.parametrize("manifest", OURS)
def test_every_example_is_acted_on(manifest: Manifest) -> None:
    parsed: Any = PARSERS[manifest["kind"]](manifest)

    assert unsupported(parsed) == ()
    if manifest["kind"] == "Canary":
        assert router_for(parsed.spec.provider or DEFAULT_ROUTER).problems(parsed) == ()


class Api:
    """An API server that knows the kinds of the project and takes nothing else."""

    def __init__(self, client: aiohttp.ClientSession) -> None:
        self._client = client

    async def path(self, manifest: Manifest) -> str:
        version = manifest["apiVersion"]
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        async with self._client.get(root) as answer:
            served = (await answer.json()).get("resources", ())
        for each in served:
            if each["kind"] == manifest["kind"] and "/" not in each["name"]:
                namespace = manifest["metadata"].get("namespace", "default")
                place = f"/namespaces/{namespace}" if each["namespaced"] else ""
                return f"{root}{place}/{each['name']}"
        raise AssertionError(f"no kind {manifest['kind']} in {version}")

    async def create(self, manifest: Manifest, **query: str) -> str:
        """Create an object, and give what is wrong with it."""
        where = await self.path(manifest)
        async with self._client.post(where, json=manifest, params=query) as answer:
            return "" if answer.status == 201 else (await answer.json())["message"]


@pytest_asyncio.fixture
async def api() -> AsyncIterator[Api]:
    server = EmbeddedApiServer()
    async with server, aiohttp.ClientSession(server.url) as client:
        api = Api(client)
        for definition in crds().values():
            assert await api.create(definition) == ""
        yield api


async def test_the_api_server_takes_every_example(api: Api) -> None:
    found = list(manifests())
    for name in {each["metadata"].get("namespace", "default") for _, each in found}:
        await api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    refused = {
        f"{source.relative_to(ROOT)}: {each['kind']} {each['metadata']['name']}": message
        for source, each in found
        if each["kind"] != "Namespace"
        and (message := await api.create(each, fieldValidation="Strict", dryRun="All"))
    }

    assert refused == {}


async def test_the_api_server_refuses_a_field_that_no_page_may_have(api: Api) -> None:
    manifest = next(each for _, each in manifests() if each["kind"] == "Canary")
    misspelt = {**manifest, "spec": {**manifest["spec"], "progressDeadline": 5}}
    misspelt["metadata"] = {"name": "misspelt"}

    assert "progressDeadline" in await api.create(misspelt, fieldValidation="Strict", dryRun="All")


@pytest.mark.parametrize("command", commands("tidegate"), ids=str)
def test_every_command_of_ours_is_understood(command: Command) -> None:
    _, name, *words = command.words
    if name != "--help":
        found = main.get_command(click.Context(main), name)
        assert found is not None
        # Raises a UsageError for what the command does not take.
        found.make_context(name, words)


@pytest.mark.parametrize("command", commands("make"), ids=str)
def test_every_target_is_in_the_makefile(command: Command) -> None:
    _, *words = command.words
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)

    assert {each for each in words if "=" not in each} <= set(targets)
