"""The pages: links lead somewhere, and what can be copied from them works."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import click
import pytest
import pytest_asyncio

from analysis.template import TemplateContext, render
from canary.api.kinds import Manifest
from canary.api.schema import crds
from canary.cli import main
from canary.controller.admission import Reviewer
from canary.controller.reading import CanaryReader
from tests.docs.pages import (
    DOCS,
    EXAMPLES,
    OUR_EXAMPLES,
    PAGES,
    ROOT,
    Command,
    anchors,
    as_parameters,
    commands,
    links,
    manifests,
    marked,
)
from tidegate_embedded.apiserver import EmbeddedApiServer

DEFAULT_ROUTER = "istio"
#: What the admission webhook is asked of each kind.
PLURALS = {
    "AlertProvider": "alertproviders",
    "DeliveryPolicy": "deliverypolicies",
    "Canary": "canaries",
    "MetricTemplate": "metrictemplates",
}
#: What each example is for.
SHOWN = {
    "webhook.yaml": "spec.analysis.webhooks",
    "alert.yaml": "spec.analysis.alerts",
    "gateway-api.yaml": "spec.service.gatewayRefs",
    "ab-testing.yaml": "spec.analysis.match",
    "blue-green.yaml": "spec.analysis.iterations",
    "autoscaler.yaml": "spec.autoscalerRef",
    "template-variables.yaml": "spec.analysis.metrics.0.templateVariables",
    "without-traffic.yaml": "spec.analysis.metrics.0.onNoData",
    "without-router.yaml": "spec.analysis.iterations",
}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    missing = [
        f"{file}#{anchor}"
        for file, anchor in links(page)
        if not file.exists() or (anchor and anchor not in anchors(file))
    ]

    assert missing == []


@pytest.mark.parametrize("manifest", OUR_EXAMPLES)
async def test_the_controller_has_no_objection_to_an_example(manifest: Manifest) -> None:
    request = {
        "uid": "1",
        "operation": "CREATE",
        "resource": {"group": "tidegate.dev", "resource": PLURALS[manifest["kind"]]},
        "object": manifest,
    }
    review = await Reviewer(CanaryReader(DEFAULT_ROUTER)).review({"request": request})

    assert review["response"] == {"uid": "1", "allowed": True}


@pytest.mark.parametrize(("name", "field"), SHOWN.items(), ids=SHOWN)
def test_an_example_has_what_it_is_for(name: str, field: str) -> None:
    (canary,) = (
        each for source, each in manifests() if source.name == name and each["kind"] == "Canary"
    )
    value: Any = canary
    for part in field.split("."):
        value = value[int(part) if part.isdigit() else part]

    assert value


def test_every_example_is_on_their_page() -> None:
    shown = {file.name for file, _ in links(DOCS / "examples" / "README.md")}

    assert {each.name for each in EXAMPLES} <= shown


@pytest.mark.parametrize(
    "template", as_parameters(each for each in manifests() if each[1]["kind"] == "MetricTemplate")
)
def test_a_template_renders_with_the_variables_of_the_canary_beside_it(template: Manifest) -> None:
    metrics = [
        metric
        for _, each in manifests()
        if each["kind"] == "Canary"
        for metric in each["spec"]["analysis"].get("metrics", ())
        if metric.get("templateRef", {}).get("name") == template["metadata"]["name"]
    ]
    spec = template["spec"]
    patterns = {name: each["pattern"] for name, each in spec.get("variables", {}).items()}
    queries = [spec.get("query"), *spec.get("counts", {}).values()]
    for metric in metrics or [{}]:
        context = TemplateContext(
            **dict.fromkeys(("name", "namespace", "target", "service"), "shop"),
            ingress="shop",
            route="shop",
            interval=timedelta(minutes=1),
            variables=metric.get("templateVariables", {}),
            patterns=patterns,
            confined=True,
        )
        assert not any("{{" in render(query, context) for query in queries if query)


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


def test_every_block_of_commands_is_run_or_says_why_it_is_not() -> None:
    unmarked = [str(each) for each in marked() if each.where is None and not each.why_not]
    assert unmarked == []


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
