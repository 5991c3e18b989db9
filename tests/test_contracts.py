"""The import contracts see what they are there to see."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text())
CONTRACTS = {each["id"]: each for each in CONFIG["tool"]["importlinter"]["contracts"]}

VIOLATIONS = [
    ("packages", "analysis/model.py", "import canary.errors"),
    ("controller", "canary/core/weights.py", "import canary.routers"),
    ("controller", "canary/core/facts.py", "def later():\n    import canary.controller.apply"),
    ("controller", "canary/helpers.py", "'A module that nobody placed.'"),
    ("engine", "analysis/model.py", "import analysis.judges"),
    ("engine", "analysis/common.py", "'A module that nobody placed.'"),
    ("pure", "canary/core/weights.py", "import time"),
    ("pure", "canary/api/meta.py", "import logging"),
    ("pure", "canary/resources/names.py", "from random import choice"),
    ("pure", "canary/routers/istio.py", "import httpx"),
    ("pure", "analysis/judges/threshold.py", "from os import environ"),
    ("plug-ins", "canary/routers/istio.py", "import canary.routers.smi"),
    ("kopf", "canary/controller/apply.py", "import kopf"),
    ("kubernetes", "canary/controller/apply.py", "from kubernetes import client"),
    ("aiohttp", "canary/controller/apply.py", "import aiohttp"),
    ("slack", "canary/controller/notify.py", "from slack_sdk.webhook import WebhookClient"),
    ("rich", "canary/cli/status.py", "from rich.text import Text"),
    ("prometheus", "analysis/engine.py", "import prometheus_api_client"),
    ("tenacity", "canary/core/hooks.py", "import tenacity"),
]


@pytest.mark.parametrize(
    ("contract", "module", "line"), VIOLATIONS, ids=[f"{m}: {line}" for _, m, line in VIOLATIONS]
)
def test_a_violation_breaks_its_contract(tmp_path, contract, module, line):
    for package in ("analysis", "canary"):
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    with (tmp_path / module).open("a") as file:
        file.write(f"\n{line}\n")
    linted = subprocess.run(
        [
            *(
                sys.executable,
                "-c",
                "from importlinter.cli import lint_imports_command as lint; lint()",
            ),
            *("--config", str(ROOT / "pyproject.toml"), "--contract", contract),
            *("--no-cache", "--no-logo"),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    name = CONTRACTS[contract]["name"]
    assert re.search(rf"{re.escape(name)}\s*BROKEN", " ".join(linted.stdout.split())), linted.stdout


def test_each_contract_is_seen_to_break():
    assert {contract for contract, _, _ in VIOLATIONS} == set(CONTRACTS)


@pytest.mark.parametrize(
    "table",
    [
        "analysis.judges:JUDGES",
        "analysis.providers:PROVIDERS",
        "canary.notifiers:NOTIFIERS",
        "canary.routers:ROUTERS",
    ],
)
def test_every_plugin_of_ours_is_held_to_independence(table):
    package, name = table.split(":")
    plugins = getattr(import_module(package), name)
    modules = {plugins.load(each).__module__ for each in plugins.names()}
    independent = CONTRACTS["plug-ins"]["modules"]
    assert {each for each in modules if not any(fnmatch(each, i) for i in independent)} == set()
