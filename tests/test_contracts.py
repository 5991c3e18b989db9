"""The import contracts see what they are there to see."""

import ast
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent


def contracts(config: Path) -> dict[str, dict[str, Any]]:
    """Read the contracts of a distribution, by their ids."""
    tools = tomllib.loads(config.read_text())["tool"]
    return {each["id"]: each for each in tools["importlinter"]["contracts"]}


PRODUCT, EMBEDDED = ROOT / "pyproject.toml", ROOT / "embedded" / "pyproject.toml"
DISTRIBUTIONS = ({"analysis", "canary"}, {"tidegate_embedded"})
CONTRACTS = contracts(PRODUCT)
EMBEDDED_CONTRACTS = contracts(EMBEDDED)

VIOLATIONS = [
    ("packages", "analysis/model.py", "import canary.errors"),
    ("controller", "canary/core/weights.py", "import canary.routers"),
    ("controller", "canary/core/facts.py", "def later():\n    import canary.controller.apply"),
    ("controller", "canary/helpers.py", "'A module that nobody placed.'"),
    ("reconciling", "canary/controller/store.py", "import canary.controller.observe"),
    ("reconciling", "canary/controller/apply.py", "import canary.controller.observe"),
    ("reconciling", "canary/controller/reconcile.py", "import canary.controller.metrics"),
    ("reconciling", "canary/controller/reconcile.py", "import canary.controller.notify"),
    ("reconciling", "canary/controller/common.py", "'A module that nobody placed.'"),
    ("controller", "canary/controller/apply.py", "import canary.dashboard.fleet"),
    ("dashboard", "canary/dashboard/kept.py", "import canary.dashboard.server"),
    ("dashboard", "canary/dashboard/common.py", "'A module that nobody placed.'"),
    ("cluster", "canary/cluster/connection.py", "import canary.cluster.cluster"),
    ("cluster", "canary/cluster/common.py", "'A module that nobody placed.'"),
    ("controller", "canary/hooks/caller.py", "import canary.controller.secrets"),
    ("hooks", "canary/hooks/payload.py", "from canary.core.needs import Subject"),
    ("replicas", "canary/replicas/shares.py", "import canary.replicas.leases"),
    ("engine", "analysis/model.py", "import analysis.judges"),
    ("engine", "analysis/common.py", "'A module that nobody placed.'"),
    ("pure", "canary/core/weights.py", "import time"),
    ("pure", "canary/api/meta.py", "import logging"),
    ("pure", "canary/resources/names.py", "from random import choice"),
    ("pure", "canary/objects/places.py", "import logging"),
    ("pure", "canary/routers/istio.py", "import httpx"),
    ("pure", "canary/scalers/hpa.py", "import logging"),
    ("pure", "canary/targets/deployment.py", "import logging"),
    ("pure", "canary/monitoring/files.py", "from pathlib import Path"),
    ("pure", "canary/recording/lines.py", "import os"),
    ("pure", "canary/tracing/spans.py", "import time"),
    ("pure", "canary/views/status.py", "from rich.text import Text"),
    ("pure", "analysis/judges/threshold.py", "from os import environ"),
    ("embedded", "canary/controller/apply.py", "import tidegate_embedded.process"),
    ("kopf", "canary/controller/apply.py", "import kopf"),
    ("kubernetes", "canary/controller/apply.py", "from kubernetes import client"),
    ("aiohttp", "canary/controller/apply.py", "import aiohttp"),
    ("jinja2", "canary/dashboard/routes.py", "from markupsafe import Markup"),
    ("slack", "canary/controller/notify.py", "from slack_sdk.webhook import WebhookClient"),
    ("smtp", "canary/controller/notify.py", "import aiosmtplib"),
    ("rich", "canary/cli/status.py", "from rich.text import Text"),
    ("prometheus", "analysis/engine.py", "import prometheus_api_client"),
    ("httpx", "canary/notifiers/webhook.py", "import httpx"),
    ("opentelemetry", "canary/controller/notify.py", "from opentelemetry import trace"),
    ("apprise", "canary/notifiers/webhook.py", "import apprise"),
    ("fsspec", "canary/controller/notify.py", "import fsspec"),
    ("joserfc", "canary/dashboard/routes.py", "from joserfc import jwt"),
    ("tenacity", "canary/core/hooks.py", "import tenacity"),
    ("clouds", "analysis/providers/cloudwatch.py", "import botocore"),
]


EMBEDDED_VIOLATIONS = [
    ("product", "tidegate_embedded/process.py", "from canary.errors import CanaryError"),
    ("product", "tidegate_embedded/mesh/routes.py", "def later():\n    import analysis.model"),
    ("parts", "tidegate_embedded/apiserver/storage.py", "import tidegate_embedded.controllers"),
    ("parts", "tidegate_embedded/helpers.py", "'A module that nobody placed.'"),
]


def named(violations: list[tuple[str, str, str]]) -> pytest.MarkDecorator:
    """Give each violation a name that says where it is."""
    ids = [f"{module}: {line}" for _, module, line in violations]
    return pytest.mark.parametrize(("contract", "module", "line"), violations, ids=ids)


def copied(tree: Path, *packages: Path) -> None:
    """Copy packages side by side."""
    for package in packages:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(package, tree / package.name, ignore=ignored)


def append(module: Path, line: str) -> None:
    """Write a line at the end of a module, which is made where it is not there."""
    with module.open("a") as file:
        file.write(f"\n{line}\n")


def linted(config: Path, tree: Path) -> str:
    """Check all contracts on a copy of the packages; give what import-linter says, without spaces."""
    done = subprocess.run(
        [
            *(
                sys.executable,
                "-c",
                "from importlinter.cli import lint_imports_command as lint; lint()",
            ),
            *("--config", str(config), "--no-cache", "--no-logo"),
        ],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        check=False,
    )
    return "".join(done.stdout.split())


def broken(said: str, contracts: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Give what was said of each contract that is broken, by the contract's id."""
    headings = {name: "".join(f"{each['name']}---".split()) for name, each in contracts.items()}
    starts = sorted((said.index(text), name) for name, text in headings.items() if text in said)
    ends = [start for start, _ in starts[1:]] + [len(said)]
    return {name: said[start:end] for (start, name), end in zip(starts, ends, strict=True)}


def complaint(module: str, line: str) -> str:
    """Give what import-linter says of a violation: who imports what, or that nobody placed it."""
    importer = module.removesuffix(".py").replace("/", ".")
    for node in ast.walk(ast.parse(line)):
        match node:
            case (
                ast.Import(names=[ast.alias(name=imported)]) | ast.ImportFrom(module=str(imported))
            ):
                # Of other distributions it knows the packages at the top alone.
                package = imported.partition(".")[0]
                within = any(
                    {package, importer.partition(".")[0]} <= each for each in DISTRIBUTIONS
                )
                return f"-{importer}->{imported if within else package}(l."
    return f"-{importer}"


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Break the product's contracts in all ways at once; give what was said of each."""
    tree = tmp_path_factory.mktemp("product")
    copied(tree, ROOT / "analysis", ROOT / "canary")
    for _, module, line in VIOLATIONS:
        append(tree / module, line)
    return broken(linted(PRODUCT, tree), CONTRACTS)


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Break the embedded cluster's contracts in all ways at once; give what was said of each."""
    tree = tmp_path_factory.mktemp("embedded")
    copied(tree, ROOT / "embedded" / "src" / "tidegate_embedded")
    for _, module, line in EMBEDDED_VIOLATIONS:
        append(tree / module, line)
    return broken(linted(EMBEDDED, tree), EMBEDDED_CONTRACTS)


@named(VIOLATIONS)
def test_a_violation_breaks_its_contract(product, contract, module, line):
    assert complaint(module, line) in product[contract], product[contract]


@named(EMBEDDED_VIOLATIONS)
def test_a_violation_in_the_embedded_cluster_breaks_its_contract(embedded, contract, module, line):
    assert complaint(module, line) in embedded[contract], embedded[contract]


def test_each_contract_is_seen_to_break():
    assert {contract for contract, _, _ in VIOLATIONS} == set(CONTRACTS)
    assert {contract for contract, _, _ in EMBEDDED_VIOLATIONS} == set(EMBEDDED_CONTRACTS)
